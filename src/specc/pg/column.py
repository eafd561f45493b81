"""Column definitions as people write them, read into their parts: type, null, default, key, reference.

The text is PostgreSQL's own (`uuid null references source on delete restrict`); parts are cut out of it,
never printed anew. A column is `not null` unless it says `null`.
"""

from __future__ import annotations

from functools import lru_cache

from specc.pg.parsing import REMEMBERED, SqlError, parse_inside, tidy, tokens
from specc.pg.tree import Fields, named, texts
from specc.record import record

_BEFORE = "create table t (c "
_ACTIONS = {
    "a": "no action",
    "r": "restrict",
    "c": "cascade",
    "n": "set null",
    "d": "set default",
}


@record
class Reference:
    """`references table (column) on delete action`; `column` is "" for the primary key."""

    table: str
    column: str
    on_delete: str
    on_update: str
    deferrable: str
    offset: int


@record
class Definition:
    """The parts of a column definition; `type_name` is (schema, name) as pglast resolves aliases."""

    type: str
    type_name: tuple[str, str]
    type_offset: int
    not_null: bool
    default: str
    checks: tuple[str, ...]
    unique: bool
    primary: bool
    reference: Reference | None
    generated: str
    identity_form: str
    identity_options: str
    collation: str


@lru_cache(maxsize=REMEMBERED)
def read_column(text: str) -> Definition:
    """Read a column definition. Raises `SqlError` with the offset of what is wrong in `text`."""
    _, statement = named(parse_inside(_BEFORE, text, ")"))
    if len(statement["tableElts"]) != 1:
        raise SqlError("this is more than one column", len(text))
    kind, column = named(statement["tableElts"][0])
    if kind != "ColumnDef" or "typeName" not in column:
        raise SqlError("a column starts with its type", 0)
    _refuse(text, column)
    parts = _Parts(text, column)
    names = texts(column["typeName"]["names"])
    return Definition(
        type=tidy(text[: parts.type_end]),
        type_name=("" if len(names) == 1 else names[0], names[-1]),
        type_offset=max(0, _offset(column["typeName"])),
        not_null=not parts.has("CONSTR_NULL"),
        default=parts.after("CONSTR_DEFAULT", 1),
        checks=parts.checks(),
        unique=parts.has("CONSTR_UNIQUE"),
        primary=parts.has("CONSTR_PRIMARY"),
        reference=parts.reference(),
        generated=parts.bracketed("CONSTR_GENERATED"),
        identity_form=parts.identity(),
        identity_options=parts.bracketed("CONSTR_IDENTITY"),
        collation=parts.collation(),
    )


_ONCE = ("NULL", "NOTNULL", "DEFAULT", "UNIQUE", "IDENTITY", "GENERATED", "PRIMARY")
_APART = (("NULL", "NOTNULL"), ("DEFAULT", "GENERATED"), ("DEFAULT", "IDENTITY"), ("IDENTITY", "GENERATED"))
_WHOLE_NUMBERS = ("int2", "int4", "int8")


def _refuse(text: str, column: Fields) -> None:
    """Refuse what PostgreSQL would refuse later, and what would be left out without a word."""
    if "setof" in column["typeName"]:
        raise SqlError("a column holds one value, not a set", 0)
    for field, word in (("compression", "compression"), ("storage_name", "storage")):
        if field in column:
            raise SqlError(f"`{word}` cannot stand here", max(0, text.lower().find(word)))
    first: dict[str, int] = {}
    for node in column.get("constraints", ()):
        constraint = node["Constraint"]
        name, offset = constraint["contype"].removeprefix("CONSTR_"), _offset(constraint)
        if name in first and name in _ONCE:
            raise SqlError("this is said twice", offset)
        first.setdefault(name, offset)
        if said := next((word for field, word in _UNSAID if field in constraint), ""):
            raise SqlError(f"`{said}` cannot stand here", offset)
        if name == "FOREIGN" and constraint.get("fk_matchtype", "s") != "s":
            raise SqlError("a reference has no `match`", offset)
    for one, other in _APART:
        if one in first and other in first:
            raise SqlError("this contradicts the rest", max(first[one], first[other]))
    if "ATTR_DEFERRABLE" in first and "FOREIGN" not in first:
        raise SqlError("only a reference is deferrable", first["ATTR_DEFERRABLE"])
    if "IDENTITY" in first and texts(column["typeName"]["names"])[-1] not in _WHOLE_NUMBERS:
        raise SqlError("only a whole number counts by itself", first["IDENTITY"])


_UNSAID = (
    ("nulls_not_distinct", "nulls not distinct"),
    ("is_no_inherit", "no inherit"),
    ("indexspace", "using index tablespace"),
)
"""Fields of a constraint that no fact carries."""


class _Parts:
    """Cuts the pieces of a definition out of its text: each constraint ends where the next one starts."""

    def __init__(self, text: str, column: Fields) -> None:
        self.text = text
        self.column = column
        constraints = [one["Constraint"] for one in column.get("constraints", ())]
        starts = [_offset(one) for one in constraints]
        ends = [*starts[1:], len(text)] if starts else []
        self.pieces = [
            (one, text[start:end].strip()) for one, start, end in zip(constraints, starts, ends, strict=True)
        ]
        stops = list(starts)
        if "collClause" in column:
            stops.append(_offset(column["collClause"]))
        self.type_end = min(stops, default=len(text))
        for constraint, _ in self.pieces:
            if "conname" in constraint:
                raise SqlError("a constraint inside a column has no name", _offset(constraint))

    def _all(self, name: str) -> list[tuple[Fields, str]]:
        return [(one, piece) for one, piece in self.pieces if one["contype"] == name]

    def has(self, name: str) -> bool:
        return bool(self._all(name))

    def after(self, name: str, count: int) -> str:
        """Return what follows the first `count` tokens of a constraint."""
        for _, piece in self._all(name):
            return tidy(piece[tokens(piece)[count - 1].end :])
        return ""

    def checks(self) -> tuple[str, ...]:
        return tuple(_inner(piece) for _, piece in self._all("CONSTR_CHECK"))

    def bracketed(self, name: str) -> str:
        for constraint, piece in self._all(name):
            if constraint.get("generated_kind") == "v":
                raise SqlError("virtual columns need PostgreSQL 18, write `stored`", _offset(constraint))
            return _inner(piece)
        return ""

    def identity(self) -> str:
        for constraint, _ in self._all("CONSTR_IDENTITY"):
            return "always" if constraint["generated_when"] == "a" else "by default"
        return ""

    def collation(self) -> str:
        if "collClause" not in self.column:
            return ""
        start = _offset(self.column["collClause"])
        piece = self.text[start : min((_offset(one) for one, _ in self.pieces), default=len(self.text))]
        return tidy(piece[tokens(piece)[0].end :])

    def reference(self) -> Reference | None:
        found = self._all("CONSTR_FOREIGN")
        if not found:
            return None
        constraint, _ = found[0]
        offset = _offset(constraint)
        if len(found) > 1:
            raise SqlError("a column references one table", _offset(found[1][0]))
        if "fk_del_set_cols" in constraint:
            raise SqlError("the columns that `set null` clears follow from the key, leave them out", offset)
        target = constraint["pktable"]
        schema, table = target.get("schemaname", ""), target["relname"]
        columns = texts(constraint.get("pk_attrs", ()))
        words = [
            piece
            for kind in ("CONSTR_ATTR_DEFERRABLE", "CONSTR_ATTR_DEFERRED")
            for _, piece in self._all(kind)
        ]
        return Reference(
            table=f"{schema}.{table}" if schema else table,
            column=columns[0] if columns else "",
            on_delete=_ACTIONS[constraint.get("fk_del_action", "a")],
            on_update=_ACTIONS[constraint.get("fk_upd_action", "a")],
            deferrable=tidy(" ".join(words)),
            offset=offset,
        )


def _offset(fields: Fields) -> int:
    return int(fields["location"]) - len(_BEFORE)


def _inner(piece: str) -> str:
    """Return what stands between the first opening bracket and its closing one."""
    depth = start = 0
    for token in tokens(piece):
        if token.name == "ASCII_40":
            depth += 1
            start = start or token.end
        elif token.name == "ASCII_41":
            depth -= 1
            if not depth:
                return tidy(piece[start : token.start])
    return ""

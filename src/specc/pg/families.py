"""Types of expressions as far as they are certain without a server, and what cannot stand together.

A parsed expression and the types of its columns come in, faults go out. Types are told apart by family only (all
numbers are one), since PostgreSQL converts within a family. What is not known for certain is `UNKNOWN`, of
which nothing is said: extensions, overloads and the project's own functions are the server's business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from specc.diagnostics.suggest import suggest
from specc.pg.literals import is_literal_of
from specc.pg.parsing import expression_node, tokens
from specc.pg.tree import Fields, Node, named, texts
from specc.record import record

_BEFORE = len("select (")


@record
class Type:
    """A type: its family, its name for people, and an enum's labels (none where they are not known)."""

    family: str
    name: str = ""
    labels: tuple[str, ...] = ()
    bits: int = 0
    """How many a whole number has; 0 for all else."""

    @property
    def called(self) -> str:
        """The name with its article."""
        return f"{'an' if self.name[:1] in 'aeio' else 'a'} {self.name}"


UNKNOWN = Type("")
LITERAL = Type("literal", "text")
"""A text between quotes: it becomes of the type that is wanted, if it can."""
BOOLEAN = Type("boolean", "boolean")
NUMBER = Type("number", "number")
TEXT = Type("text", "text")
MOMENT = Type("moment", "point in time")
UUID = Type("uuid", "uuid")
JSON = Type("json", "json document")

_FAMILIES: Mapping[str, Type] = {
    "bool": BOOLEAN,
    "uuid": UUID,
    **dict.fromkeys(("json", "jsonb"), JSON),
    **{f"int{size}": Type("number", "whole number", bits=8 * size) for size in (2, 4, 8)},
    **dict.fromkeys(("numeric", "float4", "float8"), NUMBER),
    **dict.fromkeys(("text", "varchar", "bpchar"), TEXT),
    **dict.fromkeys(("date", "timestamp", "timestamptz"), MOMENT),
    "interval": Type("interval", "interval"),
}
_RESULTS: Mapping[str, Type] = {
    **dict.fromkeys(
        ("length", "char_length", "octet_length", "cardinality", "array_length", "strpos"), NUMBER
    ),
    **dict.fromkeys(
        ("jsonb_array_length", "json_array_length", "num_nulls", "num_nonnulls", "extract"), NUMBER
    ),
    **dict.fromkeys(("initcap", "concat", "concat_ws", "format", "replace", "md5"), TEXT),
    **dict.fromkeys(("jsonb_typeof", "json_typeof", "to_char", "split_part", "translate"), TEXT),
    **dict.fromkeys(("now", "clock_timestamp", "statement_timestamp", "transaction_timestamp"), MOMENT),
    **dict.fromkeys(("starts_with", "jsonb_path_exists", "jsonb_path_match", "isfinite"), BOOLEAN),
    "gen_random_uuid": UUID,
}
"""Results of PostgreSQL's functions that are the same for all types of arguments (manual, chapter 9)."""

_COMPARING = frozenset(["=", "<>", "<", "<=", ">", ">="])
_MATCHING = frozenset(["~", "~*", "!~", "!~*", "~~", "!~~", "~~*", "!~~*"])
_TESTING = frozenset(["@>", "<@", "&&", "?", "?|", "?&", "@?", "@@"])
_COUNTING = frozenset(["+", "-", "*", "/", "%"])
_ELSEWHERE = {"==": "=", "===": "=", "!==": "<>"}
"""Operators of other languages, which no extension is known to have, and what SQL writes."""
_LISTS = ("AEXPR_IN", "AEXPR_BETWEEN", "AEXPR_NOT_BETWEEN", "AEXPR_BETWEEN_SYM", "AEXPR_NOT_BETWEEN_SYM")
_PLAIN = ("AEXPR_OP", "AEXPR_DISTINCT", "AEXPR_NOT_DISTINCT", *_LISTS)
_CONDITION = "a condition is true or false, and this is {}"
_TIMES = frozenset(["moment", "interval"])


@record
class Fault:
    """What cannot be, at `length` characters from `offset` of the expression."""

    offset: int
    length: int
    message: str
    help: str = ""


def built_in(name: str) -> Type:
    """Return the type of PostgreSQL's that has a name, as the parser resolves aliases."""
    return _FAMILIES.get(name, UNKNOWN)


def type_faults(
    text: str,
    wanted: Type | None,
    columns: Callable[[str], Type],
    own: Callable[[str, str], Type] = lambda _schema, _name: UNKNOWN,
) -> list[Fault]:
    """Return what cannot be in an expression whose result becomes a value of a type; without one, in a condition.

    `columns` tells the type of a column, `own` that of a name, with its schema or "", which PostgreSQL does not know.
    Raises `SqlError`.
    """
    reader = _Reader(text, columns, own)
    message = f"the column is {wanted.called}, and this is {{}}" if wanted else _CONDITION
    reader.demand(expression_node(text), wanted or BOOLEAN, message)
    return reader.found


@dataclass
class _Reader:
    """Reads one expression, and keeps what it finds in `found`."""

    text: str
    columns: Callable[[str], Type]
    own: Callable[[str, str], Type]
    found: list[Fault] = field(default_factory=list)

    def demand(self, node: Node, wanted: Type, message: str) -> None:
        """Find fault with an expression that does not become the type wanted."""
        kind, fields = named(node)
        if kind == "A_Const" and "sval" in fields:
            self._literal(fields, wanted)
            return
        if kind == "A_Const" and wanted.bits and not _fits(fields, wanted.bits):
            self._add(
                node, f"{self._said(node)} does not fit into a whole number of {wanted.bits // 8} bytes"
            )
            return
        given = self.read(node)
        is_text = wanted.family == "text"  # every type becomes a text
        is_time = {given.family, wanted.family} <= _TIMES
        if given.family and wanted.family and given.family != wanted.family and not is_text and not is_time:
            self._add(node, message.format(given.called))

    def read(self, node: Node) -> Type:
        """Return the type of an expression, having looked for faults in it."""
        kind, fields = named(node)
        match kind:
            case "A_Const":
                return _constant(fields)
            case "ColumnRef":
                path = [one.get("String", {}).get("sval", "") for one in fields["fields"]]
                return self.columns(path[-1])
            case "TypeCast":
                return self._cast(fields)
            case "BoolExpr":
                for one in fields["args"]:
                    self.demand(
                        one, BOOLEAN, "`and`, `or` and `not` are about what is true or false, and this is {}"
                    )
                return BOOLEAN
            case "NullTest" | "BooleanTest":
                self.read(fields["arg"])
                return BOOLEAN
            case "A_Expr":
                return self._operator(fields)
            case "FuncCall":
                return self._call(fields)
        return self._special(kind, fields)

    def _special(self, kind: str, fields: Fields) -> Type:
        """Read what has a grammar of its own and is no operator."""
        if kind == "CoalesceExpr":
            every = [self.read(one) for one in fields["args"]]
            return every[0] if len({one.family for one in every}) == 1 else UNKNOWN
        if kind == "SQLValueFunction":
            return MOMENT if "CURRENT_DATE" in fields["op"] or "TIMESTAMP" in fields["op"] else UNKNOWN
        if kind == "CaseExpr" and "arg" not in fields:
            for one in fields["args"]:
                self.demand(one["CaseWhen"]["expr"], BOOLEAN, _CONDITION)
        return UNKNOWN

    def _cast(self, fields: Fields) -> Type:
        *schema, name = texts(fields["typeName"]["names"])
        made = built_in(name) if schema in ([], ["pg_catalog"]) else UNKNOWN
        made = self.own("".join(schema), name) if made is UNKNOWN else made
        if "arrayBounds" in fields["typeName"]:
            made = UNKNOWN
        kind, argument = named(fields["arg"])
        if kind == "A_Const" and "sval" in argument:
            self._literal(argument, made)
        else:
            self.read(fields["arg"])
        return made

    def _call(self, fields: Fields) -> Type:
        for one in fields.get("args", ()):
            self.read(one)
        *schema, name = texts(fields["funcname"])
        return _RESULTS.get(name, UNKNOWN) if schema in ([], ["pg_catalog"]) else UNKNOWN

    def _operator(self, fields: Fields) -> Type:
        sign, kind = texts(fields["name"])[-1], fields["kind"]
        left, right = fields.get("lexpr", {}), fields.get("rexpr", {})
        if kind in _PLAIN and (sign in _COMPARING or kind in _LISTS):
            for one in right["List"]["items"] if "List" in right else [right]:
                before = len(self.found)
                self._compare(left, one, fields)
                if len(self.found) > before:
                    break  # The others of a list are mostly wrong in the same way.
            return BOOLEAN
        mine, other = self.read(left), self.read(right)
        if sign in _ELSEWHERE:
            at = fields["location"] - _BEFORE
            self.found.append(
                Fault(at, len(sign), f"there is no operator `{sign}`", f"write `{_ELSEWHERE[sign]}`")
            )
            return BOOLEAN
        if sign in _MATCHING:
            if mine.family in ("number", "boolean", "uuid", "moment", "json", "interval"):
                word = "`like`" if "LIKE" in kind else f"`{sign}`"
                self._add(left, f"{self._said(left)} is {mine.called}, and {word} is for texts")
            return BOOLEAN
        if sign in _TESTING or kind in ("AEXPR_OP_ANY", "AEXPR_OP_ALL"):
            return BOOLEAN
        if sign in ("->>", "#>>"):
            return TEXT
        return self._count(left, mine, other) if sign in _COUNTING else UNKNOWN

    def _count(self, left: Node, mine: Type, other: Type) -> Type:
        families = {mine.family, other.family} if left else {other.family}
        wrong = families & {"boolean", "text", "uuid"}
        if wrong and "number" in families:
            one = mine if mine.family in wrong else other
            self._add(left, f"{one.called} cannot be counted with")
        return NUMBER if families <= {"number", "literal"} and "number" in families else UNKNOWN

    def _compare(self, left: Node, right: Node, operator: Fields) -> None:
        for literal, other in ((left, right), (right, left)):
            kind, fields = named(literal)
            if kind == "A_Const" and "sval" in fields:
                self._literal(fields, self.read(other), other)
                return
        mine, other_type = self.read(left), self.read(right)
        families = {mine.family, other_type.family}
        if "" not in families and len(families) > 1 and not families <= _TIMES:
            constant = next((one for one in (right, left) if "A_Const" in one), None)
            message = f"{self._said(left)} is {mine.called}, and {self._said(right)} is {other_type.called}"
            help = (
                "write `true` or `false`"
                if constant and "boolean" in families and "number" in families
                else ""
            )
            self._add(constant or {"A_Expr": operator}, message, help)

    def _literal(self, fields: Fields, wanted: Type, beside: Node | None = None) -> None:
        """Find fault with a text between quotes that is no value of the type it has to become."""
        value = str(fields["sval"].get("sval", ""))
        node = {"A_Const": fields}
        if wanted.labels:
            if value not in wanted.labels:
                help = suggest(value, wanted.labels)
                self._add(node, f"{self._said(node)} is no {wanted.name}", help)
        elif not is_literal_of(value, wanted.family, is_whole=bool(wanted.bits)):
            whose = f", which {self._said(beside)} is" if beside and "ColumnRef" in beside else ""
            self._add(node, f"{self._said(node)} is no {wanted.name}{whose}")

    def _said(self, node: Node) -> str:
        """Return what to call an operand: as it is written, if it is one word."""
        kind, fields = named(node)
        if kind == "ColumnRef":
            return f"`{'.'.join(one.get('String', {}).get('sval', '*') for one in fields['fields'])}`"
        start, length = self._place(node)
        return f"`{self.text[start : start + length]}`" if kind == "A_Const" else "this"

    def _place(self, node: Node) -> tuple[int, int]:
        """Return offset and length of the token where a node says it is, or of all of the expression."""
        _, fields = named(node)
        at = fields.get("location", -1) - _BEFORE
        ends = [one.end for one in tokens(self.text) if one.start >= at]
        is_negative = "ival" in fields and self.text.startswith("-", at)
        end = ends[min(is_negative, len(ends) - 1)] if at >= 0 and ends else -1
        return (at, end - at) if end > at >= 0 else (0, len(self.text))

    def _add(self, node: Node, message: str, help: str = "") -> None:
        self.found.append(Fault(*self._place(node), message, help))


def _fits(fields: Fields, bits: int) -> bool:
    """Whether a constant is no whole number, or one of so many bits."""
    written = (
        str(fields["fval"].get("fval", ""))
        if "fval" in fields
        else str(fields.get("ival", {}).get("ival", 0))
    )
    digits = written.lstrip("-")
    return not digits.isdecimal() or (len(digits) < 20 and int(digits) <= 2 ** (bits - 1))


def _constant(fields: Fields) -> Type:
    if "ival" in fields or "fval" in fields:
        return NUMBER
    if "boolval" in fields:
        return BOOLEAN
    return LITERAL if "sval" in fields else UNKNOWN

"""CREATE FUNCTION and CREATE PROCEDURE as people write them, read into the parts that a fact holds.

The text of one statement comes in; its parts are cut out of that text, with the places of those that checks
point at. Nothing is printed by pglast, and the body is not looked into.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import takewhile

from specc.pg.names import ident
from specc.pg.parsing import SqlError, parse, tokens
from specc.pg.tree import Fields, named, texts
from specc.pg.typename import TypeUse, type_use
from specc.record import record

LANGUAGES = ("sql", "plpgsql")
_COMMENTS = ("SQL_COMMENT", "C_COMMENT")
_DEPTH = {"ASCII_40": 1, "ASCII_41": -1}
_MODES = {
    "FUNC_PARAM_DEFAULT": "in",
    "FUNC_PARAM_IN": "in",
    "FUNC_PARAM_OUT": "out",
    "FUNC_PARAM_INOUT": "inout",
    "FUNC_PARAM_VARIADIC": "variadic",
    "FUNC_PARAM_TABLE": "table",
}
_SAFE_PATH = frozenset(["", "pg_catalog", "pg_temp"])
_REFUSED = {
    "leakproof": "only a superuser may make functions leakproof",
    "window": "window functions are written in C",
    "support": "support functions are written in C",
    "transform": "transforms are for languages other than SQL and PL/pgSQL",
    "cost": "an estimate of cost has no place in a project, leave it out",
    "rows": "an estimate of rows has no place in a project, leave it out",
}


@record
class Parameter:
    """One parameter: `mode` is in, out, inout, variadic or table; `name` may be ""; `type` is SQL text."""

    mode: str
    name: str
    type: str
    use: TypeUse
    optional: bool


@record
class Setting:
    """`set name = value`; the value is SQL text that stands at `start` to `end`."""

    name: str
    value: str
    start: int
    end: int


@record
class Routine:
    """A function or procedure; offsets count characters of the text it was read from.

    `schema` is "" where none is written. `signature` lists the input types as `regprocedure` does, with every
    name qualified. `arguments` and `returns` are the author's text without comments, types of the default
    schema qualified. `body` is the text between the quotes, which begins at `body_start`; its characters are
    those of the text only if `is_verbatim`. `definer_start` is where SECURITY DEFINER stands, or -1.
    """

    schema: str
    name: str
    name_start: int
    name_end: int
    arguments: str
    parameters: tuple[Parameter, ...]
    signature: str
    returns: str
    result: TypeUse | None
    language: str
    volatility: str
    security_definer: bool
    definer_start: int
    strict: bool
    parallel: str
    procedure: bool
    written_settings: tuple[Setting, ...]
    body: str
    body_start: int
    is_verbatim: bool

    @property
    def settings(self) -> tuple[tuple[str, str], ...]:
        """Names and values, first the `search_path`, which is empty unless another is written."""
        written = {one.name: one.value for one in self.written_settings}
        path = written.pop("search_path", "''")
        return (("search_path", path), *written.items())

    @property
    def uses(self) -> tuple[TypeUse, ...]:
        """The types of its signature in the order of the text."""
        found = tuple(one.use for one in self.parameters)
        return (*found, self.result) if self.result else found

    def in_text(self, offset: int) -> int:
        """Return where character `offset` of the body stands in the text, or where the body begins."""
        return self.body_start + offset if self.is_verbatim else self.body_start


@lru_cache(maxsize=4096)
def read_routine(text: str, default_schema: str = "public") -> Routine:
    """Read one CREATE [OR REPLACE] FUNCTION or PROCEDURE. Raises `SqlError` with the offset in `text`."""
    found = [named(one["stmt"]) for one in parse(text)]
    if [kind for kind, _ in found] != ["CreateFunctionStmt"]:
        raise SqlError("this is not one function", 0)
    return _Reader(text, found[0][1], default_schema).routine()


def is_safe_path(value: str) -> bool:
    """Whether a `search_path` as written names nothing but PostgreSQL's own schemas."""
    names = {value[one.start : one.end].strip("'\"") for one in tokens(value) if one.name != "ASCII_44"}
    return names <= _SAFE_PATH


@record
class _Option:
    """What follows the arguments, such as LANGUAGE: `value` are the fields of the node it is given."""

    name: str
    location: int
    value: Fields


def _option(fields: Fields) -> _Option:
    _, value = named(fields.get("arg", {}))
    return _Option(fields["defname"], fields["location"], value)


class _Reader:
    """Cuts the parts of one statement out of its text."""

    def __init__(self, text: str, statement: Fields, default_schema: str) -> None:
        self.text = text
        self.statement = statement
        self.default_schema = default_schema
        self.tokens = tuple(one for one in tokens(text) if one.name not in _COMMENTS)
        self.options: dict[str, list[_Option]] = {}
        for one in statement.get("options", ()):
            option = _option(one["DefElem"])
            self.options.setdefault(option.name, []).append(option)
        self.opening = self._next(0, "ASCII_40")
        self.closing = self._closing()
        self.prefixes: dict[int, str] = {}

    def routine(self) -> Routine:
        self._refuse()
        schema, name, name_start, name_end = self._name()
        parameters = tuple(self._parameters())
        returns, result = self._returns(parameters)
        body, body_start, is_verbatim = self._body()
        definer = self._flag("security")
        return Routine(
            schema=schema,
            name=name,
            name_start=name_start,
            name_end=name_end,
            arguments=self._cut(self.opening + 1, self.closing),
            parameters=parameters,
            signature=", ".join(one.use.listed for one in parameters if one.mode not in ("out", "table")),
            returns=returns,
            result=result,
            language=self._word("language"),
            volatility=self._word("volatility") or "volatile",
            security_definer=definer,
            definer_start=self.options["security"][0].location if definer else -1,
            strict=self._flag("strict"),
            parallel=self._word("parallel"),
            procedure="is_procedure" in self.statement,
            written_settings=self._settings(),
            body=body,
            body_start=body_start,
            is_verbatim=is_verbatim,
        )

    def _next(self, start: int, *names: str) -> int:
        """Return the number of the next token with one of the names, or the count of tokens."""
        found = (at for at in range(start, len(self.tokens)) if self.tokens[at].name in names)
        return next(found, len(self.tokens))

    def _at(self, offset: int) -> int:
        """Return the number of the token that begins at an offset or next after it."""
        return next((at for at, one in enumerate(self.tokens) if one.start >= offset), len(self.tokens))

    def _closing(self) -> int:
        depth = 0
        for at in range(self.opening, len(self.tokens)):
            depth += _DEPTH.get(self.tokens[at].name, 0)
            if not depth:
                return at
        raise SqlError("a bracket is not closed", len(self.text))

    def _cut(self, first: int, stop: int) -> str:
        """Return tokens `first` to `stop` on one line, comments left out and types qualified."""
        parts: list[str] = []
        for at in range(first, stop):
            token = self.tokens[at]
            is_apart = token.name not in ("ASCII_41", "ASCII_44") and self.tokens[at - 1].name != "ASCII_40"
            if parts and is_apart and token.start > self.tokens[at - 1].end:
                parts.append(" ")
            parts.append(self.prefixes.get(token.start, "") + self.text[token.start : token.end])
        return "".join(parts)

    def _refuse(self) -> None:
        """Refuse what PostgreSQL would refuse although it parses, and what a project has no place for."""
        for name, found in self.options.items():
            if name in _REFUSED:
                raise SqlError(_REFUSED[name], found[0].location)
            if name != "set" and len(found) > 1:
                raise SqlError(f"`{name}` is said twice", found[1].location)
        if "sql_body" in self.statement:
            at = self._next(self.closing, "BEGIN_P", "RETURN")
            raise SqlError("write the body between dollar quotes: `as $$ … $$`", self.tokens[at].start)
        if "language" not in self.options:
            raise SqlError("the language is missing, write `language plpgsql` or `language sql`", self._end())
        if self._word("language") not in LANGUAGES:
            raise SqlError(
                "functions are written in `sql` or `plpgsql`", self.options["language"][0].location
            )

    def _end(self) -> int:
        return self.tokens[-1].start

    def _name(self) -> tuple[str, str, int, int]:
        start = self.tokens[self._next(0, "FUNCTION", "PROCEDURE") + 1].start
        names = texts(self.statement["funcname"])
        if len(names) > 2:
            raise SqlError("a function has a schema and a name, this has more", start)
        return ("" if len(names) == 1 else names[0]), names[-1], start, self.tokens[self.opening - 1].end

    def _type(self, node: Fields) -> TypeUse:
        use = type_use(node, self.text, self.default_schema)
        if use.bare:
            self.prefixes[use.offset] = f"{ident(use.schema)}."
        return use

    def _parameters(self) -> Iterator[Parameter]:
        for node in self.statement.get("parameters", ()):
            _, one = named(node)
            use = self._type(one["argType"])
            first = self._at(use.offset)
            mode = _MODES[one["mode"]]
            written = self._cut(first, self._end_of_type(first))
            yield Parameter(mode, one.get("name", ""), written, use, "defexpr" in one)

    def _end_of_type(self, first: int) -> int:
        depth = 0
        for at in range(first, len(self.tokens)):
            name = self.tokens[at].name
            if not depth and name in ("ASCII_44", "ASCII_41", "ASCII_61", "DEFAULT"):
                return at
            depth += _DEPTH.get(name, 0)
        return len(self.tokens)

    def _returns(self, parameters: Sequence[Parameter]) -> tuple[str, TypeUse | None]:
        """Return what follows RETURNS, or what the OUT parameters make of it (manual, CREATE FUNCTION)."""
        if "is_procedure" in self.statement:
            return "", None
        if "returnType" not in self.statement:
            outs = [one.type for one in parameters if one.mode in ("out", "inout")]
            if not outs:
                message = "the result is missing, write `returns TYPE` or `returns void`"
                raise SqlError(message, self.tokens[self.closing].start)
            return ("record" if len(outs) > 1 else outs[0]), None
        is_table = any(one.mode == "table" for one in parameters)
        result = None if is_table else self._type(self.statement["returnType"])
        first_option = min(one.location for found in self.options.values() for one in found)
        return self._cut(self.closing + 2, self._at(first_option)), result

    def _word(self, option: str) -> str:
        found = self.options.get(option)
        return str(found[0].value["sval"]).lower() if found else ""

    def _flag(self, option: str) -> bool:
        found = self.options.get(option)
        return bool(found and found[0].value.get("boolval"))

    def _settings(self) -> tuple[Setting, ...]:
        made = tuple(self._setting(one) for one in self.options.get("set", ()))
        if len({one.name for one in made}) < len(made):
            raise SqlError("a setting is set twice", self.options["set"][-1].location)
        return made

    def _setting(self, option: _Option) -> Setting:
        starts = [one.location for found in self.options.values() for one in found]
        limit = min((one for one in starts if one > option.location), default=len(self.text))
        equals = self._next(self._at(option.location), "ASCII_61", "TO")
        value = list(
            takewhile(lambda one: one.start < limit and one.name != "ASCII_59", self.tokens[equals + 1 :])
        )
        if option.value["kind"] != "VAR_SET_VALUE" or not value:
            raise SqlError("write a setting as `set name = value`", option.location)
        text = self._cut(equals + 1, equals + 1 + len(value))
        return Setting(option.value["name"].lower(), text, value[0].start, value[-1].end)

    def _body(self) -> tuple[str, int, bool]:
        """Return the body, where it begins, and whether the text holds it character by character."""
        if "as" not in self.options:
            raise SqlError("the body is missing, write `as $$ … $$`", self._end())
        option = self.options["as"][0]
        written = texts(option.value["items"])
        if len(written) != 1:
            raise SqlError("a body is one text between dollar quotes", option.location)
        body = written[0]
        token = self.tokens[self._next(self._at(option.location), "SCONST")]
        literal = self.text[token.start : token.end]
        quote = literal.find("$", 1) + 1 if literal.startswith("$") else 1
        is_verbatim = literal[quote : len(literal) - quote] == body
        return body, token.start + (quote if is_verbatim else 0), is_verbatim

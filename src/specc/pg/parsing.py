"""SQL text read with pglast: errors with their place, expressions and what they name. Never rewrites text.

pglast judges only; what is emitted is the author's own text or text made by `ddl`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pglast
from pglast import ast
from pglast.parser import ParseError, parse_sql_protobuf, scan
from pglast.visitors import Visitor


class SqlError(ValueError):
    """A text is not the SQL it should be; `offset` is the character where the parser gave up."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


def check_sql(text: str) -> None:
    """Parse statements, as fast as pglast does. Raises `SqlError`."""
    try:
        parse_sql_protobuf(text)
    except ParseError as error:
        raise _error(error, 0, len(text)) from None


def parse(text: str) -> tuple[Any, ...]:
    """Return the statements of a text as pglast's nodes. Raises `SqlError`."""
    try:
        return tuple(raw.stmt for raw in pglast.parse_sql(text))
    except ParseError as error:
        raise _error(error, 0, len(text)) from None


def _error(error: ParseError, shift: int, length: int) -> SqlError:
    message, *place = error.args
    offset = place[0] if place and isinstance(place[0], int) else shift + length
    return SqlError(_in_words(str(message)), max(0, min(offset - shift, length)))


def _in_words(message: str) -> str:
    if message == "syntax error at end of input":
        return "more is expected after it"
    return re.sub(r'\Asyntax error at or near "(.*)"\Z', r"it breaks at `\1`", message, flags=re.DOTALL)


def parse_inside(before: str, text: str, after: str) -> Any:
    """Parse `text` as a part of one statement, errors with offsets in `text`. Raises `SqlError`.

    A text that would break out of its place, by a semicolon, a comment or a bracket too many, is refused.
    """
    for token in tokens(text):
        if token.name in ("SQL_COMMENT", "C_COMMENT"):
            raise SqlError("a comment cannot stand here", token.start)
        if token.name == "ASCII_59":
            raise SqlError("a semicolon cannot stand here", token.start)
    _balanced(text)
    try:
        statements = pglast.parse_sql(before + text + after)
    except ParseError as error:
        raise _error(error, len(before), len(text)) from None
    return statements[0].stmt


def _balanced(text: str) -> None:
    depth = 0
    for token in tokens(text):
        depth += {"ASCII_40": 1, "ASCII_41": -1}.get(token.name, 0)
        if depth < 0:
            raise SqlError("a bracket is closed that was not opened", token.start)
    if depth:
        raise SqlError("a bracket is not closed", len(text))


@dataclass(frozen=True, slots=True)
class Token:
    """A token of a text, `start` to `end` half open, in characters."""

    start: int
    end: int
    name: str


def tokens(text: str) -> tuple[Token, ...]:
    """Return the tokens of a text. Raises `SqlError` for an unfinished string."""
    try:
        return tuple(Token(one.start, one.end + 1, one.name) for one in scan(text))
    except ParseError as error:
        raise _error(error, 0, len(text)) from None


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a function: its name as written, where, with how many arguments, and whether over a window."""

    schema: str
    name: str
    offset: int
    arguments: int
    is_windowed: bool


@dataclass(frozen=True, slots=True)
class Used:
    """What a piece of SQL names: columns as (path, offset), functions and relations as (schema, name, offset)."""

    columns: tuple[tuple[tuple[str, ...], int], ...]
    functions: tuple[tuple[str, str, int], ...]
    relations: tuple[tuple[str, str, int], ...]
    types: tuple[tuple[str, str, int], ...]
    calls: tuple[Call, ...] = ()
    parameters: tuple[int, ...] = ()
    """The offsets of `$1` and the like."""
    clocks: tuple[int, ...] = ()
    """The offsets of `current_timestamp`, `current_user` and their kin, which differ from call to call."""


class _Names(Visitor):
    def __init__(self, shift: int) -> None:
        self.shift = shift
        self.columns: list[tuple[tuple[str, ...], int]] = []
        self.functions: list[tuple[str, str, int]] = []
        self.relations: list[tuple[str, str, int]] = []
        self.types: list[tuple[str, str, int]] = []
        self.calls: list[Call] = []
        self.parameters: list[int] = []
        self.clocks: list[int] = []

    def visit_ColumnRef(self, _: Any, node: Any) -> None:  # noqa: N802 - pglast's protocol
        path = tuple(str(one.sval) for one in node.fields if isinstance(one, ast.String))
        if len(path) == len(node.fields):
            self.columns.append((path, node.location - self.shift))

    def visit_FuncCall(self, _: Any, node: Any) -> None:  # noqa: N802
        (schema, name), offset = _pair(node.funcname), node.location - self.shift
        self.functions.append((schema, name, offset))
        self.calls.append(Call(schema, name, offset, len(node.args or ()), node.over is not None))

    def visit_ParamRef(self, _: Any, node: Any) -> None:  # noqa: N802
        self.parameters.append(node.location - self.shift)

    def visit_SQLValueFunction(self, _: Any, node: Any) -> None:  # noqa: N802
        self.clocks.append(node.location - self.shift)

    def visit_RangeVar(self, _: Any, node: Any) -> None:  # noqa: N802
        self.relations.append((node.schemaname or "", node.relname, node.location - self.shift))

    def visit_TypeName(self, _: Any, node: Any) -> None:  # noqa: N802
        if node.names:
            self.types.append((*_pair(node.names), node.location - self.shift))


def _pair(names: Any) -> tuple[str, str]:
    path = [one.sval for one in names]
    return ("" if len(path) == 1 else path[-2]), path[-1]


def used(node: Any, shift: int = 0) -> Used:
    """Return what a parsed node names, offsets less `shift`."""
    names = _Names(shift)
    names(node)
    return Used(
        tuple(names.columns),
        tuple(names.functions),
        tuple(names.relations),
        tuple(names.types),
        tuple(names.calls),
        tuple(names.parameters),
        tuple(names.clocks),
    )


def expression(text: str) -> Used:
    """Parse an expression and return what it names. Raises `SqlError`."""
    before = "select ("
    return used(parse_inside(before, text, ")"), len(before))


def subqueries(text: str) -> bool:
    """Whether an expression contains a query, which constraints and indexes cannot."""
    statement = parse_inside("select (", text, ")")

    class Finder(Visitor):
        found = False

        def visit_SubLink(self, *_: Any) -> None:  # noqa: N802
            self.found = True

    finder = Finder()
    finder(statement)
    return finder.found


def place_in(whole: str, part: str, offset: int) -> int:
    """Return where the token at `offset` of a part, whose white space may differ, stands in the whole text."""
    mine, theirs = tokens(part), tokens(whole)
    at = next((at for at, token in enumerate(mine) if token.end > offset), 0)
    words = [part[token.start : token.end] for token in mine]
    for first in range(len(theirs) - len(mine) + 1):
        stretch = theirs[first : first + len(mine)]
        if [whole[token.start : token.end] for token in stretch] == words:
            return stretch[at].start + offset - mine[at].start
    return 0


def words(text: str) -> Iterator[str]:
    """Yield the tokens of a text as they are written."""
    for token in tokens(text):
        yield text[token.start : token.end]


def tidy(text: str) -> str:
    """Return an expression on one line: runs of white space outside quotes become one space."""
    parts: list[str] = []
    last = 0
    for token in tokens(text):
        parts.append(" " if token.start > last and parts else "")
        parts.append(text[token.start : token.end])
        last = token.end
    return "".join(parts)

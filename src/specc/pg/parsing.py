"""SQL text read with pglast: errors with their place, expressions and what they name. Never rewrites text.

pglast judges only; what is emitted is the author's own text or text made by `ddl`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, NamedTuple

from pglast.parser import ParseError, scan, split

from specc.diagnostics.spaces import ODD_SPACE, called
from specc.pg.tree import Fields, Node, named, nodes, read_tree, texts
from specc.record import record

_QUOTES = "\u2018\u2019\u201c\u201d\u00b4"
_ODD_LETTER = re.compile(f"{ODD_SPACE.pattern}|[{_QUOTES}]")
REMEMBERED = 1 << 14
"""How many texts are remembered: rules, lowering and tests ask about the same ones."""


class SqlError(ValueError):
    """A text is not the SQL it should be; `offset` is the character where the parser gave up."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


def check_sql(text: str) -> None:
    """Parse statements, as fast as pglast does. Raises `SqlError`."""
    try:
        # It has to parse to split, and hands no tree over, which takes longer than parsing.
        split(text)
    except ParseError as error:
        raise _error(error, 0, len(text)) from None


def parse(text: str) -> list[Fields]:
    """Return the statements of a text as `tree` describes them. Raises `SqlError`."""
    return _parse(text, 0, len(text))


def _parse(text: str, shift: int, length: int) -> list[Fields]:
    try:
        return read_tree(text)
    except ParseError as error:
        raise _error(error, shift, length) from None
    except RecursionError:
        raise SqlError("this nests too deep", 0) from None


def _error(error: ParseError, shift: int, length: int) -> SqlError:
    message, *place = error.args
    offset = place[0] if place and isinstance(place[0], int) else shift + length
    if offset >= shift + length and str(message).startswith("syntax error"):
        # What stands behind a text that is parsed inside a statement is not the author's.
        return SqlError("more is expected after it", length)
    return SqlError(_in_words(str(message)), max(0, min(offset - shift, length)))


def _in_words(message: str) -> str:
    if message == "syntax error at end of input":
        return "more is expected after it"
    if message.startswith("unterminated "):
        return (
            f"this {message.removeprefix('unterminated ').split(' at or near', maxsplit=1)[0]} does not end"
        )
    return re.sub(r'\Asyntax error at or near "(.*)"\Z', r"it breaks at `\1`", message, flags=re.DOTALL)


def parse_inside(before: str, text: str, after: str) -> Node:
    """Parse `text` as a part of one statement, errors with offsets in `text`. Raises `SqlError`.

    A text that would break out of its place, by a semicolon, a comment or a bracket too many, is refused.
    """
    if not text.strip():
        raise SqlError("this is empty", 0)
    check_spaces(text)
    for token in tokens(text):
        if token.name in ("SQL_COMMENT", "C_COMMENT"):
            raise SqlError("a comment cannot stand here", token.start)
        if token.name == "ASCII_59":
            raise SqlError("a semicolon cannot stand here", token.start)
    _balanced(text)
    statement: Node = _parse(before + text + after, len(before), len(text))[0]["stmt"]
    return statement


def check_spaces(text: str) -> None:
    """Refuse odd spaces and typographic quotes, which SQL takes for letters of a name. Raises `SqlError`."""
    if text.isascii() or _ODD_LETTER.search(text) is None:
        return
    for token in tokens(text):
        odd = _ODD_LETTER.search(text, token.start, token.end) if token.name == "IDENT" else None
        if odd is None or text[token.start] == '"':
            continue
        if odd[0] in _QUOTES:
            raise SqlError(f"`{odd[0]}` is no quote to SQL, write `'`", odd.start())
        raise SqlError(f"{called(odd[0])} stands here, which is a letter to SQL", odd.start())


def _balanced(text: str) -> None:
    depth = 0
    for token in tokens(text):
        depth += {"ASCII_40": 1, "ASCII_41": -1}.get(token.name, 0)
        if depth < 0:
            raise SqlError("a bracket is closed that was not opened", token.start)
    if depth:
        raise SqlError("a bracket is not closed", len(text))


class Token(NamedTuple):
    """A token of a text, `start` to `end` half open, in characters."""

    start: int
    end: int
    name: str


@lru_cache(maxsize=REMEMBERED)
def tokens(text: str) -> tuple[Token, ...]:
    """Return the tokens of a text. Raises `SqlError` for an unfinished string."""
    try:
        return tuple(Token(one.start, one.end + 1, one.name) for one in scan(text))
    except ParseError as error:
        raise _error(error, 0, len(text)) from None


@record
class Call:
    """A call of a function: its name as written, where, with how many arguments, and whether over a window."""

    schema: str
    name: str
    offset: int
    arguments: int
    is_windowed: bool


@record
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


def used(tree: Any, shift: int = 0) -> Used:
    """Return what a node, or several, name in the order of the text, offsets less `shift`."""
    found: dict[str, list[tuple[Fields, int]]] = {}
    for kind, fields in nodes(tree):
        found.setdefault(kind, []).append((fields, fields.get("location", 0) - shift))
    calls = tuple(_call(one, at) for one, at in found.get("FuncCall", ()))
    return Used(
        columns=tuple(
            (texts(one["fields"]), at)
            for one, at in found.get("ColumnRef", ())
            if all("String" in field for field in one["fields"])
        ),
        functions=tuple((one.schema, one.name, one.offset) for one in calls),
        relations=tuple(
            (one.get("schemaname", ""), one["relname"], at) for one, at in found.get("RangeVar", ())
        ),
        types=tuple((*_pair(one["names"]), at) for one, at in found.get("TypeName", ()) if "names" in one),
        calls=calls,
        parameters=tuple(at for _, at in found.get("ParamRef", ())),
        clocks=tuple(at for _, at in found.get("SQLValueFunction", ())),
    )


def _call(fields: Fields, offset: int) -> Call:
    return Call(*_pair(fields["funcname"]), offset, len(fields.get("args", ())), "over" in fields)


def _pair(names: list[Node]) -> tuple[str, str]:
    path = texts(names)
    return ("" if len(path) == 1 else path[-2]), path[-1]


_BEFORE = "select ("


@lru_cache(maxsize=REMEMBERED)
def expression_node(text: str) -> Node:
    """Parse an expression and return its node, locations counted from some way before it. Raises `SqlError`."""
    _, query = named(parse_inside(_BEFORE, text, ")"))
    _, target = named(query["targetList"][0])
    node: Node = target["val"]
    return node


@lru_cache(maxsize=REMEMBERED)
def expression(text: str) -> Used:
    """Parse an expression and return what it names. Raises `SqlError`."""
    return used(expression_node(text), len(_BEFORE))


@lru_cache(maxsize=REMEMBERED)
def subqueries(text: str) -> bool:
    """Whether an expression contains a query, which constraints and indexes cannot. Raises `SqlError`."""
    return any(name == "SubLink" for name, _ in nodes(expression_node(text)))


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


@lru_cache(maxsize=REMEMBERED)
def tidy(text: str) -> str:
    """Return an expression on one line: runs of white space outside quotes become one space."""
    parts: list[str] = []
    last = 0
    for token in tokens(text):
        parts.append(" " if token.start > last and parts else "")
        parts.append(text[token.start : token.end])
        last = token.end
    return "".join(parts)

"""PL/pgSQL bodies: the types they declare, whether they are sound, and their tree.

pglast's PL/pgSQL parser knows no types outside `pg_catalog` and `public`, no row types and no arrays of its
own; so it is given the routine with every type replaced by one that behaves alike: `record` for rows, `text`
for the rest. Lines stay where they are. Nothing of this is ever emitted.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from pglast.parser import ParseError, parse_plpgsql_json

from specc.pg.names import dollar, ident
from specc.pg.parsing import SqlError, Token, tokens
from specc.pg.routine import Routine
from specc.pg.typename import TypeUse, read_type
from specc.record import record

IsRow = Callable[[str, str], bool | None]
"""Whether a type, given by schema ("" for PostgreSQL's) and name, is a row type; None if that is unknown."""

_COMMENTS = ("SQL_COMMENT", "C_COMMENT")
_DEPTH = {"ASCII_40": 1, "ASCII_41": -1, "ASCII_91": 1, "ASCII_93": -1}
_AFTER_TYPE = ("ASCII_59", "COLON_EQUALS", "ASCII_61", "DEFAULT", "NOT", "COLLATE", "ASCII_44")
_BEFORE_STATEMENT = (";", "begin", "then", "else", "loop", ">>", "declare")
_KEPT = frozenset(["refcursor", "void", "trigger", "event_trigger", "record"])
# What the parser says of things that only a server can look up.
_OUR_LIMITS = re.compile(
    r"^(Not implemented|cache lookup|(type|relation|schema|collation) .* does not exist)"
)
_DECLARE = re.compile(r"\bdeclare\b", re.IGNORECASE)
_BEGIN = re.compile(r"\bbegin\b", re.IGNORECASE)
_NEAR = re.compile(r'at or near "(.*)"\Z', re.DOTALL)
_QUOTED = re.compile(r'"([^"]+)"')


@record
class Declared:
    """A type in a DECLARE section: `start` to `end` of the body; `form` is type, column or row.

    `column` is `x%type`, `row` is `x%rowtype`, and `text` then is that `x`; a `%type` of one name, which is a
    variable's, is not listed.
    """

    form: str
    text: str
    start: int
    end: int


@lru_cache(maxsize=4096)
def declared(body: str) -> tuple[Declared, ...]:
    """Return the types that a body declares, in order. Raises `SqlError` for a string that does not end."""
    return tuple(_declared(body, _significant(body[: _end_of_declarations(body)])))


def declared_type(one: Declared, default_schema: str) -> TypeUse:
    """Read a declared type, offsets in the body. Raises `SqlError`, with the offset in the body, too."""
    try:
        use = read_type(one.text, default_schema)
    except SqlError as error:
        raise SqlError(str(error), one.start + error.offset) from None
    return TypeUse(
        use.schema, use.name, use.is_array, use.is_set, use.bare, one.start + use.offset, use.length
    )


def check(routine: Routine, is_row: IsRow) -> None:
    """Check the body of a PL/pgSQL routine as CREATE FUNCTION does; what only a server can tell passes.

    Raises `SqlError` with the offset in the body.
    """
    for one in declared(routine.body):
        if one.form == "type":
            declared_type(one, "public")
    _accepted(routine, is_row)


def tree(routine: Routine, is_row: IsRow) -> Any:
    """Return the body as libpg_query's tree of plain data, line numbers as in the body. Raises `SqlError`.

    None where a sound body needs knowledge of a server's types.
    """
    accepted = _accepted(routine, is_row)
    return json.loads(accepted)[0]["PLpgSQL_function"] if accepted else None


def _accepted(routine: Routine, is_row: IsRow) -> str:
    """Return the tree as JSON, or "" where the parser cannot judge."""
    found = ""
    for unknown_is_row in (False, True):
        decide = _decider(is_row, unknown_is_row)
        try:
            return str(parse_plpgsql_json(_statement(routine, routine.body, decide)))
        except ParseError as error:
            message = str(error.args[0])
            if _OUR_LIMITS.search(message):
                return ""
            found = found or message
    decide = _decider(is_row, False)
    raise SqlError(found.removeprefix("syntax error "), _place(routine, found, decide))


def _decider(is_row: IsRow, otherwise: bool) -> Callable[[TypeUse], bool]:
    def decide(use: TypeUse) -> bool:
        answer = is_row(use.schema, use.name)
        return otherwise if answer is None else answer

    return decide


def _statement(routine: Routine, body: str, is_row: Callable[[TypeUse], bool]) -> str:
    """Return a routine that the parser knows all types of, with the same body otherwise."""
    parameters = [
        f"{one.mode} {ident(one.name) if one.name else ''} {_alike(one.use, is_row)}"
        for one in routine.parameters
        if one.mode != "table"
    ]
    parameters = [one.replace("variadic ", "in ") for one in parameters]
    columns = [
        f"{ident(one.name)} {_alike(one.use, is_row)}" for one in routine.parameters if one.mode == "table"
    ]
    returns = ""
    if columns:
        returns = f"returns table ({', '.join(columns)})"
    elif routine.result is not None:
        returns = f"returns {'setof ' if routine.result.is_set else ''}{_alike(routine.result, is_row)}"
    word = "procedure" if routine.procedure else "function"
    quoted = dollar(_alike_body(body, is_row))
    return f"create {word} f({', '.join(parameters)}) {returns} language plpgsql as {quoted}"


def _alike(use: TypeUse, is_row: Callable[[TypeUse], bool]) -> str:
    """Return a type that PL/pgSQL treats like this one."""
    if use.is_array:
        return "text"
    if use.is_own and use.name in _KEPT:
        return use.name
    return "record" if is_row(use) else "text"


def _alike_body(body: str, is_row: Callable[[TypeUse], bool]) -> str:
    parts: list[str] = []
    last = 0
    for one in declared(body):
        try:
            word = _alike_declared(one, is_row)
        except SqlError:
            continue
        lines = "\n" * body.count("\n", one.start, one.end)
        parts += [body[last : one.start], word.ljust(one.end - one.start - len(lines)), lines]
        last = one.end
    return "".join(parts) + body[last:]


def _alike_declared(one: Declared, is_row: Callable[[TypeUse], bool]) -> str:
    match one.form:
        case "row":
            return "record"
        case "column":
            return "text"
    return _alike(read_type(one.text, "public"), is_row)


def _significant(body: str) -> tuple[Token, ...]:
    return tuple(one for one in tokens(body) if one.name not in _COMMENTS)


def _end_of_declarations(body: str) -> int:
    """Return where the last DECLARE section ends, or the body, so that the rest need not be scanned.

    A beginning that ends in the word BEGIN, and not inside a string or a comment, has the tokens of the whole.
    """
    words = list(_DECLARE.finditer(body))
    if not words:
        return 0
    begin = _BEGIN.search(body, words[-1].end())
    if begin:
        try:
            last = tokens(body[: begin.end()])[-1]
        except SqlError:
            return len(body)
        if last.name == "BEGIN_P":
            return begin.end()
    return len(body)


def _declared(body: str, found: tuple[Token, ...]) -> Iterator[Declared]:
    """Yield the types in all DECLARE sections; each lasts from DECLARE to the BEGIN of its block."""
    at, has_begun = 0, False
    while at < len(found):
        name, before = found[at].name, found[at - 1]
        has_begun = has_begun or name == "BEGIN_P"
        at += 1
        if name == "DECLARE" and (not has_begun or _text(body, before).lower() in _BEFORE_STATEMENT):
            while at < len(found) and found[at].name != "BEGIN_P":
                stop = _next(found, at, "ASCII_59")
                yield from _declaration(body, found[at : stop + 1])
                at = stop + 1


def _text(body: str, token: Token) -> str:
    return body[token.start : token.end]


def _next(found: tuple[Token, ...], start: int, name: str) -> int:
    depth = 0
    for at in range(start, len(found)):
        if not depth and found[at].name == name:
            return at
        depth += _DEPTH.get(found[at].name, 0)
    return len(found)


def _declaration(body: str, found: tuple[Token, ...]) -> Iterator[Declared]:
    """Yield the types of one declaration, which begins with the variable's name."""
    words = [_text(body, one).lower() for one in found[1:4]]
    if words[:1] == ["alias"] or not words:
        return
    if "cursor" in words and words.index("cursor") <= words.count("no") + words.count("scroll"):
        yield from _cursor(body, found[words.index("cursor") + 2 :])
        return
    yield from _one_type(body, found[2:] if words[0] == "constant" else found[1:])


def _cursor(body: str, found: tuple[Token, ...]) -> Iterator[Declared]:
    """Yield the types of a cursor's arguments; `found` begins after the word CURSOR."""
    if not found or found[0].name != "ASCII_40":
        return
    stop = _next(found, 1, "ASCII_41")
    at = 1
    while at < stop:
        comma = min(_next(found, at, "ASCII_44"), stop)
        yield from _one_type(body, found[at + 1 : comma])
        at = comma + 1


def _one_type(body: str, found: tuple[Token, ...]) -> Iterator[Declared]:
    """Yield the type at the start of the tokens: it ends before a default, NOT NULL or COLLATE."""
    stop = depth = 0
    for token in found:
        if not depth and token.name in _AFTER_TYPE:
            break
        depth += _DEPTH.get(token.name, 0)
        stop += 1
    if not stop:
        return
    start, end = found[0].start, found[stop - 1].end
    percent = next((at for at in range(stop) if found[at].name == "ASCII_37"), None)
    if percent is None:
        yield Declared("type", body[start:end], start, end)
    elif 0 < percent < stop - 1:
        word = _text(body, found[percent + 1]).lower()
        if word == "rowtype" or percent > 1:
            form = "row" if word == "rowtype" and stop == percent + 2 else "column"
            yield Declared(form, body[start : found[percent - 1].end], start, end)


def _place(routine: Routine, message: str, is_row: Callable[[TypeUse], bool]) -> int:
    """Return where in the body an error is, which the parser does not say.

    The first statement after which the error does not change, however the body goes on, is the wrong one; in
    it, the shortest beginning that gives the same error when the statement is ended there.
    """
    body, found = routine.body, _significant(routine.body)
    near = _NEAR.search(message)
    word = near[1] if near else ""

    def fails(count: int, *endings: str) -> bool:
        start = body[: found[count - 1].end] if count else ""
        return any(_message(routine, f"{start} {ending}", is_row) == message for ending in endings)

    stops = [at + 1 for at, token in enumerate(found) if token.name == "ASCII_59"]
    stops += [len(found)] if stops[-1:] != [len(found)] else []
    foreign = "]" if word == ")" else ")"
    number = bisect_left(stops, True, key=lambda count: fails(count, foreign))
    if number == len(stops):
        return _fallback(body, found, word)
    start = stops[number - 1] if number else 0
    statement = found[start : stops[number]]
    if message.endswith("end of input"):
        return statement[-1].start
    endings = [one for one in ("", ";", "then", "loop") if one != word] if word else [foreign]
    ends = (at for at in range(start + 1, stops[number] + 1) if fails(at, *endings))
    statement = found[start : next(ends, stops[number])]
    return _within(body, statement, word or _named(message))


def _message(routine: Routine, body: str, is_row: Callable[[TypeUse], bool]) -> str:
    try:
        parse_plpgsql_json(_statement(routine, body, is_row))
    except ParseError as error:
        return str(error.args[0])
    except SqlError as error:
        return str(error)
    return ""


def _named(message: str) -> str:
    quoted = _QUOTED.search(message)
    return quoted[1] if quoted else ""


def _within(body: str, statement: tuple[Token, ...], word: str) -> int:
    """Return the place of the last `word` among tokens, or else where their last statement begins."""
    named = [one for one in statement if word and body.lower().startswith(word.lower(), one.start)]
    if named or word:
        return (named or statement)[-1].start
    first = statement[-1]
    for token in reversed(statement[:-1]):
        if _text(body, token).lower() in _BEFORE_STATEMENT:
            break
        first = token
    return first.start


def _fallback(body: str, found: tuple[Token, ...], word: str) -> int:
    for token in found:
        if word and _text(body, token) == word:
            return token.start
    return found[-1].start if found else 0

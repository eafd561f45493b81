"""What a SQL text does, statement by statement, and the name of the function in it, also where it is broken."""

from __future__ import annotations

import re
from typing import Any

from specc.pg.parsing import SqlError, Token, parse, tokens, used
from specc.pg.tree import named, nodes
from specc.record import record

_UNFINISHED = re.compile(r"['$]|/\*")


@record
class Statement:
    """A statement: `kind` is its node's name in PostgreSQL (`GrantStmt`), `start` to `end` its first words."""

    kind: str
    start: int
    end: int


def statements(text: str) -> tuple[Statement, ...]:
    """Return the statements of a text. Raises `SqlError`."""
    return tuple(_statement(text, one.get("stmt_location", 0), named(one["stmt"])[0]) for one in parse(text))


def _statement(text: str, start: int, kind: str) -> Statement:
    first, *rest = _significant(text[start:])[:2]
    return Statement(kind, start + first.start, start + (rest[0] if rest else first).end)


def _significant(text: str) -> tuple[Token, ...]:
    return tuple(one for one in tokens(text) if one.name not in ("SQL_COMMENT", "C_COMMENT"))


Names = frozenset[tuple[str, str]]

_WORK = ("SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt", "CallStmt", "CopyStmt")
"""What reads and writes rows; the rest defines things or governs the session."""


def names_at_work(text: str) -> tuple[Names, Names]:
    """Return (schema, name) of the relations and functions that statements on rows name, as far as they say.

    A text that cannot be parsed names nothing; neither does a word that stands for a query before it.
    """
    try:
        tree = [one for one in _parsed(text) if named(one["stmt"])[0] in _WORK]
    except SqlError:
        return frozenset(), frozenset()
    found = used(tree)
    queries = {("", fields["ctename"]) for kind, fields in nodes(tree) if kind == "CommonTableExpr"}
    relations = {(schema, name) for schema, name, _ in found.relations} - queries
    return frozenset(relations), frozenset((schema, name) for schema, name, _ in found.functions)


def _parsed(text: str) -> list[Any]:
    """Parse a text of pg_stat_statements, which may have `interval $1` where PostgreSQL takes a constant alone."""
    try:
        return parse(text)
    except SqlError:
        for token in reversed(tokens(text)):
            if token.name == "PARAM":
                text = f"{text[: token.start]}''{text[token.end :]}"
        return parse(text)


def function_name(text: str) -> tuple[str, int, int] | None:
    """Return the name after the first FUNCTION or PROCEDURE, as the catalogue holds it, and where it stands."""
    try:
        found = _significant(text)
    except SqlError:
        # A string or comment is not finished: what stands before the first one is sound.
        found = _significant(_UNFINISHED.split(text, maxsplit=1)[0])
    for at, token in enumerate(found[:-1]):
        if token.name in ("FUNCTION", "PROCEDURE"):
            last = at + 1
            while last + 2 < len(found) and found[last + 1].name == "ASCII_46":
                last += 2
            parts = [text[one.start : one.end] for one in found[at + 1 : last + 1 : 2]]
            return ".".join(_unquoted(part) for part in parts), found[at + 1].start, found[last].end
    return None


def _unquoted(part: str) -> str:
    return part[1:-1] if part.startswith('"') else part.lower()

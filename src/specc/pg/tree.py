"""SQL as a tree of plain data: the JSON that PostgreSQL's own parser makes of a text, with offsets in characters.

A node is `{"ColumnRef": {…}}`, its fields by name; where the grammar leaves one choice the fields stand without
that name. Fields that are null, false, zero or empty are left out. pglast's classes for nodes are never made:
they cost more than all else that is done with a text. Trees are shared, so nobody changes them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from pglast.parser import parse_sql_json

Fields = dict[str, Any]
Node = dict[str, Fields]

_BY_FIELD = {"relpersistence": "RangeVar", "typemod": "TypeName", "funcformat": "FuncCall"}
"""Nodes that stand without their name in some places, each by a field that is always there and nowhere else."""

_OFFSETS = ("location", "stmt_location")


def read_tree(text: str) -> list[Fields]:
    """Return the statements of a text: each has `stmt`, a node, and `stmt_location` unless that is 0.

    Raises `pglast.parser.ParseError`, and `RecursionError` for a text that nests too deep.
    """
    statements: list[Fields] = json.loads(parse_sql_json(text)).get("stmts", [])
    if not text.isascii():
        _count_characters(statements, text.encode())
    return statements


def _count_characters(statements: list[Fields], encoded: bytes) -> None:
    """Put offsets in characters in place of those in bytes."""
    for fields in _mappings(statements):
        for name in _OFFSETS:
            if fields.get(name, -1) > 0:
                fields[name] = len(encoded[: fields[name]].decode(errors="ignore"))


def _mappings(tree: Any) -> Iterator[Fields]:
    """Yield all mappings of a tree, each before those in it, in the order of the text."""
    waiting = [tree]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield one
            one = list(one.values())
        waiting += [value for value in reversed(one) if isinstance(value, dict | list)]


def nodes(tree: Any) -> Iterator[tuple[str, Fields]]:
    """Yield the nodes of a tree with their names, each before those in it, in the order of the text."""
    for one in _mappings(tree):
        for name, value in one.items():
            if name in _BY_FIELD:
                yield _BY_FIELD[name], one
            elif name[0].isupper() and name not in _BY_FIELD.values():
                yield name, value


def named(node: Node) -> tuple[str, Fields]:
    """Return the name and the fields of a node; ("", {}) for none."""
    return next(iter(node.items()), ("", {}))


def texts(names: Iterable[Node]) -> tuple[str, ...]:
    """Return the texts of `String` nodes, which make a dotted name."""
    return tuple(str(one["String"].get("sval", "")) for one in names)

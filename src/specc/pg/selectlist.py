"""A query's text in, the names and texts of what it selects out, as PostgreSQL names them. Never rewrites text."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from specc.pg.parsing import SqlError, Token, parse, tidy, tokens
from specc.pg.tree import Fields, Node, named, texts
from specc.record import record


@record
class Selected:
    """One item of a select list: its column's name ("" for `*`) and its expression on one line."""

    name: str
    text: str


@lru_cache(maxsize=64)
def select_list(query: str) -> tuple[Selected, ...]:
    """Return the select list of a query; that of its first part, which names the columns, without texts.

    A query that cannot be read, or is no SELECT, has none.
    """
    try:
        statements = parse(query)
    except SqlError:
        return ()
    found = [named(one["stmt"]) for one in statements]
    if [kind for kind, _ in found] != ["SelectStmt"]:
        return ()
    statement, is_whole = found[0][1], True
    while "larg" in statement:
        statement, is_whole = statement["larg"], False
    targets = [one["ResTarget"] for one in statement.get("targetList", ())]
    parts = _texts(query, targets) if is_whole and targets else [""] * len(targets)
    return tuple(Selected(_name(one), text) for one, text in zip(targets, parts, strict=True))


def _name(target: Fields) -> str:
    return str(target.get("name") or _own_name(target["val"]))


def _own_name(node: Node) -> str:
    """Return the name PostgreSQL gives an expression without alias (FigureColname in parse_target.c)."""
    match node:
        case {"ColumnRef": {"fields": [*_, {"String": {"sval": name}}]}}:
            return str(name)
        case {"ColumnRef": _}:
            return ""
        case {"A_Indirection": {"arg": inner, "indirection": steps}}:
            fields = texts(one for one in steps if "String" in one)
            return fields[-1] if fields else _own_name(inner)
        case {"FuncCall": {"funcname": names}}:
            return texts(names)[-1]
        case {"TypeCast": {"arg": inner, "typeName": {"names": names}}}:
            found = _own_name(inner)
            return texts(names)[-1] if found == _NAMELESS else found
        case {"CoalesceExpr": _}:
            return "coalesce"
        case {"CaseExpr": fields}:
            found = _own_name(fields.get("defresult", {}))
            return "case" if found == _NAMELESS else found
    return _NAMELESS


_NAMELESS = "?column?"


def _texts(query: str, targets: Sequence[Fields]) -> list[str]:
    """Cut the expressions from the query: each ends at the comma or the clause that follows it."""
    every = tokens(query)
    starts = [target["location"] for target in targets]
    parts = []
    for target, start, following in zip(targets, starts, [*starts[1:], len(query)], strict=True):
        item = _item([one for one in every if start <= one.start < following])
        if "name" in target:
            del item[-2 if len(item) > 1 and item[-2].name == "AS" else -1 :]
        parts.append(tidy(query[start : item[-1].end]))
    return parts


def _item(following: list[Token]) -> list[Token]:
    """Return the tokens of the item that others follow, its alias included."""
    depth, before = 0, ""
    for at, token in enumerate(following):
        depth += {"ASCII_40": 1, "ASCII_41": -1, "ASCII_91": 1, "ASCII_93": -1}.get(token.name, 0)
        if depth == 0 and token.name in _AFTER and before != "DISTINCT":
            return following[:at]
        before = token.name
    return following


_AFTER = frozenset(
    [
        "ASCII_44",
        "ASCII_59",
        "INTO",
        "FROM",
        "WHERE",
        "GROUP_P",
        "HAVING",
        "WINDOW",
        "ORDER",
        "LIMIT",
        "OFFSET",
        "FETCH",
        "FOR",
    ]
)
"""Tokens that end an item outside brackets; `is distinct from` is no clause."""

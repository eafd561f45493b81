"""A query's text in, the names and texts of what it selects out, as PostgreSQL names them. Never rewrites text."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pglast import ast

from specc.pg.parsing import SqlError, Token, parse, tidy, tokens


@dataclass(frozen=True, slots=True)
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
    if len(statements) != 1 or not isinstance(statements[0], ast.SelectStmt):
        return ()
    statement, is_whole = statements[0], True
    while statement.larg is not None:
        statement, is_whole = statement.larg, False
    targets = statement.targetList
    if not targets:
        return ()
    texts = _texts(query, targets) if is_whole else [""] * len(targets)
    return tuple(Selected(_name(one), text) for one, text in zip(targets, texts, strict=True))


def _name(target: Any) -> str:
    return target.name or _own_name(target.val)


def _own_name(node: Any) -> str:
    """Return the name PostgreSQL gives an expression without alias (FigureColname in parse_target.c)."""
    match node:
        case ast.ColumnRef(fields=[*_, ast.String(sval=str(name))]):
            return name
        case ast.ColumnRef():
            return ""
        case ast.A_Indirection(arg=arg, indirection=steps):
            fields = [one.sval for one in steps or () if isinstance(one, ast.String) and one.sval]
            return fields[-1] if fields else _own_name(arg)
        case ast.FuncCall(funcname=[*_, ast.String(sval=str(name))]):
            return name
        case ast.TypeCast(arg=arg, typeName=ast.TypeName(names=[*_, ast.String(sval=str(name))])):
            inner = _own_name(arg)
            return name if inner == _NAMELESS else inner
        case ast.CoalesceExpr():
            return "coalesce"
        case ast.CaseExpr(defresult=otherwise):
            inner = _own_name(otherwise)
            return "case" if inner == _NAMELESS else inner
    return _NAMELESS


_NAMELESS = "?column?"


def _texts(query: str, targets: Any) -> list[str]:
    """Cut the expressions from the query: each ends at the comma or the clause that follows it."""
    every = tokens(query)
    starts = [target.location for target in targets]
    texts = []
    for target, start, following in zip(targets, starts, [*starts[1:], len(query)], strict=True):
        item = _item([one for one in every if start <= one.start < following])
        if target.name is not None:
            del item[-2 if len(item) > 1 and item[-2].name == "AS" else -1 :]
        texts.append(tidy(query[start : item[-1].end]))
    return texts


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

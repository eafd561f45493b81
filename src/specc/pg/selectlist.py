"""A query's text in, the names and texts of what it selects out, as PostgreSQL names them. Never rewrites text."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from specc.pg.parsing import SqlError, Token, parse, tidy, tokens
from specc.pg.scopes import alias_of
from specc.pg.tree import Fields, Node, named, nodes, texts
from specc.record import record


@record
class Selected:
    """One item of a select list: its column's name ("" for `*`) and its expression on one line."""

    name: str
    text: str


@record
class OneRelation:
    """A query without queries in it that selects from one relation: its schema and name, the name its columns
    go by, and for each item, in order, its column's name and the columns, as paths, that it names.
    """

    place: tuple[str, str]
    alias: str
    items: tuple[tuple[str, tuple[tuple[str, ...], ...]], ...]


@lru_cache(maxsize=64)
def select_list(query: str) -> tuple[Selected, ...]:
    """Return the select list of a query; that of its first part, which names the columns, without texts.

    A query that cannot be read, or is no SELECT, has none.
    """
    statement, is_whole = _select(query), True
    while "larg" in statement:
        statement, is_whole = statement["larg"], False
    targets = [one["ResTarget"] for one in statement.get("targetList", ())]
    parts = _texts(query, targets) if is_whole and targets else [""] * len(targets)
    return tuple(Selected(_name(one), text) for one, text in zip(targets, parts, strict=True))


def from_one(query: str) -> OneRelation | None:
    """Return what a query of the simplest form reads: from one relation, named in full, items without `*`."""
    statement = _select(query)
    relations = statement.get("fromClause", ())
    kind, relation = named(relations[0]) if len(relations) == 1 else ("", {})
    if kind != "RangeVar" or "schemaname" not in relation or "withClause" in statement:
        return None
    if "colnames" in relation.get("alias", {}):
        return None
    items = []
    for target in (one["ResTarget"] for one in statement.get("targetList", ())):
        found = list(nodes(target["val"]))
        if any(kind in ("SubLink", "A_Star") for kind, _ in found):
            return None
        paths = tuple(texts(fields["fields"]) for kind, fields in found if kind == "ColumnRef")
        items.append((_name(target), paths))
    return OneRelation((relation["schemaname"], relation["relname"]), alias_of(relation), tuple(items))


@lru_cache(maxsize=64)
def _select(query: str) -> Fields:
    """Return the SELECT that a text is; nothing for any other text."""
    try:
        statements = parse(query)
    except SqlError:
        return {}
    found = [named(one["stmt"]) for one in statements]
    return found[0][1] if [kind for kind, _ in found] == ["SelectStmt"] else {}


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

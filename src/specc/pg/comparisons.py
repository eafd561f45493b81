"""The constants that expressions compare with the watched column of a table, wherever they stand.

Takes nodes with the names around them; it says nothing about what a comparison means.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from specc.pg.narrowing import constants
from specc.pg.scopes import Place, Scope
from specc.pg.tree import Fields, texts
from specc.record import record

_OPERATORS = frozenset(["=", "<>", "<", "<=", ">", ">=", "BETWEEN", "NOT BETWEEN"])


@record
class Compared:
    """A constant that is compared with the column of a table."""

    table: Place
    value: str
    offset: int


def comparisons(name: str, fields: Any, scope: Scope) -> Iterator[Compared]:
    """Yield the constants that a node, without those in it, holds against a watched column."""
    match name:
        case "A_Expr" if texts(fields["name"])[-1] in _OPERATORS:
            is_array = fields["kind"] in ("AEXPR_OP_ANY", "AEXPR_OP_ALL")
            yield from _pair(fields.get("lexpr"), fields.get("rexpr"), scope, is_array)
            yield from _pair(fields.get("rexpr"), fields.get("lexpr"), scope, is_array)
        case "CaseExpr" if "arg" in fields:
            for one in fields["args"]:
                yield from _pair(fields["arg"], one["CaseWhen"]["expr"], scope)


def _pair(mine: Any, other: Any, scope: Scope, is_array: bool = False) -> Iterator[Compared]:
    if _is_row(mine) and _is_row(other):
        for one, another in zip(mine["RowExpr"]["args"], other["RowExpr"]["args"], strict=False):
            yield from _pair(one, another, scope)
        return
    relation = scope.watched(mine)
    if relation is not None and relation.place is not None:
        for value, at in constants(other, is_array=is_array)[0].items():
            yield Compared(relation.place, value, at)


def _is_row(node: Fields | None) -> bool:
    return node is not None and "RowExpr" in node

"""Checks read for what they say about nulls: which columns need a value so that a row may be there.

Conditions and the names of columns come in, names of columns come out. Nothing but null or not is known of
a value, so a condition may be true, false or, most often, neither.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import combinations

from specc.pg.parsing import expression, expression_node
from specc.pg.tree import Node, named, texts

MOST = 10
"""How many columns are tried in all combinations."""

_OPERATORS: Mapping[str, Callable[[int, int], int | bool]] = {
    "=": operator.eq, "<>": operator.ne, "!=": operator.ne, "<": operator.lt, ">": operator.gt,
    "<=": operator.le, ">=": operator.ge, "+": operator.add, "-": operator.sub,
}  # fmt: skip
_COUNTS = {"num_nulls": False, "num_nonnulls": True}


def filled(
    checks: Sequence[str], optional: Sequence[str], given: Collection[str], decisive: Collection[str] = ()
) -> tuple[str, ...]:
    """Return the fewest of the optional columns that need a value besides those given.

    With them no check is false, and those that name a `decisive` column, whose values will change, are true
    whatever these are; where that cannot be had, it is enough that they are not false.
    """
    free = [name for name in optional if name not in given][:MOST]
    for is_strict in (True, False):
        for count in range(len(free) + 1):
            for more in combinations(free, count):
                present = {*given, *more}
                if all(_passes(one, present, decisive if is_strict else ()) for one in checks):
                    return more
    return ()


def _passes(check: str, present: Collection[str], decisive: Collection[str]) -> bool:
    found = truth(check, present)
    return bool(found) if found is not None else not any(one in decisive for one in _columns(check))


def _columns(text: str) -> Iterable[str]:
    return (path[-1] for path, _ in expression(text).columns)


def truth(text: str, present: Collection[str]) -> bool | None:
    """Return whether a condition holds when just these columns are not null; None if that does not decide."""
    found = _value(expression_node(text), present)
    return None if found is None else bool(found)


def _value(node: Node, present: Collection[str]) -> int | bool | None:
    kind, fields = named(node)
    match kind:
        case "BoolExpr":
            return _joined(fields["boolop"], [_value(one, present) for one in fields["args"]])
        case "NullTest":
            column = _column(fields["arg"])
            is_null = column not in present
            return (is_null == (fields["nulltesttype"] == "IS_NULL")) if column else None
        case "FuncCall" if (name := texts(fields["funcname"])[-1]) in _COUNTS:
            columns = [_column(one) for one in fields.get("args", ())]
            return sum((one in present) == _COUNTS[name] for one in columns) if all(columns) else None
        case "A_Expr" if fields["kind"] == "AEXPR_OP" and "lexpr" in fields:
            return _computed(
                texts(fields["name"])[-1], *(_value(fields[one], present) for one in ("lexpr", "rexpr"))
            )
        case "TypeCast":
            found = _value(fields["arg"], present)
            return None if found is None else int(found)
        case "A_Const" if "ival" in fields:
            return int(fields["ival"].get("ival", 0))
        case "A_Const" if "boolval" in fields:
            return bool(fields["boolval"])
    return None


def _joined(word: str, parts: list[int | bool | None]) -> bool | None:
    if word == "NOT_EXPR":
        return None if parts[0] is None else not parts[0]
    decisive = word == "OR_EXPR"
    if any(one is not None and bool(one) == decisive for one in parts):
        return decisive
    return None if None in parts else not decisive


def _computed(sign: str, left: int | bool | None, right: int | bool | None) -> int | bool | None:
    if left is None or right is None or sign not in _OPERATORS:
        return None
    return _OPERATORS[sign](left, right)


def _column(node: Node) -> str:
    kind, fields = named(node)
    return texts(fields["fields"])[-1] if kind == "ColumnRef" and "String" in fields["fields"][-1] else ""

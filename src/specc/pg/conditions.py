"""Conditions solved: the values of columns for which a simple condition holds."""

from __future__ import annotations

from typing import Any

from pglast import ast, enums

from specc.pg.names import lit
from specc.pg.parsing import SqlError, parse_inside

Values = tuple[tuple[str, tuple[str, ...]], ...]
"""For each column the SQL literals that a condition allows."""


def satisfying(text: str) -> Values:
    """Return the values for which a condition holds; () for one that cannot be decided."""
    return decide(text) or ()


def decide(text: str) -> Values | None:
    """Return the values for a conjunction of `column = literal` and `column in (literal, …)`, else None."""
    if not text:
        return ()
    try:
        statement = parse_inside("select (", text, ")")
    except SqlError:
        return None
    pairs = _decide(statement.targetList[0].val)
    return None if pairs is None else _merged(pairs)


def _merged(pairs: Values) -> Values | None:
    """Return for each column what all its conditions allow; None where that is nothing."""
    found: dict[str, tuple[str, ...]] = {}
    for column, literals in pairs:
        known = found.get(column, literals)
        found[column] = tuple(one for one in known if one in literals)
    return tuple(found.items()) if all(found.values()) else None


def constant(text: str) -> str:
    """Return the literal that an expression is, casts left out; "" for any other expression."""
    if not text:
        return ""
    node = parse_inside("select (", text, ")").targetList[0].val
    while isinstance(node, ast.TypeCast):
        node = node.arg
    return _literal(node)


def _decide(node: Any) -> Values | None:
    kind: object = type(node)
    if kind is ast.BoolExpr and node.boolop == enums.BoolExprType.AND_EXPR:
        parts = [_decide(one) for one in node.args]
        return None if None in parts else tuple(pair for part in parts if part for pair in part)
    if kind is ast.ColumnRef:
        column = _column(node)
        return ((column, ("true",)),) if column else None
    if kind is ast.A_Expr and node.name[-1].sval == "=":
        listed = node.rexpr if isinstance(node.rexpr, tuple) else (node.rexpr,)
        column, literals = _column(node.lexpr), tuple(_literal(one) for one in listed)
        return ((column, literals),) if column and all(literals) else None
    return None


def _column(node: Any) -> str:
    kind: object = type(node)
    return str(node.fields[-1].sval) if kind is ast.ColumnRef and _plain(node.fields[-1]) else ""


def _plain(field: Any) -> bool:
    return isinstance(field, ast.String)


def _literal(node: Any) -> str:
    if not isinstance(node, ast.A_Const) or node.isnull:
        return ""
    value = node.val
    match value:
        case ast.String():
            return lit(value.sval)
        case ast.Integer():
            return str(value.ival)
        case ast.Boolean():
            return "true" if value.boolval else "false"
    return ""

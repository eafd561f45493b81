"""Conditions solved: the values of columns for which a simple condition holds."""

from __future__ import annotations

from specc.pg.names import lit
from specc.pg.parsing import SqlError, expression_node
from specc.pg.tree import Fields, Node, named, texts

Values = tuple[tuple[str, tuple[str, ...]], ...]
"""For each column the SQL literals that a condition allows."""

_EQUALS = ("AEXPR_OP", "AEXPR_IN")


def satisfying(text: str) -> Values:
    """Return the values for which a condition holds; () for one that cannot be decided."""
    return decide(text) or ()


def decide(text: str) -> Values | None:
    """Return the values for a conjunction of `column = literal` and `column in (literal, …)`, else None."""
    if not text:
        return ()
    try:
        pairs = _decide(expression_node(text))
    except SqlError:
        return None
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
    node = expression_node(text)
    while "TypeCast" in node:
        node = node["TypeCast"]["arg"]
    return _literal(node)


def _decide(node: Node) -> Values | None:
    kind, fields = named(node)
    if kind == "BoolExpr" and fields["boolop"] == "AND_EXPR":
        parts = [_decide(one) for one in fields["args"]]
        return None if None in parts else tuple(pair for part in parts if part for pair in part)
    if kind == "ColumnRef":
        column = _column(node)
        return ((column, ("true",)),) if column else None
    if kind == "A_Expr" and fields["kind"] in _EQUALS and texts(fields["name"])[-1] == "=":
        column, literals = _column(fields["lexpr"]), tuple(_literals(fields["rexpr"]))
        return ((column, literals),) if column and all(literals) else None
    return None


def _column(node: Node) -> str:
    kind, fields = named(node)
    return str(fields["fields"][-1].get("String", {}).get("sval", "")) if kind == "ColumnRef" else ""


def _literals(node: Node) -> list[str]:
    kind, fields = named(node)
    return [_literal(one) for one in (fields["items"] if kind == "List" else [node])]


def _literal(node: Node) -> str:
    kind, fields = named(node)
    return _constant(fields) if kind == "A_Const" else ""


def _constant(fields: Fields) -> str:
    """Return the literal of a constant; "" for null and for numbers with a fraction."""
    match fields:
        case {"sval": text}:
            return lit(text.get("sval", ""))
        case {"ival": number}:
            return str(number.get("ival", 0))
        case {"boolval": truth}:
            return "true" if truth else "false"
    return ""

"""When PostgreSQL writes a table anew for a column: its new type, and the values a new column gets in rows there are.

Parsed types and expressions come in. What cannot be told here counts as a rewrite.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from specc.pg.catalogue import built_in_functions
from specc.pg.parsing import expression_node
from specc.pg.tree import Fields, Node, named, nodes, texts
from specc.record import record

_WIDENED = ("varchar", "varbit", "timestamp", "timestamptz", "time", "timetz")
"""Types of one modifier, whose values stay as they are under a greater one, or under none."""

_SAME_BYTES = {("varchar", "text"), ("text", "varchar"), ("cidr", "inet")}
"""Types whose values are kept in the same bytes (`pg_cast`, method `b`)."""


@record
class TypeUsed:
    """A type with its modifiers: `name` as the catalogue has it, without the schema of PostgreSQL's own."""

    name: tuple[str, ...]
    modifiers: tuple[int, ...] = ()
    is_array: bool = False


def type_of(text: str) -> TypeUsed:
    """Read the text of a type. Raises `SqlError`."""
    return read_type(named(expression_node(f"null::{text}"))[1]["typeName"])


def read_type(fields: Fields) -> TypeUsed:
    """Return a parsed type."""
    name = texts(fields.get("names", ()))
    modifiers = tuple(_number(one) for one in fields.get("typmods", ()))
    return TypeUsed(name[1:] if name[:1] == ("pg_catalog",) else name, modifiers, "arrayBounds" in fields)


def _number(node: Node) -> int:
    # A number that is 0 is left out of the tree.
    return int(named(node)[1].get("ival", {}).get("ival", 0))


def keeps_bytes(column: str, old: TypeUsed, new: TypeUsed, using: Node | None) -> bool:
    """Whether the values of a column stay as they lie there in its new type.

    `using` is the expression after USING. Measured on PostgreSQL 15 and 18 (`ATColumnChangeRequiresRewrite`); a change
    between `timestamp` and `timestamptz` depends on the time zone of the session, so it counts as a rewrite.
    """
    steps = [new]
    kind, fields = named(using or {})
    while kind == "TypeCast":
        steps.append(read_type(fields["typeName"]))
        kind, fields = named(fields["arg"])
    if using is not None and (kind != "ColumnRef" or texts(fields["fields"])[-1:] != (column,)):
        return False
    now = old
    for step in reversed(steps):
        if not _is_free(now, step):
            return False
        now = step
    return True


def _is_free(old: TypeUsed, new: TypeUsed) -> bool:
    if old == new:
        return True
    if old.is_array or new.is_array:
        return False
    if old.name != new.name:
        return (*old.name, *new.name) in _SAME_BYTES and not new.modifiers
    if not new.modifiers:
        return old.name != ("bpchar",)
    if not old.modifiers:
        return False
    if old.name == ("numeric",):
        (before, *scale), (after, *scale_after) = old.modifiers, new.modifiers
        return after >= before and (scale or [0]) == (scale_after or [0])
    return old.name[-1] in _WIDENED and new.modifiers[0] >= old.modifiers[0]


def is_volatile(expression: Any, calm: Collection[tuple[str, str]]) -> bool:
    """Whether an expression may give another value for each row; `calm` are functions (schema, name) that do not.

    Functions that are neither known to be calm nor PostgreSQL's own count as volatile.
    """
    for kind, fields in nodes(expression):
        if kind != "FuncCall":
            continue
        path = texts(fields["funcname"])
        schema, name = ("" if len(path) == 1 else path[-2]), path[-1]
        own = built_in_functions().get(name) if schema in ("", "pg_catalog") else None
        if own is None and (schema, name) in calm:
            continue
        if own is None or "v" in own.volatilities:
            return True
    return False

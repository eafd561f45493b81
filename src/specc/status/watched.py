"""What a lock knows of the database that is watched: its machines, and the names that statements may use."""

from __future__ import annotations

from specc.ir.behaviour import Machine
from specc.ir.database import Function, Table, View
from specc.ir.model import Ir
from specc.pg.names import MONITOR
from specc.record import record

Name = tuple[str, str]


@record
class Watched:
    """The names of machines in their order, whether there are alerts, and (schema, name) of what is ours."""

    machines: tuple[str, ...]
    has_alerts: bool = False
    relations: frozenset[Name] = frozenset()
    functions: frozenset[Name] = frozenset()


def watched(facts: Ir) -> Watched:
    """Return what the facts of a lock say."""
    return Watched(
        tuple(one.name for one in facts.all(Machine)),
        ("table", MONITOR, "alert") in facts.by_identity,
        frozenset((one.schema, one.name) for one in facts.all(Table))
        | frozenset((one.schema, one.name) for one in facts.all(View)),
        frozenset((one.schema, one.name) for one in facts.all(Function)),
    )

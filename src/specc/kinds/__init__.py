"""The kinds of specs, in the order in which the docs list them. Nothing registers itself anywhere else."""

from __future__ import annotations

from specc.kinds import access, alert, function, lifecycle, machine, monitor, object_type, removals, table
from specc.lang.kind import Kind

KINDS: tuple[Kind, ...] = (
    lifecycle.KIND,
    machine.KIND,
    table.KIND,
    access.KIND,
    function.KIND,
    object_type.KIND,
    monitor.KIND,
    alert.KIND,
    removals.KIND,
)

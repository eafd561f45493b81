"""The section of a machine about time: deadlines, recovery and how long a row backs off before it.

It makes the functions that move due rows, many at a time, the index they find them by, and the tasks of
`private.tick()` that call them. Nothing here decides what is legal: the guard sees every move.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from specc.analysis.machines import BoundMachine
from specc.analysis.maintenance import Task
from specc.analysis.tables import RETRY_COLUMN, BoundTable
from specc.analysis.times import deadlines, recoveries
from specc.ir.behaviour import Backoff, Timeout
from specc.ir.database import Column, Comment, Function, Grant, Index
from specc.kinds.machine_lease import ending
from specc.lang.kind import Lowered
from specc.lang.markers import Like, Ref, Short, SpecModel
from specc.lang.project import Project
from specc.pg.body import PINNED, render
from specc.pg.interval import milliseconds
from specc.pg.names import fit, lit

TimedName = Annotated[str, Ref("state/substate", within="machine")]

# What a LIMIT that is a parameter lets through is unknown, so that plans made for its value differ: one
# plan for all, made for any value, stays with the index.
_ONE_PLAN = (*PINNED, ("plan_cache_mode", "force_generic_plan"))


class TimeoutSpec(SpecModel):
    """When rows leave a state by themselves, and for which."""

    short = Short("after")
    after: Annotated[str, Like("15 minutes")] = Field(
        "", description="How long a row may stay, such as `15 minutes`."
    )
    at: str = Field(
        "", description="Instead: the column, a `timestamptz`, that says when; null: the row has no deadline."
    )
    to: Annotated[str, Ref("state", within="machine")] = Field(
        "", description="The state that they move to; `timedout` by default, where the lifecycle has it."
    )


class BackoffSpec(SpecModel):
    """How long a row waits before it recovers: longer each time."""

    short = Short("first")
    first: Annotated[str, Like("30 seconds")] = Field(
        description="How long before the first recovery, such as `30 seconds`."
    )
    factor: float = Field(2, ge=1, le=1000, description="How many times as long before each next one.")
    most: Annotated[str, Like("1 hour")] = Field("1 hour", description="How long at most.")


def lower(machine: BoundMachine, bound: BoundTable) -> Lowered:
    """Yield the indexes, and what moves rows by time."""
    schema, table = machine.schema, machine.table
    needs = (("enum", schema, machine.enum),)
    is_open = machine.is_open()
    if is_open != "false":
        yield Index(
            schema, table, fit(f"{table}_open_idx"), ("state", "state_since"), where=is_open, needs=needs
        )
    yield from _column_indexes(bound, machine)
    yield from _time_out(machine)
    yield from _recover(machine)


def tasks(machine: BoundMachine, _: Project) -> Iterator[Task]:
    """Yield what `private.tick()` does for a machine: first deadlines, then recoveries."""
    if deadlines(machine):
        yield Task(f"{machine.name} time_out", fit(f"{machine.name}_time_out"))
    if recoveries(machine):
        yield Task(f"{machine.name} recover", fit(f"{machine.name}_recover"))


def _time_out(machine: BoundMachine) -> Lowered:
    found = deadlines(machine)
    for one in found:
        yield (
            Timeout(machine.name, one.state, one.substate, one.column, one.target, one.after, one.holder),
            machine.entry.key(*one.path),
        )
    if found:
        targets = {one.target: [other for other in found if other.target == one.target] for one in found}
        text = f"Moves up to so many rows of {machine.name} whose deadline has passed; returns how many."
        yield from _function(machine, "time_out", text, targets=targets, lease=ending(machine))


def _recover(machine: BoundMachine) -> Lowered:
    edges = recoveries(machine)
    if not edges:
        return
    schema, table, spec = machine.schema, machine.table, machine.entry.spec
    yield Column(schema, table, RETRY_COLUMN, 14, "timestamptz", not_null=False)
    text = "Not to be tried again before, where it is set; recovery clears it."
    yield Comment(f"column {schema} {table} {RETRY_COLUMN}", text)
    backoff = spec.backoff
    if backoff is not None:
        yield (
            Backoff(machine.name, backoff.first, f"{backoff.factor:g}", backoff.most),
            machine.entry.key("backoff"),
        )
    targets = {target: [source for source, to in edges if to == target] for _, target in edges}
    text = f"Moves up to so many rows of {machine.name} that may try again back to work; returns how many."
    wait = _wait(backoff) if backoff is not None else None
    yield from _function(
        machine, "recover", text, targets=targets, attempts=machine.attempts, backoff=wait, retry=RETRY_COLUMN,
        lease=ending(machine),
    )  # fmt: skip


def _wait(backoff: BackoffSpec) -> dict[str, object]:
    """Return what the template needs; `steps` is after how many attempts the wait has come to its most.

    Without that limit a high attempt would raise the factor beyond what a double or an interval holds.
    """
    first, most = milliseconds(backoff.first), milliseconds(backoff.most)
    steps, reached = 0, float(first)
    while backoff.factor > 1 and reached < most:
        steps, reached = steps + 1, reached * backoff.factor
    factor = f"{backoff.factor:g}"
    return {"first": backoff.first, "factor": factor, "most": backoff.most, "steps": steps}


def _column_indexes(table: BoundTable, machine: BoundMachine) -> Lowered:
    """Yield an index for each column that says when, unless the table's document declares one for it."""
    declared = {index.columns[0] for index in table.entry.spec.indexes}
    for column in dict.fromkeys(one.column for one in deadlines(machine) if one.column):
        states = dict.fromkeys(one.state for one in deadlines(machine) if one.column == column)
        if column not in declared:
            where = f"state in ({', '.join(lit(state) for state in states)})"
            needs = (("enum", machine.schema, machine.enum), ("column", table.schema, table.name, column))
            name = fit(f"{table.name}_{column}_due_idx")
            yield Index(table.schema, table.name, name, (column,), where=where, needs=needs)


def _function(machine: BoundMachine, verb: str, text: str, **values: object) -> Lowered:
    name = fit(f"{machine.name}_{verb}")
    place = (machine.schema, machine.table)
    body = render(verb, machine=machine.name, table=place, **values)
    needs = (("enum", machine.schema, machine.enum), ("table", *place))
    yield Function(
        "private", name, "integer", "p_limit integer", "integer", "plpgsql", body,
        security_definer=True, strict=True, settings=_ONE_PLAN, needs=needs,
    )  # fmt: skip
    yield Comment(f"function private {name} integer", text)
    yield Grant("function", "private", name, "integer", "execute", "service_role")

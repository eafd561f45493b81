"""Kind `machine`: binds a lifecycle to a table.

It makes the state enum, the state columns, the guard that refuses every move the lifecycle does not have,
and `<machine>_may_move(from, to)`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from specc.analysis.access import readers
from specc.analysis.drivers import drivers
from specc.analysis.machines import BoundMachine, bound
from specc.analysis.patience import DEFAULT
from specc.analysis.tables import tables
from specc.ir.behaviour import Machine, State, Transition
from specc.ir.database import Comment, Grant, View
from specc.kinds import (
    intent,
    machine_check,
    machine_guard,
    machine_history,
    machine_lease,
    machine_legacy,
    machine_rules,
    machine_sync,
    machine_sync_rules,
    machine_times,
    machine_watch,
    time_rules,
)
from specc.kinds.machine_times import BackoffSpec, TimedName, TimeoutSpec
from specc.lang.kind import Kind, Lowered
from specc.lang.markers import Like, Ref, Short, SpecModel
from specc.lang.project import Entry, Project
from specc.pg.names import qualified

StateName = Annotated[str, Ref("state", within="machine")]


class UndrivenSpec(SpecModel):
    """Why moves out of a state have no driver: one reason for all of them, or one for each."""

    short = Short("all")
    all: str = Field("", description="The reason for every move out of this state that nothing drives.")
    to: dict[StateName, str] = Field(default_factory=dict, description="For each target, the reason.")


class StuckSpec(SpecModel):
    """How long a row may stay in a state before it is stuck: one length of time for all states, or some of its own."""

    short = Short("default")
    default: Annotated[str, Like("1 hour")] = Field(
        DEFAULT, description="The longest stay in any other state, such as `30 minutes`, or `never`."
    )
    states: dict[StateName, Annotated[str, Like("1 hour")]] = Field(
        default_factory=dict, description="The longest stay in each state."
    )


class MachineSpec(SpecModel):
    """A lifecycle bound to a table."""

    about: str = Field("", description="What the life of a row of this table is.")
    follows: Annotated[str, Ref("lifecycle")] = Field(description="The lifecycle.")
    renamed_from: str = Field("", description="The name it had when it was last released.")
    rows_of: Annotated[str, Ref("table")] = Field(
        "", description="The table; the machine's own name by default."
    )
    attempts: int = Field(0, ge=0, le=1000, description="How often a row may recover.")
    stuck_after: StuckSpec | None = Field(
        None, description=f"When a row that is not settled counts as stuck; after {DEFAULT} by default."
    )
    writes: Literal["single", "bulk"] = Field(
        "single",
        description="How many rows one statement usually moves. `single`: one or a few, the guard looks at each row. "
        "`bulk`: ten or more, it looks at all rows of a statement at once, after all triggers for rows.",
    )
    history: machine_history.HistorySpec = Field(
        default_factory=lambda: machine_history.HistorySpec.model_validate({}),
        description="How long the moves of its rows are kept.",
    )
    timeouts: dict[TimedName, TimeoutSpec] = Field(
        default_factory=dict, description="When rows leave a state, or one of its substates, by themselves."
    )
    untimed: dict[StateName, str] = Field(
        default_factory=dict, description="Why states that wait for the outside have no timeout here."
    )
    lease: machine_lease.LeaseSpec | None = Field(
        None, description="Which columns say who holds a row while it is worked on, and until when."
    )
    backoff: BackoffSpec | None = Field(None, description="How long rows wait before they recover.")
    undriven: dict[StateName, UndrivenSpec] = Field(
        default_factory=dict, description="Moves that no function takes, and why they are legal all the same."
    )
    sync: machine_sync.Syncs = Field(
        default_factory=dict,
        description="The machines whose rows point at rows of this one, and who follows whom.",
    )
    invariants: machine_sync.Invariants = Field(
        default_factory=dict, description="What always holds of a row and its children."
    )
    legacy: machine_legacy.LegacySpec | None = Field(
        None, description="The text column that held the state before, and what its words mean."
    )


def _lower(entry: Entry, project: Project) -> Lowered:
    machine = bound(entry, project)
    if machine is None:
        return
    yield from _behaviour(machine, project)
    yield from machine_guard.lower(machine, project)
    yield from machine_history.lower(machine, project)
    yield from intent.of_machine(machine, project.get("lifecycle", entry.spec.follows))
    table = tables(project)[f"{machine.schema}.{machine.table}"]
    yield from machine_times.lower(machine, table)
    yield from machine_check.lower(machine, table, project)
    yield from machine_legacy.lower(machine)
    yield from _status(machine, project)
    yield from machine_sync.lower(entry, project)
    yield from machine_watch.lower(machine, project)


def _status(machine: BoundMachine, project: Project) -> Lowered:
    """Yield the view with state and substate under one name, for whoever may read all of the table."""
    table = tables(project)[f"{machine.schema}.{machine.table}"]
    owner = [table.tenant_column] if table.tenant and not table.is_root else []
    columns = ["id", *owner, "state", "state_substate", "state_since", "attempt"]
    name = machine.status
    query = (
        f"select\n    {', '.join(columns)},\n    concat_ws('_', state, state_substate) as status\n"
        f"from {qualified(machine.schema, machine.table)}"
    )
    needs = (("table", machine.schema, machine.table),)
    yield View(machine.schema, name, query, needs)
    yield Comment(
        f"view {machine.schema} {name}",
        f"Where each row of {machine.name} is, state and substate in one name.",
    )
    for role in readers(table.full_name, project):
        yield Grant("view", machine.schema, name, "", "select", role)


def _behaviour(machine: BoundMachine, project: Project) -> Lowered:
    life, name, entry = machine.lifecycle, machine.name, machine.entry
    yield Machine(
        name, machine.schema, machine.table, machine.lifecycle_name, machine.attempts, machine.writes
    )
    lifecycle = project.get("lifecycle", entry.spec.follows).spec
    for at, (state, spec) in enumerate(lifecycle.states.items()):
        yield State(name, state, at, spec.is_ or "", tuple(spec.substates), spec.about)
    for source, target in life.steps:
        who = drivers(project).get((name, source, target), ())
        yield Transition(
            name, source, target, "step", who, "" if who else machine_rules.reason(entry, source, target)
        )
    for source, target in machine.recoveries:
        yield Transition(name, source, target, "recovery", drivers(project).get((name, source, target), ()))


KIND = Kind(
    key="machine",
    about="A lifecycle bound to a table: enum, columns, guard.",
    model=MachineSpec,
    lower=_lower,
    rules=(
        *machine_rules.RULES,
        *intent.MACHINE_RULES,
        *time_rules.RULES,
        *machine_lease.RULES,
        *machine_legacy.RULES,
        *machine_sync_rules.RULES,
        *machine_watch.RULES,
    ),
    pages_from="specc.kinds.machine_page",
)

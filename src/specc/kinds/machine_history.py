"""The history of a machine: one row for each move of each row of its table, written by the guard itself.

Nobody but the owner of the database writes it; whoever may read all of the table reads its rows' history.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from specc.analysis.machines import BoundMachine
from specc.analysis.maintenance import Problem, Task
from specc.analysis.tables import BoundTable, tables
from specc.ir.behaviour import History, Tenancy
from specc.ir.database import Column, Comment, Function, Grant, Partition, PrimaryKey, Table
from specc.kinds.access import reading
from specc.lang.kind import Lowered
from specc.lang.markers import Like, Short, SpecModel
from specc.lang.project import Project
from specc.pg.body import PINNED, render
from specc.pg.names import MAX_BYTES, fit, ident, qualified, sequence_of

ACTOR = (
    "case when session_user = 'authenticator'"
    " then coalesce(auth.uid()::text, current_setting('role')) else session_user::text end"
)
"""Who moved a row. A request over the API comes as `authenticator`, with a token that PostgREST has checked; any other
connection could claim any token, so there it is the role that logged in.
"""
REASON = "left(nullif(current_setting('specc.reason', true), ''), 1000)"
"""What the caller has set for the transaction: `set local specc.reason = 'why'`."""


class HistorySpec(SpecModel):
    """How long moves are kept."""

    short = Short("keep")
    keep: Annotated[str, Like("90 days")] = Field(
        "", description="How long, such as `90 days`; for ever by default."
    )
    each: Literal["day", "week", "month"] = Field(
        "month", description="The time that one partition is for; the past ones are dropped whole."
    )


def lower(machine: BoundMachine, project: Project) -> Lowered:
    """Yield the table of a machine's moves, its one partition, and who may read it."""
    schema, name = machine.schema, machine.history
    table = tables(project)[f"{schema}.{machine.table}"]
    kept = _kept(machine, table)
    owner = kept.tenant_column
    kept_for = machine.entry.spec.history
    yield History(machine.name, schema, name, owner, kept_for.keep)
    if table.tenant:
        root_schema, root = table.tenant.split(".", 1)
        yield Tenancy(schema, name, root_schema, root, owner)
    yield Table(schema, name, partition_by="range (at)")
    yield Comment(
        f"table {schema} {name}",
        f"Every move of every row of {machine.name}, in order; written by its guard.",
    )
    for column, text in _columns(machine, kept):
        yield column
        yield Comment(f"column {schema} {name} {column.name}", text)
    columns = tuple(one for one in (owner, "row_id", "seq", "at") if one)
    yield PrimaryKey(schema, name, fit(f"{name}_pkey"), columns)
    rest = _rest(machine)
    yield Partition("private", rest, schema, name, "default")
    yield Comment(f"table private {rest}", f"Rows of {name} for which no other partition was made.")
    yield from reading(kept, table, project)
    if kept_for.keep:
        yield from _keeping(machine, kept_for)


def tasks(machine: BoundMachine, _: Project) -> Iterator[Task]:
    """Yield what `private.tick()` does for a history that is not kept for ever."""
    if machine.entry.spec.history.keep:
        yield Task(f"{machine.name} keep_history", _keeper(machine))


def problems(machine: BoundMachine, table: BoundTable, _: Project) -> Iterator[Problem]:
    """Yield what says that a row is not where its history ends; a row without history was there before it."""
    owner = (
        f"h.{ident(kept_by(machine, table))} = r.{ident(table.tenant_column)} and " if table.tenant else ""
    )
    last = (
        f"select h.to_state, h.to_substate from {qualified(machine.schema, machine.history)} as h"
        f" where {owner}h.row_id = r.id order by h.seq desc limit 1"
    )
    yield Problem(
        "not where its history ends",
        f"exists (select from ({last}) as told"
        " where (told.to_state, told.to_substate) is distinct from (r.state, r.state_substate))",
        f"(select concat_ws('/', told.to_state, told.to_substate) from ({last}) as told)",
    )


def _kept(machine: BoundMachine, table: BoundTable) -> BoundTable:
    """Return the history of a table as a table of the same tenants."""
    return BoundTable(table.entry, machine.schema, machine.history, table.tenant, {})


def kept_by(machine: BoundMachine, table: BoundTable) -> str:
    """Return the column of a history that says whose its rows are; "" for a shared table's."""
    return _kept(machine, table).tenant_column


def _keeper(machine: BoundMachine) -> str:
    return fit(f"{machine.name}_keep_history")


def _keeping(machine: BoundMachine, spec: HistorySpec) -> Lowered:
    name = _keeper(machine)
    history = (machine.schema, machine.history)
    body = render(
        "keep_history",
        history=history,
        rest=_rest(machine),
        prefix=fit(f"{machine.name}_history", MAX_BYTES - len("_YYYYMMDD")),
        keep=spec.keep,
        each=spec.each,
        period=f"1 {spec.each}",
    )
    yield Function(
        "private", name, "integer", "p_limit integer", "integer", "plpgsql", body, security_definer=True,
        strict=True, settings=(*PINNED, ("timezone", "'UTC'"), ("lock_timeout", "'500ms'")), needs=(("table", *history),),
    )  # fmt: skip
    text = f"Drops the moves of rows of {machine.name} from more than {spec.keep} ago; returns how many it deleted singly."
    yield Comment(f"function private {name} integer", text)
    yield Grant("function", "private", name, "integer", "execute", "service_role")


def _rest(machine: BoundMachine) -> str:
    """Return the name of the partition for all that no other is for."""
    return fit(f"{machine.name}_history_default")


def _columns(machine: BoundMachine, kept: BoundTable) -> list[tuple[Column, str]]:
    """Return the columns with what they say, those of fixed width first so that a row is short."""
    enum = qualified(machine.schema, machine.enum)
    needs = (("enum", machine.schema, machine.enum),)
    place = (machine.schema, machine.history)
    counter = sequence_of(machine.history, "seq")
    found = [
        (Column(*place, "seq", 1, "bigint", identity_form="always", sequence=counter), "Orders moves, also those of one moment."),
        (Column(*place, "at", 2, "timestamptz", default="clock_timestamp()"), "When the row was written, by the clock."),
        (Column(*place, "xid", 3, "xid8", default="pg_current_xact_id()"), "The transaction that moved it."),
        (Column(*place, "row_id", 4, "uuid"), f"The row of {machine.table}; it may be gone."),
        (Column(*place, "from_state", 6, enum, not_null=False, needs=needs), "The state that was left; null at birth."),
        (Column(*place, "to_state", 7, enum, needs=needs), "The state it came into; the one it was in where only the substate changed."),
        (Column(*place, "spent", 8, "interval", not_null=False), "How long it was in the state that was left."),
        (Column(*place, "from_substate", 9, "text", not_null=False), "The substate that was left."),
        (Column(*place, "to_substate", 10, "text", not_null=False), "The substate it came into."),
        (Column(*place, "actor", 11, "text", default=ACTOR), "Who did it: a user of the API, or else the role that logged in."),
        (Column(*place, "reason", 12, "text", not_null=False, default=REASON), "Why, where the caller set `specc.reason`."),
    ]  # fmt: skip
    if kept.tenant:
        owner = Column(*place, kept.tenant_column, 5, "uuid")
        found.append((owner, "Whose row it is."))
    return found

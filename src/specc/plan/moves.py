"""Rows whose state is no more: the statements that take them where the specs say, recorded in their history.

Such a move is no edge of the lifecycle, so the guard is off while it is made, in the migration's own transaction and
under a lock that keeps all writers out. On the way back go the rows that have not moved since.
"""

from __future__ import annotations

from collections.abc import Iterator

from specc.analysis.machines import guard_of
from specc.ir.behaviour import History, Machine, State, Tenancy
from specc.ir.database import Trigger
from specc.ir.intent import Renamed, Retired
from specc.ir.model import Ir
from specc.ir.step import Step
from specc.pg.names import ident, lit, qualified
from specc.record import record


def moves(base: Ir, new: Ir) -> Iterator[Step]:
    """Yield the steps that empty what is retired since the base."""
    called = {one.identity_now[1]: one.was for one in new.all(Renamed) if one.identity_now[0] == "machine"}
    for machine in new.all(Machine):
        before = called.get(machine.name, machine.name)
        places = {
            place
            for state in base.of_machine(State, before)
            for place in (state.name, *(f"{state.name}/{one}" for one in state.substates))
        }
        known = {(one.state, one.number) for one in base.of_machine(Retired, before)}
        for one in new.of_machine(Retired, machine.name):
            if one.state in places and (one.state, one.number) not in known:
                yield _step(new, machine, one)


@record
class _Place:
    """A state, with the substate if one is meant."""

    state: str
    substate: str

    def holds(self, row: str) -> str:
        """Return the condition that a row is there."""
        text = f"{row}.state = {lit(self.state)}"
        return f"{text} and {row}.state_substate = {lit(self.substate)}" if self.substate else text

    def __str__(self) -> str:
        return f"{self.state}/{self.substate}" if self.substate else self.state


def _step(ir: Ir, machine: Machine, one: Retired) -> Step:
    state, _, substate = one.state.partition("/")
    source, target = _Place(state, substate), _Place(one.target, one.substate)
    guard = ir.by_identity[("trigger", machine.schema, machine.table, guard_of(machine.name, "update"))]
    assert isinstance(guard, Trigger)
    table = qualified(machine.schema, machine.table)
    off = f"alter table {table} disable trigger {ident(guard.name)}"
    on = f"alter table {table} enable {'always ' if guard.always else ''}trigger {ident(guard.name)}"
    up = [off, _there(ir, machine, source, target, one.where), on]
    down = [off, _back(ir, machine, source, target), on]
    return Step(one, ";\n".join(up), ";\n".join(down))


def _there(ir: Ir, machine: Machine, source: _Place, target: _Place, where: str) -> str:
    table = qualified(machine.schema, machine.table)
    columns, owner = _history(ir, machine)
    condition = source.holds(ident(machine.table))
    more = f"\n        and ({where})" if where else ""
    since = "" if source.state == target.state else ", state_since = private.now()"
    spent = "null" if source.state == target.state else "private.now() - t.state_since"
    return (
        f"with gone as (\n"
        f"    select * from {table} where {condition}{more} for update\n"
        f"), told as (\n"
        f"    update {table} as r\n"
        f"    set state = {lit(target.state)}, state_substate = {_text(target.substate)}{since}\n"
        f"    from gone as g where r.id = g.id\n"
        f"    returning g.*\n"
        f")\n"
        f"insert into {columns}\n"
        f"select {owner}t.id, t.state, {lit(target.state)}, t.state_substate, {_text(target.substate)}, {spent}, "
        f"{lit(_reason(source))}\n"
        f"from told as t"
    )


def _back(ir: Ir, machine: Machine, source: _Place, target: _Place) -> str:
    table = qualified(machine.schema, machine.table)
    columns, owner = _history(ir, machine)
    history = _history_of(ir, machine)
    mine = f"h.{ident(history.owner)} = r.{ident(_owner(ir, machine))} and " if history.owner else ""
    same = source.state == target.state
    return (
        f"with gone as (\n"
        f"    select r.*, last.from_substate\n"
        f"    from {table} as r\n"
        f"    cross join lateral (\n"
        f"        select h.from_state, h.from_substate, h.reason\n"
        f"        from {qualified(history.schema, history.table)} as h\n"
        f"        where {mine}h.row_id = r.id order by h.seq desc limit 1\n"
        f"    ) as last\n"
        f"    where {target.holds('r')}\n"
        f"        and last.from_state = {lit(source.state)} and last.reason = {lit(_reason(source))}\n"
        f"    for update of r\n"
        f"), told as (\n"
        f"    update {table} as r\n"
        f"    set state = {lit(source.state)}, state_substate = g.from_substate"
        f"{'' if same else ', state_since = private.now()'}\n"
        f"    from gone as g where r.id = g.id\n"
        f"    returning g.*\n"
        f")\n"
        f"insert into {columns}\n"
        f"select {owner}t.id, t.state, {lit(source.state)}, t.state_substate, t.from_substate, "
        f"{'null' if same else 'private.now() - t.state_since'}, {lit(f'{_reason(source)}: the way back')}\n"
        f"from told as t"
    )


def _reason(source: _Place) -> str:
    return f"migration: {source} retired"


def _text(substate: str) -> str:
    return lit(substate) if substate else "null"


def _history_of(ir: Ir, machine: Machine) -> History:
    return ir.of_machine(History, machine.name)[0]


def _owner(ir: Ir, machine: Machine) -> str:
    tenancy = ir.by_identity.get(("tenancy", machine.schema, machine.table))
    return tenancy.column if isinstance(tenancy, Tenancy) else ""


def _history(ir: Ir, machine: Machine) -> tuple[str, str]:
    """Return the history with the columns that are written, and the tenant of row `t` with a comma."""
    history = _history_of(ir, machine)
    names = "row_id, from_state, to_state, from_substate, to_substate, spent, reason"
    if not history.owner:
        return f"{qualified(history.schema, history.table)} ({names})", ""
    into = f"{qualified(history.schema, history.table)} ({ident(history.owner)}, {names})"
    return into, f"t.{ident(_owner(ir, machine))}, "

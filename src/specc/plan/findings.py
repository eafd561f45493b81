"""What a plan would lose or could not do: findings about the way from the base to the new facts.

Nothing that holds data goes without a word in the specs. Facts of both come in, the base's as they were.
"""

from __future__ import annotations

from collections.abc import Iterator

from specc.diagnostics import Diagnostic, Span
from specc.ir.behaviour import History, Machine, State, Sync
from specc.ir.database import Column, Row, Table
from specc.ir.fact import Fact, Identity
from specc.ir.intent import Renamed, Retired
from specc.ir.model import Ir
from specc.pg.names import MONITOR, fit
from specc.plan.codes import DATA_LOST, NEVER_THERE, SERVED, STATE_LOST, VALUE_MISSING
from specc.plan.data import conversion, is_filled
from specc.plan.renames import Renaming, rename_base


def findings(was: Ir, new: Ir) -> Iterator[Diagnostic]:
    """Report what the way from a base to new facts would lose, or cannot do."""
    renaming = rename_base(was, new)
    base = renaming.base
    yield from _renames(was, renaming, new)
    yield from _tables(base, new)
    yield from _columns(base, new)
    yield from _values(base, new)
    yield from _states(base, new)


def _place(new: Ir, *identities: Identity) -> Span:
    """Return the place in the specs of the first of some facts that has one."""
    found = (new.origins[one][0] for one in identities if one in new.origins)
    return next((span for span in found if span.path), Span("specc.yaml", 0, 0))


def _renames(was: Ir, renaming: Renaming, new: Ir) -> Iterator[Diagnostic]:
    for one in new.all(Renamed):
        now, before = one.identity_now, one.identity_before
        if before in was.by_identity or before in renaming.base.by_identity or _stays_with_table(one, was):
            continue
        if now in renaming.was and renaming.was[now].identity[-1] == one.was:
            # A column of a table that has another name, too.
            continue
        name = f"{now[0]} `{now[-1]}`"
        if now in was.by_identity:
            yield SERVED.at(_place(new, one.identity), f"{name} was released under this name already")
        elif now in new.by_identity:
            help = _suggested(now, was, new)
            yield NEVER_THERE.at(
                _place(new, one.identity), f"no {now[0]} `{one.was}` was released", help=help
            )


def _stays_with_table(one: Renamed, was: Ir) -> bool:
    """Whether a machine had its name from elsewhere: nothing in the database is told by it alone."""
    return one.identity_now[0] == "machine" and not was.all(Machine)


def _suggested(now: Identity, was: Ir, new: Ir) -> str:
    """Return the names of the same kind and place that are no more."""
    gone = [one[-1] for one in was.by_identity if one[:-1] == now[:-1] and one not in new.by_identity]
    return (
        f"no more there {'is' if len(gone) == 1 else 'are'} {', '.join(f'`{one}`' for one in gone)}"
        if gone
        else ""
    )


def _given_up(new: Ir, *identity: str) -> bool:
    return ("removed", " ".join(identity)) in new.by_identity


def _own(base: Ir) -> set[Identity]:
    """Return the tables that specc keeps for itself and can fill anew."""
    syncs = base.all(Sync)
    names = [fit(f"{one.machine}_{one.child}_{what}") for one in syncs for what in ("change", "count", "far")]
    return {("table", "private", name) for name in names} | {("table", MONITOR, "alert")}


def _tables(base: Ir, new: Ir) -> Iterator[Diagnostic]:
    own = _own(base)
    histories: dict[Identity, str] = {
        ("table", one.schema, one.table): one.machine for one in base.all(History)
    }
    for table in base.all(Table):
        identity = table.identity
        if identity in new.by_identity or identity in own or _given_up(new, *identity):
            continue
        machine = histories.get(identity, "")
        if machine:
            yield from _machine_lost(base, new, machine)
            continue
        others = [
            one.name
            for one in new.all(Table)
            if one.schema == table.schema and one.identity not in base.by_identity
        ]
        help = (
            f"if it is {' or '.join(f'`{one}`' for one in others[:3])} now, write `renamed_from: {table.name}` there"
            if others
            else f"a `removals` document with `tables: {{{table.name}: WHY}}` gives it up"
        )
        yield DATA_LOST.at(
            _place(new), f"table `{table.schema}.{table.name}` would be dropped with its rows", help=help
        )


def _machine_lost(base: Ir, new: Ir, name: str) -> Iterator[Diagnostic]:
    machine = base.by_identity[("machine", name)]
    assert isinstance(machine, Machine)
    table = ("table", machine.schema, machine.table)
    if _given_up(new, "machine", name) or table not in new.by_identity:
        return
    yield DATA_LOST.at(
        _place(new, table),
        f"the states of `{machine.table}` and their history would be dropped with machine `{name}`",
        help=f"a `removals` document with `machines: {{{name}: WHY}}` gives them up",
    )


def _columns(base: Ir, new: Ir) -> Iterator[Diagnostic]:
    own = _own(base) | {("table", one.schema, one.table) for one in base.all(History)}
    lost = {(one.schema, one.table) for one in base.all(Machine) if one.identity not in new.by_identity}
    for column in base.all(Column):
        table: Identity = ("table", column.schema, column.table)
        if column.identity in new.by_identity or table not in new.by_identity or table in own:
            continue
        is_state = column.name in _OF_MACHINES and (column.schema, column.table) in lost
        if column.generated or is_state or _given_up(new, *column.identity):
            continue
        yield DATA_LOST.at(
            _place(new, table),
            f"column `{column.name}` of `{column.table}` would be dropped with what it holds",
            help=_column_help(column, base, new),
        )


_OF_MACHINES = ("state", "state_substate", "state_since", "attempt", "retry_at")


def _column_help(column: Column, base: Ir, new: Ir) -> str:
    others = [
        one.name
        for one in new.of_table(Column, column.schema, column.table)
        if one.identity not in base.by_identity and one.type == column.type
    ]
    if others:
        named = " or ".join(f"`{one}`" for one in others[:3])
        return f"if it is {named} now, write `renamed_from: {column.name}` there"
    return f"`removed: {{{column.name}: WHY}}` gives it up"


def _values(base: Ir, new: Ir) -> Iterator[Diagnostic]:
    for column in new.all(Column):
        table = ("table", column.schema, column.table)
        is_new = table in base.by_identity and column.identity not in base.by_identity
        has_value = is_filled(column) or not column.not_null
        declared = bool(base.of_table(Row, column.schema, column.table))
        if (
            is_new
            and not has_value
            and not declared
            and conversion(column, new) is None
            and table not in _own(new)
        ):
            yield VALUE_MISSING.at(
                _place(new, column.identity, table),
                f"rows of `{column.table}` that are there would have no `{column.name}`",
                help="give it a default, an expression under `using`, or let it be `null`",
            )


def _states(base: Ir, new: Ir) -> Iterator[Diagnostic]:
    called = {
        one.identity_before[1]: one.identity_now[1]
        for one in new.all(Renamed)
        if one.identity_now[0] == "machine"
    }
    for state in base.all(State):
        name = called.get(state.machine, state.machine)
        machine = new.by_identity.get(("machine", name))
        if machine is None:
            continue
        renames = {
            one.was: one.identity_now[2]
            for one in new.all(Renamed)
            if one.identity_now[:2] == ("state", name)
        }
        now = new.by_identity.get(("state", name, renames.get(state.name, state.name)))
        retired = {one.state for one in new.of_machine(Retired, name)}
        if not isinstance(now, State):
            if state.name not in retired:
                yield _lost(new, machine, state.name, "state")
            continue
        for substate in state.substates:
            if substate not in now.substates and f"{state.name}/{substate}" not in retired:
                yield _lost(new, machine, f"{state.name}/{substate}", "substate")


def _lost(new: Ir, machine: Fact, place: str, kind: str) -> Diagnostic:
    return STATE_LOST.at(
        _place(new, machine.identity),
        f"rows of `{machine.identity[1]}` in {kind} `{place}` would have nowhere to be",
        help=f"`retired: {{{place}: STATE}}` in the lifecycle says where they go",
    )

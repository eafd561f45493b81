"""What may be wrong between a parent and its children although triggers forbid it.

Out come problems for the machine's check, and what counts children anew. Nothing here moves a child: one that is
open under a settled parent came there past the triggers, and what it is worth only people know.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from specc.analysis.machines import BoundMachine, Place
from specc.analysis.maintenance import Problem
from specc.analysis.syncs import BoundSync, Condition, condition, is_readable, meant, syncs
from specc.analysis.tables import BoundTable
from specc.ir.fact import Identity
from specc.kinds.machine_sync_objects import change_of, count_of, tables_of
from specc.lang.project import Project
from specc.pg.names import fit, ident, lit, qualified


def problems(machine: BoundMachine, _: BoundTable, project: Project) -> Iterator[Problem]:
    """Yield what says that a row and its children disagree: an invariant is broken, or a count is wrong.

    Invariants that hold only eventually say nothing of a moment.
    """
    found = {sync.child.name: sync for sync in syncs(project).get(machine.name, ())}
    for name, spec in machine.entry.spec.invariants.items():
        for child, when in spec.then.items():
            if child in found and not spec.eventually and is_readable(machine, spec.if_):
                yield from _broken(found[child], name, tuple(spec.if_), condition(when))
    for sync in found.values():
        yield from _open_ones(sync)
        yield Problem(f"counts of its {sync.child.name} are wrong", _miscounted(sync), _counted(sync))


def needs(machine: BoundMachine, project: Project) -> Iterator[Identity]:
    """Yield what the conditions of the problems name."""
    for sync in syncs(project).get(machine.name, ()):
        yield ("table", sync.child.schema, sync.child.table)
        yield from (("table", "private", name) for name in tables_of(sync))


def _broken(sync: BoundSync, name: str, given: tuple[str, ...], when: Condition) -> Iterator[Problem]:
    if is_readable(sync.child, when.words):
        here = _in_places(sync.parent, meant(sync.parent, given), "r")
        yield Problem(f"invariant {name}", f"({here}) and not ({_holds(sync, when)})", _children(sync))


def _holds(sync: BoundSync, when: Condition) -> str:
    """Return the condition that something holds of the children of row `r`."""
    child = sync.child
    of_row = _of_row(sync)
    every, some, no = (
        _in_places(child, meant(child, words), "c") for words in (when.all, when.any, when.none)
    )
    parts = [f"not exists (select {of_row})"] if when.empty else []
    parts += [f"not exists (select {of_row} and not ({every}))"] if when.all else []
    parts += [f"exists (select {of_row} and ({some}))"] if when.any else []
    parts += [f"not exists (select {of_row} and ({no}))"] if when.none else []
    return " and ".join(parts) or "true"


def _open_ones(sync: BoundSync) -> Iterator[Problem]:
    """Yield the problem of an open child under a parent that settles its own, where none may come later."""
    if sync.downs and sync.refuses_births:
        settled = {place for place in sync.parent.places if place[1] and place[0] in sync.downs}
        is_open = _in_places(sync.child, (place for place in sync.child.places if not place[1]), "c")
        yield Problem(
            f"settled with an open {sync.child.name}",
            f"({_in_places(sync.parent, settled, 'r')}) and exists (select {_of_row(sync)} and ({is_open}))",
            _children(sync),
        )


def _of_row(sync: BoundSync) -> str:
    return f"from {qualified(sync.child.schema, sync.child.table)} as c where c.{ident(sync.column)} = r.id"


def _children(sync: BoundSync) -> str:
    """Return the text that says where the row and its children are."""
    listed = f"select string_agg(distinct c.state::text, ', ' order by c.state::text) {_of_row(sync)}"
    return f"concat(r.state, ', its {sync.child.name}: ', ({listed}))"


def _miscounted(sync: BoundSync) -> str:
    known, truth = _known(sync), _truth(sync)
    return f"exists (({known} except {truth}) union all ({truth} except {known}))"


def _counted(sync: BoundSync) -> str:
    listed = "select string_agg(concat(k.number, ' ', k.state), ', ' order by k.state) from"
    return (
        f"concat('counted ', coalesce(({listed} ({_known(sync)}) as k), 'none'), ', found ', "
        f"coalesce(({listed} ({_truth(sync)}) as k), 'none'))"
    )


def _known(sync: BoundSync) -> str:
    change = f"from private.{ident(change_of(sync))} as c where c.parent_id = r.id"
    return (
        "(select k.state::text as state, k.settled, sum(k.number)::bigint as number from ("
        f"select c.state, c.settled, c.children as number from private.{ident(count_of(sync))} as c"
        " where c.parent_id = r.id"
        f" union all select c.to_state, c.to_settled, c.children {change} and c.to_state is not null"
        f" union all select c.from_state, c.from_settled, -c.children {change} and c.from_state is not null"
        ") as k group by 1, 2 having sum(k.number) <> 0)"
    )


def _truth(sync: BoundSync) -> str:
    settled = f"not {sync.child.is_open('c')}"
    return f"(select c.state::text as state, {settled} as settled, count(*) as number {_of_row(sync)} group by 1, 2)"


def _in_places(machine: BoundMachine, places: Iterable[Place], row: str) -> str:
    found = set(places)
    whole = [state for state in machine.lifecycle.states if found >= {*machine.places_of(state)}]
    parts = [f"{row}.state in ({', '.join(lit(state) for state in whole)})"] if whole else []
    for state, over in machine.places:
        if state not in whole and (state, over) in found:
            parts.append(
                f"{row}.state = {lit(state)} and {row}.attempt {'>=' if over else '<'} {machine.attempts}"
            )
    return " or ".join(parts) or "false"


def recounts(machine: BoundMachine, project: Project) -> list[tuple[str, str]]:
    """Return for each kind of children what counts them anew, in `private`."""
    found = syncs(project).get(machine.name, ())
    return [(sync.child.name, fit(f"{sync.stem}_recount")) for sync in found]

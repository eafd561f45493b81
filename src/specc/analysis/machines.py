"""Machines with their lifecycles: the states, the edges and the names that follow from them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any

from specc.ir.behaviour import Machine, State, Transition
from specc.ir.model import Ir
from specc.lang.project import Entry, Project
from specc.pg.names import fit, lit

Edge = tuple[str, str]
Place = tuple[str, bool]
"""A state, and whether a row in it is settled."""


@dataclass(frozen=True, eq=False)
class Lifecycle:
    """States in order, and the edges between them."""

    states: tuple[str, ...]
    initial: tuple[str, ...]
    terminal: tuple[str, ...]
    resting: tuple[str, ...]
    """States declared settled: the work is over there, though a step may follow."""
    substates: Mapping[str, tuple[str, ...]]
    steps: tuple[Edge, ...]
    recoveries: tuple[Edge, ...]
    is_complete: bool = True
    """Whether what its moves say can be told: every state is declared, nothing leads out of a terminal one. What
    follows from the other moves is else a guess.
    """
    retired: tuple[str, ...] = ()
    """States that are no more; the enum keeps their labels, since history tells of them."""

    @cached_property
    def is_sound(self) -> bool:
        """Whether nothing is wrong with it in itself: else what its machines miss may only follow from that."""
        return self.is_complete and bool(self.initial) and not self.unreached() and not self.traps()

    @cached_property
    def following(self) -> dict[str, tuple[str, ...]]:
        """For each state, the states a step leads to."""
        return _following(self.states, self.steps)

    @cached_property
    def recovering(self) -> dict[str, tuple[str, ...]]:
        """For each state, the states a recovery leads to."""
        return _following(self.states, self.recoveries)

    @cached_property
    def recoverable(self) -> tuple[str, ...]:
        """States that only a recovery leads out of: settled once a row's attempts are spent."""
        return tuple(
            state
            for state in self.states
            if self.recovering[state] and not self.following[state] and state not in self.resting
        )

    def reached(self) -> set[str]:
        """Return the states that a row can come into."""
        return _closure(self.initial, [*self.steps, *self.recoveries])

    def escaping(self) -> set[str]:
        """Return the states from which a row can come to an end."""
        backwards = [(target, source) for source, target in (*self.steps, *self.recoveries)]
        return _closure(self.ends, backwards)

    def traps(self) -> list[tuple[str, ...]]:
        """Return the sets of states that a row comes into and never leaves, nor ends in: the smallest ones."""
        return self._closed(self.reached() - self.escaping(), [*self.steps, *self.recoveries])

    def unreached(self) -> list[tuple[str, ...]]:
        """Return the sets of states that no row comes into, nor any of them from another set: the first ones."""
        backwards = [(target, source) for source, target in (*self.steps, *self.recoveries)]
        return self._closed({*self.states} - self.reached(), backwards)

    @cached_property
    def gap(self) -> tuple[Edge, ...]:
        """The moves that would mend all: from states that lead nowhere to those that nothing leads to.

        Only where one state is on one of the sides, so that it is clear which moves are missing.
        """
        links = tuple((dead[0], lost[0]) for dead in self.traps() for lost in self.unreached())
        is_clear = links and 1 in (len({source for source, _ in links}), len({target for _, target in links}))
        return links if is_clear and replace(self, steps=(*self.steps, *links)).is_sound else ()

    def _closed(self, within: set[str], edges: list[Edge]) -> list[tuple[str, ...]]:
        """Return the smallest sets of states that edges do not lead out of, in the order of the states."""
        onward = {state: _closure((state,), edges) for state in self.states if state in within}
        closed = [way for state, way in onward.items() if all(state in onward.get(one, ()) for one in way)]
        return list(dict.fromkeys(tuple(state for state in self.states if state in way) for way in closed))

    @property
    def ends(self) -> tuple[str, ...]:
        """The states in which a life may end: terminal ones, and those declared settled."""
        return (*self.terminal, *self.resting)

    @cached_property
    def ways(self) -> dict[str, tuple[str, ...]]:
        """For each state that rows reach the way there, both ends included, that takes the fewest recoveries, and
        of such the fewest moves.
        """
        queue: list[tuple[int, tuple[str, ...]]] = [(0, (state,)) for state in self.initial]
        ways: dict[str, tuple[str, ...]] = {}
        while queue:
            spent, way = queue.pop(0)
            if way[-1] in ways:
                continue
            ways[way[-1]] = way
            queue += [(spent, (*way, target)) for target in self.following[way[-1]]]
            queue += [(spent + 1, (*way, target)) for target in self.recovering[way[-1]]]
            queue.sort(key=lambda one: (one[0], len(one[1])))
        return ways

    def spent(self, way: tuple[str, ...]) -> int:
        """Return how many recoveries a way takes."""
        return sum(move in self.recoveries for move in pairwise(way))

    def worn(self, attempts: int) -> dict[str, tuple[str, ...]]:
        """Return for each state that recovers the ways there with all attempts spent but one, and with all."""
        worn, ways = {}, self.ways
        for source, target in self.recoveries:
            way, back = ways.get(source, ()), self.shortest[target].get(source)
            for spent in (attempts - 1, attempts):
                more = spent - self.spent(way)
                if way and back is not None and more >= 0:
                    worn[f"{source} after {spent}"] = way + back * more
        return worn

    @cached_property
    def shortest(self) -> dict[str, dict[str, tuple[str, ...]]]:
        """For each state the shortest ways by steps alone to itself and to all that steps lead to, both ends
        included; of two as short the one whose first moves are declared first.
        """
        return {state: self._shortest(state) for state in self.states}

    def _shortest(self, start: str) -> dict[str, tuple[str, ...]]:
        ways: dict[str, tuple[str, ...]] = {start: (start,)}
        queue = [start]
        for state in queue:
            for target in (after for after in self.following[state] if after not in ways):
                ways[target] = (*ways[state], target)
                queue.append(target)
        return ways


def _following(states: Iterable[str], edges: Iterable[Edge]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {state: [] for state in states}
    for source, target in edges:
        found[source].append(target)
    return {state: tuple(targets) for state, targets in found.items()}


def _closure(start: Iterable[str], edges: Iterable[Edge]) -> set[str]:
    ways: dict[str, list[str]] = {}
    for source, target in edges:
        ways.setdefault(source, []).append(target)
    found = set(start)
    queue = list(found)
    for current in queue:
        for target in ways.get(current, ()):
            if target not in found:
                found.add(target)
                queue.append(target)
    return found


@lru_cache(maxsize=4096)
def lifecycle_of(entry: Entry) -> Lifecycle:
    """Return the lifecycle that an entry declares.

    Left out are edges at states it does not declare, those that are none (from a state to itself), and a step
    that is declared as a recovery, too: each is a finding about the lifecycle, and none about its machines.
    """
    spec = entry.spec
    states = tuple(spec.states)
    terminal = tuple(name for name in states if spec.states[name].is_ == "terminal")
    named = {*spec.transitions, *spec.recovery, *spec.recovery.values()}.union(*spec.transitions.values())
    leaving = {source for source, targets in spec.transitions.items() if targets} | {*spec.recovery}
    recoveries = tuple(edge for edge in spec.recovery.items() if _is_move(edge, states))
    steps = dict.fromkeys(
        (source, target) for source, targets in spec.transitions.items() for target in targets
    )
    return Lifecycle(
        states=states,
        initial=tuple(name for name in states if spec.states[name].is_ == "initial"),
        terminal=terminal,
        resting=tuple(name for name in states if spec.states[name].is_ == "settled"),
        substates={name: tuple(state.substates) for name, state in spec.states.items()},
        steps=tuple(edge for edge in steps if _is_move(edge, states) and edge not in recoveries),
        recoveries=recoveries,
        is_complete=named <= spec.states.keys() and leaving.isdisjoint(terminal) and not _leads_nowhere(spec),
        retired=tuple(name for name in spec.retired if "/" not in name),
    )


def _leads_nowhere(spec: Any) -> bool:
    """Whether a state leads to itself alone, where another one must be meant."""
    to_itself = any(targets and {*targets} == {source} for source, targets in spec.transitions.items())
    return to_itself or any(source == target for source, target in spec.recovery.items())


def _is_move(edge: Edge, states: tuple[str, ...]) -> bool:
    source, target = edge
    return source in states and target in states and source != target


def lifecycle_of_facts(ir: Ir, machine: Machine) -> Lifecycle:
    """Return a machine's lifecycle, put together from its facts."""
    states = sorted(ir.of_machine(State, machine.name), key=lambda one: one.position)
    moves = ir.of_machine(Transition, machine.name)
    return Lifecycle(
        states=tuple(one.name for one in states),
        initial=tuple(one.name for one in states if one.role == "initial"),
        terminal=tuple(one.name for one in states if one.role == "terminal"),
        resting=tuple(one.name for one in states if one.role == "settled"),
        substates={one.name: one.substates for one in states},
        steps=tuple((one.source, one.target) for one in moves if one.form == "step"),
        recoveries=tuple((one.source, one.target) for one in moves if one.form == "recovery"),
    )


@dataclass(frozen=True, eq=False)
class Course:
    """What rows of a machine may live through: its lifecycle, with so many attempts."""

    name: str
    schema: str
    table: str
    lifecycle: Lifecycle
    attempts: int

    @property
    def recoveries(self) -> tuple[Edge, ...]:
        """The recovery edges a row can ever take: none without attempts."""
        return self.lifecycle.recoveries if self.attempts else ()

    @cached_property
    def recoverable(self) -> tuple[str, ...]:
        """States in which a row is settled only once its attempts are spent."""
        return self.lifecycle.recoverable if self.attempts else ()

    @cached_property
    def settled(self) -> tuple[str, ...]:
        """States in which every row is settled: its work is over, for good or ill.

        With `recoverable`, the one meaning of "settled" in all that is generated.
        """
        life = self.lifecycle
        over = {*life.terminal, *life.resting, *life.recoverable} - {*self.recoverable}
        return tuple(state for state in life.states if state in over)

    @cached_property
    def open(self) -> tuple[str, ...]:
        """States in which no row is settled."""
        return tuple(
            state for state in self.lifecycle.states if state not in (*self.settled, *self.recoverable)
        )

    @cached_property
    def endings(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The states in which a row has ended, for good or until it recovers, and those of failure."""
        failing = tuple(state for state in self.lifecycle.states if self.lifecycle.recovering[state])
        over = tuple(state for state in self.lifecycle.states if state in (*self.settled, *failing))
        return over, failing

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """The places of a life: each state, and one from which rows recover both with attempts left and spent."""
        return tuple(place for state in self.lifecycle.states for place in self.places_of(state))

    def places_of(self, state: str) -> tuple[Place, ...]:
        """Return the places in which rows of one state are."""
        return (
            ((state, False), (state, True))
            if state in self.recoverable
            else ((state, state in self.settled),)
        )

    def is_open(self, alias: str = "") -> str:
        """Return the SQL condition that a row is not settled, always the same text, so that an index fits it."""
        row = f"{alias}." if alias else ""
        condition = (
            f"{row}state in ({', '.join(lit(state) for state in self.open)})" if self.open else "false"
        )
        if self.recoverable:
            spent = f"{row}state in ({', '.join(lit(state) for state in self.recoverable)})"
            condition = f"({condition} or {spent} and {row}attempt < {self.attempts})"
        return condition


def course_of_facts(ir: Ir, machine: Machine) -> Course:
    """Return a machine's course, put together from its facts.

    Without attempts there is no fact about a recovery: a state that only recoveries lead out of is an end.
    """
    life = lifecycle_of_facts(ir, machine)
    dead = (one for one in life.states if not life.following[one] and not life.recovering[one])
    life = replace(life, resting=tuple(dict.fromkeys((*life.resting, *dead))))
    return Course(machine.name, machine.schema, machine.table, life, machine.attempts)


@dataclass(frozen=True, eq=False)
class BoundMachine(Course):
    """A machine with its table and its lifecycle."""

    entry: Entry
    lifecycle_name: str
    writes: str
    """`single` or `bulk`: how many rows one statement usually moves."""

    @property
    def enum(self) -> str:
        """The name of the state type: `<table>_state`, in the table's schema."""
        return fit(f"{self.table}_state")

    @property
    def history(self) -> str:
        """The name of the table of its moves, in the table's schema."""
        return fit(f"{self.table}_state_history")

    @property
    def status(self) -> str:
        """The name of the view with state and substate in one name, in the table's schema."""
        return fit(f"{self.name}_status")

    @property
    def may_carry(self) -> str:
        """The name of the function in `private` that says whether a state has a substate."""
        return fit(f"{self.name}_may_carry")

    @property
    def may_move(self) -> str:
        """The name of the function that says whether a move is legal, in the table's schema."""
        return fit(f"{self.name}_may_move")


def guard_of(machine: str, event: str) -> str:
    """Return the name of the trigger that guards a machine's rows on `insert` or `update`.

    It sorts before others' names, so that no AFTER trigger acts on a row about to be refused.
    """
    return fit(f"00_{fit(f'{machine}_guard_{event}')}")


@lru_cache(maxsize=8)
def machines(project: Project) -> Mapping[str, BoundMachine]:
    """Return the machines whose table and lifecycle are there, by the full name of the table."""
    return {f"{one.schema}.{one.table}": one for one in _bound(project)}


def bound(entry: Entry, project: Project) -> BoundMachine | None:
    """Return the machine that an entry makes; None without a table, or for the second machine of a table."""
    table = entry.spec.rows_of or entry.name
    machine = machines(project).get(project.full_name("table", table))
    return machine if machine is not None and machine.entry is entry else None


def _bound(project: Project) -> Iterator[BoundMachine]:
    for entry in project.all("machine"):
        spec = entry.spec
        table = project.find("table", spec.rows_of or entry.name)
        lifecycle = project.find("lifecycle", spec.follows)
        if table is None or lifecycle is None or lifecycle.spec is None:
            continue
        schema, name = project.full_name("table", table.name).split(".", 1)
        life = lifecycle_of(lifecycle)
        yield BoundMachine(entry.name, schema, name, life, spec.attempts, entry, lifecycle.name, spec.writes)

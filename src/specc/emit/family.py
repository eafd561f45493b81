"""A few rows of machines that follow each other, moved as the facts about syncs say: what tests expect.

In go facts and steps; out comes where everybody is. It knows nothing of the triggers and functions that do the
same in the database.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

from specc.analysis.machines import Course, Place, course_of_facts
from specc.analysis.product import condition_test, settles
from specc.analysis.syncs import Condition, meant, way_down
from specc.ir.behaviour import Invariant, Machine, Sync, SyncDown, SyncUp
from specc.ir.model import Ir

REFUSED = "PT409"


class CannotBe(Exception):  # noqa: N818 - no error: the steps are not those of any life
    """A step does not begin where its row is."""


class Refused(Exception):  # noqa: N818 - what the database must do, too
    """A row may not come under a settled one."""


@dataclass
class Row:
    """A row of a machine; `under` says for each sync in which it is the child whose child it is."""

    course: Course
    state: str
    under: dict[tuple[str, str], str]
    attempt: int = 0
    substate: str = ""
    moves: int = 0

    def move(self, state: str, substate: str = "") -> None:
        """Take a step or a recovery."""
        self.attempt += (self.state, state) in self.course.lifecycle.recoveries
        self.state, self.substate, self.moves = state, substate, self.moves + 1

    @property
    def place(self) -> Place:
        """Where it is."""
        spent = self.state in self.course.recoverable and self.attempt >= self.course.attempts
        return self.state, spent or self.state in self.course.settled

    def __str__(self) -> str:
        place = f"{self.state}/{self.substate}" if self.substate else self.state
        return f"{place} in {self.moves}"


@dataclass(frozen=True)
class Facts:
    """The facts about machines and syncs, by what is asked of them."""

    ir: Ir

    @cached_property
    def courses(self) -> dict[str, Course]:
        """Each machine by its name."""
        return {one.name: course_of_facts(self.ir, one) for one in self.ir.all(Machine)}

    @cached_property
    def syncs(self) -> tuple[Sync, ...]:
        """Every sync."""
        return tuple(self.ir.all(Sync))

    def ups(self, sync: Sync) -> list[SyncUp]:
        """Return the rules of a sync in the order in which they are tried."""
        found = [one for one in self.ir.of_machine(SyncUp, sync.machine) if one.child == sync.child]
        return sorted(found, key=lambda one: int(one.number))

    def downs(self, sync: Sync) -> dict[str, tuple[str, ...]]:
        """Return for each state that settles children where these may go."""
        found = self.ir.of_machine(SyncDown, sync.machine)
        return {one.state: one.targets for one in found if one.child == sync.child}

    def invariants(self, sync: Sync) -> list[Invariant]:
        """Return what always holds of a row and its children of this sync."""
        return [one for one in self.ir.of_machine(Invariant, sync.machine) if one.child == sync.child]


@dataclass
class Family:
    """Rows by name; `truths` are the conditions on parents' own rows that hold."""

    facts: Facts
    truths: frozenset[str]
    rows: dict[str, Row] = field(default_factory=dict)

    def born(self, name: str, machine: str, under: Mapping[tuple[str, str], str], state: str = "") -> None:
        """Let a row come in its first state. Raises `Refused`."""
        course = self.facts.courses[machine]
        self._arrive(under)
        self.rows[name] = Row(course, state or course.lifecycle.initial[0], dict(under))
        self._follow_parents(under.values())

    def point(self, name: str, sync: Sync, parent: str) -> None:
        """Let a child come under another parent, or "" for none. Raises `Refused`."""
        key, under = (sync.machine, sync.child), self.rows[name].under
        before = under.pop(key, "")
        if parent and parent != before:
            self._arrive({key: parent})
        if parent:
            under[key] = parent
        self._follow_parents(one for one in (before, parent) if one)

    def gone(self, name: str) -> None:
        """Let a row be deleted."""
        self._follow_parents(self.rows.pop(name).under.values())

    def step(self, name: str, state: str) -> None:
        """Move a row by one of its moves. Raises `CannotBe`."""
        self.steps({name: state})

    def steps(self, moves: Mapping[str, str]) -> None:
        """Move rows of one machine in one statement. Raises `CannotBe`."""
        for name, state in moves.items():
            row = self.rows[name]
            edge, life = (row.state, state), row.course.lifecycle
            if edge not in (*life.steps, *life.recoveries):
                raise CannotBe
            row.move(state)
        for name in moves:
            self._moved(name)

    def _arrive(self, under: Mapping[tuple[str, str], str]) -> None:
        for sync in self.facts.syncs:
            parent = under.get((sync.machine, sync.child))
            if parent and sync.refuses_births and self.rows[parent].place[1]:
                raise Refused

    def _moved(self, name: str) -> None:
        self._settle(name)
        self._follow(name)
        self._follow_parents(self.rows[name].under.values())

    def children(self, name: str, sync: Sync) -> list[str]:
        """Return the children of a row by a sync."""
        key = (sync.machine, sync.child)
        return [one for one, row in self.rows.items() if row.under.get(key) == name]

    def bag(self, name: str, sync: Sync) -> tuple[Place, ...]:
        """Return where the children of a row are."""
        return tuple(sorted(self.rows[one].place for one in self.children(name, sync)))

    def _of(self, name: str) -> Iterator[Sync]:
        """Yield the syncs in which a row is a parent."""
        return (one for one in self.facts.syncs if one.machine == self.rows[name].course.name)

    def _settle(self, name: str) -> None:
        parent = self.rows[name]
        if not settles(parent.course, parent.place):
            return
        for sync in self._of(name):
            targets = self.facts.downs(sync).get(parent.state, ())
            for child in self.children(name, sync) if targets else ():
                while not self.rows[child].place[1]:
                    self._hop(child, targets)

    def _hop(self, child: str, targets: tuple[str, ...]) -> None:
        """Take a child all the way down, or as far as it waits to recover once more."""
        row = self.rows[child]
        way = way_down(row.course, row.state, targets)
        if not way:
            raise CannotBe
        substates = {to: substate for to, _, substate in (one.partition("/") for one in reversed(targets))}
        for source, target in pairwise(way):
            if row.state == source:
                row.move(target, substates[target] if target == way[-1] else "")
                self._moved(child)

    def _follow_parents(self, parents: Iterable[str]) -> None:
        for parent in tuple(parents):
            self._follow(parent)

    def _follow(self, name: str) -> None:
        for up in self.following(name):
            self.step(name, up.target)
            return

    def following(self, name: str) -> Iterator[SyncUp]:
        """Yield the rules that apply to a row, in order."""
        row = self.rows[name]
        for sync in self._of(name):
            child, bag = self.facts.courses[sync.child], self.bag(name, sync)
            for up in self.facts.ups(sync):
                is_meant = up.source == row.state and (not up.where or up.where in self.truths)
                if is_meant and condition_test(child, _condition(up))(bag):
                    yield up

    def broken(self, name: str, sync: Sync) -> list[str]:
        """Return the invariants that do not hold of a row and its children of a sync."""
        if name not in self.rows:
            return []
        row, bag, child = self.rows[name], self.bag(name, sync), self.facts.courses[sync.child]
        return [
            one.name
            for one in self.facts.invariants(sync)
            if row.place in meant(row.course, one.given)
            and not condition_test(child, _condition(one), claim=True)(bag)
        ]


def _condition(one: SyncUp | Invariant) -> Condition:
    return Condition(one.all, one.any, one.none, one.empty)

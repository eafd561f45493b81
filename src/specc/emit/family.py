"""A few rows of machines that follow each other, moved as the facts about syncs say: what tests expect.

In go facts and steps; out comes where everybody is. It knows nothing of the triggers and functions that do the
same in the database.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

from specc.analysis.machines import Course, Place, course_of_facts
from specc.analysis.product import Test, condition_test, settles
from specc.analysis.syncs import Condition, meant, way_down
from specc.ir.behaviour import Invariant, Machine, Sync, SyncDown, SyncUp
from specc.ir.model import Ir
from specc.record import record

REFUSED = "PT409"


class CannotBe(Exception):  # noqa: N818 - no error: the steps are not those of any life
    """A step does not begin where its row is."""


class Refused(Exception):  # noqa: N818 - what the database must do, too
    """A row may not come under a settled one."""


@record
class Row:
    """A row of a machine; `under` says for each sync in which it is the child whose child it is."""

    course: Course
    state: str
    under: Mapping[tuple[str, str], str]
    attempt: int = 0
    substate: str = ""
    moves: int = 0

    def moved(self, state: str, substate: str = "") -> Row:
        """Return it after a step or a recovery."""
        attempt = self.attempt + ((self.state, state) in self.course.lifecycle.recoveries)
        return Row(self.course, state, self.under, attempt, substate, self.moves + 1)

    @property
    def place(self) -> Place:
        """Where it is."""
        spent = self.state in self.course.recoverable and self.attempt >= self.course.attempts
        return self.state, spent or self.state in self.course.settled

    def __str__(self) -> str:
        place = f"{self.state}/{self.substate}" if self.substate else self.state
        return f"{place} in {self.moves}"


@dataclass(frozen=True, eq=False)
class Bond:
    """A sync with its two machines, its rules in the order in which they are tried, and its invariants."""

    sync: Sync
    parent: Course
    child: Course
    ups: tuple[SyncUp, ...]
    downs: Mapping[str, tuple[str, ...]]
    """For each state that settles children where these may go."""
    invariants: tuple[Invariant, ...]

    @cached_property
    def key(self) -> tuple[str, str]:
        """The names of the machines."""
        return self.parent.name, self.child.name

    @cached_property
    def rules(self) -> dict[str, list[tuple[SyncUp, Test]]]:
        """For each state the rules that lead out of it, and what they ask of the children."""
        found: dict[str, list[tuple[SyncUp, Test]]] = {}
        for up in self.ups:
            found.setdefault(up.source, []).append((up, condition_test(self.child, _condition(up))))
        return found

    @cached_property
    def claims(self) -> list[tuple[frozenset[Place], Test]]:
        """The invariants: in which places of the parent what must hold of its children."""
        return [
            (meant(self.parent, one.given), condition_test(self.child, _condition(one), claim=True))
            for one in self.invariants
        ]


@dataclass(frozen=True)
class Facts:
    """The facts about machines and syncs, by what is asked of them."""

    ir: Ir

    @cached_property
    def courses(self) -> dict[str, Course]:
        """Each machine by its name."""
        return {one.name: course_of_facts(self.ir, one) for one in self.ir.all(Machine)}

    @cached_property
    def bonds(self) -> tuple[Bond, ...]:
        """Every sync."""
        return tuple(map(self._bond, self.ir.all(Sync)))

    def _bond(self, sync: Sync) -> Bond:
        ups = [one for one in self.ir.of_machine(SyncUp, sync.machine) if one.child == sync.child]
        downs = [one for one in self.ir.of_machine(SyncDown, sync.machine) if one.child == sync.child]
        claims = [one for one in self.ir.of_machine(Invariant, sync.machine) if one.child == sync.child]
        return Bond(
            sync, self.courses[sync.machine], self.courses[sync.child],
            tuple(sorted(ups, key=lambda one: int(one.number))),
            {one.state: one.targets for one in downs},
            tuple(claims),
        )  # fmt: skip

    @cached_property
    def below(self) -> dict[str, list[Bond]]:
        """For each machine that is a parent its syncs."""
        found: dict[str, list[Bond]] = {}
        for bond in self.bonds:
            found.setdefault(bond.parent.name, []).append(bond)
        return found


@dataclass
class Family:
    """Rows by name; `truths` are the conditions on parents' own rows that hold."""

    facts: Facts
    truths: frozenset[str]
    rows: dict[str, Row]

    def copy(self) -> Family:
        """Return a family that moves on by itself."""
        return Family(self.facts, self.truths, dict(self.rows))

    def born(self, name: str, machine: str, under: Mapping[tuple[str, str], str]) -> None:
        """Let a row come in its first state. Raises `Refused`."""
        course = self.facts.courses[machine]
        self._arrive(under)
        self.rows[name] = Row(course, course.lifecycle.initial[0], under)
        self._follow_parents(under.values())

    def point(self, name: str, bond: Bond, parent: str) -> None:
        """Let a child come under another parent, or "" for none. Raises `Refused`."""
        under = dict(self.rows[name].under)
        before = under.pop(bond.key, "")
        if parent and parent != before:
            self._arrive({bond.key: parent})
        if parent:
            under[bond.key] = parent
        self.rows[name] = replace(self.rows[name], under=under)
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
            if edge not in life.steps and edge not in life.recoveries:
                raise CannotBe
            self.rows[name] = row.moved(state)
        for name in moves:
            self._moved(name)

    def _arrive(self, under: Mapping[tuple[str, str], str]) -> None:
        for bond in self.facts.bonds:
            if bond.sync.refuses_births and bond.key in under and self.rows[under[bond.key]].place[1]:
                raise Refused

    def _moved(self, name: str) -> None:
        self._settle(name)
        self._follow(name)
        self._follow_parents(self.rows[name].under.values())

    def children(self, name: str, bond: Bond) -> list[str]:
        """Return the children of a row by a sync."""
        return [one for one, row in self.rows.items() if row.under.get(bond.key) == name]

    def bag(self, name: str, bond: Bond) -> tuple[Place, ...]:
        """Return where the children of a row are."""
        return tuple(sorted(self.rows[one].place for one in self.children(name, bond)))

    def _settle(self, name: str) -> None:
        course = self.rows[name].course
        if not settles(course, self.rows[name].place):
            return
        for bond in self.facts.below.get(course.name, ()):
            targets = bond.downs.get(self.rows[name].state, ())
            for child in self.children(name, bond) if targets else ():
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
            if self.rows[child].state == source:
                substate = substates[target] if target == way[-1] else ""
                self.rows[child] = self.rows[child].moved(target, substate)
                self._moved(child)

    def _follow_parents(self, parents: Iterable[str]) -> None:
        for parent in parents:
            self._follow(parent)

    def _follow(self, name: str) -> None:
        for up in self.following(name):
            self.step(name, up.target)
            return

    def following(self, name: str) -> Iterator[SyncUp]:
        """Yield the rules that apply to a row, in order."""
        row = self.rows[name]
        for bond in self.facts.below.get(row.course.name, ()):
            rules = bond.rules.get(row.state, ())
            bag = self.bag(name, bond) if rules else ()
            for up, holds in rules:
                if (not up.where or up.where in self.truths) and holds(bag):
                    yield up

    def is_broken(self, name: str, bond: Bond) -> bool:
        """Whether an invariant does not hold of a row and its children of a sync."""
        if name not in self.rows:
            return False
        place, bag = self.rows[name].place, self.bag(name, bond)
        return any(place in given and not holds(bag) for given, holds in bond.claims)


def _condition(one: SyncUp | Invariant) -> Condition:
    return Condition(one.all, one.any, one.none, one.empty)

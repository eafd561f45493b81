"""A machine together with a few of its children, explored state by state: what can go wrong, and the way there.

In go a parent, its syncs, the moves that it takes by itself, and its invariants; out come the shortest ways to
broken invariants and to deadlocks. Children are counted, not told apart, and take every step and recovery
of their machine; their own children are left out, which only adds ways. Nothing here reads a spec.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import product

from specc.analysis.machines import BoundMachine, Course, Edge, Place
from specc.analysis.syncs import BoundSync, Condition, Up, meant

Bag = tuple[tuple[Place, ...], ...]
"""The places of the children, sorted, for each sync."""


@dataclass(frozen=True)
class Situation:
    """Where a row and its children are."""

    row: Place
    children: Bag


@dataclass(frozen=True)
class Step:
    """What happened, and where everybody is after it."""

    what: str
    after: Situation


@dataclass(frozen=True)
class Claim:
    """An invariant: in the states that `given` means, each condition holds of the children of its sync."""

    name: str
    given: tuple[str, ...]
    then: tuple[tuple[int, Condition], ...]
    eventual: bool


@dataclass(frozen=True)
class Finding:
    """A way to where the claim of this name does not hold or, without a name, nothing can happen any more."""

    claim: str
    way: tuple[Step, ...]


Test = Callable[[tuple[Place, ...]], bool]


def explore(
    parent: BoundMachine,
    syncs: tuple[BoundSync, ...],
    free: frozenset[Edge],
    claims: tuple[Claim, ...],
    above: frozenset[Edge] = frozenset(),
    hands: tuple[frozenset[str], ...] = (),
) -> tuple[Finding, ...]:
    """Return the shortest way to each broken claim and to the nearest deadlock.

    `free` are the moves that something else than a sync takes, `above` those on the way down when the row is
    settled as a child itself: they may happen, and no row can count on them. `hands` says for each sync what
    else becomes of children: somebody may `delete` them, or `point` them at another row. Of one kind of children
    there are up to two, of several kinds up to three altogether.
    """
    world = _World(parent, syncs, free, above, hands or tuple(frozenset[str]() for _ in syncs))
    found = world.search()
    tests = [(claim, world.test(claim)) for claim in claims]
    broken: dict[str, Situation] = {}
    for here in found:
        for claim, holds in tests:
            if claim.name not in broken and not holds(here):
                broken[claim.name] = here
    findings = [
        Finding(claim.name, world.way(broken[claim.name])) for claim in claims if claim.name in broken
    ]
    stuck = world.stuck()
    return (*findings, *([Finding("", world.way(stuck))] if stuck else []))


class _World:
    """The moves of a row with its children, and the situations they lead to."""

    def __init__(
        self,
        parent: BoundMachine,
        syncs: tuple[BoundSync, ...],
        free: frozenset[Edge],
        above: frozenset[Edge],
        hands: tuple[frozenset[str], ...],
    ) -> None:
        self.parent, self.syncs = parent, syncs
        self.most = min(len(syncs) + 1, 3)
        self.own = _moves(parent, [edge for edge in parent.lifecycle.steps if edge in free | above])
        self.only_above = above - free
        self.childs = [_moves(sync.child, sync.child.lifecycle.steps) for sync in syncs]
        self.born = [_births(sync, hand) for sync, hand in zip(syncs, hands, strict=True)]
        self.losing = [at for at, hand in enumerate(hands) if hand]
        self.rules = [[(up, condition_test(sync.child, up.when)) for up in sync.ups] for sync in syncs]
        self.came: dict[Situation, tuple[Situation, str] | None] = {}
        self.next: dict[Situation, list[Situation]] = {}
        """Where the children's own moves lead."""
        self.moved: set[Situation] = set()
        """Where the parent has a move of its own."""

    def search(self) -> list[Situation]:
        """Return every situation, nearest first."""
        nothing: Bag = tuple(() for _ in self.syncs)
        starts = [Situation(place, nothing) for state in self.parent.lifecycle.initial
                  for place in self.parent.places_of(state)]  # fmt: skip
        self.came = dict.fromkeys(starts)
        queue = list(self.came)
        for here in queue:
            inner: list[Situation] = []
            for kind, what, after in self._steps(here):
                if kind == "parent":
                    self.moved.add(here)
                elif kind == "child":
                    inner.append(after)
                if after not in self.came:
                    self.came[after] = (here, what)
                    queue.append(after)
            self.next[here] = inner
        return queue

    def _steps(self, here: Situation) -> Iterator[tuple[str, str, Situation]]:
        for up, place in self.following(here):
            yield "parent", f"{_move(self.parent, here.row, place)}, by sync", self._settle(here, place)
            if not up.where:
                break
        for place in self.own[here.row]:
            after = self._settle(here, place)
            what = _move(self.parent, here.row, place)
            what += ", and settles its children" if after.children != here.children else ""
            yield "above" if (here.row[0], place[0]) in self.only_above else "parent", what, after
        for at, sync in enumerate(self.syncs):
            bag = here.children[at]
            for old in dict.fromkeys(bag):
                for new in self.childs[at][old]:
                    yield "child", _move(sync.child, old, new), _with(here, at, _exchange(bag, old, new))
        for at in self.losing:
            for place in dict.fromkeys(here.children[at]):
                what = f"`{self.syncs[at].child.name}` in `{_said(self.syncs[at].child, place)}` is taken from it"
                yield "loss", what, _with(here, at, _without(here.children[at], place))
        yield from self._births(here)

    def following(self, here: Situation) -> Iterator[tuple[Up, Place]]:
        """Yield the rules that apply, with the place they lead to, in order."""
        for rules, bag in zip(self.rules, here.children, strict=True):
            for up, holds in rules:
                if up.source == here.row[0] and holds(bag):
                    for place in self.parent.places_of(up.target):
                        yield up, place

    def _births(self, here: Situation) -> Iterator[tuple[str, str, Situation]]:
        if sum(map(len, here.children)) >= self.most:
            return
        for at, sync in enumerate(self.syncs):
            if sync.refuses_births and here.row[1]:
                continue
            for place in self.born[at]:
                what = f"`{sync.child.name}` comes under it in `{_said(sync.child, place)}`"
                yield "birth", what, _with(here, at, tuple(sorted((*here.children[at], place))))

    def _settle(self, here: Situation, place: Place) -> Situation:
        """Return where everybody is once the row is at a place: its children settled where that is declared."""
        children = []
        for sync, bag in zip(self.syncs, here.children, strict=True):
            ways = sync.ways.get(place[0], {}) if settles(self.parent, place) else {}
            after = [one if one[1] or one[0] not in ways else (ways[one[0]][-1], True) for one in bag]
            children.append(tuple(sorted(after)))
        return Situation(place, tuple(children))

    def test(self, claim: Claim) -> Callable[[Situation], bool]:
        """Return whether a claim holds in a situation."""
        given = meant(self.parent, claim.given)
        tests = [(at, condition_test(self.syncs[at].child, when, claim=True)) for at, when in claim.then]

        def holds(here: Situation) -> bool:
            if here.row not in given or all(test(here.children[at]) for at, test in tests):
                return True
            return claim.eventual and any(True for _ in self.following(here))

        return holds

    def stuck(self) -> Situation | None:
        """Return the nearest situation in which all children are settled, the row is not, and nothing that
        its children can still do lets it move.
        """
        alive = set(self.moved)
        backwards: dict[Situation, list[Situation]] = {}
        for here, after in self.next.items():
            for one in after:
                backwards.setdefault(one, []).append(here)
        queue = list(alive)
        for here in queue:
            for before in backwards.get(here, ()):
                if before not in alive:
                    alive.add(before)
                    queue.append(before)
        for here in self.came:
            everybody = [place for bag in here.children for place in bag]
            if everybody and not here.row[1] and here not in alive and all(over for _, over in everybody):
                return here
        return None

    def way(self, there: Situation) -> tuple[Step, ...]:
        """Return the shortest way to a situation, its beginning included."""
        steps: list[Step] = []
        here = there
        while (before := self.came[here]) is not None:
            steps.append(Step(before[1], here))
            here = before[0]
        steps.append(Step(f"`{self.parent.name}` is born in `{_said(self.parent, here.row)}`", here))
        return tuple(reversed(steps))


def settles(parent: Course, place: Place) -> bool:
    """Whether a row that comes to a place settles its children: not while it may still recover."""
    return place[1] or place[0] not in parent.recoverable


def condition_test(child: Course, when: Condition, *, claim: bool = False) -> Test:
    """Return the test of a condition on the places of children.

    A rule without `empty` is for parents that have a child; a claim speaks of those without, too.
    """
    every, some, no = (meant(child, words) for words in (when.all, when.any, when.none))

    def holds(bag: tuple[Place, ...]) -> bool:
        if when.empty:
            return not bag
        return (
            (claim or bool(bag))
            and (not when.all or all(place in every for place in bag))
            and (not when.any or any(place in some for place in bag))
            and not any(place in no for place in bag)
        )

    return holds


def _moves(machine: BoundMachine, steps: Iterable[Edge]) -> dict[Place, tuple[Place, ...]]:
    """Return for each place those that one step or recovery leads to; spent attempts leave steps only."""
    found: dict[Place, list[Place]] = {place: [] for place in machine.places}
    for source, target in steps:
        for old, new in product(machine.places_of(source), machine.places_of(target)):
            found[old].append(new)
    for source, target in machine.recoveries:
        for old, new in product(machine.places_of(source), machine.places_of(target)):
            if source not in machine.recoverable or not old[1]:
                found[old].append(new)
    return {place: tuple(after) for place, after in found.items()}


def _births(sync: BoundSync, hand: frozenset[str]) -> tuple[Place, ...]:
    life = sync.child.lifecycle
    states = life.states if sync.is_optional or "point" in hand else life.initial
    return tuple(place for state in states for place in sync.child.places_of(state))


def _with(here: Situation, at: int, bag: tuple[Place, ...]) -> Situation:
    return Situation(here.row, (*here.children[:at], bag, *here.children[at + 1 :]))


def _exchange(bag: tuple[Place, ...], old: Place, new: Place) -> tuple[Place, ...]:
    return tuple(sorted((*_without(bag, old), new)))


def _without(bag: tuple[Place, ...], place: Place) -> tuple[Place, ...]:
    rest = list(bag)
    rest.remove(place)
    return tuple(rest)


def _move(machine: BoundMachine, old: Place, new: Place) -> str:
    return f"`{machine.name}` moves `{old[0]} → {_said(machine, new)}`"


def _said(machine: BoundMachine, place: Place) -> str:
    if place[0] not in machine.recoverable:
        return place[0]
    return f"{place[0]} ({'no attempts' if place[1] else 'attempts'} left)"

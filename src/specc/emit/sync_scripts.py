"""What parents with up to two children are taken through by tests: scripts of steps.

Each begins with births and ends with the step that is looked at. Whether one can come about is not asked here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product

from specc.analysis.machines import Place
from specc.analysis.syncs import meant
from specc.emit.family import Bond, Row
from specc.ir.behaviour import Invariant, SyncUp

Step = tuple[str, str, str]
"""Who, what, and where to."""
Script = tuple[Step, ...]

PARENT, OTHER, ONE, TWO, BOTH = "parent", "other", "child_1", "child_2", "children"
COUNTED: Step = (PARENT, "counted", "")
"""Changes are counted, as the tick does it."""


@dataclass(frozen=True)
class Scripts:
    """The scripts of one sync; `ways` are for each machine those to its places, by name."""

    bond: Bond
    ways: Mapping[str, Mapping[str, tuple[str, ...]]]
    has_two: bool
    """Whether two children can be there at once."""
    has_other: bool
    """Whether two parents can be there at once."""
    is_optional: bool
    """Whether a child may be without parent."""

    def every(self) -> Iterator[Script]:
        """Yield scripts, some of which end before they begin."""
        sources = list(dict.fromkeys(up.source for up in self.bond.ups))
        for place in self.ways[self.bond.parent.name]:
            yield from self._arrivals(place)
        for bag in self._bags():
            for source in sources:
                yield from self._child_last(source, bag)
            for place, way in self.ways[self.bond.parent.name].items():
                if len(bag) == 1 or way[-1] in sources or way[-1] in self.bond.downs:
                    yield from self._parent_last(place, bag)

    def _bags(self) -> Iterator[tuple[str, ...]]:
        """Yield the places of one child, and of one child beside one that differs from others in what is asked."""
        places = self.ways[self.bond.child.name]
        yield from ((place,) for place in places)
        if self.has_two:
            yield from product(self.kinds, places)

    @cached_property
    def kinds(self) -> list[str]:
        """One place for each answer to everything that rules and invariants ask of a child."""
        asked: list[SyncUp | Invariant] = [*self.bond.ups, *self.bond.invariants]
        words = sorted({word for one in asked for word in (*one.all, *one.any, *one.none)})
        found: dict[object, str] = {}
        for name in self.ways[self.bond.child.name]:
            place = self._place(name)
            found.setdefault((place[1], *(place in meant(self.bond.child, (word,)) for word in words)), name)
        return list(found.values())

    def _place(self, name: str) -> Place:
        first, *others = self.ways[self.bond.child.name][name]
        row = Row(self.bond.child, first, {})
        for state in others:
            row = row.moved(state)
        return row.place

    def _child_last(self, place: str, bag: tuple[str, ...]) -> Iterator[Script]:
        """Yield scripts in which a child takes the last step, comes, or leaves, under a parent in a place."""
        names = (ONE, TWO)[: len(bag)]
        *others, last = zip(names, bag, strict=True)
        way = self.ways[self.bond.child.name][last[1]]
        begin: Script = ((PARENT, "born", ""), *((name, "born", "") for name, _ in others))
        there: Script = ((PARENT, "walk", place), *((name, "walk", to) for name, to in others))
        if len(way) == 1:
            yield *begin, *there, (last[0], "born", "")
            return
        whole: Script = (*begin, (last[0], "born", ""), *there)
        nearly: Script = (*whole, (last[0], "nearly", last[1]))
        yield *nearly, COUNTED, (last[0], "step", way[-1])
        if not others:
            yield *nearly, (last[0], "step", way[-1])
        if others:
            left: Script = (*whole, (last[0], "walk", last[1]))
            yield *left, (ONE, "gone", "")
            if self.is_optional:
                yield *left, (ONE, "under", "")
            if self.has_other:
                yield (OTHER, "born", ""), *left, (ONE, "under", OTHER)
            yield from self._both_last(place, bag)

    def _both_last(self, place: str, bag: tuple[str, ...]) -> Iterator[Script]:
        """Yield scripts in which one statement moves, deletes or inserts two children."""
        begin: Script = ((PARENT, "born", ""), (PARENT, "walk", place))
        if bag[0] == self.kinds[0]:
            way = self.ways[self.bond.child.name][bag[1]]
            both: Script = (*begin, (ONE, "born", ""), (TWO, "born", ""))
            yield *both, (ONE, "nearly", bag[1]), (TWO, "nearly", bag[1]), (BOTH, "step", way[-1])
            yield *both, (ONE, "walk", bag[1]), (TWO, "walk", bag[1]), (BOTH, "gone", "")
            yield *begin, (BOTH, "born", "")

    def _parent_last(self, place: str, bag: tuple[str, ...]) -> Iterator[Script]:
        """Yield scripts in which the parent takes the last step, its children being there before."""
        way = self.ways[self.bond.parent.name][place]
        names = (ONE, TWO)[: len(bag)]
        begin: Script = ((PARENT, "born", ""), *((name, "born", "") for name in names))
        walks: Script = tuple((name, "walk", to) for name, to in zip(names, bag, strict=True))
        if len(way) > 1:
            last = (PARENT, "step", way[-1])
            yield *begin, *walks, (PARENT, "nearly", place), COUNTED, last
            if len(bag) == 1:
                yield *begin, *walks, (PARENT, "nearly", place), last
            yield *begin, (PARENT, "nearly", place), *walks, COUNTED, last

    def _arrivals(self, place: str) -> Iterator[Script]:
        """Yield scripts in which a child is born under a parent in a place, or comes to it."""
        there: Script = ((PARENT, "born", ""), (PARENT, "walk", place))
        yield *there, (ONE, "born", "")
        yield (PARENT, "born", ""), (ONE, "born", ""), *there[1:], (ONE, "gone", ""), (PARENT, "gone", "")
        if self.is_optional:
            for kind in self.kinds:
                away: Script = ((PARENT, "born", ""), (ONE, "born", ""), (ONE, "under", ""))
                yield *away, (ONE, "walk", kind), (PARENT, "walk", place), (ONE, "under", PARENT)
        if self.has_other:
            for kind in self.kinds:
                two: Script = ((PARENT, "born", ""), (OTHER, "born", ""), (ONE, "born", ""))
                yield *two, (ONE, "walk", kind), (OTHER, "walk", place), (ONE, "under", OTHER)

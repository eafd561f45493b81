"""Scripts of one sync played on the model of `family`: in goes a script, out comes where everybody is before its
last step and after it.

Many scripts begin alike: each beginning is played once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from specc.emit.family import REFUSED, Bond, CannotBe, Facts, Family, Refused, Row
from specc.emit.sample import Samples
from specc.emit.sync_scripts import BOTH, ONE, OTHER, PARENT, TWO, Script, Step
from specc.remember import remembered


@dataclass(frozen=True)
class Stage:
    """Where scripts are played; `ways` are for each machine those to its places, by name, and `truths` the
    conditions on parents' own rows that hold.
    """

    samples: Samples
    facts: Facts
    bond: Bond
    ways: Mapping[str, Mapping[str, tuple[str, ...]]]
    truths: frozenset[str]

    def outcome(self, script: Script) -> tuple[str, str] | None:
        """Return how it is before the last step, and what comes of that; None if it does not come about."""
        before = self._after(script[:-1])
        if before is None:
            return None
        family = before.copy()
        try:
            self._take(family, script[-1])
        except CannotBe:
            return None
        except Refused:
            return _told(before), REFUSED
        # A row that steps took where no rule leads proves nothing.
        return None if family.is_broken(PARENT, self.bond) else (_told(before), _situation(family))

    @remembered
    def _after(self, script: Script) -> Family | None:
        """Return everybody after the steps of a script; None if it does not come about."""
        if not script:
            return Family(self.facts, self.truths, self.relatives)
        before = self._after(script[:-1])
        if before is None:
            return None
        family = before.copy()
        try:
            self._take(family, script[-1])
        except (CannotBe, Refused):
            return None
        return family

    def _take(self, family: Family, step: Step) -> None:
        who, what, to = step
        is_parent = who in (PARENT, OTHER)
        machine = self.bond.parent.name if is_parent else self.bond.child.name
        both = (ONE, TWO) if who == BOTH else (who,)
        if what == "born":
            own = {} if is_parent else {self.bond.key: PARENT}
            for one in both:
                family.born(one, machine, self.above[machine] | own)
        elif what == "under":
            family.point(who, self.bond, to)
        elif what == "counted":
            return
        elif what == "gone":
            for one in both:
                family.gone(one)
        elif what == "step":
            family.steps(dict.fromkeys(both, to))
        else:
            way = self.ways[machine][to]
            if family.rows[who].state != way[0]:
                raise CannotBe
            for state in way[1 : len(way) - (what == "nearly")]:
                family.step(who, state)

    @cached_property
    def above(self) -> dict[str, dict[tuple[str, str], str]]:
        """Under which rows a new row comes, by sync, for both machines and those above them: where samples point."""
        found: dict[str, dict[tuple[str, str], str]] = {}
        queue = [self.bond.child, self.bond.parent]
        for course in queue:
            row = self.samples.values((course.schema, course.table), "a")
            bonds = [one for one in self.facts.bonds if one.child is course and one.sync.column in row]
            found[course.name] = {one.key: f"sample {one.parent.name}" for one in bonds}
            queue += [one.parent for one in bonds if one.parent.name not in found]
        return found

    @cached_property
    def relatives(self) -> dict[str, Row]:
        """The rows that are there before a script begins, by name."""
        names = {name: machine for under in self.above.values() for (machine, _), name in under.items()}
        courses = {name: self.facts.courses[machine] for name, machine in names.items()}
        return {
            name: Row(course, course.lifecycle.initial[0], self.above[course.name])
            for name, course in courses.items()
        }


def _situation(family: Family) -> str:
    return ", ".join(
        f"{name} {family.rows[name]}" for name in (PARENT, OTHER, ONE, TWO) if name in family.rows
    )


def _told(family: Family) -> str:
    """Return where everybody is, with the attempts they have spent."""
    rows = ((name, family.rows[name]) for name in (PARENT, OTHER, ONE, TWO) if name in family.rows)
    return ", ".join(
        f"{name} {row.state}{f' after {row.attempt}' if row.attempt else ''}" for name, row in rows
    )

"""Which machines follow which: `sync` sections with the key between the tables and their words as sets of places.

A place is a state and whether a row in it is settled. What cannot be read (an unknown state, no key) is left
out here; rules report it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from specc.analysis.machines import BoundMachine, Course, Place, bound
from specc.analysis.tables import table_of, tables
from specc.lang.project import Entry, Project
from specc.pg.names import fit

SETS = ("settled", "open")
"""Words that mean a set of places in a condition."""


@dataclass(frozen=True)
class Condition:
    """What is asked of the children of a row; the words are states and `SETS`, no words ask nothing."""

    all: tuple[str, ...] = ()
    any: tuple[str, ...] = ()
    none: tuple[str, ...] = ()
    empty: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        """Every word of it."""
        return (*self.all, *self.any, *self.none)


@dataclass(frozen=True)
class Up:
    """A move that the parent takes when a condition holds of its children."""

    source: str
    target: str
    when: Condition
    where: str


@dataclass(frozen=True, eq=False)
class BoundSync:
    """A parent machine, the child machine that it follows, and the child's column that points at the parent."""

    parent: BoundMachine
    child: BoundMachine
    column: str
    is_optional: bool
    """Whether a child may be without parent, so that it may come to one in any state."""
    ups: tuple[Up, ...]
    downs: Mapping[str, tuple[str, ...]]
    refuses_births: bool
    trigger: str
    function: tuple[str, str]

    @property
    def stem(self) -> str:
        """How the names of its own tables and functions begin."""
        return f"{self.parent.name}_{self.child.name}"

    @cached_property
    def ways(self) -> dict[str, dict[str, tuple[str, ...]]]:
        """For each state of the parent that settles children, the way of an open child from each of its states.

        A way begins in the state and ends in the first target that steps lead to; a child that waits to
        recover recovers first, until its attempts are spent. A state without a way is left out.
        """
        return {state: self._ways(targets) for state, targets in self.downs.items()}

    def _ways(self, targets: Iterable[str]) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for state in (*self.child.open, *self.child.recoverable):
            way = way_down(self.child, state, targets)
            if way:
                found[state] = way
        return found


def way_down(child: Course, state: str, targets: Iterable[str]) -> tuple[str, ...]:
    """Return the shortest way of steps from a state to the first target that is reached; () for none."""
    life = child.lifecycle
    begun = (life.recovering if state in child.recoverable else life.following)[state]
    for target in targets:
        end = target.partition("/")[0]
        found = [(state, *life.shortest[after][end]) for after in begun if end in life.shortest[after]]
        if found:
            return min(found, key=len)
    return ()


def meant(machine: Course, words: Iterable[str]) -> frozenset[Place]:
    """Return the places that words mean."""
    found = {place for word in words if word in machine.lifecycle.states for place in machine.places_of(word)}
    for word in words:
        if word in SETS and word not in machine.lifecycle.states:
            found |= {place for place in machine.places if place[1] == (word == "settled")}
    return frozenset(found)


def is_readable(machine: BoundMachine, words: Iterable[str]) -> bool:
    """Whether each word is a state of a machine or a set of places, and no two things at once."""
    known = {*machine.lifecycle.states, *SETS}
    return all(word in known and not is_ambiguous(machine, word) for word in words)


def is_ambiguous(machine: BoundMachine, word: str) -> bool:
    """Whether a word is a set of places and also the name of a state that is not the whole set."""
    if word not in SETS or word not in machine.lifecycle.states:
        return False
    return {state for state, over in machine.places if over == (word == "settled")} != {word}


def condition(spec: Any) -> Condition:
    """Return the condition that a spec writes."""
    return Condition(tuple(spec.all), tuple(spec.any), tuple(spec.none), spec.empty)


def keys(parent: BoundMachine, child: BoundMachine, project: Project) -> tuple[str, ...]:
    """Return the columns of the child's table that point at the id of the parent's."""
    wanted = f"{parent.schema}.{parent.table}"
    table = table_of(child, project)
    columns = table.columns if table else {}
    return tuple(
        name
        for name, read in columns.items()
        if read.reference is not None
        and project.full_name("table", read.reference.table) == wanted
        and read.reference.column in ("", "id")
    )


def machine_named(name: str, project: Project) -> BoundMachine | None:
    """Return the machine of a name, if it is there with table and lifecycle."""
    entry = project.find("machine", name)
    return bound(entry, project) if entry is not None and entry.spec is not None else None


@lru_cache(maxsize=8)
def syncs(project: Project) -> Mapping[str, tuple[BoundSync, ...]]:
    """Return the syncs that can be read by the name of the parent, in the order in which they are written."""
    found: dict[str, tuple[BoundSync, ...]] = {}
    for entry in project.all("machine"):
        bound_ones = (_bind(entry, name, spec, project) for name, spec in entry.spec.sync.items())
        if made := tuple(one for one in bound_ones if one is not None):
            found[entry.name] = made
    return found


def _bind(entry: Entry, name: str, spec: Any, project: Project) -> BoundSync | None:
    parent, child = bound(entry, project), machine_named(name, project)
    if parent is None or child is None:
        return None
    columns = [one for one in keys(parent, child, project) if spec.by in ("", one)]
    ups = tuple(Up(up.from_, up.to, condition(up.when), up.where) for up in spec.up)
    words = [word for up in ups for word in up.when.words]
    states = {*spec.down, *(state for up in ups for state in (up.source, up.target))}
    if len(columns) != 1 or not is_readable(child, words) or not states <= {*parent.lifecycle.states}:
        return None
    read = tables(project)[f"{child.schema}.{child.table}"].columns[columns[0]]
    named = f"{parent.name}_{child.name}_sync"
    schema, _, function = (spec.executes or f"private.{fit(named)}").rpartition(".")
    return BoundSync(
        parent, child, columns[0], not read.not_null, ups,
        {state: tuple(targets) for state, targets in spec.down.items()},
        spec.births == "refuse", spec.trigger or fit(named), (schema or project.default_schema, function),
    )  # fmt: skip

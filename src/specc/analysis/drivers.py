"""Who moves what: the functions that declare under `drives` that they take an edge of a machine, and the
machine's own deadlines, recoveries and syncs.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from specc.analysis.machines import machines
from specc.analysis.times import own_moves
from specc.lang.project import Entry, Project

Move = tuple[str, str, str]
"""A machine's name, the state left and the state entered."""

SYNC = "sync"
"""Drives the moves that a machine takes because of its children."""


@lru_cache(maxsize=8)
def drivers(project: Project) -> Mapping[Move, tuple[str, ...]]:
    """Return for each move that something takes the full names of the functions that do, sorted.

    `timeout`, `recovery` and `sync` stand for the machine's own functions; a full name has a schema, they have none.
    """
    found: dict[Move, set[str]] = {}
    for entry in project.all("function"):
        name = project.full_name("function", entry.name)
        for machine, moves in entry.spec.drives.items():
            for source, targets in moves.items():
                for target in targets:
                    found.setdefault((machine, source, target), set()).add(name)
    for one in machines(project).values():
        for (source, target), word in own_moves(one):
            found.setdefault((one.name, source, target), set()).add(word)
    for entry in project.all("machine"):
        for sync in entry.spec.sync.values():
            for up in sync.up:
                found.setdefault((entry.name, up.from_, up.to), set()).add(SYNC)
    return {move: tuple(sorted(names)) for move, names in sorted(found.items())}


def wrongly_declared(entry: Entry, project: Project) -> frozenset[str]:
    """Return the machines of which a function's header declares what is no move; all where it names none that is."""
    known = {one.name: one.lifecycle for one in machines(project).values()}
    found = set()
    for name, moves in entry.spec.drives.items():
        declared = {(source, target) for source, targets in moves.items() for target in targets}
        if name not in known:
            return frozenset(known)
        if not declared <= {*known[name].steps, *known[name].recoveries}:
            found.add(name)
    return frozenset(found)


def all_known(project: Project) -> bool:
    """Whether every function could be read; otherwise a move without a driver may have one all the same."""
    return all(entry.spec is not None for entry in project.entries.get("function", {}).values())

"""The docs page of a lifecycle: its diagram, its states, and the machines that follow it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from specc.analysis.machines import BoundMachine, lifecycle_of, machines
from specc.ir.model import Ir
from specc.ir.page import (
    Block,
    Grid,
    Heading,
    Link,
    Mono,
    Page,
    Paragraph,
    StateDiagram,
    Text,
    lifecycle_path,
    machine_path,
    table_path,
)
from specc.lang.project import Entry, Project


def page(entry: Entry, project: Project, _: Ir) -> Iterator[Page]:
    """Yield the page of a lifecycle."""
    life = lifecycle_of(entry)
    states = tuple(((Mono(name),), (Text(_about(state)),)) for name, state in entry.spec.states.items())
    blocks = (
        StateDiagram(life.states, life.initial, life.terminal, life.steps, life.recoveries),
        Heading("States"),
        Grid(("State", "About"), states),
        *_followers(entry, project),
    )
    yield Page(lifecycle_path(entry.name), entry.name, "Lifecycles", entry.spec.about, entry.file, blocks)


def _about(state: Any) -> str:
    waits = "It waits for the outside: each machine has a timeout for it, or says why not."
    return " ".join(text for text in (state.about, waits if state.waits_for else "") if text)


def _followers(entry: Entry, project: Project) -> Iterator[Block]:
    yield Heading("Machines that follow it")
    found = _machines_of(project).get(entry.name, ())
    if not found:
        yield Paragraph((Text("None."),))
        return
    rows = tuple(
        (
            (Link(one.name, page=machine_path(one.name)),),
            (Link(project.short_name(f"{one.schema}.{one.table}"), page=table_path(one.schema, one.table)),),
            (Text(str(one.attempts)),),
        )
        for one in found
    )
    yield Grid(("Machine", "Table", "Attempts"), rows)


@lru_cache(maxsize=8)
def _machines_of(project: Project) -> Mapping[str, tuple[BoundMachine, ...]]:
    """Return the machines by the lifecycle they follow, each list by name."""
    found: dict[str, list[BoundMachine]] = {}
    for one in sorted(machines(project).values(), key=lambda one: one.name):
        found.setdefault(one.lifecycle_name, []).append(one)
    return {name: tuple(each) for name, each in found.items()}

"""What the docs say of a machine's syncs and invariants, and the pages of the tables that keep count."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from specc.analysis.syncs import BoundSync, Condition, condition, syncs
from specc.ir.model import Ir
from specc.ir.page import (
    Block,
    Grid,
    Heading,
    Inline,
    Line,
    Link,
    Mono,
    Page,
    Paragraph,
    Text,
    machine_path,
    table_path,
)
from specc.kinds.machine_sync_objects import change_of, count_of, follow_of, tables_of
from specc.kinds.table_page import page_of
from specc.lang.project import Entry, Project


def blocks(entry: Entry, project: Project) -> Iterator[Block]:
    """Yield the sections on who follows whom, and on what always holds."""
    found = syncs(project).get(entry.name, ())
    if found:
        yield Heading("Children")
    for sync in found:
        yield from _sync(sync)
    if entry.spec.invariants:
        yield Heading("Invariants")
        yield Paragraph(
            (Text("Proven for a row with a few children in every order of events that the specs allow."),)
        )
        yield Grid(("Invariant", "In", "Holds", "About"), tuple(_invariants(entry)))


def table_pages(entry: Entry, project: Project, ir: Ir) -> Iterator[Page]:
    """Yield the pages of the tables of changes and counts."""
    for sync in syncs(project).get(entry.name, ()):
        for name in tables_of(sync):
            yield page_of(("private", name), ir.about("table", "private", name), entry.file, project, ir)


def _sync(sync: BoundSync) -> Iterator[Block]:
    parent, child = sync.parent, sync.child
    yield Heading(child.name, 3)
    line: list[Inline] = [
        Text("Rows of "), Link(child.name, page=machine_path(child.name)), Text(" point here by "),
        Mono(sync.column), Text(". "),
    ]  # fmt: skip
    if sync.refuses_births:
        line.append(Text(f"None comes under a settled {parent.name}: that is refused with "))
        line += [Mono("PT409"), Text(". ")]
    line.append(Text("What changes in them is appended to "))
    line += [Link(change_of(sync), page=table_path("private", change_of(sync))), Text(" by ")]
    line += [Mono(".".join(sync.function)), Text(" and counted in ")]
    line += [Link(count_of(sync), page=table_path("private", count_of(sync))), Text(" by ")]
    line += [
        Mono(f"private.{follow_of(parent)}(limit)"),
        Text(", in the same statement unless another one holds the parent."),
    ]
    yield Paragraph(tuple(line))
    if sync.ups:
        rows = tuple(
            ((Mono(up.source),), (Mono(up.target),), _said(up.when), (Mono(up.where),) if up.where else ())
            for up in sync.ups
        )
        yield Paragraph((Text("The first of these that applies is taken, again until none does:"),))
        yield Grid(("From", "To", "When", "Only rows"), rows)
    if sync.downs:
        yield Paragraph((Text("A row that comes into one of these states settles its open children:"),))
        yield Grid(("State", "Open children go to the first they can reach of"), tuple(_downs(sync)))


def _downs(sync: BoundSync) -> Iterator[tuple[Line, Line]]:
    for state, targets in sync.downs.items():
        waits: Line = (Text(" with no attempts left"),) if state in sync.parent.recoverable else ()
        yield (Mono(state), *waits), tuple(_listed(targets))


def _invariants(entry: Entry) -> Iterator[tuple[Line, ...]]:
    for name, spec in entry.spec.invariants.items():
        line: list[Inline] = []
        for child, when in spec.then.items():
            line += [Text("; ")] if line else []
            line += [Link(child, page=machine_path(child)), Text(": "), *_said(condition(when))]
        if spec.eventually:
            line.append(Text(", once every rule has been followed"))
        yield (Mono(name),), tuple(_listed(spec.if_)), tuple(line), (Text(spec.about),)


def _said(when: Condition) -> Line:
    if when.empty:
        return (Text("no child"),)
    line: list[Inline] = []
    for word, states in (("all", when.all), ("any", when.any), ("none", when.none)):
        if states:
            line += [Text(", ")] if line else []
            line += [Text(f"{word} in "), *_listed(states)]
    return tuple(line)


def _listed(names: Iterable[str]) -> Iterator[Inline]:
    for at, name in enumerate(names):
        if at:
            yield Text(", ")
        yield Mono(name)

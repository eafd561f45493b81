"""The docs page of an object type: what can be known of an object, and the tables that hold the rows."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from specc.analysis.tables import tables
from specc.ir.model import Ir
from specc.ir.page import Block, Grid, Heading, Line, Link, Mono, Page, Paragraph, Text, table_path
from specc.lang.project import Entry, Project


def page(entry: Entry, project: Project, _: Ir) -> Iterator[Page]:
    """Yield the page of an object type."""
    spec = entry.spec
    blocks = (
        *_kept(project),
        Heading("Datapoints"),
        Grid(
            ("Datapoint", "Label", "Factor type", "Value type", "Options", "In questions", "About"),
            tuple(_row(name, point) for name, point in spec.datapoints.items()),
        ),
    )
    path = f"object_types/{entry.name}.md"
    yield Page(path, spec.label, "Object types", spec.about, entry.file, blocks)


def _row(name: str, point: Any) -> tuple[Line, ...]:
    options: list[Text | Mono] = []
    for option in point.options:
        options += [Text(", ")] if options else []
        options.append(Mono(option))
    return (
        (Mono(name),),
        (Text(point.label),),
        (Text(point.factor_type),),
        (Text(point.value_type),),
        tuple(options),
        (Text(point.question or name),),
        (Text(point.about),),
    )


def _kept(project: Project) -> Iterator[Block]:
    line: list[Text | Link] = []
    for kind, what in (
        ("object_type", "The type is a row of "),
        ("datapoint", "Each datapoint is a row of "),
    ):
        place = _holders(project).get(kind)
        if place is not None:
            short = project.short_name(".".join(place))
            line += [Text(what), Link(short, page=table_path(*place)), Text(". ")]
    if line:
        yield Paragraph(tuple(line))


@lru_cache(maxsize=8)
def _holders(project: Project) -> dict[str, tuple[str, str]]:
    """Return for each kind the table that holds its entries as reference rows."""
    found: dict[str, tuple[str, str]] = {}
    for table in tables(project).values():
        if table.entry.spec.holds:
            found.setdefault(table.entry.spec.holds, (table.schema, table.name))
    return found

"""All pages of a project's documentation: what its kinds have to say, its views, and how its tables relate.

Project and IR in, page data out; `docs` prints it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from specc.emit.operating_page import operating_pages
from specc.emit.view_page import view_pages
from specc.emit.watching_page import watching_pages
from specc.ir.behaviour import Tenancy
from specc.ir.database import Column, ForeignKey, PrimaryKey, Table, Unique
from specc.ir.model import Ir
from specc.ir.page import Block, Heading, Page, Paragraph, Relation, RelationDiagram, Text
from specc.lang.kind import Kind
from specc.lang.project import Project

MOST_TABLES = 40
"""Beyond this an entity diagram is no longer legible; long before GitHub refuses it (50,000 characters)."""


def pages(project: Project, ir: Ir, kinds: Iterable[Kind]) -> Iterator[Page]:
    """Yield every page in the order of the kinds, then what operators read, views last."""
    for kind in kinds:
        for entry in project.all(kind.key):
            yield from kind.pages(entry, project, ir)
    yield from operating_pages(project, ir)
    yield from watching_pages(project, ir)
    yield from view_pages(project, ir)


def overview(project: Project, ir: Ir) -> Iterator[Block]:
    """Yield what the index ends with: the tables and the references between them, as one diagram."""
    tables = ir.all(Table)
    if 0 < len(tables) <= MOST_TABLES:
        yield Heading("How tables relate")
        yield Paragraph((Text("Without the references that say which tenant a row belongs to."),))
        names = tuple(project.short_name(f"{one.schema}.{one.name}") for one in tables)
        relations = (_relation(one, project, ir) for one in ir.all(ForeignKey) if _own(one, ir))
        yield RelationDiagram(names, tuple(relations))


def _own(key: ForeignKey, ir: Ir) -> tuple[str, ...]:
    """Return the columns of a reference besides the one that says whose the row is."""
    owners = [one.column for one in ir.of_table(Tenancy, key.schema, key.table)]
    return tuple(name for name in key.columns if name not in owners)


def _relation(key: ForeignKey, project: Project, ir: Ir) -> Relation:
    place = (key.schema, key.table)
    columns = [ir.by_identity["column", *place, name] for name in key.columns]
    keys = [one.columns for one in ir.of_table(PrimaryKey, *place)]
    keys += [one.columns for one in ir.of_table(Unique, *place)]
    return Relation(
        project.short_name(".".join(place)),
        project.short_name(f"{key.target_schema}.{key.target_table}"),
        ", ".join(_own(key, ir)),
        optional=any(isinstance(one, Column) and not one.not_null for one in columns),
        unique=any(set(one) <= set(key.columns) for one in keys),
    )

"""The docs pages of views: what each column is made of, who may read, and the query. IR in, pages out."""

from __future__ import annotations

from collections.abc import Iterator

from specc.analysis.lineage import UNKNOWN, Traced, lineage
from specc.analysis.machines import watched
from specc.ir.database import Grant, Table, View
from specc.ir.model import Ir
from specc.ir.page import (
    Block,
    Bullets,
    Code,
    Grid,
    Heading,
    Inline,
    Line,
    Link,
    Mono,
    Page,
    Paragraph,
    Text,
    table_path,
    view_path,
    watching_path,
)
from specc.lang.project import Project
from specc.pg.names import API_ROLES, MONITOR


def view_pages(project: Project, ir: Ir) -> Iterator[Page]:
    """Yield a page for every view that has one of its own, whatever kind of spec it comes from."""
    views = [one for one in ir.all(View) if one.schema != MONITOR or one.name not in watched(project)]
    # What is made of every machine comes from no spec: each of its columns is made of the same one of all of them.
    columns = lineage(ir, [(one.schema, one.name) for one in views if ir.file_of(one)])
    for view in views:
        blocks = (
            *_columns(columns.get((view.schema, view.name)), project, ir),
            *_readers(view, ir),
            *_reads(view, project, ir),
            Heading("Query"),
            Code("sql", view.query),
        )
        about = ir.about("view", view.schema, view.name)
        title = project.short_name(f"{view.schema}.{view.name}")
        yield Page(view_path(view.schema, view.name), title, "Views", about, ir.file_of(view), blocks)


def _columns(found: tuple[Traced, ...] | None, project: Project, ir: Ir) -> Iterator[Block]:
    if found is None:
        return
    yield Heading("Columns")
    if not found:
        yield Paragraph((Text("What its columns are made of could not be traced."),))
        return
    rows = tuple(
        ((Mono(one.name),), tuple(_sources(one, project, ir)), (Mono(one.expression),)) for one in found
    )
    yield Grid(("Column", "Made of", "As"), rows)


def _sources(column: Traced, project: Project, ir: Ir) -> Iterator[Inline]:
    for at, source in enumerate(column.sources):
        if at:
            yield Text(", ")
        if source == UNKNOWN:
            yield Text("something that could not be traced")
            continue
        schema, relation, name = source
        said = f"{project.short_name(f'{schema}.{relation}')}.{name}"
        is_ours = ("table", schema, relation) in ir.by_identity
        yield Link(said, page=table_path(schema, relation), anchor="Columns") if is_ours else Mono(said)


def _readers(view: View, ir: Ir) -> Iterator[Block]:
    yield Heading("Who may read it")
    if roles := readers(view, ir):
        yield Paragraph((*roles, Text("; each sees the rows that the policies of the tables below show it.")))
    else:
        yield Paragraph((Text("No role of the API."),))


def readers(view: View, ir: Ir) -> Line:
    """Return the roles of the API that may read a view; none for none."""
    roles: list[Inline] = []
    for role in API_ROLES:
        if isinstance(
            ir.by_identity.get(("grant", "view", view.schema, view.name, "", "select", role)), Grant
        ):
            roles += [Text(", ")] if roles else []
            roles.append(Mono(role))
    return tuple(roles)


def _reads(view: View, project: Project, ir: Ir) -> Iterator[Block]:
    if lines := relations(view, project, ir):
        yield Heading("What it reads")
        yield Bullets(lines)


def link_to_view(schema: str, name: str, project: Project) -> Link:
    """Return a link to where a view is described: its own page, or that of the machine that it watches."""
    short = project.short_name(f"{schema}.{name}")
    machine = watched(project).get(name) if schema == MONITOR else None
    if machine is None:
        return Link(short, page=view_path(schema, name))
    return Link(short, page=watching_path(machine), anchor=f"{schema}.{name}")


def relations(view: View, project: Project, ir: Ir) -> tuple[Line, ...]:
    """Return the tables and views that a view reads, with links to their pages."""
    lines: list[Line] = []
    for kind, *names in sorted(view.needs):
        if kind not in ("table", "view") or len(names) != 2:
            continue
        schema, name = names
        short = project.short_name(f"{schema}.{name}")
        is_ours = isinstance(ir.by_identity.get((kind, schema, name)), Table | View)
        link = (
            Link(short, page=table_path(schema, name))
            if kind == "table"
            else link_to_view(schema, name, project)
        )
        lines.append((link if is_ours else Mono(short),))
    return tuple(lines)

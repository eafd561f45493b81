"""The docs page about access: the project's roles, and in one matrix what each may do with every table."""

from __future__ import annotations

from collections.abc import Iterator

from specc.analysis.access import BoundRole, roles
from specc.analysis.tables import tables
from specc.ir.behaviour import Role
from specc.ir.model import Ir
from specc.ir.page import (
    ACCESS_PATH,
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
    function_path,
    table_path,
)
from specc.kinds.access_words import in_short
from specc.lang.project import Entry, Project

_ABOUT = "The roles of the project, and what each may do."


def page(entry: Entry, project: Project, ir: Ir) -> Iterator[Page]:
    """Yield the one page about access, with the first of the access documents."""
    if next(project.all("access")) is not entry:
        return
    blocks = (*_roles(project, ir), *_matrix(project, ir), *_functions(project), *_documents(project))
    yield Page(ACCESS_PATH, "Who may do what", "Access", _ABOUT, "", blocks)


def _roles(project: Project, ir: Ir) -> Iterator[Block]:
    yield Heading("Roles")
    text = (
        "Requests run as a role of the database. A role with a membership holds for the tenants of its rows."
    )
    yield Paragraph((Text(text),))
    rows = []
    for name, role in sorted(roles(project).items()):
        fact = ir.by_identity["role", name]
        who = _membership(fact) if isinstance(fact, Role) else ()
        spec = role.entry.file
        rows.append(
            ((Link(name, spec=spec),), (Mono(role.database_role),), tuple(who), (Text(_about(role)),))
        )
    yield Grid(("Role", "Runs as", "Membership", "Who"), tuple(rows))


def _about(role: BoundRole) -> str:
    about = role.about
    if role.database_role == "service_role":
        about = f"{about} Row policies do not bind it.".strip()
    return about


def _membership(role: Role) -> Iterator[Inline]:
    if not role.table:
        return
    yield Text("a row of ")
    yield Link(role.table, page=table_path(role.schema, role.table))
    yield Text(" with ")
    yield Mono(role.user)
    yield Text(" the signed-in user")
    for column, values in role.member:
        yield Text(" and ")
        yield Mono(f"{column} = {values[0]}" if len(values) == 1 else f"{column} in ({', '.join(values)})")


def _matrix(project: Project, ir: Ir) -> Iterator[Block]:
    names = sorted(roles(project))
    every = sorted(tables(project).values(), key=lambda one: one.full_name)
    if not names or not every:
        return
    yield Heading("Tables")
    yield Paragraph(
        (Text("What is not written here nobody may do. Each table's page says which rows and columns."),)
    )
    rows: list[tuple[Line, ...]] = []
    for one in every:
        place = (one.schema, one.name)
        name = Link(project.short_name(one.full_name), page=table_path(*place))
        rows.append(((name,), *((Text(in_short(role, place, ir)),) for role in names)))
    yield Grid(("Table", *names), tuple(rows))


def _functions(project: Project) -> Iterator[Block]:
    rows: list[tuple[Line, ...]] = []
    for entry in project.all("function"):
        full = project.full_name("function", entry.name)
        if entry.spec.callable_by:
            name = Link(project.short_name(full), page=function_path(full))
            rows.append(((name,), (Text(", ".join(entry.spec.callable_by)),)))
    if rows:
        yield Heading("Functions")
        yield Grid(("Function", "Callable by"), tuple(rows))


def _documents(project: Project) -> Iterator[Block]:
    yield Heading("Where it is written")
    rows = tuple(
        ((Link(entry.name, spec=entry.file),), (Text(entry.spec.about),)) for entry in project.all("access")
    )
    yield Grid(("Access", "About"), rows)

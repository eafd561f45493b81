"""The docs page of a table: its columns, its relations both ways, and in words who may do what with its rows."""

from __future__ import annotations

from collections.abc import Iterator

from specc.ir.behaviour import Machine, Tenancy
from specc.ir.database import (
    Check,
    Column,
    ForeignKey,
    Index,
    Policy,
    PrimaryKey,
    Row,
    Table,
    Trigger,
    Unique,
)
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
    machine_path,
    table_path,
)
from specc.kinds import access_words
from specc.kinds.access_words import Place, listed
from specc.lang.project import Entry, Project

Rows = tuple[tuple[Line, ...], ...]


def page(entry: Entry, project: Project, ir: Ir) -> Iterator[Page]:
    """Yield the page of a table."""
    schema, _, name = project.full_name("table", entry.name).partition(".")
    yield page_of((schema, name), entry.spec.about, entry.file, project, ir)


def page_of(place: Place, about: str, file: str, project: Project, ir: Ir) -> Page:
    """Return the page of a table, whether a document of its own or a machine made it."""
    blocks = (
        *_owner(place, project, ir),
        Heading("Columns"),
        Grid(("Column", "Type", "Null", "Default", "About"), tuple(_columns(place, ir))),
        *_section("Keys", ("Columns", "Form", "Name"), tuple(_keys(place, ir))),
        *_section(
            "Points at", ("Columns", "Table", "Its columns", "On delete"), _outgoing(place, project, ir)
        ),
        *_section("Is pointed at by", ("Table", "Columns", "On delete"), _incoming(place, project, ir)),
        *_section("Checks", ("Condition", "Name"), _checks(place, ir)),
        *_section("Indexes", ("Keys", "Form", "Only rows", "Name"), _indexes(place, ir)),
        *_access(place, ir),
        *_section("Triggers", ("Trigger", "Fires", "Function"), _triggers(place, project, ir)),
        *_reference_rows(place, ir),
    )
    return Page(table_path(*place), project.short_name(".".join(place)), "Tables", about, file, blocks)


def _section(title: str, header: tuple[str, ...], rows: Rows) -> Iterator[Block]:
    if rows:
        yield Heading(title)
        yield Grid(header, rows)


def _owner(place: Place, project: Project, ir: Ir) -> Iterator[Block]:
    tenancy = next(iter(ir.of_table(Tenancy, *place)), None)
    if tenancy is None:
        yield Paragraph((Text("Shared: its rows belong to no tenant."),))
    elif (tenancy.root_schema, tenancy.root) == place:
        yield Paragraph((Text("Its rows are the tenants."),))
    else:
        root = _table((tenancy.root_schema, tenancy.root), project, ir)
        yield Paragraph(
            (Text("Each row belongs to the "), root, Text(" in "), Mono(tenancy.column), Text("."))
        )
    for machine in ir.of_table(Machine, *place):
        link = Link(machine.name, page=machine_path(machine.name))
        yield Paragraph((Text("The life of a row is the machine "), link, Text(".")))


def _table(place: Place, project: Project, ir: Ir) -> Inline:
    """Return a link to a table's page; a table outside the project has none."""
    short = project.short_name(".".join(place))
    is_ours = isinstance(ir.by_identity.get(("table", *place)), Table)
    return Link(short, page=table_path(*place)) if is_ours else Mono(short)


def _columns(place: Place, ir: Ir) -> Iterator[tuple[Line, ...]]:
    for one in sorted(ir.of_table(Column, *place), key=lambda one: (one.position, one.name)):
        null = Text("" if one.not_null else "null")
        about = Text(ir.about("column", *place, one.name))
        yield (Mono(one.name),), (Mono(one.type),), (null,), tuple(_default(one)), (about,)


def _default(column: Column) -> Iterator[Inline]:
    if column.default:
        yield Mono(column.default)
    if column.generated:
        yield Text("always ")
        yield Mono(column.generated)
    if column.identity_form:
        yield Text(f"counted up, {column.identity_form}")


def _keys(place: Place, ir: Ir) -> Iterator[tuple[Line, ...]]:
    for primary in ir.of_table(PrimaryKey, *place):
        yield tuple(listed(primary.columns)), (Text("primary key"),), (Mono(primary.name),)
    for unique in ir.of_table(Unique, *place):
        yield tuple(listed(unique.columns)), (Text("unique"),), (Mono(unique.name),)


def _outgoing(place: Place, project: Project, ir: Ir) -> Rows:
    return tuple(
        (
            tuple(listed(one.columns)),
            (_table((one.target_schema, one.target_table), project, ir),),
            tuple(listed(one.target_columns)),
            tuple(_on_delete(one)),
        )
        for one in ir.of_table(ForeignKey, *place)
    )


def _incoming(place: Place, project: Project, ir: Ir) -> Rows:
    return tuple(
        (
            (_table((one.schema, one.table), project, ir),),
            tuple(listed(one.columns)),
            tuple(_on_delete(one)),
        )
        for one in ir.pointing_at(*place)
    )


def _on_delete(key: ForeignKey) -> Iterator[Inline]:
    yield Text(key.on_delete)
    if key.on_delete_columns:
        yield Text(" of ")
        yield from listed(key.on_delete_columns)


def _checks(place: Place, ir: Ir) -> Rows:
    return tuple(((Mono(one.expression),), (Mono(one.name),)) for one in ir.of_table(Check, *place))


def _indexes(place: Place, ir: Ir) -> Rows:
    rows: list[tuple[Line, ...]] = []
    for one in ir.of_table(Index, *place):
        form = ("unique " if one.unique else "") + one.method
        include = (Text(", and with them "), *listed(one.include)) if one.include else ()
        rows.append(((*listed(one.keys), *include), (Text(form),), (Mono(one.where),), (Mono(one.name),)))
    return tuple(rows)


def _access(place: Place, ir: Ir) -> Iterator[Block]:
    yield Heading("Access")
    found = access_words.rules(place, ir)
    if not found:
        yield Paragraph((Text("No role of the API reaches this table."),))
        return
    others = "Nothing else is allowed to any role; "
    yield Paragraph(
        (Text(others), Link("the roles", page=ACCESS_PATH, mono=False), Text(" have a page of their own."))
    )
    yield Grid(("Role", "May", "Rows", "Columns"), tuple(access_words.row(one, ir) for one in found))
    policies = tuple(
        ((Mono(one.command),), (Text(", ".join(one.roles)),), (Mono(one.using),), (Mono(one.check),))
        for one in ir.of_table(Policy, *place)
    )
    if policies:
        yield Heading("Row policies", 3)
        yield Grid(("For", "To", "Rows there are", "Rows to be"), policies)


def _triggers(place: Place, project: Project, ir: Ir) -> Rows:
    rows: list[tuple[Line, ...]] = []
    for one in ir.of_table(Trigger, *place):
        full = f"{one.function_schema}.{one.function}"
        short = project.short_name(full)
        is_written = project.find("function", full) is not None
        fires = f"{one.timing} {' or '.join(one.events)}, each {one.level}"
        when: Line = (Text(", when "), Mono(one.when)) if one.when else ()
        function = Link(short, page=function_path(full)) if is_written else Mono(short)
        rows.append(((Mono(one.name),), (Text(fires), *when), (function,)))
    return tuple(rows)


def _reference_rows(place: Place, ir: Ir) -> Iterator[Block]:
    found = ir.of_table(Row, *place)
    if found:
        yield Heading("Reference rows")
        said = "1 row comes" if len(found) == 1 else f"{len(found)} rows come"
        yield Paragraph((Text(f"{said} with every database; the specs say them."),))
        yield Grid(
            ("Row", "Declared in"), tuple(((Mono(one.key),), tuple(_file(ir.file_of(one)))) for one in found)
        )


def _file(path: str) -> Iterator[Inline]:
    if path:
        yield Link(path, spec=path)

"""What is checked of references between tables: targets, keys, tenancy, and circles of them."""

from __future__ import annotations

from collections.abc import Iterator

from specc.analysis.tables import OUTSIDE, BoundTable, all_columns, tables
from specc.diagnostics import Code, Diagnostic, Span
from specc.diagnostics.suggest import suggest
from specc.kinds.expression_check import is_known_type
from specc.lang.absent import absent
from specc.lang.kind import ProjectRule, Rule
from specc.lang.project import Entry, Path, Project
from specc.lang.resolve import UNKNOWN
from specc.pg.column import Definition

LEAKING = Code(
    "S506",
    "shared-points-at-tenant",
    "A row that everybody shares would point at a row that belongs to one tenant, or a tenant's row at one "
    "of another kind of tenant.",
    wrong="table: org\nabout: A tenant.\ntenant: org\ncolumns: {name: text}\n"
    "---\ntable: note\nabout: A note.\ntenant: org\ncolumns: {body: text}\n"
    "---\ntable: pin\nabout: A pin.\nshared: true\ncolumns: {note_id: uuid references note}\n"
    "---\naccess: all\ntables: [org, note, pin]\nallow: {}\n",
    right="table: org\nabout: A tenant.\ntenant: org\ncolumns: {name: text}\n"
    "---\ntable: note\nabout: A note.\ntenant: org\ncolumns: {body: text}\n"
    "---\ntable: pin\nabout: A pin.\ntenant: org\ncolumns: {note_id: uuid references note}\n"
    "---\naccess: all\ntables: [org, note, pin]\nallow: {}\n",
)
CIRCLE = Code(
    "S507",
    "circle-of-references",
    "Tables whose rows all need a row of the next one, in a circle: the first row could never be inserted. "
    "Let one of the references be `null`, or `deferrable initially deferred`.",
    wrong="table: hen\nabout: A hen.\nshared: true\ncolumns: {egg_id: uuid references egg}\n"
    "---\ntable: egg\nabout: An egg.\nshared: true\ncolumns: {hen_id: uuid references hen}\n"
    "---\naccess: all\ntables: [hen, egg]\nallow: {}\n",
    right="table: hen\nabout: A hen.\nshared: true\ncolumns: {egg_id: uuid null references egg}\n"
    "---\ntable: egg\nabout: An egg.\nshared: true\ncolumns: {hen_id: uuid references hen}\n"
    "---\naccess: all\ntables: [hen, egg]\nallow: {}\n",
)
REFERENCE_TARGET = Code(
    "S510",
    "reference-target",
    "A reference points at `id`, the primary key of its target, or at a column that is unique there, with the same "
    "type; `on delete set null` needs a column that may be null.",
    wrong="table: hen\nabout: A hen.\nshared: true\ncolumns: {name: text}\n"
    "---\ntable: egg\nabout: An egg.\nshared: true\ncolumns: {hen: text references hen (name)}\n"
    "---\naccess: all\ntables: [hen, egg]\nallow: {}\n",
    right="table: hen\nabout: A hen.\nshared: true\ncolumns: {name: text unique}\n"
    "---\ntable: egg\nabout: An egg.\nshared: true\ncolumns: {hen: text references hen (name)}\n"
    "---\naccess: all\ntables: [hen, egg]\nallow: {}\n",
)


def _references(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    table = tables(project)[project.full_name("table", entry.name)]
    for name, read in table.columns.items():
        if read.reference is None:
            continue
        path: Path = ("columns", name, "sql")
        target = project.full_name("table", read.reference.table)
        if read.not_null and read.reference.on_delete == "set null":
            message = f"`{name}` is not null, so nothing can be set null when the row it points at is deleted"
            yield REFERENCE_TARGET.at(entry.at(*path), message, help="write `null`, or another action")
        if read.reference.table in OUTSIDE:
            if read.reference.column not in ("", "id"):
                message = f"`{read.reference.table}.{read.reference.column}` is no key that a reference can point at"
                yield REFERENCE_TARGET.at(entry.at(*path), message)
            continue
        there = tables(project).get(target)
        if there is None:
            if target not in project.entries.get("table", {}) and "table" not in project.unnamed:
                yield _no_target(entry, path, read, project)
            continue
        yield from _key(entry, path, read, there, project)
        if _has_owner(table, project) and _has_owner(there, project):
            yield from _tenancy(entry, path, table, there)


def _no_target(entry: Entry, path: Path, read: Definition, project: Project) -> Diagnostic:
    assert read.reference is not None
    known = [project.short_name(name) for name in project.entries.get("table", {})]
    written = read.reference.table
    offset = entry.spec.columns[path[1]].sql.find(written, read.reference.offset)
    span = entry.places.inside(path, offset, offset + len(written))
    cause = absent(project, "table", written)
    help = suggest(written, known) or (f"did you mean `{cause.near}`?" if cause.near else "")
    return UNKNOWN.at(span, f"there is no table `{written}`", help=help, cause=cause)


def _has_owner(table: BoundTable, project: Project) -> bool:
    """Whether a table says whose its rows are, and names a table of tenants."""
    if not table.tenant:
        return bool(table.entry.spec.shared)
    return table.tenant in tables(project) and tables(project)[table.tenant].is_root


def _no_column(entry: Entry, path: Path, column: str, there: BoundTable, project: Project) -> Diagnostic:
    text, known = entry.spec.columns[path[1]].sql, all_columns(there, project)
    offset = max(text.rfind(column), 0)
    span = entry.places.inside(path, offset, offset + len(column))
    name = project.short_name(there.full_name)
    cause = absent(project, "column", column, "table", there.full_name)
    message = f"there is no column `{column}` in table `{name}`"
    return UNKNOWN.at(span, message, help=suggest(column, known), cause=cause)


def _key(
    entry: Entry, path: Path, read: Definition, there: BoundTable, project: Project
) -> Iterator[Diagnostic]:
    assert read.reference is not None
    column = read.reference.column or "id"
    if column not in all_columns(there, project):
        yield _no_column(entry, path, column, there, project)
        return
    there_read, span = there.columns.get(column), entry.at(*path)
    wanted = "uuid" if column == "id" else there_read.type_name[1] if there_read else ""
    is_unique = column == "id" or (there_read is not None and there_read.unique)
    if not is_unique or (column != "id" and there.tenant):
        yield REFERENCE_TARGET.at(span, f"`{there.name}.{column}` is no key that a reference can point at")
    elif wanted and read.type_name[1] != wanted and is_known_type(read, project):
        message = f"`{there.name}.{column}` is a {wanted}, this column is not"
        yield REFERENCE_TARGET.at(span, message, help=f"write `{wanted} references …`")


def _tenancy(entry: Entry, path: Path, table: BoundTable, there: BoundTable) -> Iterator[Diagnostic]:
    if there.tenant and not there.is_root and table.tenant != there.tenant:
        owner = "a shared table" if not table.tenant else f"a table of `{table.tenant}`"
        message = f"{owner} points at `{there.name}`, whose rows belong to one tenant each"
        yield LEAKING.at(entry.at(*path), message, help=f"write `tenant: {there.entry.spec.tenant}`")


def _circles(project: Project) -> Iterator[Diagnostic]:
    """Find each circle of references that are neither null nor deferred, once, from its first table."""
    needs = {name: _needed(table, project) for name, table in tables(project).items()}
    reported: set[frozenset[str]] = set()
    for start, targets in needs.items():
        circle = _way_back(start, needs)
        if circle and frozenset(circle) not in reported:
            reported.add(frozenset(circle))
            table = tables(project)[start]
            way = " → ".join(f"`{project.short_name(name)}`" for name in (*circle, circle[0]))
            span = _span_of_need(table, targets, circle[1 % len(circle)])
            yield CIRCLE.at(span, f"no first row can be inserted: {way}", help="let one reference be `null`")


def _needed(table: BoundTable, project: Project) -> dict[str, str]:
    """Return the tables that a row needs a row of, each with the column that points there; "" is the tenant's."""
    found = {table.tenant: ""} if table.tenant and not table.is_root else {}
    for name, read in table.columns.items():
        if read.reference and read.not_null and "initially deferred" not in read.reference.deferrable:
            found[project.full_name("table", read.reference.table)] = name
    return found


def _way_back(start: str, needs: dict[str, dict[str, str]]) -> tuple[str, ...]:
    ways: dict[str, tuple[str, ...]] = {start: (start,)}
    queue = [start]
    for current in queue:
        for target in needs.get(current, {}):
            if target == start:
                return ways[current]
            if target not in ways:
                ways[target] = (*ways[current], target)
                queue.append(target)
    return ()


def _span_of_need(table: BoundTable, needs: dict[str, str], target: str) -> Span:
    column = needs.get(target) or next((name for name in needs.values() if name), "")
    return table.entry.at("columns", column, "sql") if column else table.entry.at("tenant")


RULES = (
    Rule((UNKNOWN, LEAKING, REFERENCE_TARGET), _references),
    ProjectRule((CIRCLE,), _circles),
)

"""What is checked of a table: each text of SQL, types, tenancy, references, and circles of references."""

from __future__ import annotations

from collections.abc import Iterator

from specc.analysis.tables import (
    OUTSIDE,
    BoundTable,
    all_columns,
    implied_columns,
    tables,
    types,
    with_machine,
)
from specc.diagnostics import Code, Diagnostic, Span
from specc.diagnostics.suggest import suggest
from specc.ir.fact import Identity
from specc.kinds import key_rules
from specc.kinds.expression_rules import UNFIT_EXPRESSION, UNKNOWN_FUNCTION, faults
from specc.lang.kind import ProjectRule, Rule
from specc.lang.project import Entry, Path, Project
from specc.lang.resolve import NAME_FORM, NAME_LENGTH, RESERVED_WORD, UNKNOWN, check_name
from specc.pg.column import Definition, read_column
from specc.pg.parsing import SqlError, Used, expression, place_in, subqueries
from specc.pg.typename import CATALOG
from specc.pg.types import AFFINITY, BUILT_IN


def _sample(columns: str, extra: str = "", owner: str = "shared: true") -> str:
    return (
        f"table: ticket\nabout: A ticket.\n{owner}\ncolumns:\n{columns}{extra}"
        "---\naccess: tickets\ntables: [ticket]\nallow: {}\n"
    )


_GOOD = _sample("  title: text\n")

BAD_SQL = Code(
    "S501",
    "bad-sql",
    "This text is SQL, and PostgreSQL's parser does not take it.",
    wrong=_sample("  title: text defalt ''\n"),
    right=_sample("  title: text default ''\n"),
)
UNKNOWN_TYPE = Code(
    "S502",
    "unknown-type",
    "The type is neither one of PostgreSQL's nor one that this project makes.",
    wrong=_sample("  title: txet\n"),
    right=_GOOD,
)
NO_OWNER = Code(
    "S503",
    "no-owner",
    "A table says whose its rows are: `tenant: TABLE`, so that every row belongs to one tenant and cannot "
    "point into another's, or `shared: true`. A row that may or may not have an owner leaks sooner or later.",
    wrong=_sample("  title: text\n", owner="shared: false"),
    right=_GOOD,
)
UNKNOWN_COLUMN = Code(
    "S504",
    "unknown-column",
    "An expression names a column that the table does not have.",
    wrong=_sample("  title: text\n", "checks: {filled: \"titel <> ''\"}\n"),
    right=_sample("  title: text\n", "checks: {filled: \"title <> ''\"}\n"),
)
TAKEN = Code(
    "S505",
    "column-taken",
    "Every table has `id`, a tenant's table has its tenant's column, and a machine adds its own; a document "
    "does not declare these again.",
    wrong=_sample("  id: uuid\n  title: text\n"),
    right=_GOOD,
)
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
OWN_KEY = Code(
    "S508",
    "own-primary-key",
    "The primary key of every table is `id`, so that references, tenancy and history mean the same "
    "everywhere. What is unique besides stands under `unique`.",
    wrong=_sample("  title: text primary key\n"),
    right=_sample("  title: text unique\n"),
)
UNKNOWN_SCHEMA = Code(
    "S509",
    "unknown-schema",
    "The name says a schema that specc.yaml does not list.",
    wrong=_GOOD.replace("table: ticket", "table: pubic.ticket").replace("[ticket]", "[pubic.ticket]"),
    right=_GOOD,
)
REFERENCE_TARGET = Code(
    "S510",
    "reference-target",
    "A reference points at `id`, the primary key of its target, or at a column that is unique there.",
    wrong="table: hen\nabout: A hen.\nshared: true\ncolumns: {name: text}\n"
    "---\ntable: egg\nabout: An egg.\nshared: true\ncolumns: {hen: text references hen (name)}\n"
    "---\naccess: all\ntables: [hen, egg]\nallow: {}\n",
    right="table: hen\nabout: A hen.\nshared: true\ncolumns: {name: text unique}\n"
    "---\ntable: egg\nabout: An egg.\nshared: true\ncolumns: {hen: text references hen (name)}\n"
    "---\naccess: all\ntables: [hen, egg]\nallow: {}\n",
)


def _table(entry: Entry, project: Project) -> BoundTable:
    return tables(project)[project.full_name("table", entry.name)]


def sql_error(entry: Entry, path: Path, text: str, error: SqlError) -> Diagnostic:
    """Report SQL that does not parse, at the character where the parser gave up."""
    end = error.offset + 1
    while end < len(text) and (text[end].isalnum() or text[end] == "_"):
        end += 1
    start = min(error.offset, max(0, len(text) - 1))
    span = entry.places.inside(path, start, max(end, start + 1))
    is_syntax = str(error).startswith(("it ", "more "))
    return BAD_SQL.at(span, f"this is no SQL: {error}" if is_syntax else str(error))


def check_expression(
    entry: Entry,
    path: Path,
    text: str,
    columns: tuple[str, ...],
    where: str,
    project: Project,
    *,
    whole: str = "",
    stored: bool = False,
) -> Iterator[Diagnostic]:
    """Check an expression over the columns of one table; queries cannot stand in it.

    The text at `path` is `whole` where the expression is a part of it. It is `stored` where its result is kept.
    """
    try:
        names: Used = expression(text)
        nested = subqueries(text)
    except SqlError as error:
        yield sql_error(entry, path, text, error)
        return
    if nested:
        yield BAD_SQL.at(entry.at(*path), "a query cannot stand in this expression")
    for code, offset, length, message, help in faults(text, names, project, stored=stored):
        start = place_in(whole, text, offset) if whole else offset
        yield code.at(entry.places.inside(path, start, start + length), message, help=help)
    for schema, name, offset in names.types:
        if not _is_type(schema, name, project):
            written = f"{schema}.{name}" if schema else name
            start = place_in(whole, text, offset) if whole else offset
            span = entry.places.inside(path, start, start + len(written))
            yield UNKNOWN_TYPE.at(span, f"there is no type `{written}`", help=suggest(written, CATALOG))
    for column, offset in names.columns:
        if column[-1] not in columns:
            start = place_in(whole, text, offset) if whole else offset
            span = entry.places.inside(path, start, start + len(column[-1]))
            help = suggest(column[-1], columns)
            yield UNKNOWN_COLUMN.at(span, f"{where} has no column `{column[-1]}`", help=help)


def _owner(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    spec = entry.spec
    if spec.shared and spec.tenant:
        yield NO_OWNER.at(entry.key("shared"), f"table `{entry.name}` is both shared and a tenant's")
    elif not spec.shared and not spec.tenant:
        help = "write `tenant: TABLE`, or `shared: true`"
        yield NO_OWNER.at(entry.title, f"table `{entry.name}` does not say whose its rows are", help=help)
    owner = project.find("table", spec.tenant) if spec.tenant else None
    if (
        owner is not None
        and owner.spec is not None
        and owner.spec.tenant
        and not _table(owner, project).is_root
    ):
        message = f"`{spec.tenant}` is not the tenants' own table: its rows belong to `{owner.spec.tenant}`"
        yield NO_OWNER.at(entry.at("tenant"), message, help=f"write `tenant: {owner.spec.tenant}`")


def _schema(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    schema = project.full_name("table", entry.name).split(".", 1)[0]
    known = [*project.settings.schemas, "private"]
    if schema not in known:
        help = suggest(schema, known) or f"specc.yaml lists {', '.join(f'`{name}`' for name in known)}"
        yield UNKNOWN_SCHEMA.at(entry.title, f"there is no schema `{schema}`", help=help)


def _columns(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    table = _table(entry, project)
    taken = implied_columns(table, project)
    for name, spec in entry.spec.columns.items():
        path: Path = ("columns", name, "sql")
        if name in taken:
            message = f"`{name}` is there already: {_giver(name, table)} has it"
            yield TAKEN.at(entry.key("columns", name), message)
        try:
            read = read_column(spec.sql)
        except SqlError as error:
            yield sql_error(entry, path, spec.sql, error)
            continue
        yield from _definition(entry, path, spec.sql, read, project)


def _giver(column: str, table: BoundTable) -> str:
    if column == "id":
        return "every table"
    return "a tenant's table" if column == table.tenant_column else "a table with this machine or soft delete"


def _definition(
    entry: Entry, path: Path, text: str, read: Definition, project: Project
) -> Iterator[Diagnostic]:
    if not _known_type(read, project):
        yield _unknown_type(entry, path, text, read, project)
    if read.primary:
        help = "`id` is the primary key; write `unique`"
        yield OWN_KEY.at(entry.at(*path), "a table has no other primary key than `id`", help=help)
    columns = all_columns(_table(entry, project), project)
    where = f"table `{entry.name}`"
    for part in read.checks:
        yield from check_expression(entry, path, part, columns, where, project, whole=text)
    if read.generated:
        made = read.generated
        yield from check_expression(entry, path, made, columns, where, project, whole=text, stored=True)
    if read.default:
        yield from check_expression(entry, path, read.default, (), "a default", project, whole=text)


def _known_type(read: Definition, project: Project) -> bool:
    schema, name = read.type_name
    if schema in ("", "pg_catalog") and (name in BUILT_IN or schema):
        return True
    return _is_state_type(schema, name, project)


def _is_type(schema: str, name: str, project: Project) -> bool:
    """Whether an expression may name a type: any of PostgreSQL's, the project's, or one of another schema."""
    if schema not in ("", *project.settings.schemas, "private"):
        return True
    return (not schema and name in CATALOG) or _is_state_type(schema, name, project)


def _is_state_type(schema: str, name: str, project: Project) -> bool:
    full = f"{schema or project.default_schema}.{name}"
    if full in {f"{table}_state" for table in with_machine(project)}:
        return True  # The machine of that table may not have bound, which has been reported.
    return (schema or project.default_schema, name) in types(project)


def _unknown_type(entry: Entry, path: Path, text: str, read: Definition, project: Project) -> Diagnostic:
    schema, name = read.type_name
    written = f"{schema}.{name}" if schema else name
    own = [
        type_name if owner == project.default_schema else f"{owner}.{type_name}"
        for owner, type_name in types(project)
    ]
    help = AFFINITY.get(name) or suggest(written, [*sorted(BUILT_IN), *sorted(own)])
    span = entry.places.inside(path, read.type_offset, read.type_offset + len(written))
    del text
    return UNKNOWN_TYPE.at(span, f"there is no type `{written}`", help=help)


def _references(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    table = _table(entry, project)
    for name, read in table.columns.items():
        if read.reference is None:
            continue
        path: Path = ("columns", name, "sql")
        target = project.full_name("table", read.reference.table)
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
        yield from _key(entry, path, read, there)
        if _has_owner(table, project) and _has_owner(there, project):
            yield from _tenancy(entry, path, table, there)


def _no_target(entry: Entry, path: Path, read: Definition, project: Project) -> Diagnostic:
    assert read.reference is not None
    known = [project.short_name(name) for name in project.entries.get("table", {})]
    written = read.reference.table
    offset = entry.spec.columns[path[1]].sql.find(written, read.reference.offset)
    span = entry.places.inside(path, offset, offset + len(written))
    return UNKNOWN.at(span, f"there is no table `{written}`", help=suggest(written, known))


def _has_owner(table: BoundTable, project: Project) -> bool:
    """Whether a table says whose its rows are, and names a table that is there."""
    return table.tenant in tables(project) if table.tenant else table.entry.spec.shared


def _key(entry: Entry, path: Path, read: Definition, there: BoundTable) -> Iterator[Diagnostic]:
    assert read.reference is not None
    column = read.reference.column or "id"
    wanted = (
        "uuid" if column == "id" else there.columns[column].type_name[1] if column in there.columns else ""
    )
    if wanted and read.type_name[1] != wanted:
        message = f"`{there.name}.{column}` is a {wanted}, this column is not"
        yield REFERENCE_TARGET.at(entry.at(*path), message, help=f"write `{wanted} references …`")
    unique = column == "id" or (column in there.columns and there.columns[column].unique)
    if not unique or (column != "id" and there.tenant):
        span = entry.at(*path)
        yield REFERENCE_TARGET.at(span, f"`{there.name}.{column}` is no key that a reference can point at")


def _tenancy(entry: Entry, path: Path, table: BoundTable, there: BoundTable) -> Iterator[Diagnostic]:
    if there.tenant and not there.is_root and table.tenant != there.tenant:
        owner = "a shared table" if not table.tenant else f"a table of `{table.tenant}`"
        message = f"{owner} points at `{there.name}`, whose rows belong to one tenant each"
        yield LEAKING.at(entry.at(*path), message, help=f"write `tenant: {there.entry.spec.tenant}`")


def _expressions(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    columns = all_columns(_table(entry, project), project)
    where = f"table `{entry.name}`"
    for name, text in entry.spec.checks.items():
        yield from check_expression(entry, ("checks", name), text, columns, where, project)
    for at, index in enumerate(entry.spec.indexes):
        if index.where:
            path: Path = ("indexes", at, "where")
            yield from check_expression(entry, path, index.where, columns, where, project, stored=True)
    for name, column in entry.spec.columns.items():
        if column.example:
            path = ("columns", name, "example")
            yield from check_expression(entry, path, column.example, (), "an example", project)


def _index_names(entry: Entry, _: Project) -> Iterator[Diagnostic]:
    for at, index in enumerate(entry.spec.indexes):
        if index.name:
            yield from check_name(index.name, "index", entry.at("indexes", at, "name"))


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
    found = {}
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
    return table.entry.at("columns", needs.get(target, next(iter(needs.values()))), "sql")


def needs(read: Definition, project: Project) -> tuple[Identity, ...]:
    """Return what a column is built on: a type of the project, functions in its default."""
    schema, name = read.type_name
    found: list[Identity] = []
    if (schema or project.default_schema, name) in types(project):
        found.append(("enum", schema or project.default_schema, name))
    for text in (read.default, read.generated):
        if text:
            found += named(text, project)
    return tuple(sorted(set(found)))


def named(text: str, project: Project) -> tuple[Identity, ...]:
    """Return what an expression of a table calls and casts to, and so must come before the table."""
    names = expression(text)
    found: set[Identity] = {
        ("function", schema, name, "")
        for schema, name, _ in names.functions
        if schema not in ("", "pg_catalog")
    }
    for schema, name, _ in names.types:
        if (schema or project.default_schema, name) in types(project):
            found.add(("enum", schema or project.default_schema, name))
    return tuple(sorted(found))


RULES = (
    Rule((NO_OWNER,), _owner),
    Rule((UNKNOWN_SCHEMA,), _schema),
    Rule((BAD_SQL, UNKNOWN_TYPE, TAKEN, OWN_KEY), _columns),
    Rule((UNKNOWN, LEAKING, REFERENCE_TARGET), _references),
    Rule((BAD_SQL, UNKNOWN_COLUMN, UNKNOWN_FUNCTION, UNFIT_EXPRESSION), _expressions),
    *key_rules.RULES,
    Rule((NAME_FORM, NAME_LENGTH, RESERVED_WORD), _index_names),
    ProjectRule((CIRCLE,), _circles),
)

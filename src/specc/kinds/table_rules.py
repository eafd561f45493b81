"""What is checked of a table itself: each text of SQL, types, names, and whose its rows are."""

from __future__ import annotations

from collections.abc import Iterator

from specc.analysis.column_types import column_type, defined_type
from specc.analysis.tables import (
    BoundTable,
    implied_columns,
    tables,
    types,
)
from specc.diagnostics import Code, Diagnostic
from specc.diagnostics.suggest import suggest
from specc.ir.fact import Identity
from specc.kinds import expression_check, key_rules
from specc.kinds.expression_check import (
    UNKNOWN_TYPE,
    Expression,
    check_expression,
    check_states,
    is_known_type,
    sql_error,
)
from specc.lang.kind import Rule
from specc.lang.project import Entry, Path, Project
from specc.lang.resolve import NAME_FORM, NAME_LENGTH, RESERVED_WORD, UNKNOWN, check_name
from specc.pg.column import Definition, read_column
from specc.pg.names import ident
from specc.pg.parsing import SqlError, expression
from specc.pg.typename import read_type
from specc.pg.types import AFFINITY, BUILT_IN


def _sample(columns: str, extra: str = "", owner: str = "shared: true") -> str:
    return (
        f"table: ticket\nabout: A ticket.\n{owner}\ncolumns:\n{columns}{extra}"
        "---\naccess: tickets\ntables: [ticket]\nallow: {}\n"
    )


_GOOD = _sample("  title: text\n")

NO_OWNER = Code(
    "S503",
    "no-owner",
    "A table says whose its rows are: `tenant: TABLE`, so that every row belongs to one tenant and cannot "
    "point into another's, or `shared: true`. A row that may or may not have an owner leaks sooner or later.",
    wrong=_sample("  title: text\n", owner="shared: false"),
    right=_GOOD,
)
TAKEN = Code(
    "S505",
    "column-taken",
    "Every table has `id`, a tenant's table has its tenant's column, and a machine adds its own; a document "
    "does not declare these again.",
    wrong=_sample("  id: uuid\n  title: text\n"),
    right=_GOOD,
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


def _table(entry: Entry, project: Project) -> BoundTable:
    return tables(project)[project.full_name("table", entry.name)]


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
        and project.find("table", owner.spec.tenant)
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
    if not is_known_type(read, project):
        yield _unknown_type(entry, path, text, read, project)
    if read.primary:
        help = "`id` is the primary key; write `unique`"
        yield OWN_KEY.at(entry.at(*path), "a table has no other primary key than `id`", help=help)
    table = _table(entry, project)
    made = defined_type(read, project)
    parts = [Expression(entry, path, text, table, part=part) for part in read.checks]
    if read.generated:
        parts.append(Expression(entry, path, text, table, "", read.generated, made, is_stored=True))
    if read.default:
        parts.append(Expression(entry, path, text, None, "a default", read.default, made))
    for part in parts:
        yield from check_expression(part, project)


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


def _expressions(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    table = _table(entry, project)
    for name, text in entry.spec.checks.items():
        yield from check_expression(Expression(entry, ("checks", name), text, table), project)
    for at, index in enumerate(entry.spec.indexes):
        if index.where:
            path: Path = ("indexes", at, "where")
            yield from check_expression(Expression(entry, path, index.where, table, is_stored=True), project)
    for name, column in entry.spec.columns.items():
        if column.example:
            made = column_type(table, name, project)
            path = ("columns", name, "example")
            one = Expression(entry, path, column.example, None, "an example", wanted=made)
            yield from check_expression(one, project)


def _states(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    """Check that texts compared with `state`, in checks and indexes, are states of the table's machine."""
    table = _table(entry, project)
    for name, text in entry.spec.checks.items():
        yield from check_states(entry, ("checks", name), text, table, project)
    for at, one in enumerate(entry.spec.indexes):
        if one.where:
            yield from check_states(entry, ("indexes", at, "where"), one.where, table, project)


def _index_names(entry: Entry, _: Project) -> Iterator[Diagnostic]:
    for at, index in enumerate(entry.spec.indexes):
        if index.name:
            yield from check_name(index.name, "index", entry.at("indexes", at, "name"))


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


def in_full(text: str, project: Project) -> str:
    """Return an expression with the project's types named with their schemas: no search path finds them."""
    schema = project.default_schema
    uses = expression(text).types if text else ()
    for owner, name, offset in sorted(uses, key=lambda use: -use[2]):
        if not owner and (schema, name) in types(project):
            text = f"{text[:offset]}{ident(schema)}.{text[offset:]}"
    return text


def type_in_full(read: Definition, project: Project) -> str:
    """Return a column's type, one of the project's in one way, however it is written: it is told by that elsewhere."""
    schema, name = read.type_name
    is_ours = (schema or name not in BUILT_IN) and (schema or project.default_schema, name) in types(project)
    return read_type(read.type, project.default_schema).listed if is_ours else read.type


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
    Rule((*expression_check.CODES, TAKEN, OWN_KEY), _columns),
    Rule(expression_check.CODES, _expressions),
    Rule((UNKNOWN,), _states),
    *key_rules.RULES,
    Rule((NAME_FORM, NAME_LENGTH, RESERVED_WORD), _index_names),
)

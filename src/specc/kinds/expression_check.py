"""What is checked of an expression over the columns of one table: names, calls and types, each with its place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from specc.analysis.column_types import column_type, enum_type
from specc.analysis.machines import machines
from specc.analysis.tables import BoundTable, all_columns, types, with_machine
from specc.diagnostics import Code, Diagnostic, Span
from specc.diagnostics.suggest import suggest
from specc.kinds.expression_rules import UNFIT_EXPRESSION, UNKNOWN_FUNCTION, faults
from specc.lang import resolve
from specc.lang.absent import absent
from specc.lang.project import Entry, Path, Project
from specc.pg.column import Definition
from specc.pg.families import UNKNOWN, Type, type_faults
from specc.pg.parsing import SqlError, expression, place_in, subqueries
from specc.pg.typename import CATALOG
from specc.pg.types import BUILT_IN
from specc.pg.writes import compared_texts


def _sample(columns: str, extra: str = "") -> str:
    return (
        f"table: ticket\nabout: A ticket.\nshared: true\ncolumns:\n{columns}{extra}"
        "---\naccess: tickets\ntables: [ticket]\nallow: {}\n"
    )


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
    right=_sample("  title: text\n"),
)
UNKNOWN_COLUMN = Code(
    "S504",
    "unknown-column",
    "An expression names a column that the table does not have.",
    wrong=_sample("  title: text\n", "checks: {filled: \"titel <> ''\"}\n"),
    right=_sample("  title: text\n", "checks: {filled: \"title <> ''\"}\n"),
)
UNLIKE_TYPES = Code(
    "S514",
    "unlike-types",
    "PostgreSQL has no operator, and no conversion, between the types that meet here, or the text between quotes "
    "is no value of the type it is to become. Only what is certain without a server is reported.",
    wrong=_sample("  number: integer\n", 'checks: {positive: "number > true"}\n'),
    right=_sample("  number: integer\n", 'checks: {positive: "number > 0"}\n'),
)
CODES = (BAD_SQL, UNKNOWN_TYPE, UNKNOWN_COLUMN, UNLIKE_TYPES, UNKNOWN_FUNCTION, UNFIT_EXPRESSION)


@dataclass(frozen=True, eq=False)
class Expression:
    """An expression in a document: the text at `path`, or a `part` of it.

    `table` is whose columns it may name; without one, `what` says which kind of expression names none. What it
    results in becomes a value of the type `wanted` (without one it is a condition), and is `is_stored` where it
    is kept.
    """

    entry: Entry
    path: Path
    text: str
    table: BoundTable | None
    what: str = ""
    part: str = ""
    wanted: Type | None = None
    is_stored: bool = False

    @property
    def sql(self) -> str:
        """The expression itself."""
        return self.part or self.text

    def span(self, offset: int, length: int) -> Span:
        """Return the place in the file of so many characters of the expression."""
        start = place_in(self.text, self.part, offset) if self.part else offset
        return self.entry.places.inside(self.path, start, start + length)


def check_expression(one: Expression, project: Project) -> Iterator[Diagnostic]:
    """Check an expression; queries cannot stand in it."""
    try:
        names = expression(one.sql)
        nested = subqueries(one.sql)
    except SqlError as error:
        yield sql_error(one.entry, one.path, one.sql, error)
        return
    found = [*_names(one, project), *_columns(one, project)]
    if nested:
        found.append(BAD_SQL.at(one.entry.at(*one.path), "a query cannot stand in this expression"))
    for code, offset, length, message, help in faults(one.sql, names, project, stored=one.is_stored):
        found.append(code.at(one.span(offset, length), message, help=help))
    yield from found or _types(one, project)


def sql_error(entry: Entry, path: Path, text: str, error: SqlError) -> Diagnostic:
    """Report SQL that does not parse, at the character where the parser gave up."""
    end = error.offset + 1
    while end < len(text) and (text[end].isalnum() or text[end] == "_"):
        end += 1
    start = min(error.offset, max(0, len(text) - 1))
    span = entry.places.inside(path, start, max(end, start + 1))
    is_syntax = str(error).startswith(("it ", "more "))
    help = "SQL writes `and` for `&&`" if is_syntax and "&&" in text else ""
    return BAD_SQL.at(span, f"this is no SQL: {error}" if is_syntax else str(error), help=help)


def _names(one: Expression, project: Project) -> Iterator[Diagnostic]:
    for schema, name, offset in expression(one.sql).types:
        if not _is_type(schema, name, project):
            written = f"{schema}.{name}" if schema else name
            span, help = one.span(offset, len(written)), suggest(written, BUILT_IN)
            yield UNKNOWN_TYPE.at(span, f"there is no type `{written}`", help=help)


def _is_type(schema: str, name: str, project: Project) -> bool:
    """Whether an expression may name a type: any of PostgreSQL's, the project's, or one of another schema."""
    if schema not in ("", *project.settings.schemas, "private"):
        return True
    return (not schema and name in CATALOG) or is_state_type(schema, name, project)


def is_known_type(read: Definition, project: Project) -> bool:
    """Whether a column's type is PostgreSQL's or the project's."""
    schema, name = read.type_name
    if schema in ("", "pg_catalog") and (name in BUILT_IN or schema):
        return True
    return is_state_type(schema, name, project)


def is_state_type(schema: str, name: str, project: Project) -> bool:
    """Whether a name is the type of some machine's states, though the machine may not have bound."""
    full = f"{schema or project.default_schema}.{name}"
    made = {f"{table}_state" for table in with_machine(project)}
    return full in made or (schema or project.default_schema, name) in types(project)


def _columns(one: Expression, project: Project) -> Iterator[Diagnostic]:
    known = all_columns(one.table, project) if one.table else ()
    for path, offset in expression(one.sql).columns:
        column = path[-1]
        if one.table is not None and len(path) > 1 and path[-2] != one.table.name:
            written = ".".join(path)
            message = (
                f"`{written}` is no column of table `{one.table.entry.name}`, and no other can be named here"
            )
            yield UNKNOWN_COLUMN.at(one.span(offset, len(written)), message)
        elif column not in known:
            before = len(".".join(path)) - len(column)
            span, help = one.span(offset + before, len(column)), suggest(column, known)
            message = f"{_table(one.table)} has no column `{column}`"
            if one.table is None:
                message, help = f"{one.what} names no columns", f"write `'{column}'` if it is a text"
            elif one.sql.startswith('"', offset) and not help:
                help = (
                    f"write `'{column}'` if it is a text: names stand in double quotes, texts in single ones"
                )
            elif not help:
                help = f"write `'{column}'` if it is a text"
            cause = absent(project, "column", column, "table", one.table.full_name) if one.table else None
            yield UNKNOWN_COLUMN.at(span, message, help=help, cause=cause)


def _table(table: BoundTable | None) -> str:
    return f"table `{table.entry.name}`" if table else ""


def _types(one: Expression, project: Project) -> Iterator[Diagnostic]:
    def type_of(name: str) -> Type:
        return column_type(one.table, name, project) if one.table else UNKNOWN

    def own(schema: str, name: str) -> Type:
        return enum_type(schema or project.default_schema, name, project)

    for fault in type_faults(one.sql, one.wanted, type_of, own):
        yield UNLIKE_TYPES.at(one.span(fault.offset, fault.length), fault.message, help=fault.help)


def check_states(
    entry: Entry, path: Path, text: str, table: BoundTable, project: Project
) -> Iterator[Diagnostic]:
    """Check that texts which an expression compares with `state` are states of the table's machine."""
    machine = machines(project).get(table.full_name)
    if machine is None or not machine.lifecycle.is_complete:
        return
    for value, offset in _compared(text):
        # A cast is checked with its type.
        is_written = f"'{value}'" in text and f"'{value}'::" not in text
        if value not in machine.lifecycle.states and is_written:
            span = entry.places.inside(path, offset, offset + len(value) + 2)
            message = f"`{value}` is no state of machine `{machine.name}`"
            cause = absent(project, "state", value, "lifecycle", machine.lifecycle_name)
            yield resolve.UNKNOWN.at(
                span, message, help=suggest(value, machine.lifecycle.states), cause=cause
            )


def _compared(text: str) -> list[tuple[str, int]]:
    try:
        return compared_texts(text, "state")
    except SqlError:
        return []

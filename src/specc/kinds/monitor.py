"""Kind `monitor`: a query of the project's own that operators look at, as a view in the schema `monitor`.

It shows to each reader what he may read of the tables. An alert may watch how many rows it has.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field

from specc.analysis.monitors import is_for_operators, needs, reads, relations
from specc.diagnostics import Code, Diagnostic
from specc.diagnostics.suggest import suggest
from specc.ir.database import Comment, Grant, View
from specc.lang.kind import Kind, Lowered, Rule
from specc.lang.markers import SpecModel, Sql
from specc.lang.project import Entry, Project
from specc.pg.names import MONITOR, OPERATOR
from specc.pg.parsing import SqlError, parse, used
from specc.pg.tree import nodes

_GOOD = (
    "table: ticket\nabout: A ticket.\nshared: true\ncolumns: {title: text}\n"
    "---\naccess: tickets\ntables: [ticket]\nallow: {}\n"
    "---\nmonitor: nameless\nabout: Tickets that nobody will find.\n"
    "query: select t.id from public.ticket as t where t.title = ''\n"
)
NOT_A_QUERY = Code(
    "S364",
    "not-a-query",
    "A monitor is one SELECT that only reads: it locks nothing, writes nothing and has no parameters.",
    wrong=_GOOD.replace(
        "select t.id from public.ticket as t where t.title = ''", "delete from public.ticket"
    ),
    right=_GOOD,
)
NOT_THERE = Code(
    "S365",
    "unknown-relation",
    "A monitor's query names tables and views with their schemas, since no search path is set. Those of the "
    "project's schemas are known: its tables, what machines add to them, and the views in `monitor`.",
    wrong=_GOOD.replace("public.ticket as", "ticket as"),
    right=_GOOD,
)

_WRITES = ("InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt", "IntoClause", "LockingClause")


class MonitorSpec(SpecModel):
    """A query that operators look at."""

    about: str = Field(description="What a row of it is, and what to do about it.")
    query: Annotated[str, Sql("query")] = Field(description="One SELECT that names its tables in full.")


def _lower(entry: Entry, project: Project) -> Lowered:
    """Yield the view."""
    yield View(MONITOR, entry.name, entry.spec.query.strip().removesuffix(";"), needs(entry, project))
    yield Comment(f"view {MONITOR} {entry.name}", entry.spec.about)
    if is_for_operators(entry, project):
        yield Grant("view", MONITOR, entry.name, "", "select", OPERATOR)


def _one_query(entry: Entry, _: Project) -> Iterator[Diagnostic]:
    query = entry.spec.query
    try:
        statements = parse(query)
    except SqlError as error:
        span = entry.places.inside(("query",), error.offset, error.offset + 1)
        yield NOT_A_QUERY.at(span, f"this is no SQL: {error}")
        return
    message = _no_query(statements)
    if message:
        yield NOT_A_QUERY.at(entry.at("query"), message)


def _no_query(statements: list[Any]) -> str:
    """Return why statements are no query; "" when they are one."""
    kinds = [kind for kind, _ in nodes(statements)]
    if len(statements) != 1:
        return f"this is {len(statements)} statements"
    if "SelectStmt" not in statements[0].get("stmt", statements[0]):
        return "this is no SELECT"
    if any(kind in _WRITES for kind in kinds):
        return "this does more than read"
    return "a view has no parameters" if used(statements).parameters else ""


def _known(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    try:
        found = list(reads(entry.spec.query))
    except SqlError:
        return
    known = relations(project)
    ours = {*project.settings.schemas, "private", MONITOR}
    for schema, name, offset in found:
        written = f"{schema}.{name}" if schema else name
        span = entry.places.inside(("query",), offset, offset + len(written))
        if not schema and not name.startswith("pg_"):
            full = [".".join(place) for place in known if place[1] == name]
            help = f"write `{full[0]}`" if full else "write its schema, too"
            yield NOT_THERE.at(span, f"`{name}` has no schema", help=help)
        elif schema in ours and (schema, name) not in known and not project.has_unread("table"):
            help = suggest(written, [".".join(place) for place in known])
            yield NOT_THERE.at(span, f"there is no table or view `{written}`", help=help)


KIND = Kind(
    key="monitor",
    about="A query that operators look at; a view in the schema `monitor`.",
    model=MonitorSpec,
    lower=_lower,
    rules=(Rule((NOT_A_QUERY,), _one_query), Rule((NOT_THERE,), _known)),
)

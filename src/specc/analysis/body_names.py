"""What function bodies name: tables and columns of the project that are not there.

Only what is certain: tables with a schema of this project, tables without any (every function has an empty
`search_path`), and the columns that INSERT and UPDATE write.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from specc.analysis import monitors
from specc.analysis.bodies import body_pieces
from specc.analysis.routines import routines
from specc.analysis.tables import all_columns, tables
from specc.lang.project import Project
from specc.pg.names import MONITOR
from specc.pg.parsing import SqlError, parse
from specc.pg.pieces import Piece
from specc.pg.tree import Fields, nodes
from specc.record import record

_MAKES_TABLES = ("CreateStmt", "CreateTableAsStmt", "IntoClause")


@record
class Missing:
    """A name that is not there: `table` is "" for a table itself; offsets are in the function's SQL."""

    table: str
    name: str
    offset: int


@lru_cache(maxsize=8)
def relations(project: Project) -> frozenset[str]:
    """Return the full names of all tables and views of a project."""
    watched = {".".join(place) for place in monitors.relations(project)}
    own = {f"{MONITOR}.{entry.name}" for entry in project.all("monitor")}
    return frozenset(watched | own | set(project.entries.get("table", {})))


def missing(full_name: str, project: Project) -> Iterator[Missing]:
    """Yield the names in a function's body that are not there, as far as the project is known."""
    if "table" in project.unnamed:
        return
    bound = routines(project).get(full_name)
    if bound is None:
        return
    found = [(piece, _parsed(piece)) for piece in body_pieces(bound, project)[1]]
    is_loose = bound.is_trigger or any(
        piece.reason or name in _MAKES_TABLES
        for piece, statements in found
        for name, _ in [("", {}), *nodes(statements)]
    )
    for piece, statements in found:
        for one in _missing(statements, project, loose=is_loose):
            yield replace(one, offset=bound.routine.in_text(piece.place(one.offset)))


def _parsed(piece: Piece) -> list[Fields]:
    try:
        return [] if piece.reason else parse(piece.text)
    except SqlError:
        return []


def _missing(statements: list[Fields], project: Project, *, loose: bool) -> Iterator[Missing]:
    """Yield the missing names of one piece; `loose` says that it may see tables of the session."""
    found = list(nodes(statements))
    own = {fields["ctename"] for name, fields in found if name == "CommonTableExpr"}
    clauses = [fields for name, fields in found if name == "LockingClause"]
    aliases = {one["RangeVar"]["location"] for fields in clauses for one in fields.get("lockedRels", ())}
    for name, fields in found:
        if name == "RangeVar" and fields.get("location", 0) not in aliases:
            yield from _table(fields, own, project, loose=loose)
        elif name in ("UpdateStmt", "InsertStmt"):
            yield from _columns(fields, project)


def _table(fields: Fields, own: set[str], project: Project, *, loose: bool) -> Iterator[Missing]:
    schema, name = fields.get("schemaname", ""), fields["relname"]
    offset = fields.get("location", 0)
    if schema:
        if schema in (*project.settings.schemas, "private") and f"{schema}.{name}" not in relations(project):
            yield Missing("", f"{schema}.{name}", offset)
    elif name not in own and not loose and not name.startswith("pg_"):
        yield Missing("", name, offset)


def _columns(fields: Fields, project: Project) -> Iterator[Missing]:
    relation = fields["relation"]
    full_name = f"{relation.get('schemaname', '')}.{relation['relname']}"
    table = tables(project).get(full_name)
    if table is None or project.has_unread("machine"):
        return
    known = all_columns(table, project)
    written = [*fields.get("cols", ()), *fields.get("targetList", ())]
    written += fields.get("onConflictClause", {}).get("targetList", ())
    for one in written:
        target = one["ResTarget"]
        if target.get("name", "") not in known:
            yield Missing(full_name, target.get("name", ""), target.get("location", 0))

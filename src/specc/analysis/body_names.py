"""What function bodies name: tables and columns of the project that are not there.

Only what is certain: tables with a schema of this project, tables without any (every function has an empty
`search_path`), and the columns that INSERT and UPDATE write.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from specc.analysis.bodies import pieces
from specc.analysis.machines import machines
from specc.analysis.routines import BoundRoutine, routines
from specc.analysis.tables import all_columns, tables
from specc.lang.project import Project
from specc.pg.names import fit
from specc.pg.parsing import SqlError, parse
from specc.pg.tree import Fields, nodes

_MAKES_TABLES = ("CreateStmt", "CreateTableAsStmt", "IntoClause")


@dataclass(frozen=True, slots=True)
class Missing:
    """A name that is not there: `table` is "" for a table itself; offsets are in the function's SQL."""

    table: str
    name: str
    offset: int


@lru_cache(maxsize=8)
def relations(project: Project) -> frozenset[str]:
    """Return the full names of all tables and views of a project."""
    views = {f"{one.schema}.{fit(f'{one.name}_status')}" for one in machines(project).values()}
    return frozenset(views | set(project.entries.get("table", {})))


def missing(full_name: str, project: Project) -> Iterator[Missing]:
    """Yield the names in a function's body that are not there, as far as the project is known."""
    if "table" in project.unnamed:
        return
    routine = routines(project).get(full_name)
    for piece in pieces(routine, project) if routine else ():
        if not piece.reason:
            try:
                statements = parse(piece.text)
            except SqlError:
                continue
            yield from _missing(statements, piece.offset, routine, project)


def _missing(
    statements: list[Fields], shift: int, routine: BoundRoutine | None, project: Project
) -> Iterator[Missing]:
    found = list(nodes(statements))
    own = {fields["ctename"] for name, fields in found if name == "CommonTableExpr"}
    loose = (routine is not None and routine.is_trigger) or any(name in _MAKES_TABLES for name, _ in found)
    for name, fields in found:
        if name == "RangeVar":
            yield from _table(fields, own, shift, project, loose=loose)
        elif name in ("UpdateStmt", "InsertStmt"):
            yield from _columns(fields, shift, project)


def _table(fields: Fields, own: set[str], shift: int, project: Project, *, loose: bool) -> Iterator[Missing]:
    schema, name = fields.get("schemaname", ""), fields["relname"]
    offset = shift + fields.get("location", 0)
    if schema:
        if schema in (*project.settings.schemas, "private") and f"{schema}.{name}" not in relations(project):
            yield Missing("", f"{schema}.{name}", offset)
    elif name not in own and not loose and not name.startswith("pg_"):
        yield Missing("", name, offset)


def _columns(fields: Fields, shift: int, project: Project) -> Iterator[Missing]:
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
            yield Missing(full_name, target.get("name", ""), shift + target.get("location", 0))

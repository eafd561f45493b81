"""Functions with their SQL read: signatures by name, and which types of the project are rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from specc.analysis.access import roles
from specc.analysis.machines import machines
from specc.analysis.tables import tables, types
from specc.lang.project import Entry, Project
from specc.pg.names import qualified
from specc.pg.parsing import SqlError
from specc.pg.plpgsql import IsRow
from specc.pg.routine import Routine, read_routine
from specc.pg.typename import CATALOG


@dataclass(frozen=True, eq=False)
class BoundRoutine:
    """A function file and what its SQL says."""

    entry: Entry
    schema: str
    name: str
    routine: Routine

    @property
    def full_name(self) -> str:
        """Schema and name."""
        return f"{self.schema}.{self.name}"

    @property
    def is_trigger(self) -> bool:
        """Whether only triggers call it."""
        result = self.routine.result
        return result is not None and result.is_own and result.name in ("trigger", "event_trigger")


@lru_cache(maxsize=8)
def routines(project: Project) -> Mapping[str, BoundRoutine]:
    """Return the functions whose SQL can be read, by full name."""
    found = {}
    for entry in project.all("function"):
        try:
            routine = read_routine(entry.spec.sql, project.default_schema)
        except SqlError:
            continue
        schema, name = project.full_name("function", entry.name).split(".", 1)
        found[f"{schema}.{name}"] = BoundRoutine(entry, schema, name, routine)
    return found


@lru_cache(maxsize=8)
def signatures(project: Project) -> Mapping[tuple[str, str], str]:
    """Return the signatures of functions by (schema, name): written ones and those that machines make."""
    found = {(one.schema, one.name): one.routine.signature for one in routines(project).values()}
    for machine in machines(project).values():
        enum = qualified(machine.schema, machine.enum)
        found.setdefault((machine.schema, machine.may_move), f"{enum}, {enum}")
    return found


@lru_cache(maxsize=8)
def row_types(project: Project) -> IsRow:
    """Return the function that tells row types from others, as far as the project knows them."""
    rows = frozenset((one.schema, one.name) for one in tables(project).values())
    scalars = types(project)

    def is_row(schema: str, name: str) -> bool | None:
        if not schema:
            return False if name in CATALOG else None
        return True if (schema, name) in rows else False if (schema, name) in scalars else None

    return is_row


@lru_cache(maxsize=8)
def callers(project: Project) -> Mapping[str, tuple[str, ...]]:
    """Return for each schema the database roles that may call functions in it: they need USAGE."""
    found: dict[str, set[str]] = {}
    for one in routines(project).values():
        for name in one.entry.spec.callable_by:
            if name in roles(project):
                found.setdefault(one.schema, set()).add(roles(project)[name].database_role)
    return {schema: tuple(sorted(names)) for schema, names in sorted(found.items())}

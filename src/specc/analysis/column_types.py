"""The types of a table's columns as expressions see them: declared ones, and those that are there without saying."""

from __future__ import annotations

from specc.analysis.machines import machines
from specc.analysis.tables import BoundTable
from specc.lang.project import Project
from specc.pg.column import Definition
from specc.pg.families import MOMENT, NUMBER, TEXT, UNKNOWN, UUID, Type, built_in

_STATE_COLUMNS = {"state_substate": TEXT, "state_since": MOMENT, "retry_at": MOMENT, "attempt": NUMBER}


def column_type(table: BoundTable, name: str, project: Project) -> Type:
    """Return the type of a column, `UNKNOWN` for one that could not be read; labels of `state` are left out."""
    read = table.columns.get(name)
    if read is not None:
        return defined_type(read, project)
    if name in table.entry.spec.columns:
        return UNKNOWN
    if name == "state":
        machine = machines(project).get(table.full_name)
        return Type(f"enum {machine.schema}.{machine.enum}", machine.enum) if machine else UNKNOWN
    return UUID if name in ("id", table.tenant_column) else _STATE_COLUMNS.get(name, UNKNOWN)


def defined_type(read: Definition, project: Project) -> Type:
    """Return the type that a column's definition says."""
    schema, name = read.type_name
    if "[" in read.type or "array" in read.type.lower().split():
        return UNKNOWN
    if schema in ("", "pg_catalog") and built_in(name) is not UNKNOWN:
        return built_in(name)
    return enum_type(schema or project.default_schema, name, project)


def enum_type(schema: str, name: str, project: Project) -> Type:
    """Return the type of a machine's states, `UNKNOWN` for any other name."""
    for machine in machines(project).values():
        if (machine.schema, machine.enum) == (schema, name):
            labels = machine.lifecycle.states if machine.lifecycle.is_complete else ()
            return Type(f"enum {schema}.{name}", name, labels)
    return UNKNOWN

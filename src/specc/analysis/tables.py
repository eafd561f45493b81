"""Tables as rules and lowering see them: column definitions read once, tenancy, and who points at whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

from specc.analysis.machines import BoundMachine, machines
from specc.lang.project import Entry, Project
from specc.pg.column import Definition, read_column
from specc.pg.names import fit
from specc.pg.parsing import SqlError

OUTSIDE: Mapping[str, tuple[str, ...]] = {"auth.users": ("id", "email", "phone")}
"""Tables that are there before us (`auth` of Supabase and of bootstrap.sql), with columns to point at."""


@dataclass(frozen=True, eq=False)
class BoundTable:
    """A table with its columns read; those that could not be read are left out."""

    entry: Entry
    schema: str
    name: str
    tenant: str
    columns: Mapping[str, Definition]

    @cached_property
    def full_name(self) -> str:
        """Schema and name."""
        return f"{self.schema}.{self.name}"

    @property
    def is_root(self) -> bool:
        """Whether its rows are the tenants themselves."""
        return self.tenant == self.full_name

    @cached_property
    def tenant_column(self) -> str:
        """The column that says whose a row is; "" in shared tables."""
        if not self.tenant:
            return ""
        return "id" if self.is_root else _tenant_column(self.tenant)

    @property
    def required(self) -> tuple[str, ...]:
        """The columns besides `id` without which no row can be inserted."""
        owner = (self.tenant_column,) if self.tenant and not self.is_root else ()
        made = {name for name, read in self.columns.items() if read.generated or read.identity_form}
        return owner + tuple(
            name
            for name, read in self.columns.items()
            if read.not_null and not read.default and name not in made
        )

    @property
    def writable(self) -> tuple[str, ...]:
        """The declared columns that take a value, for an INSERT and an UPDATE alike."""
        return tuple(
            name
            for name, read in self.columns.items()
            if not read.generated and read.identity_form != "always"
        )


def _tenant_column(root: str) -> str:
    """Return the column by which rows belong to those of a table of tenants."""
    return fit(f"{root.split('.', 1)[1]}_id")


@lru_cache(maxsize=8)
def tables(project: Project) -> Mapping[str, BoundTable]:
    """Return the tables that bound, by full name."""
    return {one.full_name: one for one in (_bind(entry, project) for entry in project.all("table"))}


def _bind(entry: Entry, project: Project) -> BoundTable:
    schema, name = project.full_name("table", entry.name).split(".", 1)
    columns = {}
    for column, spec in entry.spec.columns.items():
        try:
            columns[column] = read_column(spec.sql)
        except SqlError:
            continue
    tenant = project.full_name("table", entry.spec.tenant) if entry.spec.tenant else ""
    return BoundTable(entry, schema, name, tenant, columns)


@lru_cache(maxsize=8)
def types(project: Project) -> frozenset[tuple[str, str]]:
    """Return the types that the project makes, as (schema, name): the machines' states."""
    return frozenset((one.schema, one.enum) for one in machines(project).values())


def implied_columns(table: BoundTable, project: Project) -> tuple[str, ...]:
    """Return the columns a table has without its document naming them."""
    found = ["id"]
    if table.tenant and not table.is_root:
        found.append(table.tenant_column)
    if table.full_name in with_machine(project):
        found += STATE_COLUMNS
        machine = machines(project).get(table.full_name)
        # A machine that could not be read may give any column of machines.
        found += [RETRY_COLUMN] if machine is None or machine.recoverable else []
    return tuple(found)


STATE_COLUMNS = ("state", "state_substate", "state_since", "attempt")
"""The columns that a machine gives its table."""

RETRY_COLUMN = "retry_at"
"""The column that a machine whose rows recover by themselves gives its table besides."""


@lru_cache(maxsize=8)
def with_machine(project: Project) -> frozenset[str]:
    """Return the full names that machines bind to, whether or not machine and lifecycle could be read."""
    entries = project.entries.get("machine", {}).values()
    names = ((entry.spec.rows_of if entry.spec else "") or entry.name for entry in entries)
    return frozenset(project.full_name("table", name) for name in names)


def all_columns(table: BoundTable, project: Project) -> tuple[str, ...]:
    """Return the names of all columns of a table, with those of a machine whose table is not known.

    A table that does not say whose its rows are, which is a finding, may belong to any tenant.
    """
    found = (*implied_columns(table, project), *table.entry.spec.columns)
    if not table.tenant and not table.entry.spec.shared:
        found = (*found, *(_tenant_column(one) for one in tables(project) if tables(project)[one].is_root))
    return (
        tuple(dict.fromkeys((*found, *STATE_COLUMNS, RETRY_COLUMN))) if _has_stray_machine(project) else found
    )


def table_of(machine: BoundMachine, project: Project) -> BoundTable | None:
    """Return the table of a machine, None where its document could not be bound."""
    return tables(project).get(f"{machine.schema}.{machine.table}")


@lru_cache(maxsize=8)
def _has_stray_machine(project: Project) -> bool:
    """Whether a machine is there without its table, or a function moves one that is not there."""
    known, machines_known = project.entries.get("table", {}), project.entries.get("machine", {})
    driven = {name for entry in project.all("function") for name in entry.spec.drives}
    is_lost = any(name not in known for name in with_machine(project))
    return "machine" in project.unnamed or is_lost or any(name not in machines_known for name in driven)

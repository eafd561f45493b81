"""Who may do what: the roles that access documents declare, and each table's rules."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from specc.lang.project import Entry, Path, Project
from specc.pg.names import fit
from specc.record import record

COMMANDS = ("select", "insert", "update", "delete")


@dataclass(frozen=True, eq=False)
class BoundRole:
    """A role of the project: a role of the database and, with `through`, membership in the row's tenant."""

    entry: Entry
    name: str
    database_role: str
    through: str
    user: str
    when: str
    about: str

    def helper(self) -> str:
        """The function in `private` that returns the tenants a signed-in user has this role in."""
        return fit(f"{self.name}_tenants")


@lru_cache(maxsize=8)
def roles(project: Project) -> Mapping[str, BoundRole]:
    """Return the declared roles by name."""
    found: dict[str, BoundRole] = {}
    for entry in project.all("access"):
        for name, spec in entry.spec.roles.items():
            through = project.full_name("table", spec.through) if spec.through else ""
            role = BoundRole(entry, name, spec.as_, through, spec.user, spec.when, spec.about)
            found.setdefault(name, role)
    return found


class PermissionTextError(ValueError):
    """A permission is not written as `command` or `command (column, column)`."""


@record
class Permission:
    """One thing a role may do with one table; no columns means all that make sense."""

    entry: Entry
    path: Path
    table: str
    role: str
    command: str
    columns: tuple[str, ...]


_PERMISSION = re.compile(r"\s*([a-z]+)\s*(?:\(([^()]*)\))?\s*\Z")


def read_permission(text: str) -> tuple[str, tuple[str, ...]]:
    """Read `insert (a, b)` into its command and columns. Raises `PermissionTextError` with the reason."""
    found = _PERMISSION.match(text)
    if not found or found[1] not in COMMANDS:
        raise PermissionTextError(f"`{text}` is no permission")
    columns = tuple(name.strip() for name in (found[2] or "").split(",")) if found[2] is not None else ()
    if any(not name for name in columns):
        raise PermissionTextError(f"`{text}` names an empty column")
    if columns and found[1] == "delete":
        raise PermissionTextError("a row is deleted as a whole, `delete` takes no columns")
    return found[1], columns


@lru_cache(maxsize=8)
def permissions(project: Project) -> Mapping[str, tuple[Permission, ...]]:
    """Return the permissions on each table, by its full name; what cannot be read is left out."""
    found: dict[str, list[Permission]] = {}
    for entry in project.all("access"):
        for one in _of(entry, project):
            found.setdefault(one.table, []).append(one)
    return {table: tuple(each) for table, each in found.items()}


def _of(entry: Entry, project: Project) -> Iterator[Permission]:
    for table in entry.spec.tables:
        for role, allowed in entry.spec.allow.items():
            for at, text in enumerate(allowed):
                try:
                    command, columns = read_permission(text)
                except PermissionTextError:
                    continue
                full = project.full_name("table", table)
                yield Permission(entry, ("allow", role, at), full, role, command, columns)


@lru_cache(maxsize=8)
def covered(project: Project) -> Mapping[str, Entry]:
    """Return the tables that access documents list, by full name, each with the first document to do so."""
    found: dict[str, Entry] = {}
    for entry in project.all("access"):
        for table in entry.spec.tables:
            found.setdefault(project.full_name("table", table), entry)
    return found


def readers(table: str, project: Project) -> tuple[str, ...]:
    """Return the roles of the database that may select every column of a table."""
    found = {
        roles(project)[one.role].database_role
        for one in permissions(project).get(table, ())
        if one.command == "select" and not one.columns and one.role in roles(project)
    }
    return tuple(sorted(found))

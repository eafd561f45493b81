"""Who may do what: the roles that access documents declare, and each table's rules."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from specc.diagnostics.suggest import suggest
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
    """A permission is not written as `command` or `command (column, column)`; `start` to `end` is what is wrong."""

    def __init__(self, message: str, start: int, end: int, help: str = "") -> None:
        super().__init__(message)
        self.start = start
        self.end = end
        self.help = help


@record
class Permission:
    """One thing a role may do with one table; no columns means all that make sense.

    `offsets` say where in the text the names of the columns stand.
    """

    entry: Entry
    path: Path
    table: str
    role: str
    command: str
    columns: tuple[str, ...]
    offsets: tuple[int, ...]


_WORD = re.compile(r"[(),]|[^\s(),]+")


def read_permission(text: str) -> tuple[str, tuple[tuple[str, int], ...]]:
    """Read `insert (a, b)` into its command and its columns with their offsets.

    Raises `PermissionTextError` with the reason.
    """
    found = [(match[0], match.start()) for match in _WORD.finditer(text)]
    if not found:
        raise PermissionTextError("a permission is missing", 0, len(text), _FORMS)
    command, start = found[0]
    if command not in COMMANDS:
        help = suggest(command, COMMANDS) or f"one of {', '.join(f'`{one}`' for one in COMMANDS)}"
        raise PermissionTextError(f"`{command}` is no permission", start, start + len(command), help)
    columns = tuple(_listed(text, found[1:])) if len(found) > 1 else ()
    if columns and command == "delete":
        message = "a row is deleted as a whole, `delete` takes no columns"
        raise PermissionTextError(message, found[1][1], len(text.rstrip()), "write `delete`")
    return command, columns


_FORMS = "for example `select` or `insert (name)`"


def _listed(text: str, words: list[tuple[str, int]]) -> Iterator[tuple[str, int]]:
    """Yield the columns between brackets; raises what is wrong with the first word that does not fit."""
    first, start = words[0]
    if first != "(":
        help = f"write the columns in brackets: `{text[:start].rstrip()} ({text[start:].strip()})`"
        raise PermissionTextError("columns stand in brackets", start, len(text.rstrip()), help)
    seen: list[str] = []
    wants_name = True
    for at, (word, place) in enumerate(words[1:], 1):
        end = place + len(word)
        if word == ")" and at == len(words) - 1 and not wants_name:
            return
        if wants_name == (word in "(),"):
            message = (
                "the name of a column is missing" if wants_name else f"a comma is missing before `{word}`"
            )
            raise PermissionTextError(message, place, end, _FORMS)
        if word == ")":
            rest = text[end:].strip()
            raise PermissionTextError(
                f"`{rest}` stands behind the columns", words[at + 1][1], len(text.rstrip())
            )
        if word == "*":
            message, help = (
                "a permission names its columns one by one",
                "leave the brackets out if all are meant",
            )
            raise PermissionTextError(message, place, end, help)
        if word in seen:
            raise PermissionTextError(f"`{word}` is listed twice", place, end, "leave one of them out")
        if wants_name:
            seen.append(word)
            yield word, place
        wants_name = not wants_name
    raise PermissionTextError(
        "the bracket is not closed", start, start + 1, "close it behind the last column"
    )


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
                names, offsets = tuple(name for name, _ in columns), tuple(offset for _, offset in columns)
                yield Permission(entry, ("allow", role, at), full, role, command, names, offsets)


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

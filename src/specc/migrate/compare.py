"""Compares the folder with the ledger: which files are applied, pending, changed or unknown. Asks no database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from specc.migrate.files import Migration
from specc.migrate.ledger import Applied
from specc.pg.script import words
from specc.record import record

APPLIED, PENDING, CHANGED, UNKNOWN, UNFINISHED = "applied", "pending", "changed", "unknown", "unfinished"


@record
class Entry:
    """A version: its state, the file and the row of the ledger, and what else is to be said of it.

    `is_late` is a pending file with an earlier stamp than an applied one.
    """

    version: str
    state: str
    migration: Migration | None
    applied: Applied | None
    note: str = ""
    is_late: bool = False

    @property
    def file(self) -> str:
        """The path of the file, or what it would be."""
        if self.migration is not None:
            return self.migration.file
        name = f"_{self.applied.name}" if self.applied and self.applied.name else ""
        return f"migrations/{self.version}{name}.sql"

    @property
    def is_off(self) -> bool:
        """Whether somebody has to look at it."""
        return self.is_late or self.state not in (APPLIED, PENDING)

    def as_data(self) -> dict[str, Any]:
        """Return the entry for tools."""
        found = {"version": self.version, "file": self.file, "state": self.state, "off": self.is_off}
        if self.applied is not None:
            one = self.applied
            at = one.applied_at.isoformat() if one.applied_at else None
            found |= {"applied_at": at, "seconds": one.seconds, "by": one.by}
        return found | ({"note": self.note} if self.note else {})


@record
class Standing:
    """All versions of the folder and of the ledger, in their order."""

    entries: tuple[Entry, ...]

    def having(self, *states: str) -> tuple[Entry, ...]:
        """Return the entries in one of these states."""
        return tuple(one for one in self.entries if one.state in states)

    @property
    def is_off(self) -> bool:
        """Whether somebody has to look."""
        return any(one.is_off for one in self.entries)


def compare(folder: Sequence[Migration], ledger: Sequence[Applied]) -> Standing:
    """Return how the folder and the ledger stand to each other."""
    files = {one.version: one for one in folder}
    rows = {one.version: one for one in ledger}
    newest = max((one.version for one in ledger if one.in_history), default="")
    return Standing(
        tuple(
            _entry(version, files.get(version), rows.get(version), newest) for version in sorted(files | rows)
        )
    )


def _entry(version: str, file: Migration | None, row: Applied | None, newest: str) -> Entry:
    if row is None:
        late = version < newest
        note = "its stamp is earlier than that of an applied one" if late else ""
        return Entry(version, PENDING, file, None, note, late)
    if row.unfinished:
        way = "way back" if row.unfinished == "down" else "statement"
        return Entry(version, UNFINISHED, file, row, f"its {way} was begun and did not end, or has not yet")
    if file is None:
        return Entry(version, UNKNOWN, None, row, "it is applied, and the folder does not have it")
    if not _same(file, row):
        return Entry(version, CHANGED, file, row, "the file is not what was applied")
    note = "by another tool" if row.checksum is None else ""
    return Entry(version, APPLIED, file, row, note)


def _same(file: Migration, row: Applied) -> bool:
    if row.checksum is not None:
        return row.checksum == file.checksum
    # Another tool's statements, cut as it cuts them; one that was only marked as applied has none.
    return row.statements is None or words("\n;\n".join(row.statements)) == words(file.text)

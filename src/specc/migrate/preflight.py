"""Preflights: queries whose number has to be 0 before a file is begun, asked in a transaction that only reads.

All are asked before anything is done, except those about what an earlier file of the same run makes or changes: these
are asked when its turn comes.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg

from specc.migrate.model import Event, MigrateError, Patience, SetupError
from specc.migrate.session import AGAIN, Connection, said
from specc.migrate.steps import Step
from specc.pg.script import touches
from specc.plan.directives import Titled


def waiting(steps: Sequence[Step]) -> dict[str, tuple[Titled, ...]]:
    """Return the preflights that an earlier step of the run decides, by the file of their own."""
    found: dict[str, tuple[Titled, ...]] = {}
    for at, step in enumerate(steps):
        later = tuple(
            one
            for one in step.directives.preflights
            if any(touches(one.sql, earlier.text) for earlier in steps[:at])
        )
        if later:
            found[step.file] = later
    return found


def check_all(connection: Connection, steps: Sequence[Step], patience: Patience) -> Iterator[Event]:
    """Ask what can be asked now. Raises `MigrateError` after the last one if any number is not 0."""
    later = waiting(steps)
    failed: list[tuple[str, str]] = []
    for step in steps:
        for one in step.directives.preflights:
            if one in later.get(step.file, ()):
                yield Event("later", step.file, one.title)
                continue
            yield (event := _checked(connection, step.file, one, patience))
            failed += [(step.file, _told(event))] if event.count else []
    if failed:
        file, first = failed[0]
        more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        raise MigrateError(f"the data are not ready for it: {first}{more}; nothing was begun", file)


def check_one(
    connection: Connection, file: str, preflights: Sequence[Titled], patience: Patience
) -> Iterator[Event]:
    """Ask the preflights of one file whose turn has come. Raises `MigrateError` when a number is not 0."""
    for one in preflights:
        yield (event := _checked(connection, file, one, patience))
        if event.count:
            raise MigrateError(
                f"the data are not ready for it: {_told(event)}; what came before is done", file
            )


def _told(event: Event) -> str:
    return f"{event.text.rstrip('.')}: {event.count:,}"


def _checked(connection: Connection, file: str, one: Titled, patience: Patience) -> Event:
    row = _asked(connection, file, one, patience)
    if row is None or isinstance(row[0], bool) or not isinstance(row[0], int):
        raise SetupError(f"{file}: preflight `{one.title}` gives no number")
    return Event("checked", file, one.title, row[0])


def _asked(connection: Connection, file: str, one: Titled, patience: Patience) -> tuple[Any, ...] | None:
    """Ask, again and again while somebody locks a table even against reading."""
    for pause in (*patience.pauses(), None):
        try:
            connection.execute("begin read only")
            return connection.execute(one.sql.encode()).fetchone()
        except psycopg.Error as error:
            if pause is None or error.sqlstate not in AGAIN:
                raise MigrateError(f"cannot ask `{one.title}`: {said(error)}", file) from None
        finally:
            if not connection.closed:
                connection.execute("rollback")
        time.sleep(pause)
    return None

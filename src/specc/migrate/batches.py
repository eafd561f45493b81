"""Batches: a statement repeated, each time in a transaction of its own, until it is done with 0 rows."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import psycopg

from specc.migrate.lock import Lock
from specc.migrate.model import Event, MigrateError
from specc.migrate.session import AGAIN, Connection, said
from specc.pg.script import has_parameter
from specc.plan.directives import Titled


def repeat(connection: Connection, lock: Lock, file: str, batch: Titled) -> Iterator[Event]:
    """Repeat a batch to its end and tell the rows so far. Raises `MigrateError`; a lock that is held too long is left
    to the caller, who begins again: what is done stays done.
    """
    since, rows = time.monotonic(), 0
    last: Any = None
    while True:
        lock.check()
        count, last = _once(connection, file, batch, last)
        if not count:
            return
        rows += count
        yield Event("batch", file, batch.title, rows, time.monotonic() - since)


def _once(connection: Connection, file: str, batch: Titled, last: Any) -> tuple[int, Any]:
    """Run it once; return how many rows it was about, and where the next one begins."""
    try:
        cursor = psycopg.RawCursor(connection)
        cursor.execute(batch.sql.encode(), [last] if has_parameter(batch.sql) else None)
    except psycopg.Error as error:
        if error.sqlstate in AGAIN:
            raise
        raise MigrateError(f"batch `{batch.title}`: {said(error)}", file) from None
    row: tuple[Any, ...] | None = (cursor.rowcount,) if cursor.description is None else cursor.fetchone()
    if row is None:
        return 0, None
    if isinstance(row[0], bool) or not isinstance(row[0], int) or row[0] < 0:
        raise MigrateError(f"batch `{batch.title}` gives no number of rows, but {row[0]!r}", file)
    return row[0], row[1] if len(row) > 1 else None

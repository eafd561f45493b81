"""One deployer at a time: a lock on the database, held by a session of its own that does nothing else.

It is asked for again and again rather than waited for: whoever waits in a statement holds a snapshot, and an index that
the other builds concurrently would wait for that.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from specc.migrate.model import Event, MigrateError, Options
from specc.migrate.session import Connection, said, session

KEY = int.from_bytes(hashlib.sha256(b"specc migrate").digest()[:8], signed=True)
"""The number of the advisory lock (PostgreSQL manual 13.3.5), the same for all who migrate a database."""
PAUSE = 0.5
NAME_BYTES = 63

_MINE = """
    select exists (
        select from pg_catalog.pg_locks
        where locktype = 'advisory' and granted and pid = pg_backend_pid() and objsubid = 1
            and database = (select oid from pg_catalog.pg_database where datname = current_database())
            and (classid::bigint << 32) | objid::bigint = %s
    )
"""
_HOLDER = """
    select l.pid, a.usename, a.application_name, a.client_addr::text, a.backend_start
    from pg_catalog.pg_locks as l left join pg_catalog.pg_stat_activity as a using (pid)
    where l.locktype = 'advisory' and l.granted and l.objsubid = 1
        and l.database = (select oid from pg_catalog.pg_database where datname = current_database())
        and (l.classid::bigint << 32) | l.objid::bigint = %s
"""


class Lock:
    """The lock while it is held."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def check(self) -> None:
        """See that it is still held. Raises `MigrateError`."""
        try:
            row = self._connection.execute(_MINE, [KEY]).fetchone()
        except psycopg.Error as error:
            raise MigrateError(
                f"the session that keeps other deployers out was lost ({said(error)}); what is done is done, and "
                "`specc migrate up` goes on from there"
            ) from None
        if row is None or not row[0]:
            raise MigrateError(
                "the lock that keeps other deployers out is gone: does a pooler share sessions? Connect to the "
                "server itself"
            )


@contextmanager
def connected(conninfo: str, options: Options) -> Iterator[Connection]:
    """Connect the session that is to hold the lock; its name says whose it is."""
    name = f"specc migrate {options.who}".strip().encode()[:NAME_BYTES].decode(errors="ignore")
    with session(conninfo, name, options.patience.lock_timeout) as connection:
        yield connection


def wait_for(connection: Connection, options: Options) -> Iterator[Event]:
    """Take the lock; says once whom it waits for. Raises `MigrateError` when that takes too long."""
    deadline = time.monotonic() + options.patience.wait
    told = False
    while not _tried(connection):
        holder = _holder(connection)
        if time.monotonic() >= deadline:
            raise MigrateError(f"somebody else migrates this database: {holder}")
        if not told:
            yield Event("waiting", text=holder)
            told = True
        time.sleep(PAUSE)


def _tried(connection: Connection) -> bool:
    row = connection.execute("select pg_try_advisory_lock(%s)", [KEY]).fetchone()
    return bool(row and row[0])


def _holder(connection: Connection) -> str:
    row = connection.execute(_HOLDER, [KEY]).fetchone()
    if row is None:
        return "they have just ended"
    pid, role, name, address, since = row
    parts = [f"process {pid} of the server", f"role {role}", f"`{name}`" if name else ""]
    parts += [f"from {address}" if address else "", f"since {since:%H:%M:%S %Z}" if since else ""]
    return ", ".join(filter(None, parts))

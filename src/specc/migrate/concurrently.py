"""Files that hold one statement outside of a transaction, such as an index built concurrently.

The ledger remembers that one was begun, so that whoever comes after a crash knows where it stands: an index that was
left behind invalid is dropped and built again, one that was finished is not built twice.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress

import psycopg
from psycopg import sql

from specc.migrate import ledger
from specc.migrate.model import Event
from specc.migrate.session import Connection
from specc.migrate.steps import UP, Step
from specc.pg.apply import ApplyError, execute
from specc.pg.script import Concurrent, concurrent

WAIT = "10min"
"""How long such a statement waits for older transactions. While it waits it is in nobody's way."""

_Index = tuple[str, str, bool | None]
"""Schema and name of an index, and whether it is valid."""

_INDEX = """
    select n.nspname, c.relname, i.indisvalid
    from pg_catalog.pg_class as c
    join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    left join pg_catalog.pg_index as i on i.indexrelid = c.oid
    where c.oid = to_regclass(
        (select quote_ident(s.nspname) || '.' from pg_catalog.pg_class as t
            join pg_catalog.pg_namespace as s on s.oid = t.relnamespace
            where t.oid = to_regclass(%(table)s)) || %(index)s
    )
"""


def run(connection: Connection, step: Step) -> Iterator[Event]:
    """Take one such step, either way. Raises `ApplyError`, after which nothing is left behind."""
    since = time.monotonic()
    connection.execute(sql.SQL("set lock_timeout = {}").format(sql.Literal(WAIT)))
    index = concurrent(step.text)
    yield from _mended(connection, step, index)
    found = _found(connection, index) if index.verb else None
    if not _is_done(step, index, found):
        if not (index.verb == "create" and found):
            _mark(connection, step)
        try:
            execute(connection, step.text)
        except ApplyError:
            with suppress(psycopg.Error):
                _unmark(connection, step, index)
            raise
    with connection.transaction():
        if step.way == UP:
            ledger.insert(connection, step.version, step.facts.name, step.text)
            ledger.keep(connection, step.version, step.facts, time.monotonic() - since)
            return
        if step.in_history:
            ledger.remove(connection, step.version)
        ledger.forget(connection, step.version)


def _mended(connection: Connection, step: Step, index: Concurrent) -> Iterator[Event]:
    """Drop the index that is to be built if it is there and invalid, whoever left it."""
    found = _found(connection, index) if index.verb == "create" else None
    if found and found[2] is False:
        _drop(connection, found)
        yield Event("mended", step.file, f"dropped {found[0]}.{found[1]}, which was left behind invalid")


def _found(connection: Connection, index: Concurrent) -> _Index | None:
    """Return schema and name of the index and whether it is valid; None where there is none."""
    names = [sql.Identifier(name).as_string() for name in (index.schema, index.table or index.index) if name]
    if index.verb == "drop":
        query = """
            select n.nspname, c.relname, i.indisvalid from pg_catalog.pg_index as i
            join pg_catalog.pg_class as c on c.oid = i.indexrelid
            join pg_catalog.pg_namespace as n on n.oid = c.relnamespace where i.indexrelid = to_regclass(%s)
        """
        return connection.execute(query, [".".join(names)]).fetchone()
    values = {"table": ".".join(names), "index": sql.Identifier(index.index).as_string()}
    return connection.execute(_INDEX, values).fetchone()


def _drop(connection: Connection, found: _Index) -> None:
    connection.execute(sql.SQL("drop index concurrently if exists {}").format(sql.Identifier(*found[:2])))


def _is_done(step: Step, index: Concurrent, found: _Index | None) -> bool:
    """Whether a runner that ended had come to the end of the statement, though not of the ledger."""
    return step.was_begun and (
        (index.verb == "create" and bool(found)) or (index.verb == "drop" and not found)
    )


def _mark(connection: Connection, step: Step) -> None:
    if step.way == UP:
        with connection.transaction():
            ledger.mark_up(connection, step.version, step.facts)
    else:
        ledger.mark_down(connection, step.version, step.facts)


def _unmark(connection: Connection, step: Step, index: Concurrent) -> None:
    """Leave nothing of a statement that failed: neither the mark nor an invalid index."""
    if step.way == UP:
        found = _found(connection, index) if index.verb == "create" else None
        if found and found[2] is False:
            _drop(connection, found)
        ledger.forget(connection, step.version)

"""A short look at a running database: a connection that may not write, waits for no lock, and soon ends.

A connection string comes in, rows come out; what goes wrong is said in words. A monitor that held a snapshot
would keep vacuum from the tables it watches, so each question is a transaction of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

MOST_SECONDS = 5
"""How long a query may take, and how long a server may take to answer."""

_LIMITS = (
    f"set local statement_timeout = '{MOST_SECONDS}s'",
    "set local lock_timeout = '1s'",
    "set local search_path = ''",
)

Record = dict[str, Any]
Connection = psycopg.Connection[Record]


class StatusError(Exception):
    """The database cannot be asked; the message says why, and what to do."""


@contextmanager
def connected(conninfo: str) -> Iterator[Connection]:
    """Connect for a moment, and say in words what goes wrong until the end of the block."""
    try:
        connection = psycopg.connect(
            conninfo, row_factory=dict_row, connect_timeout=MOST_SECONDS, application_name="specc status"
        )
    except psycopg.Error as error:
        raise StatusError(f"cannot connect: {_said(error)}") from None
    connection.read_only = True
    user = connection.info.user
    try:
        with connection:
            yield connection
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn) as error:
        raise StatusError(_not_built(error)) from None
    except (psycopg.errors.UndefinedFunction, psycopg.errors.InvalidSchemaName) as error:
        raise StatusError(_not_built(error)) from None
    except psycopg.errors.InsufficientPrivilege as error:
        raise StatusError(f"{user} may not look: {_said(error)}; connect as the database's owner") from None
    except (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable) as error:
        raise StatusError(f"the database is too busy to answer: {_said(error)}") from None
    except psycopg.Error as error:
        raise StatusError(f"the database did not answer: {_said(error)}") from None


def _not_built(error: psycopg.Error) -> str:
    return f"this database was not built from this lock: {_said(error)}; apply the migrations first"


def _said(error: psycopg.Error) -> str:
    return " ".join((error.diag.message_primary or str(error)).split())


@contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """Limit what is asked within one transaction: a pooler may give the next one another session."""
    with connection.transaction():
        for limit in _LIMITS:
            connection.execute(limit.encode())
        yield


def rows(connection: Connection, query: sql.Composed | sql.SQL, values: Sequence[Any] = ()) -> list[Record]:
    """Return what a query finds, as dictionaries."""
    found: list[Record] = connection.execute(query, values).fetchall()
    return found

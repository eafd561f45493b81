"""What a running database says of its machines: rows by state, stuck rows, and the story of one row.

A connection string and machine names come in, records come out. It reads the views of the schema `monitor`
and nothing else, each in a transaction of its own that may not write, waits for no lock, and soon ends: a
monitor that held a snapshot would keep vacuum from the tables it watches.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from specc.pg.names import MONITOR, fit
from specc.record import record

MOST_STUCK = 10
"""How many stuck rows are shown of a machine, the longest waiting first."""
MOST_SECONDS = 5
"""How long a query may take, and how long a server may take to answer."""

_LIMITS = (
    f"set local statement_timeout = '{MOST_SECONDS}s'",
    "set local lock_timeout = '1s'",
    "set local search_path = ''",
)

Record = dict[str, Any]


class StatusError(Exception):
    """The database cannot be asked; the message says why, and what to do."""


@record
class MachineStatus:
    """A machine at a moment: `states` in their order, as the columns of its view; the longest stuck rows."""

    name: str
    open: int
    stuck: int
    oldest_seconds: float
    states: tuple[Record, ...]
    stuck_rows: tuple[Record, ...]


@record
class Status:
    """All that is watched at a moment: machines, and the alerts that have fired and not resolved."""

    machines: tuple[MachineStatus, ...]
    alerts: tuple[Record, ...] = ()
    may_see_alerts: bool = True


def read_status(conninfo: str, machines: Iterable[str], *, with_alerts: bool) -> Status:
    """Return how machines stand, in the order of the names. Raises `StatusError`."""
    with _connected(conninfo) as connection:
        found = tuple(_machine(connection, name) for name in machines)
        if not with_alerts:
            return Status(found)
        try:
            return Status(found, _alerts(connection))
        except psycopg.errors.InsufficientPrivilege:
            # They are the owner's; whoever may only see machines sees these.
            return Status(found, may_see_alerts=False)


def read_story(conninfo: str, machine: str, row: str) -> Record:
    """Return all about one row of a machine. Raises `StatusError`, also when there is no such row."""
    query = sql.SQL("select {}(%s::uuid) as story").format(sql.Identifier(MONITOR, fit(f"{machine}_story")))
    with _connected(conninfo) as connection, _transaction(connection):
        try:
            found = _rows(connection, query, [row])
        except psycopg.errors.InvalidTextRepresentation:
            raise StatusError(f"`{row}` is no id; an id is a uuid") from None
    story = found[0]["story"]
    if not isinstance(story, dict):
        raise StatusError(f"{machine} has no row {row}")
    return story


@contextmanager
def _connected(conninfo: str) -> Iterator[psycopg.Connection[Record]]:
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
def _transaction(connection: psycopg.Connection[Record]) -> Iterator[None]:
    """Limit what is asked within one transaction: a pooler may give the next one another session."""
    with connection.transaction():
        for limit in _LIMITS:
            connection.execute(limit.encode())
        yield


def _rows(
    connection: psycopg.Connection[Record], query: sql.Composed, values: Sequence[Any] = ()
) -> list[Record]:
    found: list[Record] = connection.execute(query, values).fetchall()
    return found


def _alerts(connection: psycopg.Connection[Record]) -> tuple[Record, ...]:
    query = sql.SQL(
        "select alert, severity, since, fired_at, value, message from {}"
        " where resolved_at is null and fired_at is not null order by severity, fired_at, alert"
    ).format(sql.Identifier(MONITOR, "alert"))
    with _transaction(connection):
        return tuple(_rows(connection, query))


def _machine(connection: psycopg.Connection[Record], name: str) -> MachineStatus:
    states = sql.SQL("select * from {}").format(sql.Identifier(MONITOR, fit(f"{name}_states")))
    stuck = sql.SQL("select *, count(*) over () as every from {} order by seconds desc, id limit {}").format(
        sql.Identifier(MONITOR, fit(f"{name}_stuck")), sql.Literal(MOST_STUCK)
    )
    with _transaction(connection):
        found, late = _rows(connection, states), _rows(connection, stuck)
    oldest = max((one["oldest_seconds"] or 0 for one in found), default=0)
    return MachineStatus(
        name,
        sum(one["open"] for one in found),
        late[0]["every"] if late else 0,
        oldest,
        tuple(found),
        tuple({key: value for key, value in one.items() if key != "every"} for one in late),
    )

"""What a running database says of its machines: rows by state, stuck rows, and the story of one row.

A connection string and machine names come in, records come out. It reads the views of the schema `monitor`
and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable

import psycopg
from psycopg import sql

from specc.pg.names import MONITOR, fit
from specc.record import record
from specc.status.connection import Connection, Record, StatusError, connected, rows, transaction

MOST_STUCK = 10
"""How many stuck rows are shown of a machine, the longest waiting first."""


class NoRowError(StatusError):
    """There is no such row."""


@record
class MachineStatus:
    """A machine at a moment: `states` in their order, as the columns of its view; the longest stuck rows.

    `minutes` are those of the last hour, the oldest first; empty where nobody asked for them, or
    where counting them takes too long.
    """

    name: str
    open: int
    stuck: int
    oldest_seconds: float
    states: tuple[Record, ...]
    stuck_rows: tuple[Record, ...]
    minutes: tuple[Record, ...] = ()


@record
class Status:
    """All that is watched at a moment: machines, and the alerts that have fired and not resolved."""

    machines: tuple[MachineStatus, ...]
    alerts: tuple[Record, ...] = ()
    may_see_alerts: bool = True


def as_data(found: Status) -> Record:
    """Return what tools read of a status: alerts, and machines with their states and the rows that are stuck."""
    return {"alerts": found.alerts, "machines": [_machine_data(one) for one in found.machines]}


def _machine_data(one: MachineStatus) -> Record:
    minutes = {"minutes": one.minutes} if one.minutes else {}
    return {
        "machine": one.name,
        "open": one.open,
        "stuck": one.stuck,
        "oldest_seconds": one.oldest_seconds,
        "states": one.states,
        "stuck_rows": one.stuck_rows,
        **minutes,
    }


def read_status(
    conninfo: str, machines: Iterable[str], *, with_alerts: bool, with_minutes: bool = False
) -> Status:
    """Return how machines stand, in the order of the names. Raises `StatusError`."""
    with connected(conninfo) as connection:
        found = tuple(_machine(connection, name, with_minutes=with_minutes) for name in machines)
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
    with connected(conninfo) as connection, transaction(connection):
        try:
            # A text of PostgreSQL cannot hold a zero byte; no id has one either.
            found = rows(connection, query, [row.replace("\0", "\N{REPLACEMENT CHARACTER}")])
        except psycopg.errors.InvalidTextRepresentation:
            raise NoRowError(f"`{row}` is no id; an id is a uuid") from None
    story = found[0]["story"]
    if not isinstance(story, dict):
        raise NoRowError(f"{machine} has no row {row}")
    return story


def _alerts(connection: Connection) -> tuple[Record, ...]:
    query = sql.SQL(
        "select alert, severity, since, fired_at, value, message from {}"
        " where resolved_at is null and fired_at is not null order by severity, fired_at, alert"
    ).format(sql.Identifier(MONITOR, "alert"))
    with transaction(connection):
        return tuple(rows(connection, query))


def _machine(connection: Connection, name: str, *, with_minutes: bool) -> MachineStatus:
    states = sql.SQL("select * from {}").format(sql.Identifier(MONITOR, fit(f"{name}_states")))
    stuck = sql.SQL("select *, count(*) over () as every from {} order by seconds desc, id limit {}").format(
        sql.Identifier(MONITOR, fit(f"{name}_stuck")), sql.Literal(MOST_STUCK)
    )
    with transaction(connection):
        found, late = rows(connection, states), rows(connection, stuck)
    each = _minutes(connection, name) if with_minutes else ()
    oldest = max((one["oldest_seconds"] or 0 for one in found), default=0)
    return MachineStatus(
        name,
        sum(one["open"] for one in found),
        late[0]["every"] if late else 0,
        oldest,
        tuple(found),
        tuple({key: value for key, value in one.items() if key != "every"} for one in late),
        each,
    )


def _minutes(connection: Connection, name: str) -> tuple[Record, ...]:
    """Return the minutes of the last hour; none where so much happened that counting it takes too long."""
    query = sql.SQL("select * from {} order by minutes_ago desc").format(
        sql.Identifier(MONITOR, fit(f"{name}_minutes"))
    )
    try:
        with transaction(connection):
            return tuple(rows(connection, query))
    except psycopg.errors.QueryCanceled:
        return ()

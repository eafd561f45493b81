"""Sessions for migrations: connections that wait for no lock long, hide no rows, and say in words what goes wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from specc.migrate.model import Database, SetupError

CONNECT_SECONDS = 10
ALIVE_MILLISECONDS = 2000
"""How often the server looks, during a statement, whether the runner still lives."""

AGAIN = ("55P03", "40P01")
"""A lock was not to be had in time, or two who held some waited for each other: what was begun is undone, and may well
succeed the next time (PostgreSQL manual, appendix A)."""

_SETTINGS = {
    # Row-level security that would hide rows from the owner is an error, not fewer rows.
    "row_security": "off",
    # What a role's settings say of its statements is not meant for migrations.
    "statement_timeout": "0",
    "transaction_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
}

Connection = psycopg.Connection[Any]


@contextmanager
def session(conninfo: str, name: str, lock_timeout: float) -> Iterator[Connection]:
    """Connect for the length of the block, each statement its own transaction unless one is begun.

    `name` is what others see of it, `lock_timeout` is in seconds. Raises `SetupError` when there is no connection.
    """
    connection = _connect(conninfo, name)
    try:
        settings = _SETTINGS | {"lock_timeout": f"{round(lock_timeout * 1000)}"}
        connection.execute(
            # A server does not have all of them, 15 for example.
            "select set_config(name, wanted.value, false) from unnest(%s::text[], %s::text[])"
            " as wanted (name, value) join pg_catalog.pg_settings using (name)",
            [list(settings), list(settings.values())],
        )
        # Not every system can tell.
        with suppress(psycopg.Error):
            connection.execute(f"set client_connection_check_interval = {ALIVE_MILLISECONDS}")
        yield connection
    finally:
        # What is still open is nobody's wish any more: the server rolls it back.
        connection.close()


def _connect(conninfo: str, name: str) -> Connection:
    try:
        given = conninfo_to_dict(conninfo)
        defaults = {"connect_timeout": CONNECT_SECONDS, "keepalives_idle": 30, "keepalives_interval": 10}
        # What the user says of these wins.
        values: dict[str, Any] = {key: value for key, value in defaults.items() if key not in given}
        wanted = make_conninfo(conninfo, application_name=name, **values)
        return psycopg.connect(wanted, autocommit=True, client_encoding="utf8")
    except psycopg.Error as error:
        raise SetupError(f"cannot connect: {said(error)}") from None


def said(error: psycopg.Error) -> str:
    """Return an error of the server or of the connection in one line."""
    return " ".join((error.diag.message_primary or str(error)).split())


def database_of(connection: Connection) -> Database:
    """Return what the connection leads to."""
    row = connection.execute("select current_database(), current_user").fetchone()
    assert row is not None, "a query without FROM has a row"
    return Database(connection.info.parameter_status("server_version") or "unknown", *row)


def check_writable(connection: Connection) -> None:
    """Refuse a database that takes no writes. Raises `SetupError`."""
    row = connection.execute(
        "select pg_is_in_recovery(), current_setting('transaction_read_only')::boolean"
    ).fetchone()
    assert row is not None, "a query without FROM has a row"
    if row[0]:
        raise SetupError("this server is a standby, which takes no writes; connect to its primary")
    if row[1]:
        raise SetupError(
            "this database is read-only for this role: default_transaction_read_only is on, and the runner does "
            "not overrule that"
        )

"""The ledger: what is applied to a database, kept in the database.

What is applied stands in the history of Supabase's command line, `supabase_migrations.schema_migrations`, filled as that
fills it (3.1.0). What we know besides (checksum, way back, who, how long) stands in a table of our own beside it, which
that tool neither sees nor compares; where both disagree, the history is right.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql

from specc.migrate.model import MigrateError, SetupError
from specc.migrate.session import Connection, said
from specc.pg.names import API_ROLES
from specc.pg.script import pieces
from specc.record import record

SCHEMA = "supabase_migrations"
HISTORY = f"{SCHEMA}.schema_migrations"
FACTS = f"{SCHEMA}.specc_migrations"


@record
class Applied:
    """A row of the ledger. What only we would know is None where another tool applied the file.

    `statements` are those that another tool kept, None where it kept none. `unfinished` is "up" or "down" while a
    statement that refuses a transaction is on its way, or was when its runner ended.
    """

    version: str
    name: str
    in_history: bool
    checksum: str | None = None
    rollback: str | None = None
    statements: tuple[str, ...] | None = None
    applied_at: datetime | None = None
    seconds: float | None = None
    by: str | None = None
    unfinished: str = ""


@record
class Facts:
    """What we keep of a file beside the history."""

    name: str
    checksum: str | None
    rollback: str | None
    who: str


# The history may have been made by an older release of that tool, without `name` and `statements`.
_ROWS = f"""
    select version, coalesce(to_jsonb(h) ->> 'name', f.name, ''), h.version is not null,
        f.checksum, f.rollback, case when f.version is null then to_jsonb(h) -> 'statements' end,
        f.applied_at, f.seconds, f.applied_by, coalesce(f.unfinished, '')
    from {HISTORY} as h
    full join (
        select * from {FACTS} as f
        where f.unfinished is not null or exists (
            -- Rows of a version that another tool took away and applied again are about another file.
            select from {HISTORY} as h where h.version = f.version and f.of_statements is not distinct from {{digest}}
        )
    ) as f using (version)
    order by version
"""
_DIGEST = (
    "encode(sha256(convert_to(array_to_string(array(select jsonb_array_elements_text("
    "coalesce(nullif(to_jsonb(h) -> 'statements', 'null'), '[]'))), ';'), 'UTF8')), 'hex')"
)
_HISTORY_ONLY = f"""
    select h.version, coalesce(to_jsonb(h) ->> 'name', ''), true, null, null, to_jsonb(h) -> 'statements',
        null, null, null, ''
    from {HISTORY} as h order by h.version
"""


def read(connection: Connection) -> tuple[Applied, ...]:
    """Return what the database says is applied, in the order of versions; nothing where no tool has been yet."""
    try:
        tables = _tables(connection)
        if tables is None:
            return ()
        query = _ROWS.format(digest=_DIGEST) if tables else _HISTORY_ONLY
        return tuple(_applied(row) for row in connection.execute(query.encode()).fetchall())
    except psycopg.errors.InsufficientPrivilege as error:
        raise SetupError(f"{_role(connection)} may not read what is applied: {said(error)}") from None


def _tables(connection: Connection) -> bool | None:
    """Return whether our table is there beside the history; None where there is no history."""
    row = connection.execute("select to_regclass(%s), to_regclass(%s)", [HISTORY, FACTS]).fetchone()
    assert row is not None, "a query without FROM has a row"
    return None if row[0] is None else row[1] is not None


def _applied(row: tuple[Any, ...]) -> Applied:
    version, name, in_history, checksum, rollback, statements, at, seconds, by, unfinished = row
    kept = tuple(map(str, statements)) if statements else None
    return Applied(version, name, in_history, checksum, rollback, kept, at, seconds, by, unfinished)


def _role(connection: Connection) -> str:
    return connection.info.user


_MAKE = f"""
    create schema if not exists {SCHEMA};
    create table if not exists {HISTORY} (version text not null primary key);
    alter table {HISTORY} add column if not exists statements text[];
    alter table {HISTORY} add column if not exists name text;
"""
_MAKE_FACTS = f"""
    create table {FACTS} (
        version text primary key,
        name text not null,
        checksum text,
        rollback text,
        of_statements text,
        unfinished text check (unfinished in ('up', 'down')),
        applied_at timestamptz,
        seconds double precision,
        applied_by text not null,
        constraint applied_or_unfinished check (applied_at is not null or unfinished is not null)
    );
    alter table {FACTS} enable row level security;
    comment on table {FACTS} is 'What specc knows of the migrations that it applied, beside schema_migrations.';
    comment on column {FACTS}.checksum is 'SHA-256 of the file as it was applied.';
    comment on column {FACTS}.rollback is 'The file''s way back, as it was then.';
    comment on column {FACTS}.of_statements is 'SHA-256 of the statements in schema_migrations that this row is about.';
    comment on column {FACTS}.unfinished is 'Which way a statement outside of a transaction is, or was, on its way.';
    revoke all on table {FACTS} from public;
"""
_BY = "concat_ws(' ', session_user::text, nullif(%s::text, ''))"
_COMPLETE = """
    select count(*) = 3 from pg_catalog.pg_attribute
    where attrelid = to_regclass(%s) and not attisdropped and attname in ('version', 'name', 'statements')
"""


def ensure(connection: Connection) -> None:
    """Make the ledger where it is missing. Raises `SetupError` where the role may not."""
    try:
        with connection.transaction():
            row = connection.execute(_COMPLETE, [HISTORY]).fetchone()
            if not (row and row[0]):
                connection.execute(_MAKE)
            if not _tables(connection):
                connection.execute(_MAKE_FACTS)
                _revoke(connection)
            _check_rights(connection)
    except psycopg.errors.InsufficientPrivilege as error:
        raise SetupError(
            f"{_role(connection)} may not keep a ledger in the schema {SCHEMA}: {said(error)}; connect as the role "
            "that owns it, or as one that may create schemas in this database"
        ) from None


def _revoke(connection: Connection) -> None:
    """Take from the roles of the API what default privileges may have given them."""
    query = "select rolname from pg_catalog.pg_roles where rolname = any(%s)"
    for (role,) in connection.execute(query, [list(API_ROLES)]).fetchall():
        connection.execute(
            sql.SQL("revoke all on table {} from {}").format(
                sql.Identifier(*FACTS.split(".")), sql.Identifier(role)
            )
        )


def _check_rights(connection: Connection) -> None:
    for table in (HISTORY, FACTS):
        query = """
            select bool_and(has_table_privilege(%s::regclass, needed)),
                (select relowner::regrole::text from pg_catalog.pg_class where oid = %s::regclass)
            from unnest('{select,insert,update,delete}'::text[]) as needed
        """
        row = connection.execute(query, [table, table]).fetchone()
        if row and not row[0]:
            raise SetupError(
                f"{_role(connection)} may not write {table}, which belongs to {row[1]}; connect as {row[1]}, or "
                f"let it grant select, insert, update and delete on {table}"
            )


def insert(connection: Connection, version: str, name: str, text: str) -> None:
    """Put a file into the history, in the caller's transaction, before its statements.

    Whoever else applies the same file then waits here, and is refused once we have committed.
    """
    try:
        connection.execute(
            f"insert into {HISTORY} (version, name, statements) values (%s, %s, %s)",
            [version, name, list(pieces(text))],
        )
    except psycopg.errors.UniqueViolation:
        raise MigrateError(f"{version} was applied by somebody else in this moment") from None


def keep(connection: Connection, version: str, facts: Facts, seconds: float) -> None:
    """Keep what we know of a file that is in the history, applied in so many seconds."""
    forget(connection, version)
    connection.execute(
        f"""
            insert into {FACTS}
                (version, name, checksum, rollback, applied_by, seconds, applied_at, of_statements)
            select %s, %s, %s, %s, {_BY}, %s, clock_timestamp(), {_DIGEST} from {HISTORY} as h where version = %s
        """,
        [version, facts.name, facts.checksum, facts.rollback, facts.who, seconds, version],
    )


def mark_up(connection: Connection, version: str, facts: Facts) -> None:
    """Remember that a file is begun whose statement refuses a transaction."""
    forget(connection, version)
    connection.execute(
        f"""
            insert into {FACTS} (version, name, checksum, rollback, applied_by, unfinished)
            values (%s, %s, %s, %s, {_BY}, 'up')
        """,
        [version, facts.name, facts.checksum, facts.rollback, facts.who],
    )


def mark_down(connection: Connection, version: str, facts: Facts) -> None:
    """Remember that the way back of a file is begun, and that it refuses a transaction."""
    connection.execute(
        f"""
            insert into {FACTS} as f (version, name, checksum, rollback, applied_by, unfinished)
            values (%s, %s, %s, %s, {_BY}, 'down') on conflict (version) do update set unfinished = 'down'
        """,
        [version, facts.name, facts.checksum, facts.rollback, facts.who],
    )


def forget(connection: Connection, version: str) -> None:
    """Drop what we know of a file."""
    connection.execute(f"delete from {FACTS} where version = %s", [version])


def remove(connection: Connection, version: str) -> None:
    """Take a file out of the history, before what undoes it. Raises `MigrateError` if somebody else just did."""
    found = connection.execute(f"delete from {HISTORY} where version = %s", [version])
    if not found.rowcount:
        raise MigrateError(f"{version} was undone by somebody else in this moment")

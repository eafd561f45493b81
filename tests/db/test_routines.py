from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from specc.ir.database import Function
from specc.pg import plpgsql
from specc.pg.ddl import create, drop
from specc.pg.names import API_ROLES
from specc.pg.parsing import SqlError, check_sql
from specc.pg.routine import Routine, read_routine
from specc.pg.typename import read_type

pytestmark = pytest.mark.pg

FOLDER = Path(__file__).parent / "routines"


def samples(file: str) -> dict[str, str]:
    """Read the functions of a file by name: each stands after a line `-- sample: NAME`."""
    _, *parts = (FOLDER / file).read_text().split("-- sample: ")
    return {name: text.removesuffix("\n\n") for name, _, text in (part.partition("\n") for part in parts)}


SOUND = samples("sound.sql")
BROKEN = samples("broken.sql")
ROWS = {("app", "run_request"), ("app", "event")}
SCALARS = {("app", "order_state"), ("app", "label")}
CATALOGUE = """
    select p.oid::regprocedure::text, prosrc, provolatile, prosecdef, proisstrict, proparallel, proretset,
           prokind, pg_get_function_result(p.oid), pg_get_function_arguments(p.oid), proconfig, lanname
    from pg_proc p join pg_language l on l.oid = prolang where proname = 'f'
"""


def is_row(schema: str, name: str) -> bool | None:
    return True if (schema, name) in ROWS else False if (schema, name) in SCALARS else None


def check_body(routine: Routine) -> None:
    if routine.language == "sql":
        check_sql(routine.body)
    else:
        plpgsql.check(routine, is_row)


def fact(routine: Routine) -> Function:
    return Function(
        routine.schema, routine.name, routine.signature, routine.arguments, routine.returns, routine.language,
        routine.body, routine.volatility, routine.security_definer, routine.strict, routine.parallel,
        routine.procedure, routine.settings,
    )  # fmt: skip


@pytest.fixture(scope="module")
def prepared(server) -> Iterator[psycopg.Connection]:
    """A connection to a database with the samples' schema, seeing no schema but PostgreSQL's."""
    server.create("routines")
    with psycopg.connect(server.dsn("routines"), autocommit=True) as connection:
        for role in API_ROLES:
            if not connection.execute("select from pg_roles where rolname = %s", (role,)).fetchall():
                connection.execute(f"create role {role}")
        connection.execute((FOLDER / "setup.sql").read_text())
        connection.execute("set search_path = ''")
        yield connection
    server.drop("routines")


@pytest.mark.parametrize("name", SOUND)
def test_what_postgresql_takes_passes_and_is_made_again_alike(
    prepared: psycopg.Connection, name: str
) -> None:
    routine = read_routine(SOUND[name], "app")
    check_body(routine)
    assert routine.language == "sql" or plpgsql.tree(routine, is_row) is not None
    with prepared.transaction(force_rollback=True):
        prepared.execute(SOUND[name])
        written = prepared.execute(CATALOGUE).fetchall()
        prepared.execute(drop(fact(routine)))
        assert prepared.execute(CATALOGUE).fetchall() == []
        prepared.execute(create(fact(routine)))
        assert prepared.execute(CATALOGUE).fetchall() == written
    assert written[0][0] == f"app.f({routine.signature.replace(', ', ',')})"


@pytest.mark.parametrize("name", BROKEN)
def test_what_postgresql_refuses_is_refused_at_its_place(prepared: psycopg.Connection, name: str) -> None:
    text = BROKEN[name]
    routine = read_routine(text, "app")
    with pytest.raises(SqlError) as ours:
        check_body(routine)
    with pytest.raises(psycopg.Error) as theirs, prepared.transaction(force_rollback=True):
        prepared.execute(text)
    place = theirs.value.diag.statement_position
    if place is not None and "at end of input" not in str(ours.value):
        start = routine.in_text(ours.value.offset)
        assert text.count("\n", 0, start) == text.count("\n", 0, int(place) - 1)
        if "at or near" in str(ours.value):
            assert start == int(place) - 1


def test_types_found_without_a_schema_are_postgresqls_own(prepared: psycopg.Connection) -> None:
    found = prepared.execute(
        "select format_type(oid, null) from pg_type"
        " where typnamespace = 'pg_catalog'::regnamespace and typname !~ '^_' and typtype <> 'c'"
    ).fetchall()
    assert [name for (name,) in found if not read_type(name, "app").is_own] == []

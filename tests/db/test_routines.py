from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from databases import Database, created

from projects import build_example
from specc.emit.tree import bootstrap
from specc.ir.database import Function
from specc.pg import plpgsql
from specc.pg.ddl import create, drop
from specc.pg.names import API_ROLES
from specc.pg.parsing import SqlError, check_sql
from specc.pg.routine import Routine, read_routine
from specc.pg.server import Server
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
def prepared(server: Server) -> Iterator[psycopg.Connection]:
    """A connection to a database with the samples' schema, seeing no schema but PostgreSQL's."""
    with created(server) as database:
        database.bootstrap({"bootstrap.sql": bootstrap()})
        with psycopg.connect(database.admin, autocommit=True) as connection:
            connection.execute((FOLDER / "setup.sql").read_text())
            connection.execute("set search_path = ''")
            yield connection


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


PROJECT = """\
# file: tickets.yaml
lifecycle: order
states: {open: {is: initial}, closed: {is: terminal}}
transitions: {open: [closed]}
---
table: ticket
about: A ticket.
shared: true
columns: {title: text, size: integer}
---
machine: ticket
follows: order
---
access: tickets
roles: {server: {as: service_role}}
tables: [ticket]
allow: {server: [select]}
# file: functions/public/a_count.sql
/*
about: Counts, with a function that comes later in the alphabet.
*/
create function a_count() returns bigint language sql stable as $$
  select count(*) from public.ticket t where public.z_big(t) and public.ticket_may_move(t.state, 'closed')
$$;
# file: functions/public/close_tickets.sql
/*
about: Closes tickets, and says which.
callable_by: [server]
drives: {ticket: {open: [closed]}}
*/
create function close_tickets(p_ids uuid[], p_state ticket_state default 'closed') returns setof ticket
language plpgsql security definer as $$
declare
  t public.ticket;
  s public.ticket.state%type := p_state;
begin
  for t in update public.ticket set state = s where id = any(p_ids) returning * loop
    return next t;
  end loop;
end
$$;
# file: functions/public/z_big.sql
/*
about: Whether a ticket is big.
*/
create function z_big(t ticket) returns boolean language sql immutable as $$ select t.size > 3 $$;
"""


def test_functions_are_created_in_order_for_those_who_may_call_them(fresh: Database, tmp_path: Path) -> None:
    files = build_example(PROJECT, tmp_path)
    fresh.bootstrap(files)
    fresh.migrate(files)
    with psycopg.connect(fresh.admin, autocommit=True) as connection:
        connection.execute("insert into public.ticket (title, size) values ('small', 1), ('big', 5)")
        assert connection.execute("select public.a_count()").fetchone() == (1,)
        calls = connection.execute(
            "select proname, rolname from pg_proc cross join pg_roles"
            " where proname in ('a_count', 'close_tickets', 'z_big') and not rolsuper"
            " and rolname = any(%s) and has_function_privilege(pg_roles.oid, pg_proc.oid, 'execute')",
            (list(API_ROLES),),
        ).fetchall()
        assert calls == [("close_tickets", "service_role")]
        connection.execute("set role service_role")
        closed = "select count(*) from public.close_tickets(array(select id from public.ticket))"
        assert connection.execute(closed).fetchone() == (2,)
    fresh.roll_back(files)

"""The stand-in against the real pgTAP on every server: the same files must print the same TAP."""

import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest
from pgtap_source import UnavailableError, pgtap, script
from psycopg.conninfo import make_conninfo

from specc.pg.server import Server
from specc.pg.tap import execute, install, run, run_all

pytestmark = pytest.mark.pg

NUMBERS = count()

ROLES = """
    do $$ begin
      if to_regrole('tap_owner') is null then create role tap_owner login; end if;
      if to_regrole('tap_reader') is null then create role tap_reader nologin; end if;
    end $$;
    grant tap_reader to tap_owner;
"""

FOLDER = Path(__file__).parent / "pgtap"
SETUP = (FOLDER / "setup.sql").read_text(encoding="utf-8")


def file(body: str, plan: str = "select plan(3);", end: str = "select * from finish();") -> str:
    return f"begin; set local search_path = extensions, public; {plan} {SETUP} {body} {end} rollback;"


FILES = {
    **{path.stem: file(path.read_text(encoding="utf-8")) for path in FOLDER.glob("*.sql")},
    "no plan": file("select pass('a'); select fail('b');", "select * from no_plan();"),
    "planned by a query": file("select pass('a');", "select plan(count(*)::int) from generate_series(1, 2);"),
    "planned zero": file("select pass('a');", "select plan(0);"),
    "plan met": file("select pass('a');", "select plan(1);"),
    "nothing": file(""),
    "planned twice": file("select plan(1);"),
    "a test before the plan": file("select pass('a');", ""),
    "failures raise": file(
        "select pass('a'); select fail('b'); select ok(true);", end="select * from finish(true);"
    ),
    "ends in an error": file("select pass('a'); select nope();"),
}
del FILES["setup"]


def owner_of(server: Server, name: str) -> str:
    server.create(name)
    with psycopg.connect(server.dsn(name), autocommit=True) as connection:
        connection.execute(ROLES)
        connection.execute(f"alter database {name} owner to tap_owner")
    return server.dsn(name, "tap_owner")


@pytest.fixture
def owner(server: Server) -> Iterator[str]:
    """The connection string of the owner, who is no superuser, of a fresh database."""
    name = f"tap_{next(NUMBERS)}"
    yield owner_of(server, name)
    server.drop(name)


@pytest.fixture(scope="module")
def stand_in(server: Server) -> Iterator[str]:
    """The same for a database with our stand-in, which tests share because their files roll back."""
    owner = owner_of(server, "tap_stand_in")
    assert install(owner, only_stand_in=True) == "stand-in"
    yield owner
    server.drop("tap_stand_in")


@pytest.fixture(scope="module", params=["debian", "npm"])
def real(request: pytest.FixtureRequest, server: Server) -> Iterator[str]:
    """The same for a database with the real pgTAP."""
    try:
        source = script(pgtap(request.param))
    except UnavailableError as error:
        pytest.skip(f"no pgTAP to compare with: {error}")
    name = f"tap_{request.param}"
    owner = owner_of(server, name)
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute("create schema extensions; grant usage on schema extensions to public")
        connection.execute("set search_path = extensions, public")
        connection.execute(source.encode())
    yield owner
    server.drop(name)


def comparable(lines: tuple[str, ...]) -> list[str]:
    """Leave out where in its own source each side was, which only the context of an error tells."""
    place = re.compile(r"line \d+ at EXECUTE|\bEXECUTE (?=\w+\()", re.IGNORECASE)
    return [place.sub("", line) for line in lines]


@pytest.mark.parametrize("name", FILES)
def test_the_stand_in_prints_what_pgtap_prints(real: str, stand_in: str, name: str) -> None:
    theirs, their_error = execute(real, FILES[name])
    ours, our_error = execute(stand_in, FILES[name])
    assert comparable(ours) == comparable(theirs)
    assert our_error == their_error


SIGNATURES = """
    select proname, array_to_string(proargtypes::regtype[], ', '), proretset, prorettype::regtype::text
      from pg_proc where pronamespace = 'extensions'::regnamespace and proname not like '\\_%'
"""


def test_each_function_of_the_stand_in_has_the_overloads_of_pgtap(real: str, stand_in: str) -> None:
    """Else an untyped literal could mean another argument, and the same test something else."""
    with psycopg.connect(real) as one, psycopg.connect(stand_in) as other:
        theirs = set(one.execute(SIGNATURES).fetchall())
        ours = set(other.execute(SIGNATURES).fetchall())
    assert ours <= theirs
    provided = {name for name, *_ in ours}
    # Newer than Debian's 1.2, for which generated tests are meant, too.
    newer = {("col_is_pk", "name, name, name[]"), ("col_is_pk", "name, name, name")}
    assert {row[:2] for row in theirs - ours if row[0] in provided} <= newer


def test_a_report_tells_what_passed_and_why_the_rest_did_not(stand_in: str) -> None:
    report = run(stand_in, file("select pass('a'); select is(1, 2, 'b'); select is(3, 3, 'c');"), "numbers")
    assert (report.name, report.planned, report.passed, report.error) == ("numbers", 3, 2, None)
    (failure,) = report.failed
    assert (failure.number, failure.description) == (2, "b")
    assert failure.diagnostics == ('Failed test 2: "b"', "        have: 1", "        want: 2")
    assert not report.ok


def test_an_aborted_file_is_an_error_with_its_line(stand_in: str) -> None:
    aborted = run(stand_in, "begin;\nselect extensions.plan(1);\nselect extensions.pass('é'),\n  nope;", "t")
    assert aborted.error == 'line 4: 42703: column "nope" does not exist'
    unreadable = run(stand_in, "begin;\nselect extensions.plan(1);\nselect from where;", "t")
    assert unreadable.error == 'line 3: syntax error at or near "where"'
    assert run(stand_in, "select 1;", "t").error == "no tests ran"
    assert run(stand_in, file("select pass('a');"), "t").error == "planned 3 tests but ran 1"


def test_a_file_that_forgets_to_roll_back_leaves_nothing(stand_in: str) -> None:
    left_open = "begin; create table left_behind (); select extensions.plan(1); select extensions.pass('a');"
    assert run(stand_in, left_open, "t").ok
    with psycopg.connect(stand_in) as connection:
        assert connection.execute("select to_regclass('left_behind')").fetchone() == (None,)


def test_reports_come_in_the_order_of_the_files(stand_in: str) -> None:
    bodies = [f"select pg_sleep({0.2 if n == 0 else 0}); select pass('{n}');" for n in range(5)]
    files = [(str(n), file(body, plan="select plan(1);")) for n, body in enumerate(bodies)]
    reports = list(run_all([stand_in] * 3, files))
    assert [(report.name, report.ok) for report in reports] == [(str(n), True) for n in range(5)]


def test_a_file_finds_nothing_of_the_one_before_in_its_session(stand_in: str) -> None:
    """Not even of one that broke the connection, left a transaction open, or went on under another role."""
    left = "create temporary table left_behind (); set role tap_reader; set session specc.word = 'yes';"
    plan, fine = "select extensions.plan(1);", "select extensions.pass('a');"
    looks = (
        "select extensions.ok(to_regclass('pg_temp.left_behind') is null and current_user = session_user"
        " and coalesce(current_setting('specc.word', true), '') = '', 'clean');"
    )
    texts = {
        "commits": f"{plan} {fine} {left}",
        "leaves open": f"begin; {plan} {fine} {left}",
        "fails": f"begin; {plan} {left} select 1 / 0;",
        "breaks": f"{plan} {left} select pg_terminate_backend(pg_backend_pid());",
    }
    for name, text in texts.items():
        before, after = run_all([stand_in], [(name, text), ("after", f"begin; {plan} {looks} rollback;")])
        assert before.ok == (name in ("commits", "leaves open"))
        assert after.ok, (name, after)


def test_the_stand_in_moves_to_any_schema_and_may_be_installed_again(owner: str) -> None:
    schema = 'Tests of "x"'
    assert install(owner, schema, only_stand_in=True) == "stand-in"
    assert install(owner, schema) == "stand-in"
    quoted = '"Tests of ""x"""'
    body = "select plan(2); select results_eq('select 1', array[1]); select throws_ok('select 1/0', '22012');"
    assert run(
        owner, f"begin; set local search_path = {quoted}; {body} select * from finish(); rollback;", "t"
    ).ok
    with psycopg.connect(owner) as connection:
        assert connection.execute("select to_regnamespace('extensions')").fetchone() == (None,)


def test_roles_may_test_where_functions_are_closed_by_default(owner: str) -> None:
    with psycopg.connect(owner) as connection:
        connection.execute("alter default privileges revoke execute on functions from public")
    install(owner, only_stand_in=True)
    body = "set local role tap_reader; select pass('a'); select fail('b'); select is(1, 1, 'c');"
    report = run(owner, file(body), "t")
    assert (report.passed, len(report.failed), report.error) == (2, 1, None)


def test_the_extension_is_preferred_where_the_server_offers_it(server: Server, owner: str) -> None:
    if server.version < 18:
        pytest.skip("before 18, extensions are found only in the server's own folder")
    try:
        source = pgtap("debian")
    except UnavailableError as error:
        pytest.skip(f"no pgTAP to offer: {error}")
    offered = server.directory / "offered" / "extension"
    offered.mkdir(parents=True)
    for path in source.iterdir():
        (offered / path.name).write_bytes(path.read_bytes())
    database = psycopg.conninfo.conninfo_to_dict(owner)["dbname"]
    with psycopg.connect(make_conninfo(owner, user="postgres"), autocommit=True) as connection:
        places = f"$system:{offered.parent}"
        connection.execute(f"alter database {database} set extension_control_path = '{places}'")
    with psycopg.connect(owner) as connection:
        connection.execute("alter default privileges revoke execute on functions from public")
    assert install(owner) == install(owner) == "pgtap"
    assert run(
        owner, file("set local role tap_reader; select pass('a'); select pass('b'); select pass('c');"), "t"
    ).ok

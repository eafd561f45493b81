"""The cost of a running database: statements that name what is ours, indexes that nobody uses or that are missing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from databases import MAJORS, build_of, files_of, migrated
from psycopg.conninfo import make_conninfo

from projects import build_example
from specc.cli import main
from specc.pg.server import Server, serve
from specc.pg.statements import names_at_work

pytestmark = pytest.mark.pg

SPECS = """\
lifecycle: job
states: {new: {is: initial}, done: {is: terminal}}
transitions: {new: [done]}
---
table: job
about: Work.
shared: true
columns: {name: text, kind: text}
unique: [[name]]
indexes: [{columns: [kind]}]
---
machine: job
follows: job
undriven: {new: Somebody.}
---
access: all
tables: [job]
allow: {}
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root: Path = tmp_path_factory.mktemp("costly")
    build_example(SPECS, root)
    return root


@pytest.fixture(scope="module", params=MAJORS)
def counting(request: pytest.FixtureRequest, root: Path) -> Iterator[str]:
    """A database on a server of its own that counts statements; the extension is in a schema of its own."""
    settings = {"shared_preload_libraries": "pg_stat_statements"}
    with (
        serve(build_of(request.param), settings=settings) as server,
        migrated(server, files_of(root / "generated")) as database,
    ):
        with psycopg.connect(database.admin, autocommit=True) as connection:
            connection.execute('create schema "Odd place"')
            connection.execute('create extension pg_stat_statements schema "Odd place"')
            connection.execute("create role other login superuser")
            connection.execute("create role blind login in role service_role")
            connection.execute("create table public.foreign_table (id integer)")
        yield database.admin


@pytest.fixture(scope="module")
def plain(server: Server, root: Path) -> Iterator[str]:
    """A database on a server that counts no statements."""
    with migrated(server, files_of(root / "generated")) as database:
        yield database.admin


@pytest.fixture
def status(capsys: pytest.CaptureFixture[str], root: Path) -> Callable[..., tuple[int, str, str]]:
    def run(dsn: str, *arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main(["status", "--project", str(root), "--dsn", dsn, "--statements", *arguments])
        said = capsys.readouterr()
        assert isinstance(left.value.code, int)
        return left.value.code, said.out, said.err

    return run


def run(dsn: str, *statements: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def test_statements_are_counted_that_name_what_is_ours(counting: str, status: Callable[..., Any]) -> None:
    run(
        counting,
        'select "Odd place".pg_stat_statements_reset()',
        *["select count(*) from public.job where kind = 'x'"] * 3,
        "select count(*) from job",
        "with job as (select 1 as one) select * from job",
        "select public.job_may_move('new', 'done')",
        "select now()",
        "select 1 as job",
        "select * from public.foreign_table",
        "create index gone on public.job (kind)",
        "drop index public.gone",
    )
    code, said, _ = status(counting, "--format", "json")
    found = json.loads(said)
    assert (code, found["problem"], found["hidden"]) == (0, "", 0)
    calls = {one["query"]: one["calls"] for one in found["by_total"] if "monitor" not in one["query"]}
    assert calls == {
        "select count(*) from public.job where kind = $1": 3,
        "select count(*) from job": 1,
        "select public.job_may_move($1, $2)": 1,
    }
    for order, key in (("by_total", "total_ms"), ("by_mean", "mean_ms")):
        listed = [one[key] for one in found[order]]
        assert listed == sorted(listed, reverse=True) and listed[-1] > 0


def test_statements_of_other_databases_are_not_counted(counting: str) -> None:
    run(make_conninfo(counting, dbname="postgres"), "select 'elsewhere' as job, 42")
    with psycopg.connect(counting) as connection:
        queries = connection.execute("select query from monitor.statements()").fetchall()
    assert queries
    assert not [query for (query,) in queries if "42" in query or query == "select $1 as job, $2"]


def test_texts_of_others_are_hidden_and_counted(counting: str) -> None:
    with psycopg.connect(counting, autocommit=True) as connection:
        connection.execute(
            "grant execute on function monitor.statements(), monitor.statements_problem() to service_role"
        )
        connection.execute('grant usage on schema monitor, "Odd place" to service_role')
    with psycopg.connect(make_conninfo(counting, user="blind")) as connection:
        found = connection.execute("select query from monitor.statements()").fetchall()
    run(
        counting,
        "revoke execute on function monitor.statements(), monitor.statements_problem() from service_role",
    )
    assert ("<insufficient privilege>",) in found
    assert not [query for (query,) in found if "public.job" in query]


@pytest.mark.parametrize("role", ["anon", "authenticated", "service_role"])
@pytest.mark.parametrize("call", ["statements()", "statements_problem()"])
def test_statements_are_the_owners(plain: str, role: str, call: str) -> None:
    with psycopg.connect(plain) as connection:
        connection.execute(f"set local role {role}".encode())
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(f"select monitor.{call}".encode())


def test_it_is_said_that_the_extension_is_missing(plain: str, status: Callable[..., Any]) -> None:
    code, said, _ = status(plain)
    assert code == 0
    assert said.startswith(
        "no statements: this database has no extension pg_stat_statements; `create extension"
    )
    with psycopg.connect(plain) as connection:
        assert connection.execute("select * from monitor.statements()").fetchall() == []


def test_it_is_said_that_the_server_lacks_the_library(plain: str, status: Callable[..., Any]) -> None:
    run(plain, "create extension pg_stat_statements")
    code, said, _ = status(plain)
    with psycopg.connect(plain) as connection:
        assert connection.execute("select * from monitor.statements()").fetchall() == []
    run(plain, "drop extension pg_stat_statements")
    problem = (
        "no statements: the server was not started with shared_preload_libraries = 'pg_stat_statements'\n"
    )
    assert (code, said.startswith(problem)) == (0, True)


def test_it_is_said_that_the_extension_is_old(counting: str, status: Callable[..., Any]) -> None:
    """Version 1.7, before PostgreSQL 13, had `total_time`."""
    run(counting, "drop extension pg_stat_statements", "create extension pg_stat_statements version '1.7'")
    said = status(counting)[1]
    run(
        counting,
        "drop extension pg_stat_statements",
        'create extension pg_stat_statements schema "Odd place"',
    )
    assert said.startswith("no statements: the extension is older than the server; `alter extension")


def test_indexes_and_tables_are_judged_by_use(plain: str, status: Callable[..., Any]) -> None:
    run(
        plain,
        "set session_replication_role = replica",
        "insert into public.job (name, kind) select n::text, 'x' from generate_series(1, 20000) as n",
        "insert into public.job_state_history (row_id, to_state) values (gen_random_uuid(), 'new')",
        "select pg_stat_force_next_flush()",
    )
    run(
        plain,
        "analyze public.job",
        "set enable_seqscan = off",
        "select from public.job where name = '7'",
        "set enable_seqscan = on",
        *["select count(*) from public.job where kind || '' = 'y'"] * 10,
        "select pg_stat_force_next_flush()",
    )
    with psycopg.connect(plain) as connection:
        query = (
            "select lacks_index, full_scans between 10 and 19 from monitor.tables where table_name = 'job'"
        )
        # Few scans say nothing yet.
        assert connection.execute(query.encode()).fetchone() == (False, True)
    run(
        plain,
        *["select count(*) from public.job where kind || '' = 'y'"] * 20,
        "select pg_stat_force_next_flush()",
    )
    with psycopg.connect(plain) as connection:
        tables = connection.execute(
            "select table_name, rows, lacks_index, rows_per_full_scan >= 10000, bytes > 1000000"
            " from monitor.tables where table_name in ('job', 'job_state_history')"
        ).fetchall()
        indexes = connection.execute(
            "select index_name, scans > 0, keeps_rule, unused from monitor.indexes where table_name = 'job'"
        ).fetchall()
        kept = connection.execute(
            "select distinct table_name from monitor.indexes where table_name like '%history%'"
        ).fetchall()
    assert tables == [("job", 20_000, True, True, True), ("job_state_history", 1, False, False, False)]
    assert set(indexes) >= {("job_name_key", True, True, False), ("job_kind_idx", False, False, True)}
    assert ("job_pkey", False, True, False) in indexes
    # A partition's index counts for the table that it is part of.
    assert kept == [("job_state_history",)]
    said = status(plain)[1]
    assert "large tables that are often read from end to end; an index may be missing\n" in said
    assert "public.job  " in said and "job_kind_idx" in said and "job_pkey" not in said


def test_the_views_name_only_our_tables(plain: str) -> None:
    run(plain, "create table if not exists public.stray (id integer primary key)")
    with psycopg.connect(plain) as connection:
        found = connection.execute(
            "select table_name from monitor.tables union select table_name from monitor.indexes order by 1"
        ).fetchall()
    assert found == [("job",), ("job_state_history",)]


def test_costs_are_of_the_whole_database(status: Callable[..., Any], plain: str) -> None:
    code, said, error = status(plain, "--machine", "job")
    assert (code, said) == (2, "")
    assert "leave out `--row` and `--machine`" in error


@pytest.mark.parametrize(
    ("text", "relations", "functions"),
    [
        ("select * from a join s.b using (id)", {("", "a"), ("s", "b")}, set()),
        ("with a as (select 1) select * from a, b", {("", "b")}, set()),
        ("update s.a set x = $1 where id = $2 returning s.f(x)", {("s", "a")}, {("s", "f")}),
        ("call s.p($1)", set(), {("s", "p")}),
        ("select $2 from s.a where at < now() - interval $1 and b in ($3 /*, ... */)", {("s", "a")}, {("", "now")}),
        ("select date $1 from s.a where x = $2::date and ü = $3", {("s", "a")}, set()),
        ("copy s.a from stdin", {("s", "a")}, set()),
        ("create table s.a (id integer)", set(), set()),
        ("select $1 as a", set(), set()),
        ("<insufficient privilege>", set(), set()),
        ("", set(), set()),
    ],
)  # fmt: skip
def test_what_a_statement_names(text: str, relations: set[Any], functions: set[Any]) -> None:
    assert names_at_work(text) == (relations, functions)

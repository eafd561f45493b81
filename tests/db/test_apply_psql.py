"""`generated/` by psql alone: applied as a README says it, file by file, and taken back.

The migrations' owner is no superuser; only `bootstrap.sql` is a superuser's.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from specc.pg import tap
from specc.pg.binaries import embedded, installed
from specc.pg.server import Server, serve

pytestmark = [
    pytest.mark.pg,
    pytest.mark.skipif(shutil.which("psql") is None, reason="psql is not on the path"),
]

GENERATED = Path(__file__).parents[2] / "generated"
MIGRATIONS = sorted((GENERATED / "migrations").glob("*.sql"))
NUMBERS = count()

OBJECTS = """
    select 'relation ' || c.oid::regclass, c.relacl::text from pg_class c
        where c.relnamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace, 'pg_toast'::regnamespace)
    union all
    select 'function ' || p.oid::regprocedure, p.proacl::text from pg_proc p
        where p.pronamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
    union all
    select 'type ' || t.oid::regtype, t.typacl::text from pg_type t
        where t.typnamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace, 'pg_toast'::regnamespace)
    union all
    select 'schema ' || n.nspname, n.nspacl::text from pg_namespace n where n.nspname !~ '^pg_'
    union all
    select 'policy ' || polname, polrelid::regclass::text from pg_policy
    union all
    select 'trigger ' || tgname, tgrelid::regclass::text from pg_trigger
    union all
    select 'comment', description from pg_description where objoid >= 16384
    union all
    select 'default privileges', defaclacl::text from pg_default_acl
    order by 1, 2
"""


def psql(conninfo: str, *files: Path) -> subprocess.CompletedProcess[str]:
    """Apply files as one transaction each, ended by the first error."""
    place = conninfo_to_dict(conninfo)
    names = {"host": "PGHOST", "port": "PGPORT", "dbname": "PGDATABASE", "user": "PGUSER"}
    environment = os.environ | {names[key]: str(value) for key, value in place.items()}
    environment["PGOPTIONS"] = "-c client_min_messages=warning"
    for file in files:
        command = ["psql", "-X", "-q", "-1", "-v", "ON_ERROR_STOP=1", "-f", str(file)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            return done
    return done


def applied(conninfo: str, *files: Path) -> None:
    done = psql(conninfo, *files)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.fixture
def owned(server: Server) -> Iterator[tuple[str, str]]:
    """The connection strings, for the superuser and for its owner, of a new database."""
    name = f"plain_{next(NUMBERS)}"
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute(sql.SQL("create role {} login").format(sql.Identifier(name)))
        connection.execute(sql.SQL("create database {0} owner {0}").format(sql.Identifier(name)))
    yield server.dsn(name), server.dsn(name, name)
    server.drop(name)


def objects(conninfo: str) -> list[tuple[str, ...]]:
    with psycopg.connect(conninfo) as connection:
        return connection.execute(OBJECTS.encode()).fetchall()


def test_psql_applies_everything_and_takes_everything_back(owned: tuple[str, str]) -> None:
    admin, owner = owned
    applied(admin, GENERATED / "bootstrap.sql")
    before = objects(admin)
    way_back = [GENERATED / "rollback" / path.name for path in reversed(MIGRATIONS)]
    for _ in range(2):
        applied(owner, *MIGRATIONS)
        assert len(objects(admin)) > len(before)
        applied(owner, *way_back)
        assert objects(admin) == before


def test_the_generated_tests_pass_on_what_psql_applied(owned: tuple[str, str]) -> None:
    admin, owner = owned
    applied(admin, GENERATED / "bootstrap.sql")
    applied(owner, *MIGRATIONS)
    tap.install(admin)
    tests = [
        (path.name, path.read_text(encoding="utf-8")) for path in (GENERATED / "tests").glob("access_*.sql")
    ]
    assert [report for report in tap.run_all([owner], tests) if not report.ok] == []


def test_a_migration_that_fails_leaves_nothing(owned: tuple[str, str], tmp_path: Path) -> None:
    admin, owner = owned
    applied(admin, GENERATED / "bootstrap.sql")
    before = objects(admin)
    broken = tmp_path / MIGRATIONS[0].name
    broken.write_text(MIGRATIONS[0].read_text(encoding="utf-8") + "\nselect 1 / 0;\n", encoding="utf-8")
    done = psql(owner, broken)
    assert done.returncode == 3
    assert "division by zero" in done.stderr
    assert objects(admin) == before


def test_without_bootstrap_the_first_error_says_what_is_missing(
    server: Server, owned: tuple[str, str]
) -> None:
    _, owner = owned
    done = psql(owner, *MIGRATIONS)
    assert done.returncode == 3
    missing = (
        'role "anon" does not exist',
        'schema "auth" does not exist',
        'relation "auth.users" does not exist',
    )
    assert any(one in done.stderr for one in missing)


API_ROLES = ("authenticator", "anon", "authenticated", "service_role")


@pytest.fixture(scope="module")
def untouched(server: Server) -> Iterator[Server]:
    """A server of the same version on which the roles of the API were never made."""
    build = next(one for one in (*installed(), embedded()) if one.version == server.version)
    with serve(build) as other:
        yield other


@pytest.mark.parametrize("turn", range(3))
def test_databases_of_a_cluster_are_prepared_at_once(untouched: Server, turn: int) -> None:
    """Roles are the cluster's: each database makes them and minds nobody else who does."""
    names = [f"twin_{number}" for number in range(4)]
    for name in names:
        untouched.create(name)
    with ThreadPoolExecutor(len(names)) as pool:
        done = list(pool.map(lambda name: psql(untouched.dsn(name), GENERATED / "bootstrap.sql"), names))
    assert [(one.returncode, one.stderr) for one in done] == [(0, "")] * len(names)
    for name in names:
        applied(untouched.dsn(name), *MIGRATIONS)
        untouched.drop(name)
    with psycopg.connect(untouched.dsn(), autocommit=True) as connection:
        for role in API_ROLES:
            connection.execute(sql.SQL("drop role {}").format(sql.Identifier(role)))

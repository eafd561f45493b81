"""Backups of the flagship: what pg_dump writes goes back in, rows in late states included, and to a newer server."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest
from flagship_world import ILLEGAL_MOVE, OWNER, Flagship, refused, world_of
from psycopg.conninfo import conninfo_to_dict

from specc.pg.apply import apply
from specc.pg.binaries import embedded, installed
from specc.pg.server import Server, serve

pytestmark = pytest.mark.pg

NUMBERS = count()
GENERATED = Path(__file__).parents[2] / "generated"
BUILDS = {build.version: build for build in (*installed(), embedded())}

# What differs between dumps of equal databases: a key drawn anew for each, and the server's version.
NOT_NULL_NAME = re.compile(r" CONSTRAINT \w+_not_null(?= NOT NULL)")
"""Older servers have no names for these; a newer one gives a partition's those of its table, or its own."""
VARYING = re.compile(r"^(\\(un)?restrict |-- Dumped from ).*\n", re.MULTILINE)

# Users belong to the platform, and `extensions` holds what only tests need.
OURS = ("--exclude-schema=auth", "--exclude-schema=extensions")


def program(server: Server, name: str) -> Path:
    """One of the programs that came with the server."""
    return BUILDS[server.version].bin / name


def call(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def dump(server: Server, name: str, *options: str) -> str:
    text = call(program(server, "pg_dump"), *options, "--dbname", server.dsn(name))
    return VARYING.sub("", text)


@contextmanager
def empty(server: Server) -> Iterator[str]:
    name = f"dump_{next(NUMBERS)}"
    server.create(name)
    yield name
    server.drop(name)


def name_of(conninfo: str) -> str:
    return str(conninfo_to_dict(conninfo)["dbname"])


def grown(conninfo: str) -> None:
    """Rows far from where they began, some with a substate, some after a recovery."""
    world = world_of(conninfo)
    db, request = world.db, world.activity_request()
    runs = [world.run(request, world.source()) for _ in range(2)]
    for state in ("valid", "ready", "in_progress", "failed"):
        for run in runs:
            db.change(OWNER, "run_request", run, state=state)
    db.change(OWNER, "run_request", runs[0], state="ready", attempt=1)
    db.change(OWNER, "activity_request", request, state="valid")
    db.change(OWNER, "activity_request", request, state="waiting", state_substate="dependency")


@contextmanager
def bootstrapped(server: Server) -> Iterator[str]:
    with empty(server) as name:
        with psycopg.connect(server.dsn(name), autocommit=True) as connection:
            connection.execute(f"alter database {name} owner to {OWNER.role}".encode())
        apply(server.dsn(name), (GENERATED / "bootstrap.sql").read_text(encoding="utf-8"))
        yield name


def migrate(server: Server, name: str, folder: str = "migrations") -> None:
    for path in sorted((GENERATED / folder).glob("*.sql"), reverse=folder == "rollback"):
        apply(server.dsn(name, OWNER.role), path.read_text(encoding="utf-8"))


def test_a_dump_goes_into_an_empty_database(server: Server, flagship: str, tmp_path: Path) -> None:
    grown(flagship)
    source, file = name_of(flagship), tmp_path / "all.dump"
    dump(server, source, "--format=custom", f"--file={file}")
    with empty(server) as name:
        call(program(server, "pg_restore"), "--exit-on-error", "--dbname", server.dsn(name), file)
        assert dump(server, name) == dump(server, source)
        there = Flagship(server.dsn(name))
        with there.acting(OWNER) as connection:
            rows = connection.execute(
                "select id, state, attempt from run_request order by attempt"
            ).fetchall()
        assert [(row["state"], row["attempt"]) for row in rows] == [("failed", 0), ("ready", 1)]
        with refused(ILLEGAL_MOVE):
            there.change(OWNER, "run_request", rows[0]["id"], state="delivered")


def test_rows_alone_go_into_a_migrated_database(server: Server, flagship: str, tmp_path: Path) -> None:
    """Guards refuse rows that are born in a late state, so the restore turns triggers off, and on again."""
    grown(flagship)
    source, file = name_of(flagship), tmp_path / "rows.dump"
    dump(server, source, "--format=custom", "--data-only", f"--file={file}")
    options = ("--exit-on-error", "--single-transaction", "--data-only", "--disable-triggers")
    with bootstrapped(server) as name:
        migrate(server, name)
        # The migration has brought the reference rows, which stand in the dump as well.
        with psycopg.connect(server.dsn(name)) as connection:
            connection.execute("truncate public.object_type cascade")
        call(program(server, "pg_restore"), *options, "--dbname", server.dsn(name), file)
        assert dump(server, name, *OURS) == dump(server, source, *OURS)


def test_the_way_back_leads_to_where_the_way_forth_began(server: Server, flagship_template: str) -> None:
    with bootstrapped(server) as name:
        before = dump(server, name)
        migrate(server, name)
        after = dump(server, name)
        migrate(server, name, "rollback")
        assert dump(server, name) == before
        migrate(server, name)
        assert dump(server, name) == after


@pytest.fixture
def older(server: Server) -> Iterator[Server]:
    """Another server, of the oldest version here."""
    version = min(BUILDS)
    if version >= server.version:
        pytest.skip("there is no older server here")
    with serve(BUILDS[version]) as older:
        with psycopg.connect(older.dsn(), autocommit=True) as connection:
            connection.execute(f"create role {OWNER.role} login".encode())
        yield older


def test_a_dump_of_an_older_server_goes_into_a_newer_one(
    older: Server, server: Server, flagship_template: str, tmp_path: Path
) -> None:
    dump_it, restore = program(server, "pg_dump"), program(server, "pg_restore")
    file = tmp_path / "old.dump"
    with bootstrapped(older) as source, empty(server) as name:
        migrate(older, source)
        grown(older.dsn(source, OWNER.role))
        call(dump_it, "--format=custom", f"--file={file}", "--dbname", older.dsn(source))
        call(restore, "--exit-on-error", "--dbname", server.dsn(name), file)
        rows = call(dump_it, "--data-only", "--dbname", older.dsn(source))
        assert dump(server, name, "--data-only") == VARYING.sub("", rows)
        with bootstrapped(server) as new:
            migrate(server, new)
            restored, fresh = (dump(server, one, "--schema-only") for one in (name, new))
            assert NOT_NULL_NAME.sub("", restored) == NOT_NULL_NAME.sub("", fresh)

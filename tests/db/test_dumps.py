"""Backups of the flagship: what pg_dump writes goes back in, rows in late states included, and to a newer server."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from databases import BUILDS, GENERATED, Database, files_of, migrated
from flagship_world import ILLEGAL_MOVE, OWNER, Flagship, refused, world_of

from specc.pg.server import Server, serve

pytestmark = pytest.mark.pg

# What differs between dumps of equal databases: a key drawn anew for each, and the server's version.
NOT_NULL_NAME = re.compile(r" CONSTRAINT \w+_not_null(?= NOT NULL)")
"""Older servers have no names for these; a newer one gives a partition's those of its table, or its own."""
VARYING = re.compile(r"^(\\(un)?restrict |-- Dumped from ).*\n", re.MULTILINE)

# Users belong to the platform, and `extensions` holds what only tests need.
OURS = ("--exclude-schema=auth", "--exclude-schema=extensions")


def program(server: Server, name: str) -> Path:
    """One of the programs that came with the server."""
    return BUILDS[f"pg{server.version}"].bin / name


def call(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def dump(database: Database, *options: str) -> str:
    text = call(program(database.server, "pg_dump"), *options, "--dbname", database.admin)
    return VARYING.sub("", text)


@pytest.fixture
def grown(server: Server) -> Iterator[Database]:
    """The flagship with rows."""
    with migrated(server, files_of(GENERATED)) as database:
        grow(database.owner)
        yield database


def grow(conninfo: str) -> None:
    """Add rows far from where they began, some with a substate, some after a recovery."""
    world = world_of(conninfo)
    db, request = world.db, world.activity_request()
    runs = [world.run(request, world.source()) for _ in range(2)]
    for state in ("valid", "ready", "in_progress", "failed"):
        for run in runs:
            db.change(OWNER, "run_request", run, state=state)
    db.change(OWNER, "run_request", runs[0], state="ready", attempt=1)
    db.change(OWNER, "activity_request", request, state="valid")
    db.change(OWNER, "activity_request", request, state="waiting", state_substate="dependency")


def test_a_dump_goes_into_an_empty_database(grown: Database, fresh: Database, tmp_path: Path) -> None:
    file = tmp_path / "all.dump"
    dump(grown, "--format=custom", f"--file={file}")
    call(program(fresh.server, "pg_restore"), "--exit-on-error", "--dbname", fresh.admin, file)
    assert dump(fresh) == dump(grown)
    there = Flagship(fresh.admin)
    with there.acting(OWNER) as connection:
        rows = connection.execute("select id, state, attempt from run_request order by attempt").fetchall()
    assert [(row["state"], row["attempt"]) for row in rows] == [("failed", 0), ("ready", 1)]
    with refused(ILLEGAL_MOVE):
        there.change(OWNER, "run_request", rows[0]["id"], state="delivered")


def test_rows_alone_go_into_a_migrated_database(grown: Database, tmp_path: Path) -> None:
    """Guards refuse rows that are born in a late state, so the restore turns triggers off, and on again."""
    file = tmp_path / "rows.dump"
    dump(grown, "--format=custom", "--data-only", f"--file={file}")
    options = ("--exit-on-error", "--single-transaction", "--data-only", "--disable-triggers")
    with migrated(grown.server, files_of(GENERATED)) as new:
        # The migration has brought the reference rows, which stand in the dump as well.
        with psycopg.connect(new.admin) as connection:
            connection.execute("truncate public.object_type cascade")
        call(program(new.server, "pg_restore"), *options, "--dbname", new.admin, file)
        assert dump(new, *OURS) == dump(grown, *OURS)


def test_the_way_back_leads_to_where_the_way_forth_began(fresh: Database) -> None:
    fresh.bootstrap(files_of(GENERATED))
    before = dump(fresh)
    fresh.migrate(files_of(GENERATED))
    after = dump(fresh)
    fresh.roll_back(files_of(GENERATED))
    assert dump(fresh) == before
    fresh.migrate(files_of(GENERATED))
    assert dump(fresh) == after


@pytest.fixture
def older(server: Server) -> Iterator[Server]:
    """Another server, of the oldest version here."""
    oldest = min(BUILDS.values(), key=lambda build: build.version)
    if oldest.version >= server.version:
        pytest.skip("there is no older server here")
    with serve(oldest) as older:
        yield older


def test_a_dump_of_an_older_server_goes_into_a_newer_one(
    older: Server, fresh: Database, tmp_path: Path
) -> None:
    dump_it, restore = program(fresh.server, "pg_dump"), program(fresh.server, "pg_restore")
    file = tmp_path / "old.dump"
    with migrated(older, files_of(GENERATED)) as source:
        grow(source.owner)
        call(dump_it, "--format=custom", f"--file={file}", "--dbname", source.admin)
        call(restore, "--exit-on-error", "--dbname", fresh.admin, file)
        rows = call(dump_it, "--data-only", "--dbname", source.admin)
    assert dump(fresh, "--data-only") == VARYING.sub("", rows)
    with migrated(fresh.server, files_of(GENERATED)) as new:
        restored, made = (dump(one, "--schema-only") for one in (fresh, new))
    assert NOT_NULL_NAME.sub("", restored) == NOT_NULL_NAME.sub("", made)

"""Runs that are broken off: the runner killed, its session ended, the server gone. What is left is whole files, and the
next run goes on.
"""

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator

import psycopg
import pytest
from databases import BUILDS, OWNER
from migrating import ROWS, TICKET, Folder, stamp, until
from psycopg import sql

from specc.pg.server import Server, serve

pytestmark = pytest.mark.pg

INDEX = "create unique index concurrently ticket_status on public.ticket (status, id);\n"
BACK = "drop index concurrently public.ticket_status;\n"
VALID = "select indisvalid from pg_index where indexrelid = to_regclass('public.ticket_status')"
FILES = 10
KILLS = int(os.environ.get("SPECC_KILLS", "5"))
SEED = int(os.environ.get("SPECC_SEED", "7"))


def write_steps(folder: Folder) -> None:
    """Files of three statements, each of which takes a little; every third is an index outside of a transaction."""
    folder.write(1, "initial", TICKET + ROWS, "drop table public.ticket;\n")
    for number in range(2, FILES + 1):
        if number % 3 == 0:
            text = f"create index concurrently i{number} on public.ticket (status, ((id + {number}) % 7));\n"
            folder.write(
                number, f"i{number}_concurrently", text, f"drop index concurrently public.i{number};\n"
            )
        else:
            text = f"create table public.t{number} (id int);\nselect pg_sleep(0.03);\n"
            text += f"insert into public.t{number} select generate_series(1, 500);\nselect pg_sleep(0.03);\n"
            folder.write(number, f"t{number}", text, f"drop table public.t{number};\n")


def check_whole(folder: Folder) -> int:
    """See that each file is there wholly, with its row of the ledger, or not at all; returns how many are."""
    with psycopg.connect(folder.dsn) as connection:
        if not connection.execute("select to_regclass('supabase_migrations.schema_migrations')").fetchone()[
            0
        ]:
            applied = set()
        else:
            rows = connection.execute("select version from supabase_migrations.schema_migrations").fetchall()
            applied = {version for (version,) in rows}
        for number in range(2, FILES + 1):
            there = stamp(number) in applied
            if number % 3 == 0:
                query = f"select indisvalid from pg_index where indexrelid = to_regclass('public.i{number}')"
                row = connection.execute(query.encode()).fetchone()
                # The index may be there before its row, but never the other way round.
                assert not there or row == (True,), number
            else:
                table = connection.execute("select to_regclass(%s)", [f"public.t{number}"]).fetchone()[0]
                assert (table is not None) == there, number
                if table:
                    assert connection.execute(
                        f"select count(*) from public.t{number}".encode()
                    ).fetchone() == (500,)
    return len(applied)


def begun(folder: Folder) -> subprocess.Popen[str]:
    """Start a run and return when it has connected."""
    run = folder.start("up", "--format=json")
    query = "select count(*) from pg_stat_activity where application_name like 'specc migrate%'"
    until(lambda: folder.ask(query) or run.poll() is not None)
    return run


def settle(folder: Folder) -> None:
    """Wait until the server has noticed that a runner is gone."""
    until(
        lambda: (
            folder.ask("select count(*) from pg_stat_activity where application_name like 'specc migrate%'")
            == 0
        )
    )


def test_a_runner_that_is_killed_leaves_whole_files_and_the_next_goes_on(migrations: Folder) -> None:
    write_steps(migrations)
    chance = random.Random(SEED)
    seen = set()
    for _ in range(KILLS):
        run = begun(migrations)
        time.sleep(chance.uniform(0, 0.5))
        ended = run.poll() is not None
        run.kill()
        run.communicate()
        settle(migrations)
        seen.add(check_whole(migrations))
        if ended:
            break
    done = migrations("up")
    assert done.code == 0, done
    assert check_whole(migrations) == FILES
    assert len(seen) > 1, "it was never killed on its way"
    assert migrations("status").code == 0
    assert migrations("down", "--to", 0, "--yes").code == 0
    assert migrations.ask("select count(*) from pg_class where relnamespace = 'public'::regnamespace") == 0


@pytest.fixture
def indexed(migrations: Folder) -> Folder:
    """A table that is applied, and the file of an index that is not."""
    migrations.write(1, "initial", TICKET + ROWS, "drop table public.ticket;\n")
    assert migrations("up").code == 0
    migrations.write(2, "index_concurrently", INDEX, BACK)
    return migrations


def kill_at(folder: Folder, statement: str, *arguments: object) -> None:
    """Start a run, and kill it when it waits in a statement for the transaction that the caller holds open."""
    run = folder.start(*arguments)
    query = (
        f"select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query ilike '{statement}%'"
    )
    until(lambda: folder.ask(query))
    run.kill()
    run.communicate()


def test_an_index_that_was_left_half_built_is_built_again(indexed: Folder) -> None:
    with psycopg.connect(indexed.dsn) as other:
        other.execute("update public.ticket set status = 'held' where id = 1")
        kill_at(indexed, "create unique index", "up")
        settle(indexed)
        assert indexed.ask(VALID) is False
        assert indexed.states() == {"1": "applied", "2": "unfinished"}
        assert indexed("status").code == 1
        other.rollback()
    done = indexed("up")
    assert done.code == 0
    assert (
        f"  mended   {stamp(2)}_index_concurrently.sql: dropped public.ticket_status, which was left behind invalid"
        in done.out.splitlines()
    )
    assert indexed.ask(VALID) is True
    assert indexed.states() == {"1": "applied", "2": "applied"}


def test_an_index_that_was_built_is_not_built_again_for_the_ledger_alone(indexed: Folder) -> None:
    with psycopg.connect(indexed.dsn) as other:
        other.execute("lock table supabase_migrations.schema_migrations in share mode")
        kill_at(indexed, "insert into supabase_migrations", "up")
        settle(indexed)
        other.rollback()
    assert indexed.ask(VALID) is True
    assert indexed.states()["2"] == "unfinished"
    before = indexed.ask("select 'public.ticket_status'::regclass::oid")
    assert indexed("plan").out.splitlines()[1] == (
        f"  planned  {stamp(2)}_index_concurrently.sql: apply, outside of a transaction, goes on where a runner ended"
    )
    assert indexed("up").code == 0
    assert indexed.ask("select 'public.ticket_status'::regclass::oid") == before
    assert indexed.states()["2"] == "applied"


def test_an_index_that_another_tool_left_half_built_is_built_again(indexed: Folder) -> None:
    with psycopg.connect(indexed.dsn, autocommit=True) as other:
        other.execute("update public.ticket set status = 'open', id = id")
        with pytest.raises(psycopg.errors.UniqueViolation):
            other.execute("create unique index concurrently ticket_status on public.ticket (status)")
    assert indexed.ask(VALID) is False
    assert indexed("up").code == 0
    assert indexed.ask(VALID) is True


def test_the_way_back_of_an_index_goes_on_too(indexed: Folder) -> None:
    assert indexed("up").code == 0
    with psycopg.connect(indexed.dsn) as other:
        other.execute("lock table supabase_migrations.schema_migrations in share mode")
        kill_at(indexed, "delete from supabase_migrations", "down", "--steps", 1)
        settle(indexed)
        other.rollback()
    assert indexed.ask(VALID) is None
    assert indexed.states() == {"1": "applied", "2": "unfinished"}
    assert indexed("down", "--steps", 1).code == 0
    assert indexed.states() == {"1": "applied", "2": "pending"}


def test_up_after_a_way_back_that_was_broken_off_ends_it_and_applies_the_file(indexed: Folder) -> None:
    assert indexed("up").code == 0
    with psycopg.connect(indexed.dsn) as other:
        other.execute("lock table supabase_migrations.schema_migrations in share mode")
        kill_at(indexed, "delete from supabase_migrations", "down", "--steps", 1)
        settle(indexed)
        other.rollback()
    assert indexed("up").out.splitlines()[-1] == "1 undone, 1 applied"
    assert indexed.ask(VALID) is True
    assert indexed("status").code == 0


def test_an_index_that_was_begun_may_be_taken_back(indexed: Folder) -> None:
    with psycopg.connect(indexed.dsn) as other:
        other.execute("update public.ticket set status = 'held' where id = 1")
        kill_at(indexed, "create unique index", "up")
        settle(indexed)
        other.rollback()
    assert indexed("down", "--to", stamp(1)).code == 0
    assert indexed.ask(VALID) is None
    assert indexed.states() == {"1": "applied", "2": "pending"}


def test_an_index_that_was_begun_and_rewritten_is_taken_back_first(indexed: Folder) -> None:
    with psycopg.connect(indexed.dsn) as other:
        other.execute("update public.ticket set status = 'held' where id = 1")
        kill_at(indexed, "create unique index", "up")
        settle(indexed)
        other.rollback()
    indexed.remove(f"migrations/{stamp(2)}_index_concurrently.sql")
    indexed.write(
        3,
        "other_concurrently",
        INDEX.replace("ticket_status", "other"),
        BACK.replace("ticket_status", "other"),
    )
    assert indexed("up").code == 0
    assert indexed.ask(VALID) is None
    assert indexed.states() == {"1": "applied", "3": "applied"}


def test_a_statement_of_a_runner_that_is_gone_does_not_hold_its_locks(indexed: Folder) -> None:
    indexed.remove(f"migrations/{stamp(2)}_index_concurrently.sql")
    indexed.write(2, "slow", "alter table public.ticket add title text;\nselect pg_sleep(600);\n")
    run = indexed.start("up")
    until(lambda: indexed.ask("select count(*) from pg_stat_activity where wait_event = 'PgSleep'"))
    run.kill()
    run.communicate()
    settle(indexed)
    assert indexed.states()["2"] == "pending"


def test_an_interrupt_ends_the_statement_too(indexed: Folder) -> None:
    indexed.write(3, "slow", "select pg_sleep(600);\n")
    run = indexed.start("up", "--to", stamp(3))
    until(lambda: indexed.ask("select count(*) from pg_stat_activity where wait_event = 'PgSleep'"))
    run.send_signal(signal.SIGINT)
    _, err = run.communicate(timeout=20)
    assert (run.returncode, err.lstrip()) == (130, "specc: interrupted\n")
    settle(indexed)
    assert indexed.states() == {"1": "applied", "2": "applied", "3": "pending"}


# The server


@pytest.fixture(scope="module")
def durable() -> Iterator[Server]:
    """A server that keeps its promises over a crash."""
    with serve(BUILDS["pg18"], durable=True) as server:
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            connection.execute(sql.SQL("create role {} login").format(sql.Identifier(OWNER)))
            connection.execute(sql.SQL("create database work owner {}").format(sql.Identifier(OWNER)))
        yield server


def crash(server: Server) -> None:
    """Kill the server's checkpointer: PostgreSQL drops everything and recovers from its log."""
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        query = "select pid from pg_stat_activity where backend_type = 'checkpointer'"
        row = connection.execute(query).fetchone()
    assert row is not None
    os.kill(row[0], signal.SIGKILL)


def reachable(server: Server) -> bool:
    try:
        psycopg.connect(server.dsn()).close()
    except psycopg.OperationalError:
        return False
    return True


def test_a_server_that_is_killed_leaves_whole_files_and_the_next_run_goes_on(
    durable: Server, tmp_path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "migrations").mkdir()
    folder = Folder(tmp_path, durable.dsn("work", OWNER), capsys)
    write_steps(folder)
    chance = random.Random(SEED)
    lost = 0
    for _ in range(max(3, KILLS - 2)):
        run = begun(folder)
        time.sleep(chance.uniform(0, 0.5))
        if run.poll() is None:
            crash(durable)
        out, _ = run.communicate(timeout=60)
        until(lambda: reachable(durable))
        check_whole(folder)
        if run.returncode == 0:
            break
        assert run.returncode in (1, 2), out
        lost += "was lost" in out
    assert folder("up").code == 0
    assert check_whole(folder) == FILES
    assert folder("status").code == 0
    assert lost, "it was never killed on its way"

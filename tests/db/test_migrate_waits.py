"""What a run waits for and what it does not begin: locks of others, other deployers, data that are not ready; and the
work that is done in batches.
"""

import os
import pty
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from migrating import ROWS, TICKET, Folder, stamp, until

from specc.migrate.lock import KEY
from specc.plan.directives import batch_block, preflight_block

pytestmark = pytest.mark.pg

TITLE = "alter table public.ticket add title text;\n"
OPEN = preflight_block(
    "No rule covers these words of ticket.status.",
    "select count(*) from public.ticket where status <> 'open'",
)


@pytest.fixture
def ticket(migrations: Folder) -> Folder:
    """A table with a thousand rows, applied."""
    migrations.write(1, "initial", TICKET + ROWS, "drop table public.ticket;\n")
    assert migrations("up").code == 0
    return migrations


@contextmanager
def held(dsn: str, *statements: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A session in a transaction that did this and goes no further."""
    with psycopg.connect(dsn) as connection:
        for statement in statements:
            connection.execute(statement.encode())
        yield connection
        connection.rollback()


def waiting(folder: Folder) -> bool:
    query = "select exists (select from pg_locks where not granted and pid <> pg_backend_pid())"
    return bool(folder.ask(query))


# Locks on tables


def test_a_file_is_tried_again_until_a_lock_is_to_be_had(ticket: Folder) -> None:
    file = ticket.write(2, "title", "create table public.first ();\n" + TITLE)
    with held(ticket.dsn, "lock table public.ticket in access share mode") as other:
        run = ticket.start("up", "--lock-timeout=0.1", "--format=json")
        until(lambda: waiting(ticket))
        # While it waits it must let others go on now and then.
        until(lambda: not waiting(ticket))
        assert ticket.ask("select to_regclass('public.first')::text") is None
        other.rollback()
    out, _ = run.communicate(timeout=30)
    assert run.returncode == 0, out
    assert '"event": "retry"' in out and file in out
    assert ticket.ask("select count(title) from public.ticket") == 0


def test_a_lock_that_is_held_for_long_ends_the_run(ticket: Folder) -> None:
    file = ticket.write(2, "title", "create table public.first ();\n" + TITLE)
    with held(ticket.dsn, "lock table public.ticket in access share mode"):
        said = ticket("up", "--lock-timeout=0.05", "--tries=3")
    assert said.code == 1
    lines = said.out.splitlines()
    assert sum(line.startswith("  retry ") for line in lines) == 2
    assert lines[2].startswith(
        f"  retry    {stamp(2)}_title.sql: canceling statement due to lock timeout; again in "
    )
    assert (
        f"  FAILED   {file}: no lock after 3 tries of 0.05 seconds: somebody holds one for long; nothing of it is left"
        in lines
    )
    assert ticket.ask("select to_regclass('public.first')::text") is None
    assert ticket.states() == {"1": "applied", "2": "pending"}


def test_pauses_grow_and_differ(ticket: Folder) -> None:
    from specc.migrate import Patience

    first, second = (list(Patience(tries=9).pauses()) for _ in range(2))
    assert first != second and len(first) == 8
    assert all(0.25 * 2**n <= one <= 0.5 * 2**n for n, one in enumerate(first[:6]))
    assert max(first) <= 30


def test_an_index_is_built_although_an_older_transaction_takes_its_time(ticket: Folder) -> None:
    ticket.write(2, "i_concurrently", "create index concurrently i on public.ticket (status);\n")
    with held(ticket.dsn, "update public.ticket set status = 'open' where id = 1") as other:
        run = ticket.start("up", "--lock-timeout=0.05", "--tries=1")
        until(lambda: waiting(ticket))
        assert ticket.states()["2"] == "unfinished"
        other.rollback()
    out, _ = run.communicate(timeout=30)
    assert run.returncode == 0, out
    assert ticket.ask("select indisvalid from pg_index where indexrelid = 'public.i'::regclass")


# Other deployers


def test_of_two_at_once_one_waits_and_finds_nothing_to_do(ticket: Folder) -> None:
    for number in range(2, 6):
        ticket.write(number, f"step_{number}", f"select pg_sleep(0.2);\ncreate table public.t{number} ();\n")
    runs = [ticket.start("up", "--format=json") for _ in range(3)]
    said = [run.communicate(timeout=60) for run in runs]
    assert [run.returncode for run in runs] == [0, 0, 0], said
    assert sorted(out.count('"event": "applied"') for out, _ in said) == [0, 0, 4]


def test_whoever_waits_too_long_is_told_for_whom(ticket: Folder) -> None:
    ticket.write(2, "slow", "select pg_sleep(60);\n")
    run = ticket.start("up")
    try:
        until(lambda: ticket.ask("select count(*) from pg_stat_activity where wait_event = 'PgSleep'"))
        ticket.write(3, "other", "select 1;\n")
        said = ticket("up", "--wait=0.6")
    finally:
        run.kill()
        run.communicate()
    assert said.code == 1
    waiting_for, failed = said.out.splitlines()[1:]
    assert waiting_for.startswith("  waiting  for another deployer: process ")
    assert re.fullmatch(
        r"  FAILED   somebody else migrates this database: process \d+ of the server, role flagship_owner, "
        r"`specc migrate \S+@\S+`, since \d\d:\d\d:\d\d UTC",
        failed,
    )


def test_two_who_know_nothing_of_each_other_do_nothing_twice(ticket: Folder) -> None:
    """Even without the lock, the same file is applied once: the first statement is its row of the ledger."""
    ticket.write(2, "title", TITLE)
    version = f"insert into supabase_migrations.schema_migrations (version) values ('{stamp(2)}')"
    with held(ticket.dsn, version, TITLE) as other:
        run = ticket.start("up")
        until(lambda: waiting(ticket))
        other.commit()
    out, _ = run.communicate(timeout=30)
    assert run.returncode == 1
    assert f"{stamp(2)} was applied by somebody else in this moment" in out
    assert ticket("up").out.splitlines()[-1] == "nothing to do"


def test_a_run_whose_lock_is_lost_ends_before_the_next_file(ticket: Folder) -> None:
    ticket.write(2, "slow", "select pg_sleep(1);\ncreate table public.slow ();\n")
    ticket.write(3, "next", "create table public.next ();\n")
    run = ticket.start("up")
    until(lambda: ticket.ask("select count(*) from pg_stat_activity where wait_event = 'PgSleep'"))
    of_lock = f"locktype = 'advisory' and (classid::bigint << 32) | objid::bigint = {KEY}"
    holder = f"select pg_terminate_backend(pid) from pg_locks where {of_lock}"
    assert ticket.ask(holder) is True
    out, _ = run.communicate(timeout=30)
    assert run.returncode == 1
    assert "the session that keeps other deployers out was lost" in out
    assert ticket.states() == {"1": "applied", "2": "applied", "3": "pending"}
    assert ticket("up").code == 0


# Preflights


def test_data_that_are_not_ready_stop_everything_before_it_begins(ticket: Folder) -> None:
    with psycopg.connect(ticket.dsn) as connection:
        connection.execute("update public.ticket set status = 'odd' where id <= 7")
    ticket.write(2, "first", "create table public.first ();\n")
    file = ticket.write(3, "words", f"-- Head.\n{OPEN}{preflight_block('None', 'select 0')}\n{TITLE}")
    # A lock would be noticed: somebody reads the table all the time.
    with held(ticket.dsn, "lock table public.ticket in access share mode"):
        for command in ("plan", "up"):
            said = ticket(command)
            assert said.code == 1
            open_ = "No rule covers these words of ticket.status"
            assert said.out.splitlines()[-3:] == [
                f"  checked  {stamp(3)}_words.sql: No rule covers these words of ticket.status: 7",
                f"  checked  {stamp(3)}_words.sql: None: 0",
                f"  FAILED   {file}: the data are not ready for it: {open_}: 7; nothing was begun",
            ]
    assert ticket.ask("select to_regclass('public.first')::text") is None
    assert ticket.states() == {"1": "applied", "2": "pending", "3": "pending"}


def test_what_an_earlier_file_decides_is_asked_after_it(ticket: Folder) -> None:
    with psycopg.connect(ticket.dsn) as connection:
        connection.execute("update public.ticket set status = 'odd' where id <= 7")
    ticket.write(2, "mend", "update public.ticket set status = 'open';\n")
    ticket.write(3, "words", OPEN + TITLE)
    ticket.write(4, "made", "create table public.made (id int);\ninsert into public.made values (1);\n")
    file = ticket.write(
        5, "empty", preflight_block("Rows", "select count(*) from public.made") + "select 1;\n"
    )
    said = ticket("up", "--format=json")
    assert said.code == 1
    told = [(one["event"], one.get("count")) for one in said.data["events"][1:]]
    assert told == [
        ("later", None),
        ("later", None),
        ("applied", None),
        ("checked", 0),
        ("applied", None),
        ("applied", None),
        ("checked", 1),
    ]
    assert said.data["error"] == {
        "file": file,
        "message": "the data are not ready for it: Rows: 1; what came before is done",
    }
    assert ticket.states() == {"1": "applied", "2": "applied", "3": "applied", "4": "applied", "5": "pending"}


def test_a_preflight_cannot_write(ticket: Folder) -> None:
    query = "with gone as (delete from public.ticket returning 1) select count(*) from gone"
    ticket.write(2, "trick", preflight_block("Trick", query) + "select 1;\n")
    said = ticket("up")
    assert said.code == 1
    assert "cannot ask `Trick`: cannot execute SELECT in a read-only transaction" in said.out
    assert ticket.ask("select count(*) from public.ticket") == 1000


@pytest.mark.parametrize("query", ["select null", "select true", "select 'x'", "select 1 where false"])
def test_a_preflight_that_gives_no_number_is_said(ticket: Folder, query: str) -> None:
    file = ticket.write(2, "trick", preflight_block("Trick", query) + "select 1;\n")
    said = ticket("up")
    assert (said.code, said.err) == (2, f"specc: {file}: preflight `Trick` gives no number\n")


def test_rows_that_a_policy_hides_are_an_error_and_not_none(ticket: Folder) -> None:
    ticket.write(
        2,
        "force",
        "alter table public.ticket enable row level security;\nalter table public.ticket force row level security;\n",
    )
    assert ticket("up").code == 0
    assert ticket.ask("select count(*) from public.ticket") == 0, "the owner sees none"
    ticket.write(3, "close", "update public.ticket set status = 'closed';\n")
    said = ticket("up", "--format=json")
    assert (said.code, said.data["error"]["sqlstate"]) == (1, "42501")
    ticket.write(3, "close", OPEN + "select 1;\n")
    said = ticket("up")
    assert said.code == 1
    assert 'query would be affected by row-level security policy for table "ticket"' in said.out


# Batches

BATCH = batch_block(
    "Close tickets",
    "update public.ticket set status = 'closed' where id = any(array("
    "select id from public.ticket where status = 'open' order by id limit 100))",
)
SLOW = """
    with one as (select pg_sleep({seconds})), done as (
        update public.ticket set status = 'closed'
        where id = any(array(select id from public.ticket where status = 'open' limit {rows})) returning 1
    ) select count(*) from done, one
"""
REST = "\nupdate public.ticket set status = 'closed' where status = 'open';\n"


def test_batches_are_committed_one_by_one_and_the_file_does_the_rest(ticket: Folder) -> None:
    with psycopg.connect(ticket.dsn, autocommit=True) as connection:
        connection.execute(
            """create table public.log (rows int, xid xid8 default pg_current_xact_id());
            create function public.tell() returns trigger language plpgsql as
                $$ begin insert into public.log select count(*) from old_rows; return null; end $$;
            create trigger tell after update on public.ticket referencing old table as old_rows
                for each statement execute function public.tell()"""
        )
    file = ticket.write(2, "close", f"-- Head.\n{BATCH}{REST}")
    said = ticket("up", "--format=json")
    assert said.code == 0
    assert {"event": "batch", "file": file, "text": "Close tickets", "count": 1000}.items() <= said.data[
        "events"
    ][1].items()
    assert ticket.ask("select array_agg(rows order by xid) from public.log") == [*[100] * 10, 0, 0]
    assert ticket.ask("select count(distinct xid) from public.log") == 12
    assert ticket.ask("select count(*) from public.ticket where status = 'closed'") == 1000


def test_a_batch_begins_where_the_one_before_ended(ticket: Folder) -> None:
    """A procedure may tell how many rows and the last key, which it is given again as $1."""
    with psycopg.connect(ticket.dsn, autocommit=True) as connection:
        connection.execute(
            """create table public.log (no int generated always as identity, begins int);
            create procedure public.close_some(inout rows int, inout last int) language plpgsql as $$
            begin
                insert into public.log (begins) values (last);
                commit;
                with chosen as (
                    select id from public.ticket where id > coalesce(last, 0) order by id limit 300
                ), done as (
                    update public.ticket t set status = 'closed' from chosen c where t.id = c.id returning t.id
                ) select count(*), max(id) into rows, last from done;
            end $$"""
        )
    ticket.write(2, "close", batch_block("Close", "call public.close_some(null, $1)") + REST)
    assert ticket("up").code == 0
    assert ticket.ask("select array_agg(begins order by no) from public.log") == [None, 300, 600, 900, 1000]
    assert ticket.ask("select count(*) from public.ticket where status = 'closed'") == 1000


def test_batches_that_are_broken_off_go_on(ticket: Folder) -> None:
    slow = batch_block("Close", SLOW.format(seconds=0.05, rows=50))
    file = ticket.write(2, "close", slow + REST)
    closed = "select count(*) from public.ticket where status = 'closed'"
    run = ticket.start("up")
    until(lambda: ticket.ask(closed) > 0)
    run.kill()
    run.communicate()
    assert 0 < ticket.ask(closed) < 1000
    assert ticket.states()["2"] == "pending"
    said = ticket("up", "--format=json")
    assert said.code == 0
    rows = next(one["count"] for one in said.data["events"] if one["event"] == "batch")
    assert 0 < rows < 1000
    assert (file, ticket.ask(closed)) == (file, 1000)


def test_a_batch_that_fails_says_which(ticket: Folder) -> None:
    file = ticket.write(2, "close", batch_block("Close tickets", "select 1/0") + REST)
    said = ticket("up")
    assert (said.code, said.out.splitlines()[-1]) == (
        1,
        f"  FAILED   {file}: batch `Close tickets`: division by zero",
    )
    ticket.write(2, "close", batch_block("Close tickets", "select 'many'") + REST)
    said = ticket("up")
    assert (said.code, said.out.splitlines()[-1]) == (
        1,
        f"  FAILED   {file}: batch `Close tickets` gives no number of rows, but 'many'",
    )


@pytest.mark.parametrize("statement", ["do $$ begin end $$", "call public.nothing()"])
def test_a_batch_that_cannot_tell_its_rows_is_not_repeated_for_ever(ticket: Folder, statement: str) -> None:
    with psycopg.connect(ticket.dsn) as connection:
        connection.execute("create procedure public.nothing() language sql begin atomic select 1; end")
    ticket.write(2, "close", batch_block("Close tickets", statement) + REST)
    said = ticket("up")
    assert (said.code, "batch `Close tickets` gives no number of rows, but -1" in said.out) == (1, True)


def test_rows_of_batches_are_shown_on_a_terminal(ticket: Folder) -> None:
    slow = batch_block("Close tickets", SLOW.format(seconds=0.2, rows=200))
    ticket.write(2, "close", slow + REST)
    mine, theirs = pty.openpty()
    shown: list[bytes] = []

    def read() -> None:
        try:
            while block := os.read(mine, 4096):
                shown.append(block)
        except OSError:  # the other end is closed
            return

    reader = threading.Thread(target=read)
    reader.start()
    command = [sys.executable, "-m", "specc", *ticket.arguments("up")]
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "TERM": "xterm"},
    )
    os.close(theirs)
    reader.join()
    os.close(mine)
    assert done.returncode == 0
    assert re.search(r"Close tickets: [2-9]00 rows, [\d,]+/s", b"".join(shown).decode())
    assert "rows" not in done.stdout

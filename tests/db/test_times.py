"""Deadlines, recovery and the tick on a server: which rows move when, once each, whoever calls."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pglast
import psycopg
import pytest
from databases import Database, copied, migrated
from psycopg.conninfo import make_conninfo

from projects import build_example, write_example
from specc import driver
from specc.pg import tap
from specc.pg.interval import milliseconds
from specc.pg.server import Server

pytestmark = pytest.mark.pg

Connection = psycopg.Connection[tuple[Any, ...]]

JOBS = """\
lifecycle: job
states:
  new: {is: initial, substates: [held, asked]}
  running: {waits_for: outside, substates: [remote, local]}
  dated: {}
  done: {is: settled}
  timedout: {}
  failed: {}
  expired: {is: terminal}
transitions:
  new: [running, dated, expired]
  running: [done, failed, timedout]
  dated: [running, expired, timedout]
recovery: {timedout: running, failed: new}
---
machine: job
follows: job
attempts: 3
timeouts:
  new/held: {after: 1 hour, to: expired}
  running: 15 minutes
  running/remote: 2 hours
  dated: {at: due_at, to: expired}
backoff: {first: 30 seconds, factor: 3, most: 2 minutes}
undriven:
  new: By hand.
  running: By hand.
  dated: By hand.
---
machine: errand
follows: job
writes: bulk
timeouts: {running: 1 day}
undriven: {new: By hand., running: By hand., dated: By hand.}
---
table: job
about: A job.
shared: true
columns: {number: integer null, due_at: timestamptz null}
---
table: errand
about: An errand.
shared: true
columns: {number: integer null}
---
access: jobs
tables: [job, errand]
allow: {}
"""
RECORD = """
create table public.move (id uuid, source text, target text);
create function public.record() returns trigger language plpgsql as $$
begin
  if new.state <> old.state then
    insert into public.move values (new.id, old.state, new.state);
  end if;
  return null;
end
$$;
create trigger zz_record after update on public.job for each row execute function public.record();
"""
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    return build_example(JOBS, tmp_path_factory.mktemp("jobs"))


@pytest.fixture(scope="module")
def template(server: Server, files: Mapping[str, str]) -> Iterator[Database]:
    """A database with two machines whose rows time out, to be copied."""
    with migrated(server, files) as database:
        tap.install(database.admin)
        with psycopg.connect(database.owner) as owner:
            owner.execute(RECORD)
        yield database


@pytest.fixture
def place(template: Database) -> Iterator[str]:
    """The connection string, as its owner, of a copy of that database."""
    with copied(template) as database:
        yield database.owner


@pytest.fixture
def jobs(place: str) -> Iterator[Connection]:
    """A connection of the owner at noon."""
    with psycopg.connect(place, autocommit=True) as connection:
        at(connection, NOON)
        yield connection


def at(connection: Connection, moment: datetime) -> None:
    """Set the clock of all rules for this connection."""
    connection.execute("select set_config('specc.now', %s, false)", [moment.isoformat()])


def job(connection: Connection, *way: str, count: int = 1, attempt: int = 0, **columns: object) -> list[UUID]:
    """Store jobs at noon and move them along states, the last of which may name a substate after a slash."""
    at(connection, NOON)
    rows = connection.execute(
        "insert into public.job (number) select generate_series(1, %s) returning id", [count]
    ).fetchall()
    ids = [row[0] for row in rows]
    for step in way:
        state, _, substate = step.partition("/")
        connection.execute(
            "update public.job set state = %s::public.job_state, state_substate = %s, state_since = private.now(),"
            " attempt = attempt + case when state in ('timedout', 'failed') and %s in ('running', 'new') then 1 else 0 end"
            " where id = any (%s)",
            [state, substate or None, state, ids],
        )
    for name, value in columns.items():
        connection.execute(f"update public.job set {name} = %s where id = any (%s)".encode(), [value, ids])
    return ids


def where(connection: Connection, identifier: UUID) -> str:
    row = connection.execute(
        "select concat_ws('/', state, state_substate) from public.job where id = %s", [identifier]
    ).fetchone()
    assert row is not None
    return str(row[0])


def call(connection: Connection, function: str, limit: int | None = 1000) -> Any:
    row = connection.execute(f"select private.{function}(%s)".encode(), [limit]).fetchone()
    assert row is not None
    return row[0]


def tick(connection: Connection) -> list[tuple[Any, ...]]:
    return connection.execute("select task, rows, problem from private.tick()").fetchall()


# Deadlines

DEADLINES = [
    # where a row is, for how long, and where it is afterwards
    ("running", "14 minutes 59 seconds", "running"),
    ("running", "15 minutes", "timedout"),
    ("running/local", "14 minutes 59 seconds", "running/local"),
    ("running/local", "15 minutes", "timedout"),
    # The rule of a substate beats that of its state.
    ("running/remote", "1 hour 59 minutes", "running/remote"),
    ("running/remote", "2 hours", "timedout"),
    # A rule of a substate alone leaves all others where they are.
    ("new", "10 years", "new"),
    ("new/asked", "10 years", "new/asked"),
    ("new/held", "59 minutes 59 seconds", "new/held"),
    ("new/held", "1 hour", "expired"),
    ("dated", "10 years", "dated"),
    ("done", "10 years", "done"),
]


@pytest.mark.parametrize(("state", "waited", "expected"), DEADLINES)
def test_a_row_leaves_when_its_deadline_passes(
    jobs: Connection, state: str, waited: str, expected: str
) -> None:
    ways = {"new": (), "running": ("running",), "dated": ("dated",), "done": ("running", "done")}
    [identifier] = job(jobs, *ways[state.partition("/")[0]])
    if "/" in state:
        jobs.execute("update public.job set state_substate = %s", [state.partition("/")[2]])
    jobs.execute(
        "select set_config('specc.now', (%s::timestamptz + %s::interval)::text, false)", [NOON, waited]
    )
    assert call(jobs, "job_time_out") == (state != expected)
    assert where(jobs, identifier) == expected
    since = jobs.execute("select state_since from public.job").fetchone()
    now = jobs.execute("select private.now()").fetchone()
    assert since == (now if state != expected else (NOON,))


@pytest.mark.parametrize(
    ("due", "expected"),
    [
        (None, "dated"),
        (NOON + timedelta(seconds=1), "dated"),
        (NOON, "expired"),
        (NOON - timedelta(1), "expired"),
    ],
)
def test_a_column_says_when(jobs: Connection, due: datetime | None, expected: str) -> None:
    [identifier] = job(jobs, "dated", due_at=due)
    [other] = job(jobs, "running", due_at=due)
    assert call(jobs, "job_time_out") == (expected == "expired")
    assert (where(jobs, identifier), where(jobs, other)) == (expected, "running")


def test_a_limit_takes_the_oldest(jobs: Connection) -> None:
    ids = []
    for minute in (2, 0, 1):
        ids += job(jobs, "running")
        at(jobs, NOON + timedelta(minutes=minute))
        jobs.execute("update public.job set state = 'failed' where id = %s", [ids[-1]])
        jobs.execute("update public.job set state = 'new', attempt = 1 where id = %s", [ids[-1]])
        jobs.execute("update public.job set state = 'running' where id = %s", [ids[-1]])
    at(jobs, NOON + timedelta(hours=1))
    assert call(jobs, "job_time_out", 0) == 0
    assert call(jobs, "job_time_out", 2) == 2
    assert [where(jobs, one) for one in ids] == ["running", "timedout", "timedout"]
    assert call(jobs, "job_time_out", 2) == 1
    assert call(jobs, "job_time_out", 2) == 0


def test_a_limit_holds_over_all_deadlines_together(jobs: Connection) -> None:
    job(jobs, "running", count=3)
    job(jobs, "running/remote", count=3)
    job(jobs, "dated", count=3, due_at=NOON)
    at(jobs, NOON + timedelta(days=1))
    assert [call(jobs, "job_time_out", 4) for _ in range(4)] == [4, 4, 1, 0]


# Recovery


def waits(connection: Connection, identifier: UUID) -> list[int]:
    """Let a row time out again and again; return after how many seconds in `timedout` it recovered each time."""
    found = []
    moment = NOON
    for _ in range(5):
        moment += timedelta(hours=3)
        at(connection, moment)
        assert call(connection, "job_time_out") == 1
        for second in range(0, 200, 10):
            at(connection, moment + timedelta(seconds=second))
            if call(connection, "job_recover"):
                found.append(second)
                break
        else:
            return found
        assert where(connection, identifier) == "running"
    return found


def test_rows_back_off_longer_each_time_until_their_attempts_are_spent(jobs: Connection) -> None:
    [identifier] = job(jobs, "running")
    # 30 s, three times as long, and no longer than two minutes.
    assert waits(jobs, identifier) == [30, 90, 120]
    at(jobs, NOON + timedelta(days=10_000))
    assert call(jobs, "job_recover") == 0
    assert jobs.execute("select state, attempt from public.job").fetchall() == [("timedout", 3)]


@pytest.mark.parametrize(
    ("retry_at", "before", "after"), [(10, 9, 10), (3600, 3599, 3600)], ids=["sooner", "later"]
)
def test_retry_at_says_otherwise_once(jobs: Connection, retry_at: int, before: int, after: int) -> None:
    [identifier] = job(jobs, "running", "failed", retry_at=NOON + timedelta(seconds=retry_at))
    at(jobs, NOON + timedelta(seconds=before))
    assert call(jobs, "job_recover") == 0
    at(jobs, NOON + timedelta(seconds=after))
    assert call(jobs, "job_recover") == 1
    row = jobs.execute("select state, attempt, retry_at, state_since from public.job").fetchone()
    assert row == ("new", 1, None, NOON + timedelta(seconds=after))
    assert where(jobs, identifier) == "new"


def test_each_state_recovers_to_its_own(jobs: Connection) -> None:
    ids = [*job(jobs, "running", "failed"), *job(jobs, "running", "timedout"), *job(jobs, "running", "done")]
    at(jobs, NOON + timedelta(hours=1))
    assert call(jobs, "job_recover", 1) == 1
    assert call(jobs, "job_recover") == 1
    assert [where(jobs, one) for one in ids] == ["new", "running", "done"]


def test_a_machine_without_attempts_recovers_nothing(jobs: Connection) -> None:
    found = jobs.execute(
        "select proname from pg_proc where pronamespace = 'private'::regnamespace and proname like 'errand%' order by 1"
    ).fetchall()
    assert ("errand_time_out",) in found
    assert ("errand_recover",) not in found


# The guard


@pytest.mark.parametrize("function", ["job_time_out", "job_recover"])
def test_the_guard_sees_what_time_does(jobs: Connection, function: str) -> None:
    """A trigger that turns the move into another one is refused, and nothing has moved."""
    job(jobs, *(["running"] if function == "job_time_out" else ["running", "failed"]))
    before = jobs.execute("select state, attempt from public.job").fetchall()
    jobs.execute("""
        create function public.spoil() returns trigger language plpgsql as $$
        begin new.state := 'expired'; return new; end $$;
        create trigger spoil before update on public.job for each row execute function public.spoil();
    """)
    at(jobs, NOON + timedelta(hours=1))
    with pytest.raises(psycopg.Error) as refused:
        call(jobs, function)
    assert refused.value.sqlstate == "PT409"
    assert jobs.execute("select state, attempt from public.job").fetchall() == before


# Rows that cannot be


def test_what_was_written_past_the_guard_is_found(place: str, jobs: Connection) -> None:
    ids = job(jobs, "running/remote", count=5)
    at(jobs, NOON + timedelta(seconds=1))
    found = "select problem, id, detail from private.job_check()"
    assert jobs.execute(found).fetchall() == []
    with psycopg.connect(make_conninfo(place, user="postgres")) as admin:
        admin.execute("set session_replication_role = replica; set datestyle = iso; set timezone = 'UTC'")
        wrong = (
            "state_substate = 'held'",
            "attempt = 4",
            "attempt = -1",
            "state_since = '2030-01-01 12:00:02Z'",
        )
        for one, change in zip(ids, wrong, strict=False):
            admin.execute(f"update public.job set {change} where id = '{one}'".encode())
    jobs.execute("set timezone = 'UTC'")
    assert set(jobs.execute(found).fetchall()) == {
        ("substate of another state", ids[0], "running/held"),
        ("not where its history ends", ids[0], "running/remote"),
        ("attempt out of range", ids[1], "4 of 3"),
        ("attempt out of range", ids[2], "-1 of 3"),
        ("in its state since the future", ids[3], "2030-01-01 12:00:02+00"),
    }


def test_history_says_that_it_was_time(jobs: Connection) -> None:
    with jobs.transaction():
        jobs.execute("set local specc.reason = 'by hand'")
        [identifier] = job(jobs, "running")
        at(jobs, NOON + timedelta(hours=1))
        call(jobs, "job_time_out")
        at(jobs, NOON + timedelta(hours=2))
        call(jobs, "job_recover")
        jobs.execute("update public.job set state = 'done'")
    told = jobs.execute(
        "select to_state, reason, spent from public.job_state_history where row_id = %s order by seq",
        [identifier],
    ).fetchall()
    assert told == [
        ("new", "by hand", None),
        ("running", "by hand", timedelta(0)),
        ("timedout", "timeout", timedelta(hours=1)),
        ("running", "recovery", timedelta(hours=1)),
        ("done", "by hand", timedelta(0)),
    ]


# Several at once


def test_two_connections_share_the_rows(place: str, jobs: Connection) -> None:
    job(jobs, "running", count=3000)
    later = NOON + timedelta(hours=1)
    with psycopg.connect(place) as first, psycopg.connect(place) as second:
        for connection in (first, second):
            # Whoever waits for the other is found out instead of waiting for ever.
            connection.execute("set lock_timeout = '5s'")
            at(connection, later)
        assert call(first, "job_time_out", 1000) == 1000
        assert call(second, "job_time_out", 5000) == 2000
        assert call(second, "job_time_out", 5000) == 0
        second.commit()
        first.rollback()
    with psycopg.connect(place) as first, psycopg.connect(place) as second:
        for connection in (first, second):
            connection.execute("set lock_timeout = '5s'")
            at(connection, later + timedelta(hours=1))
        assert call(first, "job_recover", 500) == 500
        assert call(second, "job_recover", 5000) == 1500
    moves = jobs.execute(
        "select source, target, count(*), count(distinct id) from public.move group by 1, 2 order by 1, 2"
    ).fetchall()
    assert moves == [
        ("new", "running", 3000, 3000),
        ("running", "timedout", 2000, 2000),
        ("timedout", "running", 2000, 2000),
    ]
    assert jobs.execute("select attempt, count(*) from public.job group by 1 order by 1").fetchall() == [
        (0, 1000),
        (1, 2000),
    ]


def test_many_ticks_at_once_move_each_row_once(place: str, jobs: Connection) -> None:
    job(jobs, "running", count=4500)
    job(jobs, "running", "failed", count=2500)

    def work(_: int) -> list[tuple[Any, ...]]:
        with psycopg.connect(place, autocommit=True) as connection:
            at(connection, NOON + timedelta(hours=1))
            return tick(connection)

    with ThreadPoolExecutor(4) as pool:
        results = [row for rows in pool.map(work, range(4)) for row in rows]
    assert [problem for *_, problem in results if problem] == []
    # A batch that another one holds looks like the end; the next tick finds what was left.
    results += work(0)
    moved = {
        name: sum(rows for task, rows, _ in results if task == name)
        for name in ("job time_out", "job recover")
    }
    assert moved == {"job time_out": 4500, "job recover": 2500}
    assert jobs.execute(
        "select max(n) from (select count(*) as n from public.move group by id, source) as m"
    ).fetchone() == (1,)
    assert jobs.execute(
        "select state, attempt, count(*) from public.job group by 1, 2 order by 1"
    ).fetchall() == [
        ("new", 1, 2500),
        ("timedout", 0, 4500),
    ]


# The tick


def test_a_tick_does_everything_in_the_order_of_names(jobs: Connection) -> None:
    job(jobs, "running", count=2500)
    at(jobs, NOON + timedelta(hours=1))
    assert tick(jobs) == [
        ("errand time_out", 0, None),
        ("job time_out", 2500, None),
        ("job recover", 0, None),
    ]
    at(jobs, NOON + timedelta(hours=1, seconds=30))
    assert tick(jobs) == [
        ("errand time_out", 0, None),
        ("job time_out", 0, None),
        ("job recover", 2500, None),
    ]


def test_one_task_that_fails_stops_no_other(jobs: Connection) -> None:
    job(jobs, "running")
    jobs.execute("""
        insert into public.errand (number) values (1);
        update public.errand set state = 'running';
        create function public.fail() returns trigger language plpgsql as $$
        begin raise exception 'the disk is wet' using errcode = 'P0042'; end $$;
        create trigger fail before update on public.errand for each row execute function public.fail();
    """)
    at(jobs, NOON + timedelta(days=2))
    row = jobs.execute("select id from public.errand").fetchone()
    assert row is not None
    assert tick(jobs) == [
        ("errand time_out", 0, f"P0042: the disk is wet (row {row[0]})"),
        ("job time_out", 1, None),
        ("job recover", 0, None),
    ]
    jobs.execute("drop trigger fail on public.errand")
    assert tick(jobs)[0] == ("errand time_out", 1, None)


@pytest.mark.parametrize(("state", "task"), [("running", "job time_out"), ("failed", "job recover")])
def test_one_row_that_cannot_move_stops_no_other(jobs: Connection, state: str, task: str) -> None:
    ids = job(jobs, *(("running",) if state == "running" else ("running", "failed")), count=5)
    jobs.execute(
        "create function public.fail() returns trigger language plpgsql as $$"
        f" begin if new.id = '{ids[0]}' then raise 'not this one' using errcode = 'P0042'; end if; return new; end $$;"
        "create trigger fail before update on public.job for each row execute function public.fail()".encode()
    )
    at(jobs, NOON + timedelta(days=2))
    first = {name: (rows, problem) for name, rows, problem in tick(jobs)}
    assert first[task] == (4, f"P0042: not this one (row {ids[0]})")
    assert where(jobs, ids[0]) == state
    assert all(where(jobs, one) != state for one in ids[1:])
    # What a caller set is as it was.
    assert jobs.execute("select current_setting('specc.reason', true)").fetchone() in [("",), (None,)]


# Who may


@pytest.mark.parametrize(
    "function", ["tick()", "job_time_out(integer)", "job_recover(integer)", "job_check()"]
)
def test_only_servers_may_call(place: str, function: str) -> None:
    with psycopg.connect(make_conninfo(place, user="postgres")) as admin:
        allowed = admin.execute(
            "select r from unnest(array['public', 'anon', 'authenticated', 'service_role']) as r"
            " where has_function_privilege(r, %s, 'execute')",
            [f"private.{function}"],
        ).fetchall()
        assert allowed == [("service_role",)]
        for role in ("anon", "authenticated"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), admin.transaction():
                admin.execute(f"set local role {role}".encode())
                admin.execute(f"select private.{function.replace('integer', '1')}".encode())


# What the generated tests notice

MUTANTS = [
    # the function, what stands in it, and what stands there instead
    ("job_time_out", "'15 minutes'", "'15 minutes 1 second'"),
    ("job_time_out", "'15 minutes'", "'14 minutes'"),
    ("job_time_out", "'2 hours'", "'1 hour'"),
    ("job_time_out", "r.state_substate = 'held'", "r.state_substate is null"),
    ("job_time_out", "r.state_substate not in ('remote')", "r.state_substate <> 'local'"),
    ("job_time_out", "r.due_at <= v_now", "r.due_at < v_now"),
    ("job_time_out", "r.due_at <= v_now", "r.state_since <= v_now"),
    ("job_time_out", "set state = 'expired'", "set state = 'running'"),
    ("job_time_out", "r.state = 'running'", "r.state = 'new'"),
    ("job_recover", "'30 seconds'", "'31 seconds'"),
    ("job_recover", "'30 seconds'", "'29 seconds'"),
    ("job_recover", "r.state = 'failed'", "r.state = 'timedout'"),
    ("job_recover", "attempt = r.attempt + 1", "attempt = r.attempt"),
    ("job_recover", "r.attempt < 3", "r.attempt < 4"),
    ("job_recover", "set state = 'running'", "set state = 'new'"),
]


@pytest.fixture(scope="module")
def tests_of_time(files: Mapping[str, str]) -> tuple[str, ...]:
    """The statements of the generated tests of jobs: what they set up, and those about time."""
    text = files["tests/machine_job.sql"]
    every = [text[place].strip() for place in pglast.split(text, only_slices=True)]
    kept = [one for one in every if not one.startswith(("select is(", "select * from finish", "rollback"))]
    return (
        *kept,
        *(
            one
            for one in every
            if one.startswith(("select is(pg_temp.attempt('time_out'", "select is(pg_temp.attempt('recover'"))
        ),
    )


def failures(connection: Connection, statements: tuple[str, ...], change: str = "") -> list[str]:
    """Return what the generated tests say is not as it should be, after a change that is taken back."""
    with connection.transaction(force_rollback=True):
        connection.execute(change.encode())
        lines = []
        for statement in statements[1:]:
            cursor = connection.execute(statement.encode())
            lines += [row[0] for row in cursor.fetchall()] if cursor.description else []
    return [line for line in lines if line.startswith("not ok")]


def test_the_generated_tests_pass(jobs: Connection, tests_of_time: tuple[str, ...]) -> None:
    # Two each for four deadlines, four each for two recoveries.
    assert sum(one.startswith("select is(") for one in tests_of_time) == 4 * 2 + 2 * 4
    assert failures(jobs, tests_of_time) == []


@pytest.mark.parametrize(("function", "old", "new"), MUTANTS)
def test_the_generated_tests_notice(
    jobs: Connection, tests_of_time: tuple[str, ...], function: str, old: str, new: str
) -> None:
    row = jobs.execute(
        "select pg_get_functiondef(oid) from pg_proc where proname = %s", [function]
    ).fetchone()
    assert row is not None
    assert old in row[0]
    assert failures(jobs, tests_of_time, row[0].replace(old, new)) != []


def test_lengths_of_time_mean_what_postgresql_says(jobs: Connection) -> None:
    for text in (
        "1 millisecond", "250 milliseconds", "1 second", "90 seconds", "1 minute", "15 minutes", "1 hour",
        "1 hour 30 minutes", "2 days", "1 week 2 days 3 hours 4 minutes 5 seconds 6 milliseconds", "36500 days",
    ):  # fmt: skip
        row = jobs.execute("select extract(epoch from %s::interval) * 1000", [text]).fetchone()
        assert row == (milliseconds(text),)


@pytest.mark.parametrize(
    "text",
    [
        "", "15", "minutes", "15minutes", "15 min", "-1 hours", "1.5 hours", "1 month", "1 minutess",
        "0 seconds", "15:00", "1 hour 5", "٣ hours", "36501 days", "1 Hour",
    ],
)  # fmt: skip
def test_no_other_words_are_lengths_of_time(text: str) -> None:
    with pytest.raises(ValueError, match=r"[a-z]"):
        milliseconds(text)


# What it costs


@pytest.fixture(scope="module")
def crowd(template: Database) -> Iterator[Database]:
    """A copy of the database with twenty thousand settled rows and thirty open ones, to be copied again."""
    with copied(template) as database:
        with psycopg.connect(database.owner, autocommit=True) as connection:
            job(connection, "running", "done", count=20_000)
            job(connection, "running", count=10)
            job(connection, "running", "failed", count=10)
            job(connection, "dated", count=10, due_at=NOON)
        yield database


@pytest.fixture
def crowded(crowd: Database) -> Iterator[Connection]:
    with copied(crowd) as database, psycopg.connect(database.owner, autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize("statistics", ["fresh", "none"])
def test_settled_rows_are_not_read(crowded: Connection, statistics: str) -> None:
    """The server says how many rows and index entries it read."""
    if statistics == "fresh":
        crowded.execute("vacuum analyze public.job")
    at(crowded, NOON + timedelta(hours=1))
    for function, moved in (("job_time_out", 20), ("job_recover", 10)):
        for _ in range(7):  # more often than PostgreSQL tries plans made for the values
            with crowded.transaction(force_rollback=True):
                scans, fetched = reads(crowded)
                assert call(crowded, function) == moved
                assert reads(crowded)[0] == scans
                # Each row once to find it and once to move it.
                assert 0 < reads(crowded)[1] - fetched <= 3 * moved


def reads(connection: Connection) -> tuple[int, int]:
    """Return how often this connection read the whole table, and how many rows it found by an index."""
    row = connection.execute(
        "select seq_scan, idx_tup_fetch from pg_stat_xact_user_tables where relid = 'public.job'::regclass"
    ).fetchone()
    assert row is not None
    return row[0], row[1]


def test_the_index_of_open_rows_serves_what_watches(crowded: Connection) -> None:
    """Rows by state: the plan reads the index of open rows, and no others."""
    crowded.execute("vacuum analyze public.job")
    condition = crowded.execute(
        "select pg_get_expr(indpred, indrelid) from pg_index where indexrelid = 'public.job_open_idx'::regclass"
    ).fetchone()
    assert condition is not None
    plan = crowded.execute(
        f"explain (costs off) select state, count(*), min(state_since) from public.job where {condition[0]} group by 1".encode()
    ).fetchall()
    assert any("job_open_idx" in line for (line,) in plan), plan
    assert not any("Seq Scan" in line for (line,) in plan), plan


def test_a_project_without_machines_has_no_tick(tmp_path: Path) -> None:
    built = driver.build(write_example(JOBS[JOBS.index("table: job") :], tmp_path))
    assert not built.diagnostics.has_errors
    assert built.ir is not None
    assert ("function", "private", "now", "") in built.ir.by_identity
    assert ("function", "private", "tick", "") not in built.ir.by_identity

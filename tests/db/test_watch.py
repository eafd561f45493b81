"""What operators see of machines on a real server: numbers counted by hand, plans, rights, and the story of a row."""

from __future__ import annotations

import json
import os
import pty
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from databases import Database, copied, files_of, migrated
from psycopg.conninfo import make_conninfo

from projects import build_example
from specc.cli import main
from specc.pg.server import Server

pytestmark = pytest.mark.pg

Connection = psycopg.Connection[tuple[Any, ...]]

SPECS = """\
lifecycle: job
states:
  new: {is: initial}
  ready: {}
  working: {substates: [slow]}
  failed: {}
  done: {is: settled}
  gone: {is: terminal}
transitions: {new: [ready], ready: [working], working: [done, failed], done: [gone]}
recovery: {failed: ready}
---
table: org
about: A tenant.
tenant: org
columns: {name: text}
---
table: job
about: Work.
tenant: org
columns: {name: text, batch_id: uuid null references batch}
---
table: batch
about: Jobs that belong together.
tenant: org
columns: {name: text, p_id: integer null}
---
table: note
about: Said of a job.
tenant: org
columns: {job_id: uuid references job, text: text}
---
machine: job
follows: job
attempts: 1
stuck_after: {default: 1 hour, states: {working: 10 minutes, new: never}}
undriven: {new: Somebody., ready: A worker., working: A worker., done: A broom.}
---
machine: batch
follows: job
attempts: 1
undriven: {new: Somebody., ready: A worker., working: A worker., done: A broom.}
---
alert: stuck_jobs
severity: critical
when: {of: job, stuck: {}}
message: Jobs are stuck.
---
access: all
roles:
  server: {as: service_role}
  visitor: {as: authenticated, through: org_member, user: user_id}
tables: [org, job, batch, note, org_member]
allow: {visitor: [select]}
---
access: jobs
tables: [job]
allow: {server: [select]}
---
table: org_member
about: Who belongs to a tenant.
tenant: org
columns: {user_id: uuid}
"""
NOW = "2030-01-02 12:00:00Z"
ORG, BATCH = UUID(int=1), UUID(int=2)

JOBS = (
    # number, state, substate, attempt, seconds in the state
    (1, "new", None, 0, 400_000),
    (2, "ready", None, 0, 100),
    (3, "ready", None, 0, 300),
    (4, "ready", None, 1, 5_000),
    (5, "working", "slow", 0, 601),
    (6, "working", None, 1, 599),
    (7, "failed", None, 0, 4_000),
    (8, "failed", None, 1, 9_000_000),
    (9, "done", None, 0, 9_000_000),
    (10, "gone", None, 0, 9_000_000),
)


def job(number: int) -> UUID:
    return UUID(int=1000 + number)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root: Path = tmp_path_factory.mktemp("watched")
    build_example(SPECS, root)
    return root


@pytest.fixture(scope="module")
def template(server: Server, root: Path) -> Iterator[Database]:
    """A database of the project with the jobs above, to be copied while nobody is connected to it."""
    with migrated(server, files_of(root / "generated")) as database:
        fill(database)
        yield database


@pytest.fixture(scope="module")
def watched(template: Database) -> str:
    """The superuser's connection string of that database; what tests write, they roll back."""
    return template.admin


def fill(database: Database) -> None:
    with psycopg.connect(database.admin) as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute("insert into public.org (id, name) values (%s, 'org')", [ORG])
        connection.execute(
            "insert into public.batch (id, org_id, name, state_since) values (%s, %s, 'batch', %s)",
            [BATCH, ORG, NOW],
        )
        for number, state, substate, attempt, seconds in JOBS:
            connection.execute(
                "insert into public.job (id, org_id, name, batch_id, state, state_substate, attempt, state_since)"
                " values (%s, %s, 'x', %s, %s, %s, %s, %s::timestamptz - make_interval(secs => %s))",
                [job(number), ORG, BATCH if number < 4 else None, state, substate, attempt, NOW, seconds],
            )
        connection.execute(
            "insert into public.note (org_id, job_id, text) values (%s, %s, 'x')", [ORG, job(5)]
        )


@pytest.fixture
def copy(template: Database) -> Iterator[Database]:
    """A copy of that database, for what cannot be rolled back."""
    with copied(template) as database:
        yield database


@pytest.fixture
def owner(watched: str) -> Iterator[Connection]:
    with psycopg.connect(watched) as connection:
        connection.execute("select set_config('specc.now', %s, true)", [NOW])
        yield connection
        connection.rollback()


def test_states_are_counted_with_their_ages(owner: Connection) -> None:
    """Counted and interpolated by hand from JOBS; of settled rows nobody knows before the first ANALYZE."""
    found = owner.execute(
        "select state::text, rows, exact, open, oldest_seconds, p50_seconds, p95_seconds"
        " from monitor.job_states"
    ).fetchall()
    assert found == [
        ("new", 1, True, 1, 400_000, 400_000, 400_000),
        ("ready", 3, True, 3, 5_000, 300, pytest.approx(300 + 0.9 * 4_700)),
        ("working", 2, True, 2, 601, 600, pytest.approx(599 + 0.95 * 2)),
        ("failed", 1, False, 1, 4_000, 4_000, 4_000),
        ("done", None, False, 0, None, None, None),
        ("gone", None, False, 0, None, None, None),
    ]


def test_settled_rows_are_estimated_once_the_table_is_analysed(owner: Connection) -> None:
    owner.execute("set local session_replication_role = replica")
    owner.execute(
        "insert into public.job (org_id, name, state) select %s, 'x', 'done' from generate_series(1, 989)",
        [ORG],
    )
    owner.execute("analyze public.job")
    # A state that a single row is in may be missing from the statistics.
    rows = owner.execute("select state::text, rows from monitor.job_states where state <> 'gone'").fetchall()
    assert rows == [("new", 1), ("ready", 3), ("working", 2), ("failed", 2), ("done", 990)]


def test_an_empty_table_has_every_state_with_nothing_in_it(owner: Connection) -> None:
    owner.execute("truncate public.job cascade")
    owner.execute("analyze public.job")
    found = owner.execute("select rows, open, coalesce(oldest_seconds, 0) from monitor.job_states").fetchall()
    assert found == [(0, 0, 0)] * 6


def test_stuck_is_open_and_longer_in_its_state_than_it_may_be(owner: Connection) -> None:
    """4 waits more than an hour, 5 works more than ten minutes, 7 failed more than an hour ago and may recover.

    1 may wait for ever, 8 has no attempt left, 9 and 10 are settled.
    """
    found = owner.execute(
        "select id, org_id, state::text, state_substate, seconds, attempt, state_since from monitor.job_stuck"
        " order by id"
    ).fetchall()
    assert [one[:6] for one in found] == [
        (job(4), ORG, "ready", None, 5_000, 1),
        (job(5), ORG, "working", "slow", 601, 0),
        (job(7), ORG, "failed", None, 4_000, 0),
    ]


def test_a_row_is_not_stuck_at_its_limit_but_after_it(owner: Connection) -> None:
    owner.execute("set local session_replication_role = replica")
    owner.execute("update public.job set state_since = %s::timestamptz - interval '10 minutes' where id = %s", [NOW, job(5)])  # fmt: skip
    assert job(5) not in {row[0] for row in owner.execute("select id from monitor.job_stuck")}


def test_one_line_for_each_machine(owner: Connection) -> None:
    owner.execute("update public.batch set state_since = %s::timestamptz - interval '2 hours'", [NOW])
    found = owner.execute("select machine, open, stuck, oldest_seconds from monitor.machines").fetchall()
    assert found == [("batch", 1, 0, 7_200), ("job", 7, 3, 400_000)]


def test_one_view_tells_of_all_machines(owner: Connection) -> None:
    """Typed from JOBS: the batch and the jobs, state by state, and the jobs that are stuck."""
    found = owner.execute("select machine, state, open from monitor.states where open > 0").fetchall()
    assert found == [
        ("batch", "new", 1),
        ("job", "new", 1),
        ("job", "ready", 3),
        ("job", "working", 2),
        ("job", "failed", 1),
    ]
    stuck = owner.execute("select machine, id, state, seconds from monitor.stuck order by id").fetchall()
    assert stuck == [
        ("job", job(4), "ready", 5_000),
        ("job", job(5), "working", 601),
        ("job", job(7), "failed", 4_000),
    ]
    for view in ("moves", "rates"):
        for machine in ("batch", "job"):
            one = owner.execute(f"select count(*) from monitor.{machine}_{view}".encode()).fetchone()
            query = f"select count(*) from monitor.{view} where machine = %s"
            assert owner.execute(query.encode(), [machine]).fetchone() == one != (0,)


@pytest.fixture(scope="module")
def crowded(template: Database) -> Iterator[str]:
    """The same database with 200,000 settled rows more."""
    with copied(template) as database:
        fill_up(database.admin)
        yield database.admin


def fill_up(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute(
            "insert into public.job (id, org_id, name, state, attempt)"
            " select gen_random_uuid(), %s, 'x', (array['done', 'gone', 'failed'])[1 + n %% 3]::public.job_state, 1"
            " from generate_series(1, 200000) as n",
            [ORG],
        )
        connection.execute("vacuum analyze public.job")


@pytest.mark.parametrize("view", ["job_states", "job_stuck", "machines"])
def test_settled_rows_are_never_scanned(crowded: str, view: str) -> None:
    with psycopg.connect(crowded) as connection:
        (plan,) = connection.execute(
            f"explain (analyze, format json, timing off) select * from monitor.{view}".encode()
        ).fetchone() or ((),)
    scans = [node for node in nodes(plan[0]["Plan"]) if node.get("Relation Name") == "job"]
    searched = {node["Index Name"] for node in nodes(plan[0]["Plan"]) if "Index Name" in node}
    assert scans
    assert "job_open_idx" in searched
    assert {node["Node Type"] for node in scans} <= {"Index Only Scan", "Index Scan", "Bitmap Heap Scan"}
    assert max(node["Actual Rows"] + node.get("Rows Removed by Filter", 0) for node in scans) < len(JOBS)


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def test_the_estimates_of_a_big_table_are_near(crowded: str) -> None:
    with psycopg.connect(crowded) as connection:
        rows = connection.execute("select rows from monitor.job_states where not exact").fetchall()
    assert rows == [(pytest.approx(66_667, rel=0.1),)] * 3


VIEWS = ("job_states", "job_stuck", "job_moves", "job_rates", "job_minutes", "batch_states", "batch_stuck", "machines",
         "states", "stuck", "moves", "rates", "tables", "indexes")  # fmt: skip


@pytest.mark.parametrize("role", ["anon", "authenticated"])
@pytest.mark.parametrize(
    "what", [*(f"select from monitor.{view}" for view in VIEWS), "select monitor.job_story(null)"]
)
def test_the_api_sees_nothing_of_it(owner: Connection, role: str, what: str) -> None:
    owner.execute(f"set local role {role}".encode())
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        owner.execute(what.encode())


def test_the_server_sees_what_it_may_read_of_the_tables(owner: Connection) -> None:
    owner.execute("set local role service_role")
    assert owner.execute("select count(*) from monitor.job_stuck").fetchone() == (3,)
    assert owner.execute("select sum(open) from monitor.job_states").fetchone() == (7,)
    assert owner.execute("select monitor.job_story(%s) ->> 'state'", [job(1)]).fetchone() == ("new",)
    with pytest.raises(psycopg.errors.InsufficientPrivilege), owner.transaction():
        owner.execute("select monitor.batch_story(%s)", [BATCH])
    for view in ("batch_states", "batch_stuck", "machines"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), owner.transaction():
            owner.execute(f"select from monitor.{view}".encode())


def story(connection: Connection, machine: str, row: UUID) -> Any:
    (found,) = connection.execute(f"select monitor.{machine}_story(%s)".encode(), [row]).fetchone() or ((),)
    return found


def test_the_story_of_a_stuck_row(owner: Connection) -> None:
    told = story(owner, "job", job(5))
    assert (told["state"], told["substate"], told["attempt"], told["seconds"]) == ("working", "slow", 0, 601)
    assert (told["settled"], told["stuck"], told["stuck_after_seconds"]) == (False, True, 600)
    assert told["moves"] == [
        {"to": "done", "form": "step", "drivers": [], "undriven": "A worker."},
        {"to": "failed", "form": "step", "drivers": [], "undriven": "A worker."},
    ]
    assert told["remarks"] == [
        "It has been in its state for too long.",
        "No function takes any of its moves.",
    ]
    assert told["parents"] == []
    (notes,) = told["children"]
    assert (notes["table"], notes["by"], len(notes["rows"])) == ("public.note", "job_id", 1)


def test_recovery_is_told_as_long_as_attempts_are_left(owner: Connection) -> None:
    assert story(owner, "job", job(7))["moves"] == [
        {"to": "ready", "form": "recovery", "drivers": ["recovery"]}
    ]
    spent = story(owner, "job", job(8))
    assert (spent["moves"], spent["settled"], spent["stuck"]) == ([], True, False)
    assert spent["remarks"] == ["It is settled."]


def test_parents_and_children_are_told_with_their_states(owner: Connection) -> None:
    assert story(owner, "job", job(2))["parents"] == [
        {"table": "public.batch", "by": "batch_id", "id": str(BATCH), "state": "new"}
    ]
    told = story(owner, "batch", BATCH)
    (jobs,) = told["children"]
    assert jobs["states"] == {"new": 1, "ready": 2}
    assert jobs["open"] == 3
    assert [row["id"] for row in jobs["rows"]] == [str(job(1)), str(job(3)), str(job(2))]
    assert "Open rows hang on it: 3 of public.job." in told["remarks"]


def test_there_is_no_story_without_a_row(owner: Connection) -> None:
    assert story(owner, "job", UUID(int=99)) is None


# What became of rows


MOVES = (
    # row, from, to, seconds ago, seconds spent in the state left
    (1, None, "new", 90_000, None),
    (2, None, "new", 4_000, None),
    (2, "new", "ready", 3_500, 500),
    (2, "ready", "working", 200, 3_300),
    (2, "working", "working", 150, None),
    (2, "working", "failed", 100, 100),
    (3, "ready", "working", 2_000, 10),
    (3, "working", "done", 1_000, 1_000),
    (4, "ready", "working", 40_000, 20),
    (4, "working", "done", 30_000, 10_000),
)


def record(connection: Connection) -> None:
    for number, source, target, ago, spent in MOVES:
        connection.execute(
            "insert into public.job_state_history (row_id, org_id, from_state, to_state, at, actor, spent) values"
            " (%s, %s, %s, %s, %s::timestamptz - make_interval(secs => %s), 'me', make_interval(secs => %s))",
            [job(number), ORG, source, target, NOW, ago, spent],
        )


def test_moves_are_counted_in_three_windows(owner: Connection) -> None:
    """Each edge is there for each window, also without moves; a change of the substate is no move."""
    record(owner)
    found = owner.execute(
        "select window_seconds, from_state::text, to_state::text, moves from monitor.job_moves"
    ).fetchall()
    edges = [
        (None, "new"), ("new", "ready"), ("ready", "working"), ("working", "failed"), ("working", "done"),
        ("failed", "ready"), ("done", "gone"),
    ]  # fmt: skip
    counted = {
        300: (0, 0, 1, 1, 0, 0, 0),
        3600: (0, 1, 2, 1, 1, 0, 0),
        86_400: (1, 1, 3, 1, 2, 0, 0),
    }
    assert sorted(found, key=str) == sorted(
        (
            (window, *edge, number)
            for window, each in counted.items()
            for edge, number in zip(edges, each, strict=True)
        ),
        key=str,
    )


def test_moves_tell_their_share_and_how_long_rows_waited_for_them(owner: Connection) -> None:
    record(owner)
    query = (
        "select round(share, 3)::float, extract(epoch from p50_spent)::float from monitor.job_moves"
        " where window_seconds = 86400 and from_state = %s and to_state = %s"
    )
    assert owner.execute(query, ["working", "failed"]).fetchone() == (0.333, 100)
    assert owner.execute(query, ["working", "done"]).fetchone() == (0.667, 5_500)
    assert owner.execute(query, ["done", "gone"]).fetchone() == (None, None)


def test_rates_tell_what_became_of_rows(owner: Connection) -> None:
    record(owner)
    found = owner.execute(
        "select window_seconds, moves, ended, failed, failure_ratio::float, ended_per_minute::float"
        " from monitor.job_rates"
    ).fetchall()
    assert found == [
        (300, 2, 1, 1, 1.0, pytest.approx(1 / 5)),
        (3600, 5, 2, 1, 0.5, pytest.approx(2 / 60)),
        (86_400, 8, 3, 1, pytest.approx(1 / 3), pytest.approx(3 / 1440)),
    ]


def test_moves_are_counted_as_they_are_made(watched: str) -> None:
    with psycopg.connect(watched) as connection:
        connection.execute("update public.job set state = 'ready' where id = %s", [job(1)])
        found = connection.execute(
            "select window_seconds, from_state::text, to_state::text, moves, share from monitor.job_moves where moves > 0"
        ).fetchall()
        connection.rollback()
    assert found == [(window, "new", "ready", 1, 1) for window in (300, 3600, 86_400)]


def test_rates_of_a_quiet_time_are_zero(owner: Connection) -> None:
    found = owner.execute("select moves, ended, failed, failure_ratio from monitor.job_rates").fetchall()
    assert found == [(0, 0, 0, None)] * 3


def test_the_story_tells_the_history(owner: Connection) -> None:
    record(owner)
    told = story(owner, "job", job(3))["history"]
    assert [(one["from_state"], one["to_state"], one["actor"]) for one in told] == [
        ("ready", "working", "me"),
        ("working", "done", "me"),
    ]


# The command


@pytest.fixture
def status(capsys: pytest.CaptureFixture[str], root: Path) -> Callable[..., tuple[int, str, str]]:
    def run(dsn: str, *arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main(["status", "--project", str(root), "--dsn", dsn, *map(str, arguments)])
        said = capsys.readouterr()
        assert isinstance(left.value.code, int)
        return left.value.code, said.out, said.err

    return run


def frozen(dsn: str) -> str:
    """Return a connection string whose sessions take NOW for the present."""
    return make_conninfo(dsn, options=f"-c specc.now={NOW.replace(' ', 'T')}")


def test_the_command_shows_states_and_stuck_rows(status: Callable[..., Any], watched: str) -> None:
    code, said, error = status(frozen(watched), "--machine", "job")
    assert (code, error) == (0, "")
    lines = said.splitlines()
    assert lines[0] == "job: 7 open, 3 stuck, the oldest for 4 d 15 h"
    assert [line.split() for line in lines[1:8]] == [
        ["state", "rows", "open", "oldest", "median", "95", "%"],
        ["new", "1", "1", "4", "d", "15", "h", "4", "d", "15", "h", "4", "d", "15", "h"],
        ["ready", "3", "3", "1", "h", "23", "min", "5", "min", "0", "s", "1", "h", "15", "min"],
        ["working", "2", "2", "10", "min", "1", "s", "10", "min", "0", "s", "10", "min", "0", "s"],
        ["failed", "~1", "1", "1", "h", "6", "min", "1", "h", "6", "min", "1", "h", "6", "min"],
        ["done", "?"],
        ["gone", "?"],
    ]
    assert lines[-1] == f"read next: specc status --dsn … --row job {job(4)}"


def test_the_command_tells_a_story(status: Callable[..., Any], watched: str) -> None:
    code, said, _ = status(frozen(watched), "--row", "batch", BATCH)
    assert code == 0
    assert said.startswith(f"batch {BATCH}: new for ")
    assert "    ready, taken by nothing: Somebody.\n" in said
    assert "  rows of public.job by batch_id: 1 new, 2 ready\n" in said


def test_the_command_prints_json(status: Callable[..., Any], watched: str) -> None:
    code, said, _ = status(frozen(watched), "--format", "json")
    assert code == 0
    machines_ = {one["machine"]: one for one in json.loads(said)["machines"]}
    assert {name: (one["open"], one["stuck"]) for name, one in machines_.items()} == {
        "batch": (1, 0),
        "job": (7, 3),
    }
    assert [row["id"] for row in machines_["job"]["stuck_rows"]] == [str(job(4)), str(job(7)), str(job(5))]


def test_the_command_shows_alerts_that_have_fired(status: Callable[..., Any], copy: Database) -> None:
    alarmed = frozen(copy.admin)
    with psycopg.connect(alarmed) as connection:
        connection.execute("select private.watch_alerts()")
        connection.execute(
            "grant select on public.batch, monitor.batch_states, monitor.batch_stuck to service_role"
        )
        connection.execute("alter role service_role login")
    said = status(alarmed)[1].splitlines()
    assert said[0] == "critical: stuck_jobs, since 2030-01-02 12:00 UTC: Jobs are stuck."
    found = json.loads(status(alarmed, "--format", "json")[1])
    assert [(one["alert"], one["value"]) for one in found["alerts"]] == [("stuck_jobs", 3)]
    code, said, _ = status(make_conninfo(alarmed, user="service_role"))
    assert (code, said.splitlines()[0]) == (0, "alerts are for the owner of the database only")
    with psycopg.connect(alarmed) as connection:
        connection.execute("alter role service_role nologin")


def test_the_command_watches_on_a_terminal_until_interrupted(root: Path, watched: str) -> None:
    """On a terminal it has a screen of its own, leaves it on Ctrl-C, and that is no failure."""
    pid, terminal = pty.fork()
    if pid == 0:
        arguments = [
            "-m",
            "specc",
            "status",
            "--watch",
            "0.5",
            "--project",
            str(root),
            "--dsn",
            frozen(watched),
        ]
        os.execv(sys.executable, [sys.executable, *arguments])
    seen = b""
    while seen.count(b"job: 7 open") < 2:
        seen += os.read(terminal, 65_536)
    os.kill(pid, signal.SIGINT)
    with suppress(OSError):
        while more := os.read(terminal, 65_536):
            seen += more
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert b"\x1b[?1049h" in seen and b"\x1b[?1049l" in seen
    assert b"Traceback" not in seen


def test_the_command_says_that_a_row_is_not_there(status: Callable[..., Any], watched: str) -> None:
    assert status(watched, "--row", "job", UUID(int=99)) == (2, "", f"specc: job has no row {UUID(int=99)}\n")
    assert status(watched, "--row", "job", "five") == (2, "", "specc: `five` is no id; an id is a uuid\n")


def test_the_command_says_that_another_database_was_not_built_from_the_lock(
    status: Callable[..., Any], server: Server
) -> None:
    code, said, error = status(server.dsn())
    assert (code, said) == (2, "")
    assert "was not built from this lock" in error and "batch_states" in error


def test_the_command_says_who_may_not_look(status: Callable[..., Any], watched: str) -> None:
    code, _, error = status(make_conninfo(watched, user="authenticator"))
    assert code == 2
    assert error.startswith("specc: authenticator may not look: permission denied for schema monitor")


def test_the_command_waits_for_no_lock(status: Callable[..., Any], watched: str) -> None:
    with psycopg.connect(watched) as connection:
        connection.execute("lock table public.batch in access exclusive mode")
        code, _, error = status(watched)
        connection.rollback()
    assert code == 2
    assert error.startswith("specc: the database is too busy to answer: ")


def test_the_command_looks_without_being_able_to_write(status: Callable[..., Any], copy: Database) -> None:
    """A function of the database that writes is refused to it, whatever the role may do."""
    with psycopg.connect(copy.admin, autocommit=True) as connection:
        connection.execute(
            "create or replace function monitor.batch_story(p_id uuid) returns jsonb language plpgsql as"
            " $$ begin delete from public.note; return '{}'; end $$"
        )
        code, _, error = status(copy.admin, "--row", "batch", BATCH)
        assert connection.execute("select count(*) from public.note").fetchone() == (1,)
    assert code == 2
    assert "read-only transaction" in error

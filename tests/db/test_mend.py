"""Leases of the flagship's runs, and what is mended where somebody wrote past the guards.

Rows are written past the triggers as a restored dump or a careless superuser would.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from seed_rules import WORLD
from test_sync import Rows

pytestmark = pytest.mark.pg

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def rows(flagship: str) -> Iterator[Rows]:
    with psycopg.connect(flagship, autocommit=True) as connection:
        connection.execute(WORLD)
        at(connection, 0)
        yield Rows(connection)


def at(connection: psycopg.Connection[Any], seconds: float) -> None:
    connection.execute("select set_config('specc.now', %s, false)", [str(NOON + timedelta(seconds=seconds))])


def held(rows: Rows, seconds: float, holder: str = "worker-1") -> UUID:
    """Let an executor take a run for so many seconds."""
    run = rows.run()
    until = NOON + timedelta(seconds=seconds)
    change = "update public.run_request set lease_holder = %s, lease_until = %s where id = %s"
    rows.connection.execute(change, [holder, until, run])
    return run


def leases(rows: Rows) -> list[tuple[Any, ...]]:
    found = rows.connection.execute(
        "select state::text, lease_holder, lease_until from public.run_request order by 1"
    )
    return found.fetchall()


def done(rows: Rows, function: str) -> Any:
    return rows.connection.execute(f"select private.run_request_{function}(1000)").fetchall()[0][0]


def found(rows: Rows, function: str) -> list[tuple[Any, ...]]:
    return rows.connection.execute(f"select problem, id, detail from private.{function}()").fetchall()


def past_triggers(rows: Rows, *statements: str) -> None:
    with psycopg.connect(make_conninfo(rows.connection.info.dsn, user="postgres")) as admin:
        admin.execute("set session_replication_role = replica")
        for statement in statements:
            admin.execute(statement.encode())


def test_a_run_times_out_when_its_lease_does_and_the_lease_is_over(rows: Rows) -> None:
    held(rows, 60)
    held(rows, 120)
    at(rows.connection, 59)
    assert done(rows, "time_out") == 0
    at(rows.connection, 60)
    assert done(rows, "time_out") == 1
    assert leases(rows) == [
        ("in_progress", "worker-1", NOON + timedelta(seconds=120)),
        ("timedout", None, None),
    ]


def test_a_run_with_a_lease_has_its_deadline_all_the_same(rows: Rows) -> None:
    held(rows, 10 * 3600)
    at(rows.connection, 15 * 60)
    assert done(rows, "time_out") == 1


def test_a_run_that_is_due_twice_times_out_once(rows: Rows) -> None:
    held(rows, 60)
    at(rows.connection, 3600)
    assert done(rows, "time_out") == 1


def test_recovery_begins_without_a_lease(rows: Rows) -> None:
    run = held(rows, 600)
    rows.runs.move(run, "failed")
    at(rows.connection, 3600)
    assert done(rows, "recover") == 1
    assert leases(rows) == [("ready", None, None)]


def test_a_run_that_its_units_end_has_no_lease_left(rows: Rows) -> None:
    run = held(rows, 600)
    rows.unit(run=run, state="done")
    assert leases(rows) == [("done", None, None)]
    assert found(rows, "run_request_check") == []


def test_a_story_says_who_holds_a_row(rows: Rows) -> None:
    run = held(rows, 60)
    story = rows.connection.execute("select monitor.run_request_story(%s)", [run]).fetchall()[0][0]
    assert "worker-1 holds it until 2030-01-01 12:01:00+00." in story["remarks"]


def test_a_lease_that_outlived_its_state_is_told_and_ended(rows: Rows) -> None:
    run, _ = held(rows, 60), held(rows, 60)
    rows.runs.move(run, "failed")
    problem = ("lease outside of in_progress", run, "failed, held by worker-1 until 2030-01-01 12:01:00+00")
    assert found(rows, "run_request_check") == [problem]
    assert found(rows, "run_request_mend") == [problem]
    assert found(rows, "run_request_check") == []
    assert [one[:2] for one in leases(rows)] == [("failed", None), ("in_progress", "worker-1")]


@pytest.mark.parametrize(
    ("change", "problem"),
    [("lease_holder = null", "lease without holder"), ("lease_until = null", "lease without end")],
)
def test_half_a_lease_is_told(rows: Rows, change: str, problem: str) -> None:
    run = held(rows, 60)
    past_triggers(
        rows,
        "alter table public.run_request drop constraint run_request_lease_check",
        f"update public.run_request set {change}",
    )
    assert [one[:2] for one in found(rows, "run_request_check")] == [(problem, run)]
    assert found(rows, "run_request_mend") == []


@pytest.mark.parametrize(("machine", "table"), [("run_request", "runs"), ("run_queue", "units")])
def test_a_substate_of_another_state_is_cleared_and_history_tells(
    rows: Rows, machine: str, table: str
) -> None:
    row = getattr(rows, table).born() if machine == "run_request" else rows.unit()
    past_triggers(
        rows,
        f"update public.{machine} set state_substate = 'json'",
        f"insert into public.{machine}_state_history (org_id, row_id, from_state, to_state, to_substate)"
        f" select org_id, id, state, state, 'json' from public.{machine}",
    )
    assert found(rows, f"{machine}_mend") == [("substate of another state", row, "new/json")]
    assert found(rows, f"{machine}_check") == []
    told = rows.connection.execute(
        f"select from_substate, to_substate, reason from public.{machine}_state_history order by seq desc limit 1"
    )
    assert told.fetchall() == [("json", None, "mended")]
    assert rows.connection.execute("show specc.reason").fetchall() == [("",)]


def test_what_another_session_holds_is_left_to_it(rows: Rows) -> None:
    run = rows.runs.born()
    past_triggers(rows, "update public.run_request set state_substate = 'json'")
    with psycopg.connect(rows.connection.info.dsn) as other:
        other.execute("select from public.run_request where id = %s for update", [run])
        rows.connection.execute("set lock_timeout = '2s'")
        assert found(rows, "run_request_mend") == []

"""What the check of a machine says of parents and children that disagree, and what it mends.

Rows are written past the triggers, as a restored dump or a careless superuser would.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from seed_rules import WORLD
from test_sync import Rows

pytestmark = pytest.mark.pg


@pytest.fixture
def rows(flagship: str) -> Iterator[Rows]:
    with psycopg.connect(flagship, autocommit=True) as connection:
        connection.execute(WORLD)
        yield Rows(connection)


@contextmanager
def past_triggers(rows: Rows) -> Iterator[psycopg.Connection]:
    with psycopg.connect(make_conninfo(rows.connection.info.dsn, user="postgres")) as admin:
        admin.execute("set session_replication_role = replica")
        yield admin


def check(rows: Rows, machine: str) -> list[tuple[str, UUID, str]]:
    found = rows.connection.execute(f"select problem, id, detail from private.{machine}_check() order by 1")
    return found.fetchall()


def mend(rows: Rows, machine: str) -> list[tuple[str, UUID, str]]:
    found = rows.connection.execute(f"select problem, id, detail from private.{machine}_mend()")
    return found.fetchall()


def test_rows_that_agree_are_no_problem(rows: Rows) -> None:
    workflow = rows.workflow()
    rows.activity(workflow, "in_progress")
    run = rows.run()
    rows.unit(run=run, state="done")
    rows.unit(run=rows.run(), state="in_progress")
    for machine in ("workflow_request", "activity_request", "run_request", "run_queue"):
        assert check(rows, machine) == []
    assert mend(rows, "run_request") == []
    assert rows.runs.read(run) == "done"


def test_a_settled_parent_with_an_open_child_is_told(rows: Rows) -> None:
    run = rows.run()
    unit = rows.unit(run=run, state="done")
    with past_triggers(rows) as admin:
        admin.execute("update public.run_queue set state = 'in_progress' where id = %s", [unit])
    found = check(rows, "run_request")
    assert ("invariant no_open_unit", run, "done, its run_queue: in_progress") in found
    assert ("counts of its run_queue are wrong", run, "counted 1 done, found 1 in_progress") in found


def test_a_state_that_settles_children_and_did_not_is_told(rows: Rows) -> None:
    run = rows.run("in_progress")
    rows.unit(run=run)
    with past_triggers(rows) as admin:
        admin.execute("update public.run_request set state = 'invalid' where id = %s", [run])
    found = [problem for problem, row, _ in check(rows, "run_request") if row == run]
    assert "settled with an open run_queue" in found


def test_a_parent_that_may_recover_keeps_open_children(rows: Rows) -> None:
    run = rows.run()
    rows.unit(run=run, state="in_progress")
    rows.runs.move(run, "failed")
    assert check(rows, "run_request") == []
    with past_triggers(rows) as admin:
        admin.execute("update public.run_request set attempt = 3 where id = %s", [run])
    assert {problem for problem, _, _ in check(rows, "run_request")} == {
        "invariant no_open_unit",
        "settled with an open run_queue",
    }


def test_what_is_due_to_follow_is_no_problem(rows: Rows) -> None:
    run = rows.run()
    rows.unit(run=run)
    # Changes that nobody has counted yet count all the same.
    assert rows.connection.execute(
        "select count(*) from private.run_request_run_queue_change"
    ).fetchone() != (0,)
    assert check(rows, "run_request") == []


def test_counts_are_mended_and_parents_follow(rows: Rows) -> None:
    run, other = rows.run(), rows.run()
    unit = rows.unit(run=run, state="in_progress")
    rows.unit(run=other, state="in_progress")
    with past_triggers(rows) as admin:
        admin.execute("update public.run_queue set state = 'done' where id = %s", [unit])
    assert [problem for problem, _, _ in check(rows, "run_request")] == ["counts of its run_queue are wrong"]
    assert mend(rows, "run_request") == [
        ("counts of its run_queue were wrong", run, "in_progress: 1 counted, 0 found"),
        ("counts of its run_queue were wrong", run, "done (settled): 0 counted, 1 found"),
    ]
    assert rows.runs.read(run) == "done"
    assert rows.runs.read(other) == "in_progress"
    assert mend(rows, "run_request") == []
    assert [one for one in check(rows, "run_request") if one[0].startswith("counts")] == []


def test_counts_of_rows_that_are_gone_are_swept_away(rows: Rows) -> None:
    run = rows.run()
    rows.unit(run=run, state="in_progress")
    with past_triggers(rows) as admin:
        admin.execute("update public.run_queue set run_request_id = null")
        admin.execute("delete from public.run_request where id = %s", [run])
    assert mend(rows, "run_request") == []
    for table in ("change", "count"):
        found = rows.connection.execute(f"select count(*) from private.run_request_run_queue_{table}")
        assert found.fetchone() == (0,)


@pytest.mark.parametrize("role", ["anon", "authenticated"])
def test_only_servers_mend(rows: Rows, role: str) -> None:
    found = rows.connection.execute(
        "select has_function_privilege(%s, 'private.run_request_mend()', 'execute'),"
        " has_function_privilege('service_role', 'private.run_request_mend()', 'execute')",
        [role],
    )
    assert found.fetchone() == (False, True)


def test_children_that_are_truncated_are_counted_no_more(rows: Rows) -> None:
    counted, pending = rows.run(), rows.run()
    rows.unit(run=counted, state="in_progress")
    rows.connection.execute("select private.run_request_follow(1000)")
    rows.unit(run=pending)
    rows.activity(rows.workflow(), "in_progress")
    rows.connection.execute("truncate public.run_queue")
    for machine in ("run_request", "activity_request"):
        assert check(rows, machine) == []
    assert rows.runs.read(counted) == "in_progress"
    rows.unit(run=counted, state="done")
    assert rows.runs.read(counted) == "done"
    # With their parents, which no count outlives.
    rows.connection.execute("truncate public.workflow_request cascade")
    assert rows.connection.execute("select count(*) from public.activity_request").fetchone() == (0,)
    for pair in ("workflow_request_activity_request", "activity_request_run_queue", "run_request_run_queue"):
        for table in ("change", "count", "far"):
            found = rows.connection.execute(f"select count(*) from private.{pair}_{table}")
            assert found.fetchone() == (0,), (pair, table)

"""Parents follow their children and children their parents, whoever writes, however many at once.

What becomes of each row is written down here from the design; nothing is read from the compiler.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
import pytest
from seed_rules import ORG, REQUEST, SOURCE, WAYS, WORLD, Table, refused

Connection = psycopg.Connection[tuple[Any, ...]]

OPEN = ("new", "valid", "waiting", "ready", "in_progress")
SETTLED = ("invalid", "timedout", "failed", "done", "delivered")


class Rows:
    """The four tables in a connection to a fresh database of the flagship."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.workflows, self.activities, self.units, self.runs = (
            Table(connection, name)
            for name in ("workflow_request", "activity_request", "run_queue", "run_request")
        )

    def to(self, table: Table, row: UUID, state: str) -> UUID:
        """Walk a new row to a state by the seed's moves; moves that sync has taken already are left out."""
        for step in WAYS[state]:
            if table.read(row) != step:
                table.move(row, step)
        return row

    def workflow(self, state: str = "ready", **more: Any) -> UUID:
        return self.to(self.workflows, self.workflows.born(**more), state)

    def activity(self, workflow: UUID | None = None, state: str = "new") -> UUID:
        return self.to(self.activities, self.activities.born(workflow_request_id=workflow), state)

    def unit(self, activity: UUID = REQUEST, run: UUID | None = None, state: str = "new") -> UUID:
        row = self.units.born(activity_request_id=activity, run_request_id=run)
        return self.to(self.units, row, state)

    def run(self, state: str = "in_progress") -> UUID:
        return self.to(self.runs, self.runs.born(), state)


@pytest.fixture
def conninfo(flagship: str) -> str:
    """A database whose world is committed, and that keeps every move of a parent in the table `moves`."""
    with psycopg.connect(flagship) as connection:
        connection.execute(WORLD)
        connection.execute(
            """
            create table private.moves (seq bigint generated always as identity, id uuid, old text, new text);
            create function private.note_move() returns trigger language plpgsql as $$
            begin
                if old.state <> new.state then
                    insert into private.moves (id, old, new) values (new.id, old.state, new.state);
                end if;
                return null;
            end $$"""
        )
        for name in ("workflow_request", "activity_request", "run_queue", "run_request"):
            connection.execute(
                f"create trigger noted after update on {name} for each row execute function private.note_move()"
            )
    return flagship


@pytest.fixture
def rows(conninfo: str) -> Iterator[Rows]:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        yield Rows(connection)


@contextmanager
def another(conninfo: str) -> Iterator[Rows]:
    """Another connection, whose transaction ends with the block."""
    with psycopg.connect(conninfo) as connection:
        connection.execute("set lock_timeout = '2s'")
        yield Rows(connection)


def way(rows: Rows, row: UUID) -> list[str]:
    """Return the states that a row has come into."""
    found = rows.connection.execute("select new from private.moves where id = %s order by seq", [row])
    return [state for (state,) in found]


def follow(rows: Rows, parent: str) -> int:
    found = rows.connection.execute(f"select private.{parent}_follow(1000)").fetchone()
    assert found is not None
    return int(found[0])


def differences(rows: Rows, pair: str) -> list[tuple[Any, ...]]:
    found = rows.connection.execute(
        f"select state::text, settled, counted, found from private.{pair}_recount()"
    )
    return found.fetchall()


# Up


def test_a_parent_follows_its_children_in_the_same_statement(rows: Rows) -> None:
    workflow = rows.workflow()
    one, two = rows.activity(workflow), rows.activity(workflow)
    rows.to(rows.activities, one, "ready")
    assert rows.workflows.read(workflow) == "ready"
    rows.activities.move(one, "in_progress")
    assert rows.workflows.read(workflow) == "in_progress"
    rows.activities.move(one, "done")
    assert rows.workflows.read(workflow) == "in_progress"
    rows.to(rows.activities, two, "in_progress")
    rows.activities.move(two, "done")
    assert rows.workflows.read(workflow) == "done"
    assert way(rows, workflow) == ["valid", "ready", "in_progress", "done"]


@pytest.mark.parametrize(("policy", "end"), [("stop", "failed"), ("continue", "done")])
def test_the_failure_policy_says_how_a_workflow_ends(rows: Rows, policy: str, end: str) -> None:
    workflow = rows.workflow(failure_policy=policy)
    good, bad = rows.activity(workflow, "in_progress"), rows.activity(workflow, "in_progress")
    rows.activities.move(bad, "failed")
    assert rows.workflows.read(workflow) == "in_progress"
    rows.activities.move(good, "done")
    assert rows.workflows.read(workflow) == end


def test_a_child_that_is_refused_at_once_settles_its_parent_through_every_state(rows: Rows) -> None:
    workflow = rows.workflow()
    rows.activities.move(rows.activity(workflow), "invalid")
    assert way(rows, workflow) == ["valid", "ready", "in_progress", "failed"]


def test_a_parent_that_comes_late_catches_up_with_its_children(rows: Rows) -> None:
    workflow = rows.workflow("valid")
    rows.activity(workflow, "done")
    assert rows.workflows.read(workflow) == "valid"
    rows.workflows.move(workflow, "ready")
    assert way(rows, workflow) == ["valid", "ready", "in_progress", "done"]


def test_one_unit_moves_three_machines(rows: Rows) -> None:
    workflow = rows.workflow()
    activity = rows.activity(workflow, "ready")
    unit = rows.unit(activity, state="ready")
    assert rows.workflows.read(workflow) == "ready"
    rows.units.move(unit, "in_progress")
    assert (rows.activities.read(activity), rows.workflows.read(workflow)) == ("in_progress", "in_progress")


def test_a_run_is_done_with_its_last_unit(rows: Rows) -> None:
    run = rows.run()
    one, two = rows.unit(run=run, state="in_progress"), rows.unit(run=run, state="in_progress")
    rows.units.move(one, "done")
    assert rows.runs.read(run) == "in_progress"
    rows.units.move(two, "failed")
    assert rows.runs.read(run) == "done"


def test_a_unit_counts_for_the_run_that_it_is_pointed_at(rows: Rows) -> None:
    run, unit = rows.run(), rows.unit(state="done")
    rows.units.run("update {t} set run_request_id = %(run)s where id = %(unit)s", run=run, unit=unit)
    assert rows.runs.read(run) == "done"


@pytest.mark.parametrize(
    "leave",
    ["delete from {t} where id = %(unit)s", "update {t} set run_request_id = null where id = %(unit)s"],
    ids=["delete", "point away"],
)
def test_a_run_is_done_when_its_last_open_unit_leaves(rows: Rows, leave: str) -> None:
    run = rows.run()
    rows.unit(run=run, state="done")
    assert rows.runs.read(run) == "done"
    run = rows.run()
    open_one = rows.unit(run=run, state="in_progress")
    rows.unit(run=run, state="done")
    assert rows.runs.read(run) == "in_progress"
    rows.units.run(leave, unit=open_one)
    assert rows.runs.read(run) == "done"


def test_one_statement_moves_many_children_of_many_parents(rows: Rows) -> None:
    runs = [rows.run() for _ in range(10)]
    for run in runs:
        rows.connection.execute(
            """insert into run_queue (org_id, activity_request_id, source_id, run_request_id)
               select %s, %s, %s, %s from generate_series(1, 200)""",
            [ORG, REQUEST, SOURCE, run],
        )
    for state in ("valid", "ready", "in_progress"):
        rows.units.run("update {t} set state = %(state)s", state=state)
    assert {rows.runs.read(run) for run in runs} == {"in_progress"}
    rows.units.run("update {t} set state = 'done' where run_request_id <> %(last)s", last=runs[-1])
    assert [rows.runs.read(run) for run in runs] == ["done"] * 9 + ["in_progress"]
    assert differences(rows, "run_request_run_queue") == []


# Down

FATES = {
    "new": ["invalid"],
    "valid": ["waiting", "invalid"],
    "waiting": ["invalid"],
    "ready": ["in_progress", "failed"],
    "in_progress": ["failed"],
}
"""Design 5.14: what becomes of an open child whose parent was settled."""


@pytest.mark.parametrize("end", ["timedout", "invalid"])
def test_a_settled_workflow_settles_its_open_activities(rows: Rows, end: str) -> None:
    workflow = rows.workflow("valid")
    children = {state: rows.activity(workflow, state) for state in (*OPEN, "done", "invalid")}
    bystander = rows.activity(rows.workflow("valid"), "ready")
    before = {state: way(rows, row) for state, row in children.items()}
    rows.workflows.move(workflow, "waiting")
    rows.workflows.move(workflow, end)
    fates = {state: way(rows, row)[len(before[state]) :] for state, row in children.items()}
    assert fates == FATES | {"done": [], "invalid": []}
    cancelled = {state: rows.activities.read(row, "state_substate") for state, row in children.items()}
    assert cancelled == dict.fromkeys(children) | dict.fromkeys(("new", "valid", "waiting"), "cancelled")
    assert rows.activities.read(bystander) == "ready"


def test_what_settles_an_activity_settles_its_units_and_frees_their_run(rows: Rows) -> None:
    workflow = rows.workflow("valid")
    activity = rows.activity(workflow, "ready")
    run = rows.run()
    unit = rows.unit(activity, run, "in_progress")
    assert rows.activities.read(activity) == "in_progress"
    rows.workflows.move(workflow, "waiting")
    rows.workflows.move(workflow, "timedout")
    assert rows.activities.read(activity) == "failed"
    assert rows.units.read(unit) == "failed"
    assert rows.runs.read(run) == "done"


@pytest.mark.parametrize("end", ["failed", "timedout"])
def test_units_share_the_fate_of_their_run_once_it_is_settled(rows: Rows, end: str) -> None:
    run = rows.run()
    unit = rows.unit(run=run, state="in_progress")
    for _ in range(3):
        rows.runs.move(run, end)
        assert rows.units.read(unit) == "in_progress"
        rows.runs.move(run, "ready", ", attempt = attempt + 1")
        rows.runs.move(run, "in_progress")
    rows.runs.move(run, end)
    assert rows.units.read(unit) == end


def test_many_parents_are_settled_by_one_statement(rows: Rows) -> None:
    workflows = [rows.workflow("valid") for _ in range(20)]
    children = [rows.activity(workflow, state) for workflow in workflows for state in OPEN]
    rows.workflows.run("update {t} set state = 'waiting'")
    rows.workflows.run("update {t} set state = 'invalid'")
    assert {rows.activities.read(row) for row in children} == {"invalid", "failed"}


# Births


@pytest.mark.parametrize("end", ["done", "failed", "timedout"])
def test_nothing_comes_under_a_settled_parent(rows: Rows, end: str) -> None:
    activity = rows.activity(state=end)
    with refused(rows.connection) as caught:
        rows.units.born(activity_request_id=activity)
    assert f"run_queue cannot come under a activity_request in state {end}" in str(caught.value)
    assert str(activity) in (caught.value.diag.message_detail or "")


def test_nothing_is_pointed_at_a_settled_parent(rows: Rows) -> None:
    run, unit = rows.run(), rows.unit()
    rows.to(rows.units, rows.unit(run=run), "done")
    with refused(rows.connection):
        rows.units.run("update {t} set run_request_id = %(run)s where id = %(unit)s", run=run, unit=unit)
    assert rows.units.read(unit, "run_request_id") is None


def test_a_run_that_may_recover_still_takes_units(rows: Rows) -> None:
    run = rows.run("failed")
    assert rows.units.read(rows.unit(run=run), "run_request_id") == run


def test_a_parent_cannot_settle_while_a_child_comes_under_it(rows: Rows, conninfo: str) -> None:
    workflow = rows.workflow("valid")
    rows.workflows.move(workflow, "waiting")
    with another(conninfo) as other:
        late = other.activity(workflow)
        rows.connection.execute("set lock_timeout = '100ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            rows.workflows.move(workflow, "invalid")
    rows.workflows.move(workflow, "invalid")
    assert rows.activities.read(late) == "invalid"


# Several at once


def test_two_last_children_that_end_at_once_end_the_parent_once(rows: Rows, conninfo: str) -> None:
    run = rows.run()
    one, two = rows.unit(run=run, state="in_progress"), rows.unit(run=run, state="in_progress")
    with another(conninfo) as first, another(conninfo) as second:
        first.units.move(one, "done")
        # Neither waits for the other, though both have the same parent.
        second.units.move(two, "done")
    assert rows.runs.read(run) == "in_progress"
    assert follow(rows, "run_request") == 1
    assert rows.runs.read(run) == "done"
    assert way(rows, run).count("done") == 1
    assert follow(rows, "run_request") == 0
    assert way(rows, run).count("done") == 1
    assert differences(rows, "run_request_run_queue") == []


def test_a_child_that_comes_second_counts_what_the_first_one_left(rows: Rows, conninfo: str) -> None:
    run = rows.run()
    one, two = rows.unit(run=run, state="in_progress"), rows.unit(run=run, state="in_progress")
    with another(conninfo) as second:
        with another(conninfo) as first:
            first.units.move(one, "done")
            # The second has begun before the first one ends, and takes its last step after it.
            assert second.units.read(two) == "in_progress"
        second.units.move(two, "done")
    assert rows.runs.read(run) == "done"


def test_nobody_waits_for_a_parent_in_other_hands_and_nothing_is_lost(rows: Rows, conninfo: str) -> None:
    run = rows.run()
    unit = rows.unit(run=run, state="in_progress")
    with another(conninfo) as holder:
        holder.runs.run("update {t} set polls = polls + 1 where id = %(run)s", run=run)
        rows.connection.execute("set lock_timeout = '1s'")
        rows.units.move(unit, "done")
        assert follow(rows, "run_request") == 0
    assert rows.runs.read(run) == "in_progress"
    assert follow(rows, "run_request") == 1
    assert rows.runs.read(run) == "done"


def test_what_is_taken_back_was_never_counted(rows: Rows, conninfo: str) -> None:
    run = rows.run()
    unit = rows.unit(run=run, state="in_progress")
    with another(conninfo) as other:
        other.units.move(unit, "done")
        assert other.runs.read(run) == "done"
        other.connection.rollback()
    assert rows.runs.read(run) == "in_progress"
    assert differences(rows, "run_request_run_queue") == []
    rows.units.move(unit, "done")
    assert way(rows, run)[-1:] == ["done"]


def test_four_writers_of_one_run_lose_nothing(rows: Rows, conninfo: str) -> None:
    run = rows.run()
    units = [rows.unit(run=run, state="in_progress") for _ in range(80)]

    def end(share: list[UUID]) -> None:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            for unit in share:
                Rows(connection).units.move(unit, "failed" if unit.int % 3 == 0 else "done")

    with ThreadPoolExecutor(4) as pool:
        # What went wrong in a thread is raised here.
        list(pool.map(end, [units[at::4] for at in range(4)]))
    follow(rows, "run_request")
    assert (rows.runs.read(run), way(rows, run).count("done")) == ("done", 1)
    assert differences(rows, "run_request_run_queue") == []


def test_children_that_end_one_after_the_other_need_no_tick(rows: Rows) -> None:
    run = rows.run()
    units = [rows.unit(run=run, state="in_progress") for _ in range(70)]
    for unit in units[:-1]:
        rows.units.move(unit, "done")
    assert rows.runs.read(run) == "in_progress"
    rows.units.move(units[-1], "done")
    assert rows.runs.read(run) == "done"


# Counts


@contextmanager
def unless_refused() -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        if error.sqlstate != "PT409":
            raise


@pytest.mark.parametrize("seed", range(3))
def test_counts_agree_with_the_truth_whatever_happened(rows: Rows, seed: int) -> None:
    chance = random.Random(seed)
    runs = [rows.run() for _ in range(3)]
    units: list[UUID] = []
    for _ in range(120):
        deed = chance.choice(["born", "move", "move", "move", "point", "delete"])
        unit = chance.choice(units) if units else None
        if deed == "born" or unit is None:
            units.append(rows.unit(state=chance.choice(OPEN)))
        elif deed == "delete":
            rows.units.run("delete from {t} where id = %(unit)s", unit=unit)
            units.remove(unit)
        else:
            state, run = chance.choice([*OPEN, *SETTLED]), chance.choice([None, *runs])
            column = "state" if deed == "move" else "run_request_id"
            order = f"update {{t}} set {column} = %(value)s where id = %(unit)s"
            # The guard refuses some moves, a settled run some units.
            with unless_refused():
                rows.units.run(order, value=state if deed == "move" else run, unit=unit)
    counted = rows.connection.execute(
        """select parent_id, state::text, sum(n)::integer from (
               select parent_id, state, children as n from private.run_request_run_queue_count
               union all select parent_id, to_state, children from private.run_request_run_queue_change
               union all select parent_id, from_state, -children from private.run_request_run_queue_change) as c
           where state is not null
           group by parent_id, state having sum(n) <> 0 order by 1, 2"""
    ).fetchall()
    truth = rows.connection.execute(
        """select run_request_id, state::text, count(*)::integer from run_queue
           where run_request_id is not null group by run_request_id, state order by 1, 2"""
    ).fetchall()
    assert counted == truth
    assert differences(rows, "run_request_run_queue") == []


def test_a_recount_says_and_mends_what_went_past_the_triggers(rows: Rows, conninfo: str) -> None:
    run = rows.run()
    unit = rows.unit(run=run, state="in_progress")
    rows.connection.execute("alter table run_queue disable trigger user")
    rows.units.move(unit, "done")
    rows.connection.execute("alter table run_queue enable trigger user")
    assert differences(rows, "run_request_run_queue") == [("in_progress", False, 1, 0), ("done", True, 0, 1)]
    assert follow(rows, "run_request") == 1
    assert rows.runs.read(run) == "done"
    assert differences(rows, "run_request_run_queue") == []


def test_a_parent_leaves_nothing_behind(rows: Rows) -> None:
    workflow = rows.workflow()
    rows.activity(workflow, "in_progress")
    rows.activity(workflow)
    rows.workflows.run("delete from {t} where id = %(row)s", row=workflow)
    for table in ("change", "count"):
        name = f"private.workflow_request_activity_request_{table}"
        found = rows.connection.execute(f"select count(*) from {name} where parent_id = %s", [workflow])
        assert found.fetchone() == (0,)
    assert differences(rows, "workflow_request_activity_request") == []


def test_a_set_null_leaves_nothing_behind(rows: Rows) -> None:
    run = rows.run()
    unit = rows.unit(run=run, state="in_progress")
    rows.runs.run("delete from {t} where id = %(row)s", row=run)
    assert rows.units.read(unit, "run_request_id") is None
    assert differences(rows, "run_request_run_queue") == []


@pytest.mark.parametrize("role", ["anon", "authenticated", "service_role"])
def test_no_api_role_comes_near_counts_and_resolver(rows: Rows, role: str) -> None:
    found = rows.connection.execute(
        """select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
           where n.nspname = 'private' and c.relkind = 'r' and c.relname ~ '_(change|count)$'
             and (has_table_privilege(%(role)s, c.oid, 'select') or has_table_privilege(%(role)s, c.oid, 'insert'))""",
        {"role": role},
    )
    assert found.fetchone() == (0,)
    found = rows.connection.execute(
        """select count(*) from pg_proc p join pg_namespace n on n.oid = p.pronamespace
           where n.nspname = 'private' and p.proname ~ '_(follow|recount)$'
             and has_function_privilege(%s, p.oid, 'execute')""",
        [role],
    )
    assert found.fetchone() == (0,)


MANY = 1200
"""More children than the parent's move may wait for while each of them still looks."""


def hoard(rows: Rows, run: UUID) -> list[UUID]:
    """Put very many open units under a run, by one statement."""
    found = rows.connection.execute(
        "insert into run_queue (org_id, activity_request_id, source_id, run_request_id, state)"
        " select %s, %s, %s, %s, 'new' from generate_series(1, %s) returning id",
        [ORG, REQUEST, SOURCE, run, MANY],
    ).fetchall()
    for state in ("valid", "ready", "in_progress"):
        rows.connection.execute("update run_queue set state = %s where run_request_id = %s", [state, run])
    return [row for (row,) in found]


@pytest.mark.parametrize("size", [1, 7])
def test_the_last_of_very_many_takes_the_parent_along(rows: Rows, size: int) -> None:
    run = rows.run()
    units = hoard(rows, run)
    follow(rows, "run_request")
    end = "update run_queue set state = 'done' where id = any(%s)"
    for start in range(0, MANY - 1, size):
        rows.connection.execute(end, [units[start : min(start + size, MANY - 1)]], prepare=True)
    assert rows.runs.read(run) == "in_progress"
    rows.connection.execute(end, [units[-1:]])
    assert rows.runs.read(run) == "done"
    assert differences(rows, "run_request_run_queue") == []


def test_all_of_very_many_at_once_take_the_parent_along(rows: Rows) -> None:
    run = rows.run()
    hoard(rows, run)
    follow(rows, "run_request")
    rows.connection.execute("update run_queue set state = 'done' where run_request_id = %s", [run])
    assert rows.runs.read(run) == "done"


def test_how_far_a_parent_is_belongs_to_the_state_that_it_is_in(rows: Rows) -> None:
    workflow = rows.workflow()
    activities = [rows.activity(workflow) for _ in range(3)]
    # What it waits for before it begins is not what it waits for before it ends.
    rows.to(rows.activities, activities[0], "in_progress")
    assert rows.workflows.read(workflow) == "in_progress"
    for one in activities[1:]:
        rows.to(rows.activities, one, "done")
    assert rows.workflows.read(workflow) == "in_progress"
    rows.activities.move(activities[0], "done")
    assert rows.workflows.read(workflow) == "done"

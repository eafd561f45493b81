"""How long history is kept: partitions ahead of time, past ones dropped, and what came before them deleted."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from databases import migrated
from tenants import ACME, ANNA, DENIED, RUN, acting, error, fill, of

from projects import build_example
from specc.pg.server import Server

pytestmark = pytest.mark.pg

Connection = psycopg.Connection[tuple[Any, ...]]
TABLE = "run_request_state_history"


@pytest.fixture
def owner(flagship: str) -> Iterator[Connection]:
    fill(flagship)
    with psycopg.connect(flagship, autocommit=True) as connection:
        connection.execute("set timezone = 'UTC'")
        yield connection


def keep(owner: Connection, now: str, limit: int = 1000) -> int:
    with owner.transaction():
        owner.execute("select set_config('specc.now', %s, true)", [now])
        row = owner.execute("select private.run_request_keep_history(%s)", [limit]).fetchone()
    assert row is not None
    return int(row[0])


def partitions(owner: Connection) -> dict[str, str]:
    """Return the bounds of the partitions by name."""
    query = (
        "select c.relname, pg_get_expr(c.relpartbound, c.oid) from pg_inherits i join pg_class c on c.oid = i.inhrelid"
        f" where i.inhparent = '{TABLE}'::regclass and c.relrowsecurity and c.relacl is not null"
        " and not exists (select from aclexplode(c.relacl) a where a.grantee <> c.relowner)"
    )
    return dict(owner.execute(query.encode()).fetchall())


def tell(owner: Connection, at: str, count: int = 1) -> None:
    """Write rows of history as of a moment, which only the owner can."""
    owner.execute(
        f"insert into {TABLE} (org_id, row_id, to_state, at) select %s, %s, 'new', %s from generate_series(1, %s)".encode(),
        [ACME, of(ACME, RUN), at, count],
    )


def told(owner: Connection) -> list[tuple[str, int]]:
    query = f"select tableoid::regclass::text, count(*) from {TABLE} group by 1 order by 1"
    return owner.execute(query.encode()).fetchall()


def test_there_are_partitions_for_the_coming_months(owner: Connection) -> None:
    assert keep(owner, "2031-12-09 10:00Z") == 0
    assert keep(owner, "2031-12-09 10:00Z") == 0
    assert partitions(owner) == {
        "run_request_history_default": "DEFAULT",
        "run_request_history_20320101": "FOR VALUES FROM ('2032-01-01 00:00:00+00') TO ('2032-02-01 00:00:00+00')",
        "run_request_history_20320201": "FOR VALUES FROM ('2032-02-01 00:00:00+00') TO ('2032-03-01 00:00:00+00')",
    }


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/Los_Angeles"])
def test_months_are_those_of_utc_wherever_the_session_is(owner: Connection, zone: str) -> None:
    owner.execute(f"set timezone = '{zone}'".encode())
    keep(owner, "2031-12-31 23:30Z")
    owner.execute("set timezone = 'UTC'")
    assert sorted(partitions(owner)) == [
        "run_request_history_20320101", "run_request_history_20320201", "run_request_history_default",
    ]  # fmt: skip


def test_a_row_lies_in_the_partition_of_its_month(owner: Connection) -> None:
    keep(owner, "2031-12-09 10:00Z")
    for moment in ("2031-12-31 23:59:59Z", "2032-01-01 00:00Z", "2032-02-15 00:00Z"):
        tell(owner, moment)
    assert told(owner) == [
        ("private.run_request_history_20320101", 1),
        ("private.run_request_history_20320201", 1),
        ("private.run_request_history_default", 1),
    ]


def test_a_past_partition_goes_whole_and_no_sooner(owner: Connection) -> None:
    keep(owner, "2031-12-09 10:00Z")
    tell(owner, "2032-01-31 23:59Z", 3)
    # Ninety days after its end, which is on the first of February.
    keep(owner, "2032-04-30 23:59Z")
    assert "run_request_history_20320101" in partitions(owner)
    keep(owner, "2032-05-01 00:00Z")
    assert "run_request_history_20320101" not in partitions(owner)
    assert told(owner) == []


def test_what_was_there_before_partitions_is_deleted_little_by_little(owner: Connection) -> None:
    tell(owner, "2031-12-01 00:00Z", 25)
    tell(owner, "2031-12-20 00:00Z", 5)
    assert keep(owner, "2032-02-29 00:00Z", 10) == 0
    assert [keep(owner, "2032-03-10 00:00Z", 10) for _ in range(4)] == [10, 10, 5, 0]
    assert told(owner) == [("private.run_request_history_default", 5)]


def test_the_tick_keeps_history(owner: Connection) -> None:
    tell(owner, "2001-01-01 00:00Z", 2500)
    rows = {
        task: (rows, problem)
        for task, rows, problem in owner.execute("select * from private.tick()").fetchall()
    }
    assert rows["run_request keep_history"] == (2500, None)
    assert len(partitions(owner)) == 3


def test_it_waits_for_nobody_long_and_leaves_no_setting(owner: Connection, flagship: str) -> None:
    with psycopg.connect(flagship) as reader:
        reader.execute(f"select count(*) from {TABLE}".encode())
        refused = error(owner, "select private.run_request_keep_history(10)")
        assert refused.sqlstate == "55P03"
        task = owner.execute(
            "select problem from private.tick() where task = 'run_request keep_history'"
        ).fetchone()
        assert task is not None
        assert task[0].startswith("55P03")
    assert owner.execute("show lock_timeout").fetchone() == ("0",)
    with owner.transaction():
        assert keep(owner, "2031-12-09 10:00Z") == 0
        assert owner.execute("show lock_timeout").fetchone() == ("0",)


def test_two_at_once_do_it_once(owner: Connection, flagship: str) -> None:
    with psycopg.connect(flagship) as other:
        other.execute("select private.run_request_keep_history(10)")
        assert keep(owner, "2031-12-09 10:00Z") == 0
        other.commit()
    assert len(partitions(owner)) == 3


def test_nobody_reaches_a_partition_but_by_its_table(owner: Connection, flagship: str) -> None:
    keep(owner, "2031-12-09 10:00Z")
    for role in ("anon", "authenticated", "service_role"):
        with acting(flagship, ANNA, role) as connection:
            assert error(connection, "select 1 from private.run_request_history_20320101").sqlstate == DENIED


LONG = "the_longest_name_of_a_machine_that_anybody_has_ever_come_up_with_"[:59]
NAMESAKES = f"""\
lifecycle: job
states: {{new: {{is: initial}}, done: {{is: terminal}}}}
transitions: {{new: [done]}}
---
table: {LONG}_one
about: One.
shared: true
columns: {{}}
---
table: {LONG}_two
about: Another.
shared: true
columns: {{}}
---
machine: {LONG}_one
follows: job
history: 90 days
undriven: {{new: Somebody.}}
---
machine: {LONG}_two
follows: job
history: 90 days
undriven: {{new: Somebody.}}
---
access: all
tables: [{LONG}_one, {LONG}_two]
allow: {{}}
"""


def test_machines_with_names_too_long_for_a_date_have_partitions_of_their_own(
    server: Server, tmp_path: Path
) -> None:
    with (
        migrated(server, build_example(NAMESAKES, tmp_path)) as database,
        psycopg.connect(database.owner, autocommit=True) as owner,
    ):
        owner.execute("select set_config('specc.now', '2031-12-09 10:00Z', false)")
        assert [problem for _, _, problem in owner.execute("select * from private.tick()")] == [None] * 2
        rows = owner.execute(
            "select inhparent::regclass::text, inhrelid::regclass::text from pg_inherits"
            " where inhrelid::regclass::text ~ '_2032[0-9]{4}$'"
        ).fetchall()
    dates = sorted((history, name[-8:]) for history, name in rows)
    assert [date for _, date in dates] == ["20320101", "20320201"] * 2
    assert len({history for history, _ in dates}) == 2

"""Monitors and the alerts over them on a real server, against what was counted by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from databases import Database, copied, migrated

from projects import ROOT, write_example
from specc import driver
from specc.diagnostics.text import render_text
from specc.pg.server import Server

pytestmark = pytest.mark.pg

Connection = psycopg.Connection[tuple[Any, ...]]
CASE = ROOT / "tests" / "cases" / "monitor_queries"
NOON = datetime(2030, 1, 2, 12, tzinfo=UTC)
FULL, FREE = UUID(int=1), UUID(int=2)


@pytest.fixture(scope="module")
def template(server: Server) -> Iterator[Database]:
    """A yard in which three lorries wait, and one with two."""
    with migrated(server, driver.build(CASE).files) as database:
        with psycopg.connect(database.owner) as owner:
            owner.execute("insert into yard (id, name) values (%s, 'full'), (%s, 'free')", [FULL, FREE])
            for yard, lorries in ((FULL, 3), (FREE, 2)):
                owner.execute(
                    "insert into lorry (yard_id, plate) select %s, n::text from generate_series(1, %s) as n",
                    [yard, lorries],
                )
        yield database


@pytest.fixture
def yards(template: Database) -> Iterator[Connection]:
    with copied(template) as database, psycopg.connect(database.owner, autocommit=True) as owner:
        owner.execute("select set_config('specc.now', %s, false)", [str(NOON)])
        yield owner


def fired(owner: Connection) -> list[tuple[Any, ...]]:
    owner.execute("select * from private.tick()")
    return owner.execute(
        "select alert, value from monitor.alert where resolved_at is null order by 1"
    ).fetchall()


def ended(owner: Connection, gone: int, broken: int, minutes: float = 0) -> None:
    """Write into history how many lorries left and broke down so many minutes ago."""
    for state, number in (("gone", gone), ("broken", broken)):
        owner.execute(
            "insert into lorry_state_history (row_id, from_state, to_state, at)"
            " select gen_random_uuid(), 'loading', %s, %s from generate_series(1, %s)",
            [state, NOON - timedelta(minutes=minutes), number],
        )


def test_a_monitor_shows_what_its_query_says(yards: Connection) -> None:
    assert yards.execute("select * from monitor.full_yards").fetchall() == [(FULL, "full", 3)]


def test_who_may_read_its_tables_reads_it(template: Database) -> None:
    with psycopg.connect(template.admin) as connection:
        connection.execute("set local role service_role")
        assert connection.execute("select count(*) from monitor.full_yards").fetchone() == (1,)
        connection.execute("reset role; revoke select on yard from service_role; set local role service_role")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("select from monitor.full_yards")
        connection.rollback()
        for role in ("anon", "authenticated"):
            connection.execute(f"set local role {role}".encode())
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("select from monitor.full_yards")
            connection.rollback()


def test_an_alert_over_a_monitor_fires_and_resolves_by_itself(yards: Connection) -> None:
    assert fired(yards) == [("full_yards", 1)]
    assert fired(yards) == [("full_yards", 1)]
    yards.execute("update lorry set state = 'loading' where yard_id = %s and plate = '1'", [FULL])
    assert fired(yards) == []
    assert yards.execute("select count(*) from monitor.alert where resolved_at is not null").fetchone() == (
        1,
    )


@pytest.mark.parametrize(
    ("gone", "broken", "minutes", "value"),
    [
        # a quarter is bearable, three are too few to say anything, two hours are the limit
        (3, 1, 0, None),
        (2, 2, 0, 0.5),
        (0, 3, 0, None),
        (0, 4, 119, 1.0),
        (0, 4, 121, None),
    ],
)
def test_an_alert_on_failures_wants_a_share_of_enough_rows(
    yards: Connection, gone: int, broken: int, minutes: float, value: float | None
) -> None:
    ended(yards, gone, broken, minutes)
    assert [one for one in fired(yards) if one[0] == "breakdowns"] == (
        [("breakdowns", value)] if value else []
    )


def test_a_function_may_read_what_operators_see(tmp_path: Path) -> None:
    text = (CASE / "specs" / "yard.yaml").read_text(encoding="utf-8")
    function = (
        "# file: functions/public/stuck.sql\n/*\nabout: How much waits.\ncallable_by: [clerk]\n*/\n"
        "create function public.stuck() returns bigint language sql stable security definer set search_path = ''\n"
        "as $$ select (select count(*) from monitor.lorry_stuck) + (select count(*) from monitor.full_yards) $$;\n"
    )
    write_example(text + function, tmp_path)
    with (tmp_path / "specc.yaml").open("a", encoding="utf-8") as settings:
        settings.write("schemas: {public: {exposed: true}, monitor: What is watched.}\n")
    result = driver.build(tmp_path)
    assert render_text(result.diagnostics, result.sources) == ""

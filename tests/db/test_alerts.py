"""Alerts on a real server: each fires once when its condition has held for long enough, tells it, and resolves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from databases import Database, copied, migrated

from projects import ROOT
from specc import driver
from specc.pg.server import Server

pytestmark = pytest.mark.pg

Connection = psycopg.Connection[tuple[Any, ...]]

CASE = ROOT / "tests" / "cases" / "alert_forms"
START = datetime(2030, 1, 2, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def template(server: Server) -> Iterator[Database]:
    """A database of the case's project, to be copied."""
    with migrated(server, driver.build(CASE).files) as database:
        yield database


@pytest.fixture
def dsn(template: Database) -> Iterator[str]:
    with copied(template) as database:
        yield database.admin


@pytest.fixture
def house(dsn: str) -> Iterator[Connection]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection


def door(house: Connection, number: int, state: str, minutes: float) -> None:
    """Put a door into a state so many minutes after the start."""
    house.execute("set session_replication_role = replica")
    house.execute(
        "insert into public.door (id, colour, state, state_since) values (%s, 'red', %s, %s)"
        " on conflict (id) do update set state = excluded.state, state_since = excluded.state_since",
        [UUID(int=number), state, START + timedelta(minutes=minutes)],
    )
    house.execute("set session_replication_role = origin")


def watch(house: Connection, minutes: float) -> int:
    """Evaluate the alerts so many minutes after the start; return how many fired or resolved."""
    house.execute("select set_config('specc.now', %s, false)", [str(START + timedelta(minutes=minutes))])
    (changed,) = house.execute("select private.watch_alerts()").fetchone() or (None,)
    assert isinstance(changed, int)
    return changed


def alerts(house: Connection) -> list[tuple[Any, ...]]:
    """Return alert, and the minutes after the start of since, fired and resolved, in order."""
    found = house.execute(
        "select alert, since, fired_at, resolved_at from monitor.alert order by since, alert"
    )
    return [
        (name, *(one and (one - START).total_seconds() / 60 for one in moments)) for name, *moments in found
    ]


def test_a_quiet_house_has_no_alert(house: Connection) -> None:
    door(house, 1, "closed", -100_000)
    assert watch(house, 0) == 0
    assert alerts(house) == []


def test_an_alert_fires_once_and_resolves_by_itself(house: Connection) -> None:
    door(house, 1, "open", 0)
    assert watch(house, 10) == 0
    assert watch(house, 11) == 1
    assert [watch(house, minute) for minute in (12, 13, 50)] == [0, 0, 0]
    assert alerts(house) == [("stuck_doors", 11, 11, None)]
    door(house, 1, "closed", 55)
    assert watch(house, 60) == 1
    assert watch(house, 61) == 0
    assert alerts(house) == [("stuck_doors", 11, 11, 60)]


def test_it_fires_again_when_it_comes_back(house: Connection) -> None:
    door(house, 1, "open", 0)
    watch(house, 11)
    door(house, 1, "closed", 12)
    watch(house, 13)
    door(house, 2, "open", 20)
    assert watch(house, 31) == 1
    assert alerts(house) == [("stuck_doors", 11, 11, 13), ("stuck_doors", 31, 31, None)]


def test_a_condition_has_to_hold_for_as_long_as_the_alert_says(house: Connection) -> None:
    for number in range(4):
        door(house, number, "open", 0)
    assert watch(house, 1) == 0
    assert watch(house, 2) == 0
    assert alerts(house) == [("many_doors", 1, None, None)]
    assert watch(house, 2.5) == 1
    assert alerts(house) == [("many_doors", 1, 2.5, None)]


def test_a_condition_that_does_not_last_is_forgotten(house: Connection) -> None:
    for number in range(4):
        door(house, number, "open", 0)
    watch(house, 1)
    door(house, 3, "closed", 1.5)
    assert watch(house, 2) == 0
    assert alerts(house) == []
    door(house, 3, "open", 2)
    watch(house, 2)
    assert watch(house, 3) == 0
    assert alerts(house) == [("many_doors", 2, None, None)]


def test_conditions_ask_for_more_than_they_say(house: Connection) -> None:
    """Three open doors are bearable, so is one that is held, and an hour of it."""
    door(house, 1, "held", 0)
    door(house, 2, "open", 60)
    door(house, 3, "open", 60)
    assert watch(house, 60) == 0
    assert alerts(house) == []
    door(house, 2, "held", 60)
    watch(house, 60.5)
    assert [one[0] for one in alerts(house)] == ["held_doors", "old_doors"]
    assert watch(house, 62) == 1
    assert [one[0] for one in alerts(house) if one[2] is not None] == ["held_doors", "old_doors"]


def test_held_doors_are_old_but_never_stuck(house: Connection) -> None:
    door(house, 1, "held", 0)
    week = 7 * 24 * 60
    watch(house, week)
    assert [one[0] for one in alerts(house)] == ["old_doors"]
    watch(house, week + 1)
    assert sorted(one[0] for one in alerts(house)) == ["old_doors", "oldest_door"]


def test_the_worst_value_is_kept(house: Connection) -> None:
    for number, minute in ((1, 0), (2, 5)):
        door(house, number, "open", minute)
    for minute in (11, 16):
        watch(house, minute)
    door(house, 1, "closed", 17)
    watch(house, 18)
    assert house.execute("select value, severity, message from monitor.alert").fetchall() == [
        (2, "warning", "Doors stay open.")
    ]


def test_firing_and_resolving_is_told_to_who_listens(house: Connection, dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as listener:
        listener.execute("listen specc_alert")
        for number in range(4):
            door(house, number, "open", 0)
        for minute in (1, 3, 4, 5):
            watch(house, minute)
        for number in range(4):
            door(house, number, "closed", 6)
        watch(house, 7)
        told = [json.loads(one.payload) for one in listener.notifies(timeout=5, stop_after=2)]
        assert list(listener.notifies(timeout=0.1)) == []
    assert [(one["event"], one["alert"], one["severity"], one["value"], one["message"]) for one in told] == [
        ("fired", "many_doors", "critical", 4, "It draws."),
        ("resolved", "many_doors", "critical", 0, "It draws."),
    ]


def test_an_alert_that_is_no_longer_declared_resolves(house: Connection) -> None:
    house.execute(
        "insert into monitor.alert (alert, severity, since, fired_at, value, message) values"
        " ('gone', 'critical', %s, %s, 7, 'It was.')",
        [START, START],
    )
    assert watch(house, 1) == 1
    assert alerts(house) == [("gone", 0, 0, 1)]


def test_many_at_once_fire_once(house: Connection, dsn: str) -> None:
    door(house, 1, "open", 0)

    def often(_: int) -> int:
        with psycopg.connect(dsn, autocommit=True) as connection:
            return sum(watch(connection, 11 + minute) for minute in range(20))

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(often, range(8))) == 1
    assert [one[0] for one in alerts(house)] == ["stuck_doors"]


def test_who_comes_second_does_not_wait(house: Connection, dsn: str) -> None:
    door(house, 1, "open", 0)
    with psycopg.connect(dsn) as first:
        assert watch(first, 11) == 1
        house.execute("set statement_timeout = '2s'")
        assert watch(house, 11) == 0
        first.rollback()
    assert watch(house, 12) == 1


@pytest.mark.parametrize("role", ["anon", "authenticated", "service_role"])
@pytest.mark.parametrize(
    "order", ["select private.watch_alerts()", "select from monitor.alert", "delete from monitor.alert"]
)
def test_only_the_owner_watches(house: Connection, role: str, order: str) -> None:
    house.execute(f"set role {role}".encode())
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        house.execute(order.encode())


def test_a_project_without_alerts_has_no_place_for_them(write_project: Any) -> None:
    case = (CASE / "specs" / "house.yaml").read_text(encoding="utf-8").split("---\nalert:")[0]
    root: Path = write_project(case)
    assert not [path for path in driver.build(root).files if "alert" in path]

"""The generated tests of rows that follow each other pass in other projects than the flagship, and say enough."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from databases import migrated

from projects import build_example
from specc.kinds.machine_sync_samples import GOOD
from specc.pg import tap
from specc.pg.server import Server

pytestmark = pytest.mark.pg

RECOVERING = """\
lifecycle: trips
states:
  planned: {is: initial}
  going: {}
  there: {is: terminal}
  broken: {}
  over: {is: terminal}
transitions: {planned: [going, over], going: [there, broken, over]}
recovery: {broken: going}
---
table: trip
about: A trip, once planned again when it broke down.
shared: true
columns: {distance: integer default 5, kind: text default 'road'}
---
table: leg
about: A leg of a trip; a trip has one of each number.
shared: true
columns: {trip_id: uuid references trip, number: integer}
unique: [[trip_id, number]]
---
table: stop
about: A stop of a leg.
shared: true
columns: {leg_id: uuid null references leg}
---
access: trips
tables: [trip, leg, stop]
allow: {}
---
machine: trip
follows: trips
attempts: 2
undriven: {going: {to: {broken: By hand., over: By hand.}}}
sync:
  leg:
    up:
      - {from: planned, to: going, when: {none: planned}, where: "distance > 3"}
      - {from: planned, to: over, when: {all: over}, where: "kind = 'rail'"}
      - {from: going, to: there, when: {all: settled, any: there}}
    down: {over: [over], broken: [over, there]}
---
machine: leg
follows: trips
attempts: 1
backoff: 1 minute
undriven: {planned: By hand., going: {to: {broken: By hand., over: By hand.}}}
sync:
  stop:
    births: refuse
    up:
      - {from: going, to: there, when: {empty: true}}
      - {from: going, to: there, when: {none: open}}
    down: {there: [there, over], over: [over], broken: [over, there]}
invariants:
  nothing_open: {if: settled, then: {stop: {none: open}}}
---
machine: stop
follows: trips
attempts: 2
undriven: {planned: By hand., going: By hand.}
"""

PROJECTS = {"parcels": (GOOD, 1), "trips": (RECOVERING, 2)}


@pytest.mark.parametrize("name", PROJECTS)
def test_other_projects_pass_their_own_tests(server: Server, tmp_path: Path, name: str) -> None:
    text, parents = PROJECTS[name]
    files = build_example(text, tmp_path)
    tests = {path: text for path, text in files.items() if path.startswith("tests/sync_")}
    assert len(tests) == parents
    with migrated(server, files) as database:
        tap.install(database.admin)
        for path, sql in tests.items():
            report = tap.run(database.owner, sql, path)
            assert report.error is None
            assert report.failed == ()
            assert report.passed == report.planned > 20


def test_a_parent_without_children_follows_when_they_are_truncated(server: Server, tmp_path: Path) -> None:
    with (
        migrated(server, build_example(RECOVERING, tmp_path)) as database,
        psycopg.connect(database.owner, autocommit=True) as owner,
    ):
        ((trip,),) = owner.execute("insert into trip default values returning id").fetchall()
        ((leg,),) = owner.execute("insert into leg (trip_id, number) values (%s, 1) returning id", [trip])
        owner.execute("insert into stop (leg_id) values (%s)", [leg])
        owner.execute("update leg set state = 'going'")
        owner.execute("truncate stop")
        assert owner.execute("select state::text from leg").fetchall() == [("there",)]

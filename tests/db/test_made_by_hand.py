"""Objects that a DBA made beside the declared ones, in the way of a change: it works, or fails as a whole and says why."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import yaml
from test_evolve import CASES, STAMPS, Databases, databases, different, dumped, edited, facts_of

from specc.pg.apply import ApplyError, apply
from specc.plan.initial import plan_initial
from specc.plan.migration import files_of, up_text
from specc.plan.parts import plan

pytestmark = pytest.mark.pg
__all__ = ["databases"]

WORKS = ""
NO_NAME = "operator does not exist: parcel_state"
"""PostgreSQL does not say whose the expression is that no longer fits; the line is that of the table's change."""

ON_A_COLUMN = {
    "create index by_hand on parcel (wished)": WORKS,
    "create statistics by_hand on wished, code from parcel": WORKS,
    "create materialized view by_hand as select wished from parcel": 'view by_hand depends on column "wished"',
    "create view by_hand as select wished from parcel": 'view by_hand depends on column "wished"',
    "create publication by_hand for table parcel (id, wished)": 'publication by_hand depends on column "wished"',
    "create policy by_hand on parcel for select using (wished = 'open')": 'policy by_hand on table parcel depends on column "wished"',
    "create function by_hand() returns text language sql return (select min(wished) from parcel)": (
        'function by_hand() depends on column "wished"'
    ),
    "alter table parcel add column by_hand text generated always as (wished || 'x') stored": (
        'Column "wished" is used by generated column "by_hand"'
    ),
    "create table other (felt text constraint by_hand references stage (name))": 'constraint "by_hand"',
    "create index by_hand on parcel (code) where wished = 'held'": NO_NAME,
    "alter table parcel add constraint by_hand check (wished <> 'held' or code <> '')": NO_NAME,
}
"""What stands on a column of text that becomes one of states, and what the migration says of it."""

LEFT = "public.parcel_state is made anew, and no spec knows of what is left of it:"
ON_A_TYPE = {
    "create publication by_hand for table parcel where (code <> '')": WORKS,
    "create index by_hand on parcel (state, code)": WORKS,
    "create table by_hand (felt parcel_state)": f"{LEFT} column felt of table by_hand",
    "create table by_hand (felt parcel_state[])": f"{LEFT} column felt of table by_hand",
    "create domain by_hand as parcel_state": f"{LEFT} type by_hand",
    "create type by_hand as (felt parcel_state)": f"{LEFT} column felt of composite type by_hand",
    "create function by_hand(p parcel_state) returns text language sql as 'select $1::text'": (
        f"{LEFT} function by_hand(parcel_state__before)"
    ),
    "create view by_hand as select state from parcel": 'view by_hand depends on column "state"',
    "create materialized view by_hand as select state from parcel": 'view by_hand depends on column "state"',
    "create publication by_hand for table parcel (id, state)": 'publication by_hand depends on column "state"',
}
"""What stands on a machine's states, whose order changes."""


@cache
def changed(case: str) -> tuple[str, list[str]]:
    """Return what a database is made with before a change, and the migrations of the change in order."""
    said = yaml.safe_load((CASES[0].parent / f"{case}.yaml").read_text(encoding="utf-8"))
    with TemporaryDirectory() as folder:
        before = facts_of(said["before"], Path(folder) / "before")
        after = facts_of(edited(said["before"], said["edits"]), Path(folder) / "after")
    parts = plan(before, after)
    files = files_of(parts, "a test", STAMPS[: len(parts)], case)
    ups = [files[path] for path in sorted(files) if path.startswith("migrations/")]
    return up_text("before", plan_initial(before)) + said["rows"], ups


def tried(case: str, object_sql: str, databases: Databases) -> str:
    """Return what a migration says with an object in its way; nothing is changed then."""
    made, ups = changed(case)
    old = databases()
    apply(old.owner, made)
    apply(old.admin, object_sql)
    base = dumped(old)
    try:
        for text in ups:
            apply(old.owner, text)
    except ApplyError as error:
        assert different(base, dumped(old)) == []
        return str(error)
    return ""


@pytest.mark.parametrize("object_sql", ON_A_COLUMN)
def test_an_object_on_a_column_that_gets_another_type(
    object_sql: str, databases: Databases, tmp_path: Path
) -> None:
    said = tried("text_becomes_states", object_sql, databases)
    assert ON_A_COLUMN[object_sql] in said
    assert bool(said) == bool(ON_A_COLUMN[object_sql]), said


@pytest.mark.parametrize("object_sql", ON_A_TYPE)
def test_an_object_of_an_enum_that_is_made_anew(
    object_sql: str, databases: Databases, tmp_path: Path
) -> None:
    said = tried("states_reordered", object_sql, databases)
    assert ON_A_TYPE[object_sql] in said
    assert bool(said) == bool(ON_A_TYPE[object_sql]), said

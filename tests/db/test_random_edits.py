"""Random edits of random projects with rows, as between two releases: up, back and up again, judged by pg_dump.

What specs must say of data they say. Rows that a change is refused for (a preflight counts them) are no mistake; what
is not refused goes through, and the way back brings every value back that it does not say it loses.
`SPECC_EDITS=1000` tries more.
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
from databases import Database, copied
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from test_evolve import climb, descend, different, dumped

from projects_random import RandomProject
from random_edits import EDITS, edited
from specc import driver
from specc.emit.sample import Place, Samples
from specc.ir import lock
from specc.ir.behaviour import History
from specc.ir.database import Column, Enum, Row, Table
from specc.ir.model import Ir
from specc.ir.step import Part
from specc.load.files import read_project
from specc.pg.apply import ApplyError, apply
from specc.pg.names import idents, qualified
from specc.plan.base import Base
from specc.plan.initial import plan_initial
from specc.plan.migration import up_text
from specc.plan.renames import rename_base

pytestmark = pytest.mark.pg

EXAMPLES = int(os.environ.get("SPECC_EDITS", "5"))
SEEDS = st.integers(0, 5000)
CHOICES = st.lists(st.tuples(st.sampled_from(sorted(EDITS)), st.integers(0, 1 << 16)), min_size=1, max_size=6)
OF_STATES = {"state", "state_since", "state_substate", "attempt", "retry_at"}
"""What rows of machines have; the way back takes rows that moved elsewhere, and counts their time anew."""


def changed(seed: int, edits: list[tuple[str, int]], folder: Path) -> tuple[Ir, Ir, tuple[Part, ...]] | None:
    """Return the facts before and after the edits that the compiler takes, and its plan; None if there is none."""
    RandomProject(seed).write(folder / "before")
    checked = driver.analyse(read_project(folder / "before"))
    if checked.ir is None:
        return None
    before = lock.load(lock.dump(checked.ir))
    base = Base(before, {}, {})
    edited(seed, edits, folder, lambda place: driver.analyse(read_project(place), base).ir is not None)
    checked = driver.analyse(read_project(folder / "edited"), base)
    return (before, checked.ir, checked.parts) if checked.ir is not None and checked.parts else None


def sample_rows(ir: Ir) -> str:
    """Return INSERTs for a row or two of each table, those they point at first."""
    samples = Samples(ir)
    own = {(one.schema, one.table) for one in (*ir.all(History), *ir.all(Row))} | {("monitor", "alert")}
    tables = [(one.schema, one.name) for one in ir.all(Table)]
    places = dict.fromkeys(near for one in tables for near in (*samples.parents(one), one) if near not in own)
    return "".join(f"{statement};\n" for statement in samples.seed(places))


def kept_columns(before: Ir, after: Ir) -> dict[Place, list[str]]:
    """Return the columns, by the tables' names before, that hold the same once a change has gone up and back."""
    renaming = rename_base(before, after)
    histories = {(one.schema, one.table) for one in before.all(History)}
    found: dict[Place, list[str]] = {}
    for now, was in renaming.was.items():
        # JSON is written in another way once it was binary.
        if (
            isinstance(was, Column)
            and now in after.by_identity
            and (was.schema, was.table) not in histories
            and not (was.generated or was.name in OF_STATES or "json" in was.type)
        ):
            found.setdefault((was.schema, was.table), []).append(was.name)
    return found


def values(database: Database, columns: dict[Place, list[str]]) -> dict[Place, list[tuple[str, ...]]]:
    """Return what rows hold, as text."""
    with psycopg.connect(database.admin) as connection:
        return {
            place: connection.execute(
                f"select {idents(tuple(names))} from {qualified(*place)} order by id::text".encode()
            ).fetchall()
            for place, names in columns.items()
            if "id" in names
        }


@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(seed=SEEDS, edits=CHOICES, large=st.booleans())
def test_edits_go_up_and_back_and_up(
    seed: int, edits: list[tuple[str, int]], large: bool, bare: Database
) -> None:
    with TemporaryDirectory() as folder:
        grown = [("tables_grow", seed)] if large else []
        change = changed(seed, [*edits, *grown], Path(folder))
    if change is None:
        event("nothing to do")
        return
    with copied(bare) as old, copied(bare) as fresh:
        try_out(old, fresh, *change)


def try_out(old: Database, fresh: Database, before: Ir, after: Ir, parts: tuple[Part, ...]) -> None:
    apply(old.owner, up_text("before", plan_initial(before)))
    apply(fresh.owner, up_text("after", plan_initial(after)))
    base, wanted = dumped(old), dumped(fresh)
    try:
        apply(old.admin, sample_rows(before))
        event("with rows")
    except ApplyError:
        event("without rows")
    columns = kept_columns(before, after)
    held = values(old, columns)
    # A few rows: what could be scanned may be found by an index, or nobody points at it.
    spared = {qualified(one.schema, one.name) for one in (*before.all(Table), *after.all(Table))} | {
        "auth.users"
    }
    try:
        climb(old, parts, spared)
    except AssertionError as refused:
        if not str(refused).startswith(("rows of", "values of")):
            raise
        event("refused")
        return
    assert different(wanted, dumped(old)) == []
    if any(count(old, one.query) for part in parts for one in part.preflights_back):
        event("refused on the way back")
        return
    descend(old, parts, spared)
    labels = {f"+     '{label}'" for one in after.all(Enum) for label in one.labels}
    assert [line for line in different(base, dumped(old)) if line not in labels] == []
    assert values(old, columns) == held
    climb(old, parts, spared)
    assert different(wanted, dumped(old)) == []


def count(database: Database, query: str) -> int:
    with psycopg.connect(database.owner) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_changes_what_it_says_and_mostly_builds(name: str, tmp_path: Path) -> None:
    """The edits are of use: each is taken for one of some projects at least, and leads to a plan."""
    for seed in range(30):
        change = changed(seed, [(name, 7 * seed + 1)], tmp_path / str(seed))
        if change is not None or (name == "tables_grow" and seed):
            return
    pytest.fail("never taken")

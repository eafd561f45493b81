"""From one random project to another, and back: most of what can change does, and nothing but PostgreSQL judges.

`SPECC_PAIRS=1000` tries more pairs. What would lose rows by what is declared is left out: that is refused before.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from test_evolve import Databases, climb, databases, descend, different, dumped

from projects_random import RandomProject
from specc import driver
from specc.ir import lock
from specc.ir.behaviour import Machine
from specc.ir.database import Enum, ForeignKey, Row
from specc.ir.model import Ir
from specc.load.files import read_project
from specc.pg.apply import apply
from specc.pg.names import qualified
from specc.plan.initial import plan_initial
from specc.plan.migration import up_text
from specc.plan.parts import plan

pytestmark = pytest.mark.pg
__all__ = ["databases"]

PAIRS = int(os.environ.get("SPECC_PAIRS", "12"))
APART = 7
NEXT = 10_000


def facts_of(seed: int, folder: Path) -> Ir:
    """Return the facts of a random project, of the next one where a project makes an object twice or has lives."""
    for number in range(seed, seed + 100 * NEXT, NEXT):
        RandomProject(number).write(folder / str(number))
        ir = driver.analyse(read_project(folder / str(number))).ir
        if ir is not None and not has_declared_lives(ir):
            return lock.load(lock.dump(ir))
    raise AssertionError(f"no project from {seed} on is one that can be changed")


def has_declared_lives(ir: Ir) -> bool:
    """Whether declared rows live through states, which a project that does not know them cannot keep."""
    tables = {(one.schema, one.table) for one in ir.all(Machine)}
    return any((one.schema, one.table) in tables for one in ir.all(Row))


@pytest.mark.parametrize("seed", range(PAIRS))
def test_one_project_becomes_another(seed: int, databases: Databases, tmp_path: Path) -> None:
    before, after = facts_of(seed, tmp_path / "before"), facts_of(seed + APART, tmp_path / "after")
    old, fresh = databases(), databases()
    apply(old.owner, up_text("before", plan_initial(before)))
    apply(fresh.owner, up_text("after", plan_initial(after)))
    base, wanted = dumped(old), dumped(fresh)
    parts = plan(before, after)
    # Without rows nothing is looked up in the tables that they would point at.
    keys = (one for ir in (before, after) for one in ir.all(ForeignKey))
    spared = {qualified(one.target_schema, one.target_table) for one in keys}
    climb(old, parts, spared)
    assert different(wanted, dumped(old)) == []
    descend(old, parts, spared)
    labels = {f"+     '{label}'" for one in after.all(Enum) for label in one.labels}
    assert [line for line in different(base, dumped(old)) if line not in labels] == []
    climb(old, parts)
    assert different(wanted, dumped(old)) == []

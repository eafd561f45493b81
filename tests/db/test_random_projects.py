"""Random valid projects: each builds without a finding, and all that its build proves holds on a server.

`SPECC_SEEDS=300` tries the first three hundred; a few that once showed a mistake are always tried.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from databases import build_of
from jsonschema import Draft7Validator

from conftest import Servers
from projects_random import RandomProject
from specc import driver
from specc.diagnostics.text import render_text
from specc.verify import verify

pytestmark = pytest.mark.pg

KEPT = (8, 17, 28, 49, 71, 119, 144, 222)
"""Seeds of projects with late references, several memberships, exclusive references, states as types, …"""
SEEDS = range(int(os.environ["SPECC_SEEDS"])) if "SPECC_SEEDS" in os.environ else KEPT


@pytest.mark.parametrize("seed", SEEDS)
def test_a_random_project_holds_what_it_says(seed: int, servers: Servers, tmp_path: Path) -> None:
    project = RandomProject(seed)
    project.write(tmp_path)
    result = driver.build(tmp_path)
    assert render_text(result.diagnostics, result.sources) == ""
    assert result.ir is not None
    schema = Draft7Validator(json.loads(result.files["editor/specc.schema.json"]))
    assert [error.message for one in project.documents for error in schema.iter_errors(one)] == []
    access = [path for path in result.files if path.startswith("tests/access_")]
    # A machine's moves are kept in a table of their own.
    assert len(access) == len(project.tables) + sum(bool(one.machine) for one in project.tables)
    findings = list(verify(result.ir, result.files, servers[build_of("pg18")].dsn()))
    assert [failure for one in findings for failure in one.failures] == []
    assert findings[-1].title == "undone"


def test_a_seed_makes_the_same_project_again() -> None:
    assert RandomProject(7).files == RandomProject(7).files
    assert RandomProject(7).files != RandomProject(8).files

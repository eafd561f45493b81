"""The small projects of `cases/` on a server: each applies, passes its own tests, and goes back."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from databases import Database, files_of

from specc.emit.tree import bootstrap
from specc.pg import tap

pytestmark = pytest.mark.pg

CASES = sorted(path.parent for path in (Path(__file__).parent.parent / "cases").glob("*/specc.yaml"))

OBJECTS = """
select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast', 'auth')
"""


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_applies_passes_its_tests_and_goes_back(case: Path, fresh: Database) -> None:
    files = files_of(case / "expected")
    fresh.bootstrap({"bootstrap.sql": bootstrap()})
    with psycopg.connect(fresh.admin) as connection:
        before = connection.execute(OBJECTS).fetchone()
    fresh.migrate(files)
    tests = [(path, text) for path, text in files.items() if path.startswith("tests/")]
    tap.install(fresh.admin)
    assert [report for report in tap.run_all([fresh.owner], tests) if not report.ok] == []
    fresh.roll_back(files)
    with psycopg.connect(fresh.admin) as connection:
        assert connection.execute(OBJECTS).fetchone() == before

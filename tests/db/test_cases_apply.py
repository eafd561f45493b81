"""The small projects of `cases/` on a server: each applies, passes its own tests, and goes back."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from projects import read_tree
from specc import driver
from specc.pg import tap
from specc.pg.apply import apply

pytestmark = pytest.mark.pg

CASES = sorted(path.parent for path in (Path(__file__).parent.parent / "cases").glob("*/specc.yaml"))

OBJECTS = """
select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast', 'auth')
"""


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_applies_passes_its_tests_and_goes_back(case: Path, database: str) -> None:
    files = {path: content.decode() for path, content in read_tree(case / "expected").items()}
    (migration,) = (path for path in files if path.startswith("migrations/"))
    apply(database, driver.build(case).files["bootstrap.sql"])
    with psycopg.connect(database) as connection:
        before = connection.execute(OBJECTS).fetchone()
    apply(database, files[migration])
    tests = [(path, text) for path, text in files.items() if path.startswith("tests/")]
    tap.install(database)
    assert [report for report in tap.run_all(database, tests) if not report.ok] == []
    apply(database, files[migration.replace("migrations/", "rollback/")])
    with psycopg.connect(database) as connection:
        assert connection.execute(OBJECTS).fetchone() == before

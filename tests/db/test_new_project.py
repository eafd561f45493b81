"""What `specc init` makes, on a server: it applies, its own tests pass, its functions do as they say."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from databases import Database, migrated

from specc import driver
from specc.cli import main
from specc.pg import tap
from specc.pg.server import Server

pytestmark = pytest.mark.pg


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    with pytest.raises(SystemExit):
        main(["init", str(tmp_path)])
    return dict(driver.build(tmp_path).files)


@pytest.fixture
def shop(server: Server, files: dict[str, str]) -> Iterator[Database]:
    with migrated(server, files) as database:
        yield database


def test_its_generated_tests_pass(shop: Database, files: dict[str, str]) -> None:
    tap.install(shop.admin)
    tests = [(path, text) for path, text in files.items() if path.startswith("tests/")]
    reports = list(tap.run_all([shop.owner], tests))
    assert [report for report in reports if not report.ok] == []
    assert sum(report.passed for report in reports) > 100


def test_a_ticket_lives_its_life(shop: Database) -> None:
    with psycopg.connect(shop.admin, autocommit=True) as connection:
        run = connection.execute
        org = run("insert into org (name) values ('A') returning id").fetchone()
        assert org
        ticket = run(
            "insert into ticket (org_id, number, title) values (%s, 1, 'Leak') returning id", org
        ).fetchone()
        assert ticket
        run("set role service_role")
        run("select public.take_ticket(%s, null)", ticket)
        run("select public.close_ticket(%s, 'solved')", ticket)
        assert run("select state::text, state_substate from ticket").fetchall() == [("closed", "solved")]
        with pytest.raises(psycopg.Error) as refused:
            run("select public.take_ticket(%s, null)", ticket)
        assert refused.value.sqlstate == "PT404"
        for role in ("service_role", "none"):
            run(f"set role {role}")
            with pytest.raises(psycopg.Error) as refused:
                run("update ticket set state = 'open'")
            assert refused.value.sqlstate == "PT409"

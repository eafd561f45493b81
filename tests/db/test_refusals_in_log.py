"""Refused moves leave nothing in the database and everything in the server's log, as the docs say."""

from __future__ import annotations

import csv
import json
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest
from databases import MAJORS, build_of, migrated

from projects import build_example
from specc.pg.server import serve

pytestmark = pytest.mark.pg

SPECS = """\
lifecycle: job
states: {new: {is: initial}, ready: {}, done: {is: terminal}}
transitions: {new: [ready], ready: [done]}
---
table: job
about: Work.
shared: true
columns: {name: text}
---
machine: job
follows: job
undriven: {new: Somebody., ready: Somebody.}
---
access: all
tables: [job]
allow: {}
"""
SETTINGS = {
    "logging_collector": "on",
    "log_directory": "log_of_the_test",
    "log_filename": "postgresql",
    "log_destination": "stderr,jsonlog,csvlog",
    "log_line_prefix": "%m [%p] %u@%d %e ",
}
REFUSED = "update public.job set state = 'done' where name = 'a'"


@pytest.fixture(scope="module", params=MAJORS)
def log(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The three forms of a log in which two of three refusals stand: a function caught the third."""
    files = build_example(SPECS, tmp_path_factory.mktemp("refused"))
    with serve(build_of(request.param), settings=SETTINGS) as server, migrated(server, files) as database:
        with psycopg.connect(database.admin, autocommit=True) as connection:
            connection.execute("insert into public.job (name) values ('a')")
            for _ in range(2):
                with pytest.raises(psycopg.Error, match="cannot move"):
                    connection.execute(REFUSED.encode())
            connection.execute(f"do $$ begin {REFUSED}; exception when others then null; end $$".encode())
            kept = connection.execute("select to_state::text from public.job_state_history").fetchall()
            ((folder,),) = connection.execute("select current_setting('data_directory')").fetchall()
            # What is logged later, is written later: by then all before it has been written.
            connection.execute("do $$ begin raise log 'the end'; end $$")
        texts = _written(Path(folder) / "log_of_the_test")
    return {"kept": kept, "who": f" postgres@{database.name} ", **texts}


def _written(folder: Path) -> dict[str, str]:
    forms = {"text": "postgresql", "json": "postgresql.json", "csv": "postgresql.csv"}
    texts: dict[str, str] = {}
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        texts = {form: (folder / name).read_text(encoding="utf-8") for form, name in forms.items()}
        if all("the end" in text for text in texts.values()):
            return texts
        time.sleep(0.05)
    raise AssertionError(f"the log has no end: {texts}")


def test_the_database_knows_of_none(log: dict[str, Any]) -> None:
    assert log["kept"] == [("new",)]


def test_a_line_of_the_log_is_as_the_docs_show_it(log: dict[str, Any]) -> None:
    lines = [line.partition(log["who"])[2] for line in log["text"].splitlines()]
    refused = [line for line in lines if line.startswith("PT409 ")]
    assert refused.count("PT409 ERROR:  job cannot move from new to done") == 2
    assert refused.count(f"PT409 STATEMENT:  {REFUSED}") == 2
    details = [line for line in refused if line.startswith("PT409 DETAIL:  Row ")]
    assert len(details) == 2
    assert all(line.endswith(", from new, to done, allowed: ready.") for line in details)


def test_json_has_the_field_that_the_docs_ask(log: dict[str, Any]) -> None:
    entries = [json.loads(line) for line in log["json"].splitlines()]
    refused = [one for one in entries if one.get("state_code") == "PT409"]
    assert [(one["message"], one["statement"]) for one in refused] == [
        ("job cannot move from new to done", REFUSED)
    ] * 2


def test_csv_has_it_too(log: dict[str, Any]) -> None:
    refused = [row for row in csv.reader(log["csv"].splitlines()) if "PT409" in row]
    assert len(refused) == 2
    assert all(row[12] == "PT409" and row[13] == "job cannot move from new to done" for row in refused)

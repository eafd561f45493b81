"""The flagship with a hostile text in every free text: it applies, and the database keeps each as written."""

from pathlib import Path

import psycopg
import pytest
from databases import Database

from hostile import HOSTILE, NOT_FREE, poison
from projects import copy_flagship
from specc import driver

pytestmark = pytest.mark.pg

KEPT_ELSEWHERE = ("access.", "alert.", "lifecycle.", "machine.", "settings.project", "settings.about")
"""What these say is for the docs, or for bodies of functions, and no comment of the database."""

AS_THEY_ARE = {*NOT_FREE, "settings.start", "settings.specs", "settings.output"}


def write_hostile_flagship(root: Path) -> list[str]:
    """Write the flagship with a text of its own in each place; return those that the database keeps."""
    written: list[str] = []

    def put(label: str, text: str) -> str:
        if label in AS_THEY_ARE or (label == "machine.undriven.*.all" and not text):
            return text
        hostile = f"{HOSTILE} {len(written)} {label}"
        written.append(hostile)
        return hostile

    poison(copy_flagship(root), put)
    return [text for text in written if not text.removeprefix(HOSTILE).split()[1].startswith(KEPT_ELSEWHERE)]


def test_the_database_keeps_hostile_texts_as_written(fresh: Database, tmp_path: Path) -> None:
    written = write_hostile_flagship(tmp_path / "flagship")
    files = driver.build(tmp_path / "flagship").files
    fresh.bootstrap(files)
    fresh.migrate(files)
    with psycopg.connect(fresh.admin) as connection:
        kept = {text for (text,) in connection.execute("select description from pg_description")}
        for columns in ("label, about", "label, about, question"):
            table = "object_type" if columns == "label, about" else "datapoint"
            kept |= {text for row in connection.execute(f"select {columns} from {table}") for text in row}
        kept |= {text for (text,) in connection.execute("select unnest(options) from datapoint")}
        tables = connection.execute("select count(*) from pg_tables where schemaname = 'public'").fetchone()
    assert len(written) > 200
    assert [text for text in written if text not in kept] == []
    assert tables is not None and tables[0] >= 16
    fresh.roll_back(files)
    with psycopg.connect(fresh.admin) as connection:
        assert connection.execute("select 1 from pg_tables where schemaname = 'public'").fetchall() == []

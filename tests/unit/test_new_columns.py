"""New columns of tables with rows: a default counts where a migration gets a value by it."""

from pathlib import Path

import pytest

from projects import write_example
from specc import driver
from specc.load.files import read_project
from specc.plan.base import Base

NOTE = """
table: note
about: What somebody noted.
shared: true
columns: {title: text}
---
access: notes
tables: [note]
allow: {}
"""


@pytest.mark.parametrize(
    ("column", "codes"),
    [
        ("uuid", ["S712"]),
        ("uuid null", []),
        ("uuid default gen_random_uuid()", []),
        # Nobody is signed in while a migration runs, so it is null in every row that is there.
        ("uuid default auth.uid()", ["S712"]),
        ("uuid null default auth.uid()", []),
    ],
)
def test_rows_that_are_there_need_a_value(column: str, codes: list[str], tmp_path: Path) -> None:
    for folder, text in (("before", NOTE), ("after", NOTE.replace("text}", f"text, author_id: {column}}}"))):
        (tmp_path / folder).mkdir()
        write_example(text, tmp_path / folder)
    before = driver.analyse(read_project(tmp_path / "before")).ir
    assert before is not None
    found = driver.analyse(read_project(tmp_path / "after"), Base(before, {}, {})).diagnostics
    assert [one.code.id for one in found] == codes

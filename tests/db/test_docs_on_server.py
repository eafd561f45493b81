"""What the pages of the flagship's machines show, run on a server: the refusal, and how to move a row."""

from __future__ import annotations

import re
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

DOCS = Path(__file__).parents[2] / "generated" / "docs"
MACHINES = sorted((DOCS / "machines").glob("*.md"))

pytestmark = pytest.mark.pg


@pytest.mark.parametrize("page", MACHINES, ids=lambda page: page.stem)
def test_the_refusal_reads_as_the_page_says(page: Path, shared_flagship: str) -> None:
    text = page.read_text(encoding="utf-8")
    (shown,) = re.findall(r"```text\n(.*?)\n```", text, re.DOTALL)
    source, target = re.findall(r"from (\w+),? to (\w+)", shown)[0]
    row = uuid4()
    call = f"select private.{page.stem}_refuse(%s, %s, %s, null, 0, 0)"
    with psycopg.connect(shared_flagship) as server, pytest.raises(psycopg.Error) as refused:
        server.execute(call, [row, source, target])
    said = refused.value.diag
    assert shown.replace("<id>", str(row)) == (
        f"ERROR:  {said.sqlstate}: {said.message_primary}\n"
        f"DETAIL:  {said.message_detail}\n"
        f"HINT:  {said.message_hint}"
    )


@pytest.mark.parametrize("page", MACHINES, ids=lambda page: page.stem)
def test_the_updates_that_a_page_shows_run(page: Path, shared_flagship: str) -> None:
    updates = re.findall(r"```sql\n(update .*?)\n```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert updates
    with psycopg.connect(shared_flagship) as server:
        for update in updates:
            assert server.execute(update.replace("$1", "%s"), [uuid4()]).rowcount == 0
        server.rollback()

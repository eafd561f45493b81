"""What PostgreSQL refuses of a build: `specc verify` names the line of the specs that it comes from."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from databases import BUILDS

from conftest import Servers
from specc import driver
from specc.cli.init import SCAFFOLD
from specc.diagnostics.text import render_text
from specc.verify import verify

pytestmark = pytest.mark.pg

TICKET = "tables/ticket.yaml"
CLOSE = "functions/public/close_ticket.sql"
COUNT = """\
/*
about: Counts tickets.
*/
create function public.count_tickets(p_org uuid) returns bigint
language sql stable as $$
    select count(*)
    from public.ticket
    where org_id = p_org and nowhere(number);
$$;
"""


@pytest.mark.parametrize(
    ("file", "old", "new", "place", "said"),
    [
        # Where the column or check begins, though the migration has all of the table in one statement.
        (TICKET, "title:       text", "title: text collate klingon", f"{TICKET}:9:3", 'collation "klingon"'),
        (TICKET, "titled: title <> ''", "titled: title || number > 5", f"{TICKET}:16:3", "text > integer"),
        (TICKET, "number > 0", "repeat(number, 2) = 'x'", f"{TICKET}:15:3", "repeat(integer, integer)"),
        (
            TICKET,
            "unique:\n",
            "indexes:\n  - {columns: [title], where: \"repeat(title, title) = ''\"}\nunique:\n",
            f"{TICKET}:13:5",
            "repeat(text, text)",
        ),
        # The very line of a body that PostgreSQL looks into when it makes the function.
        ("functions/public/count_tickets.sql", "", COUNT, "functions/public/count_tickets.sql:8", "nowhere"),
        # Of a row that no check lets in, the check.
        (
            TICKET,
            "number > 0",
            "number > 1000000",
            f"{TICKET}:15:3",
            "give the columns it reads an `example`",
        ),
    ],
    ids=["column", "check", "call", "index", "function", "sample"],
)
def test_a_failure_names_its_place_in_the_specs(
    file: str, old: str, new: str, place: str, said: str, tmp_path: Path, servers: Servers
) -> None:
    root = tmp_path / "project"
    shutil.copytree(SCAFFOLD, root)
    path = root / "specs" / file
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    assert old in text
    path.write_text(text.replace(old, new, 1) if text else new, encoding="utf-8")
    result = driver.build(root)
    assert result.ir is not None, render_text(result.diagnostics, result.sources)
    found = list(verify(result.ir, result.files, servers[BUILDS["pg18"]].dsn(), result.sources))
    report = "\n".join(found[-1].failures)
    assert f"specs/{place}" in report
    assert said in report

"""Large tables while they are changed: who writes between the parts of a plan, in the old words, loses nothing."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
import pytest
import yaml
from databases import Database
from test_evolve import CASES, TABLE, Databases, climb, databases, descend, edited, facts_of

from specc.ir.step import Part
from specc.pg.apply import apply
from specc.plan.enums import in_place
from specc.plan.initial import plan_initial
from specc.plan.migration import up_text
from specc.plan.parts import plan

pytestmark = pytest.mark.pg
__all__ = ["databases"]

SHOP = "'00000000-0000-7000-8000-000000000001'"


COMPUTED = re.compile(r"^ +kind: .*\n", re.MULTILINE)
"""A column that is computed and stored cannot change without a new file for its table."""


def with_rows(databases: Databases, folder: Path) -> tuple[Database, tuple[Part, ...]]:
    """Return a database with large tables and their rows, and the plan by which columns get other types."""
    case = yaml.safe_load((CASES[0].parent / "text_to_state.yaml").read_text(encoding="utf-8"))
    texts = (case["before"], edited(case["before"], case["edits"]))
    before, after = (
        facts_of(TABLE.sub(r"\g<0>\nlarge: true", COMPUTED.sub("", text)), folder / name)
        for name, text in zip(("before", "after"), texts, strict=True)
    )
    database = databases()
    apply(database.owner, up_text("before", plan_initial(before)))
    apply(database.owner, case["rows"])
    return database, plan(before, in_place(before, after))


def test_rows_written_meanwhile_are_there_in_the_new_form(databases: Databases, tmp_path: Path) -> None:
    old, parts = with_rows(databases, tmp_path)
    names = [one.name for one in parts]
    assert names.index("expand") == 0
    swapped = names.index("")
    with psycopg.connect(old.owner, autocommit=True) as writer:
        for number, one in enumerate(parts):
            if number <= swapped:
                code = f"w{number:02}"
                writer.execute(
                    f"insert into parcel (code, shop_id, pieces, state) values (%s, {SHOP}, %s, 'held')",
                    [code, str(number + 1)],
                )
                # What has been filled is changed again.
                writer.execute(
                    "update parcel set pieces = pieces || '0', weight = '0.5' where code = %s", [code]
                )
            climb(old, [one])
        rows = writer.execute("select code, state::text, pieces, weight from parcel order by 1").fetchall()
        assert [row for row in rows if row[0].startswith("w")] == [
            (f"w{number:02}", "held", (number + 1) * 20, 0.5) for number in range(swapped + 1)
        ]
        assert len(rows) == swapped + 1 + 3
        for one in reversed(parts):
            descend(old, [one])
        back = writer.execute(
            "select code, state, pieces from parcel where code like 'w%' order by 1"
        ).fetchall()
        assert back == [(f"w{number:02}", "held", f"{(number + 1) * 10}") for number in range(swapped + 1)]


def test_nothing_reads_or_writes_all_rows_while_it_locks_out_others(
    databases: Databases, tmp_path: Path
) -> None:
    """Tables keep their files and are not read in the parts that take strong locks: the server's own counts say so."""
    old, parts = with_rows(databases, tmp_path)
    for one in parts:
        if one.name in ("expand", "", "finish"):
            with psycopg.connect(old.owner) as connection:
                files = dict(connection.execute(FILES).fetchall())
                for step in one.steps:
                    connection.execute(step.up.encode())
                assert dict(connection.execute(FILES).fetchall()) == files
                assert connection.execute(READ).fetchall() == []
                connection.rollback()
        climb(old, [one])


FILES = "select relname, relfilenode from pg_class where relname in ('parcel', 'member')"
READ = """
    select relname, seq_scan from pg_stat_xact_user_tables where relname in ('parcel', 'member') and seq_scan > 0
"""

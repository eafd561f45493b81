"""Migrations of branches on real databases: in whatever order they came, what they make is what the specs say.

Judged by pg_dump of a database that one initial migration made from the same specs.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

import pytest
from databases import created
from test_dumps import OURS, dump

from git_projects import Shop
from specc.pg.apply import apply
from specc.pg.server import Server

pytestmark = pytest.mark.pg

NUMBERS = count()
Make = Callable[[Path, Sequence[str]], list[str]]


@pytest.fixture
def made(server: Server) -> Make:
    """Apply migrations of an output folder to a new database, and return the lines of its dump in no order."""

    def make(generated: Path, migrations: Sequence[str]) -> list[str]:
        with created(server) as database:
            database.bootstrap({"bootstrap.sql": (generated / "bootstrap.sql").read_text(encoding="utf-8")})
            for one in migrations:
                apply(database.owner, (generated / "migrations" / one).read_text(encoding="utf-8"))
            # A column that was added stands last, wherever the specs have it.
            lines = dump(database, "--schema-only", *OURS).split("\n")
        return sorted(line.rstrip(",") for line in lines if line and not line.startswith("--"))

    return make


@pytest.fixture
def afresh(made: Make, tmp_path: Path) -> Callable[[Shop], list[str]]:
    """Make the database that a project's specs say, at once."""

    def make(shop: Shop) -> list[str]:
        copy = tmp_path / "afresh"
        shutil.copytree(shop.root / "specs", copy / "specs")
        other = Shop(shop.specc, copy).make(settings="released: false\n")
        other.build()
        return made(other.generated, ["20260101000000_initial.sql"])

    return make


def test_a_hotfix_that_came_first_where_it_was_needed_makes_the_same(
    shop: Shop, made: Make, afresh: Callable[[Shop], list[str]]
) -> None:
    shop.git("branch", "release/1")
    one = shop.branch("one", "note", "body")
    shop.take("one")
    fix = shop.hotfix("task", "size", "integer null check (size > 0)")
    shop.git("checkout", "--quiet", "main")
    later = shop.branch("three", "note", "colour")
    shop.take("three")
    shop.git("merge", "release/1", code=1)
    shop.column("task", "weight")
    shop.build()
    start, *_, last = shop.migrations()
    assert shop.migrations() == [start, one, fix, later, last]
    expected = afresh(shop)
    assert any("task_size_check" in line for line in expected)
    assert made(shop.generated, [start, one, fix, later, last]) == expected
    assert made(shop.generated, [start, fix, one, later, last]) == expected


def machine(shop: Shop, table: str) -> None:
    """Bind a lifecycle to a table."""
    file = shop.root / "specs" / f"{table}.yaml"
    file.write_text(
        f"{file.read_text()}---\nlifecycle: {table}\nstates: {{open: {{is: initial}}, done: {{is: terminal}}}}\n"
        f"transitions: {{open: [done]}}\n---\nmachine: {table}\nfollows: {table}\n"
        "timeouts: {open: {after: 1 day, to: done}}\n"
    )


def test_what_a_hotfix_and_the_main_branch_both_made_anew_is_made_once_more(
    shop: Shop, made: Make, afresh: Callable[[Shop], list[str]]
) -> None:
    shop.table("job")
    machine(shop, "job")
    shop.build()
    shop.commit("Let jobs have states")
    shop.git("branch", "release/1")
    for branch, table in (("main", "note"), ("release/1", "task")):
        shop.git("checkout", "--quiet", branch)
        machine(shop, table)
        shop.build()
        shop.commit(f"Let {table}s have states")
    shop.git("checkout", "--quiet", "main")
    shop.git("merge", "release/1", code=1)
    shop.build()
    *both, main, fix, last = shop.migrations()
    assert shop.slugs()[2:4] == ["change_note", "change_task"]
    assert "function private.tick()" in (shop.generated / "migrations" / last).read_text()
    expected = afresh(shop)
    assert made(shop.generated, [*both, main, fix, last]) == expected
    assert made(shop.generated, [*both, fix, main, last]) == expected


def test_migrations_of_two_branches_make_what_both_say(
    shop: Shop, made: Make, afresh: Callable[[Shop], list[str]]
) -> None:
    shop.branch("one", "note", "body")
    shop.branch("two", "task", "size")
    shop.take("two")
    shop.git("merge", "one", code=1)
    shop.build()
    assert shop.slugs() == ["initial", "add_task_size", "add_note_body"]
    assert made(shop.generated, shop.migrations()) == afresh(shop)

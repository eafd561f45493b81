"""Released projects in real repositories: which migrations are frozen, which one is pending, and what it is called.

`git` makes the situations and judges them: what conflicts, what a commit has, whether a command that is offered works.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from git_projects import Run, Shop
from specc.cli import main

CLOCK = 1_893_456_000
"""The first second of 2030, where the clock of these tests starts."""

START = "20260101000000_initial.sql"


class Clock:
    """A clock that goes on by an hour with each look at it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch = monkeypatch
        self.seconds = CLOCK

    def tick(self) -> None:
        self.monkeypatch.setenv("SOURCE_DATE_EPOCH", str(self.seconds))
        self.seconds += 3600


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def specc(capsys: pytest.CaptureFixture[str], clock: Clock) -> Run:
    """Run a command in this process, an hour after the last one."""

    def run(*arguments: object) -> tuple[int, str, str]:
        clock.tick()
        with pytest.raises(SystemExit) as left:
            main([str(one) for one in arguments])
        said = capsys.readouterr()
        assert isinstance(left.value.code, int)
        return left.value.code, said.out, said.err

    return run


@pytest.fixture(autouse=True)
def _git_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings of whoever runs the tests away."""
    settings = tmp_path / "gitconfig"
    settings.write_text(
        "[user]\n\tname = Ann\n\temail = ann@example.com\n[init]\n\tdefaultBranch = main\n"
        "[advice]\n\tdetachedHead = false\n[merge]\n\tconflictStyle = merge\n[receive]\n\tdenyCurrentBranch = updateInstead\n"
    )
    for name in [name for name in os.environ if name.startswith(("GIT_", "SPECC_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_EDITOR", "true")


@pytest.fixture
def empty(specc: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A repository with a project of two tables, nothing built and nothing committed."""
    top = tmp_path / "shop"
    top.mkdir()
    monkeypatch.chdir(top)
    shop = Shop(specc, top).make("note", "task")
    shop.git("init", "--quiet")
    return shop


@pytest.fixture
def shop(empty: Shop) -> Shop:
    """The same, built and committed on main."""
    empty.build()
    empty.commit("Begin")
    return empty


def branch(shop: Shop, name: str, table: str, column: str, start: str = "main") -> str:
    """Make a branch with a migration of its own, committed, and return the migration's name."""
    shop.git("checkout", "--quiet", "-b", name, start)
    shop.column(table, column)
    shop.build()
    shop.commit(f"Add {column}")
    (found,) = (one for one in shop.migrations() if one.endswith(f"_add_{table}_{column}.sql"))
    return found


# One branch


def test_a_new_project_begins_with_its_initial_migration(empty: Shop) -> None:
    told = empty.build()
    assert "since a repository without a commit: 20260101000000_initial\n" in told
    assert empty.migrations() == [START]
    assert empty.is_current()
    # It is pending until it is committed: a second table goes into it, under a later stamp.
    empty.table("item")
    empty.build()
    (name,) = empty.migrations()
    assert name.endswith("_initial.sql") and name > START
    assert "create table public.item" in empty.migration("initial")


def test_an_unreleased_project_freezes_its_initial_migration_when_it_is_released(empty: Shop) -> None:
    empty.make(settings="released: false\n")
    empty.build()
    assert not (empty.generated / "specc.sum").exists()
    empty.commit()
    initial = empty.migration("initial")
    empty.make()
    empty.column("note", "body")
    empty.build()
    assert empty.slugs() == ["initial", "add_note_body"]
    assert empty.migration("initial") == initial
    assert empty.statements("add_note_body") == ["alter table public.note add column body text"]
    assert empty.is_current()


def test_a_branch_has_one_migration_which_builds_write_anew(shop: Shop) -> None:
    shop.git("checkout", "--quiet", "-b", "feature")
    shop.column("note", "body")
    told = shop.build()
    commit = shop.git("rev-parse", "--short=7", "HEAD")
    assert f"since main ({commit}): 20300101010000_add_note_body\n" in told
    assert not shop.is_current("--stamp", "20310101000000")
    # The same bytes keep their name, however often and whenever they are made.
    shop.build()
    shop.commit()
    shop.build()
    assert shop.migrations() == [START, "20300101010000_add_note_body.sql"]
    # Other bytes get another: what applied the old ones must see the new.
    shop.column("task", "body")
    assert not shop.is_current()
    shop.build()
    _, name = shop.migrations()
    assert name.endswith("_change_2_tables.sql") and name > "20300101010000"
    assert len(shop.statements("change_2_tables")) == 2
    shop.commit()
    # What is taken back leaves nothing behind.
    shop.without("note", "body")
    shop.without("task", "body")
    assert shop.build().count("no change of the database") == 1
    assert shop.migrations() == [START]
    assert shop.is_current()


def test_each_build_on_the_main_branch_itself_starts_from_its_last_commit(shop: Shop) -> None:
    shop.column("note", "body")
    shop.build()
    shop.column("note", "size", "integer null")
    shop.build()
    assert shop.slugs() == ["initial", "change_note"]
    shop.commit()
    shop.column("note", "colour")
    shop.build()
    assert shop.slugs() == ["initial", "change_note", "add_note_colour"]


def test_what_was_not_pushed_is_pending_on_the_main_branch(shop: Shop, tmp_path: Path) -> None:
    clone = shop.clone(tmp_path / "clone")
    clone.column("note", "body")
    clone.build()
    clone.commit()
    clone.column("note", "size", "integer null")
    assert "since origin/HEAD (" in clone.build()
    assert clone.slugs() == ["initial", "change_note"]
    clone.commit()
    clone.git("push", "--quiet")
    clone.column("note", "colour")
    clone.build()
    assert clone.slugs() == ["initial", "change_note", "add_note_colour"]


def test_a_detached_head_and_a_worktree_have_the_base_of_their_commit(shop: Shop, tmp_path: Path) -> None:
    branch(shop, "feature", "note", "body")
    shop.git("checkout", "--quiet", "main")
    branch(shop, "other", "task", "body")
    shop.git("checkout", "--quiet", "--detach", "feature")
    assert shop.is_current()
    shop.column("note", "size", "integer null")
    shop.build()
    assert shop.slugs() == ["initial", "change_note"]
    shop.git("worktree", "add", "--quiet", tmp_path / "beside", "other")
    beside = Shop(shop.specc, tmp_path / "beside")
    assert beside.is_current()
    beside.column("task", "size", "integer null")
    beside.build()
    assert beside.slugs() == ["initial", "change_task"]


def test_a_project_may_lie_anywhere_in_a_repository_and_names_may_have_spaces(
    specc: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    top = tmp_path / "a mono repo's top"
    shop = Shop(specc, top, "back end/the $hop", "gen erated/sql [1]").make("note")
    shop.git("init", "--quiet")
    # A second project has migrations of its own; none of them is this one's.
    other = Shop(specc, top, "other").make("task")
    monkeypatch.chdir(other.root)
    for one in (shop, other):
        one.build()
    shop.commit()
    branch(shop, "feature", "note", "body")
    other.column("task", "body")
    other.build()
    assert (shop.slugs(), other.slugs()) == (["initial", "add_note_body"], ["initial", "add_task_body"])
    # The command puts it back from wherever one stands.
    frozen = shop.generated / "migrations" / START
    frozen.write_text("select 1;\n")
    shop.mends(shop.refuses())
    assert shop.is_current()


def test_a_hook_may_build(shop: Shop) -> None:
    branch(shop, "feature", "note", "body")
    shop.top.joinpath("below").mkdir()
    hook = shop.top / ".git" / "hooks" / "pre-commit"
    hook.write_text(f"#!/bin/sh\ncd below && exec {sys.executable} -m specc build --check --project ..\n")
    hook.chmod(0o755)
    shop.column("note", "size", "integer null")
    shop.git("add", "specs")
    shop.git("commit", "--message", "Stale", code=1)
    shop.build()
    shop.git("add", "--all")
    shop.git("commit", "--message", "Fresh")


# Names


def test_the_name_that_a_user_gave_is_kept(shop: Shop) -> None:
    shop.git("checkout", "--quiet", "-b", "feature")
    shop.column("note", "body")
    shop.build("--name", "longer_notes")
    assert shop.slugs() == ["initial", "longer_notes"]
    shop.commit()
    shop.column("task", "body")
    shop.build()
    assert shop.slugs() == ["initial", "longer_notes"]
    assert shop.is_current()
    shop.build("--name", "longer_texts")
    assert shop.slugs() == ["initial", "longer_texts"]


def test_a_user_may_choose_the_stamp(shop: Shop) -> None:
    shop.column("note", "body")
    shop.build("--stamp", "20270101000000")
    assert shop.migrations() == [START, "20270101000000_add_note_body.sql"]
    assert shop.is_current()
    told = shop.refuses("--stamp", "20250101000000")
    assert told.startswith("--stamp 20250101000000 is not later than 20260101000000, which the base has")


@pytest.mark.parametrize(
    "options",
    [("--stamp", "20261301000000"), ("--stamp", "tomorrow"), ("--name", "Longer notes"), ("--name", "../x")],
    ids=" ".join,
)
def test_what_is_no_stamp_or_name_is_wrong_usage(shop: Shop, options: tuple[str, ...]) -> None:
    code, out, told = shop.specc("build", "--project", shop.root, *options)
    assert (code, out) == (2, "") and "Error: Invalid value" in told


def test_a_checking_build_reads_no_clock(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    branch(shop, "feature", "note", "body")
    monkeypatch.setattr(clock, "tick", lambda: monkeypatch.setenv("SOURCE_DATE_EPOCH", "noon"))
    assert shop.is_current()
    assert "SOURCE_DATE_EPOCH is `noon`" in shop.refuses()


def test_stamps_are_later_than_those_of_a_clock_that_was_ahead(shop: Shop) -> None:
    shop.column("note", "body")
    shop.build("--stamp", "20991231235959")
    shop.commit()
    shop.column("note", "size", "integer null")
    shop.build()
    assert shop.migrations()[-1] == "21000101000000_add_note_size.sql"


def test_the_parts_of_a_plan_have_stamps_in_order(shop: Shop) -> None:
    life = shop.root / "specs" / "job.yaml"
    text = (
        "lifecycle: job\nstates: {open: {is: initial}, held: {}, closed: {is: terminal}}\n"
        "transitions: {open: [held, closed], held: [open]}\n---\n"
        "machine: job\nfollows: job\nundriven: {open: The server., held: The server.}\n---\n"
        "table: job\nabout: A job.\nshared: true\ncolumns: {title: text}\n---\n"
        "access: jobs\ntables: [job]\nallow: {}\n"
    )
    life.write_text(text)
    shop.build()
    assert shop.slugs() == ["initial", "add_job"]
    shop.commit()
    life.write_text(
        text.replace("held: {}", "held: {}, paused: {}")
        .replace("held: [open]", "held: [paused], paused: [open]")
        .replace("held: The server.", "held: The server., paused: The server.")
    )
    shop.build("--stamp", "20310101235959")
    assert shop.migrations()[2:] == [
        "20310101235959_add_job_state_paused_labels.sql",
        "20310102000000_add_job_state_paused.sql",
    ]
    assert shop.is_current()
    assert "add value" in shop.migration("add_job_state_paused_labels")

"""Released projects in real repositories: which migrations are frozen, which one is pending, and what it is called.

`git` makes the situations and judges them: what conflicts, what a commit has, whether a command that is offered works.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from git_projects import Clock, Run, Shop

START = "20260101000000_initial.sql"


# One branch


def test_a_new_project_begins_with_its_initial_migration(empty_shop: Shop) -> None:
    told = empty_shop.build()
    assert "since a repository without a commit: 20260101000000_initial\n" in told
    assert empty_shop.migrations() == [START]
    assert empty_shop.is_current()
    # It is pending until it is committed: a second table goes into it, under a later stamp.
    empty_shop.table("item")
    empty_shop.build()
    (name,) = empty_shop.migrations()
    assert name.endswith("_initial.sql") and name > START
    assert "create table public.item" in empty_shop.migration("initial")


def test_an_unreleased_project_freezes_its_initial_migration_when_it_is_released(empty_shop: Shop) -> None:
    empty_shop.make(settings="released: false\n")
    empty_shop.build()
    assert not (empty_shop.generated / "specc.sum").exists()
    empty_shop.commit()
    initial = empty_shop.migration("initial")
    empty_shop.make()
    empty_shop.column("note", "body")
    empty_shop.build()
    assert empty_shop.slugs() == ["initial", "add_note_body"]
    assert empty_shop.migration("initial") == initial
    assert empty_shop.statements("add_note_body") == ["alter table public.note add column body text"]
    assert empty_shop.is_current()


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
    shop.branch("feature", "note", "body")
    shop.git("checkout", "--quiet", "main")
    shop.branch("other", "task", "body")
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
    specc_on_time: Run, git_settings: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    top = tmp_path / "a mono repo's top"
    shop = Shop(specc_on_time, top, "back end/the $hop", "gen erated/sql [1]").make("note")
    shop.git("init", "--quiet")
    # A second project has migrations of its own; none of them is this one's.
    other = Shop(specc_on_time, top, "other").make("task")
    monkeypatch.chdir(other.root)
    for one in (shop, other):
        one.build()
    shop.commit()
    shop.branch("feature", "note", "body")
    other.column("task", "body")
    other.build()
    assert (shop.slugs(), other.slugs()) == (["initial", "add_note_body"], ["initial", "add_task_body"])
    # The command puts it back from wherever one stands.
    frozen = shop.generated / "migrations" / START
    frozen.write_text("select 1;\n")
    shop.mends(shop.refuses())
    assert shop.is_current()


def test_a_hook_may_build(shop: Shop) -> None:
    shop.branch("feature", "note", "body")
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


def test_what_a_hook_says_of_its_own_repository_is_not_heard(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.branch("feature", "note", "body")
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.setenv(name, "elsewhere")
    assert shop.is_current()


def test_a_project_in_a_submodule_has_the_base_of_its_own_repository(shop: Shop, tmp_path: Path) -> None:
    shop.branch("feature", "note", "body")
    around = Shop(shop.specc, tmp_path / "around", "part")
    around.top.mkdir()
    around.git("init", "--quiet")
    around.git(
        "-c", "protocol.file.allow=always", "submodule", "add", "--quiet", f"file://{shop.top}", "part"
    )
    around.commit()
    inner = Shop(shop.specc, around.root)
    inner.git("remote", "set-head", "origin", "main")
    inner.column("note", "size", "integer null")
    assert "since origin/HEAD (" in inner.build()
    assert inner.slugs() == ["initial", "change_note"]


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
    shop.branch("feature", "note", "body")
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


# Two branches


def two_branches(shop: Shop) -> tuple[str, str]:
    """Make the branches `one` and `two`, each with a migration, and return their names; `two` is the later one."""
    one = shop.branch("one", "note", "body")
    two = shop.branch("two", "task", "size")
    assert one < two
    return one, two


def test_git_asks_for_a_build_where_two_branches_migrate(shop: Shop) -> None:
    one, two = two_branches(shop)
    shop.take("one")
    shop.git("checkout", "--quiet", "two")
    assert shop.conflicts("merge", "main") == ["generated/specc.sum"]
    # Main's migration is frozen, this branch's is the newest already and stays.
    told = shop.build()
    assert f"since main ({shop.git('rev-parse', '--short=7', 'main')}): {two.removesuffix('.sql')}\n" in told
    assert shop.migrations() == [START, one, two]
    shop.commit("Merge main")
    assert shop.is_current()
    shop.take("two")
    assert shop.is_current()
    assert "no change of the database" in shop.build()


def test_the_older_of_two_migrations_gets_a_new_stamp(shop: Shop) -> None:
    one, two = two_branches(shop)
    shop.take("two")
    shop.git("checkout", "--quiet", "one")
    content = shop.migration("add_note_body")
    assert shop.conflicts("merge", "main") == ["generated/specc.sum"]
    shop.build()
    *frozen, late = shop.migrations()
    assert frozen == [START, two]
    assert late > two and late.endswith("_add_note_body.sql")
    assert shop.migration("add_note_body") == content
    shop.commit("Merge main")
    assert "R100\tgenerated/migrations/" + one in shop.git("diff", "--name-status", "-M", "HEAD^1", "HEAD")


@pytest.mark.parametrize("late", ["one", "two"])
def test_a_branch_may_be_merged_into_main_in_a_clone_with_both(shop: Shop, late: str) -> None:
    one, two = two_branches(shop)
    shop.take({"one": "two", "two": "one"}[late])
    assert shop.conflicts("merge", late) == ["generated/specc.sum"]
    shop.build()
    shop.commit("Merge it")
    first, second, third = shop.migrations()
    assert (first, second) == (START, two if late == "one" else one)
    assert third == two if late == "two" else third > two
    assert shop.is_current()


@pytest.mark.parametrize("late", ["one", "two"])
def test_a_branch_may_be_rebased(shop: Shop, late: str) -> None:
    one, two = two_branches(shop)
    early = {"one": "two", "two": "one"}[late]
    shop.take(early)
    shop.git("checkout", "--quiet", late)
    assert shop.conflicts("rebase", "main") == ["generated/specc.sum"]
    shop.build()
    shop.git("add", "--all")
    shop.git("rebase", "--continue")
    assert shop.is_current()
    first, second, third = shop.migrations()
    assert (first, second) == (START, two if late == "one" else one)
    assert third == two if late == "two" else third > two
    assert shop.git("rev-list", "--count", "main..HEAD") == "1"


def test_branches_that_only_meet_in_specs_do_not_conflict(shop: Shop) -> None:
    shop.branch("one", "note", "body")
    shop.git("checkout", "--quiet", "-b", "words", "main")
    task = shop.root / "specs" / "task.yaml"
    task.write_text(task.read_text().replace("access: tasks", "access: tasks\nabout: Who may."))
    shop.build()
    assert shop.slugs() == ["initial"]
    shop.git("add", "--all")
    if shop.git("status", "--porcelain"):
        shop.commit()
    shop.git("merge", "--quiet", "--no-edit", "one")
    assert shop.is_current()


def test_two_branches_with_the_same_name_and_stamp(shop: Shop) -> None:
    for name, column in (("one", "body"), ("two", "size")):
        shop.git("checkout", "--quiet", "-b", name, "main")
        shop.column("note", column)
        shop.build("--stamp", "20300601000000", "--name", "more_notes")
        shop.commit()
    shop.take("one")
    shop.git("checkout", "--quiet", "two")
    assert "generated/migrations/20300601000000_more_notes.sql" in shop.conflicts("merge", "main")
    text = (shop.root / "specs" / "note.yaml").read_text()
    for mark in ("<<<<<<< HEAD\n", "=======\n", ">>>>>>> main\n"):
        text = text.replace(mark, "")
    (shop.root / "specs" / "note.yaml").write_text(text)
    told = shop.refuses()
    assert (
        "generated/migrations/20300601000000_more_notes.sql" in told and "changed, but frozen: main (" in told
    )
    shop.mends(told)
    shop.build()
    assert shop.slugs() == ["initial", "more_notes", "add_note_size"]
    assert shop.statements("add_note_size") == ["alter table public.note add column size text"]


def test_a_branch_that_is_merged_into_another_becomes_part_of_its_one_migration(shop: Shop) -> None:
    two_branches(shop)
    assert shop.conflicts("merge", "one") == ["generated/specc.sum"]
    shop.build()
    assert shop.slugs() == ["initial", "change_2_tables"]
    assert len(shop.statements("change_2_tables")) == 2


def test_a_merge_that_was_not_built_is_seen(shop: Shop) -> None:
    one, two = two_branches(shop)
    shop.take("two")
    shop.git("merge", "one", code=1)
    shop.git("checkout", "--ours", "generated/specc.sum")
    shop.commit("Merge it, carelessly")
    # Both are in main now, so both stay as they are.
    assert not shop.is_current()
    shop.build()
    assert shop.migrations() == [START, one, two]
    shop.commit("Build it")
    assert shop.is_current()
    assert "no change of the database" in shop.build()


def test_branches_that_took_each_other_in(shop: Shop) -> None:
    """A criss-cross: main has the branch and the branch has main, each as it was before."""
    one, two = two_branches(shop)
    shop.take("one")
    before = shop.git("rev-parse", "main")
    shop.git("merge", "two", code=1)
    shop.build()
    shop.commit("Merge two")
    shop.git("checkout", "--quiet", "two")
    shop.git("merge", before, code=1)
    shop.build()
    shop.commit("Merge main")
    assert len(shop.git("merge-base", "--all", "main", "two").splitlines()) == 2
    shop.column("task", "colour")
    shop.build()
    assert shop.migrations()[:3] == [START, one, two]
    assert shop.statements("add_task_colour") == ["alter table public.task add column colour text"]


# Squashed and stacked


def test_a_branch_that_goes_on_after_a_squash_takes_it_in_first(shop: Shop) -> None:
    one = shop.branch("one", "note", "body")
    shop.squash("one")
    shop.git("checkout", "--quiet", "one")
    # Nothing would be lost yet.
    shop.build()
    shop.column("note", "size")
    told = shop.refuses()
    assert told.startswith(
        f"generated/migrations/{one} would be written anew, but main has it, so a database may, too"
    )
    assert not shop.git("status", "--porcelain", "generated")
    shop.git("stash", "--quiet")
    shop.mends(told)
    shop.git("stash", "pop", "--quiet")
    shop.build()
    assert shop.slugs() == ["initial", "add_note_body", "add_note_size"]


def test_a_branch_on_a_branch(shop: Shop) -> None:
    one = shop.branch("one", "note", "body")
    shop.git("checkout", "--quiet", "-b", "two")
    shop.column("note", "size")
    shop.build("--base", "one")
    assert shop.migrations()[1] == one
    assert shop.slugs() == ["initial", "add_note_body", "add_note_size"]
    shop.commit()
    assert shop.is_current("--base", "one")
    # The lower one is squashed into main; the upper one follows.
    shop.squash("one")
    shop.git("rebase", "--quiet", "--onto", "main", "one", "two")
    assert shop.is_current()
    assert shop.slugs() == ["initial", "add_note_body", "add_note_size"]


def test_the_environment_may_name_the_base(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.branch("one", "note", "body")
    shop.git("checkout", "--quiet", "-b", "two")
    shop.column("note", "size")
    monkeypatch.setenv("SPECC_BASE", "one")
    shop.build()
    assert shop.slugs() == ["initial", "add_note_body", "add_note_size"]
    assert not shop.is_current("--base", "main")


def test_a_stack_that_forgot_its_base_is_stopped_before_it_takes_a_migration_back(shop: Shop) -> None:
    one = shop.branch("one", "note", "body")
    shop.git("checkout", "--quiet", "-b", "two")
    shop.column("note", "size")
    shop.build()
    shop.commit()
    assert shop.slugs() == ["initial", "change_note"]
    shop.take("one")
    # Git has nothing against it, since main did not touch the file after the branch left.
    shop.git("merge", "--quiet", "--no-commit", "--no-ff", "two")
    told = shop.refuses()
    assert f"generated/migrations/{one}, generated/rollback/{one} are missing, but frozen: main (" in told
    shop.mends(told)
    shop.build()
    assert shop.slugs() == ["initial", "add_note_body", "add_note_size"]


def test_what_another_remote_has_published_is_not_written_anew(shop: Shop, tmp_path: Path) -> None:
    fork = shop.clone(tmp_path / "fork")
    shop.branch("one", "note", "body")
    shop.take("one")
    fork.git("remote", "add", "upstream", f"file://{shop.top}")
    fork.git("fetch", "--quiet", "upstream")
    fork.git("checkout", "--quiet", "-b", "two", "upstream/main")
    fork.column("note", "size")
    # This fork's own main has seen nothing of it.
    told = fork.refuses()
    assert "but upstream/main has it" in told
    assert fork.build("--base", "upstream/main").count("_add_note_size\n") == 1


# Releases with hotfixes


@pytest.fixture
def deployed(shop: Shop) -> Shop:
    """A project with a release, and a migration on main that the release lacks."""
    shop.git("branch", "release/1")
    shop.branch("one", "note", "body")
    shop.take("one")
    return shop


def test_a_hotfix_keeps_its_name_when_it_comes_to_the_main_branch(deployed: Shop) -> None:
    fix = deployed.hotfix("task", "size", "integer null")
    # Main goes on meanwhile, so that the fix comes late.
    deployed.git("checkout", "--quiet", "main")
    later = deployed.branch("three", "note", "colour")
    deployed.take("three")
    one = deployed.migrations()[1]
    assert one < fix < later
    assert deployed.conflicts("merge", "release/1") == ["generated/specc.sum"]
    told = deployed.build()
    assert "since main (" in told and ") and release/1 (" in told and ": no change of the database\n" in told
    assert deployed.migrations() == [START, one, fix, later]
    deployed.commit("Merge the release")
    assert deployed.is_current()
    # What follows is the latest, and knows of the fix.
    deployed.column("task", "body")
    deployed.build()
    assert deployed.statements("add_task_body") == ["alter table public.task add column body text"]
    assert deployed.migrations()[:-1] == [START, one, fix, later]


def test_a_branch_may_bring_the_hotfix_together_with_its_own_work(deployed: Shop) -> None:
    fix = deployed.hotfix("task", "size", "integer null")
    deployed.branch("three", "note", "colour", "main")
    deployed.git("merge", "release/1", code=1)
    deployed.build()
    assert deployed.slugs() == ["initial", "add_note_body", "add_task_size", "add_note_colour"]
    assert fix in deployed.migrations()
    deployed.commit("Merge the release")
    assert deployed.is_current()
    deployed.column("note", "weight")
    deployed.build()
    assert fix in deployed.migrations()
    assert len(deployed.statements("change_note")) == 2


def test_a_second_hotfix_starts_from_the_first(deployed: Shop) -> None:
    first = deployed.hotfix("task", "size", "integer null")
    deployed.git("checkout", "--quiet", "-b", "again", "release/1")
    deployed.column("task", "weight")
    deployed.build()
    assert deployed.migrations()[:2] == [START, first]
    assert deployed.statements("add_task_weight") == ["alter table public.task add column weight text"]


def test_a_tag_is_a_release_too(deployed: Shop) -> None:
    fix = deployed.hotfix("task", "size", "integer null")
    deployed.git("tag", "--annotate", "--message", "One and a bit", "v1.0.1", "release/1")
    deployed.git("checkout", "--quiet", "main")
    deployed.git("branch", "--quiet", "--delete", "--force", "release/1", "hotfix")
    deployed.git("merge", "v1.0.1", code=1)
    told = deployed.build()
    assert ") and v1.0.1 (" in told
    assert fix in deployed.migrations()


def test_which_branches_are_releases_is_a_setting(deployed: Shop) -> None:
    deployed.git("branch", "--quiet", "--move", "release/1", "live")
    settings = "released: true\nreleases: [live]\n"
    deployed.make(settings=settings).commit("Say what is deployed")
    deployed.git("checkout", "--quiet", "live")
    deployed.make(settings=settings)
    deployed.column("task", "size")
    deployed.build()
    deployed.commit("Mend task")
    fix = deployed.migrations()[-1]
    deployed.git("checkout", "--quiet", "main")
    later = deployed.branch("three", "note", "colour")
    deployed.git("merge", "live", code=1)
    assert ") and live (" in deployed.build()
    assert deployed.migrations()[2] == fix < later


def test_a_hotfix_that_main_stands_in_the_way_of_is_named(deployed: Shop) -> None:
    fix = deployed.hotfix("note", "body", "text null check (body <> '')")
    deployed.git("checkout", "--quiet", "main")
    assert "specs/note.yaml" in deployed.conflicts("merge", "release/1")
    deployed.git("checkout", "--theirs", "specs/note.yaml")
    told = deployed.refuses()
    assert told.startswith("release/1 (")
    assert "went different ways, and both concern column public.note.body" in told
    assert fix in told


def test_a_hotfix_on_what_main_has_changed_is_named(shop: Shop) -> None:
    shop.git("branch", "release/1")
    task = shop.root / "specs" / "task.yaml"
    task.write_text(task.read_text().replace("title: text", "title: text null"))
    shop.build()
    assert shop.slugs() == ["initial", "change_task"]
    shop.commit("Let tasks have no title")
    shop.git("checkout", "--quiet", "release/1")
    task.write_text(task.read_text().replace("---", "unique: [[title]]\n---", 1))
    shop.build()
    shop.commit("No two tasks have one title")
    shop.git("checkout", "--quiet", "main")
    shop.git("merge", "release/1", code=1)
    assert "both concern column public.task.title: " in shop.refuses()


# Clones in trouble


def test_a_shallow_clone_is_refused_until_it_has_its_history(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.branch("feature", "note", "body")
    shop.git("checkout", "--quiet", "main")
    clone = shop.clone(tmp_path / "clone", "--depth=1", "--no-single-branch", "--branch=feature")
    monkeypatch.chdir(clone.top)
    told = clone.refuses("--check")
    assert told.startswith("this clone is shallow, so git cannot tell where this branch left origin/HEAD")
    clone.mends(told)
    assert clone.is_current()


def test_a_shallow_clone_of_the_main_branch_itself_will_do(shop: Shop, tmp_path: Path) -> None:
    shop.branch("feature", "note", "body")
    shop.take("feature")
    clone = shop.clone(tmp_path / "clone", "--depth=1")
    assert clone.git("rev-parse", "--is-shallow-repository") == "true"
    assert clone.is_current()


@pytest.mark.parametrize("depth", [["--depth=1"], []], ids=["shallow", "whole"])
def test_a_clone_without_the_main_branch_is_told_how_to_fetch_it(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, depth: list[str]
) -> None:
    shop.branch("feature", "note", "body")
    shop.git("checkout", "--quiet", "main")
    clone = shop.clone(tmp_path / "clone", "--single-branch", "--branch=feature", *depth)
    monkeypatch.chdir(clone.top)
    clone.git("update-ref", "-d", "refs/remotes/origin/HEAD")
    told = clone.refuses()
    assert told.startswith(
        "there is no main branch that this one could have left (looked for origin/HEAD, origin/main"
    )
    clone.mends(told)
    assert clone.is_current()


def test_a_main_branch_of_another_name_is_named_by_the_user(shop: Shop) -> None:
    shop.branch("feature", "note", "body")
    shop.git("branch", "--quiet", "--move", "main", "trunk")
    assert "name yours: `specc build --base BRANCH`, or in SPECC_BASE" in shop.refuses()
    assert shop.is_current("--base", "trunk")


def test_a_base_that_is_not_there_is_refused(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.branch("one", "note", "body")
    clone = shop.clone(tmp_path / "clone", "--branch=main")
    monkeypatch.chdir(clone.top)
    assert clone.refuses("--base", "one").endswith("did you mean `origin/one`?")
    told = clone.refuses("--base", "nine")
    assert told.startswith(
        "`nine` is no branch or commit of this repository, and no folder with a specc.lock"
    )
    clone.mends(told)
    assert clone.refuses("--base=--all").startswith("`--all` is no branch")


def test_branches_without_a_common_commit_are_refused(shop: Shop) -> None:
    shop.git("checkout", "--quiet", "--orphan", "island")
    assert shop.refuses().startswith("this branch has no commit yet, so none in common with main")
    shop.commit()
    assert shop.refuses().startswith("this branch has no commit in common with main")
    assert shop.is_current("--base", "HEAD")


def test_somebody_elses_repository_is_refused_with_gits_own_remedy(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.branch("feature", "note", "body")
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    told = shop.refuses()
    assert told.startswith("git takes this repository for somebody else's")
    # Trust for one call, as CI gives it.
    for name, value in (("COUNT", "1"), ("KEY_0", "safe.directory"), ("VALUE_0", str(shop.top))):
        monkeypatch.setenv(f"GIT_CONFIG_{name}", value)
    assert shop.is_current()
    monkeypatch.setenv("GIT_CONFIG_COUNT", "0")
    shop.mends(told)
    assert shop.is_current()


def test_a_machine_without_git_is_refused(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.branch("feature", "note", "body")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shop.refuses().startswith("this project is in a git repository and released, and there is no git")


def test_a_repository_that_is_none_is_refused(shop: Shop) -> None:
    shutil.rmtree(shop.top / ".git")
    (shop.top / ".git").write_text("gitdir: /nowhere\n")
    assert shop.refuses().startswith(
        "cannot read the git repository around this project: not a git repository: /nowhere"
    )


# Frozen files


def test_a_frozen_file_that_was_changed_or_lost_is_put_back_by_the_command(shop: Shop) -> None:
    one = shop.branch("one", "note", "body")
    shop.take("one")
    shop.branch("two", "task", "body")
    file = shop.generated / "migrations" / one
    file.write_text(file.read_text().replace("text", "integer"))
    told = shop.refuses()
    commit = shop.git("rev-parse", "--short=7", "main")
    assert told.startswith(
        f"generated/migrations/{one} is changed, but frozen: main ({commit}) has it, so a database"
    )
    assert shop.refuses("--check") == told
    shop.mends(told)
    (shop.generated / "rollback" / START).unlink()
    told = shop.refuses()
    assert told.startswith(f"generated/rollback/{START} is missing, but frozen: ")
    shop.mends(told)
    assert shop.is_current()


def test_a_migration_that_was_changed_on_main_itself_is_found_by_its_checksum(shop: Shop) -> None:
    one = shop.branch("one", "note", "body")
    shop.take("one")
    file = shop.generated / "migrations" / one
    right = file.read_text()
    file.write_text(right.replace("text", "integer"))
    shop.commit("Change what was released")
    told = shop.refuses()
    assert told.startswith(
        f"generated/migrations/{one} is not what it was when it was made, says specc.sum of main ("
    )
    shop.mends(told)
    assert file.read_text() == right
    assert shop.is_current()
    shop.commit("Put it back")
    assert shop.is_current()


def test_line_ends_of_another_system_are_no_change(shop: Shop) -> None:
    one = shop.branch("one", "note", "body")
    shop.take("one")
    shop.git("config", "core.autocrlf", "true")
    file = shop.generated / "migrations" / one
    shop.git("rm", "--quiet", "--cached", "-r", ".")
    shop.git("reset", "--quiet", "--hard")
    assert b"\r\n" in file.read_bytes()
    shop.build()
    shop.git("add", "--all")
    assert not shop.git("diff", "--cached", "--name-only")


def test_files_of_others_beside_the_migrations_are_left_alone(shop: Shop) -> None:
    mine = shop.generated / "migrations" / "20300101000000_by_hand.sql"
    mine.write_text("select 1;\n")
    told = shop.build()
    assert "generated/migrations/20300101000000_by_hand.sql: not made by specc, left as it is" in told
    shop.commit()
    shop.column("note", "body")
    shop.build()
    assert mine.read_text() == "select 1;\n"
    assert not any("by_hand" in line for line in shop.sums())


# Where the base lies


def test_without_git_the_lock_in_the_tree_is_the_base(shop: Shop) -> None:
    shutil.rmtree(shop.top / ".git")
    assert shop.is_current()
    shop.column("note", "body")
    assert not shop.is_current()
    assert "since generated: 20300101" in shop.build()
    assert shop.is_current()
    first = shop.migration("add_note_body")
    shop.column("note", "size")
    shop.build()
    assert shop.slugs() == ["initial", "add_note_body", "add_note_size"]
    assert shop.migration("add_note_body") == first
    frozen = shop.generated / "migrations" / START
    frozen.write_text("select 1;\n-- generated by specc\n")
    assert "is not what it was when it was made, says specc.sum of generated; put it back" in shop.refuses()
    assert "`main` is no lock and no folder with one, and there is no git repository here" in shop.refuses(
        "--base", "main"
    )


def test_a_build_without_git_that_was_cut_short_is_done_again(shop: Shop) -> None:
    shutil.rmtree(shop.top / ".git")
    before = {name: (shop.generated / name).read_bytes() for name in ("specc.lock", "specc.sum")}
    shop.column("note", "body")
    shop.build()
    after = shop.files()
    for name, content in before.items():
        (shop.generated / name).write_bytes(content)
    shop.build()
    assert shop.files() == after


def test_a_project_that_git_ignores_has_its_base_in_the_tree(shop: Shop) -> None:
    inner = Shop(shop.specc, shop.top, "scratch").make("note")
    (shop.top / ".gitignore").write_text("scratch/\n")
    inner.build()
    inner.column("note", "body")
    inner.build()
    assert inner.slugs() == ["initial", "add_note_body"]


def test_output_that_git_ignores_is_refused(empty_shop: Shop) -> None:
    (empty_shop.top / ".gitignore").write_text("generated/\n")
    told = empty_shop.refuses()
    assert told.startswith(
        "git ignores generated/specc.lock, so no commit has what the next migration is to start from"
    )
    empty_shop.mends(told)


def test_a_commit_with_a_lock_and_no_migrations_is_no_base(empty_shop: Shop) -> None:
    (empty_shop.top / ".gitignore").write_text("*.sql\n")
    empty_shop.build()
    empty_shop.commit()
    assert "has generated/specc.lock and no migrations/ beside it" in empty_shop.refuses()


def test_a_folder_or_a_lock_in_it_may_be_the_base(shop: Shop, tmp_path: Path) -> None:
    copy = tmp_path / "what is deployed"
    shutil.copytree(shop.generated, copy)
    shop.branch("one", "note", "body")
    shop.take("one")
    shop.column("note", "size")
    for base in (copy, copy / "specc.lock"):
        shop.build("--base", base)
        assert shop.slugs() == ["initial", "change_note"]
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy(copy / "specc.lock", alone / "live.lock")
    assert "specc.lock and no migrations/ beside it; a base is a folder as a build left it" in shop.refuses(
        "--base", alone / "live.lock"
    )


def test_a_project_that_moved_keeps_its_base(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.git("checkout", "--quiet", "-b", "move")
    (shop.top / "back end").mkdir()
    shop.git("mv", "specc.yaml", "specs", "generated", "back end")
    moved = Shop(shop.specc, shop.top, "back end")
    moved.column("note", "body")
    moved.build()
    assert moved.slugs() == ["initial", "add_note_body"]
    moved.commit()
    assert moved.is_current()
    # And so does one whose output moved: a build writes what is frozen there.
    elsewhere = Shop(shop.specc, shop.top, "back end", "sql/all")
    elsewhere.make()
    elsewhere.build()
    assert elsewhere.slugs() == ["initial", "add_note_body"]
    assert elsewhere.migration("initial") == moved.migration("initial")
    frozen = elsewhere.generated / "migrations" / START
    frozen.write_text(f"{frozen.read_text()}select 1;\n")
    elsewhere.mends(elsewhere.refuses())
    assert elsewhere.is_current()


def test_a_database_that_no_commit_has_is_never_made_from_nothing(shop: Shop) -> None:
    shop.branch("one", "note", "body")
    shop.take("one")
    shutil.rmtree(shop.top / ".git")
    shop.git("init", "--quiet")
    told = shop.refuses()
    assert (
        "has no database yet, but migrations/" in told
        and "_add_note_body.sql leads from one to another" in told
    )
    assert shop.is_current("--base", "generated")


def test_a_lock_that_cannot_be_read_is_no_base(shop: Shop) -> None:
    before = shop.git("rev-parse", "HEAD")
    lock = shop.generated / "specc.lock"
    lock.write_text(lock.read_text().replace("\n", "\n<<<<<<< HEAD\n", 1))
    shop.commit("Leave marks of a conflict behind")
    told = shop.refuses()
    assert told.startswith("the specc.lock of main (") and "cannot be read: line 2: " in told
    shop.build("--base", before)
    shop.commit("Build it")
    assert shop.is_current()


# Released or not


def test_a_release_is_not_taken_back_by_a_slip(shop: Shop) -> None:
    shop.make(settings="released: false\n")
    told = shop.refuses()
    assert told.startswith("generated/specc.sum tells of a release, and specc.yaml says `released: false`")
    (shop.generated / "specc.sum").unlink()
    shop.build()


@pytest.mark.parametrize("option", ["--base=main", "--stamp=20300101000000", "--name=x"])
def test_an_unreleased_project_has_no_base_and_no_names(empty_shop: Shop, option: str) -> None:
    empty_shop.make(settings="released: false\n")
    assert "--base, --stamp and --name are for released projects" in empty_shop.refuses(option)


def test_an_unreleased_project_asks_no_git_and_no_clock(
    empty_shop: Shop, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    empty_shop.make(settings="released: false\n")
    monkeypatch.setattr(clock, "tick", lambda: monkeypatch.setenv("SOURCE_DATE_EPOCH", "noon"))
    monkeypatch.setenv("SPECC_BASE", "nowhere")
    monkeypatch.setattr(subprocess, "run", None)
    empty_shop.build()
    assert [path.name for path in (empty_shop.generated / "migrations").iterdir()] == [START]

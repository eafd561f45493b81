"""What the writer does to a folder, and what it leaves alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from specc.emit.write import Comparison, WriteError, compare, write

FILES = {"specc.lock": "lock\n", "schema/order.sql": "select 1;\n", "docs/a/b.md": "# ä\n"}


def tree(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes().decode()
        for path in sorted(folder.rglob("*"))
        if not path.is_dir() or path.is_symlink()
    }


def stamps(folder: Path) -> dict[Path, tuple[int, int]]:
    return {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in sorted(folder.rglob("*"))}


def test_a_first_build_makes_the_folder(tmp_path: Path) -> None:
    output = tmp_path / "out" / "generated"
    assert write(FILES, output) == Comparison((), ("docs/a/b.md", "schema/order.sql", "specc.lock"), ())
    assert tree(output) == FILES


def test_a_second_build_touches_nothing(tmp_path: Path) -> None:
    write(FILES, tmp_path)
    for path in [tmp_path, *tmp_path.rglob("*")]:
        os.utime(path, ns=(0, 1_000_000_007))
    before = stamps(tmp_path)
    assert write(FILES, tmp_path).is_current
    assert stamps(tmp_path) == before


def test_only_what_changed_is_written(tmp_path: Path) -> None:
    write(FILES, tmp_path)
    (tmp_path / "schema/order.sql").write_text("select 2;\n")
    (tmp_path / "docs/a/b.md").unlink()
    (tmp_path / "docs/old.md").write_text("gone")
    kept = (tmp_path / "specc.lock").stat().st_ino
    expected = Comparison(("schema/order.sql",), ("docs/a/b.md",), ("docs/old.md",))
    assert compare(FILES, tmp_path) == expected
    assert not expected.is_current
    assert write(FILES, tmp_path) == expected
    assert tree(tmp_path) == FILES
    assert (tmp_path / "specc.lock").stat().st_ino == kept


def test_comparing_writes_nothing(tmp_path: Path) -> None:
    assert compare(FILES, tmp_path / "generated").missing
    assert tree(tmp_path) == {}


def test_line_endings_of_the_machine_do_not_count(tmp_path: Path) -> None:
    write({**FILES, "a.sql": "one\ntwo\n"}, tmp_path)
    assert (tmp_path / "a.sql").read_bytes() == b"one\ntwo\n"
    (tmp_path / "a.sql").write_bytes(b"one\r\ntwo\r\n")
    assert compare({**FILES, "a.sql": "one\ntwo\n"}, tmp_path).stale == ("a.sql",)


def test_folders_that_fell_empty_go(tmp_path: Path) -> None:
    write(FILES, tmp_path)
    write({"specc.lock": "lock\n"}, tmp_path)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["specc.lock"]


def test_a_file_can_take_the_place_of_a_folder_and_the_other_way_round(tmp_path: Path) -> None:
    write({"specc.lock": "", "a/b/c": "1", "d": "2"}, tmp_path)
    write({"specc.lock": "", "a": "3", "d/e": "4"}, tmp_path)
    assert tree(tmp_path) == {"specc.lock": "", "a": "3", "d/e": "4"}


def test_a_folder_of_others_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.md").write_text("years of work")
    for step in (compare, write):
        with pytest.raises(WriteError, match=r"thesis\.md.*no `specc\.lock`"):
            step(FILES, tmp_path)
    assert tree(tmp_path) == {"thesis.md": "years of work"}


def test_a_build_that_was_cut_short_can_be_repeated(tmp_path: Path) -> None:
    (tmp_path / "schema").mkdir()
    (tmp_path / "schema/order.sql").write_text("half")
    (tmp_path / "schema/4711.specc-tmp").write_text("half")
    write(FILES, tmp_path)
    assert tree(tmp_path) == FILES


@pytest.mark.parametrize("path", ["../a", "a/../b", "/a", "", ".", "a//b", "./a", "a/", "a\\b"])
def test_a_path_cannot_lead_out_of_the_folder(path: str, tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="no path below"):
        write({**FILES, path: "x"}, tmp_path / "generated")
    assert tree(tmp_path) == {}


def test_links_are_replaced_and_not_followed(tmp_path: Path) -> None:
    outside, output = tmp_path / "outside", tmp_path / "generated"
    outside.mkdir()
    (outside / "order.sql").write_text("mine")
    write(FILES, output)
    (output / "schema/order.sql").unlink()
    (output / "schema/order.sql").symlink_to(outside / "order.sql")
    (output / "docs/a/b.md").unlink()
    (output / "docs/a").rmdir()
    (output / "docs/a").symlink_to(outside)
    (output / "more").symlink_to(outside)
    found = write(FILES, output)
    assert found == Comparison(("schema/order.sql",), ("docs/a/b.md",), ("docs/a", "more"))
    assert tree(output) == FILES
    assert not any(path.is_symlink() for path in output.rglob("*"))
    assert tree(outside) == {"order.sql": "mine"}


def test_an_output_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "generated").symlink_to(tmp_path / "outside")
    with pytest.raises(WriteError, match="symbolic link"):
        write(FILES, tmp_path / "generated")
    assert tree(tmp_path / "outside") == {}


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "generated").write_text("x")
    with pytest.raises(WriteError, match="no folder"):
        write(FILES, tmp_path / "generated")


def test_a_text_that_cannot_be_written_leaves_the_old_file(tmp_path: Path) -> None:
    write(FILES, tmp_path)
    with pytest.raises(UnicodeEncodeError):
        write({**FILES, "schema/order.sql": "\ud800"}, tmp_path)
    assert tree(tmp_path) == FILES


def test_files_are_as_readable_as_the_user_asks_for(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write(FILES, tmp_path)
    finally:
        os.umask(before)
    assert (tmp_path / "specc.lock").stat().st_mode & 0o777 == 0o640

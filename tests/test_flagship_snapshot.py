"""The flagship's committed output is what a build makes of it, file by file, so that a diff reads as a review."""

from __future__ import annotations

from functools import cache

import pytest

from projects import ROOT, read_tree
from specc import driver

COMMITTED = read_tree(ROOT / "generated")


@cache
def built() -> dict[str, str]:
    return dict(driver.build(ROOT).files)


def test_the_same_files_are_made() -> None:
    assert sorted(built()) == sorted(COMMITTED), "run `specc build` and review the difference"


@pytest.mark.parametrize("path", sorted(COMMITTED))
def test_a_committed_file_is_what_a_build_makes(path: str) -> None:
    assert built().get(path, "").splitlines() == COMMITTED[path].decode().splitlines()
    assert built().get(path, "").encode() == COMMITTED[path]

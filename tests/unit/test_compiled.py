"""Compiled templates are kept and used again, and never where they no longer fit or may not be written."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from jinja2 import Environment, FileSystemLoader

from specc.pg.compiled import Compiled


class Counting(Environment):
    """Counts what it compiles."""

    compiled = 0

    def _compile(self, source: str, filename: str) -> object:  # type: ignore[override]
        self.compiled += 1
        return super()._compile(source, filename)


def rendered(folder: Path, *, trim: bool = True) -> tuple[str, int]:
    """Return what a template says in a process of its own, and how many were compiled for it."""
    environment = Counting(
        loader=FileSystemLoader(folder), bytecode_cache=Compiled(folder), trim_blocks=trim, autoescape=False
    )
    return environment.get_template("a.j2").render(x=1), environment.compiled


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", None)
    (tmp_path / "a.j2").write_text("{% if x %}\n{{ x }}{% endif %}")
    return tmp_path


def test_a_template_is_compiled_once(folder: Path) -> None:
    assert [rendered(folder), rendered(folder)] == [("1", 1), ("1", 0)]
    assert [path.parent.name for path in folder.rglob("*.pyc")] == ["__pycache__"]


def test_what_has_changed_is_compiled_again(folder: Path) -> None:
    rendered(folder)
    assert rendered(folder, trim=False) == ("\n1", 1)
    (folder / "a.j2").write_text("{{ x + 1 }}")
    assert rendered(folder) == ("2", 1)


def test_what_is_damaged_is_compiled_again(folder: Path) -> None:
    rendered(folder)
    (kept,) = folder.rglob("*.pyc")
    whole = kept.read_bytes()
    for size in range(0, len(whole), 7):
        kept.write_bytes(whole[:size])
        assert rendered(folder) == ("1", 1)


def test_nothing_is_kept_where_python_keeps_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert [rendered(folder), rendered(folder)] == [("1", 1), ("1", 1)]
    assert [path.name for path in folder.rglob("*")] == ["a.j2"]


def test_a_place_that_cannot_be_written_is_no_error(folder: Path) -> None:
    (folder / "__pycache__").write_text("")
    assert [rendered(folder), rendered(folder)] == [("1", 1), ("1", 1)]

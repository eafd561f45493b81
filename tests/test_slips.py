"""A slip in any one place of a project: no traceback, and one finding, in the file where the slip is.

Every key and every value of the scaffold is misspelt, left out, and replaced by something else, and every key of a
project with documents of all kinds. `SPECC_FUZZ` in the environment tries all of it on both, and on the flagship.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from projects import copy_flagship
from specc import driver
from specc.cli.init import SCAFFOLD
from specc.diagnostics import Diagnostic, SourceFile
from specc.diagnostics.text import render_text
from specc.load import files, yaml
from specc.load.document import Node
from test_hostile import small_project

Slip = tuple[str, str]
"""Where and what the slip is, and the text of the file with it."""

UNITED = {"S350"}
"""What each invariant is broken by has its own way there, so that each is a finding."""


def every_node(source: SourceFile) -> Iterator[tuple[tuple[str | int, ...], Node]]:
    for document in yaml.read(source)[0]:
        waiting: list[tuple[tuple[str | int, ...], Node]] = [((), document.root)]
        while waiting:
            path, node = waiting.pop()
            waiting += [((*path, step), child) for step, child in node.children.items()]
            yield path, node


def misspelt(word: str) -> str:
    """Drop a letter from the middle, as people do; of a short word double the last one."""
    middle = len(word) // 2
    return word[: middle - 1] + word[middle:] if len(word) > 3 else word + word[-1:]


def misspelt_keys(source: SourceFile) -> Iterator[Slip]:
    text = source.text
    for path, node in every_node(source):
        if node.key_start >= 0:
            key = misspelt(text[node.key_start : node.key_end])
            yield f"{path}", text[: node.key_start] + key + text[node.key_end :]


def keys_left_out(source: SourceFile) -> Iterator[Slip]:
    text = source.text
    for path, node in every_node(source):
        line = text.rfind("\n", 0, max(node.key_start, 0)) + 1
        if node.key_start >= 0 and not text[line : node.key_start].strip():
            end = text.find("\n", node.end) + 1 or len(text)
            yield f"{path}", text[:line] + text[end:]
        elif node.key_start >= 0:
            comma = text[node.end :].lstrip().startswith(",")
            end = text.index(",", node.end) + 1 if comma else node.end
            yield f"{path}", text[: node.key_start] + text[end:].lstrip(" ")


def values(kind: Callable[[str], str], styles: str = "'\"{[") -> Callable[[SourceFile], Iterator[Slip]]:
    """Return what puts something else in the place of each value on one line that is of some style, or plain."""

    def slips(source: SourceFile) -> Iterator[Slip]:
        text = source.text
        for path, node in every_node(source):
            written = text[node.start : node.end]
            if path and node.style in ("", *styles) and "\n" not in written:
                yield f"{path}: {written}", text[: node.start] + kind(written) + text[node.end :]

    return slips


KINDS = {
    "misspelt_key": misspelt_keys,
    "key_left_out": keys_left_out,
    "misspelt_value": values(misspelt),
    "number": values(lambda _: "7"),
    "list": values(lambda _: "[]"),
    "mapping": values(lambda _: "{}", "'\"["),
    "nothing": values(lambda _: "", "'\"["),
}
STAYS_THERE = ("misspelt_key", "misspelt_value", "number", "list", "mapping")
"""Slips after which what is wrong stands in the file itself; of what is left out others may speak."""


def scaffold(root: Path) -> Path:
    shutil.copytree(SCAFFOLD, root)
    return root


PROJECTS: dict[str, Callable[[Path], Path]] = {
    "scaffold": scaffold,
    "small": small_project,
    "flagship": copy_flagship,
}
TRIED = [("scaffold", kind) for kind in KINDS] + [("small", "misspelt_key"), ("small", "key_left_out")]
if os.environ.get("SPECC_FUZZ"):
    TRIED = [(project, kind) for project in PROJECTS for kind in KINDS]


def is_about(found: list[Diagnostic], path: str) -> bool:
    return any(
        span.path == path for one in found for span in (one.span, *(label.span for label in one.related))
    )


@pytest.mark.parametrize(("project", "kind"), TRIED)
def test_a_slip_is_one_finding(project: str, kind: str, tmp_path: Path) -> None:
    read = files.read_project(PROJECTS[project](tmp_path / "project"))
    counts: Counter[int] = Counter()
    for at, source in enumerate(read.files):
        for where, text in KINDS[kind](source):
            if text == source.text:
                continue
            changed = [*read.files[:at], SourceFile(source.path, text), *read.files[at + 1 :]]
            checked = driver.analyse(replace(read, files=tuple(changed)))
            found = list(checked.diagnostics)
            told = f"{source.path} {where}\n{render_text(found, checked.sources)}"
            counts[len(found)] += 1
            assert len(found) <= 1 or {one.code.id for one in found} <= UNITED, told
            assert not found or kind not in STAYS_THERE or is_about(found, source.path), told
    # Some slips change only what a thing is called, or a text.
    assert counts[1] > counts[0]

"""What a released project is built from: the facts of its base, the migrations that stay, and those that may change.

Read by the command line, from git or from a folder; nothing is read here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from specc.ir.model import Ir, gather

NOTHING = gather(())[0]
"""The facts of a project that has no base yet."""

FOLDERS = ("migrations/", "rollback/")
"""Where the way forth and the way back of each migration lie, below the output folder."""

_STAMP = 14
"""Digits of a stamp: YYYYMMDDHHMMSS."""


@dataclass(frozen=True)
class Base:
    """`facts` are what frozen migrations make; `frozen` and `pending` are files of the output folder, by path.

    Frozen files may have been applied somewhere, so they stay as they are. Pending ones are those that earlier
    builds of this branch left behind.
    """

    facts: Ir
    frozen: Mapping[str, str]
    pending: Mapping[str, str]


def names(paths: Iterable[str]) -> list[str]:
    """Return the names of migrations among paths, without their ending, in the order in which they are applied."""
    found = (PurePosixPath(path) for path in paths if path.startswith(FOLDERS[0]))
    return sorted(path.stem for path in found)


def stamp_of(name: str) -> str:
    """Return the stamp that a migration's name starts with, or "" for none."""
    stamp, _, _ = name.partition("_")
    return stamp if len(stamp) == _STAMP and stamp.isascii() and stamp.isdigit() else ""


def newest(paths: Iterable[str]) -> str:
    """Return the latest stamp of the migrations among paths, or "" for none."""
    return max((stamp_of(name) for name in names(paths)), default="")

"""Whether frozen migrations are what they were: a base's against its checksums, and the project's against the base.

A file that is not is an error with the command that puts it back. Nothing is written here.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from specc.cli.released.git import Repository
from specc.cli.released.sides import Side
from specc.load.files import ProjectError
from specc.plan.sums import unfit

_SHOWN = 3
"""How many files a message names."""


def sound(
    side: Side, tree: Mapping[str, str], output: Path, repository: Repository | None
) -> Mapping[str, str]:
    """Return the frozen files of a base, each as it was when it was made. Raises `ProjectError`.

    One that was changed in the base itself may be right in the project already: so it can be put back.
    """
    files = dict(side.files)
    for path in unfit(side.sums, side.files):
        if path in tree and path not in unfit(side.sums, {path: tree[path]}):
            files[path] = tree[path]
            continue
        became = "is not what it was when it was made" if path in files else "is gone"
        message = f"{output.name}/{path} {became}, says specc.sum of {side.name}"
        raise ProjectError(f"{message}; {_origin(side, path, output, repository)}")
    return files


def _origin(side: Side, path: str, output: Path, repository: Repository | None) -> str:
    """Say how to put back what a base has lost."""
    if repository is None or not side.commit:
        return "put it back from a copy"
    there = f"{side.folder}/{path}"
    for commit in repository.lines("log", "--format=%H", side.commit, "--", f":(top,literal){there}"):
        text = repository.files(commit, [there]).get(there, b"").decode(errors="replace")
        if path not in unfit(side.sums, {path: text}):
            return f"put it back, and commit it:\n  {_command(commit, side, [path], output, repository)}"
    return "no commit has it as it was"


def check_tree(
    side: Side,
    frozen: Mapping[str, str],
    tree: Mapping[str, str],
    output: Path,
    repository: Repository | None,
) -> None:
    """Raise `ProjectError` where the project's frozen files are not those of the base.

    In a folder that has moved since, a build writes those that are missing.
    """
    for what, paths in (
        ("changed", [path for path in frozen if path in tree and tree[path] != frozen[path]]),
        (
            "missing",
            [path for path in frozen if path not in tree and not _has_moved(side, output, repository)],
        ),
    ):
        if not paths:
            continue
        paths.sort()
        shown = ", ".join(f"{output.name}/{one}" for one in paths[:_SHOWN])
        more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
        verb = "is" if len(paths) == 1 else "are"
        message = (
            f"{shown}{more} {verb} {what}, but frozen: {side.name} has {'it' if verb == 'is' else 'them'}, so"
        )
        command = _command(side.commit, side, paths, output, repository)
        raise ProjectError(
            f"{message} a database may have, too; put {'it' if verb == 'is' else 'them'} back:\n  {command}"
        )


def _command(
    commit: str, side: Side, paths: Sequence[str], output: Path, repository: Repository | None
) -> str:
    """Return the shell command that puts files back where they belong."""
    here = shlex.quote(os.path.relpath(output))
    if repository is None or not commit:
        path = shlex.quote(paths[0])
        return f"cp {shlex.quote(side.folder)}/{path} {here}/{path}"
    if not _has_moved(side, output, repository):
        name = os.path.relpath(output, repository.folder)
        return repository.restoring(commit, [f"{name}/{one}" for one in paths])
    path = paths[0]
    return f"git show {shlex.quote(f'{commit[:12]}:{side.folder}/{path}')} > {here}/{shlex.quote(path)}"


def _has_moved(side: Side, output: Path, repository: Repository | None) -> bool:
    """Whether the output folder was elsewhere at the base."""
    return repository is not None and repository.top / side.folder != output

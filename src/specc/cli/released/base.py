"""The base of a released project: found in git, or in a folder that a build left behind, and read.

The project and what the user said come in, its base comes out, or a `ProjectError` that says what to do: what cannot
be read is never taken for nothing.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from specc.cli.released.branches import VARIABLE, Branches, base_commits, find_branches
from specc.cli.released.frozen import check_tree, sound
from specc.cli.released.git import GitError, Repository, repository
from specc.cli.released.sides import Side, of_commit, of_folder, tree_files
from specc.emit.write import LOCK
from specc.ir.fact import Identity
from specc.ir.model import Ir
from specc.lang.project import Settings
from specc.load.files import PROJECT_FILE, ProjectError
from specc.plan.base import FOLDERS, NOTHING, Base, names
from specc.plan.late import join
from specc.plan.pending import words_of
from specc.plan.title import INITIAL

_SHOWN = 5
_NOWHERE = Side("", "", "", NOTHING, {}, "")


@dataclass(frozen=True)
class Found:
    """A base as people call it, and where else a migration of this branch may have been published."""

    base: Base
    name: str
    repository: Repository | None = None
    tips: tuple[tuple[str, str], ...] = ()
    """Names and commits of main branches and releases as they are now."""


def find_base(root: Path, settings: Settings, given: str) -> Found:
    """Return the base of the released project in a folder; `given` is what the user named, or "".

    Raises `ProjectError`.
    """
    root = root.resolve()
    output = root / settings.output
    given = given or os.environ.get(VARIABLE, "")
    if folder := _folder(given):
        return _from_folder(folder, output)
    around = repository(root)
    if around is None and given:
        raise ProjectError(
            f"`{given}` is no lock and no folder with one, and there is no git repository here"
        )
    try:
        # What git is told to ignore is in no commit.
        if around is None or (not given and around.says("check-ignore", "--quiet", "--", PROJECT_FILE)):
            return _from_folder((output, LOCK), output)
        return _from_git(around, root, settings, given)
    except GitError as error:
        raise ProjectError(f"git: {error}") from None


# Folders


def _folder(given: str) -> tuple[Path, str] | None:
    """Return the folder and the name of its lock if the user named one of both."""
    path = Path(given)
    if given and path.is_file():
        return path.parent, path.name
    if given and (path / LOCK).is_file():
        return path, LOCK
    return None


def _from_folder(place: tuple[Path, str], output: Path) -> Found:
    folder, lock_file = place
    side = of_folder(folder, os.path.relpath(folder), lock_file)
    tree = tree_files(output)
    frozen = sound(side, tree, output, None)
    check_tree(side, frozen, tree, output, None)
    return Found(_base(side.facts, frozen, tree, side.name), side.name)


def _base(facts: Ir, frozen: Mapping[str, str], tree: Mapping[str, str], name: str) -> Base:
    """Put a base together; what the project has besides is pending."""
    pending = {path: text for path, text in tree.items() if path not in frozen}
    for one in names(pending) if not facts.facts else ():
        # A branch has one migration, so these were released, wherever their base is.
        if words_of(pending[f"{FOLDERS[0]}{one}.sql"]) != INITIAL:
            message = f"{name} has no database yet, but {FOLDERS[0]}{one}.sql leads from one to another"
            raise ProjectError(f"{message}; name its base: `--base BRANCH`, or `--base FOLDER`")
    return Base(facts, frozen, pending)


# Git


def _from_git(around: Repository, root: Path, settings: Settings, given: str) -> Found:
    output = root / settings.output
    branches = find_branches(around, settings, given)
    sides = [_side(around, one, branches, settings) for one in base_commits(around, branches)]
    tree = tree_files(output)
    frozen: dict[str, str] = {}
    for side in sides:
        files = sound(side, tree, output, around)
        for path in sorted(frozen.keys() & files.keys()):
            if frozen[path] != files[path]:
                raise ProjectError(f"{path} is one migration in {side.name} and another in {sides[0].name}")
        check_tree(side, files, tree, output, around)
        frozen |= files
    if all(side.is_nothing for side in sides) and around.says(
        "check-ignore", "--quiet", "--", str(output / LOCK)
    ):
        message = (
            f"git ignores {settings.output}/{LOCK}, so no commit has what the next migration is to start from"
        )
        raise ProjectError(
            f"{message}; take it out of the file that this names:\n  git check-ignore -v {settings.output}/{LOCK}"
        )
    name = " and ".join(side.name for side in sides) or "a repository without a commit"
    return Found(_base(_facts(around, sides, settings), frozen, tree, name), name, around, branches.tips)


def _side(around: Repository, commit: str, branches: Branches, settings: Settings) -> Side:
    """Read the base at a commit, called after the first of the branches that has it."""
    first, *others = branches.deployed
    having = (name for name, tip in branches.deployed if not others or around.has(tip, commit))
    return of_commit(around, commit, next(having, first[0]), settings)


def _facts(around: Repository, sides: Sequence[Side], settings: Settings) -> Ir:
    """Return the facts after the migrations of all sides. Raises `ProjectError` where these stand in each other's way."""
    if not sides:
        return NOTHING
    first, *others = sides
    start = around.common([one.commit for one in sides]) if others else ""
    common = of_commit(around, start, "where they parted", settings) if start else _NOWHERE
    facts, files = first.facts, dict(first.files)
    for other in others:
        new = other.files.items() - common.files.items()
        facts, found = join(common.facts, facts, other.facts, share=bool(new & files.items()))
        if found:
            raise ProjectError(_collision(first, other, found))
        files |= other.files
    return facts


def _collision(one: Side, other: Side, found: Sequence[Identity]) -> str:
    objects = [f"{kind.replace('_', ' ')} {'.'.join(filter(None, names))}" for kind, *names in found]
    shown = ", ".join(objects[:_SHOWN]) + (
        f" and {len(objects) - _SHOWN} more" if len(objects) > _SHOWN else ""
    )
    late = [f"{name}.sql" for name in names(other.files.keys() - one.files.keys())]
    return (
        f"{other.name} and {one.name} went different ways, and both concern {shown}: what comes of it would depend on "
        f"the order in which a database gets them. Take back what one of them did ({', '.join(late)}) where it was "
        f"applied, by its way back in {FOLDERS[1]}, remove it there, and make the change anew after the merge"
    )


def check_published(found: Found, folder: str, paths: Iterable[str]) -> None:
    """Raise `ProjectError` where files that a build is about to write anew are in a main branch or release already.

    So it is when a branch goes on after it was merged by a squash. `folder` is the output folder in the project.
    """
    around, gone = found.repository, sorted(paths)
    if around is None or not gone:
        return
    asked = [
        (name, path, f"{commit}:{around.prefix}{posixpath.normpath(folder)}/{path}")
        for name, commit in found.tips
        for path in gone
    ]
    printed = around.ask("cat-file", "--batch-check", given="".join(f"{one}\n" for *_, one in asked).encode())
    for (name, path, _), line in zip(asked, printed.decode().splitlines(), strict=True):
        if not line.endswith(" missing"):
            message = f"{folder}/{path} would be written anew, but {name} has it, so a database may, too"
            raise ProjectError(f"{message}; take in what became of it there:\n  git merge {name}")

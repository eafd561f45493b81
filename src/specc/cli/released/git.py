"""What a build asks git: where branches parted, and which files a commit has. Reads only; the judge is `git` itself.

Each trouble that a clone can be in ends in a `ProjectError` with the command that mends it.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from specc.load.files import ProjectError

_OF_OTHERS = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR", "GIT_NAMESPACE")
"""What a hook's git sets, relative to its own folder; a build looks from the project."""


class GitError(Exception):
    """Git refused; the message is its own."""


@dataclass(frozen=True)
class Repository:
    """The repository around a project.

    `folder` is the project's, `prefix` its path below the top, "" or with a slash at the end; `head` is "" before the
    first commit; `merging` are the commits that a merge in progress brings in.
    """

    folder: Path
    prefix: str
    head: str
    merging: tuple[str, ...]
    shallow: bool

    @property
    def top(self) -> Path:
        """The folder that holds the whole working tree."""
        return self.folder.parents[self.prefix.count("/") - 1] if self.prefix else self.folder

    def ask(self, *arguments: str, given: bytes = b"") -> bytes:
        """Return what git prints. Raises `GitError`."""
        return _git(self.folder, arguments, given)

    def lines(self, *arguments: str) -> list[str]:
        """Return the lines that git prints. Raises `GitError`."""
        return os.fsdecode(self.ask(*arguments)).splitlines()

    def says(self, *arguments: str) -> bool:
        """Whether git succeeds."""
        try:
            self.ask(*arguments)
        except GitError:
            return False
        return True

    def commit(self, name: str) -> str:
        """Return the commit that a name means, "" if none."""
        try:
            found = self.lines("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        except GitError:
            return ""
        # Before 2.30, git repeated the end of options.
        return found[-1] if found else ""

    def has(self, commit: str, older: str) -> bool:
        """Whether a commit is another one or comes after it."""
        return commit == older or self.says("merge-base", "--is-ancestor", older, commit)

    def refs(self, patterns: Sequence[str]) -> list[tuple[str, str]]:
        """Return the full names of branches and tags that match, each with its commit, by name."""
        if not patterns:
            return []
        form = "%(refname) %(objecttype) %(objectname) %(*objecttype) %(*objectname)"
        found = []
        for line in self.lines("for-each-ref", f"--format={form}", *patterns):
            name, *objects = line.split(" ")
            commits = [one for kind, one in zip(objects[::2], objects[1::2], strict=True) if kind == "commit"]
            found += [(name, commits[0])] if commits else []
        return found

    def parted(self, branches: Sequence[str]) -> list[str]:
        """Return the newest commits that this branch, with what is being merged into it, shares with others."""
        found: set[str] = set()
        for mine in (self.head, *self.merging):
            try:
                found.update(self.lines("merge-base", "--all", mine, *branches))
            except GitError as error:
                # It says nothing where there is no common commit.
                if str(error):
                    raise
        if len(found) > 1:
            found = set(self.lines("merge-base", "--independent", *sorted(found)))
        return sorted(found)

    def common(self, commits: Sequence[str]) -> str:
        """Return the newest commit that all of some contain, "" if there is none."""
        try:
            return self.lines("merge-base", "--octopus", *commits)[0]
        except (GitError, IndexError):
            return ""

    def files(self, commit: str, folders: Sequence[str]) -> dict[str, bytes]:
        """Return the files of a commit that lie at or below some paths from the top, by path; no links."""
        if not folders:
            return {}
        listed = _records(self.ask("ls-tree", "-r", "-z", "--full-tree", commit, "--", *folders))
        blobs = {path: name for mode, name, path in listed if mode.startswith("100")}
        names = "".join(f"{name}\n" for name in blobs.values()).encode()
        contents = _contents(self.ask("cat-file", "--batch", given=names)) if blobs else iter(())
        return dict(zip(blobs, contents, strict=True))

    def paths(self, commit: str) -> list[str]:
        """Return the paths of all files of a commit, from the top."""
        printed = self.ask("ls-tree", "-r", "-z", "--name-only", "--full-tree", commit)
        return [os.fsdecode(one) for one in printed.split(b"\0") if one]

    def restoring(self, commit: str, paths: Sequence[str]) -> str:
        """Return the command that puts files back as a commit has them; paths are from the project's folder."""
        here = os.path.relpath(self.folder)
        place = "" if here == "." else f"-C {shlex.quote(here)} "
        return f"git {place}checkout {commit[:12]} -- {' '.join(map(shlex.quote, paths))}"


def repository(folder: Path) -> Repository | None:
    """Return the repository around a folder, None if there is no `.git` above. Raises `ProjectError`."""
    if not any((one / ".git").exists() for one in (folder, *folder.parents)):
        return None
    try:
        printed = _git(
            folder, ("rev-parse", "--is-shallow-repository", "--git-path", "MERGE_HEAD", "--show-prefix")
        )
    except FileNotFoundError:
        message = "this project is in a git repository and released, and there is no git to ask for its base"
        raise ProjectError(
            f"{message}; install git, or name a folder as a build leaves it: `--base FOLDER`"
        ) from None
    except GitError as error:
        raise ProjectError(_trouble(str(error))) from None
    shallow, merging, prefix = os.fsdecode(printed).split("\n", 2)
    found = Repository(folder, prefix.removesuffix("\n"), "", (), shallow == "true")
    return Repository(folder, found.prefix, found.commit("HEAD"), _merging(folder / merging), found.shallow)


def _merging(file: Path) -> tuple[str, ...]:
    try:
        return tuple(file.read_text(encoding="ascii").split())
    except OSError:
        return ()


def _git(folder: Path, arguments: Sequence[str], given: bytes = b"") -> bytes:
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=_environment(), input=given, capture_output=True, check=False
    )
    if done.returncode:
        raise GitError(os.fsdecode(done.stderr).strip())
    return done.stdout


def _environment() -> Mapping[str, str]:
    """Return the environment for git: its words in English, no question to the user, no other repository."""
    kept = {name: value for name, value in os.environ.items() if name not in _OF_OTHERS}
    return kept | {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"}


def _trouble(said: str) -> str:
    """Return what is wrong with a repository and the command that mends it."""
    for line in said.splitlines():
        # Git prints the very command, the folder quoted as shells want it.
        if line.strip().startswith("git config --global --add safe.directory"):
            return f"git takes this repository for somebody else's and does not read it; if it is yours:\n  {line.strip()}"
    first = said.splitlines()[0] if said else "git gave up without a word"
    return (
        f"cannot read the git repository around this project: {first.removeprefix('fatal: ')}\n  git status"
    )


def _records(printed: bytes) -> Iterator[tuple[str, str, str]]:
    """Yield mode, object and path of what `ls-tree -z` lists."""
    for record in filter(None, printed.split(b"\0")):
        head, _, path = record.partition(b"\t")
        mode, _, name = head.decode().split()
        yield mode, name, os.fsdecode(path)


def _contents(printed: bytes) -> Iterator[bytes]:
    """Yield the contents that `cat-file --batch` prints: a line that ends in the size, the bytes, a line's end."""
    at = 0
    while at < len(printed):
        end = printed.index(b"\n", at)
        if printed[at:end].endswith(b" missing"):
            raise GitError(f"object {os.fsdecode(printed[at:end])}")
        size = int(printed[at:end].rsplit(b" ", 1)[1])
        yield printed[end + 1 : end + 1 + size]
        at = end + size + 2

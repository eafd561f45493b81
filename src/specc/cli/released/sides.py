"""What a base consists of: the output folder as a commit has it, or as it lies on a disk, read into one `Side`.

Frozen are the migrations that carry specc's mark or stand in specc.sum; other people's files count for nothing.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from specc.cli.released.git import Repository
from specc.emit.write import LOCK, is_marked
from specc.ir import lock
from specc.ir.model import Ir
from specc.lang.project import Settings
from specc.load.files import PROJECT_FILE, ProjectError, settings_of
from specc.plan.base import FOLDERS, NOTHING
from specc.plan.sums import SUMS, SumsError, listed


@dataclass(frozen=True)
class Side:
    """One output folder: `files` are its migrations and ways back by path below it, `sums` the text of specc.sum.

    `name` is what people call it; `commit` is "" for a folder on a disk; `folder` is its path, from the top of the
    repository if it is a commit's, and "" where there is nothing yet.
    """

    name: str
    commit: str
    folder: str
    facts: Ir
    files: Mapping[str, str]
    sums: str

    @property
    def is_nothing(self) -> bool:
        """Whether there is no database yet."""
        return not self.facts.facts


def of_folder(folder: Path, name: str, lock_file: str = LOCK) -> Side:
    """Read an output folder on a disk. Raises `ProjectError`.

    Once there are checksums, a migration that is not among them is one that a build did not finish.
    """
    paths = [
        folder / lock_file,
        folder / SUMS,
        *(one for part in FOLDERS for one in (folder / part).glob("*.sql")),
    ]
    try:
        found = {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in paths
            if path.is_file() and not path.is_symlink()
        }
    except OSError as error:
        raise ProjectError(f"cannot read {error.filename}: {error.strerror}") from None
    if lock_file != LOCK:
        found[LOCK] = found.pop(lock_file, b"")
    side = _side(name, "", str(folder), found)
    known = listed(side.sums)
    return replace(side, files={path: side.files[path] for path in side.files if path in known or not known})


def of_commit(repository: Repository, commit: str, name: str, settings: Settings) -> Side:
    """Read the output folder that a project had at a commit, wherever it was. Raises `ProjectError`."""
    named = f"{name} ({commit[:7]})"
    root = repository.prefix.removesuffix("/")
    for place in _places(repository, commit, root, settings, named):
        found = _below(repository, commit, place)
        if found:
            return _side(named, commit, place, found)
    return Side(named, commit, "", NOTHING, {}, "")


def tree_files(output: Path) -> dict[str, str]:
    """Return the migrations and ways back that lie in the project now and that specc has made or knows."""
    paths = [path for part in FOLDERS for path in (output / part).glob("*.sql") if path.is_file()]
    # Whatever became of them, they are compared and not understood.
    texts = {
        one.relative_to(output).as_posix(): _lines(one.read_bytes().decode(errors="replace")) for one in paths
    }
    try:
        known = listed((output / SUMS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = ()
    return {path: text for path, text in texts.items() if path in known or is_marked(text.encode())}


def _places(repository: Repository, commit: str, root: str, settings: Settings, named: str) -> Iterator[str]:
    """Yield where an output folder may have been at a commit: here, or where its own specc.yaml says."""
    yield posixpath.normpath(posixpath.join(root, settings.output))
    was_here = repository.files(commit, [posixpath.join(root, PROJECT_FILE)])
    for path, text in (was_here or _moved(repository, commit, settings)).items():
        try:
            yield posixpath.normpath(posixpath.join(posixpath.dirname(path), settings_of(text).output))
        except ProjectError as error:
            raise ProjectError(f"in {named}, {error}; name its output folder: `--base FOLDER`") from None


def _moved(repository: Repository, commit: str, settings: Settings) -> dict[str, bytes]:
    """Return the project file, by path, of the one project of this name that is no longer where it was."""
    paths = [one for one in repository.paths(commit) if posixpath.basename(one) == PROJECT_FILE]
    gone = [one for one in paths if not (repository.top / one).exists()]
    found = {path: text for path, text in repository.files(commit, gone).items() if _is_of(text, settings)}
    return found if len(found) == 1 else {}


def _is_of(content: bytes, settings: Settings) -> bool:
    try:
        return settings_of(content).project == settings.project
    except ProjectError:
        return False


def _below(repository: Repository, commit: str, folder: str) -> dict[str, bytes]:
    """Return lock, checksums and migrations of an output folder at a commit, by path below it."""
    wanted = [f"{folder}/{one.removesuffix('/')}" for one in (LOCK, SUMS, *FOLDERS)]
    return {path.removeprefix(f"{folder}/"): one for path, one in repository.files(commit, wanted).items()}


def _side(name: str, commit: str, folder: str, found: Mapping[str, bytes]) -> Side:
    texts = {path: _text(content, f"{folder}/{path}", name) for path, content in found.items()}
    sums = texts.pop(SUMS, "")
    facts = _facts(texts.pop(LOCK, ""), name)
    try:
        known = set(listed(sums))
    except SumsError:
        # The next build writes it anew.
        known, sums = set(), ""
    files = {path: text for path, text in texts.items() if path in known or is_marked(text.encode())}
    if bool(files) != bool(facts.facts):
        has, lacks = (FOLDERS[0], LOCK) if files else (LOCK, FOLDERS[0])
        message = f"{name} has {posixpath.join(folder, has)} and no {lacks} beside it"
        raise ProjectError(
            f"{message}; a base is a folder as a build left it: name another commit or folder with --base"
        )
    return Side(name, commit, folder, facts, files, sums)


def _facts(text: str, name: str) -> Ir:
    if not text:
        return NOTHING
    try:
        return lock.load(text)
    except lock.LockError as error:
        message = f"the {LOCK} of {name} cannot be read: {error}"
        raise ProjectError(f"{message}; name a commit with one that can be, `--base COMMIT`") from None


def _text(content: bytes, path: str, name: str) -> str:
    try:
        return _lines(content.decode())
    except UnicodeDecodeError:
        raise ProjectError(f"{path} of {name} is no UTF-8, so no build has written it") from None


def _lines(text: str) -> str:
    """Return a text as git keeps it where lines end in the way of another system."""
    return text.replace("\r\n", "\n")

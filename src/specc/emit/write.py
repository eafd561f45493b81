"""The one writer: texts by path in, the output folder made equal to them.

What is right already is not touched, so a second build writes nothing. Never reaches outside the folder, and
never touches a folder that no build has made.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

LOCK = "specc.lock"
"""The file by which a folder is known as ours."""

_TEMPORARY = ".specc-tmp"


class WriteError(Exception):
    """The output folder is not ours, or a path would lead out of it; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """How a folder differs from what it should hold, as sorted paths below it: `stale` has other bytes."""

    stale: tuple[str, ...]
    missing: tuple[str, ...]
    extra: tuple[str, ...]

    @property
    def is_current(self) -> bool:
        """Whether there is nothing to write and nothing to remove."""
        return not (self.stale or self.missing or self.extra)


def compare(files: Mapping[str, str], output: Path) -> Comparison:
    """Compare a folder with the files it should hold. Raises `WriteError`."""
    _check_paths(files)
    _check_folder(output)
    there = dict(_entries(output, ""))
    extra = tuple(sorted(there.keys() - files.keys()))
    foreign = [path for path in extra if not path.endswith(_TEMPORARY)]
    if foreign and LOCK not in there:
        raise WriteError(
            f"{output} holds `{foreign[0]}` and no `{LOCK}`, so no build has made it; "
            "name an empty or a new folder as `output` in specc.yaml"
        )
    return Comparison(
        stale=tuple(
            sorted(path for path in there.keys() & files.keys() if not _same(there[path], files[path]))
        ),
        missing=tuple(sorted(files.keys() - there.keys())),
        extra=extra,
    )


def write(files: Mapping[str, str], output: Path) -> Comparison:
    """Make a folder hold exactly these files and return how it differed before. Raises `WriteError`.

    The lock comes last: a build that was cut short is seen as stale by the next one.
    """
    found = compare(files, output)
    for path in found.extra:
        (output / path).unlink()
    _remove_empty_folders(output)
    for path in sorted((*found.stale, *found.missing), key=lambda path: (path == LOCK, path)):
        _replace(output / path, files[path].encode())
    return found


def _check_paths(paths: Iterable[str]) -> None:
    for path in paths:
        parts = PurePosixPath(path).parts
        if not parts or ".." in parts or path != "/".join(parts) or path.startswith("/") or "\\" in path:
            raise WriteError(f"`{path}` is no path below the output folder")


def _check_folder(output: Path) -> None:
    if output.is_symlink():
        raise WriteError(f"{output} is a symbolic link; a build writes only into a folder of its own")
    if output.exists() and not output.is_dir():
        raise WriteError(f"{output} is no folder")


def _entries(folder: Path, prefix: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yield all that is not a folder, by path; links are not followed."""
    if not folder.is_dir():
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _entries(Path(entry.path), f"{prefix}{entry.name}/")
            else:
                yield f"{prefix}{entry.name}", entry


def _same(entry: os.DirEntry[str], text: str) -> bool:
    if not entry.is_file(follow_symlinks=False):
        return False
    content = text.encode()
    return (
        entry.stat(follow_symlinks=False).st_size == len(content) and Path(entry.path).read_bytes() == content
    )


def _remove_empty_folders(output: Path) -> None:
    """Remove what removed files left behind; the output folder itself stays."""
    for folder, _, _ in os.walk(output, topdown=False):
        if Path(folder) != output and not os.listdir(folder):  # noqa: PTH208 - half the time on large trees
            Path(folder).rmdir()


def _replace(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; a link in its place is replaced, not followed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Short, so that a name that fits still does; the process's number keeps two builds apart.
    temporary = path.with_name(f"{os.getpid()}{_TEMPORARY}")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise

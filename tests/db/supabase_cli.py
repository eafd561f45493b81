"""Fetches Supabase's command line from npm and runs it on a database; the repository keeps nothing of it.

In goes the URL of a database over TCP, outside of any container; out comes what the program said.
"""

import os
import platform
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

VERSION = "3.1.0"


class UnavailableError(Exception):
    """Neither the cache nor the package registry has it; the message says what was tried."""


@dataclass(frozen=True)
class SupabaseCli:
    """The program, with a project folder of its own as home and place of work."""

    program: Path
    folder: Path

    def __call__(self, *arguments: str, url: str) -> str:
        """Run a command on the database and return its output; raises `AssertionError` when it fails."""
        return self._run(*arguments, f"--remote={url}")

    def diff(self, one: str, other: str) -> str:
        """Return the SQL that turns one database into another, by Supabase's pg-delta, which needs no container."""
        return self._run(
            "db", "diff", "--use-pg-delta", "--strict-coverage", f"--from={one}", f"--to={other}"
        )

    def add(self, path: str, text: str) -> None:
        """Add a migration of a build to the project."""
        (self.folder / "supabase" / "migrations" / Path(path).name).write_text(text, encoding="utf-8")

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(
            [self.program, *arguments, "--yes", "--workdir", self.folder],
            cwd=self.folder,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.folder),
                # Its warnings about TLS go to standard output, between the results.
                "PGSSLMODE": "disable",
                "SUPABASE_TELEMETRY_DISABLED": "1",
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def supabase(folder: Path) -> SupabaseCli:
    """Return the program, fetched once, and make `folder` a project without migrations."""
    (folder / "supabase" / "migrations").mkdir(parents=True)
    (folder / "supabase" / "config.toml").write_text('project_id = "outside"\n', encoding="utf-8")
    return SupabaseCli(_fetched() / "node_modules" / ".bin" / "supabase", folder)


def _fetched() -> Path:
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "specc" / "supabase"
    # Its programs are built for one platform each.
    kept = home / f"{VERSION}-{platform.system()}-{platform.machine()}"
    if not kept.is_dir():
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home) as work:
            made = Path(work) / "made"
            _install(made)
            try:
                made.rename(kept)
            except OSError:  # another worker was faster
                assert kept.is_dir()
    return kept


def _install(folder: Path) -> None:
    quiet = ("--ignore-scripts", "--no-save", "--no-audit", "--no-fund", "--fetch-retries=0")
    command = ["npm", "install", "--prefix", str(folder), *quiet, f"supabase@{VERSION}"]
    folder.mkdir()
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)
        program = folder / "node_modules" / ".bin" / "supabase"
        subprocess.run([program, "--version"], check=True, capture_output=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        raise UnavailableError(f"{' '.join(command)}: {error}") from error

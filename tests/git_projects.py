"""Small released projects in real git repositories, for tests of branches: whoever judges them is `git` itself."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

TABLE = "table: {0}\nabout: A {0}.\nshared: true\ncolumns:\n  title: text\n---\naccess: {0}s\ntables: [{0}]\nallow: {{}}\n"


CLOCK = 1_893_456_000
"""The first second of 2030, where the clock of these projects starts."""


class Clock:
    """A clock that goes on by an hour with each look at it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch = monkeypatch
        self.seconds = CLOCK

    def tick(self) -> None:
        self.monkeypatch.setenv("SOURCE_DATE_EPOCH", str(self.seconds))
        self.seconds += 3600


class Run(Protocol):
    """Runs `specc` and returns its exit code, standard output and standard error."""

    def __call__(self, *arguments: object) -> tuple[int, str, str]: ...


@dataclass(frozen=True)
class Shop:
    """A project in a folder of a repository; `top` is the repository's working tree."""

    specc: Run
    top: Path
    folder: str = ""
    output: str = "generated"

    @property
    def root(self) -> Path:
        """The folder of specc.yaml."""
        return self.top / self.folder

    @property
    def generated(self) -> Path:
        """The output folder."""
        return self.root / self.output

    # Git

    def git(self, *arguments: object, code: int = 0, **environment: str) -> str:
        """Run git in the working tree; it must end with this exit code."""
        done = subprocess.run(
            ["git", *map(str, arguments)],
            cwd=self.top,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout.rstrip("\n")

    def commit(self, message: str = "Change it") -> str:
        """Commit everything and return the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)
        return self.git("rev-parse", "HEAD")

    def conflicts(self, *command: object) -> list[str]:
        """Run a merge or a rebase that must stop, and return the files in conflict, relative to the top."""
        self.git(*command, code=1)
        return self.git("diff", "--name-only", "--diff-filter=U").splitlines()

    def clone(self, to: Path, *options: str) -> Shop:
        """Clone the repository as from another machine."""
        self.git("clone", "--quiet", *options, f"file://{self.top}", to)
        return Shop(self.specc, to, self.folder, self.output)

    # The project

    def make(self, *tables: str, settings: str = "released: true\n") -> Shop:
        """Write the project with tables of one column."""
        (self.root / "specs").mkdir(parents=True, exist_ok=True)
        output = f'output: "{self.output}"\n' if self.output != "generated" else ""
        (self.root / "specc.yaml").write_text(f"project: shop\n{output}{settings}")
        for name in tables:
            self.table(name)
        return self

    def table(self, name: str) -> None:
        """Add a table with the column `title`."""
        (self.root / "specs" / f"{name}.yaml").write_text(TABLE.format(name))

    def column(self, table: str, name: str, sql: str = "text null") -> None:
        """Add a column to a table."""
        file = self.root / "specs" / f"{table}.yaml"
        file.write_text(file.read_text().replace("---", f"  {name}: {sql}\n---", 1))

    def without(self, table: str, column: str) -> None:
        """Take a column out of a table again."""
        file = self.root / "specs" / f"{table}.yaml"
        lines = file.read_text().splitlines(keepends=True)
        file.write_text("".join(line for line in lines if not line.startswith(f"  {column}: ")))

    def build(self, *options: object) -> str:
        """Build, which must succeed, and return what was told."""
        code, _, told = self.specc("build", "--project", self.root, *options)
        assert code == 0, told
        return told

    def refuses(self, *options: object) -> str:
        """Build, which must end with exit code 2 and change nothing, and return what was told."""
        before = self.files()
        code, out, told = self.specc("build", "--project", self.root, *options)
        assert (code, out) == (2, ""), told
        assert told.startswith("specc: ")
        assert self.files() == before
        return told.removeprefix("specc: ").rstrip("\n")

    def mends(self, told: str) -> None:
        """Run the command that a refusal ends with, as a user would who copies its last line."""
        command = told.splitlines()[-1].strip()
        assert shlex.split(command)[0] in ("git", "cp"), told
        subprocess.run(command, shell=True, check=True, capture_output=True)

    def is_current(self, *options: object) -> bool:
        """Whether `specc build --check` finds nothing to do; it must write nothing."""
        before = self.files()
        code, _, told = self.specc("build", "--project", self.root, "--check", *options)
        assert code in (0, 1), told
        assert self.files() == before
        return code == 0

    def files(self) -> Mapping[str, bytes]:
        """Return the output folder's files by path."""
        return {
            path.relative_to(self.generated).as_posix(): path.read_bytes()
            for path in sorted(self.generated.rglob("*"))
            if path.is_file()
        }

    def migrations(self) -> list[str]:
        """Return the names of the migrations in order; each must have its way back and stand in specc.sum."""
        names = sorted(path.name for path in (self.generated / "migrations").iterdir())
        assert names == sorted(path.name for path in (self.generated / "rollback").iterdir())
        listed = [line.split()[1] for line in self.sums() if not line.startswith("#")]
        assert listed == [f"{folder}/{name}" for name in names for folder in ("migrations", "rollback")]
        return names

    def slugs(self) -> list[str]:
        """Return the names of the migrations in order, without stamps."""
        return [name.partition("_")[2].removesuffix(".sql") for name in self.migrations()]

    def sums(self) -> list[str]:
        """Return the lines of specc.sum."""
        return (self.generated / "specc.sum").read_text().splitlines()

    def migration(self, slug: str) -> str:
        """Return the text of the one migration of a name."""
        (path,) = (self.generated / "migrations").glob(f"*_{slug}.sql")
        return path.read_text()

    def statements(self, slug: str) -> list[str]:
        """Return what a migration does, without its head and settings."""
        text = self.migration(slug).partition("immediate;\n\n")[2]
        return [one.strip() for one in text.split(";") if one.strip()]

    # Branches

    def branch(self, name: str, table: str, column: str, start: str = "main") -> str:
        """Make a branch with a migration of its own, committed, and return the migration's name."""
        self.git("checkout", "--quiet", "-b", name, start)
        self.column(table, column)
        self.build()
        self.commit(f"Add {column}")
        (found,) = (one for one in self.migrations() if one.endswith(f"_add_{table}_{column}.sql"))
        return found

    def take(self, name: str) -> None:
        """Let a branch become part of main, as a forge does that knows no conflict."""
        self.git("checkout", "--quiet", "main")
        self.git("merge", "--quiet", "--no-ff", "--no-edit", name)

    def squash(self, name: str) -> None:
        """Let what a branch did become one commit of main."""
        self.git("checkout", "--quiet", "main")
        self.git("merge", "--quiet", "--squash", name)
        self.commit(f"Squash {name}")

    def hotfix(self, table: str, column: str, sql: str = "text null") -> str:
        """Mend release/1 on a branch of its own, merge it there, and return the migration's name."""
        self.git("checkout", "--quiet", "-b", "hotfix", "release/1")
        self.column(table, column, sql)
        self.build()
        self.commit(f"Mend {table}")
        self.git("checkout", "--quiet", "release/1")
        self.git("merge", "--quiet", "--no-ff", "--no-edit", "hotfix")
        assert self.is_current()
        return self.migrations()[-1]

"""Folders of hand-written migrations, and the runner as people meet it: a command that says something and ends."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from specc.cli import main

DAY = "20260101"

TICKET = "create table public.ticket (id int primary key, status text not null);\n"
ROWS = "insert into public.ticket select n, 'open' from generate_series(1, 1000) as n;\n"


def stamp(number: int) -> str:
    return f"{DAY}{number:06}"


@dataclass(frozen=True)
class Said:
    """What a run said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found


@dataclass(frozen=True)
class Folder:
    """A folder of migrations and the database that they are for."""

    path: Path
    dsn: str
    capsys: pytest.CaptureFixture[str]

    def write(self, number: int, name: str, up: str, down: str | None = None) -> str:
        """Write a file and its way back; returns its path in the folder."""
        file = f"{stamp(number)}_{name}.sql"
        for folder, text in (("migrations", up), ("rollback", down)):
            if text is not None:
                (self.path / folder).mkdir(exist_ok=True)
                (self.path / folder / file).write_bytes(text.encode())
        return f"migrations/{file}"

    def remove(self, file: str) -> None:
        (self.path / file).unlink()
        (self.path / file.replace("migrations", "rollback")).unlink(missing_ok=True)

    def arguments(self, *arguments: object, dsn: str | None = None) -> list[str]:
        return ["migrate", *map(str, arguments), f"--folder={self.path}", f"--dsn={dsn or self.dsn}"]

    def __call__(self, *arguments: object, dsn: str | None = None) -> Said:
        """Run a command in this process."""
        with pytest.raises(SystemExit) as left:
            main(self.arguments(*arguments, dsn=dsn))
        said = self.capsys.readouterr()
        assert isinstance(left.value.code, int)
        return Said(left.value.code, said.out, said.err)

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        """Start a command in a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "specc", *self.arguments(*arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def states(self) -> dict[str, str]:
        """Return the state of each version, as `status` tells it."""
        found = self("status", "--format=json").data["migrations"]
        return {one["version"].removeprefix(DAY).lstrip("0"): one["state"] for one in found}

    def ask(self, query: str) -> Any:
        """Return the first value of a query's first row."""
        with psycopg.connect(self.dsn) as connection:
            row = connection.execute(query.encode()).fetchone()
        return row and row[0]


def until(there: Callable[[], object], seconds: float = 20) -> None:
    """Wait for something to come about."""
    deadline = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)

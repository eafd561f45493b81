"""Measures how long writers wait while a text of a large table becomes the state of a machine.

In goes a small project with one table; out comes the longest wait of any writer during `specc migrate up`, for the
table changed in place and changed online, and what became of the rows. It starts a private server that syncs each
commit to disk, and changes no file.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from specc import driver
from specc.emit.tree import bootstrap
from specc.ir.model import Ir
from specc.load.files import read_project
from specc.pg.apply import apply
from specc.pg.server import Server, serve
from specc.plan.initial import plan_initial
from specc.plan.migration import files_of, initial_files
from specc.plan.parts import plan

BEFORE = """\
table: parcel
about: What was ordered.
shared: true
columns:
  code: text
  pieces: integer default 1
  state: text default 'open' check (state in ('open', 'held', 'sent'))
indexes: [[state], {columns: [code], where: "state = 'held'"}]
---
access: all
tables: [parcel]
allow: {}
"""
STATE = "  state: text default 'open' check (state in ('open', 'held', 'sent'))\n"
MACHINE = """\
---
lifecycle: orders
states:
  open: {is: initial}
  held: {}
  sent: {is: terminal}
transitions: {open: [held], held: [open, sent]}
---
machine: parcel
follows: orders
undriven: {open: By hand., held: By hand.}
"""
ROWS = """
insert into public.parcel (code, state, pieces)
select 'p' || n, (array['open', 'held', 'sent'])[n % 3 + 1], n % 7 from generate_series(1, {rows}) as n
"""
WRITERS = 4


@dataclass
class Writer:
    """A connection that writes one row after another: a new one, then one of the old ones, and so on."""

    number: int
    longest: float = 0.0
    written: int = 0
    failures: list[str] = field(default_factory=list)

    def run(self, conninfo: str, codes: int, stop: threading.Event) -> None:
        """Write until told to stop, and note the longest time that one statement took, in seconds."""
        with psycopg.connect(conninfo, autocommit=True) as connection:
            while not stop.is_set():
                code = f"p{(self.written * 7919 + self.number) % codes + 1}"
                insert: tuple[str, list[Any]] = (
                    "insert into public.parcel (code, state, pieces) values (%s, 'open', 0)",
                    [f"w{self.number}-{self.written}"],
                )
                update: tuple[str, list[Any]] = (
                    "update public.parcel set pieces = pieces + 1 where code = %s and state = 'held'",
                    [code],
                )
                since = time.perf_counter()
                try:
                    connection.execute(*(update if self.written % 2 else insert))
                except psycopg.Error as error:
                    self.failures.append(str(error))
                self.longest = max(self.longest, time.perf_counter() - since)
                self.written += 1
                time.sleep(0.002)


def facts(root: Path, text: str) -> Ir:
    """Return the facts of a project of one file."""
    (root / "specs").mkdir(parents=True)
    (root / "specc.yaml").write_text("project: bench\n", encoding="utf-8")
    (root / "specs" / "all.yaml").write_text(text, encoding="utf-8")
    ir = driver.analyse(read_project(root)).ir
    assert ir is not None, "the project is right"
    return ir


def folder(root: Path, files: Mapping[str, str]) -> Path:
    """Write migrations and their ways back."""
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    return root


def measure(server: Server, name: str, base: Ir, new: Ir, rows: int, root: Path) -> float:
    """Migrate a database of its own while others write, print what came of it and return the longest wait."""
    with psycopg.connect(server.dsn("postgres"), autocommit=True) as connection:
        connection.execute(f"create database {name}".encode())
    conninfo = server.dsn(name)
    first = initial_files("bench: all", "20260101000000", plan_initial(base))
    apply(conninfo, bootstrap())
    done = root / name
    migrate(conninfo, folder(done, first))
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(ROWS.format(rows=rows).encode())
        # The old writers find their rows by this, whichever way the table is changed.
        connection.execute("create index parcel_of_code on public.parcel (code)")
        connection.execute("vacuum analyze public.parcel")
    parts = plan(base, new)
    stamps = [f"202601020000{number:02}" for number in range(len(parts))]
    folder(done, files_of(parts, "bench: states", stamps, "states"))
    stop, writers = threading.Event(), [Writer(number) for number in range(WRITERS)]
    threads = [threading.Thread(target=one.run, args=(conninfo, rows, stop)) for one in writers]
    for thread in threads:
        thread.start()
    time.sleep(3)
    usual = max(one.longest for one in writers)
    since = time.perf_counter()
    try:
        migrate(conninfo, done)
    finally:
        took = time.perf_counter() - since
        stop.set()
        for thread in threads:
            thread.join()
    longest = max(one.longest for one in writers)
    written = sum(one.written for one in writers)
    told(server, name, rows, writers)
    print(
        f"{name:<10}{len(parts):>3} files {took:>8.1f} s   longest wait {longest * 1000:>9,.0f} ms"
        f"   before that {usual * 1000:>6,.0f} ms   {written:,} writes",
        flush=True,
    )
    return longest


def told(server: Server, name: str, rows: int, writers: list[Writer]) -> None:
    """Stop the run if a writer failed or a row is lost or in another state than it was written with."""
    failures = [text for one in writers for text in one.failures]
    if failures:
        sys.exit(f"{name}: {len(failures)} writes failed, the first: {failures[0]}")
    inserted = sum((one.written + 1) // 2 for one in writers)
    with psycopg.connect(server.dsn(name)) as connection:
        query = """
            select count(*), count(*) filter (where state::text is distinct from case
                when code like 'w%' then 'open'
                else (array['open', 'held', 'sent'])[substr(code, 2)::integer % 3 + 1] end)
            from public.parcel
        """
        found = connection.execute(query.encode()).fetchone()
    if found != (rows + inserted, 0):
        sys.exit(f"{name}: rows there and wrong: {found}, wanted {rows + inserted} and 0")


def migrate(conninfo: str, files: Path) -> None:
    """Run `specc migrate up`."""
    command = [sys.executable, "-m", "specc", "migrate", "up", "--dsn", conninfo, "--folder", str(files)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode:
        sys.exit(made.stdout + made.stderr)


def main() -> None:
    """Measure both ways and print the ratio: exit code 1 when it is below the one wanted."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--wanted", type=float, default=20, help="how many times shorter")
    chosen = options.parse_args()
    after = BEFORE.replace(STATE, "") + MACHINE
    large = after.replace("shared: true\n", "shared: true\nlarge: true\n")
    with (
        tempfile.TemporaryDirectory() as temporary,
        serve(settings={"fsync": "on", "synchronous_commit": "on"}) as server,
    ):
        root = Path(temporary)
        base = facts(root / "base", BEFORE)
        waits = {
            name: measure(server, name, base, facts(root / f"{name}_specs", text), chosen.rows, root)
            for name, text in (("in_place", after), ("online", large))
        }
    ratio = waits["in_place"] / waits["online"]
    print(f"the longest wait is {ratio:.0f} times shorter online (wanted: {chosen.wanted:.0f})")
    sys.exit(ratio < chosen.wanted)


if __name__ == "__main__":
    main()

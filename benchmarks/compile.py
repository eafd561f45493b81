"""Measures what `specc check` and `specc build` cost as whole processes: on the flagship, and on larger projects.

Generated projects of some hundred tables, each with a machine, are written to a temporary folder and measured
there; out comes a table with seconds, ratios and the budgets. Nothing outside that folder is written.
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SIZES = (100, 300, 1000)
"""Numbers of tables of the generated projects; each has as many machines."""

FLAGSHIP_BUDGETS = {"check": 0.6, "build": 1.2}
"""Seconds that a command may take on the flagship."""
LARGEST_BUDGET = 15.0
"""Seconds that a build of the largest generated project may take."""
PER_ENTITY_BUDGET = 1.3
"""How much more one table and its machine may cost in the largest project than in the smallest."""

ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""That of a user: Python keeps what it compiled, so that only the first run of a process compiles modules."""

SPECC = "from specc.cli import main; main()"
PACKAGES = "import click, pglast.parser, pydantic.main, yaml"
"""What a check imports of others: it cannot take less than this."""

PROJECT = "project: generated\nabout: Made to be measured.\n"
TENANTS = """\
table: org
about: A tenant.
tenant: org
columns:
  name: text check (name <> '')
---
table: org_member
about: A user's membership of a tenant.
tenant: org
columns:
  user_id: uuid references auth.users on delete cascade
  role: {sql: "text default 'member' check (role in ('admin', 'member'))", example: "'member'"}
unique: [[user_id]]
---
access: tenants
about: Who sees tenants and their members.
roles:
  member: {as: authenticated, through: org_member, user: user_id, about: A user of a tenant.}
  admin: {as: authenticated, through: org_member, user: user_id, when: "role = 'admin'", about: An admin.}
  service: {as: service_role, about: The application's server.}
tables: [org, org_member]
allow: {member: [select], service: [select]}
"""
LIFECYCLE = """\
lifecycle: life_{number}
about: From new to done.
states:
  new: {{is: initial, about: Nobody has looked at it.}}
  open: {{about: Somebody works on it., substates: [waiting, blocked]}}
  failed: It went wrong and may be tried again.
  done: {{is: terminal, about: Nothing follows.}}
  dropped: {{is: terminal, about: Nobody wants it any more.}}
transitions:
  new: [open, dropped]
  open: [failed, done, dropped]
  failed: [dropped]
recovery: {{failed: open}}
"""
TABLE = """\
table: item_{number}
about: An item of sort {number}.
tenant: org
columns:
{reference}  title:
    sql: text check (title <> '')
    about: What people call it.
  number: integer check (number > 0)
  price: numeric(12, 2) default 0 check (price >= 0)
  note: text null
  due_at: timestamptz null
  payload: "jsonb default '{{}}' check (jsonb_typeof(payload) = 'object')"
  created_at: timestamptz default private.now()
unique:
  - [number]
checks:
  due: due_at is null or due_at > created_at
indexes:
  - [due_at]
---
machine: item_{number}
follows: life_{life}
attempts: 2
undriven: {{new: By hand., open: By hand., failed: By hand.}}
"""
ACCESS = """\
access: group_{number}
about: Members see their items, admins manage them.
tables: [{tables}]
allow:
  member: [select]
  admin: ["insert (title, number, price, note)", "update (title, note)", delete]
  service: [select]
"""
GROUP = 10
"""As many tables share an access document; as many machines, on average, a lifecycle."""
BRANCHES = 8
"""As many tables refer to one other, so that chains of references stay short."""


def write_project(root: Path, size: int) -> None:
    """Write a project with `size` tables, as many machines, and what belongs to them."""
    lives = max(1, size // GROUP)
    (root / "specs").mkdir(parents=True)
    (root / "specc.yaml").write_text(PROJECT, encoding="utf-8")
    files = {"tenants": TENANTS}
    files |= {f"life_{number}": LIFECYCLE.format(number=number) for number in range(lives)}
    files |= {f"item_{number}": _item(number, lives) for number in range(size)}
    for start in range(0, size, GROUP):
        tables = ", ".join(f"item_{number}" for number in range(start, min(start + GROUP, size)))
        files[f"group_{start}"] = ACCESS.format(number=start, tables=tables)
    for name, text in files.items():
        (root / "specs" / f"{name}.yaml").write_text(text, encoding="utf-8")


def _item(number: int, lives: int) -> str:
    parent = f"item_{number // BRANCHES}"
    reference = f"  parent_id: uuid references {parent} on delete cascade\n" if number else ""
    return TABLE.format(number=number, reference=reference, life=number % lives)


@dataclass(frozen=True)
class Run:
    """Seconds of one process: of the processor, and on the clock."""

    cpu: float
    wall: float


def run(code: str, *arguments: str) -> Run:
    """Run Python code as a process. Leaves the program when it does not succeed."""
    command = [sys.executable, "-c", code, *arguments]
    quiet = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_WRONLY, 0) for number in (1, 2)]
    start = time.perf_counter()
    process = os.posix_spawn(command[0], command, ENVIRONMENT, file_actions=quiet)
    _, status, used = os.wait4(process, 0)
    wall = time.perf_counter() - start
    if os.waitstatus_to_exitcode(status):
        sys.exit(f"this did not succeed: {' '.join(command)}")
    return Run(used.ru_utime + used.ru_stime, wall)


@dataclass(frozen=True)
class Measured:
    """What several runs cost."""

    name: str
    runs: tuple[Run, ...]

    @property
    def wall(self) -> float:
        """The least seconds on the clock: a large build works in two processes."""
        return min(one.wall for one in self.runs)

    def line(self) -> str:
        """Return a row of the table."""
        cpus, walls = ([getattr(one, name) for one in self.runs] for name in ("cpu", "wall"))
        figures = min(cpus), statistics.median(cpus), min(walls), statistics.median(walls)
        return f"{self.name:<24}" + "".join(f"{figure:>10.3f}" for figure in figures)


def measure(name: str, command: str, make: Callable[[Path], None], rounds: int, folder: Path) -> Measured:
    """Measure `specc check` or `specc build`, each time without an output folder; the first run does not count."""
    make(folder)
    runs = []
    for _ in range(rounds + 1):
        shutil.rmtree(folder / "generated", ignore_errors=True)
        runs.append(run(SPECC, command, "--project", str(folder)))
    shutil.rmtree(folder)
    return Measured(name, tuple(runs[1:]))


def copy_flagship(folder: Path) -> None:
    """Copy the flagship's project file and specs."""
    folder.mkdir()
    shutil.copy(ROOT / "specc.yaml", folder)
    shutil.copytree(ROOT / "specs", folder / "specs")


def verdicts(flagship: dict[str, Measured], sizes: dict[int, Measured]) -> Iterator[tuple[str, float, float]]:
    """Yield what is judged, its figure and its budget."""
    for command, found in flagship.items():
        yield found.name, found.wall, FLAGSHIP_BUDGETS[command]
    if SIZES[-1] in sizes:
        yield sizes[SIZES[-1]].name, sizes[SIZES[-1]].wall, LARGEST_BUDGET
    if len(sizes) > 1:
        smallest, largest = min(sizes), max(sizes)
        ratio = (sizes[largest].wall / largest) / (sizes[smallest].wall / smallest)
        yield f"each, {largest} to {smallest}", ratio, PER_ENTITY_BUDGET


def main() -> None:
    """Measure, print the table and judge it: exit code 1 when a budget was missed."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument(
        "--sizes", type=int, nargs="*", default=SIZES, help="tables of the generated projects"
    )
    options.add_argument("--rounds", type=int, default=5, help="counted runs of each command")
    chosen = options.parse_args()
    print(f"{'seconds':<24}" + "".join(f"{head:>10}" for head in ("cpu min", "median", "wall min", "median")))
    print(Measured("packages alone", tuple(run(PACKAGES) for _ in range(chosen.rounds))).line())
    flagship, sizes = {}, {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "project"
        for command in FLAGSHIP_BUDGETS:
            flagship[command] = measure(f"flagship, {command}", command, copy_flagship, chosen.rounds, folder)
            print(flagship[command].line(), flush=True)
        for size in sorted(chosen.sizes):
            make = partial(write_project, size=size)
            sizes[size] = measure(f"{size} tables, build", "build", make, chosen.rounds, folder)
            print(f"{sizes[size].line()}   {sizes[size].wall / size * 1000:.1f} ms each", flush=True)
    print()
    missed = False
    for name, figure, budget in verdicts(flagship, sizes):
        missed |= figure > budget
        print(f"{name:<24}{figure:>10.2f}   budget {budget:<4} {'missed' if figure > budget else 'met'}")
    sys.exit(missed)


if __name__ == "__main__":
    main()

"""Measures what a released project's next migration costs: to plan it, to build it, and to prove it on a server.

A generated project is built and released, then every machine of it changes, in the worst way and in a light one; out
comes a table with seconds, ratios and the budgets. Nothing is written outside of a temporary folder, and nothing is
left on the server.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from compile import ENVIRONMENT, PROJECT, SPECC, Measured, Run, run, write_project

SIZE = 100
"""Tables of the project, and machines; every one of them changes."""

PLAN_BUDGET = 1.0
"""Seconds of the processor that planning may take when 100 machines change."""
VERIFY_BUDGET = 10.0
"""Seconds that `specc verify` of that change may take on a server that runs already."""
RELEASED_BUDGET = 1.6
"""How much more a build may take that plans a migration than one of the same specs that does not."""

Edits = dict[str, tuple[tuple[str, str], ...]]
"""Replacements by the names that files begin with; NUMBER stands for the number that a name ends in."""

FAILED = "  failed: It went wrong and may be tried again.\n"
WORST: Edits = {
    "life_": (
        (FAILED, "  broken: {renamed_from: failed, about: It went wrong and may be tried again.}\n"),
        ("  dropped: {is: terminal, about: Nobody wants it any more.}\n", ""),
        ("transitions:\n", "retired:\n  dropped: {to: done}\ntransitions:\n"),
        ("new: [open, dropped]", "new: [open, broken, done]"),
        ("open: [failed, done, dropped]", "open: [broken, done]"),
        ("failed: [dropped]", "broken: [done]"),
        ("{failed: open}", "{broken: open}"),
    ),
    "item_": (
        ("failed: By hand.", "broken: By hand."),
        ("  payload:", "  weight: numeric default 1 check (weight > 0)\n  payload:"),
    ),
}
LIGHT: Edits = {"life_": (("new: [open, dropped]", "new: [open, failed, dropped]"),)}
RENAMED: Edits = {
    "item_": (
        ("item_", "thing_"),
        ("about: An item", "renamed_from: item_NUMBER\nabout: An item"),
        ("follows:", "renamed_from: item_NUMBER\nfollows:"),
        ("note: text null", "remark: {sql: text null, renamed_from: note}"),
    ),
    "group_": (("item_", "thing_"), ("note", "remark")),
}
REORDERED: Edits = {"life_": ((FAILED, ""), ("transitions:\n", f"{FAILED}transitions:\n"))}

CHANGES = {"worst": WORST, "renamed": RENAMED, "reordered": REORDERED, "light": LIGHT}

PLAN = """
import gc, sys, time
from pathlib import Path
from specc.ir import lock
from specc.plan.parts import plan
base, new = (lock.load(Path(one).read_text(encoding="utf-8")) for one in sys.argv[1:])
gc.disable()  # as a build does
before = time.process_time(), time.perf_counter()
plan(base, new)
print(time.process_time() - before[0], time.perf_counter() - before[1])
"""
"""Plans once and prints the seconds that this took, those of Python's start left out."""


def edit(project: Path, edits: Edits) -> None:
    """Change the specs of a project."""
    for start, pairs in edits.items():
        for path in sorted((project / "specs").glob(f"{start}*.yaml")):
            text = path.read_text(encoding="utf-8")
            for old, new in pairs:
                if old not in text:
                    sys.exit(f"{path.name} has no {old!r}")
                text = text.replace(old, new.replace("NUMBER", path.stem.rpartition("_")[2]))
            path.write_text(text, encoding="utf-8")


@dataclass(frozen=True)
class Case:
    """A changed project: released, with the build that it starts from, and the same specs in one that is not."""

    released: Path
    base: Path
    unreleased: Path


def prepare(folder: Path, size: int, edits: Edits) -> Case:
    """Build a project, release it, and change its specs."""
    case = Case(folder / "released", folder / "base", folder / "unreleased")
    write_project(case.released, size)
    run(SPECC, "build", "--project", str(case.released))
    shutil.copytree(case.released / "generated", case.base)
    edit(case.released, edits)
    shutil.copytree(case.released, case.unreleased)
    (case.released / "specc.yaml").write_text(f"{PROJECT}released: true\n", encoding="utf-8")
    return case


def build(project: Path, base: Path, options: Sequence[str], rounds: int) -> tuple[Run, ...]:
    """Measure builds that find the output folder as the base left it; the first does not count."""
    runs = []
    for _ in range(rounds + 1):
        shutil.rmtree(project / "generated", ignore_errors=True)
        shutil.copytree(base, project / "generated")
        runs.append(run(SPECC, "build", "--project", str(project), *options))
    return tuple(runs[1:])


def plan(old: Path, new: Path) -> Run:
    """Measure the planning between two locks in a process of its own."""
    command = [sys.executable, "-c", PLAN, str(old), str(new)]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=True)
    cpu, wall = map(float, done.stdout.split())
    return Run(cpu, wall)


def measure(name: str, folder: Path, size: int, rounds: int, dsn: str) -> Iterator[Measured]:
    """Measure one kind of change: its planning, the builds with and without, and its proof on a server."""
    case = prepare(folder, size, CHANGES[name])
    base = ["--base", str(case.base)]
    yield Measured(f"{name}, unreleased", build(case.unreleased, case.base, (), rounds))
    yield Measured(f"{name}, released", build(case.released, case.base, base, rounds))
    old, new = (one / "specc.lock" for one in (case.base, case.released / "generated"))
    yield Measured(f"{name}, plan", tuple(plan(old, new) for _ in range(rounds)))
    command = ("verify", "--project", str(case.released), *base, "--dsn", dsn)
    # Once, since it takes long and its work is the server's.
    yield Measured(f"{name}, verify", (run(SPECC, *command),))


def verdicts(found: dict[str, Measured]) -> Iterator[tuple[str, float, float]]:
    """Yield what is judged, its figure and its budget."""
    for name in CHANGES:
        if f"{name}, plan" in found:
            yield f"{name}, plan", min(one.cpu for one in found[f"{name}, plan"].runs), PLAN_BUDGET
            with_plan, without = (found[f"{name}, {what}"].wall for what in ("released", "unreleased"))
            yield f"{name}, released to not", with_plan / without, RELEASED_BUDGET
            yield f"{name}, verify", found[f"{name}, verify"].wall, VERIFY_BUDGET


def main() -> None:
    """Measure, print the table and judge it: exit code 1 when a budget was missed."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--changes", nargs="*", default=CHANGES, choices=CHANGES, help="kinds of change")
    options.add_argument("--size", type=int, default=SIZE, help="tables of the generated project")
    options.add_argument("--rounds", type=int, default=5, help="counted runs of each command")
    options.add_argument(
        "--dsn", default="", help="a server, as a superuser; by default a private one is started"
    )
    chosen = options.parse_args()
    found: dict[str, Measured] = {}
    print(f"{'seconds':<24}" + "".join(f"{head:>10}" for head in ("cpu min", "median", "wall min", "median")))
    with ExitStack() as stack:
        temporary = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        dsn = chosen.dsn or _private(stack)
        for name in chosen.changes:
            for one in measure(name, temporary / name, chosen.size, chosen.rounds, dsn):
                found[one.name] = one
                print(one.line(), flush=True)
    print()
    missed = False
    for title, figure, budget in verdicts(found):
        missed |= figure > budget
        print(f"{title:<24}{figure:>10.2f}   budget {budget:<4} {'missed' if figure > budget else 'met'}")
    sys.exit(missed)


def _private(stack: ExitStack) -> str:
    from specc.pg.server import serve

    return stack.enter_context(serve()).dsn()


if __name__ == "__main__":
    main()

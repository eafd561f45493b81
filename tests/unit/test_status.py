"""`specc status` without a database: what it says of a lock, a machine or a connection that is not there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from projects import write_example
from specc import driver
from specc.analysis.machines import machines
from specc.analysis.patience import is_stuck, patience, seconds_of, words_of
from specc.cli import main
from specc.load.files import read_project
from specc.pg.words import size
from specc.status import Costs, MachineStatus, Status

NOWHERE = "host=/nowhere"
SPECS = """\
lifecycle: order
states: {open: {is: initial}, held: {}, closed: {is: terminal}}
transitions: {open: [held, closed], held: [open]}
---
table: ticket
about: A ticket.
shared: true
columns: {title: text}
---
access: tickets
tables: [ticket]
allow: {}
---
machine: ticket
follows: order
undriven: {open: People., held: People.}
"""

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def status(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main(["status", *map(str, arguments)])
        said = capsys.readouterr()
        assert isinstance(left.value.code, int)
        return left.value.code, said.out, said.err

    return run


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A project with its lock, and nothing else of a build."""
    root = write_example(SPECS, tmp_path)
    (root / "generated").mkdir()
    (root / "generated" / "specc.lock").write_text(driver.build(root).files["specc.lock"], encoding="utf-8")
    return root


def test_it_wants_to_know_the_database(status: Run, built: Path) -> None:
    code, said, error = status("--project", built)
    assert (code, said) == (2, "")
    assert "Missing option '--dsn'" in error


def test_there_is_no_project(status: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert status("--dsn", NOWHERE) == (
        2,
        "",
        "specc: no specc.yaml here or above; `specc init` makes a project\n",
    )


def test_there_is_no_lock_yet(status: Run, tmp_path: Path) -> None:
    root = write_example(SPECS, tmp_path)
    said = "specc: there is no generated/specc.lock yet; `specc build` writes it\n"
    assert status("--dsn", NOWHERE, "--project", root) == (2, "", said)


def test_the_lock_is_none(status: Run, built: Path) -> None:
    (built / "generated" / "specc.lock").write_text("<<<<<<< ours\n")
    said = "specc: generated/specc.lock: line 1: this is no specc lock; `specc build` writes it anew\n"
    assert status("--dsn", NOWHERE, "--project", built) == (2, "", said)


def test_there_are_no_machines(status: Run, built: Path) -> None:
    lock = built / "generated" / "specc.lock"
    lock.write_text(lock.read_text().splitlines()[0] + "\n")
    assert status("--dsn", NOWHERE, "--project", built) == (2, "", "specc: this project has no machines\n")


@pytest.mark.parametrize("arguments", [["--machine", "tickt"], ["--row", "tickt", "x"]])
def test_a_machine_is_misspelt(status: Run, built: Path, arguments: list[str]) -> None:
    said = "specc: no machine `tickt`; did you mean `ticket`?\n"
    assert status("--dsn", NOWHERE, "--project", built, *arguments) == (2, "", said)


def test_a_machine_is_like_none(status: Run, built: Path) -> None:
    said = "specc: no machine `elephant`; there is ticket\n"
    assert status("--dsn", NOWHERE, "--project", built, "--machine", "elephant") == (2, "", said)


@pytest.mark.parametrize("more", [[], ["--watch"], ["--watch", "1"], ["--row", "ticket", "x"]])
def test_there_is_no_connection(status: Run, built: Path, more: list[str]) -> None:
    code, said, error = status("--dsn", NOWHERE, "--project", built, *more)
    assert (code, said) == (2, "")
    assert error.startswith("specc: cannot connect: ")
    assert error.count("\n") == 1


def test_the_connection_string_is_none(status: Run, built: Path) -> None:
    code, _, error = status("--dsn", "x", "--project", built)
    assert code == 2
    assert error.startswith("specc: cannot connect: missing")


def test_specs_are_not_read(status: Run, built: Path) -> None:
    """The lock is what the database was built from; specs may be broken, or in the midst of an edit."""
    (built / "specs" / "example.yaml").write_text("machine: [")
    assert status("--dsn", NOWHERE, "--project", built)[2].startswith("specc: cannot connect: ")


def test_no_compiler_is_imported_to_look(built: Path) -> None:
    program = (
        "import sys\nfrom specc.cli import main\n"
        f"try: main(['status', '--dsn', {NOWHERE!r}, '--project', {str(built)!r}])\nexcept SystemExit: pass\n"
        "print(sorted({'pglast', 'sqlglot', 'jinja2', 'rich', 'specc.driver'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# What it prints, again and again


ROW = {"id": "a-1", "state": "held", "state_substate": "call", "seconds": 90_061.5, "attempt": 2}
STATES = (
    {"state": "open", "rows": 1200, "exact": True, "open": 1200, "oldest_seconds": 59.9, "p50_seconds": 1.0,
     "p95_seconds": 8.0},
    {"state": "closed", "rows": 3_000_000, "exact": False, "open": 0, "oldest_seconds": None,
     "p50_seconds": None, "p95_seconds": None},
)  # fmt: skip


def looks(monkeypatch: pytest.MonkeyPatch, *answers: MachineStatus) -> None:
    """Let the database answer so, and the user interrupt when there is no answer left."""
    left = list(answers)

    def read(*_: Any, with_alerts: bool) -> Status:
        assert not with_alerts
        if not left:
            raise KeyboardInterrupt
        return Status((left.pop(0),))

    monkeypatch.setattr("specc.status.read_status", read)
    monkeypatch.setattr("time.sleep", lambda _: None)


def test_rows_are_shown_in_columns(status: Run, built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks(monkeypatch, MachineStatus("ticket", 1200, 12, 59.9, STATES, (ROW,)))
    assert status("--dsn", NOWHERE, "--project", built) == (0, """\
ticket: 1,200 open, 12 stuck, the oldest for 59 s
    state         rows   open  oldest  median  95 %
    open         1,200  1,200    59 s     1 s   8 s
    closed  ~3,000,000
  stuck; the 1 longest:
    id   state          for  attempt
    a-1  held/call  1 d 1 h        2

read next: specc status --dsn … --row ticket a-1
""", "")  # fmt: skip


def test_watching_without_a_terminal_prints_until_interrupted(
    status: Run, built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet = MachineStatus("ticket", 0, 0, 0, STATES[1:], ())
    looks(monkeypatch, quiet, quiet)
    code, said, error = status("--dsn", NOWHERE, "--project", built, "--watch", "1")
    assert (code, error) == (0, "")
    assert said.count("ticket: 0 open\n") == said.count("nothing is stuck\n") == 2


def test_watched_json_is_a_line_each_time(status: Run, built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks(monkeypatch, *[MachineStatus("ticket", 0, 0, 0, STATES, ())] * 3)
    code, said, _ = status("--dsn", NOWHERE, "--project", built, "--watch", "1", "--format", "json")
    assert (code, len(said.splitlines())) == (0, 3)


# What the database costs


def costs(monkeypatch: pytest.MonkeyPatch, found: Costs) -> None:
    """Let the database answer so."""
    monkeypatch.setattr("specc.status.read_costs", lambda *_: found)


TABLE = {"schema": "public", "table_name": "ticket", "rows": 1_200_000, "dead_rows": 0, "bytes": 161_061_273,
         "index_scans": 0, "full_scans": 40, "rows_per_full_scan": 1_100_000, "lacks_index": True}  # fmt: skip
INDEX = {"schema": "public", "table_name": "ticket", "index_name": "by_title", "scans": 0, "bytes": 8192,
         "keeps_rule": False, "unused": True}  # fmt: skip
STATEMENT = {
    "query": "select *\n  from ticket",
    "total_ms": 1234.56,
    "mean_ms": 12.345,
    "calls": 1000,
    "rows": 7,
}


def test_costs_are_shown_in_columns(status: Run, built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    costs(monkeypatch, Costs((STATEMENT,), (STATEMENT,), (TABLE,), (INDEX,), hidden=3))
    code, said, error = status("--dsn", NOWHERE, "--project", built, "--statements")
    assert (code, error) == (0, "")
    assert (
        said
        == """\
the dearest statements in total
    total ms  mean ms  calls  rows  statement
    1,234.6     12.35  1,000     7  select * from ticket

the dearest statements each time
    total ms  mean ms  calls  rows  statement
    1,234.6     12.35  1,000     7  select * from ticket

3 statements of other users are hidden; pg_read_all_stats lets a role see them
large tables that are often read from end to end; an index may be missing
    table            size       rows  full scans  rows each
    public.ticket  154 MB  1,200,000          40  1,100,000

indexes that nothing has searched since statistics were reset
    table          index       size
    public.ticket  by_title  8.0 kB

the largest tables
    table            size       rows  full scans  rows each
    public.ticket  154 MB  1,200,000          40  1,100,000
"""
    )


def test_nothing_costs_anything(status: Run, built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    costs(monkeypatch, Costs((), (), (), (), problem="there is no extension"))
    said = status("--dsn", NOWHERE, "--project", built, "--statements")[1]
    assert said.splitlines()[:2] == [
        "no statements: there is no extension",
        "every index is used, and no large table is read from end to end",
    ]


@pytest.mark.parametrize(
    ("number", "words"),
    [(0, "0 B"), (1023, "1,023 B"), (1024, "1.0 kB"), (10_240, "10 kB"), (1_610_612_736, "1.5 GB"), (5e15, "4,547 TB")],
)  # fmt: skip
def test_sizes_are_said(number: float, words: str) -> None:
    assert size(number) == words


# How long is too long


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1 second", 1), ("90 seconds", 90), ("1 day", 86_400), ("2 weeks", 1_209_600),
        ("1 day 12 hours", 129_600), (" 5 minutes ", 300), ("36500 days", 3_153_600_000),
        ("0 days", None), ("1 month", None), ("36501 days", None), ("day", None), ("1day", None), ("", None),
        ("1 day, 2 hours", None), ("-1 day", None), ("1.5 days", None), ("1 fortnight", None), ("1 ss", None),
    ],
)  # fmt: skip
def test_lengths_of_time_are_read(text: str, seconds: int | None) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(1, "1 second"), (90, "90 seconds"), (5400, "90 minutes"), (3600, "1 hour"), (86_400, "24 hours")],
)
def test_lengths_of_time_are_said(seconds: int, words: str) -> None:
    """A day of an interval may have 23 or 25 hours, so days are said in hours."""
    assert words_of(seconds) == words
    assert seconds_of(words) == seconds


@pytest.mark.parametrize(
    ("stuck_after", "limits", "condition"),
    [
        ("", {"open": 86_400, "held": 86_400}, "state in ('open', 'held') and state_since < NOW - interval '24 hours'"),
        ("stuck_after: 5 minutes\n", {"open": 300, "held": 300},
         "state in ('open', 'held') and state_since < NOW - interval '5 minutes'"),
        ("stuck_after: {default: 1 hour, states: {held: never}}\n", {"open": 3600},
         "state in ('open', 'held') and state in ('open') and state_since < NOW - interval '1 hour'"),
        ("stuck_after: {states: {held: 1 week}}\n", {"open": 86_400, "held": 604_800},
         ("state in ('open', 'held') and (state in ('open') and state_since < NOW - interval '24 hours'"
          " or state in ('held') and state_since < NOW - interval '168 hours')")),
        ("stuck_after: never\n", {}, "false"),
    ],
)  # fmt: skip
def test_a_machine_says_when_its_rows_are_stuck(
    tmp_path: Path, stuck_after: str, limits: dict[str, int], condition: str
) -> None:
    project = driver.analyse(read_project(write_example(SPECS + stuck_after, tmp_path))).project
    machine = machines(project)["public.ticket"]
    assert patience(machine) == limits
    assert is_stuck(machine, "NOW") == condition

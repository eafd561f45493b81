"""Measures what the guard of a state machine and its history cost: server CPU of an update, as a ratio to the bare
update, and bytes of WAL.

In go the flagship's specs and the other forms a guard could have (`guard_forms/*.sql`); out come tables of
ratios. It starts a private server, changes no file, and judges nothing: ratios are printed, not tested.
"""

import argparse
import shutil
import statistics
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import psycopg
from psycopg import sql

from specc import driver
from specc.pg.server import Server, serve

ROOT = Path(__file__).resolve().parent.parent
FORMS = Path(__file__).resolve().parent / "guard_forms"
TABLE = "public.run_request"
HISTORY = "public.run_request_state_history"
GUARDS = "tgrelid = 'public.run_request'::regclass and tgname like '00\\_%'"

# Columns that a machine's table always has, and a payload: what other columns, keys and indexes cost would
# only make the guard look cheaper.
LEAN = """
create table public.run_request (
    id uuid primary key,
    org_id uuid not null,
    state public.run_request_state not null,
    state_substate text,
    state_since timestamptz not null default now(),
    attempt integer not null default 0,
    source_id uuid not null,
    activity_request_id uuid not null,
    payload text not null default repeat('x', 100),
    unique (org_id, id)
)
"""

FILL = """
insert into public.run_request (id, org_id, source_id, activity_request_id, state, state_since)
select lpad(to_hex(n), 32, '0')::uuid, lpad('', 32, '0')::uuid, lpad('', 32, '0')::uuid, lpad('', 32, '0')::uuid,
       'ready', '2024-01-01'
from generate_series(1, {}) as n
"""


@dataclass(frozen=True)
class Work:
    """What is updated; each statement sets what both sides of a comparison set."""

    name: str
    assignments: str
    rows: int
    """How many rows a statement updates; 0: all."""

    def statement(self) -> str:
        """Return the UPDATE, with a placeholder for the ids unless it is all rows."""
        return f"update {TABLE} set {self.assignments}" + (" where id = any(%s)" if self.rows else "")


MOVE = "state = 'in_progress', state_substate = null, state_since = now()"
TOUCH = "source_id = source_id"
PLAIN = "state = 'in_progress'"

WORKS = tuple(
    Work(f"{name}, {words}", assignments, rows)
    for name, assignments in (("move", MOVE), ("no move", TOUCH), ("plain move", PLAIN))
    for rows, words in ((1, "one row"), (10, "ten rows"), (0, "bulk"))
)


# The forms that keep state_since right when the statement does not set it; the others refuse or ignore that.
COMPLETE = ("bare", "guard_alone", "emitted", "emitted_bulk", "before_and_after", "lookup_before")


@dataclass(frozen=True)
class Form:
    """One way to guard the table; `own` tables are the flagship's, the others are lean."""

    name: str
    script: str
    template: str = "lean_single"

    def can(self, work: Work) -> bool:
        """Tell whether the form can do it. A second update in a transaction checks foreign keys: lean ones only."""
        return work.assignments != PLAIN or self.name in COMPLETE

    @property
    def base(self) -> str:
        """The form without a guard on the same table."""
        return "own_bare" if self.template.startswith("own") else "bare"


class Bench:
    """A form in a database of its own, with the one connection whose backend is measured."""

    def __init__(self, form: Form, server: Server) -> None:
        name = f"bench_{form.name}"
        server.create(name, form.template)
        self.conninfo = server.dsn(name)
        self.form = form
        self.connection = psycopg.connect(server.dsn(name), autocommit=True)
        self.connection.execute(form.script.encode())
        self.cursor = self.connection.cursor()

    def cpu(self) -> int:
        """Return the nanoseconds of CPU time that the backend has used (Linux: /proc/PID/schedstat)."""
        spent = Path(f"/proc/{self.connection.info.backend_pid}/schedstat").read_text(encoding="ascii")
        return int(spent.split()[0])

    def fill(self, rows: int) -> None:
        """Put so many fresh rows into the table, without guards and foreign keys."""
        with self.connection.transaction():
            self.cursor.execute("set local session_replication_role = replica")
            self.cursor.execute(f"truncate {TABLE}, {HISTORY} cascade".encode())
            self.cursor.execute(sql.SQL(FILL).format(rows))
        self.cursor.execute(f"analyze {TABLE}".encode())

    def piece_by_piece(self, work: Work, first: int, count: int) -> float:
        """Update rows a few at a time, each time in a transaction, by a prepared statement; microseconds of
        CPU per row.
        """
        statement = work.statement().encode()
        before = self.cpu()
        for start in range(first, first + count, work.rows):
            ids = [UUID(int=number) for number in range(start, start + work.rows)]
            self.cursor.execute(statement, (ids,), prepare=True)
        return (self.cpu() - before) / 1000 / count

    def at_once(self, work: Work, rows: int) -> float:
        """Update all rows in one statement; microseconds of CPU per row."""
        self.fill(rows)
        before = self.cpu()
        self.cursor.execute(work.statement().encode())
        spent = self.cpu() - before
        self.cursor.execute(f"truncate {TABLE}, {HISTORY} cascade".encode())
        return spent / 1000 / rows

    def wal(self, rows: int) -> float:
        """Move all rows in one statement; bytes of WAL per row."""
        self.fill(rows)
        self.cursor.execute("select pg_current_wal_insert_lsn()")
        (before,) = self.cursor.fetchone() or ("",)
        self.cursor.execute(f"update {TABLE} set {MOVE}".encode())
        self.cursor.execute("select pg_current_wal_insert_lsn() - %s::pg_lsn", [before])
        (written,) = self.cursor.fetchone() or (0,)
        return float(written) / rows

    def cliff(self, rows: int) -> float:
        """Move rows in one statement on a connection that moved single ones before, as a multiple of the same on a
        fresh one.
        """
        spent = []
        for is_used in (False, True):
            self.connection.close()
            self.connection = psycopg.connect(self.conninfo, autocommit=True)
            self.cursor = self.connection.cursor()
            self.fill(rows + 200)
            if is_used:
                self.piece_by_piece(WORKS[0], rows + 1, 200)
            before = self.cpu()
            self.cursor.execute(f"update {TABLE} set {MOVE} where state = 'ready'".encode())
            spent.append(self.cpu() - before)
        return spent[1] / spent[0]


def forms(only: Sequence[str]) -> list[Form]:
    """Return the forms to compare: without a guard, as emitted, on the flagship's own table, the candidates."""
    files = [Form(path.stem, path.read_text(encoding="utf-8")) for path in sorted(FORMS.glob("*.sql"))]
    files.append(Form("emitted_bulk", "call public.attach()", "lean_bulk"))
    chosen = [form for form in files if not only or form.name in only]
    # Its guard is there already.
    alone = (FORMS / "guard_alone.sql").read_text(encoding="utf-8").replace("call public.attach();", "")
    own = [Form("own_bare", "", "own_single"), Form("own_guard", alone, "own_single")]
    own.append(Form("own_emitted", "", "own_single"))
    return [Form("bare", ""), *chosen, *own, Form("own_bulk", "", "own_bulk")]


def build(connection: psycopg.Connection, writes: str) -> None:
    """Apply the flagship, its run_request guarded for single rows or for statements."""
    with TemporaryDirectory() as folder:
        root = Path(folder)
        shutil.copy(ROOT / "specc.yaml", root)
        shutil.copytree(ROOT / "specs", root / "specs")
        machine = root / "specs" / "machines" / "run_request.yaml"
        machine.write_text(machine.read_text(encoding="utf-8") + f"writes: {writes}\n", encoding="utf-8")
        files = driver.build(root).files
    migrations = sorted(path for path in files if path.startswith("migrations/") and path.endswith(".sql"))
    for path in ("bootstrap.sql", *migrations):
        connection.execute(files[path].encode())


def user_triggers(connection: psycopg.Connection, condition: str) -> list[tuple[str, str]]:
    """Return name and definition of the triggers of the table, without those of foreign keys."""
    query = f"select tgname, pg_get_triggerdef(oid) from pg_trigger where not tgisinternal and {condition}"
    return connection.execute(query.encode()).fetchall()


def prepare(server: Server, writes: str) -> None:
    """Make two templates: the flagship's own table, and a lean one whose triggers the forms create.

    Only guards are compared, so every other trigger of the table goes.
    """
    own, lean = f"own_{writes}", f"lean_{writes}"
    server.create(own)
    with psycopg.connect(server.dsn(own), autocommit=True) as connection:
        build(connection, writes)
        for name, _ in user_triggers(connection, f"tgrelid = '{TABLE}'::regclass and not ({GUARDS})"):
            connection.execute(sql.SQL("drop trigger {} on public.run_request").format(sql.Identifier(name)))
        guards = [definition for _, definition in user_triggers(connection, GUARDS)]
    server.create(lean, own)
    with psycopg.connect(server.dsn(lean), autocommit=True) as connection:
        connection.execute(f"drop table {TABLE} cascade".encode())
        connection.execute(LEAN.encode())
        # The forms that keep the emitted guard call this.
        attach = "; ".join(guards)
        connection.execute(f"create procedure public.attach() language sql as $f${attach}$f$".encode())


@contextmanager
def benches(only: Sequence[str]) -> Iterator[list[Bench]]:
    """Start a server with a database for each form."""
    settings = {"shared_buffers": "256MB", "max_wal_size": "512MB", "full_page_writes": "off"}
    with ExitStack() as stack:
        server = stack.enter_context(serve(settings=settings))
        for writes in ("single", "bulk"):
            prepare(server, writes)
        made = [Bench(form, server) for form in forms(only)]
        for bench in made:
            stack.callback(lambda bench=bench: bench.connection.close())
            if bench.form.name == "own_bare":
                bench.connection.execute(f"alter table {TABLE} disable trigger user".encode())
        yield made


def measure(made: Sequence[Bench], work: Work, rounds: int, rows: int) -> dict[str, list[float]]:
    """Measure all forms in turn, in both directions alternately, so that the machine's moods hit all of them."""
    spent: dict[str, list[float]] = {bench.form.name: [] for bench in made}
    if work.rows:
        for bench in made:
            bench.fill((rounds + 1) * rows)
    for turn in range(rounds + 1):
        for bench in made if turn % 2 else reversed(made):
            figure = (
                bench.piece_by_piece(work, 1 + turn * rows, rows) if work.rows else bench.at_once(work, rows)
            )
            if turn:
                spent[bench.form.name].append(figure)
    return spent


def report(made: Sequence[Bench], work: Work, spent: dict[str, list[float]]) -> Iterator[str]:
    """Yield one line per form: its quietest tenth in microseconds and against the bare one's, and the median
    of the paired ratios.
    """
    yield f"\n{work.name:24}{'us/row':>10}{'quiet':>8}{'paired':>8}   middle half"
    for bench in made:
        figures = spent[bench.form.name]
        base = spent[bench.form.base]
        ratios = [figure / other for figure, other in zip(figures, base, strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        quiet, bare = (statistics.quantiles(each, n=10)[0] for each in (figures, base))
        yield f"{bench.form.name:24}{quiet:10.2f}{quiet / bare:8.2f}{middle:8.2f}   {low:.2f} to {high:.2f}"


SLICE = 25
"""Updates measured at a time: short, so that what disturbs the machine leaves some slices alone."""


def main() -> None:
    """Print the table of ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("forms", nargs="*", help="names of guard_forms/*.sql; all by default")
    parser.add_argument("--rounds", type=int, default=240, help=f"slices of {SLICE} updates")
    parser.add_argument("--bulk-rounds", type=int, default=9)
    parser.add_argument("--rows", type=int, default=100_000, help="rows of a bulk update")
    parser.add_argument("--work", action="append", help='only this, e.g. "move, one row"; may be repeated')
    options = parser.parse_args()
    with benches(options.forms) as made:
        for work in WORKS:
            if options.work and work.name not in options.work:
                continue
            able = [bench for bench in made if bench.form.can(work)]
            few = SLICE * max(work.rows // 2, 1)
            size = (options.rounds, few) if work.rows else (options.bulk_rounds, options.rows)
            sys.stdout.write("\n".join(report(able, work, measure(able, work, *size))) + "\n")
            sys.stdout.flush()
        sys.stdout.write(f"\n{'':24}{'WAL, B/row':>12}{'after one-row moves':>22}\n")
        for bench in made:
            ratios = [bench.cliff(10_000) for _ in range(3)]
            sys.stdout.write(
                f"{bench.form.name:24}{bench.wal(20_000):12.0f}{statistics.median(ratios):22.2f}\n"
            )
            sys.stdout.flush()


if __name__ == "__main__":
    main()

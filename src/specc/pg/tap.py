"""Runs test files that print TAP, such as the generated pgTAP tests, on a server and reads what they printed.

In go connection strings and the SQL of whole files; out come frozen reports, one per file. It provides the
test functions where the server lacks pgTAP, never prints, and never commits what a file left open.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from importlib.resources import files as package_files
from queue import SimpleQueue
from typing import Any, Literal

import pglast
import psycopg
from pglast.parser import ParseError
from psycopg import sql as compose

_PLAN = re.compile(r"1\.\.(\d+)\s*(?:#.*)?$")
_RESULT = re.compile(r"(?P<bad>not )?ok\b[ \t]*(?P<number>\d+)?(?:[ \t]*-)?[ \t]*(?P<text>.*)$")
_EXCUSED = re.compile(r"\s*#\s*(?:TODO|SKIP)\b", re.IGNORECASE)
_FUNCTION = re.compile(r'^create or replace function extensions\."?(\w+)', re.MULTILINE)


@dataclass(frozen=True)
class TapFailure:
    """A test that printed `not ok`: its number from 1, and what the file says about it."""

    number: int
    description: str
    diagnostics: tuple[str, ...]


@dataclass(frozen=True)
class TapReport:
    """What one file printed.

    `planned` is 0 without a plan; `passed` counts skipped tests and failures marked TODO, too; `error` says
    why the file as a whole cannot be trusted, whatever its tests say.
    """

    name: str
    planned: int
    passed: int
    failed: tuple[TapFailure, ...]
    error: str | None

    @property
    def ok(self) -> bool:
        """Whether every planned test ran and passed."""
        return not self.failed and self.error is None


def install(
    conninfo: str, schema: str = "extensions", *, only_stand_in: bool = False
) -> Literal["pgtap", "stand-in"]:
    """Put pgTAP into `schema`, or our stand-in where the server does not offer it, and say which it was.

    Creates the schema if need be and lets every role call the functions. Needs CREATE on the database, or on
    the schema if it exists; raises `psycopg.Error` without. May be repeated: an installed pgTAP is kept, our
    stand-in renewed. `only_stand_in` leaves pgTAP out of it, to compare the two.
    """
    source = (package_files("specc.pg") / "pgtap.sql").read_text(encoding="utf-8")
    with psycopg.connect(conninfo, client_encoding="utf8") as connection:
        name = compose.Identifier(schema)
        if connection.execute("select oid from pg_namespace where nspname = %s", [schema]).fetchone() is None:
            connection.execute(compose.SQL("create schema {}").format(name))
        real = not only_stand_in and _install_extension(connection, schema)
        if not real:
            connection.execute(source.replace("extensions.", f"{name.as_string()}.").encode())
        _open_to_all(connection, schema, _FUNCTION.findall(source))
    return "pgtap" if real else "stand-in"


def _install_extension(connection: psycopg.Connection[Any], schema: str) -> bool:
    installed, offered, stood_in = connection.execute(
        """select exists (select from pg_extension where extname = 'pgtap'),
                  exists (select from pg_available_extensions where name = 'pgtap'),
                  to_regprocedure(quote_ident(%s) || '._tap_plan(integer)') is not null""",
        [schema],
    ).fetchone() or (False, False, False)
    if installed or not offered or stood_in:
        return bool(installed)
    try:
        with connection.transaction():
            connection.execute(
                compose.SQL("create extension pgtap schema {}").format(compose.Identifier(schema))
            )
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True


def _open_to_all(connection: psycopg.Connection[Any], schema: str, names: list[str]) -> None:
    """Grant what tests under another role need, because default privileges may have taken it away."""
    shut = connection.execute(
        """select nspname from pg_namespace where nspname = %s and pg_has_role(nspowner, 'usage')
              and not has_schema_privilege('public', oid, 'usage')""",
        [schema],
    ).fetchone()
    if shut is not None:
        connection.execute(
            compose.SQL("grant usage on schema {} to public").format(compose.Identifier(schema))
        )
    closed = connection.execute(
        """select 'grant execute on routine ' || p.oid::regprocedure || ' to public' from pg_proc p
             left join pg_depend d on d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'
             left join pg_extension e on d.refclassid = 'pg_extension'::regclass and e.oid = d.refobjid
            where p.pronamespace = quote_ident(%s)::regnamespace and pg_has_role(p.proowner, 'usage')
              and not has_function_privilege('public', p.oid, 'execute')
              and (e.extname = 'pgtap' or e.oid is null and p.proname = any (%s))""",
        [schema, names],
    ).fetchall()
    for (statement,) in closed:
        connection.execute(statement.encode())


def run_all(conninfos: Sequence[str], files: Iterable[tuple[str, str]]) -> Iterator[TapReport]:
    """Run `(name, sql)` files, as many at a time as there are connection strings; yield reports in order.

    Files that make the same rows wait for each other in one database, or are stopped as a deadlock: so the strings
    name copies of it. One connection runs many files, since each knows the catalogue better than a new one; what a
    file leaves in its session is discarded.
    """
    free: SimpleQueue[_Session] = SimpleQueue()
    with ExitStack() as stack, ThreadPoolExecutor(len(conninfos)) as pool:
        for conninfo in conninfos:
            free.put(stack.enter_context(closing(_Session(conninfo))))

        def run_one(file: tuple[str, str]) -> TapReport:
            session = free.get()
            try:
                return read_tap(file[0], *session.run(file[1]))
            finally:
                free.put(session)

        yield from pool.map(run_one, files)


class _Session:
    """A connection for one file after the other, made anew where a file has broken it."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._connection = _connect(conninfo)

    def run(self, sql: str) -> tuple[tuple[str, ...], str | None]:
        """Run a file as `execute` does."""
        found = _execute(self._connection, sql)
        try:
            self._connection.execute("rollback")
            self._connection.execute("discard all")
        except psycopg.OperationalError:
            self.close()
            self._connection = _connect(self._conninfo)
        return found

    def close(self) -> None:
        self._connection.close()


def run(conninfo: str, sql: str, name: str) -> TapReport:
    """Run one file as `execute` does and read the TAP it printed; any error becomes the report's `error`."""
    return read_tap(name, *execute(conninfo, sql))


def execute(conninfo: str, sql: str) -> tuple[tuple[str, ...], str | None]:
    """Run a file statement by statement, as psql would; return the lines of its results, and what ended it.

    Columns are joined by `|`. The first error ends the file and is returned with the line it came from.
    Raises `psycopg.OperationalError` when the server cannot be reached.
    """
    # Not the connection's own `with`, which would commit a transaction that the file left open.
    with closing(_connect(conninfo)) as connection:
        return _execute(connection, sql)


def _connect(conninfo: str) -> psycopg.Connection[Any]:
    # Statements that psycopg prepares would not outlive what a file leaves behind.
    return psycopg.connect(conninfo, autocommit=True, client_encoding="utf8", prepare_threshold=None)


def _execute(connection: psycopg.Connection[Any], sql: str) -> tuple[tuple[str, ...], str | None]:
    try:
        places: tuple[slice, ...] = pglast.split(sql, only_slices=True)
    except ParseError as wrong:
        return (), f"line {_line(sql, wrong.args[1])}: {wrong.args[0]}"
    lines: list[str] = []
    for place in places:
        try:
            lines += _printed(connection, sql[place])
        except psycopg.Error as wrong:
            within = int(wrong.diag.statement_position or 1) - 1
            return tuple(lines), f"line {_line(sql, place.start + within)}: {_reason(wrong)}"
    return tuple(lines), None


def _printed(connection: psycopg.Connection[Any], statement: str) -> Iterator[str]:
    cursor = connection.execute(statement.encode())
    if cursor.description is not None:
        for row in cursor:
            yield from "|".join("" if value is None else str(value) for value in row).split("\n")


def _reason(error: psycopg.Error) -> str:
    return f"{error.sqlstate or 'client'}: {error.diag.message_primary or str(error).strip()}"


def _line(sql: str, position: int) -> int:
    return sql.count("\n", 0, position) + 1


def read_tap(name: str, lines: Iterable[str], error: str | None = None) -> TapReport:
    """Read lines of TAP (testanything.org, version 12) into a report; lines that are not TAP are passed over.

    A missing, second or unmet plan, a test out of sequence, or no test at all become the report's `error`,
    unless one is given.
    """
    plans: list[int] = []
    numbers: list[int] = []
    failed: list[TapFailure] = []
    explaining = False
    for line in lines:
        if plan := _PLAN.match(line):
            plans.append(int(plan[1]))
        elif result := _RESULT.match(line):
            numbers.append(int(result["number"] or len(numbers) + 1))
            explaining = bool(result["bad"]) and not _EXCUSED.search(result["text"])
            if explaining:
                failed.append(TapFailure(numbers[-1], result["text"].rstrip(), ()))
        elif explaining and line.startswith("#") and not line.startswith("# Looks like you "):
            detail = line.removeprefix("#").removeprefix(" ")
            failed[-1] = replace(failed[-1], diagnostics=(*failed[-1].diagnostics, detail))
    return TapReport(
        name,
        plans[-1] if plans else 0,
        len(numbers) - len(failed),
        tuple(failed),
        error or _distrust(plans, numbers),
    )


def _distrust(plans: list[int], numbers: list[int]) -> str | None:
    if not numbers:
        return "no tests ran"
    if len(plans) != 1:
        return "the file has no plan" if not plans else "the file has more than one plan"
    if plans[0] != len(numbers):
        return f"planned {plans[0]} tests but ran {len(numbers)}"
    for expected, number in enumerate(numbers, 1):
        if number != expected:
            return f"test {expected} has the number {number}"
    return None

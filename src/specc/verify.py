"""Verification: a built project proved on a real PostgreSQL, step by step.

Built files and a server come in; what each step showed comes out, in order. A step that fails ends the
run. It works in a database of its own and leaves nothing behind.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from specc.analysis.machines import Lifecycle, lifecycle_of_facts
from specc.diagnostics import SourceFile
from specc.drift import compare
from specc.emit.sample import Samples
from specc.ir.behaviour import Machine
from specc.ir.database import Check, Schema, Table
from specc.ir.model import Ir
from specc.migrate.files import is_concurrent
from specc.pg.apply import ApplyError, apply
from specc.pg.introspect import read_catalogue
from specc.pg.names import lit, qualified
from specc.pg.tap import TapReport, install, run_all
from specc.plan.initial import plan_initial
from specc.plan.migration import up_text
from specc.plan.trace import place_of, place_of_line
from specc.record import record

FILES_OF_A_COPY = 10
"""So many files of tests are worth a copy of the database, in which they run beside the others."""
MOST_COPIES = 7


@record
class Finding:
    """What one step showed: `title` in one word, what was seen, and the failures, none when all is well."""

    title: str
    seen: str
    seconds: float
    failures: tuple[str, ...] = ()


@dataclass
class _Watch:
    """A stopwatch: seconds since the last reading."""

    since: float = field(default_factory=time.monotonic)

    def read(self) -> float:
        now = time.monotonic()
        passed, self.since = now - self.since, now
        return passed


class NotAllowedError(Exception):
    """The role of the connection may not make databases and roles; the message is the server's."""


@record
class _Build:
    """What is verified: facts, the files made of them, and the specs they come from; and on which server."""

    ir: Ir
    files: Mapping[str, str]
    sources: Mapping[str, SourceFile]
    server: str


def verify(
    ir: Ir, files: Mapping[str, str], conninfo: str, sources: Mapping[str, SourceFile] | None = None
) -> Iterator[Finding]:
    """Prove a build on the server of `conninfo` (a superuser's); stop at the first step that fails.

    Applies bootstrap and migrations as a non-superuser owner, runs the generated tests, walks a row of each
    machine through its life, and goes the way back and forth once more. A failure names the place in the specs
    that it comes from, where `sources` have it. Raises `NotAllowedError` for a role that may not make a database
    of its own.
    """
    build = _Build(ir, files, sources or {}, conninfo)
    with _scratch(conninfo) as (admin, owner):
        for step in (_apply, _compare, _sample, _test, _walk, _return):
            for finding in step(build, admin, owner):
                yield finding
                if finding.failures:
                    return


def server_version(conninfo: str) -> str:
    """Return the version a server tells of itself. Raises `ConnectionError` when it cannot be reached."""
    try:
        with psycopg.connect(conninfo) as connection:
            return connection.info.parameter_status("server_version") or "unknown"
    except psycopg.Error as error:
        raise ConnectionError(str(error).strip()) from None


@contextmanager
def _scratch(conninfo: str) -> Iterator[tuple[str, str]]:
    """Make a database and a role that owns it; yield the connection strings of superuser and owner."""
    name = f"specc_verify_{time.time_ns():x}"
    password = f"{time.time_ns():x}"
    identifier = sql.Identifier(name)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        role = sql.SQL("create role {} login password {}").format(identifier, sql.Literal(password))
        try:
            connection.execute(role)
        except psycopg.errors.InsufficientPrivilege as error:
            raise NotAllowedError(str(error.diag.message_primary)) from None
        connection.execute(sql.SQL("grant {} to current_user").format(identifier))
        try:
            connection.execute(sql.SQL("create database {} owner {}").format(identifier, identifier))
            admin = make_conninfo(conninfo, dbname=name)
            yield admin, make_conninfo(admin, user=name, password=password)
        finally:
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(identifier))
            connection.execute(sql.SQL("drop role if exists {}").format(identifier))


def _migrations(files: Mapping[str, str], folder: str = "migrations") -> list[str]:
    return sorted(path for path in files if path.startswith(f"{folder}/") and path.endswith(".sql"))


def _run(conninfo: str, build: _Build, path: str) -> None:
    apply(conninfo, build.files[path], single_transaction=not is_concurrent(PurePosixPath(path).stem))


def _apply(build: _Build, admin: str, owner: str) -> Iterator[Finding]:
    watch = _Watch()
    for path in ("bootstrap.sql", *_migrations(build.files)):
        try:
            _run(admin if path == "bootstrap.sql" else owner, build, path)
        except ApplyError as error:
            failures = _failed(build, path, error)
            yield Finding("applied", f"generated/{path} failed", watch.read(), failures)
            return
    count = len(_migrations(build.files))
    seen = f"bootstrap.sql and {count} migration{'s' if count != 1 else ''}, as an owner who is no superuser"
    yield Finding("applied", seen, watch.read())


def _compare(build: _Build, admin: str, owner: str) -> Iterator[Finding]:
    """Compare what migrations have come to with the same facts made at once; says nothing of a first migration."""
    ir, files = build.ir, build.files
    if len(_migrations(files)) < 2:
        return
    watch = _Watch()
    schemas = [one.name for one in ir.all(Schema)]
    with _beside(build, admin, "fresh") as name:
        apply(make_conninfo(admin, dbname=name), files["bootstrap.sql"])
        apply(make_conninfo(owner, dbname=name), up_text("what is declared", plan_initial(ir)))
        with psycopg.connect(owner) as there, psycopg.connect(owner, dbname=name) as here:
            found = compare(read_catalogue(there, schemas), read_catalogue(here, schemas))
            failures = tuple(f"{one.word}: {one.name}" for one in found)
    yield Finding("compared", "what migrations made, with the same made at once", watch.read(), failures)


@contextmanager
def _beside(build: _Build, admin: str, word: str, *, is_copy: bool = False) -> Iterator[str]:
    """Make another database of the same owner, an empty one or a copy; yield its name."""
    mine = str(conninfo_to_dict(admin)["dbname"])
    name = f"{mine}_{word}"
    made, owner = sql.Identifier(name), sql.Identifier(mine)
    template = owner if is_copy else sql.Identifier("template1")
    order = sql.SQL("create database {} owner {} template {}").format(made, owner, template)
    # Nobody may be connected to a database that is copied.
    with psycopg.connect(build.server, autocommit=True) as connection:
        connection.execute(order)
        try:
            yield name
        finally:
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(made))


def _failed(build: _Build, path: str, error: ApplyError) -> tuple[str, ...]:
    """Say what failed in a migration, and where in the specs it comes from."""
    line = error.line or error.statement_line
    place = place_of_line(build.ir, build.sources, build.files[path], line) if line else ""
    return (*((f"it comes from {place}",) if place else ()), *str(error).splitlines())


def _sample(build: _Build, _admin: str, owner: str) -> Iterator[Finding]:
    """Try the rows that tests are made of; says nothing where each table takes its own."""
    watch = _Watch()
    ir = build.ir
    samples = Samples(ir)
    failures: list[str] = []
    with psycopg.connect(owner) as connection:
        for table in ir.all(Table):
            place = (table.schema, table.name)
            for statement in samples.seed([*samples.parents(place), place]):
                try:
                    connection.execute(statement.encode())
                except psycopg.errors.CheckViolation as error:
                    failures.append(_unmet(build, table, error))
                    break
                except psycopg.Error:
                    # Keys and the like are for the tests to judge.
                    break
            connection.rollback()
    if failures:
        seen = "the sample rows of generated tests, which checks refuse"
        yield Finding("sampled", seen, watch.read(), tuple(dict.fromkeys(failures)))


def _unmet(build: _Build, table: Table, error: psycopg.Error) -> str:
    name = error.diag.constraint_name
    checks = build.ir.of_table(Check, str(error.diag.schema_name), str(error.diag.table_name))
    check = next((one for one in checks if one.name == name), table)
    place = place_of(build.ir, build.sources, check) or build.ir.file_of(table)
    return (
        f"{place}: no sample row of {error.diag.schema_name}.{error.diag.table_name} meets the check {name}; "
        "give the columns it reads an `example`"
    )


def _test(build: _Build, admin: str, owner: str) -> Iterator[Finding]:
    watch = _Watch()
    framework = "pgTAP" if install(admin) == "pgtap" else "specc's stand-in for pgTAP"
    tests = [(path, text) for path, text in sorted(build.files.items()) if path.startswith("tests/")]
    with ExitStack() as stack:
        # Tests make rows that only one of them can have at a time, so those that run beside others have a copy.
        made = (_beside(build, admin, f"copy_{n}", is_copy=True) for n in range(_copies(len(tests))))
        copies = [stack.enter_context(one) for one in made]
        databases = [owner, *(make_conninfo(owner, dbname=one) for one in copies)]
        reports = list(run_all(databases, tests))
    failures = tuple(line for report in reports for line in _failures(report))
    attacks = sum(report.passed for report in reports if "/access" in report.name)
    moves = sum(report.passed for report in reports if "/machine_" in report.name)
    follows = sum(report.passed for report in reports if "/sync_" in report.name)
    what = f"{attacks:,} attempts at access, {moves:,} moves of machines"
    what += f", {follows:,} of rows that follow others" if follows else ""
    seen = f"{what}, as foreseen (by {framework})"
    yield Finding("tested", seen, watch.read(), failures)


def _copies(files: int) -> int:
    """Return how many copies of a database are worth while for as many files of tests."""
    return min((os.cpu_count() or 1) - 1, MOST_COPIES, files // FILES_OF_A_COPY)


def _failures(report: TapReport) -> Iterator[str]:
    if report.error:
        yield f"{report.name}: {report.error}"
    for one in report.failed:
        yield f"{report.name}: test {one.number}: {one.description}"
        yield from (f"    {line}" for line in one.diagnostics[1:])


def _walk(build: _Build, _admin: str, owner: str) -> Iterator[Finding]:
    """Take a row of each machine along the way to its farthest end, and try to skip that way."""
    samples = Samples(build.ir)
    with psycopg.connect(owner) as connection:
        for machine in build.ir.all(Machine):
            yield _life(build, machine, samples, connection, _Watch())
            connection.rollback()


def _life(
    build: _Build, machine: Machine, samples: Samples, connection: psycopg.Connection[Any], watch: _Watch
) -> Finding:
    place = (machine.schema, machine.table)
    life = lifecycle_of_facts(build.ir, machine)
    way = _longest(life)
    values = samples.fresh(place)
    born = {"state": lit(way[0])}
    title = f"{machine.name}: {' → '.join(way)}"
    try:
        for statement in (*samples.before(place, values), samples.insert(place, values | born)):
            connection.execute(statement.encode())
        refused = _refusal(connection, place, values["id"], life, way[0])
        for state in way[1:]:
            connection.execute(_move(place, values["id"], state))
    except psycopg.Error as error:
        written = place_of(build.ir, build.sources, machine)
        failures = (*((f"it comes from {written}",) if written else ()), *str(error).splitlines())
        return Finding("walked", title, watch.read(), failures)
    return Finding("walked", f"{title}{refused}", watch.read())


def _longest(life: Lifecycle) -> tuple[str, ...]:
    """Return the way through most states to a terminal one, no state twice, of the first that are found."""
    best = life.initial[:1]
    ways: list[tuple[str, ...]] = [(state,) for state in reversed(life.initial)]
    for _ in range(10_000):
        if not ways:
            break
        way = ways.pop()
        if way[-1] in life.terminal and len(way) > len(best):
            best = way
        ways += [(*way, state) for state in reversed(life.following[way[-1]]) if state not in way]
    return best


def _move(place: tuple[str, str], identifier: str, state: str) -> bytes:
    return f"update {qualified(*place)} set state = {lit(state)} where id = {identifier}".encode()


def _refusal(
    connection: psycopg.Connection[Any], place: tuple[str, str], identifier: str, life: Lifecycle, born: str
) -> str:
    """Try a move that the lifecycle does not have, from where rows are born; "" if it has all."""
    illegal = [state for state in life.states if state not in (born, *life.following[born])]
    if not illegal:
        return ""
    try:
        with connection.transaction():
            connection.execute(_move(place, identifier, illegal[-1]))
    except psycopg.Error as error:
        return f"\nother moves are refused: {error.sqlstate} {error.diag.message_primary}"
    raise psycopg.Error(f"a move from {born} to {illegal[-1]} was not refused")


def _return(build: _Build, _admin: str, owner: str) -> Iterator[Finding]:
    """Go the way back, look for anything left, and apply the migrations once more."""
    watch = _Watch()
    path = ""
    try:
        for path in reversed(_migrations(build.files, "rollback")):
            _run(owner, build, path)
        left = _left_behind(owner)
        for path in _migrations(build.files):
            _run(owner, build, path)
    except ApplyError as error:
        failures = (f"generated/{path}", *_failed(build, path, error))
        yield Finding("undone", "the way back failed", watch.read(), failures)
        return
    failures = tuple(f"left behind: {one}" for one in left)
    yield Finding(
        "undone", "the way back leaves nothing, and the way forth works again", watch.read(), failures
    )


def _left_behind(owner: str) -> list[str]:
    """Return what the owner still owns: relations, functions, types and schemas."""
    query = """
        select 'relation ' || oid::regclass from pg_class where relowner = current_user::regrole
            and relkind in ('r', 'v', 'm', 'S', 'p') and relnamespace <> 'pg_toast'::regnamespace
        union all
        select 'function ' || oid::regprocedure from pg_proc where proowner = current_user::regrole
        union all
        select 'type ' || oid::regtype from pg_type where typowner = current_user::regrole and typtype = 'e'
        union all
        select 'schema ' || nspname from pg_namespace
            where nspowner = current_user::regrole and nspname not like 'pg\\_%'
        order by 1
    """
    with psycopg.connect(owner) as connection:
        return [row[0] for row in connection.execute(query).fetchall()]

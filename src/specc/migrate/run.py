"""Runs the steps: lock, ledger, preflights, and then one file after the other, each wholly or not at all.

Whatever ends it, at any moment, leaves a database where a second run goes on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import psycopg

from specc.migrate import batches, concurrently, hazards, ledger, preflight
from specc.migrate.compare import Standing, compare
from specc.migrate.files import Migration
from specc.migrate.lock import Lock, connected, wait_for
from specc.migrate.model import Database, Event, MigrateError, Options, SetupError
from specc.migrate.session import AGAIN, Connection, check_writable, database_of, said, session
from specc.migrate.steps import UP, Step, permit, steps_down, steps_up
from specc.pg.apply import ApplyError, commit, execute

Decision = Callable[[Standing], tuple[Step, ...]]


def status(conninfo: str, folder: Sequence[Migration], options: Options) -> tuple[Database, Standing]:
    """Return how the folder and the ledger stand, and change nothing. Raises `MigrateError`."""
    name = "specc migrate status"
    with _in_words(), session(conninfo, name, options.patience.lock_timeout) as connection:
        return database_of(connection), _standing(connection, folder)


def up(
    conninfo: str,
    folder: Sequence[Migration],
    options: Options,
    *,
    to: str | None = None,
    dry_run: bool = False,
) -> Iterator[Event]:
    """Bring the database to the folder, or to the file with the stamp `to`, and tell what happens.

    With `dry_run` the steps are told and the preflights asked, and nothing is changed. Raises `MigrateError`.
    """
    run = _rehearse if dry_run else _perform
    yield from run(conninfo, folder, options, lambda standing: steps_up(standing, to, options))


def down(
    conninfo: str,
    folder: Sequence[Migration],
    options: Options,
    *,
    to: str | None = None,
    steps: int | None = None,
    dry_run: bool = False,
) -> Iterator[Event]:
    """Undo the last `steps` files, or what came after the file with the stamp `to`; otherwise as `up`."""
    run = _rehearse if dry_run else _perform
    yield from run(conninfo, folder, options, lambda standing: steps_down(standing, to, steps, options))


def _rehearse(
    conninfo: str, folder: Sequence[Migration], options: Options, decide: Decision
) -> Iterator[Event]:
    with _in_words(), session(conninfo, "specc migrate plan", options.patience.lock_timeout) as connection:
        yield _connected(connection)
        steps = decide(_standing(connection, folder))
        known = hazards.sizes(connection, steps)
        for one in steps:
            yield Event("planned", one.file, _told(one))
            yield from hazards.told(one, known)
        permit(steps, options)
        yield from preflight.check_all(connection, steps, options.patience)


def _told(step: Step) -> str:
    """Say what is special about a step."""
    parts = ["apply" if step.way == UP else "undo"]
    parts += ["outside of a transaction"] if step.is_concurrent else []
    parts += ["goes on where a runner ended"] if step.was_begun else []
    parts += ["by the way back that was kept"] if step.is_kept else []
    parts += [f"loses {step.loss}"] if step.loss else []
    parts += [f"in batches: {one.title}" for one in step.directives.batches]
    return ", ".join(parts)


def _perform(
    conninfo: str, folder: Sequence[Migration], options: Options, decide: Decision
) -> Iterator[Event]:
    with _in_words(), connected(conninfo, options) as holder:
        yield _connected(holder)
        check_writable(holder)
        yield from wait_for(holder, options)
        steps = decide(_standing(holder, folder))
        if not steps:
            return
        permit(steps, options)
        with session(conninfo, "specc migrate preflight", options.patience.lock_timeout) as reader:
            yield from preflight.check_all(reader, steps, options.patience)
        ledger.ensure(holder)
        waiting = preflight.waiting(steps)
        for step in steps:
            if later := waiting.get(step.file):
                with session(conninfo, "specc migrate preflight", options.patience.lock_timeout) as reader:
                    yield from preflight.check_one(reader, step.file, later, options.patience)
            yield from _patiently(conninfo, step, Lock(holder), options)


def _connected(connection: Connection) -> Event:
    found = database_of(connection)
    return Event("connected", text=f"PostgreSQL {found.version}, database {found.name}, as {found.role}")


def _standing(connection: Connection, folder: Sequence[Migration]) -> Standing:
    return compare(folder, ledger.read(connection))


@contextmanager
def _in_words() -> Iterator[None]:
    """Say in words what the server or the connection had against what is not about one file."""
    try:
        yield
    except psycopg.Error as error:
        raise MigrateError(f"the database did not answer: {said(error)}") from None


def _patiently(conninfo: str, step: Step, lock: Lock, options: Options) -> Iterator[Event]:
    """Take a step, again from its beginning when a lock was not to be had."""
    pauses = options.patience.pauses()
    while True:
        lock.check()
        try:
            yield from _take(conninfo, step, lock, options)
            return
        except SetupError as error:
            raise MigrateError(str(error), step.file) from None
        except (ApplyError, psycopg.Error) as error:
            if error.sqlstate not in AGAIN:
                raise _failed(step, error) from None
            pause = next(pauses, None)
            if pause is None:
                raise MigrateError(
                    f"no lock after {options.patience.tries} tries of {options.patience.lock_timeout:g} seconds: "
                    "somebody holds one for long; nothing of it is left",
                    step.file,
                    error if isinstance(error, ApplyError) else None,
                ) from None
            text = error.message if isinstance(error, ApplyError) else said(error)
        yield Event("retry", step.file, text, seconds=pause)
        time.sleep(pause)


def _failed(step: Step, error: ApplyError | psycopg.Error) -> MigrateError:
    if isinstance(error, ApplyError) and not error.is_lost:
        text = " (this is the way back that was kept when the file was applied)" if step.is_kept else ""
        return MigrateError(f"it failed, and nothing of it is left{text}", step.file, error)
    text = " ".join(error.message.split()) if isinstance(error, ApplyError) else said(error)
    if isinstance(error, psycopg.Error) and error.sqlstate:
        return MigrateError(f"it failed, and nothing of it is left: {text}", step.file)
    return MigrateError(
        f"the connection was lost ({text}); `specc migrate status` tells whether it is done, a second run goes on",
        step.file,
    )


def _take(conninfo: str, step: Step, lock: Lock, options: Options) -> Iterator[Event]:
    since = time.monotonic()
    with session(conninfo, f"specc migrate {step.version}", options.patience.lock_timeout) as connection:
        warnings: list[str] = []
        connection.add_notice_handler(
            lambda one: (
                warnings.append(one.message_primary or "") if one.severity_nonlocalized == "WARNING" else None
            )
        )
        if step.is_concurrent:
            yield from concurrently.run(connection, step)
        else:
            for batch in step.directives.batches:
                yield from batches.repeat(connection, lock, step.file, batch)
            _transact(connection, step, since)
    yield from (Event("warning", step.file, text) for text in warnings)
    kind = "applied" if step.way == UP else "undone"
    yield Event(kind, step.file, step.loss and f"lost {step.loss}", seconds=time.monotonic() - since)


def _transact(connection: Connection, step: Step, since: float) -> None:
    """Do a file and its row of the ledger, or what undoes both, in one transaction; the file was begun at `since`."""
    connection.execute("begin isolation level read committed read write")
    if step.way == UP:
        ledger.insert(connection, step.version, step.facts.name, step.text)
    elif step.in_history:
        ledger.remove(connection, step.version)
    begun = _transaction(connection)
    execute(connection, step.text)
    if _transaction(connection) != begun:
        raise MigrateError("it ended the transaction that it was to be done in", step.file)
    if step.way == UP:
        ledger.keep(connection, step.version, step.facts, time.monotonic() - since)
    else:
        ledger.forget(connection, step.version)
    commit(connection)


def _transaction(connection: Connection) -> str:
    row = connection.execute("select pg_current_xact_id()::text").fetchone()
    assert row is not None, "a query without FROM has a row"
    return str(row[0])

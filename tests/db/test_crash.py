"""Many writers at once and a server that is killed among them: what was committed is told, once, and nothing else,
and parents agree with their children again.

Writers keep their own books of what the server acknowledged; these and the seed's rules judge what is left after
recovery. `SPECC_CRASH=60` lets them write for a minute instead of some seconds.
"""

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
import pytest
from databases import GENERATED, Database, build_of, files_of, migrated
from psycopg import sql
from seed_rules import MACHINES, MOVES, RECOVERIES
from tenants import ACME, ACTIVITY, GLOBEX, SOURCE, fill, insert, of

from specc.pg.server import serve

pytestmark = pytest.mark.pg

SECONDS = float(os.environ.get("SPECC_CRASH", "6"))
WRITERS = 8
ROWS = 100
"""Of each machine and tenant, to begin with."""
LEGAL = {(source, target) for source, targets in MOVES.items() for target in targets} | {*RECOVERIES}

BY_CHILDREN = {("workflow_request", "in_progress", "done"), ("run_request", "in_progress", "done")}
"""Ends that only children bring about; a writer who takes them by hand leaves children open."""


@dataclass
class Book:
    """What one writer was told is committed: transactions with their moves, and how often the server went away."""

    kept: dict[int, Counter[str]] = field(default_factory=dict)
    lost: int = 0
    refused: int = 0


@pytest.fixture(scope="module")
def durable() -> Iterator[Database]:
    """The flagship on a server that keeps its promises over a crash."""
    with serve(build_of("pg18"), durable=True) as server, migrated(server, files_of(GENERATED)) as database:
        fill(database.owner)
        _add_rows(database.owner)
        yield database


def _add_rows(conninfo: str) -> None:
    with psycopg.connect(conninfo) as owner:
        for org in (ACME, GLOBEX):
            for number in range(100, 100 + ROWS):
                mine: dict[str, Any] = {"org_id": org}
                order, request = of(org, number), of(org, number + ROWS)
                insert(owner, "workflow_request", id=order, payload="{}", **mine)
                insert(
                    owner, "activity_request", id=request, activity_id=of(org, ACTIVITY),
                    workflow_request_id=order, **mine,
                )  # fmt: skip
                run = mine | {"activity_request_id": request, "source_id": SOURCE}
                insert(owner, "run_request", id=of(org, number + 3 * ROWS), **run)
                insert(
                    owner,
                    "run_queue",
                    id=of(org, number + 2 * ROWS),
                    run_request_id=of(org, number + 3 * ROWS),
                    **run,
                )


def write(database: Database, book: Book, seed: int, until: float) -> None:
    """Move rows at random until it is time, also illegally, one at a time and many at once."""
    chance = random.Random(seed)
    while time.monotonic() < until:
        with suppress(psycopg.OperationalError):
            _write(database, book, chance, until)
        book.lost += time.monotonic() < until
        time.sleep(0.05)


def _write(database: Database, book: Book, chance: random.Random, until: float) -> None:
    with psycopg.connect(database.owner) as connection:
        while time.monotonic() < until:
            moved: Counter[str] = Counter()
            try:
                for _ in range(chance.choice((1, 1, 3))):
                    _move(connection, chance, moved)
                xid = connection.execute("select pg_current_xact_id()::text::bigint").fetchone()
                connection.commit()
            except psycopg.DatabaseError as error:
                if error.sqlstate not in ("PT409", "40P01"):
                    raise
                connection.rollback()
                book.refused += 1
                continue
            assert xid is not None
            if moved:
                book.kept[xid[0]] = moved


def _move(connection: psycopg.Connection, chance: random.Random, moved: Counter[str]) -> None:
    machine, org = chance.choice(MACHINES), chance.choice((ACME, GLOBEX))
    if machine in ("run_queue", "run_request") and chance.random() < 0.3:
        request = of(org, 200 + chance.randrange(ROWS))
        insert(connection, machine, org_id=org, activity_request_id=request, source_id=SOURCE)
        moved[f"{machine} born"] += 1
        return
    found = connection.execute(
        sql.SQL("select id, state::text from {} where org_id = %s").format(sql.Identifier(machine)), [org]
    ).fetchall()
    state = chance.choice([state for _, state in found])
    following = [one for one in MOVES.get(state, ()) if (machine, state, one) not in BY_CHILDREN]
    if chance.random() < 0.03 or not following:
        following = [one for one in ("delivered", "ready", "new") if one != state]
    ids: list[UUID] = [row for row, at in found if at == state]
    chance.shuffle(ids)
    some = sorted(ids[: chance.choice((1, 1, 1, 20))])
    order = sql.SQL("update {} set state = %s, state_substate = null, state_since = private.now()"
                    " where id = any(%s) and state = %s")  # fmt: skip
    done = connection.execute(order.format(sql.Identifier(machine)), [chance.choice(following), some, state])
    if done.rowcount:
        moved[machine] += done.rowcount


def kill(database: Database) -> None:
    """Kill the server's checkpointer: PostgreSQL drops everything and recovers from its log."""
    with psycopg.connect(database.admin, autocommit=True) as connection:
        row = connection.execute(
            "select pid from pg_stat_activity where backend_type = 'checkpointer'"
        ).fetchone()
    assert row is not None
    os.kill(row[0], signal.SIGKILL)


def recovered(database: Database) -> None:
    """Wait until the server takes connections again: on a busy machine that takes longer than the writers live."""
    until = time.monotonic() + 60
    while True:
        try:
            psycopg.connect(database.admin).close()
        except psycopg.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)
        else:
            return


def test_what_was_committed_is_told_once(durable: Database) -> None:
    books = [Book() for _ in range(WRITERS)]
    until = time.monotonic() + SECONDS
    writers = [
        threading.Thread(target=write, args=(durable, book, seed, until)) for seed, book in enumerate(books)
    ]
    for writer in writers:
        writer.start()
    time.sleep(SECONDS / 2)
    kill(durable)
    for writer in writers:
        writer.join()
    recovered(durable)
    assert all(book.lost for book in books), "the server did not go away for everybody"
    assert sum(len(book.kept) for book in books) > WRITERS
    with psycopg.connect(durable.owner) as owner:
        told: dict[int, Counter[str]] = {}
        for machine in MACHINES:
            told_wrong(owner, machine)
            query = (
                "select xid::text::bigint, count(*) filter (where from_state is null), count(from_state)"
                f" from {machine}_state_history group by 1"
            )
            for xid, born, moved in owner.execute(query.encode()).fetchall():
                told.setdefault(xid, Counter()).update({machine: moved, f"{machine} born": born})
    for book in books:
        for xid, moved in book.kept.items():
            assert told.get(xid, Counter()) >= moved, f"transaction {xid} was acknowledged"

    with psycopg.connect(durable.owner, autocommit=True) as owner:
        assert left_over(owner) == {}


def left_over(owner: psycopg.Connection) -> dict[str, list[UUID]]:
    """Do what is due, and return the parents that do not agree with their children all the same."""
    while True:
        done = owner.execute("select task, rows, problem from private.tick()").fetchall()
        assert [problem for _, _, problem in done if problem is not None] == []
        if not any(rows for task, rows, _ in done if task != "alerts"):
            break
    old = [of(org, number) for org in (ACME, GLOBEX) for number in range(1, 10)]
    found = {}
    for what, query in DISAGREEING.items():
        rows = owner.execute(query.encode(), [old]).fetchall()
        if rows:
            found[what] = [row for (row,) in rows]
    return found


OVER = "('invalid', 'done', 'delivered', 'failed', 'timedout')"
"""Where the rows of a machine without attempts are settled."""
OPEN = "('new', 'valid', 'waiting', 'ready', 'in_progress')"
DISAGREEING = {
    "a settled workflow with an open activity": f"""
        select p.id from workflow_request p where p.state in {OVER} and p.id <> all (%s)
            and exists (select from activity_request c where c.workflow_request_id = p.id and c.state in {OPEN})""",
    "a settled activity with an open unit": f"""
        select p.id from activity_request p where p.state in {OVER} and p.id <> all (%s)
            and exists (select from run_queue c where c.activity_request_id = p.id and c.state in {OPEN})""",
    "a settled run with an open unit": f"""
        select p.id from run_request p
        where p.state in {OVER} and (p.state not in ('failed', 'timedout') or p.attempt = 3) and p.id <> all (%s)
            and exists (select from run_queue c where c.run_request_id = p.id and c.state in {OPEN})""",
    "a workflow that did not begin": """
        select p.id from workflow_request p where p.state = 'ready' and p.id <> all (%s) and exists (
            select from activity_request c
            where c.workflow_request_id = p.id and c.state in ('in_progress', 'invalid', 'done', 'failed', 'timedout'))""",
    "a workflow that did not end": f"""
        select p.id from workflow_request p where p.state = 'in_progress' and p.id <> all (%s)
            and exists (select from activity_request c where c.workflow_request_id = p.id)
            and not exists (select from activity_request c where c.workflow_request_id = p.id and c.state in {OPEN})""",
    "an activity that did not begin": """
        select p.id from activity_request p where p.state = 'ready' and p.id <> all (%s) and exists (
            select from run_queue c
            where c.activity_request_id = p.id and c.state in ('in_progress', 'invalid', 'done', 'failed', 'timedout'))""",
    "a run that did not end": f"""
        select p.id from run_request p where p.state = 'in_progress' and p.id <> all (%s)
            and exists (select from run_queue c where c.run_request_id = p.id)
            and not exists (select from run_queue c where c.run_request_id = p.id and c.state in {OPEN})""",
}
"""What must not be once everything due was done, typed from the seed and from how its requests live."""


def told_wrong(owner: psycopg.Connection, machine: str) -> None:
    """Check that each row's history is one chain of legal moves from nothing to where the row is."""
    query = (
        "select r.id, r.state::text, array_agg(h.from_state::text order by h.seq), array_agg(h.to_state::text order by h.seq)"
        f" from {machine} as r left join {machine}_state_history as h on h.row_id = r.id"
        " where r.org_id = any(%s) and r.id <> all(%s) group by 1, 2"
    )
    # These were there before the guard was switched on.
    old = [of(org, number) for org in (ACME, GLOBEX) for number in range(1, 10)]
    rows = owner.execute(query.encode(), [[ACME, GLOBEX], old]).fetchall()
    assert len(rows) >= 2 * ROWS
    for row, state, left, came in rows:
        assert left == [None, *came[:-1]], (machine, row)
        assert came[-1] == state, (machine, row)
        for move in zip(left[1:], came[1:], strict=True):
            assert move in LEGAL, (machine, row, move)

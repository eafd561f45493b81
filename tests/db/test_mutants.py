"""Would the generated tests notice? Each thing that the lock promises is broken once, and a test must fail.

A mutant lives in a transaction that is rolled back, together with the tests that concern it. How many there
were and how many were noticed is printed at the end of the run.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import cache
from itertools import chain

import pglast
import psycopg
import pytest
from databases import GENERATED
from mutation import Mutant, mutants
from mutation_sync import sync_mutants, time_mutants

from specc.ir import lock
from specc.ir.behaviour import SyncDown, SyncUp, Timeout
from specc.ir.model import Ir
from specc.pg.server import Server

pytestmark = pytest.mark.pg

ALIASES = ("f", "t", "s")
CHUNK = 16
SAMPLE = 10

SAME_TENANT = "no role of the API may write the tenant's column, so a row cannot leave its tenant"
OPEN_TO_ALL = (
    "PostgreSQL gives everybody usage of `public`, and the pseudo-role's grant is not ours to revoke"
)

# What no test can notice, because nobody else could notice it either.
EQUIVALENT = {
    **{f"update_authenticated on public.{table}: with check (true)": SAME_TENANT
       for table in ("activity", "factor", "org", "workflow")},
    **{f"revoke usage on schema public from {role}": OPEN_TO_ALL
       for role in ("anon", "authenticated", "service_role")},
}  # fmt: skip


@cache
def everything() -> tuple[Mutant, ...]:
    return tuple(chain(mutants(ir()), sync_mutants(ir()), time_mutants(ir())))


@cache
def ir() -> Ir:
    return lock.load((GENERATED / "specc.lock").read_text(encoding="utf-8"))


@cache
def statements(file: str) -> tuple[list[str], list[str]]:
    """Return what a test file sets up and its tests, without the transaction around them."""
    text = (GENERATED / "tests" / file).read_text(encoding="utf-8")
    every = [text[place].strip() for place in pglast.split(text, only_slices=True)]
    inner = [one for one in every if bare(one) not in ("begin", "rollback", "select * from finish()")]
    first = next(number for number, one in enumerate(inner) if is_test(one))
    return inner[:first], inner[first:]


def bare(statement: str) -> str:
    return "\n".join(line for line in statement.splitlines() if not line.startswith("--")).strip()


def is_test(statement: str) -> bool:
    return bare(statement).startswith(("select is(", "select ok(", "select matches("))


def states_of(statement: str) -> set[str]:
    """Return what a test tries all of: from, to, substate."""
    return {alias for alias in ALIASES if f") as {alias}" in statement}


def narrowed(statement: str, mutant: Mutant) -> str | None:
    """Return a test for the states of a mutant only; None for a test of states that has nothing to do with it."""
    if not mutant.narrow or not is_test(statement):
        return statement
    if not set(mutant.narrow) <= states_of(statement):
        return None
    return f"{statement} where " + " and ".join(
        f"{name} = '{state}'" for name, state in mutant.narrow.items()
    )


def chunks(mutant: Mutant, file: str) -> Iterator[str]:
    """Yield what a file sets up and its tests: what is cheapest first, and what leaves rows in its order."""
    setup, tests = statements(file)
    yield ";\n".join(setup)
    looks = [one for one in tests if is_test(one) and "pg_temp.attempt(" not in one]
    whole = [one for one in tests if states_of(one)]
    for some in (looks, [one for one in tests if one not in (*looks, *whole)], whole):
        kept = [one for test in some if (one := narrowed(test, mutant)) is not None]
        for start in range(0, len(kept), CHUNK):
            yield ";\n".join(kept[start : start + CHUNK])


def noticed(connection: psycopg.Connection, mutant: Mutant) -> str:
    """Return the first complaint of the tests about a mutant, "" if there is none."""
    try:
        connection.execute(mutant.order.encode())
        for file in mutant.files:
            for chunk in chunks(mutant, file):
                complaint = next(
                    (line for line in printed(connection, chunk) if line.startswith("not ok")), ""
                )
                if complaint:
                    return f"{file}: {complaint}"
            # Whose test functions count anew.
            connection.rollback()
            connection.execute(mutant.order.encode())
    finally:
        connection.rollback()
    return ""


def printed(connection: psycopg.Connection, chunk: str) -> Iterator[str]:
    cursor = connection.execute(chunk.encode())
    while True:
        if cursor.description is not None:
            yield from (str(row[0]) for row in cursor)
        if not cursor.nextset():
            return


def judged(databases: tuple[str, ...], some: list[Mutant]) -> dict[str, str]:
    """Return what the tests said of each mutant; each database is one worker's, since mutants lock tables."""

    def work(number: int) -> list[tuple[str, str]]:
        with closing(psycopg.connect(databases[number])) as connection:
            return [(one.name, noticed(connection, one)) for one in some[number :: len(databases)]]

    with ThreadPoolExecutor(len(databases)) as pool:
        return dict(pair for share in pool.map(work, range(len(databases))) for pair in share)


def tally(some: list[Mutant], said: dict[str, str]) -> list[str]:
    """Return for each kind how many mutants there were and how many were noticed."""
    every, seen = Counter(one.kind for one in some), Counter(one.kind for one in some if said[one.name])
    lines = [f"{kind}: {seen[kind]} of {every[kind]} noticed" for kind in sorted(every)]
    return [*lines, f"all: {seen.total()} of {every.total()} noticed"]


def test_what_is_broken_is_noticed(
    flagship: str, shared_flagship: str, server: Server, record_property: Callable[[str, object], None]
) -> None:
    some = list(everything())
    assert len({one.name for one in some}) == len(some) > 1000
    if server.version < 18:
        some = some[::SAMPLE]
    said = judged((flagship, shared_flagship), some)
    record_property("tally", [f"mutants on PostgreSQL {server.version}", *tally(some, said)])
    survivors = {one.name for one in some if not said[one.name]}
    assert survivors == EQUIVALENT.keys() & {one.name for one in some}


def test_every_rule_has_its_mutants() -> None:
    names = [one.name for one in everything()]
    dropped = [name for name in names if "_follow: rule " in name and name.endswith("is dropped")]
    assert len(dropped) == len(ir().all(SyncUp)) >= 6
    assert sum("_moved: nothing follows" in name for name in names) >= len(ir().all(SyncDown)) >= 10
    for how in ("is dropped", "is later", "is earlier"):
        found = [name for name in names if "_time_out: " in name and name.endswith(how)]
        timed = [one for one in ir().all(Timeout) if one.after or how == "is dropped"]
        assert len(found) == len(timed) >= 2


def test_what_is_whole_passes(flagship: str) -> None:
    files = sorted(path.name for path in (GENERATED / "tests").glob("*.sql"))
    with closing(psycopg.connect(flagship)) as connection:
        assert noticed(connection, Mutant("none", "nothing", "select", tuple(files))) == ""

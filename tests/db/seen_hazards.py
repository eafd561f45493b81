"""What a migration did to a running database, as the server tells it: locks, rewrites and scans of relations.

A text is run in one transaction, statement after statement; what is told is of relations that were there before. A
partition is told as the table that it is of.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from pglast import ast, parse_sql

from specc.ir.step import LOCKS, Hazard
from specc.pg.names import qualified
from specc.pg.script import pieces

MODES = tuple("".join(word.capitalize() for word in one.split()) + "Lock" for one in LOCKS)
"""The names of locks in `pg_locks`."""

NOTHING, SCAN, REWRITE = range(3)

_THERE = """
    select c.oid, coalesce(pg_partition_root(c.oid)::oid, c.oid), n.nspname, c.relname, d.refobjid
    from pg_class as c
    join pg_namespace as n on n.oid = c.relnamespace
    left join pg_depend as d on d.objid = c.oid and d.classid = 'pg_class'::regclass and c.relkind = 'S'
        and d.deptype in ('a', 'i') and d.refclassid = 'pg_class'::regclass
    where c.relkind in ('r', 'p', 'v', 'S') and n.nspname !~ '^(pg_|information_schema)'
"""
_NOW = """
    select t.oid, l.modes, coalesce(pg_stat_get_xact_numscans(t.oid), 0),
        case when c.relkind <> 'S' then c.relfilenode end
    from unnest(%s::oid[]) as t (oid)
    left join pg_class as c on c.oid = t.oid
    left join (
        select relation, array_agg(mode) as modes from pg_locks
        where pid = pg_backend_pid() and locktype = 'relation' group by relation
    ) as l on l.relation = t.oid
"""
QUIET = (ast.CreateFunctionStmt, ast.GrantStmt, ast.CommentStmt, ast.CreatePolicyStmt, ast.CreateTrigStmt)
ROWS = (ast.InsertStmt, ast.UpdateStmt, ast.DeleteStmt, ast.SelectStmt)


@dataclass
class Told:
    """How strongly a relation is locked so far, and what was done to it under each lock."""

    lock: int = -1
    effects: dict[int, int] | None = None

    def note(self, lock: int, effect: int) -> None:
        self.lock = max(self.lock, lock)
        self.effects = self.effects or {}
        self.effects[self.lock] = max(self.effects.get(self.lock, 0), effect)


def run(connection: psycopg.Connection[Any], text: str) -> dict[str, tuple[str, str]]:
    """Run a text in a transaction that stays open; return the lock and the effect of each relation locked against more than its reading."""
    there = connection.execute(_THERE).fetchall()
    names = {oid: qualified(schema, name) for oid, _, schema, name, _ in there}
    place = {oid: names[root] for oid, root, *_ in there}
    told: dict[str, Told] = {}
    before = {one[0]: one for one in _now(connection, list(names))}
    found = [(one, type(tree[0].stmt)) for one in pieces(text) if (tree := parse_sql(one))]
    # A lock stays, so that it is seen later, too: what reads no rows and is frequent is not looked at each time.
    last = len(found) - 1
    for at, (statement, kind) in enumerate(found):
        # A table of three rows is read whole for one of them: that says nothing of a large one.
        if kind in ROWS:
            connection.execute("set local enable_seqscan = off")
        connection.execute(statement.encode())
        if kind in ROWS:
            connection.execute("set local enable_seqscan = on")
        if kind in QUIET and at < last:
            continue
        for oid, modes, scans, file in _now(connection, list(names)):
            _, _, scans_before, file_before = before[oid]
            effect = NOTHING
            if file is not None:
                effect = REWRITE if file != file_before else SCAN if scans > scans_before else NOTHING
            lock = max((MODES.index(one) for one in modes or ()), default=-1)
            told.setdefault(place[oid], Told()).note(lock, effect)
            before[oid] = (oid, modes, scans, file if file is not None else file_before)
    locked = {name: one for name, each in sorted(told.items()) if (one := _found(each))}
    # A sequence that goes with its table is no more to anybody than the table.
    own = {names[oid]: names[owner] for oid, *_, owner in there if owner is not None}
    return {
        name: one
        for name, one in locked.items()
        if own.get(name) not in locked or LOCKS.index(one[0]) > LOCKS.index(locked[own[name]][0])
    }


def seen(conninfo: str, text: str) -> dict[str, tuple[str, str]]:
    """Run a text as `run` does, over a connection of its own, and commit."""
    with psycopg.connect(conninfo) as connection:
        return run(connection, text)


def assert_told(
    hazards: Sequence[Hazard], found: dict[str, tuple[str, str]], spared: Collection[str] = ()
) -> None:
    """Compare what was seen with what was said of it; of what is `spared` not all may be read.

    Rows that are updated are found by a scan, too.
    """
    said = {
        qualified(*one.relation): (one.lock, "scan" if one.effect == "update" else one.effect)
        for one in hazards
    }
    for name in spared:
        if name in said and name in found and (said[name][1], found[name][1]) == ("scan", ""):
            found = found | {name: (found[name][0], "scan")}
    names = sorted(said.keys() | found.keys())
    wrong = {
        name: f"said {said.get(name)}, seen {found.get(name)}"
        for name in names
        if said.get(name) != found.get(name)
    }
    assert not wrong, wrong


def _now(connection: psycopg.Connection[Any], oids: list[int]) -> Iterator[tuple[Any, ...]]:
    yield from connection.execute(_NOW, [oids]).fetchall()


def _found(one: Told) -> tuple[str, str] | None:
    weakest = MODES.index("ShareUpdateExclusiveLock")
    if one.lock < weakest:
        return None
    least = weakest if one.lock == weakest else weakest + 1
    effect = max(done for lock, done in (one.effects or {}).items() if lock >= least)
    return LOCKS[one.lock], ("", "scan", "rewrite")[effect]

"""Random UPDATEs of a state on a server: the rows that really move are those that were read from the text."""

from collections.abc import Iterator
from random import Random

import psycopg
import pytest
from databases import created

from specc.pg.parsing import parse
from specc.pg.scopes import Scope, Table
from specc.pg.server import Server
from specc.pg.writes import column_writes

pytestmark = pytest.mark.pg

STATES = ("new", "valid", "ready", "busy", "done")
KINDS = ("search", "look", "")
SETUP = f"""
create type state as enum ({", ".join(f"'{one}'" for one in STATES)});
create table unit (id integer generated always as identity, state state not null, before state, kind text not null);
insert into unit (state, before, kind)
select state, state, kind from unnest(enum_range(null::state)) as state cross join unnest(array{list(KINDS)}) as kind;
"""
ROUNDS = 400


class Writer:
    """Writes random SQL about a state; `is_exact` is False once it wrote what only a server can decide."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.is_exact = True

    def one(self) -> str:
        return self.random.choice(STATES)

    def some(self) -> list[str]:
        return self.random.sample(STATES, self.random.randint(1, 3))

    def column(self) -> str:
        return self.random.choice(["state", "u.state", '"state"', "u.state::text"])

    def open(self, text: str) -> str:
        self.is_exact = False
        return text

    def condition(self, depth: int) -> str:
        if depth and self.random.random() < 0.6:
            left, right = self.condition(depth - 1), self.condition(depth - 1)
            return self.random.choice(
                [f"({left} and {right})", f"({left} or {right})", f"not ({left})", f"(not {left})"]
            )
        column, one, some = self.column(), self.one(), self.some()
        listed, array = ", ".join(f"'{each}'" for each in some), "{" + ",".join(some) + "}"
        # A parameter of the same text would have the same type: casts make texts and states comparable.
        plain = self.random.choice(["state", "u.state"])
        return self.random.choice(
            [
                lambda: f"{column} = '{one}'",
                lambda: f"'{one}' = {column}",
                lambda: f"{column} <> '{one}'",
                lambda: f"{column} != '{one}'",
                lambda: f"{column} in ({listed})",
                lambda: f"{column} not in ({listed})",
                lambda: f"{plain} = any (array[{listed}]::state[])",
                lambda: f"{column} = any ('{array}')",
                lambda: f"{column} <> all ('{array}')",
                lambda: f"{plain} is distinct from '{one}'",
                lambda: f"{plain} is not distinct from '{one}'::state",
                lambda: self.open(f"{plain} <> any (array[{listed}]::state[])"),
                lambda: self.open(f"{plain} = all (array[{listed}]::state[])"),
                lambda: self.open(f"{plain} > '{one}'"),
                lambda: self.open(f"{plain} between '{one}' and '{self.one()}'"),
                lambda: self.open(f"({plain}, kind) = ('{one}', 'search')"),
                lambda: self.open(f"kind = '{self.random.choice(KINDS)}'"),
                lambda: self.open(f"(kind <> 'look') is not true and {plain} = '{one}'"),
                lambda: self.open(f"exists (select 1 from unit x where x.id = u.id and x.state = '{one}')"),
                lambda: self.open(f"u.id in (select id from unit where state = '{one}')"),
            ]
        )()

    def value(self, depth: int) -> str:
        if not depth or self.random.random() < 0.3:
            return self.random.choice(
                [f"'{self.one()}'::state", "u.state", "state", f"cast('{self.one()}' as state)"]
            )
        first, second = self.value(depth - 1), self.value(depth - 1)
        cases = [
            lambda: f"case when {self.condition(1)} then {first} else {second} end",
            lambda: (
                f"case when {self.condition(1)} then {first} when {self.condition(1)} then {second}"
                f" else {self.value(depth - 1)} end"
            ),
            lambda: (
                f"case {self.random.choice(['state', 'u.state'])} when '{self.one()}' then {first}"
                f" when '{self.one()}' then {second} else state end"
            ),
            lambda: f"coalesce(null, {first})",
            lambda: self.open(f"coalesce(nullif({first}, '{self.one()}'), {second})"),
            lambda: self.open(f"(select {first})"),
            lambda: self.open(
                "(select x.state from unit x where x.id = u.id + 1 union all select 'new' limit 1)"
            ),
        ]
        return self.random.choice(cases)()

    def statement(self) -> str:
        value, where = self.value(2), self.condition(2)
        setting = self.random.choice([f"state = {value}", f"(kind, state) = (kind, {value})"])
        locked = f"id = any (array(select x.id from unit x where {where.replace('u.', 'x.')} for update))"
        shape = self.random.random()
        if shape < 0.15:
            return f"update unit as u set {setting} where {locked}"
        if shape < 0.3:
            picked = f"with p as (select u.id from unit u where {where} for no key update)"
            return f"{picked} update unit as u set {setting} from p where p.id = u.id"
        if shape < 0.4:
            return f"merge into unit as u using (select 1) as s on true when matched and {where} then update set {setting}"
        return f"update unit as u set {setting} where {where}"


@pytest.fixture(scope="module")
def connection(server: Server) -> Iterator[psycopg.Connection]:
    """A connection to a database with a row in every state, of every kind."""
    with created(server) as database, psycopg.connect(database.admin, autocommit=True) as connection:
        connection.execute(SETUP)
        yield connection


def moved(connection: psycopg.Connection, statement: str) -> set[tuple[str, str]]:
    with connection.transaction(force_rollback=True):
        connection.execute(statement)
        rows = connection.execute("select distinct before::text, state::text from unit where state <> before")
        return set(rows.fetchall())


def read(statement: str) -> tuple[set[tuple[str, str]], bool]:
    """Return the moves that a statement may make, for all that is read of it, and whether none was left open."""
    known = {("public", "unit"): Table(frozenset(["id", "state", "kind", "before"]), STATES, "new")}
    found = column_writes(parse(statement), Scope("state", known.get, "public")).writes
    pairs = {
        (source, target)
        for one in found
        for source in (STATES if one.sources is None else one.sources)
        for target in (STATES if one.value is None else (one.value,))
        if source != target
    }
    return pairs, not any(one.reason for one in found)


@pytest.mark.parametrize("seed", range(4))
def test_random_updates_move_rows_as_read(connection: psycopg.Connection, seed: int) -> None:
    decided = 0
    for number in range(ROUNDS // 4):
        writer = Writer(seed * ROUNDS + number)
        statement = writer.statement()
        really, (pairs, is_decided) = moved(connection, statement), read(statement)
        assert really <= pairs, statement
        if writer.is_exact:
            assert is_decided and really == pairs, statement
        decided += is_decided
    assert decided > ROUNDS // 10

"""The seed's state rules, typed from its text, and the tables of the machines that are to keep them.

Nothing here comes from the compiler. In goes a connection; out comes what became of rows that tests try to move.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql

Connection = psycopg.Connection[tuple[Any, ...]]

# The seed, 1.3 and 1.4: ten labels in this order, and where a row may go from each.
STATES = (
    "new",
    "valid",
    "invalid",
    "waiting",
    "ready",
    "in_progress",
    "timedout",
    "failed",
    "done",
    "delivered",
)
MOVES = {
    "new": ("valid", "invalid"),
    "valid": ("ready", "waiting"),
    "ready": ("in_progress",),
    "in_progress": ("done", "failed", "timedout"),
    "waiting": ("ready", "invalid", "timedout"),
    "done": ("delivered",),
}
WAYS = {
    "new": (),
    "valid": ("valid",),
    "invalid": ("invalid",),
    "waiting": ("valid", "waiting"),
    "ready": ("valid", "ready"),
    "in_progress": ("valid", "ready", "in_progress"),
    "timedout": ("valid", "waiting", "timedout"),
    "failed": ("valid", "ready", "in_progress", "failed"),
    "done": ("valid", "ready", "in_progress", "done"),
    "delivered": ("valid", "ready", "in_progress", "done", "delivered"),
}
# Recovery is not among the seed's rules: a run is tried again, up to three times, and nothing else is.
RECOVERIES = (("timedout", "ready"), ("failed", "ready"))
ATTEMPTS = {"workflow_request": 0, "activity_request": 0, "run_queue": 0, "run_request": 3}
MACHINES = tuple(ATTEMPTS)

ORG, SOURCE, ACTIVITY, REQUEST = (UUID(int=number) for number in range(1, 5))
WORLD = f"""
    insert into org (id, name, slug) values ('{ORG}', 'Acme', 'acme');
    insert into object_type (id, name, label) values ('{UUID(int=9)}', 'ship', 'Ship');
    insert into source (id, name, base_url, run_request_template)
        values ('{SOURCE}', 'Ships', 'https://api.example.com', '{{}}');
    insert into activity (id, org_id, key, name, type, object_type_id)
        values ('{ACTIVITY}', '{ORG}', 'ships', 'Ships', 'EXTRACT', '{UUID(int=9)}');
    insert into activity_request (id, org_id, activity_id) values ('{REQUEST}', '{ORG}', '{ACTIVITY}');
"""
NEEDED: dict[str, dict[str, Any]] = {
    "workflow_request": {"org_id": ORG, "payload": "{}"},
    "activity_request": {"org_id": ORG, "activity_id": ACTIVITY},
    "run_queue": {"org_id": ORG, "activity_request_id": REQUEST, "source_id": SOURCE},
    "run_request": {"org_id": ORG, "activity_request_id": REQUEST, "source_id": SOURCE},
}


def may(start: str, end: str) -> bool:
    return end in MOVES.get(start, ())


class Table:
    """The table of a machine in a connection, and what one can try on it."""

    def __init__(self, connection: Connection, name: str) -> None:
        self.connection = connection
        self.name = name

    def run(self, order: str, **values: Any) -> int:
        """Run an order in which `{t}` is the table and `{s}` its state type; return the number of rows."""
        text = sql.SQL(order).format(
            t=sql.Identifier("public", self.name), s=sql.Identifier("public", f"{self.name}_state")
        )
        return self.connection.execute(text, values).rowcount

    def born(self, state: str | None = None, **more: Any) -> UUID:
        """Insert a row and return its id."""
        row = {"id": uuid4()} | NEEDED[self.name] | ({"state": state} if state else {}) | more
        names = ", ".join(row)
        self.run(f"insert into {{t}} ({names}) values ({', '.join(f'%({name})s' for name in row)})", **row)
        return UUID(str(row["id"]))

    def at(self, state: str, *, ago: str = "1 day") -> UUID:
        """Bring a new row into a state by the seed's moves, some time ago or just now, and return its id."""
        then = "select set_config('specc.now', (now() - nullif(%s, '')::interval)::text, true)"
        self.connection.execute(then, [ago])
        row = self.born()
        for step in WAYS[state]:
            assert self.move(row, step) == 1
        self.connection.execute("select set_config('specc.now', '', true)")
        return row

    def move(self, row: UUID, state: str, more: str = "") -> int:
        return self.run(f"update {{t}} set state = %(state)s {more} where id = %(row)s", row=row, state=state)

    def read(self, row: UUID, column: str = "state") -> Any:
        found = self.connection.execute(f"select {column} from public.{self.name} where id = %s", [row])
        (value,) = found.fetchone() or (None,)
        return value

    def states(self) -> list[str]:
        found = self.connection.execute(
            f"select state::text from public.{self.name} where org_id = %s", [ORG]
        )
        return sorted(row[0] for row in found)


def prepare(connection: Connection) -> None:
    """Leave the guards alone on the machines' tables, and make what their rows point at."""
    others = connection.execute(
        """select format('alter table %%s disable trigger %%I', tgrelid::regclass, tgname) from pg_trigger
           where tgrelid = any (%s::regclass[]) and not tgisinternal and tgname not like '%%guard%%'""",
        [list(MACHINES)],
    ).fetchall()
    for (order,) in others:
        connection.execute(order)
    connection.execute(WORLD)


@contextmanager
def refused(connection: Connection) -> Iterator[pytest.ExceptionInfo[psycopg.Error]]:
    """Expect the refusal of a move; what was done before stands."""
    with pytest.raises(psycopg.Error) as caught, connection.transaction():
        yield caught
    assert caught.value.sqlstate == "PT409"


def outcome(table: Table, order: str, row: UUID, state: str) -> str:
    """Return the state an order leaves a row in, or the SQLSTATE of its refusal; nothing of it stays."""
    result = ""
    with table.connection.transaction(force_rollback=True):
        try:
            with table.connection.transaction():
                table.run(order, row=row, state=state, **NEEDED[table.name])
                result = table.read(row)
        except psycopg.Error as error:
            result = str(error.sqlstate)
    return result


def plain(table: Table) -> list[str]:
    """Return the two ways by which a guard comes to its answer: with the moment given, and without."""
    every = writers(table)
    return [every["update"], every["update that says since when"]]


def upsert(table: Table, update: str) -> str:
    """Return an INSERT that meets the row `row` and updates it."""
    row = NEEDED[table.name]
    names, values = ", ".join(row), ", ".join(f"%({name})s" for name in row)
    return (
        f"insert into {{t}} (id, state, {names}) values (%(row)s, %(state)s, {values}) on conflict {update}"
    )


def writers(table: Table) -> dict[str, str]:
    """Return the ways to write the state of a row that is there."""
    return {
        "update": "update {t} set state = %(state)s where id = %(row)s",
        "update that says since when": """
            update {t} set state = %(state)s, state_since = now() where id = %(row)s""",
        "update that says more": """
            update {t} set state = %(state)s, created_at = created_at, errors = default where id = %(row)s"""
        if table.name != "run_request"
        else "update {t} set state = %(state)s, created_at = created_at, polls = polls + 1 where id = %(row)s",
        "update from": """
            update {t} as t set state = v.state from (values (%(row)s::uuid, %(state)s::{s})) as v (id, state)
            where t.id = v.id""",
        "update of the keys": "update {t} set state = %(state)s, org_id = org_id, id = id where id = %(row)s",
        "upsert": upsert(table, "(id) do update set state = excluded.state"),
        "upsert by the tenant's key": upsert(table, "(org_id, id) do update set state = excluded.state"),
        "merge": """
            merge into {t} as t using (values (%(row)s::uuid, %(state)s::{s})) as v (id, state) on t.id = v.id
            when matched then update set state = v.state""",
        "writable CTE": """
            with moved as (update {t} set state = %(state)s where id = %(row)s returning id)
            select count(*) from moved""",
    }


def wrong_moves(table: Table, orders: dict[str, str]) -> list[str]:
    """Try every move in every way, on rows that moved long ago or just now; return what the seed says otherwise."""
    wrong = []
    for ago in ("1 day", ""):
        rows = {state: table.at(state, ago=ago) for state in STATES}
        for name, (start, row), end in product(orders, rows.items(), STATES):
            came = outcome(table, orders[name], row, end)
            if came != (end if start == end or may(start, end) else "PT409"):
                wrong.append(f"{name}, {ago or 'just now'}: {start} to {end}: {came}")
    return wrong

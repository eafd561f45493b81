"""Two tenants of the flagship with their users: who writes what, and what each of them reads.

In goes the connection string of a database with the flagship in it; tests speak to it as one of the roles.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import DictRow, dict_row
from psycopg.types.json import Jsonb

NUMBERS = count()
NOT_ALLOWED = "42501"
FOREIGN_KEY = "23503"
IN_USE = ("23001", "23503")
"""`on delete restrict` refuses with the first since PostgreSQL 18, with the second before."""
UNIQUE = "23505"
CHECK = "23514"
ILLEGAL_MOVE = "PT409"


@dataclass(frozen=True)
class Who:
    """Somebody who speaks to the database: a role, and for a signed-in user his id."""

    role: str
    user: UUID | None = None


OWNER = Who("flagship_owner")
SERVICE = Who("service_role")


@dataclass(frozen=True)
class Flagship:
    """A database of the flagship."""

    conninfo: str

    @contextmanager
    def acting(self, who: Who) -> Iterator[psycopg.Connection[DictRow]]:
        with psycopg.connect(self.conninfo, row_factory=dict_row) as connection:
            claims = json.dumps({"role": who.role} | ({"sub": str(who.user)} if who.user else {}))
            connection.execute("select set_config('request.jwt.claims', %s, true)", [claims])
            connection.execute(sql.SQL("set local role {}").format(sql.Identifier(who.role)))
            yield connection

    def add(self, who: Who, table: str, **row: Any) -> UUID:
        names = sql.SQL(", ").join(sql.Identifier(name) for name in row)
        values = sql.SQL(", ").join(sql.Placeholder() for _ in row)
        order = sql.SQL("insert into {} ({}) values ({}) returning id")
        with self.acting(who) as connection:
            made = connection.execute(order.format(_place(table), names, values), list(row.values()))
            found = made.fetchone()
        assert found is not None
        return UUID(str(found["id"]))

    def change(self, who: Who, table: str, row_id: UUID, **row: Any) -> int:
        parts = sql.SQL(", ").join(sql.SQL("{} = %s").format(sql.Identifier(name)) for name in row)
        order = sql.SQL("update {} set {} where id = %s").format(_place(table), parts)
        with self.acting(who) as connection:
            return connection.execute(order, [*row.values(), row_id]).rowcount

    def remove(self, who: Who, table: str, row_id: UUID) -> int:
        order = sql.SQL("delete from {} where id = %s").format(_place(table))
        with self.acting(who) as connection:
            return connection.execute(order, [row_id]).rowcount

    def read(self, who: Who, table: str, row_id: UUID) -> dict[str, Any] | None:
        order = sql.SQL("select * from {} where id = %s").format(_place(table))
        with self.acting(who) as connection:
            return connection.execute(order, [row_id]).fetchone()


def _place(table: str) -> sql.Composed:
    return sql.SQL(".").join(sql.Identifier(name) for name in table.split("."))


def plain(value: object) -> object:
    return value.obj if isinstance(value, Jsonb) else value


@dataclass(frozen=True)
class World:
    """Two tenants with their users, and what an activity of the first one is made of."""

    db: Flagship
    acme: UUID
    globex: UUID
    admin: Who
    member: Who
    rival: Who
    company: UUID
    industry: UUID

    def holds(self, table: str, row_id: UUID, row: dict[str, Any], *, shared: bool = False) -> None:
        """Assert that a member reads what was written, and a member of another tenant only what is shared."""
        found = self.db.read(self.member, table, row_id)
        assert found is not None
        assert {name: found[name] for name in row} == {name: plain(value) for name, value in row.items()}
        assert (self.db.read(self.rival, table, row_id) is not None) == shared

    def source(self, **row: Any) -> UUID:
        required: dict[str, Any] = {
            "name": f"Source {next(NUMBERS)}",
            "base_url": "https://api.example.com",
            "run_request_template": Jsonb({"method": "POST", "path": "/runs"}),
        }
        return self.db.add(SERVICE, "source", **required | row)

    def activity(self, **row: Any) -> UUID:
        required: dict[str, Any] = {
            "org_id": self.acme,
            "key": f"activity_{next(NUMBERS)}",
            "name": "Enrich companies",
            "type": "ENRICHMENT",
            "object_type_id": self.company,
        }
        return self.db.add(self.admin, "activity", **required | row)

    def object(self, key: str = "techcorp.example") -> UUID:
        row = {"org_id": self.acme, "object_type_id": self.company, "external_key": key}
        return self.db.add(SERVICE, "object", **row)

    def activity_request(self) -> UUID:
        return self.db.add(self.member, "activity_request", org_id=self.acme, activity_id=self.activity())

    def run(self, request: UUID, source: UUID) -> UUID:
        row = {"org_id": self.acme, "activity_request_id": request, "source_id": source}
        return self.db.add(OWNER, "run_request", **row)


def world_of(conninfo: str) -> World:
    """Fill a fresh database of the flagship with two tenants and their users."""
    db = Flagship(conninfo)
    acme, globex = (db.add(SERVICE, "org", name=name, slug=name.lower()) for name in ("Acme", "Globex"))
    users = []
    for org, role in ((acme, "admin"), (acme, "member"), (globex, "owner")):
        user = db.add(OWNER, "auth.users", email=f"{role}@example.com")
        db.add(SERVICE, "org_member", org_id=org, user_id=user, role=role)
        users.append(Who("authenticated", user))
    admin, member, rival = users
    company, industry = named(db, "object_type", "company"), named(db, "datapoint", "industry")
    return World(db, acme, globex, admin, member, rival, company, industry)


def named(db: Flagship, table: str, name: str) -> UUID:
    order = sql.SQL("select id from {} where name = %s").format(_place(table))
    with db.acting(OWNER) as connection:
        found = connection.execute(order, [name]).fetchone()
    assert found is not None
    return UUID(str(found["id"]))


@contextmanager
def refused(*sqlstates: str) -> Iterator[None]:
    """Expect that the database refuses what stands in the block, with one of these SQLSTATEs."""
    with pytest.raises(psycopg.Error) as caught:
        yield
    assert caught.value.sqlstate in sqlstates

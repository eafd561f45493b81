"""Two tenants with the same things, a tenant without any, and their users; and how these come in.

They come in as `authenticator` and take a role for one transaction, as the API does; nothing of them stays.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import sql

Connection = psycopg.Connection[tuple[Any, ...]]

DENIED = "42501"
FOREIGN_KEY = "23503"

ACME, GLOBEX, EMPTY = (UUID(int=number) for number in (1, 2, 3))
ANNA, MAX, GERD, BOTH, NOBODY = (UUID(int=number) for number in range(11, 16))
TYPE, DATAPOINT, SOURCE = (UUID(int=number) for number in range(21, 24))
MEMBERS = (
    (ACME, ANNA, "admin"), (ACME, MAX, "member"), (GLOBEX, GERD, "owner"),
    (ACME, BOTH, "admin"), (GLOBEX, BOTH, "member"),
)  # fmt: skip
TENANT_TABLES = (
    "org_member", "workflow", "activity", "factor", "workflow_request", "activity_request",
    "run_queue", "run_request", "object", "value",
)  # fmt: skip
REQUESTS = ("workflow_request", "activity_request", "run_queue", "run_request")
SHARED_TABLES = ("object_type", "datapoint", "source", "object_source", "datapoint_source")


def of(org: UUID, number: int) -> UUID:
    """Return the id of a tenant's row."""
    return UUID(int=org.int * 1000 + number)


WORKFLOW, ACTIVITY, FACTOR, ORDER, REQUEST, UNIT, RUN, OBJECT, VALUE = range(1, 10)


def rows_of(org: UUID) -> list[tuple[str, dict[str, Any]]]:
    """Return one row of each of a tenant's tables; both tenants use the same names and keys."""
    mine = {"org_id": org}
    run = mine | {"activity_request_id": of(org, REQUEST), "source_id": SOURCE}
    return [
        ("workflow", mine | {"id": of(org, WORKFLOW), "name": "Find and enrich"}),
        ("activity", mine | {"id": of(org, ACTIVITY), "key": "find", "name": f"secret of {org}",
                             "type": "SOURCING", "object_type_id": TYPE}),
        ("factor", mine | {"id": of(org, FACTOR), "activity_id": of(org, ACTIVITY),
                           "datapoint_id": DATAPOINT, "is_guardrail": False}),
        ("workflow_request", mine | {"id": of(org, ORDER), "payload": "{}", "idempotency_key": "first"}),
        ("activity_request", mine | {"id": of(org, REQUEST), "activity_id": of(org, ACTIVITY),
                                     "idempotency_key": "first"}),
        ("run_queue", run | {"id": of(org, UNIT)}),
        ("run_request", run | {"id": of(org, RUN)}),
        ("object", mine | {"id": of(org, OBJECT), "object_type_id": TYPE, "external_key": "a.example",
                           "name": f"secret of {org}"}),
        ("value", mine | {"id": of(org, VALUE), "object_id": of(org, OBJECT), "datapoint_id": DATAPOINT,
                          "raw": "1"}),
    ]  # fmt: skip


def insert(connection: Connection, table: str, more: str = "", **row: Any) -> psycopg.Cursor[tuple[Any, ...]]:
    order = sql.SQL("insert into {} ({}) values ({}) " + more).format(
        sql.Identifier("public", table),
        sql.SQL(", ").join(map(sql.Identifier, row)),
        sql.SQL(", ").join(map(sql.Placeholder, row)),
    )
    return connection.execute(order, row)


def fill(conninfo: str) -> None:
    """Make the tenants, their users and what they have, as the owner."""
    with psycopg.connect(conninfo) as owner:
        # What the flagship does when a request comes in is not what is tried here.
        for table in REQUESTS:
            owner.execute(f"alter table {table} disable trigger user")
        for user in (ANNA, MAX, GERD, BOTH, NOBODY):
            owner.execute("insert into auth.users (id, email) values (%s, 'x@example.com')", [user])
        for name, org in (("acme", ACME), ("globex", GLOBEX), ("empty", EMPTY)):
            insert(owner, "org", id=org, name=name, slug=name)
        for org, user, role in MEMBERS:
            insert(owner, "org_member", org_id=org, user_id=user, role=role)
        insert(owner, "object_type", id=TYPE, name="ship", label="Ship")
        insert(owner, "datapoint", id=DATAPOINT, object_type_id=TYPE, name="port", label="Port",
               factor_type="place", value_type="place")  # fmt: skip
        insert(owner, "source", id=SOURCE, name="Ships", base_url="https://api.example.com",
               run_request_template="{}")  # fmt: skip
        for org in (ACME, GLOBEX):
            for table, row in rows_of(org):
                insert(owner, table, **row)
        for table in REQUESTS:
            owner.execute(f"alter table {table} enable trigger user")


@contextmanager
def acting(conninfo: str, user: UUID | None = None, role: str = "authenticated") -> Iterator[Connection]:
    with psycopg.connect(conninfo, user="authenticator") as connection:
        take(connection, user, role)
        yield connection
        connection.rollback()


def take(connection: Connection, user: UUID | None, role: str = "authenticated", **more: Any) -> None:
    """Become a user for one transaction, as the API does it."""
    claims = {"role": role} | ({"sub": str(user)} if user else {}) | more
    connection.execute("select set_config('request.jwt.claims', %s, true)", [json.dumps(claims)])
    connection.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))


def error(connection: Connection, order: str, values: Sequence[Any] | dict[str, Any] = ()) -> psycopg.Error:
    """Return how an order is refused."""
    with pytest.raises(psycopg.Error) as caught, connection.transaction():
        connection.execute(order.encode(), values)
    return caught.value


def seen(connection: Connection, table: str) -> set[UUID]:
    column = "id" if table == "org" else "org_id"
    return {row[0] for row in connection.execute(f"select {column} from public.{table}".encode())}

"""What the policies cost: who one is is asked once for a statement, and the rest is left to an index."""

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from tenants import (
    ANNA,
    MAX,
    SHARED_TABLES,
    TENANT_TABLES,
    TYPE,
    Connection,
    acting,
    fill,
)

pytestmark = pytest.mark.pg


@pytest.fixture(scope="module")
def world(shared_flagship: str) -> str:
    fill(shared_flagship)
    return shared_flagship


def plan_of(connection: Connection, order: str) -> dict[str, Any]:
    (found,) = connection.execute(f"explain (format json, verbose) {order}".encode()).fetchone() or ()
    plan: dict[str, Any] = found[0]["Plan"]
    return plan


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes(inner)


@pytest.mark.parametrize("table", ["org", *TENANT_TABLES, *SHARED_TABLES])
def test_who_one_is_is_asked_once_for_a_statement_and_not_for_each_row(world: str, table: str) -> None:
    with acting(world, MAX) as connection:
        plan = plan_of(connection, f"select * from public.{table}")
    asking = [node for node in nodes(plan) if "_tenants()" in json.dumps(node.get("Output", ""))]
    filtering = [
        node
        for node in nodes(plan)
        if any("_tenants()" in str(text) for name, text in node.items() if "Filter" in name or "Cond" in name)
    ]
    assert len([node for node in nodes(plan) if node.get("Parent Relationship") == "InitPlan"]) == 1
    assert asking != []
    assert filtering == []


def test_a_tenants_rows_are_found_by_an_index(flagship: str) -> None:
    with psycopg.connect(flagship, autocommit=True) as owner:
        for order in (
            f"insert into auth.users (id) values ('{ANNA}')",
            "insert into org (name, slug) select 'o', 'o' || n from generate_series(1, 100) n",
            f"insert into org_member (org_id, user_id) select id, '{ANNA}' from org where slug in ('o3', 'o7')",
            f"insert into object_type (id, name, label) values ('{TYPE}', 'ship', 'Ship')",
            f"""insert into object (org_id, object_type_id, external_key)
                select id, '{TYPE}', n from org, generate_series(1, 100) n""",
            "analyze",
        ):
            owner.execute(order.encode())
    with acting(flagship, ANNA) as connection:
        assert connection.execute("select count(*) from object").fetchone() == (200,)
        used = list(nodes(plan_of(connection, "select * from object")))
    assert [
        node for node in used if node["Node Type"] == "Seq Scan" and node["Relation Name"] == "object"
    ] == []
    assert any(str(node.get("Index Name", "")).startswith("object_org_id") for node in used)

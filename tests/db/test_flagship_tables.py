"""Each table of the flagship holds what its row means: written as the role meant to, read back as a member.

A member of another tenant sees none of it, and a row that is deleted takes along, lets go or keeps what hangs
on it.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from flagship_world import (
    CHECK,
    FOREIGN_KEY,
    ILLEGAL_MOVE,
    IN_USE,
    NOT_ALLOWED,
    OWNER,
    SERVICE,
    UNIQUE,
    World,
    plain,
    refused,
    world_of,
)
from psycopg.types.json import Jsonb

pytestmark = pytest.mark.pg

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def world(flagship: str) -> World:
    return world_of(flagship)


def test_org(world: World) -> None:
    row = {"name": "Acme Inc.", "slug": "acme"}
    assert world.db.change(world.admin, "org", world.acme, name="Acme Inc.") == 1
    world.holds("org", world.acme, row)
    assert world.db.change(world.rival, "org", world.acme, name="Mine") == 0


def test_org_member(world: World) -> None:
    user = world.db.add(OWNER, "auth.users", email="new@example.com")
    row = {"org_id": world.acme, "user_id": user, "role": "owner"}
    membership = world.db.add(SERVICE, "org_member", **row)
    world.holds("org_member", membership, row)
    with refused(NOT_ALLOWED):
        world.db.add(world.admin, "org_member", org_id=world.acme, user_id=world.rival.user)


def test_object_type(world: World) -> None:
    world.holds("object_type", world.company, {"name": "company", "label": "Company"}, shared=True)
    row = {"name": "patent", "label": "Patent", "about": "A granted patent."}
    world.holds("object_type", world.db.add(SERVICE, "object_type", **row), row, shared=True)


def test_datapoint(world: World) -> None:
    row = {
        "object_type_id": world.company, "name": "maturity", "label": "Maturity", "about": "How far it is.",
        "factor_type": "frequency", "value_type": "ordinal", "options": ["seed", "growth", "late"],
        "question": "mature",
    }  # fmt: skip
    world.holds("datapoint", world.db.add(SERVICE, "datapoint", **row), row, shared=True)
    declared = {"object_type_id": world.company, "name": "industry", "factor_type": "option"}
    world.holds("datapoint", world.industry, declared, shared=True)
    with refused(CHECK):
        world.db.add(SERVICE, "datapoint", **row | {"name": "other", "options": []})


def test_source(world: World) -> None:
    run = {
        "method": "POST",
        "path": "/runs",
        "body": {"setup": "<<$run_setup>>", "limit": "<<$max_objects>>"},
    }
    row = {
        "name": "AlgOps API Client", "about": "Enriches companies.", "enabled": True,
        "base_url": "https://api.algops.example/v2", "activity_types": ["ENRICHMENT", "EXTRACT"],
        "required_variables": ["domain"], "run_request_template": Jsonb(run),
        "status_request_template": Jsonb({"method": "GET", "path": "/runs/<<$run_external_id>>"}),
        "delivery_request_template": Jsonb({"method": "GET", "path": "/runs/<<$run_external_id>>/results"}),
        "external_id_path": Jsonb(["run", "id"]), "status_path": Jsonb(["run", "status"]),
        "status_map": Jsonb({"QUEUED": "running", "SUCCEEDED": "done", "ABORTED": "failed"}),
        "records_path": Jsonb(["items"]), "poll_interval": timedelta(seconds=20),
        "request_timeout": timedelta(seconds=10), "run_timeout": timedelta(minutes=30), "max_objects": 50,
        "max_concurrent_runs": 4, "rate_limit": 60, "rate_period": timedelta(minutes=1),
        "secret_name": "algops_api_key",
    }  # fmt: skip
    world.holds("source", world.db.add(SERVICE, "source", **row), row, shared=True)
    with refused(CHECK):
        world.source(status_map=Jsonb({"SUCCEEDED": "finished"}))
    with refused(CHECK):
        world.source(base_url="https://user:password@api.example.com")


def test_object_source(world: World) -> None:
    row = {
        "source_id": world.source(), "object_type_id": world.company, "name": "organization",
        "key_mapping_json": Jsonb(["organization"]), "path": path_of("organization"),
        "external_key_mapping_json": Jsonb(["domain"]), "external_key_path": path_of("domain"),
        "name_mapping_json": Jsonb(["title"]), "name_path": path_of("title"),
    }  # fmt: skip
    world.holds("object_source", world.db.add(SERVICE, "object_source", **row), row, shared=True)


def test_datapoint_source(world: World) -> None:
    row = {
        "source_id": world.source(), "datapoint_id": world.industry, "name": "sector",
        "key_mapping_json": Jsonb(["profile", "sector"]), "path": path_of("profile", "sector"),
        "cardinality": "exactly_one", "confidence": Decimal("0.85"),
    }  # fmt: skip
    world.holds("datapoint_source", world.db.add(SERVICE, "datapoint_source", **row), row, shared=True)


def path_of(*keys: str) -> str:
    return "strict $" + "".join(f'?(exists (@."{key}"))."{key}"' for key in keys)


def test_workflow(world: World) -> None:
    row = {
        "org_id": world.acme, "name": "Find and enrich", "description": "Finds and enriches companies.",
        "failure_policy": "continue", "enabled": True,
    }  # fmt: skip
    world.holds("workflow", world.db.add(world.admin, "workflow", **row), row)
    with refused(NOT_ALLOWED):
        world.db.add(world.member, "workflow", org_id=world.acme, name="A member's")
    with refused(UNIQUE):
        world.db.add(world.admin, "workflow", org_id=world.acme, name="Find and enrich")
    world.db.add(world.rival, "workflow", org_id=world.globex, name="Find and enrich")


def test_activity(world: World) -> None:
    workflow = world.db.add(world.admin, "workflow", org_id=world.acme, name="Find and enrich")
    row = {
        "org_id": world.acme, "workflow_id": workflow, "key": "enrich", "name": "Enrich companies",
        "type": "ENRICHMENT", "object_type_id": world.company, "datapoint_ids": [world.industry], "phase": 2,
        "setup": Jsonb({"config": {"phase": 2, "max_objects": 100}}), "destinations": [world.activity()],
    }  # fmt: skip
    world.holds("activity", world.db.add(world.admin, "activity", **row), row)
    with refused(FOREIGN_KEY):
        world.db.add(world.rival, "activity", **row | {"org_id": world.globex})


def test_factor(world: World) -> None:
    guardrail = {
        "org_id": world.acme, "activity_id": world.activity(), "datapoint_id": world.industry,
        "is_guardrail": True, "operator": "in", "operands": Jsonb(["technology", "healthcare"]),
        "when_unknown": "wait", "position": 1,
    }  # fmt: skip
    factor = world.db.add(world.admin, "factor", **guardrail)
    sentence = {"description": "Company's industry is one of technology, healthcare"}
    world.db.change(OWNER, "factor", factor, **sentence)
    world.holds("factor", factor, guardrail | sentence)
    use_case = guardrail | {"is_guardrail": False, "operator": None, "operands": Jsonb([])}
    world.holds("factor", world.db.add(world.admin, "factor", **use_case), use_case)
    with refused(CHECK):
        world.db.add(world.admin, "factor", **guardrail | {"operator": None})


def test_workflow_request(world: World) -> None:
    workflow = world.db.add(world.admin, "workflow", org_id=world.acme, name="Find and enrich")
    entry = {"id": str(world.activity()), "type": "activity", "setup": {"config": {"phase": 1}}, "input": {}}
    asked = {
        "org_id": world.acme, "workflow_id": workflow, "payload": Jsonb({"data": {"enrich": entry}}),
        "webhook_url": "https://hooks.example.com/done?of=acme", "webhook_secret_name": "hook_secret",
        "idempotency_key": "order-1",
    }  # fmt: skip
    request = world.db.add(world.member, "workflow_request", **asked)
    answered = {
        "workflow_phase": 3, "failure_policy": "continue", "result": Jsonb({"enrich": {"state": "done"}}),
        "errors": Jsonb([{"path": ["data"], "message": "unknown key"}]),
    }  # fmt: skip
    world.db.change(OWNER, "workflow_request", request, **answered)
    world.holds("workflow_request", request, asked | answered)
    with refused(UNIQUE):
        world.db.add(world.member, "workflow_request", **asked)
    with refused(NOT_ALLOWED):
        world.db.add(world.member, "workflow_request", **asked | {"state": "done", "idempotency_key": "2"})
    with refused(CHECK):
        world.db.add(world.member, "workflow_request", **asked | {"webhook_url": "http://hooks.example.com"})


def test_activity_request_alone(world: World) -> None:
    asked = {
        "org_id": world.acme, "activity_id": world.activity(),
        "setup": Jsonb({"config": {"max_objects": 5}}), "input": Jsonb({"objects": [{"domain": "a.de"}]}),
        "webhook_url": "https://hooks.example.com/", "webhook_secret_name": "hook_secret",
        "idempotency_key": "order-2",
    }  # fmt: skip
    request = world.db.add(world.member, "activity_request", **asked)
    answered = {"result": Jsonb({"objects": []}), "errors": Jsonb([{"message": "domain is missing"}])}
    world.db.change(OWNER, "activity_request", request, **answered)
    world.holds("activity_request", request, asked | answered | {"workflow_request_id": None})
    with refused(FOREIGN_KEY):
        world.db.add(world.rival, "activity_request", org_id=world.globex, activity_id=asked["activity_id"])


def test_activity_request_in_a_workflow(world: World) -> None:
    run = world.db.add(world.member, "workflow_request", org_id=world.acme, payload=Jsonb({"data": {}}))
    row = {
        "org_id": world.acme, "workflow_request_id": run, "activity_id": world.activity(),
        "activity_key": "enrich", "phase": 4, "destinations": [world.activity()],
    }  # fmt: skip
    request = world.db.add(OWNER, "activity_request", **row)
    world.holds("activity_request", request, row)
    with refused(NOT_ALLOWED):
        world.db.add(world.member, "activity_request", **row | {"activity_key": "again"})


def test_run_queue(world: World) -> None:
    source, request = world.source(), world.activity_request()
    row = {
        "org_id": world.acme, "activity_request_id": request, "source_id": source,
        "object_id": world.object(), "datapoint_ids": [world.industry], "factor_ids": [uuid4()],
        "variables": Jsonb({"domain": "techcorp.example"}), "run_request_id": world.run(request, source),
        "result": Jsonb({"sector": "Software"}), "errors": Jsonb([{"message": "no answer"}]),
    }  # fmt: skip
    unit = world.db.add(OWNER, "run_queue", **row)
    world.holds("run_queue", unit, row)
    for who in (world.member, world.admin, SERVICE):
        with refused(NOT_ALLOWED):
            world.db.add(who, "run_queue", org_id=world.acme, activity_request_id=request, source_id=source)
        with refused(NOT_ALLOWED):
            world.db.change(who, "run_queue", unit, state="valid")


def test_run_request(world: World) -> None:
    row = {
        "org_id": world.acme, "activity_request_id": world.activity_request(), "source_id": world.source(),
        "max_objects": 20, "request": Jsonb({"method": "POST", "url": "https://api.example.com/runs"}),
        "external_id": "run-77", "idempotency_key": uuid4(), "status_request": Jsonb({"method": "GET"}),
        "delivery_request": Jsonb({"method": "GET"}), "remote_status": "RUNNING", "polls": 3,
        "next_poll_at": NOON, "deadline": NOON + timedelta(minutes=15), "response_status": 200,
        "response": Jsonb({"items": []}), "response_at": NOON, "lease_holder": "worker-1",
        "lease_until": NOON + timedelta(minutes=1), "retry_at": NOON, "error": Jsonb({"message": "timeout"}),
    }  # fmt: skip
    run = world.db.add(OWNER, "run_request", **row)
    world.holds("run_request", run, row)
    for who in (world.member, world.admin, SERVICE):
        with refused(NOT_ALLOWED):
            world.db.change(who, "run_request", run, external_id="run-78")
    with refused(CHECK):
        world.db.change(OWNER, "run_request", run, lease_until=None)
    with refused(UNIQUE):
        world.db.add(OWNER, "run_request", **row)


def test_object(world: World) -> None:
    row = {
        "org_id": world.acme, "object_type_id": world.company, "external_key": "techcorp.example",
        "name": "TechCorp Inc.", "normalised_name": "techcorp", "raw": Jsonb({"name": "TechCorp Inc."}),
        "seen_at": NOON,
    }  # fmt: skip
    world.holds("object", world.db.add(SERVICE, "object", **row), row)
    with refused(UNIQUE):
        world.db.add(SERVICE, "object", **row)
    world.db.add(SERVICE, "object", **row | {"org_id": world.globex})
    with refused(NOT_ALLOWED):
        world.db.add(world.member, "object", **row | {"external_key": "other.example"})


def test_value(world: World) -> None:
    source = world.source()
    row = {
        "org_id": world.acme, "object_id": world.object(), "datapoint_id": world.industry,
        "source_id": source, "run_request_id": world.run(world.activity_request(), source),
        "collected_at": NOON, "confidence": Decimal("0.9"), "raw": Jsonb("Software"),
        "normalised": Jsonb("technology"),
    }  # fmt: skip
    world.holds("value", world.db.add(SERVICE, "value", **row), row)
    with refused(UNIQUE):
        world.db.add(SERVICE, "value", **row)
    with refused(FOREIGN_KEY):
        world.db.add(SERVICE, "value", **row | {"org_id": world.globex})
    with refused(CHECK):
        world.db.add(SERVICE, "value", **row | {"confidence": 2, "source_id": None})


def test_etl_log(world: World) -> None:
    row = {
        "severity": "error", "function_name": "etl_api.store_value", "message": "value has no datapoint",
        "context": Jsonb({"datapoint": "sector"}), "correlation_id": uuid4(), "sqlstate": "22023",
        "detail": "Key sector.", "hint": "Map it.", "stack": "PL/pgSQL function store_value line 7",
    }  # fmt: skip
    entry = world.db.add(OWNER, "etl_api.etl_log", **row)
    found = world.db.read(OWNER, "etl_api.etl_log", entry)
    assert found is not None
    assert {name: found[name] for name in row} == {name: plain(value) for name, value in row.items()}
    for who in (world.member, world.admin, SERVICE):
        with refused(NOT_ALLOWED):
            world.db.read(who, "etl_api.etl_log", entry)


def test_deleting_a_request_takes_its_work_along_and_leaves_what_was_found(world: World) -> None:
    source, found = world.source(), world.object()
    order = world.db.add(world.member, "workflow_request", org_id=world.acme, payload=Jsonb({"data": {}}))
    part = {"org_id": world.acme, "workflow_request_id": order, "activity_key": "enrich"}
    request = world.db.add(OWNER, "activity_request", activity_id=world.activity(), **part)
    run = world.run(request, source)
    unit = world.db.add(
        OWNER,
        "run_queue",
        org_id=world.acme,
        activity_request_id=request,
        source_id=source,
        run_request_id=run,
    )
    fact = {
        "org_id": world.acme,
        "object_id": found,
        "datapoint_id": world.industry,
        "raw": Jsonb("Software"),
    }
    value = world.db.add(SERVICE, "value", **fact, source_id=source, run_request_id=run)
    assert world.db.remove(OWNER, "workflow_request", order) == 1
    gone = (("activity_request", request), ("run_request", run), ("run_queue", unit))
    assert [world.db.read(OWNER, table, one) for table, one in gone] == [None, None, None]
    world.holds("value", value, fact | {"source_id": source, "run_request_id": None})


def test_deleting_an_object_takes_its_values_along_and_leaves_the_unit(world: World) -> None:
    source, found, request = world.source(), world.object(), world.activity_request()
    row = {"org_id": world.acme, "activity_request_id": request, "source_id": source}
    unit = world.db.add(OWNER, "run_queue", object_id=found, **row)
    fact = {"org_id": world.acme, "object_id": found, "datapoint_id": world.industry}
    value = world.db.add(SERVICE, "value", **fact, raw=Jsonb("Software"))
    assert world.db.remove(OWNER, "object", found) == 1
    assert world.db.read(OWNER, "value", value) is None
    world.holds("run_queue", unit, row | {"object_id": None})


def test_definitions_in_use_stay(world: World) -> None:
    workflow = world.db.add(world.admin, "workflow", org_id=world.acme, name="Find and enrich")
    activity = world.activity(workflow_id=workflow)
    factor = {"org_id": world.acme, "activity_id": activity, "datapoint_id": world.industry}
    rule = world.db.add(world.admin, "factor", is_guardrail=False, **factor)
    request = world.db.add(world.member, "activity_request", org_id=world.acme, activity_id=activity)
    with refused(*IN_USE):
        world.db.remove(world.admin, "workflow", workflow)
    assert world.db.remove(OWNER, "activity_request", request) == 1
    assert world.db.remove(world.admin, "workflow", workflow) == 1
    assert world.db.read(OWNER, "activity", activity) is None
    assert world.db.read(OWNER, "factor", rule) is None


def test_a_source_in_use_stays_and_an_unused_one_takes_its_mappings_along(world: World) -> None:
    source, unused = world.source(), world.source()
    world.run(world.activity_request(), source)
    mapping = world.db.add(
        SERVICE, "datapoint_source", source_id=unused, datapoint_id=world.industry, name="sector",
        key_mapping_json=Jsonb(["sector"]),
    )  # fmt: skip
    with refused(*IN_USE):
        world.db.remove(SERVICE, "source", source)
    assert world.db.remove(SERVICE, "source", unused) == 1
    assert world.db.read(OWNER, "datapoint_source", mapping) is None


def test_a_user_who_leaves_loses_his_sight(world: World) -> None:
    assert world.member.user is not None and world.db.read(world.member, "org", world.acme) is not None
    world.db.remove(OWNER, "auth.users", world.member.user)
    assert world.db.read(world.member, "org", world.acme) is None


def test_no_role_of_the_api_moves_a_request(world: World) -> None:
    request = world.activity_request()
    for who in (world.member, world.admin, SERVICE):
        with refused(NOT_ALLOWED):
            world.db.change(who, "activity_request", request, state="valid")
    with refused(ILLEGAL_MOVE):
        world.db.change(OWNER, "activity_request", request, state="delivered")

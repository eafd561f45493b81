"""The editor schema under an independent validator: what it accepts, what it refuses, and whom it blames."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Annotated, Any, Literal

import pytest
import yaml
from jsonschema import Draft7Validator
from pydantic import Field

from specc.emit.editor import editor_schema, settings_schema
from specc.kinds import KINDS as ALL_KINDS
from specc.kinds import lifecycle, table
from specc.lang.kind import Kind
from specc.lang.markers import Ref, Short, SpecModel
from specc.lang.shape import Names

KINDS = (lifecycle.KIND, table.KIND)

LIFECYCLE = """
lifecycle: order
about: What becomes of an order.
states:
  open: {is: initial, about: Just stored.}
  held: Waits for somebody.
  checked:
  closed: {is: terminal, substates: [paid, cancelled]}
  lost: {is: terminal, substates: {gone: Nobody knows where., burnt: {}}}
transitions: {open: [held, checked, lost], held: [open], checked: [closed]}
recovery: {held: open}
"""
TABLE = """
table: shop.order
about: An order.
tenant: shop.org
columns:
  number: integer
  note: {sql: text null, about: What the customer said.}
unique: [[number]]
checks: {positive: number > 0}
indexes:
  - [number]
  - {columns: [note], where: note is not null}
"""


class PartSpec(SpecModel):
    """A part."""

    short = Short("size")
    size: int = Field(ge=1, le=9, description="How big it is.")
    colour: Literal["red", "green"] | None = Field(None, description="Its colour.")


class ThingSpec(SpecModel):
    """A thing."""

    parts: Annotated[dict[str, PartSpec], Field(min_length=1)] = Field(description="What it is made of.")
    main: PartSpec | None = Field(None, description="The part to look at first.")
    tags: Annotated[dict[str, SubSpec], Names()] = Field(default_factory=dict, description="Words.")
    near: list[Annotated[str, Ref("table")]] = Field(default_factory=list, description="Tables to mind.")


class SubSpec(SpecModel):
    """A remark."""

    about: str = ""


ThingSpec.model_rebuild()
THING = Kind("thing", "Something.", ThingSpec, lambda *_: iter(()))


def findings(text: str, *kinds: Kind) -> list[str]:
    """Validate one YAML document and return where it fails, as `path keyword`."""
    schema = json.loads(editor_schema(kinds or KINDS))
    return found(schema, yaml.safe_load(text))


def found(schema: Any, data: Any) -> list[str]:
    errors = Draft7Validator(schema).iter_errors(data)
    return sorted(f"{'.'.join(map(str, error.absolute_path))} {error.validator}" for error in errors)


@pytest.mark.parametrize(
    "text", [editor_schema(KINDS), editor_schema(ALL_KINDS), editor_schema((THING,)), settings_schema()]
)
def test_the_schema_is_valid_draft_07(text: str) -> None:
    schema = json.loads(text)
    Draft7Validator.check_schema(schema)
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert text.endswith("}\n")
    assert all(ref in schema["definitions"] for ref in references(schema))


def references(schema: Any) -> list[str]:
    if isinstance(schema, list):
        return [ref for one in schema for ref in references(one)]
    if not isinstance(schema, dict):
        return []
    own = [schema["$ref"].removeprefix("#/definitions/")] if isinstance(schema.get("$ref"), str) else []
    return own + [ref for one in schema.values() for ref in references(one)]


def test_kinds_that_are_written_in_sql_are_none_of_the_editor_s() -> None:
    assert "function" in [kind.key for kind in ALL_KINDS]
    assert findings("{function: move_on, sql: select 1}", *ALL_KINDS) == [" anyOf"]


@pytest.mark.parametrize("text", [LIFECYCLE, TABLE])
def test_a_good_document_is_valid(text: str) -> None:
    assert findings(text) == []


@pytest.mark.parametrize(
    ("text", "old", "new", "expected"),
    [
        (LIFECYCLE, "lifecycle: order", "lifecycel: order", [" anyOf"]),
        (LIFECYCLE, "lifecycle: order", "lifecycle: Order!", ["lifecycle pattern"]),
        (LIFECYCLE, "lifecycle: order", "lifecycle: [order]", ["lifecycle type"]),
        (LIFECYCLE, "about: What", "abuot: What", [" additionalProperties"]),
        (LIFECYCLE, "is: initial", "is: inital", ["states.open anyOf"]),
        (LIFECYCLE, "held: Waits", "Held: Waits", ["states pattern"]),
        (LIFECYCLE, "held: Waits for somebody.", "held: [a]", ["states.held anyOf"]),
        (LIFECYCLE, "[paid, cancelled]", "[paid, paid]", ["states.closed anyOf"]),
        (LIFECYCLE, "[paid, cancelled]", "paid", ["states.closed anyOf"]),
        (LIFECYCLE, "held: [open]", "held: open", ["transitions.held type"]),
        (LIFECYCLE, "lifecycle: order", "lifecycle: order\ntable: order", [" additionalProperties"] * 2),
        (TABLE, "about: An order.", "", [" required"]),
        (TABLE, "table: shop.order", "table: db.shop.order", ["table pattern"]),
        (TABLE, "number: integer", "number: 1", ["columns.number anyOf"]),
        (TABLE, "sql: text null, ", "", ["columns.note anyOf"]),
        (TABLE, "number: integer", f"{'n' * 64}: integer", ["columns pattern"]),
        (TABLE, "[note], ", "note, ", ["indexes.1 anyOf"]),
    ],
)
def test_a_broken_document_is_blamed_in_its_place(text: str, old: str, new: str, expected: list[str]) -> None:
    assert old in text
    said = findings(text.replace(old, new))
    # Two kinds at once break the rules of both; all else is one finding.
    assert said[: len(expected)] == expected
    assert len(said) == len(expected) or "table: order" in new


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{thing: a, parts: {one: 1}}", []),
        ("{thing: a, parts: {one: {size: 9, colour: red}}, main: 3, tags: [x, y], near: [a.b]}", []),
        ("{thing: a, parts: {one: {size: 9, colour: null}}, main: null, tags: {x: null}}", []),
        ("{thing: a, parts: {}}", ["parts minProperties"]),
        ("{thing: a, parts: {one: 0}}", ["parts.one anyOf"]),
        ("{thing: a, parts: {one: {size: 10}}}", ["parts.one anyOf"]),
        ("{thing: a, parts: {one: {size: 1, colour: blue}}}", ["parts.one anyOf"]),
        ("{thing: a, parts: {one: null}}", ["parts.one anyOf"]),
    ],
)
def test_limits_choices_and_none_are_kept(text: str, expected: list[str]) -> None:
    assert findings(text, THING) == expected


def test_an_editor_can_say_what_a_key_is_for() -> None:
    schema = json.loads(editor_schema((*KINDS, THING)))
    assert (
        schema["properties"]["lifecycle"]["description"] == "States with meaning, and the moves between them."
    )
    fields = schema["definitions"]["table"]["properties"]
    assert fields["tenant"]["description"].startswith("The table whose rows own the rows of this one")
    assert fields["tenant"]["markdownDescription"].endswith("\n\nNames a `table`.")
    assert fields["shared"]["default"] is False
    near = schema["definitions"]["thing"]["properties"]["near"]
    assert near["markdownDescription"] == "Tables to mind.\n\nEach names a `table`."


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"project": "shop"}, []),
        ({"project": "shop", "schemas": ["public", "etl"]}, []),
        ({"project": "shop", "schemas": {"public": {"exposed": True}, "etl": "What runs.", "x": None}}, []),
        ({}, [" required"]),
        ({"project": "shop", "released": "no"}, ["released type"]),
        ({"project": "shop", "colour": "red"}, [" additionalProperties"]),
        ({"project": "shop", "schemas": {"public": {"exposed": "yes"}}}, ["schemas anyOf"]),
    ],
)
def test_the_settings_have_a_schema(data: Any, expected: list[str]) -> None:
    assert found(json.loads(settings_schema()), data) == expected


def test_the_bytes_do_not_depend_on_the_hash_seed() -> None:
    program = (
        "from specc.emit.editor import editor_schema; from specc.kinds import lifecycle, table; "
        "print(editor_schema((lifecycle.KIND, table.KIND)), end='')"
    )
    texts = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert texts == {editor_schema(KINDS)}

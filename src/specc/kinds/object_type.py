"""Kind `object_type`: what a project stores (a company, a person) and the datapoints it may have.

It makes reference rows in the tables that hold this kind and its datapoints (`holds:` in a table).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import Field

from specc.analysis.tables import BoundTable, all_columns, tables
from specc.diagnostics import Code, Diagnostic
from specc.diagnostics.suggest import suggest
from specc.ir.database import Row
from specc.lang.absent import absent
from specc.lang.kind import Kind, Lowered, Rule
from specc.lang.markers import Def, SpecModel
from specc.lang.project import Entry, Project
from specc.pg.names import lit

_NAMESPACE = uuid.UUID("6f6e2f5e-5d5c-5a6b-9a7e-2d1c4b3a2918")
"""Namespace of the ids of reference rows: the same name has the same id in every database (RFC 9562, v5)."""


class DatapointSpec(SpecModel):
    """One datapoint of an object type."""

    about: str = Field("", description="What it says of the object.")
    label: str = Field(description="Its name for people.")
    factor_type: Literal[
        "volume", "boolean", "option", "time", "place", "frequency", "reason", "entity", "similarity"
    ] = Field(description="How rules about it are worded.")
    value_type: Literal["text", "number", "boolean", "date", "option", "ordinal", "reference", "place"] = (
        Field(description="What its values are; decides which operators are legal.")
    )
    options: list[str] = Field(
        default_factory=list, description="The values of an option, or of an ordinal in their order."
    )
    question: str = Field("", description="How a question names it, where that is not its name.")


class ObjectTypeSpec(SpecModel):
    """A type of object."""

    about: str = Field(description="What one object is.")
    label: str = Field(description="Its name for people.")
    datapoints: dict[Annotated[str, Def("datapoint")], DatapointSpec] = Field(
        description="What can be known of it."
    )


_TABLES = """\
---
table: object_type
about: A type of object.
shared: true
holds: object_type
columns: {name: text unique, label: text, about: text}
---
table: datapoint
about: A datapoint of a type.
shared: true
holds: datapoint
columns:
  object_type_id: uuid references object_type
  name: text
  label: text
  about: text
  factor_type: text
  value_type: text
  options: "text[]"
  question: text
---
access: types
tables: [object_type, datapoint]
allow: {}
"""
_GOOD = (
    "object_type: company\nabout: A company.\nlabel: Company\n"
    "datapoints: {size: {label: Size, factor_type: option, value_type: option, options: [small, large]}}\n"
)
NOWHERE = Code(
    "S401",
    "no-table-holds-it",
    "Object types and datapoints become reference rows, so one table says `holds: object_type` and one "
    "`holds: datapoint`, each with a column for every field.",
    wrong=_GOOD + _TABLES.replace("holds: datapoint\n", ""),
    right=_GOOD + _TABLES,
)
OPTIONS = Code(
    "S402",
    "options-and-value-type",
    "A datapoint of value type `option` or `ordinal` lists its options, each once; one of another type has none.",
    wrong=_GOOD.replace(", options: [small, large]", "") + _TABLES,
    right=_GOOD + _TABLES,
)
HOLDS = ("object_type", "datapoint")


def holder(kind: str, project: Project) -> BoundTable | None:
    """Return the table that holds the reference rows of a kind."""
    return next((one for one in tables(project).values() if one.entry.spec.holds == kind), None)


def reference_id(kind: str, *names: str) -> str:
    """Return the id of a reference row: a UUIDv5 of its kind and names."""
    return str(uuid.uuid5(_NAMESPACE, "/".join((kind, *names))))


def _held(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    """Check the tables that hold object types and datapoints, once for all object types."""
    if project.has_unread("table") or next(project.all("object_type")) is not entry:
        return
    for kind in HOLDS:
        table = holder(kind, project)
        if table is None:
            help = f"add `holds: {kind}` to a table"
            yield NOWHERE.at(entry.title, f"no table holds rows of kind `{kind}`", help=help)
        elif holder("object_type", project) is not None:
            fields = _type_fields(entry) if kind == "object_type" else _point_fields(entry, project)
            yield from _fits(kind, table, fields, project)


def _fits(kind: str, table: BoundTable, fields: Mapping[str, str], project: Project) -> Iterator[Diagnostic]:
    """Check that a table has a column for each field of a kind, and needs no other."""
    span, columns = table.entry.at("holds"), all_columns(table, project)
    missing = [name for name in fields if name not in columns]
    unsaid = [name for name in table.required if name not in fields]
    if missing:
        listed = ", ".join(f"`{name}`" for name in missing)
        help = suggest(missing[0], table.columns) or f"every field of an entry of kind `{kind}` has a column"
        cause = absent(project, "column", missing[0], "table", table.full_name) if len(missing) == 1 else None
        message = f"table `{table.name}` holds `{kind}` but has no column {listed}"
        yield NOWHERE.at(span, message, help=help, cause=cause)
    elif unsaid:
        listed = ", ".join(f"`{name}`" for name in unsaid)
        message = f"table `{table.name}` holds `{kind}`, which has no value for its column {listed}"
        yield NOWHERE.at(span, message, help="let it be `null`, or give it a default")


def _options(entry: Entry, _: Project) -> Iterator[Diagnostic]:
    for name, point in entry.spec.datapoints.items():
        for at, option in enumerate(point.options):
            if option in point.options[:at]:
                span = entry.at("datapoints", name, "options", at)
                yield OPTIONS.at(span, f"option `{option}` is listed twice", help="leave one of them out")
        listed = point.value_type in ("option", "ordinal")
        if listed and not point.options:
            span = entry.key("datapoints", name)
            yield OPTIONS.at(span, f"`{name}` is an {point.value_type} without options")
        elif point.options and not listed:
            span = entry.key("datapoints", name, "options")
            yield OPTIONS.at(span, f"`{name}` is a {point.value_type} and has no options")


def _type_fields(entry: Entry) -> dict[str, str]:
    spec = entry.spec
    return {
        "id": lit(reference_id("object_type", entry.name)),
        "name": lit(entry.name),
        "label": lit(spec.label),
        "about": lit(spec.about),
    }


def _point_fields(entry: Entry, project: Project, name: str = "") -> dict[str, str]:
    point = entry.spec.datapoints.get(name) or next(iter(entry.spec.datapoints.values()), None)
    table = holder("object_type", project)
    if point is None or table is None:
        return {}
    options = ", ".join(lit(one) for one in point.options)
    return {
        "id": lit(reference_id("datapoint", entry.name, name)),
        f"{table.name}_id": lit(reference_id("object_type", entry.name)),
        "name": lit(name),
        "label": lit(point.label),
        "about": lit(point.about),
        "factor_type": lit(point.factor_type),
        "value_type": lit(point.value_type),
        "options": f"array[{options}]::text[]",
        "question": lit(point.question or name),
    }


def _lower(entry: Entry, project: Project) -> Lowered:
    types, points = holder("object_type", project), holder("datapoint", project)
    if types is None or points is None:
        return
    mine = Row(types.schema, types.name, entry.name, tuple(_type_fields(entry).items()))
    yield mine
    for name in entry.spec.datapoints:
        fields = tuple(_point_fields(entry, project, name).items())
        row = Row(points.schema, points.name, f"{entry.name}/{name}", fields, needs=(mine.identity,))
        yield row, entry.key("datapoints", name)


KIND = Kind(
    key="object_type",
    about="A type of object and its datapoints, as reference rows.",
    model=ObjectTypeSpec,
    lower=_lower,
    rules=(Rule((NOWHERE,), _held), Rule((OPTIONS,), _options)),
    pages_from="specc.kinds.object_type_page",
)

"""The editor schema: kinds in, one JSON Schema (draft-07) out, for YAML editors and other validators.

Made from the shapes that binding reads, so that every spec the compiler accepts is valid here too. Never asks
pydantic for a schema: its output changes between releases, these bytes depend on specc alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from specc.lang.kind import Kind
from specc.lang.markers import Def, Ref, SpecModel, Sql
from specc.lang.project import Settings
from specc.lang.shape import Field, Listing, Mapping, Record, Scalar, Shape, shape_of

Schema = dict[str, Any]

DRAFT = "http://json-schema.org/draft-07/schema#"
"""The newest draft that yaml-language-server supports in full."""

SPECS_PATH = "editor/specc.schema.json"
SETTINGS_PATH = "editor/settings.schema.json"

NAME = "[a-z_][a-z0-9_]{0,62}"
"""An identifier that PostgreSQL needs no quotes for, within its 63 bytes."""

_NAME_HINT = "Small letters, digits and _, at most 63, no digit first."
_TYPES = {str: "string", bool: "boolean", int: "integer", float: "number"}
_SQL = {
    "column": "a column definition in PostgreSQL's own words",
    "boolean": "a condition in SQL",
    "expression": "an expression in SQL",
    "query": "a query in SQL",
}
_LIMITS = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
    "pattern": "pattern",
}
_SIZES = {"string": "Length", "array": "Items", "object": "Properties"}


def editor_files(kinds: Sequence[Kind]) -> dict[str, str]:
    """Return the schemas by path below the output folder; `specc init` points editors at these paths."""
    return {SPECS_PATH: editor_schema(kinds), SETTINGS_PATH: settings_schema()}


def editor_schema(kinds: Sequence[Kind]) -> str:
    """Return the schema of spec files: a document is of the kind whose key it has.

    Kinds that are written as SQL files are left out.

    A key decides by `if`, so that an editor complains about the fields of that kind and of no other.
    """
    kinds = [kind for kind in kinds if _is_written_in_yaml(kind)]
    definitions = _Definitions()
    for kind in kinds:
        definitions.add_kind(kind)
    return _print(
        {
            "$schema": DRAFT,
            "title": "specc",
            "description": "A document of a project: the key that is a kind holds the document's name.",
            "type": "object",
            "properties": {kind.key: _described(kind.about) for kind in kinds},
            "anyOf": [{"required": [kind.key]} for kind in kinds],
            "allOf": [
                {"if": {"required": [kind.key]}, "then": {"$ref": f"#/definitions/{kind.key}"}}
                for kind in kinds
            ],
            "definitions": definitions.made,
        }
    )


def _is_written_in_yaml(kind: Kind) -> bool:
    """Whether documents of a kind are YAML: those that hold a whole function are SQL files."""
    markers = (marker for field in shape_of(kind.model).fields for marker in field.shape.markers)
    return Sql("function") not in markers


def settings_schema() -> str:
    """Return the schema of specc.yaml."""
    definitions = _Definitions()
    schema = definitions.object(shape_of(Settings), "settings")
    head = {"$schema": DRAFT, "title": "specc.yaml", "description": "What holds for the whole project."}
    return _print({**head, **schema, "definitions": definitions.made})


def _print(schema: Schema) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=True) + "\n"


def _described(text: str, *more: str) -> Schema:
    markdown = "\n\n".join(filter(None, (text, *more)))
    return {"description": text or markdown, "markdownDescription": markdown} if markdown else {}


class _Definitions:
    """The definitions made so far: one for each kind and one for each record inside it."""

    def __init__(self) -> None:
        self.made: Schema = {}
        self._names: dict[type[SpecModel], str] = {}

    def add_kind(self, kind: Kind) -> None:
        """Define a kind: its record with the key that names it in front."""
        self.made[kind.key] = {}
        schema = self.object(shape_of(kind.model), kind.key)
        form = rf"^({NAME}\.)?{NAME}$" if kind.in_schema else f"^{NAME}$"
        name = {"type": "string", "pattern": form, "patternErrorMessage": _NAME_HINT}
        self.made[kind.key] = {
            **_described(kind.about),
            **schema,
            "properties": {kind.key: {**_described(kind.about), **name}, **schema["properties"]},
            "required": [kind.key, *schema.get("required", ())],
        }

    def object(self, record: Record, owner: str) -> Schema:
        """Return the long form of a record."""
        required = [field.key for field in record.fields if field.required]
        return {
            "type": "object",
            "properties": {field.key: self._field(field, record, owner) for field in record.fields},
            **({"required": required} if required else {}),
            "additionalProperties": False,
        }

    def _field(self, field: Field, record: Record, owner: str) -> Schema:
        default = record.model.model_fields[field.attribute].default
        shown = {"default": default} if isinstance(default, bool | int | str) and default != "" else {}
        said = _described(field.about, *_remarks(field.shape))
        schema = self.schema(field.shape, owner)
        # Draft-07 ignores whatever stands beside a `$ref`.
        return {**said, "allOf": [schema]} if "$ref" in schema and said else {**said, **schema, **shown}

    def schema(self, shape: Shape, owner: str) -> Schema:
        """Return the schema of a shape, all its forms, below the kind `owner`."""
        match shape:
            case Scalar():
                schema = _scalar(shape)
            case Listing(item=item, single=single):
                one = self.schema(item, owner)
                schema = {"type": "array", "items": one, **_limits(shape, "array")}
                schema = {"anyOf": [one, schema]} if single else schema
            case Mapping():
                schema = self._mapping(shape, owner)
            case Record():
                schema = {"$ref": f"#/definitions/{self._record(shape, owner)}"}
            case _:
                raise TypeError(f"{shape}: no schema for this")
        return _with_null(schema) if shape.optional else schema

    def _mapping(self, shape: Mapping, owner: str) -> Schema:
        names = _scalar(shape.key)
        schema: Schema = {
            "type": "object",
            **({"propertyNames": names} if names != {"type": "string"} else {}),
            "additionalProperties": self.schema(shape.value, owner),
            **_limits(shape, "object"),
        }
        if not shape.names_only:
            return schema
        listed = {"type": "array", "items": names, "uniqueItems": True, **_limits(shape, "array")}
        return {"anyOf": [schema, listed]}

    def _record(self, record: Record, owner: str) -> str:
        """Return the name under which a record is defined, defining it when it is met first."""
        if record.model in self._names:
            return self._names[record.model]
        name = wanted = f"{owner}.{record.model.__name__.removesuffix('Spec')}"
        number = 1
        while name in self.made:
            number += 1
            name = f"{wanted}{number}"
        self._names[record.model] = name
        self.made[name] = {}
        forms = [self.object(record, owner), *self._short_forms(record, owner)]
        about = _described(" ".join((record.model.__doc__ or "").split()))
        self.made[name] = {**about, **(forms[0] if len(forms) == 1 else {"anyOf": forms})}
        return name

    def _short_forms(self, record: Record, owner: str) -> Iterator[Schema]:
        if record.short is not None:
            field = next(one for one in record.fields if one.key == record.short.field)
            yield {**_described(field.about, *_remarks(field.shape)), **self.schema(field.shape, owner)}
        if not any(field.required for field in record.fields):
            yield {"type": "null"}


def _scalar(shape: Scalar) -> Schema:
    if shape.choices:
        return {"enum": list(shape.choices)}
    kind = _TYPES[shape.type]
    named = any(isinstance(marker, Def) for marker in shape.markers)
    form = {"pattern": f"^{NAME}$", "patternErrorMessage": _NAME_HINT} if named else {}
    return {"type": kind, **form, **_limits(shape, kind)}


def _limits(shape: Shape, kind: str) -> Schema:
    """Return the limits that pydantic's `Field(...)` put on a shape, as the keywords of a JSON type."""
    found: Schema = {}
    for marker in _constraints(shape.markers):
        for attribute, keyword in _LIMITS.items():
            if (limit := getattr(marker, attribute, None)) is not None:
                found[keyword] = limit
        for side in ("min", "max"):
            if kind in _SIZES and (size := getattr(marker, f"{side}_length", None)) is not None:
                found[f"{side}{_SIZES[kind]}"] = size
    return found


def _constraints(markers: Iterable[Any]) -> Iterator[Any]:
    """Yield the constraints among markers; those of a `Field(...)` inside `Annotated` lie in its metadata."""
    for marker in markers:
        if not isinstance(marker, Def | Ref | Sql):
            yield from getattr(marker, "metadata", (marker,))


def _with_null(schema: Schema) -> Schema:
    if "enum" in schema:
        return {**schema, "enum": [*schema["enum"], None]}
    if isinstance(schema.get("type"), str):
        return {**schema, "type": [schema["type"], "null"]}
    forms = schema.get("anyOf", [schema])
    return {"anyOf": [*forms, {"type": "null"}]}


def _remarks(shape: Shape) -> Iterator[str]:
    """Say what the texts of a field are: names of something, or SQL."""
    part: Shape = shape
    while isinstance(part, Listing):
        part = part.item
    keyed = isinstance(part, Mapping)
    inner = part.key if isinstance(part, Mapping) else part
    for marker in inner.markers:
        if isinstance(marker, Ref):
            where = f" of the {marker.within}" if marker.within else ""
            subject = "The keys name" if keyed else "Each names" if part is not shape else "Names"
            yield f"{subject} a `{marker.kind}`{where}."
        elif isinstance(marker, Sql):
            form = _SQL[marker.form]
            yield f"{form[0].upper()}{form[1:]}."

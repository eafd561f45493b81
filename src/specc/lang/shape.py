"""The shape of a model: what pydantic classes say about data, as plain records that stages can walk.

Binding, resolution and the editor schema read shapes, so that each sees the same fields, markers and
short forms. Unions are refused, except with None: an alternative is a short form.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic_core import PydanticUndefined

from specc.lang.markers import Short, SpecModel
from specc.record import record

Marker = Any


@dataclass(frozen=True)
class Shape:
    """Any shape; `markers` are the annotations on the value itself."""

    markers: tuple[Marker, ...]
    optional: bool


@dataclass(frozen=True)
class Scalar(Shape):
    """A text, number or boolean; `choices` closes the set of texts."""

    type: type
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Listing(Shape):
    """A list of one shape; `single` allows the one item without its list."""

    item: Shape
    single: bool = False


@dataclass(frozen=True)
class Mapping(Shape):
    """A mapping from names to one shape; `names_only` allows a plain list of the names."""

    key: Scalar
    value: Shape
    names_only: bool


@dataclass(frozen=True)
class Field:
    """A field of a record: the key in YAML, the attribute in Python, and what the docs say."""

    key: str
    attribute: str
    shape: Shape
    required: bool
    about: str


@dataclass(frozen=True)
class Record(Shape):
    """A mapping with known keys."""

    model: type[SpecModel]
    fields: tuple[Field, ...]
    short: Short | None


@record
class Names:
    """Marks a mapping that may be written as a list of its keys."""


@record
class Single:
    """Marks a list of texts that may be written as its one text."""


@cache
def shape_of(model: type[SpecModel]) -> Record:
    """Return the shape of a model class."""
    return _record(model, (), optional=False)


def _record(model: type[SpecModel], markers: tuple[Marker, ...], *, optional: bool) -> Record:
    fields = []
    for attribute, info in model.model_fields.items():
        shape = _shape(info.annotation, tuple(info.metadata))
        required = info.default is PydanticUndefined and info.default_factory is None
        fields.append(Field(info.alias or attribute, attribute, shape, required, info.description or ""))
    return Record(markers, optional, model, tuple(fields), model.short)


def _shape(annotation: Any, markers: tuple[Marker, ...], *, optional: bool = False) -> Shape:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _shape(arguments[0], (*markers, *annotation.__metadata__), optional=optional)
    if origin in (Union, UnionType):
        rest = [one for one in arguments if one is not NoneType]
        if len(rest) != 1:
            raise TypeError(f"{annotation}: specs have no unions, use a short form")
        return _shape(rest[0], markers, optional=True)
    if origin is Literal:
        return Scalar(markers, optional, str, tuple(arguments))
    if origin is list:
        single = any(isinstance(one, Single) for one in markers)
        return Listing(markers, optional, _shape(arguments[0], ()), single)
    if origin is dict:
        key = _shape(arguments[0], ())
        if not isinstance(key, Scalar):
            raise TypeError(f"{annotation}: keys are texts")
        names_only = any(isinstance(one, Names) for one in markers)
        return Mapping(markers, optional, key, _shape(arguments[1], ()), names_only)
    if isinstance(annotation, type) and issubclass(annotation, SpecModel):
        return _record(annotation, markers, optional=optional)
    if annotation in (str, int, float, bool):
        return Scalar(markers, optional, annotation)
    raise TypeError(f"{annotation}: no shape for this in specs")

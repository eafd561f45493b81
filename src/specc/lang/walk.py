"""Walking a bound model along its shape: every value and key that carries a marker, with its path and scope."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from specc.lang.markers import Def, Ref, Sql
from specc.lang.project import Entry, Path
from specc.lang.shape import Listing, Mapping, Record, Scalar, Shape, shape_of
from specc.record import record

Scope = tuple[tuple[str, str], ...]
"""The (kind, written name) of the references above a place and of those declared before it, nearest last."""


@record
class Site:
    """One marked text: `on_key` says whether it is the key at the path or the value."""

    entry: Entry
    path: Path
    on_key: bool
    marker: Any
    text: str
    scope: Scope


def walk(entry: Entry) -> Iterator[Site]:
    """Yield the marked texts of an entry in the order of the document."""
    scope = ((entry.kind, entry.name),)
    model: Any = type(entry.spec)
    yield from _walk(entry, entry.spec, shape_of(model), (), scope)


def _walk(entry: Entry, value: Any, shape: Shape, path: Path, scope: Scope) -> Iterator[Site]:
    if value is None:
        return
    match shape:
        case Scalar():
            yield from _marked(entry, shape, path, value, scope, on_key=False)
        case Listing(item=item):
            for at, one in enumerate(value):
                yield from _walk(entry, one, item, (*path, at), scope)
        case Mapping():
            yield from _mapping(entry, value, shape, path, scope)
        case Record():
            yield from _record(entry, value, shape, path, scope)


def _mapping(entry: Entry, value: Any, shape: Mapping, path: Path, scope: Scope) -> Iterator[Site]:
    ref = next((one for one in shape.key.markers if isinstance(one, Ref)), None)
    for key, one in value.items():
        yield from _marked(entry, shape.key, (*path, key), key, scope, on_key=True)
        inner = (*scope, (ref.kind, key)) if ref and not ref.within else scope
        yield from _walk(entry, one, shape.value, (*path, key), inner)


def _record(entry: Entry, value: Any, shape: Record, path: Path, scope: Scope) -> Iterator[Site]:
    for field in shape.fields:
        inner = getattr(value, field.attribute)
        yield from _walk(entry, inner, field.shape, (*path, field.key), scope)
        for marker in field.shape.markers:
            if isinstance(marker, Ref) and not marker.within and isinstance(inner, str):
                scope = (*scope, (marker.kind, inner))


def _marked(
    entry: Entry, shape: Scalar, path: Path, text: Any, scope: Scope, *, on_key: bool
) -> Iterator[Site]:
    for marker in shape.markers:
        # An empty text is a field left out: its default.
        if isinstance(marker, Def | Ref | Sql) and isinstance(text, str) and text:
            yield Site(entry, path, on_key, marker, text, scope)

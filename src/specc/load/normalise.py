"""Short forms made long: data and its nodes in, the same with every short form spelled out.

The nodes follow the data, so that a finding about a spelled-out field points at the text that stood for it.
"""

from __future__ import annotations

from typing import Any

from specc.lang.shape import Listing, Mapping, Record, Shape
from specc.load.document import Node


def normalise(data: Any, node: Node, shape: Shape) -> tuple[Any, Node]:
    """Return data and nodes with the short forms of `shape` spelled out; what does not fit stays as it is."""
    if isinstance(shape, Record):
        return _record(data, node, shape)
    if isinstance(shape, Mapping):
        return _mapping(data, node, shape)
    if isinstance(shape, Listing) and shape.single and isinstance(data, str):
        return [data], _with(node, {0: node})
    if isinstance(shape, Listing) and isinstance(data, list):
        pairs = [normalise(one, _child(node, at), shape.item) for at, one in enumerate(data)]
        return [one for one, _ in pairs], _with(node, {at: child for at, (_, child) in enumerate(pairs)})
    return data, node


def _record(data: Any, node: Node, shape: Record) -> tuple[Any, Node]:
    if shape.short is not None and not isinstance(data, dict) and data is not None:
        inner = Node(node.start, node.end, node.style, node.key_start, node.key_end, node.children)
        data, node = {shape.short.field: data}, _with(node, {shape.short.field: inner})
    if data is None and not any(field.required for field in shape.fields):
        data = {}
    if not isinstance(data, dict):
        return data, node
    shapes = {field.key: field.shape for field in shape.fields}
    made, children = {}, {}
    for key, value in data.items():
        child = _child(node, key)
        made[key], children[key] = normalise(value, child, shapes[key]) if key in shapes else (value, child)
    return made, _with(node, children)


def _mapping(data: Any, node: Node, shape: Mapping) -> tuple[Any, Node]:
    if shape.names_only and isinstance(data, list) and _distinct_names(data):
        children: dict[str | int, Node] = {}
        for at, name in enumerate(data):
            place = _child(node, at)
            children.setdefault(name, Node(place.start, place.end, "", place.start, place.end))
        data, node = dict.fromkeys(data), _with(node, children)
    if not isinstance(data, dict):
        return data, node
    made, places = {}, {}
    for key, value in data.items():
        made[key], places[key] = normalise(value, _child(node, key), shape.value)
    return made, _with(node, places)


def _distinct_names(data: list[Any]) -> bool:
    return all(isinstance(one, str) for one in data) and len(set(data)) == len(data)


def _child(node: Node, step: str | int) -> Node:
    return node.children.get(step, node)


def _with(node: Node, children: Any) -> Node:
    return Node(node.start, node.end, node.style, node.key_start, node.key_end, children)

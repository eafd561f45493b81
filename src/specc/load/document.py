"""What the loader hands on: the data of one YAML document and, for every key and value, its span.

Spans stay outside the data, so that plain dicts, lists and scalars reach the models.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from specc.diagnostics import Span
from specc.record import record

Path = tuple[str | int, ...]

# Shared by all scalars: a dict each would cost a third of the time it takes to load a file.
NO_CHILDREN: Mapping[str | int, Node] = MappingProxyType({})


@dataclass(slots=True)
class Node:
    """The place of one value: `start`/`end` of the value, `key_start`/`key_end` of its key (-1 in lists).

    `style` is YAML's scalar style: "" plain, `'`, `"`, `|`, `>`, or "{" / "[" for flow and "-" for block
    collections. `children` follow the data: member names for mappings, indexes for sequences.
    """

    start: int
    end: int
    style: str = ""
    key_start: int = -1
    key_end: int = -1
    children: Mapping[str | int, Node] = field(default_factory=lambda: NO_CHILDREN)


@record
class Document:
    """One YAML document: a mapping, read completely or (`broken`) only as far as its first key.

    A broken document still declares its name, so that one mistake in the text stays one error: `data`
    then holds at most the first `key: value` line.
    """

    path: str
    data: dict[str, Any]
    root: Node
    broken: bool = False

    def node(self, path: Path) -> Node:
        """Return the node at `path`, or the deepest one on the way to it."""
        node = self.root
        for step in path:
            child = node.children.get(step)
            if child is None:
                break
            node = child
        return node

    def value(self, path: Path) -> Span:
        """Return the span of the value at `path`, or of the deepest value on the way to it."""
        node = self.node(path)
        return Span(self.path, node.start, node.end)

    def key(self, path: Path) -> Span:
        """Return the span of the key at `path`; where there is none, that of the value."""
        node = self.node(path)
        if node.key_start < 0:
            return Span(self.path, node.start, node.end)
        return Span(self.path, node.key_start, node.key_end)

"""Places of one document after normalisation: what an entry asks when it wants to point at its text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from specc.diagnostics import SourceFile, Span
from specc.lang.project import Path
from specc.load.document import Node

Inner = Callable[[SourceFile, Node, int], Span]


@dataclass(frozen=True, eq=False)
class Located:
    """A tree of nodes over a source; `inner` maps an offset in a scalar's value to the file."""

    source: SourceFile
    root: Node
    inner: Inner

    @property
    def path(self) -> str:
        """The file's path."""
        return self.source.path

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
        """Return the span of a value; of a whole collection its key, so that a finding stays one line."""
        node = self.node(path)
        if node.style in ("-", "{", "[") and node.key_start >= 0:
            return Span(self.path, node.key_start, node.key_end)
        return Span(self.path, node.start, node.end)

    def key(self, path: Path) -> Span:
        """Return the span of a key; where there is none, that of the value."""
        node = self.node(path)
        if node.key_start < 0:
            return Span(self.path, node.start, node.end)
        return Span(self.path, node.key_start, node.key_end)

    def inside(self, path: Path, start: int, end: int) -> Span:
        """Return the span of characters `start` to `end` of the text at `path`, or of the whole text."""
        node = self.node(path)
        first = self.inner(self.source, node, start)
        if (first.start, first.end) == (node.start, node.end) or end <= start:
            return first
        last = self.inner(self.source, node, end - 1)
        return Span(self.path, first.start, last.start + 1)

"""From the events of one YAML document to its data and the tree of its spans, without recursion.

Takes the events of the C parser as they come and reports what is YAML but no good in a spec: duplicate and
odd keys, ambiguous scalars, split texts, anchors, tags. What a failure of the parser means, it does not say.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from specc.load import scalars
from specc.load.document import NO_CHILDREN, Node
from specc.load.scalars import SUSPECT_STARTS
from specc.load.split import Collection, check_list, check_mapping
from specc.load.yaml_findings import Findings

MAX_DEPTH = 64

_BLANKS = " \t\r\n"
_BLOCK_SCALAR = frozenset("|>")
_ANCHOR = re.compile(r"[&*][^\s,\[\]{}]*")
_TAG = re.compile(r"!\S*")

# Stands in `_Frame.key` for "the next item"; a mapping that waits for a key has None there.
_ITEM: Any = object()


@dataclass(slots=True)
class _Frame:
    """A collection under construction; `key` is that of the next value, `keep` whether the value counts."""

    data: Any
    node: Node
    children: dict[str | int, Node]
    key: Any
    key_start: int = -1
    key_end: int = -1
    keep: bool = True
    has_empty_values: bool = False
    found_before: int = 0


def _bottom() -> _Frame:
    return _Frame([], Node(0, 0), {}, _ITEM)


@dataclass(slots=True)
class Builder:
    """Builds what stands in `text`, which begins at the offset `base` of its file.

    `is_unreadable` says that the values cannot be used although the text is YAML: it nests too deep, an alias
    stands for something, or a directive changes how it is read. `restarts` are the places where the first key of
    a document stands again, each with the node of the first. `innermost` and `last` tell how far the text was
    understood.
    """

    text: str
    base: int
    found: Findings
    is_unreadable: bool = False
    restarts: list[tuple[int, int, Node]] = field(default_factory=list)
    last: Node = field(default_factory=lambda: Node(-1, -1))
    _stack: list[_Frame] = field(default_factory=list)
    _top: _Frame = field(default_factory=_bottom)
    _doubles: list[tuple[Any, Node, Any, Node]] = field(default_factory=list)

    @property
    def innermost(self) -> Node:
        """The innermost collection that is still open."""
        return self._top.node

    def build(self) -> list[tuple[Any, Node]]:
        """Consume the events and return the documents of the text; raises what the parser raises."""
        bottom = self._top
        next_event = yaml.CSafeLoader(self.text).get_event
        while (event := next_event()) is not None:
            kind = event.__class__
            if kind is ScalarEvent:
                self._scalar(event)  # type: ignore[arg-type]
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                self._close(event)
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                self._open(event)  # type: ignore[arg-type]
                if self.is_unreadable:
                    break
            elif kind is AliasEvent:
                self._alias(event)
            elif kind is DocumentStartEvent and (event.version or event.tags):  # type: ignore[attr-defined]
                self.is_unreadable = True
                break
        for double in self._doubles:
            _unite(*double)
        return list(zip(bottom.data, bottom.children.values(), strict=True))

    def _scalar(self, event: ScalarEvent) -> None:
        start = event.start_mark.index + self.base  # type: ignore[union-attr]
        end = event.end_mark.index + self.base  # type: ignore[union-attr]
        if start == end:
            start = end = max(self._behind_text(start), self._top.key_end)
        text, style = event.value, event.style or ""
        if event.tag is not None or event.anchor is not None:
            self._report_properties(event, start)
        is_plain = not style and event.tag is None
        frame = self._top
        if frame.key is None:
            frame.key, frame.key_start, frame.key_end = text, start, end
            if style or (is_plain and (not text or text[0] in SUSPECT_STARTS) and event.anchor is None):
                self._check_key(frame, text, is_plain)
            if text in frame.data:
                if len(self._stack) == 1 and self._is_restart(frame, text):
                    self.restarts.append((start, end, frame.children[text]))
                self.found.add_duplicate(text, start, end, frame.children[text])
                frame.keep = False
            return
        value: Any = text
        if style:
            end = self._check_styled(text, style, start, end)
        elif is_plain and (not text or text[0] in SUSPECT_STARTS):
            value, reason = scalars.read(text)
            if reason:
                self.found.add_ambiguous(text, reason, start, end)
        self.last = node = Node(start, end, style, frame.key_start, frame.key_end, NO_CHILDREN)
        self._place(frame, value, node)

    def _is_restart(self, frame: _Frame, text: str) -> bool:
        """Whether a key that stands twice begins another document: the first of several keys, with a text."""
        is_first = text == next(iter(frame.data)) and isinstance(frame.data[text], str)
        return is_first and len(frame.data) > 1 and frame.node.style == "-"

    def _line_end(self, offset: int) -> int:
        end = self.text.find("\n", offset - self.base)
        return (len(self.text) if end < 0 else end) + self.base

    def _behind_text(self, offset: int) -> int:
        """Return where the text before an offset ends: the parser puts a missing value before the next."""
        at = offset - self.base
        while at > 0 and self.text[at - 1] in _BLANKS:
            at -= 1
        return at + self.base

    def _check_styled(self, text: str, style: str, start: int, end: int) -> int:
        """Check a scalar that is not plain and return where people see it end."""
        if "\0" in text:
            self.found.add_nul(start, end)
        if style not in _BLOCK_SCALAR:
            return end
        # The parser ends a block scalar where the next text begins; people see it end with its last line.
        written = self.text[start - self.base : end - self.base]
        visible = len(written.rstrip(_BLANKS))
        stop = start + visible + len(written[visible:].split("\n", 1)[0].rstrip("\r"))
        if not text.strip(_BLANKS):
            self.found.add_empty_block(style, start, stop)
        return stop

    def _check_key(self, frame: _Frame, text: str, is_plain: bool) -> None:
        start, end = frame.key_start, frame.key_end
        value, reason = scalars.read(text) if is_plain else (text, "")
        if "\0" in text:
            self.found.add_nul(start, end)
        elif is_plain and text == "<<":
            self.found.add_merge(start, end)
            frame.keep = False
        elif reason:
            self.found.add_ambiguous(text, reason, start, end)
        elif value.__class__ is not str:
            self.found.add_odd_key(text, value, start, end)

    def _place(self, frame: _Frame, value: Any, node: Node) -> None:
        """Give `value` to the collection that waits for it."""
        key = frame.key
        if key is _ITEM:
            frame.children[len(frame.data)] = node
            frame.data.append(value)
            return
        if frame.keep:
            frame.data[key] = value
            frame.children[key] = node
            if node.start == node.end:
                frame.has_empty_values = True
        else:
            frame.keep = True
            if key == "<<":
                self._doubles.append((frame.data, frame.node, value, node))
            elif key in frame.data:
                self._doubles.append((frame.data[key], frame.children[key], value, node))
        frame.key = None

    def _open(self, event: CollectionStartEvent) -> None:
        start = event.start_mark.index + self.base  # type: ignore[union-attr]
        if event.tag is not None or event.anchor is not None:
            self._report_properties(event, start)
        is_mapping = event.__class__ is MappingStartEvent
        style = ("{" if is_mapping else "[") if event.flow_style else "-"
        children: dict[str | int, Node] = {}
        frame = self._top
        node = Node(start, start, style, frame.key_start, frame.key_end, children)
        data: Any = {} if is_mapping else []
        if not self._skip_as_key():
            self._place(frame, data, node)
        else:
            around = frame.node.key_start if frame.node.key_start >= 0 else frame.node.start
            self.found.add_complex_key(start, style, (around, self._line_end(start)))
        self._stack.append(frame)
        self._top = _Frame(
            data, node, children, None if is_mapping else _ITEM, found_before=len(self.found.made)
        )
        if len(self._stack) > MAX_DEPTH:
            self.found.add_depth(start, MAX_DEPTH)
            self.is_unreadable = True

    def _close(self, event: Event) -> None:
        frame = self._top
        node = frame.node
        if node.style == "-":
            # The parser ends a block where the next one begins; people see it end with its last value.
            node.end = max(node.start, self.last.end)
        else:
            node.end = event.end_mark.index + self.base  # type: ignore[union-attr]
            self._check_split(frame)
        self.last = node
        self._top = self._stack.pop()

    def _check_split(self, frame: _Frame) -> None:
        one = Collection(self.text, self.base, frame.node, self.found, frame.found_before)
        if frame.has_empty_values:
            check_mapping(one, frame.data, frame.children)
        elif frame.key is _ITEM and len(frame.data) > 1:
            check_list(one, frame.data, frame.children)

    def _alias(self, event: Event) -> None:
        start = event.start_mark.index + self.base  # type: ignore[union-attr]
        end = event.end_mark.index + self.base  # type: ignore[union-attr]
        self.found.add_anchor(self.text[start - self.base : end - self.base], start)
        self.is_unreadable = True
        frame = self._top
        self.last = node = Node(start, end, "", frame.key_start, frame.key_end)
        if not self._skip_as_key():
            self._place(frame, None, node)

    def _skip_as_key(self) -> bool:
        """If a key is due, take what comes for one that does not count."""
        frame = self._top
        if frame.key is not None:
            return False
        frame.key, frame.keep = "", False
        return True

    def _report_properties(self, event: NodeEvent, start: int) -> None:
        for pattern, present, add in (
            (_ANCHOR, event.anchor, self.found.add_anchor),
            (_TAG, getattr(event, "tag", None), self.found.add_tag),
        ):
            match = pattern.search(self.text, start - self.base)
            if present is not None and match:
                add(match[0], match.start() + self.base)


def _unite(first: Any, node: Node, second: Any, other: Node) -> None:
    """Add to a collection what the second of its key holds besides, so that nothing misses it elsewhere."""
    children: Any = node.children
    if isinstance(first, dict) and isinstance(second, dict):
        for key in [key for key in second if key not in first]:
            first[key], children[key] = second[key], other.children[key]
    elif isinstance(first, list) and isinstance(second, list):
        for at, one in enumerate(second):
            children[len(first)] = other.children[at]
            first.append(one)

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
from specc.load.yaml_findings import Findings

MAX_DEPTH = 64

_BLANKS = " \t\r\n"
_BLOCK_SCALAR = frozenset("|>")
_IDENTIFIER = re.compile(r"[^\W\d]\w*(?:[./-]\w+)*")
_SPACE = re.compile(r"\s")
_ANCHOR = re.compile(r"[&*][^\s,\[\]{}]*")
_TAG = re.compile(r"!\S*")
_NEXT = re.compile(r"\s*(\S)")
# A sentence, a call or an expression rather than a name of two or three words.
_FREE_TEXT = re.compile(r"[()=<>'\"]|[.!?]$|(?:\S+\s+){3}\S")

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
    stands for something, or a directive changes how it is read. `innermost` and `last` tell how far the text
    was understood.
    """

    text: str
    base: int
    found: Findings
    is_unreadable: bool = False
    last: Node = field(default_factory=lambda: Node(-1, -1))
    _stack: list[_Frame] = field(default_factory=list)
    _top: _Frame = field(default_factory=_bottom)

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
            self.found.add_complex_key(start, style)
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
            if frame.has_empty_values:
                self._check_bare_keys(frame)
            elif frame.key is _ITEM and len(frame.data) > 1:
                self._check_items(frame)
        self.last = node
        self._top = self._stack.pop()

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

    def _check_bare_keys(self, frame: _Frame) -> None:
        """Report the first key of `{ }` that is the rest of a text which a comma has split."""
        text_before = -1
        bare: list[tuple[int, int]] = []
        name, start = "", -1
        for key, node in frame.children.items():
            is_bare = self._is_bare(node)
            if bare and not is_bare:
                break
            if is_bare and (bare or text_before >= 0 or not _IDENTIFIER.fullmatch(str(key))):
                if not bare:
                    name, start = str(key), text_before if text_before >= 0 else node.key_start
                bare.append((node.key_start, node.key_end))
            text_before = node.start if isinstance(frame.data[key], str) and not node.style else -1
        if bare:
            self.found.drop_within(bare[0][0], bare[-1][1], frame.found_before)
            whole = self.text[start - self.base : bare[-1][1] - self.base]
            self.found.add_split_key(name, *bare[0], whole)

    def _is_bare(self, node: Node) -> bool:
        """Whether the key of an entry in `{ }` stands by itself, without a colon."""
        if node.style or node.start < node.end:
            return False
        after = _NEXT.match(self.text, node.key_end - self.base)
        return after is None or after[1] != ":"

    def _check_items(self, frame: _Frame) -> None:
        """Report the first item of `[ ]` that is, or may be, part of a text which a comma has split."""
        is_after_words = False
        before: Node | None = None
        for item, node in zip(frame.data, frame.children.values(), strict=True):
            is_text = item.__class__ is str and not node.style
            has_words = is_text and _SPACE.search(item) is not None
            if is_text and (item.count("(") != item.count(")") or (has_words and _FREE_TEXT.search(item))):
                self.found.add_loose_item(item, node.start, node.end)
                return
            if has_words and is_after_words and before is not None:
                words = self.text[before.start - self.base : before.end - self.base]
                self.found.add_loose_item(words, before.start, before.end)
                return
            is_after_words, before = has_words, node

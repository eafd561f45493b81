"""Texts in `{ }` and `[ ]` that a comma, or a colon without its space, has taken apart: reported and mended.

The data and places of one finished collection come in, and are changed to what was meant where that is
certain, so that one missing pair of quotes is one finding. What is not certain stays as it was read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from specc.load import scalars
from specc.load.document import Node
from specc.load.yaml_findings import Findings
from specc.record import record

_IDENTIFIER = re.compile(r"[^\W\d]\w*(?:[./-]\w+)*")
_SPACE = re.compile(r"\s")
_NEXT = re.compile(r"\s*(\S)")
_GLUED = re.compile(r"([^\s:]+):(?=[^\s:])")
# A sentence, a call or an expression rather than a name of two or three words.
_FREE_TEXT = re.compile(r"[()=<>'\"]|[.!?]$|(?:\S+\s+){3}\S")

# A number goes on behind a comma that parts its thousands.
_DIGITS = re.compile(r"(?:,\d{3})+(?!\d)")

Children = dict[str | int, Node]


@record
class Collection:
    """A finished collection in brackets; `text` begins at the offset `base` of its file.

    `found_before` counts the findings that were made before the collection began.
    """

    text: str
    base: int
    node: Node
    found: Findings
    found_before: int

    def slice(self, start: int, end: int) -> str:
        """Return what is written between two offsets in the file."""
        return self.text[start - self.base : end - self.base]

    def is_bare(self, node: Node) -> bool:
        """Whether the key of an entry in `{ }` stands by itself, without a colon."""
        if node.style or node.start < node.end:
            return False
        after = _NEXT.match(self.text, node.key_end - self.base)
        return after is None or after[1] != ":"


def check_mapping(one: Collection, data: dict[str, Any], children: Children) -> None:
    """Report each key of `{ }` that is the rest of a text which a comma has split."""
    torn = list(_torn_entries(one, data, children))
    ends = [_end(one, children[bare[-1]].key_end) for _, bare in torn]
    ranges = [(children[bare[0]].key_start, end) for (_, bare), end in zip(torn, ends, strict=True)]
    one.found.drop_within(ranges, one.found_before)
    for (owner, bare), end in zip(torn, ends, strict=True):
        first = children[bare[0]]
        start = children[owner].start if owner is not None else first.key_start
        whole = one.slice(start, end)
        covers = (one.node.start, one.node.end)
        is_number = owner is not None and data[owner].__class__ is int
        if is_number:
            one.found.add_split_number(start, end, whole, covers)
        else:
            one.found.add_split_key(bare[0], first.key_start, first.key_end, whole, covers)
        if owner is not None and "\n" not in whole:
            data[owner] = scalars.read(whole.replace(",", ""))[0] if is_number else whole
            children[owner] = Node(start, end, "", children[owner].key_start, children[owner].key_end)
            for key in bare:
                del data[key], children[key]
    if any(owner is None for owner, _ in torn):
        _part_glued(data, children)


def _end(one: Collection, end: int) -> int:
    """Return where a torn text ends: behind all groups of digits, of which some may be the same."""
    more = _DIGITS.match(one.text, end - one.base)
    return more.end() + one.base if more else end


def _part_glued(data: dict[str, Any], children: Children) -> None:
    """Give each key that is glued to its value (`key:value`) its value."""
    entries = [(key, data[key], children[key]) for key in data]
    data.clear()
    children.clear()
    for key, value, node in entries:
        is_plain = node.key_end - node.key_start == len(key)
        glued = _GLUED.match(key) if node.start == node.end and is_plain else None
        if glued is not None and glued[1] not in data:
            middle = node.key_start + len(glued[1])
            data[glued[1]] = scalars.read(key[glued.end() :])[0]
            children[glued[1]] = Node(middle + 1, node.key_end, "", node.key_start, middle)
        else:
            data[key], children[key] = value, node


def _torn_entries(
    one: Collection, data: dict[str, Any], children: Children
) -> Iterator[tuple[str | None, list[str]]]:
    """Yield runs of keys that stand by themselves, each with the key whose text they belong to, if there is one."""
    before: str | None = None
    owner: str | None = None
    bare: list[str] = []
    for key, value in data.items():
        node = children[key]
        is_bare = one.is_bare(node)
        if bare and (not is_bare or (owner is None and _GLUED.match(bare[-1]))):
            yield owner, bare
            bare = []
        if is_bare and _is_glued(key) and not bare:
            before = None  # A space is missing behind its colon, and none of the text before it.
        if is_bare and (bare or before is not None or not _IDENTIFIER.fullmatch(key)):
            owner = owner if bare else before
            bare.append(key)
        is_number = value.__class__ is int and _DIGITS.match(one.text, node.end - one.base) is not None
        before = key if (isinstance(value, str) and not node.style) or is_number else None
    if bare:
        yield owner, bare


def _is_glued(key: str) -> bool:
    """Whether a key that stands by itself is a name and its value, without the space behind the colon."""
    glued = _GLUED.match(key)
    return (
        glued is not None
        and _IDENTIFIER.fullmatch(glued[1]) is not None
        and not key.startswith("//", glued.end())
    )


def check_list(one: Collection, data: list[Any], children: Children) -> None:
    """Report what in `[ ]` is, or may be, part of a text which a comma has split.

    Items up to the one that closes a bracket are one text for certain. Of others, which nobody can tell, the
    first is reported.
    """
    covers = (one.node.start, one.node.end)
    items, torn = _put_together(one, data, children)
    if torn:
        wholes = [item for item, node in items if _wants_quotes(item, node) or node.start in torn]
        first, node = torn[min(torn)]
        one.found.add_split_item(first, node.start, node.end, wholes, covers)
        data[:] = [item for item, _ in items]
        children.clear()
        children.update((at, node) for at, (_, node) in enumerate(items))
        return
    before: Node | None = None
    for item, node in items:
        if _wants_quotes(item, node):
            one.found.add_loose_item(item, node.start, node.end, covers)
            return
        has_words = _is_plain(item, node) and _SPACE.search(item) is not None
        if has_words and before is not None:
            words = one.slice(before.start, before.end)
            one.found.add_loose_item(words, before.start, before.end, covers)
            return
        before = node if has_words else None


def _is_plain(item: Any, node: Node) -> bool:
    return item.__class__ is str and not node.style


def _wants_quotes(item: Any, node: Node) -> bool:
    """Whether an item beside others reads like a text, or like a part of one."""
    if not _is_plain(item, node):
        return False
    is_free = _SPACE.search(item) is not None and _FREE_TEXT.search(item) is not None
    return is_free or item.count("(") != item.count(")")


def _put_together(
    one: Collection, data: list[Any], children: Children
) -> tuple[list[tuple[Any, Node]], dict[int, tuple[str, Node]]]:
    """Return the items, each bracket with all up to its end as one; and by their starts those that were torn,
    each with its first part.
    """
    items: list[tuple[Any, Node]] = []
    torn: dict[int, tuple[str, Node]] = {}
    at, are_closed = 0, True
    while at < len(data):
        item, node = data[at], children[at]
        end = _closing(data, children, at) if are_closed else at
        are_closed = are_closed and end >= at  # after one that is never closed nothing is certain
        whole = one.slice(node.start, children[end].end) if end > at else "\n"
        if "\n" not in whole:
            node = Node(node.start, children[end].end)
            torn[node.start] = item, node
            items.append((whole, node))
            at = end + 1
        else:
            items.append((item, node))
            at += 1
    return items, torn


def _closing(data: list[Any], children: Children, at: int) -> int:
    """Return the index of the item that closes the brackets that one opens, or -1."""
    depth = 0
    for end in range(at, len(data)):
        if not _is_plain(data[end], children[end]):
            return -1 if depth else at
        depth += data[end].count("(") - data[end].count(")")
        if depth <= 0:
            return end if not depth else -1
    return -1

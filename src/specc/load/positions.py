"""From an offset inside the value of a scalar to its place in the file: where an error in embedded SQL is.

Decodes the scalar once more, from its source text, and never looks at the value itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from specc.diagnostics import SourceFile, Span
from specc.load.document import Node

VERBATIM = "verbatim"
"""The style of a node that is no YAML: its text stands in the file character by character."""

_BLOCK_HEADER = re.compile(r"\|[-+]?[ \t]*(?:#.*)?\r?\n")
_BLANKS = " \t\r"
_INDENTATION = re.compile(r"(?:[ \t]*\r?\n)*( +)")


def inner(source: SourceFile, node: Node, offset: int, length: int = 1) -> Span:
    """Return the place of `length` characters from `offset` of a scalar's value, as a span in the file.

    Exact for plain and quoted texts without escapes and for `|` blocks whose indentation is not given as a
    digit; an offset beyond the value means its end. For all else the span is that of the whole scalar.
    """
    places = _places(source.text, node)
    if places is None or offset < 0:
        return Span(source.path, node.start, node.end)
    if offset >= len(places):
        return Span(source.path, _after(places, node), _after(places, node))
    last = min(offset + max(length, 1), len(places)) - 1
    return Span(source.path, places[offset], places[last] + 1)


def _after(places: Sequence[int], node: Node) -> int:
    return places[-1] + 1 if places else node.start


def _places(text: str, node: Node) -> Sequence[int] | None:
    """Return the offset in the file of each character of the value, None where that is not kept track of."""
    if node.style == VERBATIM:
        return range(node.start, node.end)
    written = text[node.start : node.end]
    if node.style == "|":
        return _block_places(text, node)
    if node.style == "" and written[:1] not in ("&", "!", "*"):
        return _flow_places(text, node.start, node.end, "")
    if node.style in ("'", '"') and written[:1] == node.style and not (node.style == '"' and "\\" in written):
        return _flow_places(text, node.start + 1, node.end - 1, node.style)
    return None


def _flow_places(text: str, start: int, end: int, quote: str) -> list[int]:
    """Fold lines as YAML does: one line end is a space, several are one less, blanks around them vanish."""
    places: list[int] = []
    breaks: list[int] = []
    at = start
    while at <= end:
        stop = text.find("\n", at, end)
        is_last = stop < 0
        line = text[at : end if is_last else stop]
        line = line if is_last else line.rstrip(_BLANKS)
        indentation = len(line) - len(line.lstrip(_BLANKS)) if breaks else 0
        if breaks and (is_last or len(line) > indentation):
            places += breaks[1:] or breaks
            breaks = []
        if not breaks:
            places += range(at + indentation, at + len(line))
        breaks.append(stop)
        at = end + 1 if is_last else stop + 1
    second = {match.end() - 1 for match in re.finditer("''", text[start:end])} if quote == "'" else ()
    return [place for place in places if place - start not in second]


def _block_places(text: str, node: Node) -> list[int] | None:
    header = _BLOCK_HEADER.match(text, node.start, node.end)
    if header is None:
        return None
    first = _INDENTATION.match(text, header.end(), node.end)
    indentation = len(first[1]) if first else 0
    places: list[int] = []
    at = header.end()
    while at < node.end:
        stop = text.find("\n", at, node.end)
        if stop < 0:  # the line ends behind the last one are no part of the span
            return [*places, *range(at + indentation, node.end)]
        places += range(at + indentation, stop - 1 if text[stop - 1] == "\r" else stop)
        places.append(stop)
        at = stop + 1
    return places

"""Odd spaces (a no-break space, an ideographic one) where YAML wants plain ones, found and replaced.

Inside a text they are letters like others and stay. As indentation, around a colon or behind a value, nobody
can see them, and YAML takes them for a part of a key or a text, with odd errors far below.
"""

from __future__ import annotations

import re
from bisect import bisect, bisect_left
from collections.abc import Iterator

import yaml
from yaml.events import ScalarEvent

from specc.diagnostics import Diagnostic, Span
from specc.diagnostics.spaces import ODD_SPACE, called
from specc.load import yaml_codes

_BLANKS = " \t"
_COMMENT = re.compile(r"(?:^|[ \t])#", re.MULTILINE)


def misplaced(text: str) -> list[int]:
    """Return where odd spaces stand in place of plain ones, in the order of the text."""
    found = [match.start() for match in ODD_SPACE.finditer(text)]
    return _between_values(text, found) if found else []


def _between_values(text: str, found: list[int]) -> list[int]:
    """Leave out those inside of texts and comments, as they are once all of them are plain spaces."""
    plain = ODD_SPACE.sub(" ", text)
    scalars = list(_scalars(plain))
    starts = [start for start, _, _ in scalars]
    signs = [match.end() - 1 for match in _COMMENT.finditer(plain)]
    last, kept = plain.rfind("\n"), []
    line = first = stop = -1
    for at in found:
        if at > stop:
            line = plain.rfind("\n", 0, at) + 1
            stop = plain.find("\n", at) if at < last else len(plain)
            first = stop - len(plain[line:stop].lstrip(_BLANKS))
        before = bisect(starts, at) - 1
        _, end, style = scalars[before] if before >= 0 else (0, 0, "")
        sign = bisect_left(signs, max(line, end))
        is_comment = sign < len(signs) and signs[sign] < at
        is_text = bool(style) or at > first if at < end else is_comment
        if not is_text:
            kept.append(at)
    return kept


def _scalars(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield start, end and style of the scalars, as far as the text can be parsed."""
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            if isinstance(event, ScalarEvent):
                yield event.start_mark.index, event.end_mark.index, event.style or ""  # type: ignore[union-attr]
    except yaml.YAMLError:
        return


def finding(path: str, text: str, base: int, places: list[int]) -> Diagnostic:
    """Report misplaced odd spaces at the first of them; `text` begins at the offset `base` of the file."""
    start = places[0]
    end, odd = start + 1, set(places)
    while end in odd:
        end += 1
    line = text.rfind("\n", 0, start) + 1
    is_indentation = not text[line:start].strip(_BLANKS)
    message = f"{called(text[start])} {'indents this line' if is_indentation else 'stands where a plain one is meant'}"
    more = len(places) - (end - start)
    notes = (f"{more} more below",) if more else ()
    hint = "indent with plain spaces" if is_indentation else "write a plain space, or none"
    span = Span(path, start + base, end + base)
    return yaml_codes.ODD_SPACE.at(span, message, notes=notes, help=hint)

"""How text lies in the cells of a terminal: what is printed for each character, and where.

Comes in any text, however hostile; goes out text that cannot move a cursor, change a colour or reorder
what stands beside it, with the cell of every character. Never prints.
"""

from __future__ import annotations

from unicodedata import category, east_asian_width

from specc.record import record

TAB_STOP = 4
MAX_CELLS = 120
MAX_CHARACTERS = 400
LEAD_CELLS = 40
ELLIPSIS = "..."

_JOINERS = "\u200c\u200d"  # scripts and emoji need them, and they do nothing but join
_ESCAPED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_SHORT_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def printable(text: str) -> str:
    """Return `text` with every control, format and surrogate character written as an escape.

    Bidirectional overrides are among them: a name must not be able to rearrange the sentence around it.
    """
    return text if text.isprintable() else "".join(map(_shown, text))


def printable_lines(text: str) -> list[str]:
    """Return the lines of a text that may have several, each of them printable."""
    return [printable(line.removesuffix("\r")) for line in text.split("\n")]


def _shown(char: str) -> str:
    if char.isprintable() or char in _JOINERS or category(char) not in _ESCAPED_CATEGORIES:
        return char
    if char in _SHORT_ESCAPES:
        return _SHORT_ESCAPES[char]
    point = ord(char)
    if point <= 0xFF:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point <= 0xFFFF else f"\\U{point:08x}"


def _width(char: str) -> int:
    """Return the cells of one printable character (Unicode Standard Annex 11 for the wide ones).

    Marks take none, nor do the vowels and finals of a Hangul syllable spelled in parts.
    """
    if char in _JOINERS or "\u1160" <= char <= "\u11ff" or category(char) in ("Mn", "Me"):
        return 0
    return 2 if east_asian_width(char) in "WF" else 1


@record
class Row:
    """A stretch of one line as it is printed; `starts` and `ends` give the cells of each character."""

    text: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]

    @property
    def width(self) -> int:
        """How many cells the whole row takes."""
        return self.ends[-1] if self.ends else 0

    def cells(self, start: int, end: int) -> tuple[int, int]:
        """Return the first cell and the cell after the last of a range of characters; never empty."""
        first = self.starts[start] if start < len(self.starts) else self.width
        last = self.ends[end - 1] if end > start else first
        return first, max(last, first + 1)


def lay_out(text: str) -> Row:
    """Lay out one line, which has no line ending: tabs become spaces, marks stay with their letter."""
    shown, starts, ends, at, base = [], [], [], 0, 0
    for char in text:
        piece = " " * (TAB_STOP - at % TAB_STOP) if char == "\t" else _shown(char)
        width = len(piece) if piece.isascii() else _width(piece)
        if width:
            base, at = at, at + width
        shown.append(piece)
        starts.append(base)
        ends.append(at)
    return Row("".join(shown), tuple(starts), tuple(ends))


def visible_range(line: str, at: int) -> tuple[int, int]:
    """Return which characters of `line` to show so that character `at` is seen: all, or a window.

    Looks at no more of a line than it may show, so that a file of one line costs no more than any other.
    """
    if len(line) <= MAX_CHARACTERS and lay_out(line).width <= MAX_CELLS:
        return 0, len(line)
    first = at - _fitting(line[max(at - MAX_CHARACTERS // 4, 0) : at][::-1], LEAD_CELLS)
    used = lay_out(line[first:at]).width
    return first, at + _fitting(line[at : at + MAX_CHARACTERS // 2], MAX_CELLS - used)


def _fitting(text: str, cells: int) -> int:
    """Count the characters at the beginning of `text` that fit into `cells`."""
    used = 0
    for count, char in enumerate(text):
        piece = _shown(char)
        used += TAB_STOP if char == "\t" else len(piece) if piece.isascii() else _width(piece)
        if used > cells:
            return count
    return len(text)

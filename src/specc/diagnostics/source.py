"""Source texts and the way from a character offset to a line and a column. Never touches the disk."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class SourceFile:
    """One text as it was read: `path` is relative to the project with `/`, `text` has no BOM."""

    path: str
    text: str

    @cached_property
    def line_starts(self) -> tuple[int, ...]:
        """Character offsets at which lines begin."""
        starts, at = [0], self.text.find("\n")
        while at >= 0:
            starts.append(at + 1)
            at = self.text.find("\n", at + 1)
        return tuple(starts)

    def position(self, offset: int) -> tuple[int, int]:
        """Return the 1-based line and 1-based column (in characters) of a character offset.

        An offset outside the text counts as its beginning or its end.
        """
        offset = min(max(offset, 0), len(self.text))
        row = bisect_right(self.line_starts, offset) - 1
        return row + 1, offset - self.line_starts[row] + 1

    def line(self, number: int) -> str:
        """Return the text of a 1-based line without its line ending."""
        start = self.line_starts[number - 1]
        end = self.line_starts[number] if number < len(self.line_starts) else len(self.text)
        return self.text[start:end].rstrip("\r\n")

"""Lines of text in columns, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator


def columns(head: tuple[str, ...], lines: list[tuple[str, ...]]) -> Iterator[str]:
    """Yield lines in columns: the first one and those of states to the left, numbers and ages to the right."""
    widths = [max(map(len, column)) for column in zip(head, *lines, strict=True)]
    for line in (head, *lines):
        cells = [
            cell.ljust(width) if at == 0 or head[at] in ("state", "index", "statement") else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        yield ("    " + "  ".join(cells)).rstrip()

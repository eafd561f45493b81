"""Sparklines: numbers in, the path of a small SVG picture out."""

from __future__ import annotations

from collections.abc import Sequence

WIDTH = 240
HEIGHT = 40


def bars(numbers: Sequence[int], most: int) -> str:
    """Return a path with a bar for each number, from left to right; `most` is as high as the picture.

    What is more than nothing is seen, however little it is.
    """
    if not numbers or most <= 0:
        return ""
    step = WIDTH / len(numbers)
    wide = round(step * 0.75, 2)
    found = []
    for at, number in enumerate(numbers):
        if number > 0:
            high = max(1.5, round(number / most * HEIGHT, 2))
            found.append(f"M{round(at * step, 2):g} {HEIGHT}v{-high:g}h{wide:g}v{high:g}z")
    return "".join(found)

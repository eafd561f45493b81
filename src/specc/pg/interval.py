"""Lengths of time as specs write them: `15 minutes`, `1 hour 30 minutes`.

A text comes in, its length in milliseconds comes out. Stricter than PostgreSQL, which reads `15` as seconds
and `1 mon` as a length that depends on the calendar.
"""

from __future__ import annotations

UNITS = {
    "millisecond": 1,
    "second": 1000,
    "minute": 60_000,
    "hour": 3_600_000,
    "day": 86_400_000,
    "week": 604_800_000,
}
"""Milliseconds of each unit; a day has 24 hours."""

LONGEST = 36_500 * UNITS["day"]
"""A hundred years: what is added to any moment of this age stays a timestamp."""


def milliseconds(text: str) -> int:
    """Return the length of an interval written as `N unit`, once or several times.

    Raises `ValueError`, whose message says what is wrong.
    """
    words = text.split()
    if not words or len(words) % 2:
        raise ValueError("a length of time is a number and a unit, such as `15 minutes`")
    total = sum(_part(*words[at : at + 2]) for at in range(0, len(words), 2))
    if not total:
        raise ValueError("a length of time is more than nothing")
    if total > LONGEST:
        raise ValueError("this is longer than a hundred years")
    return total


def _part(number: str, unit: str) -> int:
    if not (number.isascii() and number.isdigit()):
        raise ValueError(f"`{number}` is no whole number")
    singular = unit.removesuffix("s")
    if singular not in UNITS or unit not in (singular, f"{singular}s"):
        raise ValueError(f"`{unit}` is no unit; there are {', '.join(f'`{one}s`' for one in UNITS)}")
    return int(number) * UNITS[singular]

"""Lengths of time as people write them (`30 minutes`, `1 day 12 hours`), read into seconds and written as SQL.

A day is 24 hours and a week seven of them, whatever the time zone of a session makes of its days.
"""

from __future__ import annotations

import re

UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}
"""Seconds of each unit; months and years are no fixed length, so there are none."""

LONGEST = 100 * 365 * 86_400
"""A hundred years: within what an interval of any unit holds."""

_PART = re.compile(r"(\d{1,9}) +([a-z]+?)s?(?: +|\Z)")


def seconds_of(text: str) -> int | None:
    """Return the seconds that a text such as `1 day 12 hours` says; None where it says none, or one
    beyond a hundred years."""
    total, at, text = 0, 0, text.strip()
    while at < len(text):
        part = _PART.match(text, at)
        if part is None or part[2] not in UNITS:
            return None
        total += int(part[1]) * UNITS[part[2]]
        at = part.end()
    return total if 0 < total <= LONGEST else None


def words_of(seconds: int) -> str:
    """Return a length of time in words, in the largest unit up to hours that it is a multiple of."""
    unit = next(one for one in ("hour", "minute", "second") if seconds % UNITS[one] == 0)
    number = seconds // UNITS[unit]
    return f"{number} {unit}{'' if number == 1 else 's'}"

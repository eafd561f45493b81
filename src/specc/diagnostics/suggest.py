"""Did you mean: the one known name that a misspelt name most likely stands for.

Comes in a name and the names that exist, goes out one of them or nothing. Rather says nothing than
something odd: a wrong hint costs more than a missing one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_SEPARATORS = re.compile(r"[\W_]+")


def nearest(name: str, names: Iterable[str]) -> str | None:
    """Return the name most like `name`, or None; upper and lower case, and `-` and `_`, count as the same.

    Of two that are as like, one that begins with the same letter. The answer does not depend on the order of
    `names`, and is never `name` itself.
    """
    folded = _folded(name)
    near = [
        (distance, candidate[:1] != name[:1], candidate)
        for candidate in names
        if candidate != name and (distance := _likeness(folded, _folded(candidate))) is not None
    ]
    return min(near)[2] if near else None


def suggest(word: str, candidates: Iterable[str]) -> str:
    """Return ``did you mean `x`?`` for the nearest candidate, or an empty text."""
    found = nearest(word, candidates)
    return f"did you mean `{found}`?" if found is not None else ""


def is_slip(name: str, meant: str) -> bool:
    """Whether one name is another with a slip of the finger: one letter, or two in ten and more."""
    most = 2 if len(name) >= 10 else 1
    return _distance(_folded(name), _folded(meant), most) <= most


def _folded(name: str) -> str:
    return name.casefold().replace("-", "_")


def _likeness(name: str, candidate: str) -> int | None:
    """Return how far two folded names are apart, or None when no one would take one for the other."""
    allowed = _allowed(max(len(name), len(candidate)))
    if abs(len(name) - len(candidate)) > allowed:
        return None
    if (distance := _distance(name, candidate, allowed)) <= allowed:
        return distance
    words, others = (sorted(_SEPARATORS.split(one)) for one in (name, candidate))
    return allowed + 1 if words == others else None


def _allowed(length: int) -> int:
    """Return how many slips a name of this length may have: none in two letters, three in nine or more."""
    return min(length // 3, 3)


def _distance(name: str, other: str, limit: int) -> int:
    """Count inserted, dropped, changed and swapped neighbouring letters; past `limit`, any number above it.

    Damerau-Levenshtein distance in its restricted form (optimal string alignment), row by row.
    """
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, letter in enumerate(name, 1):
        current = [row]
        for column, against in enumerate(other, 1):
            best = min(last[column] + 1, current[-1] + 1, last[column - 1] + (letter != against))
            if row > 1 and column > 1 and letter == other[column - 2] and name[row - 2] == against:
                best = min(best, before[column - 2] + 1)
            current.append(best)
        if min(current) > limit and min(last) >= limit:
            return limit + 1
        before, last = last, current
    return last[-1]

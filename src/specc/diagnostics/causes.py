"""Findings that one mistake brings about at several places: told once, with the other places beside it.

Findings come in, in their order; each group of one cause goes out as one of them. What the cause is, the rules
say that report the findings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from specc.diagnostics.model import Cause, Diagnostic, Label
from specc.diagnostics.suggest import is_slip

MOST_PLACES = 4
"""Other places that are shown; the rest are counted."""


def groups(found: Iterable[Diagnostic]) -> Mapping[Cause, list[Diagnostic]]:
    """Return the findings that have a cause in common, two at least, by that cause."""
    made: dict[Cause, list[Diagnostic]] = {}
    for one in found:
        if one.cause is not None:
            made.setdefault(one.cause, []).append(one)
    return {cause: group for cause, group in made.items() if len(group) > 1}


def told_once(found: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Put one finding in the place of each group, unless each of its places has a slip to be mended there."""
    every = list(found)
    united = {cause: group for cause, group in groups(every).items() if not _is_slip(cause)}
    kept = []
    for one in every:
        group = united.get(one.cause) if one.cause is not None else None
        if group is None:
            kept.append(one)
        elif one is _foremost(group):
            others = [other for other in group if other is not one]
            kept.append(with_places(one, others))
    return kept


def _is_slip(cause: Cause) -> bool:
    return bool(cause.near) and is_slip(cause.about[-1], cause.near)


def _foremost(group: list[Diagnostic]) -> Diagnostic:
    """Return the finding in the file where the cause is to be mended, or else the first."""
    return next((one for one in group if one.cause and one.span.path == one.cause.home), group[0])


def with_places(one: Diagnostic, others: list[Diagnostic]) -> Diagnostic:
    """Return a finding with the places of others beside its own."""
    places = [span for span in dict.fromkeys(other.span for other in others) if span != one.span]
    labels = tuple(Label(span, "and here") for span in places[:MOST_PLACES])
    more = len(places) - MOST_PLACES
    notes = (f"and {more} more place{'s' if more > 1 else ''}",) if more > 0 else ()
    return replace(one, related=(*one.related, *labels), notes=(*one.notes, *notes))

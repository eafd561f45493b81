"""What a machine's old words mean: the states they stand for, the ways there, and the words for the way back.

Words and states come in, from specs or from facts; nothing here reads a database or prints SQL.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from specc.analysis.machines import Lifecycle

Target = tuple[str, str]
"""A state and its substate, "" for none."""


def target(text: str) -> Target:
    """Return the target that `state` or `state/substate` names."""
    state, _, substate = text.partition("/")
    return state, substate


def written(place: Target) -> str:
    """Return a target the way people write it."""
    return "/".join(part for part in place if part)


def places(life: Lifecycle) -> Iterator[Target]:
    """Yield where a row can be: each state, then its substates."""
    for state in life.states:
        yield state, ""
        for substate in life.substates.get(state, ()):
            yield state, substate


def words(values: Mapping[str, Target], place: Target) -> tuple[str, ...]:
    """Return the words that mean exactly this state and substate."""
    return tuple(word for word, meant in values.items() if meant == place)


def derived(values: Mapping[str, Target], place: Target) -> str:
    """Return the one word that means a place, or "" where none does or several do."""
    found = words(values, place)
    return found[0] if len(found) == 1 else ""


def backwards(life: Lifecycle, values: Mapping[str, Target], back: Mapping[Target, str]) -> dict[Target, str]:
    """Return the old word for each place that has one; a substate without takes that of its state."""
    found = {place: back.get(place) or derived(values, place) for place in places(life)}
    return {place: word for place, word in found.items() if word}


def hops(life: Lifecycle, ends: Iterable[Target]) -> Iterator[tuple[Target, str, Target]]:
    """Yield for each end and each state that leads there the next place of the shortest way by plain transitions.

    A state is left without a substate; a row that is in the state already takes on, or loses, the substate.
    """
    for end in ends:
        for state in life.states:
            way = life.shortest[state].get(end[0], ())
            if len(way) > 1:
                yield end, state, (way[1], end[1] if way[1] == end[0] else "")
        yield end, end[0], end

"""What a fact is: a flat frozen record with an identity, dependencies and a rank. Knows no concrete fact."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import cache
from operator import attrgetter
from typing import Any, ClassVar

from specc.record import record

Identity = tuple[str, ...]
"""The name of the fact's class (`table`, `column`, …) and then its names, outermost first."""


@record
class Fact:
    """One thing that is so: a column, a policy, a transition.

    The first `NAMES` fields are the identity; `RANK` orders facts that do not depend on each other, lower
    first. `requires` says which identities must exist before this one does.
    """

    KIND: ClassVar[str]
    NAMES: ClassVar[int]
    RANK: ClassVar[int]

    @property
    def identity(self) -> Identity:
        """The class word and the values of the identifying fields."""
        kind: Any = type(self)
        return _identity(kind)(self)

    @property
    def requires(self) -> tuple[Identity, ...]:
        """Identities of the facts that this one is built on; unknown ones are PostgreSQL's own."""
        return ()


@cache
def _identity(kind: type[Fact]) -> Callable[[Fact], Identity]:
    """Return what gets the class word and the identifying fields of a fact of this class."""
    return attrgetter("KIND", *[one.name for one in fields(kind)][: kind.NAMES])


@cache
def details(kind: type[Fact]) -> tuple[tuple[str, Any], ...]:
    """Return the names and defaults of the fields that are not part of the identity."""
    return tuple((one.name, one.default) for one in fields(kind))[kind.NAMES :]

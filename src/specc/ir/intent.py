"""Intent facts: what a comparison of two projects cannot tell. They say how data come along, and make no object.

Each is there as long as the specs say it. It counts once: when the base still has what it speaks of.
"""

from __future__ import annotations

from typing import ClassVar

from specc.ir.fact import Fact, Identity
from specc.record import record


@record
class Renamed(Fact):
    """A table, column, machine or state had another name: `target` is its identity now, joined by spaces."""

    KIND: ClassVar[str] = "renamed"
    NAMES: ClassVar[int] = 1
    RANK: ClassVar[int] = 5
    target: str
    was: str

    @property
    def identity_now(self) -> Identity:
        """The identity it has now."""
        return tuple(self.target.split(" "))

    @property
    def identity_before(self) -> Identity:
        """The identity it had."""
        return (*self.identity_now[:-1], self.was)


@record
class Retired(Fact):
    """Rows leave a state that is no more: those for which `where` holds, tried by `number`, go to `target`.

    The label stays in the enum, since history tells of it. A state that is split stays; its rows leave if `where` holds.
    """

    KIND: ClassVar[str] = "retired"
    NAMES: ClassVar[int] = 3
    RANK: ClassVar[int] = 5
    machine: str
    state: str
    number: str
    target: str
    substate: str = ""
    where: str = ""


@record
class Conversion(Fact):
    """How a column's value is made when it is new or gets another type, and on the way back; SQL on the row."""

    KIND: ClassVar[str] = "conversion"
    NAMES: ClassVar[int] = 3
    RANK: ClassVar[int] = 5
    schema: str
    table: str
    column: str
    up: str
    down: str = ""


@record
class Removed(Fact):
    """Data are given up on purpose: `target` is the identity of a table, column or machine, joined by spaces.

    With `keep` they lie in a table beside until the way back is given up, too.
    """

    KIND: ClassVar[str] = "removed"
    NAMES: ClassVar[int] = 1
    RANK: ClassVar[int] = 5
    target: str
    reason: str
    keep: bool = False

    @property
    def identity_before(self) -> Identity:
        """The identity of what is given up."""
        return tuple(self.target.split(" "))


@record
class Large(Fact):
    """A table has more rows than may be read or written at one go while others wait: it is changed online."""

    KIND: ClassVar[str] = "large"
    NAMES: ClassVar[int] = 2
    RANK: ClassVar[int] = 5
    schema: str
    table: str


INTENT: tuple[type[Fact], ...] = (Renamed, Retired, Conversion, Removed, Large)

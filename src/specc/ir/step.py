"""Plans: steps, each the statements that make one fact true and those that undo them, in parts that are files."""

from __future__ import annotations

from specc.ir.fact import Fact
from specc.record import record


@record
class Step:
    """Statements that make one fact true (a table with its columns and keys), and those that undo them."""

    fact: Fact
    up: str
    down: str


@record
class Preflight:
    """What is asked of a database before anything is done to it: a query for a number that has to be 0."""

    title: str
    query: str


LOCKS = (
    "access share",
    "row share",
    "row exclusive",
    "share update exclusive",
    "share",
    "share row exclusive",
    "exclusive",
    "access exclusive",
)
"""How a relation may be locked, from the weakest to the strongest (PostgreSQL manual 13.3.1)."""

EFFECTS = ("", "scan", "update", "rewrite")
"""What may be done to a relation, from the cheapest to the dearest."""


@record
class Hazard:
    """What a migration does to a relation that was there before it, under the name (schema, name) it had then.

    `lock`, one of `LOCKS`, is held until the transaction ends. `effect`, one of `EFFECTS`, is done under it: all rows
    are read (`scan`), many are written (`update`) or the table is written anew (`rewrite`). `why` is the cause in words.
    """

    relation: tuple[str, str]
    lock: str
    effect: str = ""
    why: str = ""

    @property
    def stops_writers(self) -> bool:
        """Whether nobody else can write rows while it lasts."""
        return LOCKS.index(self.lock) >= LOCKS.index("share")

    @property
    def stops_readers(self) -> bool:
        """Whether nobody else can read rows while it lasts."""
        return self.lock == LOCKS[-1]


@record
class Part:
    """What goes into one file, which is one transaction: steps in order, and the statements of their way back.

    `name` tells it from other parts of a plan, "" for the main one.
    """

    name: str
    steps: tuple[Step, ...]
    back: tuple[str, ...]
    preflights: tuple[Preflight, ...] = ()
    preflights_back: tuple[Preflight, ...] = ()
    losses: tuple[str, ...] = ()
    """What the way back loses, each to be read after "this loses"."""
    summary: tuple[str, ...] = ()
    """What changes, in words, for who reviews it."""
    hazards: tuple[Hazard, ...] = ()
    """What its transaction does to each relation that is locked for long enough to be seen, and that of its way back."""
    hazards_back: tuple[Hazard, ...] = ()

"""Plans: steps, each the statements that make one fact true and those that undo them, in parts that are files."""

from __future__ import annotations

from collections.abc import Sequence

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
class Batch:
    """A statement that is repeated, each time in a transaction of its own, until it is done with 0 rows.

    It returns how many rows it did and, for the next time, where it came to, which is `$1` then and null at first.
    """

    title: str
    statement: str


CONCURRENTLY = "concurrently"
"""How the name of a part ends that is one statement outside of a transaction."""


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
    batches: tuple[Batch, ...] = ()
    """What comes before the steps."""


def part(name: str, steps: Sequence[Step]) -> Part:
    """Return steps as a part whose way back undoes them, last first."""
    return Part(name, tuple(steps), tuple(step.down for step in reversed(steps) if step.down))

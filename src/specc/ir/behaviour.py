"""Behaviour facts: what the database means, whatever objects carry it.

A reviewer reads changes of these first; no SQL is made from them directly.
"""

from __future__ import annotations

from typing import ClassVar

from specc.ir.fact import Fact
from specc.record import record


@record
class Machine(Fact):
    """A lifecycle bound to a table."""

    KIND: ClassVar[str] = "machine"
    NAMES: ClassVar[int] = 1
    RANK: ClassVar[int] = 0
    name: str
    schema: str
    table: str
    lifecycle: str
    attempts: int
    writes: str = "single"


@record
class State(Fact):
    """A state of a machine: `role` is `initial`, `terminal`, `settled` or empty."""

    KIND: ClassVar[str] = "state"
    NAMES: ClassVar[int] = 2
    RANK: ClassVar[int] = 1
    machine: str
    name: str
    position: int
    role: str = ""
    substates: tuple[str, ...] = ()
    about: str = ""


@record
class Transition(Fact):
    """An edge a row may take: `form` is `step` or `recovery`.

    `drivers` are the functions declared to take it, and `timeout` or `recovery` where rows take it by
    themselves; without any, `undriven` says why it stands.
    """

    KIND: ClassVar[str] = "transition"
    NAMES: ClassVar[int] = 3
    RANK: ClassVar[int] = 2
    machine: str
    source: str
    target: str
    form: str = "step"
    drivers: tuple[str, ...] = ()
    undriven: str = ""


@record
class History(Fact):
    """The table that holds one row for each move of a machine's rows; `owner` is its column of the tenant,
    `keep` how long rows are kept, "" for ever.
    """

    KIND: ClassVar[str] = "history"
    NAMES: ClassVar[int] = 1
    RANK: ClassVar[int] = 2
    machine: str
    schema: str
    table: str
    owner: str = ""
    keep: str = ""


@record
class Legacy(Fact):
    """A machine's rows had their state as words in a text column before.

    `otherwise` is where rows go whose word nothing maps: a state, a `state/substate`, or `reject`.
    """

    KIND: ClassVar[str] = "legacy"
    NAMES: ClassVar[int] = 1
    RANK: ClassVar[int] = 2
    machine: str
    column: str
    otherwise: str
    about: str = ""


@record
class LegacyValue(Fact):
    """What an old word means."""

    KIND: ClassVar[str] = "legacy_value"
    NAMES: ClassVar[int] = 2
    RANK: ClassVar[int] = 2
    machine: str
    word: str
    state: str
    substate: str = ""


@record
class LegacyBack(Fact):
    """The old word for a state or substate, on the way back and for readers of the old column."""

    KIND: ClassVar[str] = "legacy_back"
    NAMES: ClassVar[int] = 3
    RANK: ClassVar[int] = 2
    machine: str
    state: str
    substate: str
    word: str


@record
class Timeout(Fact):
    """Rows leave a state by themselves: `after` an interval in it, or at the moment in `column`.

    With a `substate` only those that carry it; without, all that carry none with a timeout of its own, or all of
    them where the moment is the end of a lease, which whoever is in `holder` has.
    """

    KIND: ClassVar[str] = "timeout"
    NAMES: ClassVar[int] = 4
    RANK: ClassVar[int] = 2
    machine: str
    state: str
    substate: str
    column: str
    target: str
    after: str = ""
    holder: str = ""


@record
class Backoff(Fact):
    """How long rows wait before they recover: the `first` time, `factor` times as long each next, at `most`."""

    KIND: ClassVar[str] = "backoff"
    NAMES: ClassVar[int] = 1
    RANK: ClassVar[int] = 2
    machine: str
    first: str
    factor: str
    most: str


@record
class Sync(Fact):
    """A machine follows the rows of another that point at its own by `column`.

    `trigger` is on the child's table and calls `function`, a full name; with `refuses_births` no child comes
    under a settled parent.
    """

    KIND: ClassVar[str] = "sync"
    NAMES: ClassVar[int] = 2
    RANK: ClassVar[int] = 3
    machine: str
    child: str
    column: str
    trigger: str
    function: str
    refuses_births: bool = False


@record
class SyncUp(Fact):
    """A move that a parent takes because of its children: the words of `all`, `any`, `none` are their states.

    `number` is the place among the rules of this child, which are tried in order; `where` is a condition in
    SQL on the parent's own row. With `empty` the rule is for parents without any child, otherwise for others.
    """

    KIND: ClassVar[str] = "sync_up"
    NAMES: ClassVar[int] = 3
    RANK: ClassVar[int] = 4
    machine: str
    child: str
    number: str
    source: str
    target: str
    all: tuple[str, ...] = ()
    any: tuple[str, ...] = ()
    none: tuple[str, ...] = ()
    empty: bool = False
    where: str = ""


@record
class SyncDown(Fact):
    """What becomes of open children when their parent comes into a state: the first target they can reach."""

    KIND: ClassVar[str] = "sync_down"
    NAMES: ClassVar[int] = 3
    RANK: ClassVar[int] = 4
    machine: str
    child: str
    state: str
    targets: tuple[str, ...]


@record
class Invariant(Fact):
    """What holds of a row in one of the states `given` and of its children, by child machine.

    An `eventual` one holds as soon as no rule of a sync has anything left to do.
    """

    KIND: ClassVar[str] = "invariant"
    NAMES: ClassVar[int] = 3
    RANK: ClassVar[int] = 4
    machine: str
    name: str
    child: str
    given: tuple[str, ...]
    all: tuple[str, ...] = ()
    any: tuple[str, ...] = ()
    none: tuple[str, ...] = ()
    empty: bool = False
    eventual: bool = False
    about: str = ""


@record
class AccessRule(Fact):
    """What a project role may do with a table; no `columns` means all of them."""

    KIND: ClassVar[str] = "access_rule"
    NAMES: ClassVar[int] = 4
    RANK: ClassVar[int] = 3
    schema: str
    table: str
    role: str
    command: str
    columns: tuple[str, ...] = ()


@record
class Role(Fact):
    """A role of the project: a role of the database and, with `table`, membership in a tenant.

    `member` are, for some columns of the membership table, the SQL literals that make a row count.
    """

    KIND: ClassVar[str] = "role"
    NAMES: ClassVar[int] = 1
    RANK: ClassVar[int] = 3
    name: str
    database_role: str
    schema: str = ""
    table: str = ""
    user: str = ""
    member: tuple[tuple[str, tuple[str, ...]], ...] = ()


@record
class Tenancy(Fact):
    """Whose the rows of a table are: `column` holds the id of a row of `root_schema.root`."""

    KIND: ClassVar[str] = "tenancy"
    NAMES: ClassVar[int] = 2
    RANK: ClassVar[int] = 3
    schema: str
    table: str
    root_schema: str
    root: str
    column: str


@record
class Example(Fact):
    """A value of a column that its checks take, as SQL; generated tests insert it."""

    KIND: ClassVar[str] = "example"
    NAMES: ClassVar[int] = 3
    RANK: ClassVar[int] = 3
    schema: str
    table: str
    column: str
    value: str


BEHAVIOUR: tuple[type[Fact], ...] = (
    Machine, State, Transition, History, Timeout, Backoff, Legacy, LegacyValue, LegacyBack, Sync, SyncUp, SyncDown,
    Invariant, AccessRule, Role, Tenancy, Example,
)  # fmt: skip

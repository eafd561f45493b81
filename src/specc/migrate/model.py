"""What runs are told and what they tell: options and patience, events, and the errors that end a run."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any

from specc.pg.apply import ApplyError
from specc.record import record


class MigrateError(Exception):
    """A run ends here, and what was done before stays done; the message says why and what to do.

    `file` is the one that failed, "" where none did, and `failure` what the server said of it.
    """

    def __init__(self, message: str, file: str = "", failure: ApplyError | None = None) -> None:
        super().__init__(message)
        self.file = file
        self.failure = failure


class SetupError(MigrateError):
    """Nothing was begun: no connection, no rights, a folder that is not one of migrations, a stamp nobody has."""


class Lossy(MigrateError):  # noqa: N818 - a question to the user rather than an error
    """A way back loses data, and nobody has said that it may."""


@record
class Patience:
    """How long is waited: seconds for a lock on a table, how often a file is tried, seconds for other deployers.

    Between tries lie pauses that double, from `first_pause` to `most_pause` seconds, each cut by up to a half at
    random, so that two who wait do not meet again.
    """

    lock_timeout: float = 3.0
    tries: int = 8
    first_pause: float = 0.5
    most_pause: float = 30.0
    wait: float = 30.0

    def pauses(self) -> Iterator[float]:
        """Yield the seconds between one try and the next, one fewer than there are tries."""
        chance = secrets.SystemRandom()
        for number in range(self.tries - 1):
            yield min(self.most_pause, self.first_pause * 2**number) * chance.uniform(0.5, 1)


@record
class Options:
    """What a user said: how patient, whether data may be lost, whether what comes late is applied; who runs this."""

    patience: Patience
    may_lose: bool = False
    include_all: bool = False
    who: str = ""


@record
class Database:
    """What was connected to."""

    version: str
    name: str
    role: str


@record
class Event:
    """Something happened: `kind` says what, `file` to which file, `text` in words; `count` rows in so many `seconds`.

    Kinds: `checked` (a preflight, `count` is its number), `later` (a preflight that has to wait for an earlier file),
    `connected`, `batch` (rows so far), `planned`, `locks` (what a file does to a relation), `applied`, `undone`, `retry`,
    `waiting` (for another deployer), `mended` (an invalid index was dropped), `warning` (of the server, or of what takes
    long). `data` is what else there is for tools.
    """

    kind: str
    file: str = ""
    text: str = ""
    count: int = 0
    seconds: float = 0.0
    data: Mapping[str, Any] = field(default_factory=dict)

    def as_data(self) -> dict[str, Any]:
        """Return the event for tools, without what it has nothing to say of."""
        values = {"file": self.file, "text": self.text, "count": self.count, "seconds": self.seconds}
        shown = {name: value for name, value in values.items() if value or name == _ALWAYS.get(self.kind)}
        return {"event": self.kind, **shown, **self.data}


_ALWAYS = {"checked": "count", "batch": "count", "applied": "seconds", "undone": "seconds"}

"""The diagnostic: what went in (a code, a span, a sentence) and what every renderer reads.

A `Code` is declared once, beside the rule that reports it; the `explain` page, the JSON output and the
error cases of the test suite all come from that declaration.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from specc.record import record


class Severity(StrEnum):
    """How bad a finding is; only errors stop a build."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A half-open range of character offsets, `start` to `end`, in the file `path`."""

    path: str
    start: int
    end: int


@record
class Label:
    """A second place that belongs to a finding, with a few words on why."""

    span: Span
    text: str


@record
class Cause:
    """What several findings may come from: `about` says what is missing or wrong, outermost name last.

    `near` is a known name that each place may have meant, "" for none; `home` the file in which the cause would
    be mended, if that is known.
    """

    about: tuple[str, ...]
    near: str = ""
    home: str = ""


@record
class Code:
    """A stable kind of finding, with the page that `specc explain` prints about it.

    `wrong` is a project that shows the finding and `right` its mended form; both run as tests. Each is a
    YAML text for one file under `specs/`, or several files, each introduced by a line `# file: PATH`. A finding
    about a change has the project as it was released in `before`.
    """

    id: str
    slug: str
    why: str
    wrong: str
    right: str
    severity: Severity = Severity.ERROR
    before: str = ""

    def at(
        self,
        span: Span,
        message: str,
        *,
        label: str = "",
        related: tuple[Label, ...] = (),
        notes: tuple[str, ...] = (),
        help: str = "",
        covers: Span | None = None,
        cause: Cause | None = None,
    ) -> Diagnostic:
        """Report this finding at `span`; `message` is one sentence, names in backticks, no full stop.

        `covers` is the text around it whose meaning it leaves open, `cause` what other findings may share.
        """
        return Diagnostic(self, span, message, label, related, notes, help, covers, cause)


@record
class Diagnostic:
    """One finding at one place."""

    code: Code
    span: Span
    message: str
    label: str = ""
    related: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()
    help: str = ""
    covers: Span | None = None
    cause: Cause | None = None

    @property
    def is_error(self) -> bool:
        """Whether this finding stops a build."""
        return self.code.severity is Severity.ERROR


@dataclass
class Sink:
    """Collects the findings of one run; reading it gives them once each, those of earlier stages first.

    Of one stage they come in the order of the text.
    """

    _found: dict[tuple[Span, str, str], tuple[int, Diagnostic]] = field(default_factory=dict)
    _settled: dict[str, list[Span]] = field(default_factory=dict)
    _stage: int = 0

    def settle(self) -> None:
        """Let the findings so far speak for their places: what later steps find there is an echo."""
        self._settled = {}
        for _, found in self._found.values():
            area = found.covers or found.span
            self._settled.setdefault(area.path, []).append(area)

    def advance(self) -> None:
        """Begin the next stage: what it finds may follow from the findings so far, and comes behind them."""
        self.settle()
        self._stage += 1

    def add(self, found: Diagnostic) -> None:
        """Keep one finding; the same code with the same words at the same place counts once."""
        areas = self._settled.get(found.span.path, ())
        if not any(area.start <= found.span.start <= found.span.end <= area.end for area in areas):
            self._found.setdefault((found.span, found.code.id, found.message), (self._stage, found))

    def replace(self, found: Iterable[Diagnostic]) -> None:
        """Put other findings in the place of those so far, in the order given."""
        self._found = {(one.span, one.code.id, one.message): (at, one) for at, one in enumerate(found)}

    def extend(self, found: Iterable[Diagnostic]) -> None:
        """Keep several findings."""
        for one in found:
            self.add(one)

    def __iter__(self) -> Iterator[Diagnostic]:
        return iter([found for _, found in sorted(self._found.values(), key=_order)])

    def __len__(self) -> int:
        return len(self._found)

    @property
    def has_errors(self) -> bool:
        """Whether any finding stops a build."""
        return any(found.is_error for _, found in self._found.values())


def _order(staged: tuple[int, Diagnostic]) -> tuple[int, Span, str, str]:
    stage, found = staged
    return stage, found.span, found.code.id, found.message

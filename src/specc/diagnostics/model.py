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
    ) -> Diagnostic:
        """Report this finding at `span`; `message` is one sentence, names in backticks, no full stop."""
        return Diagnostic(self, span, message, label, related, notes, help)


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

    @property
    def is_error(self) -> bool:
        """Whether this finding stops a build."""
        return self.code.severity is Severity.ERROR


@dataclass
class Sink:
    """Collects the findings of one run; reading it gives them once each, in the order of the text."""

    _found: dict[tuple[Span, str, str], Diagnostic] = field(default_factory=dict)
    _settled: set[Span] = field(default_factory=set)

    def settle(self) -> None:
        """Let the findings so far speak for their places: what later stages find there is an echo."""
        self._settled = {found.span for found in self._found.values()}

    def add(self, found: Diagnostic) -> None:
        """Keep one finding; the same code with the same words at the same place counts once."""
        if found.span in self._settled:
            return
        self._found.setdefault((found.span, found.code.id, found.message), found)

    def extend(self, found: Iterable[Diagnostic]) -> None:
        """Keep several findings."""
        for one in found:
            self.add(one)

    def __iter__(self) -> Iterator[Diagnostic]:
        return iter([self._found[key] for key in sorted(self._found)])

    def __len__(self) -> int:
        return len(self._found)

    @property
    def has_errors(self) -> bool:
        """Whether any finding stops a build."""
        return any(found.is_error for found in self._found.values())

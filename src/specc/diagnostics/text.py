"""The report for people: each finding with its place drawn, why, and how to mend it.

Comes in findings and the sources they are about, goes out one text. Nothing of a source, a path or a
message reaches the text as a control character. Never looks at a stream: the caller decides on colour.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from specc.diagnostics.cells import printable, printable_lines
from specc.diagnostics.color import SEVERITY_STYLES, Paint, Style, painter, wants_color
from specc.diagnostics.model import Diagnostic, Severity
from specc.diagnostics.snippet import snippet_lines
from specc.diagnostics.source import SourceFile

__all__ = ["MOST_OF_ONE_CODE", "render_text", "summary", "wants_color"]

MOST_OF_ONE_CODE = 20
"""Findings of one code in one file that are printed; the rest are counted."""


def render_text(
    diagnostics: Iterable[Diagnostic], sources: Mapping[str, SourceFile], *, color: bool = False
) -> str:
    """Print findings in the order given, file by file; `sources` are the texts by path.

    Of more than `MOST_OF_ONE_CODE` findings of one code in one file the rest become one line.
    """
    paint = painter(color=color)
    by_path: dict[str, list[Diagnostic]] = {}
    for found in diagnostics:
        by_path.setdefault(found.span.path, []).append(found)
    parts = [part for path, group in by_path.items() for part in _file_parts(path, group, sources, paint)]
    return "\n".join(parts)


def summary(diagnostics: Iterable[Diagnostic], files: int) -> str:
    """Count findings by severity, as in `3 errors, 1 warning in 12 files`; no line ending."""
    counts = Counter(found.code.severity for found in diagnostics)
    parts = [
        _count(counts[Severity.ERROR], "error"),
        _count(counts[Severity.WARNING], "warning"),
        f"{counts[Severity.INFO]} info" if counts[Severity.INFO] else "",
    ]
    return f"{', '.join(filter(None, parts)) or 'no problems'} in {_count(files, 'file') or '0 files'}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}" if number else ""


def _file_parts(
    path: str, group: list[Diagnostic], sources: Mapping[str, SourceFile], paint: Paint
) -> Iterator[str]:
    """Print the findings of one file, then what was cut."""
    seen: Counter[str] = Counter()
    for found in group:
        seen[found.code.id] += 1
        if seen[found.code.id] <= MOST_OF_ONE_CODE:
            yield "\n".join([*_finding_lines(found, sources, paint), ""])
    where = f" in {printable(path)}" if path else ""
    for code, count in seen.items():
        if count > MOST_OF_ONE_CODE:
            yield f"and {count - MOST_OF_ONE_CODE} more {code}{where}\n"


def _finding_lines(found: Diagnostic, sources: Mapping[str, SourceFile], paint: Paint) -> Iterator[str]:
    code = found.code
    head = paint(f"{code.severity}[{code.id}]", SEVERITY_STYLES[code.severity])
    yield f"{head} {paint(f'{code.slug}: {printable(found.message)}', Style.STRONG)}"
    yield from snippet_lines(found, sources, paint)
    for note in found.notes:
        yield from _remark("note", note, Style.STRONG, paint)
    if found.help:
        yield from _remark("help", found.help, Style.HELP, paint)
    yield f"{paint('explain:', Style.STRONG)} specc explain {code.id}"


def _remark(word: str, text: str, style: Style, paint: Paint) -> Iterator[str]:
    """Print a note or the help; it may have several lines, which stay below each other."""
    first, *rest = printable_lines(text)
    yield f"{paint(f'{word}:', style)} {first}"
    for line in rest:
        yield f"{' ' * (len(word) + 2)}{line}".rstrip()

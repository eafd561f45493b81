"""The part of a source text that a finding is about, with its marks: the middle of a text report.

Comes in a diagnostic and the sources, goes out lines. A place whose source is unknown is named without
its text. Never shows more than a few lines of a span, or more of a line than fits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

from specc.diagnostics.cells import ELLIPSIS, lay_out, printable, visible_range
from specc.diagnostics.color import SEVERITY_STYLES, Paint, Style
from specc.diagnostics.model import Diagnostic, Label, Span
from specc.diagnostics.source import SourceFile
from specc.record import record

NEAR_LINES = 6
"""Labels at most this many lines apart share a block."""

_WHOLE_SPAN_LINES = 4
_HIDDEN_WORTH_A_LINE = 2


@record
class Mark:
    """What is underlined on one line: characters `start` to `end` of line `line` (from 1)."""

    line: int
    start: int
    end: int
    text: str
    primary: bool


@record
class Block:
    """Neighbouring lines of one file; without a source there are no marks, and `text` says what for."""

    path: str
    place: str
    marks: tuple[Mark, ...]
    text: str = ""


def snippet_lines(found: Diagnostic, sources: Mapping[str, SourceFile], paint: Paint) -> list[str]:
    """Draw the places of one finding: the primary block after `-->`, each further one after `:::`."""
    blocks = _blocks(found, sources)
    numbers = [mark.line for block in blocks for mark in block.marks]
    pad = len(str(max(numbers))) if numbers else 1
    lines: list[str] = []
    for block in blocks:
        lines += [_bar(pad, paint)] if lines and numbers else []
        arrow = ":::" if lines or block.text or not found.span.path else "-->"
        words = f": {printable(block.text)}" if block.text else ""
        lines.append(f"{' ' * pad}{paint(arrow, Style.GUTTER)} {printable(block.path)}{block.place}{words}")
        if block.marks:
            lines += _block_lines(
                block, sources[block.path], pad, SEVERITY_STYLES[found.code.severity], paint
            )
    return [*lines, _bar(pad, paint)] if numbers else lines


def _bar(pad: int, paint: Paint) -> str:
    return " " * pad + " " + paint("|", Style.GUTTER)


def _blocks(found: Diagnostic, sources: Mapping[str, SourceFile]) -> list[Block]:
    """Sort the primary span and the labels into blocks of neighbouring lines."""
    primary = _marks(sources.get(found.span.path), found.span, found.label, primary=True)
    groups: list[tuple[str, list[Mark]]] = [(found.span.path, primary)] if found.span.path else []
    bare = []
    for label in sorted(found.related, key=lambda one: _order(one, found.span.path)):
        marks = _marks(sources.get(label.span.path), label.span, label.text, primary=False)
        if not marks:
            bare.append(Block(label.span.path, "", (), label.text))
            continue
        near = (held for path, held in groups if path == label.span.path and _are_near(held, marks))
        if (held := next(near, None)) is None:
            groups.append((label.span.path, marks))
        else:
            held += marks
    return [_block(path, marks) for path, marks in groups] + bare


def _order(label: Label, path: str) -> tuple[bool, Span]:
    return label.span.path != path, label.span


def _block(path: str, marks: list[Mark]) -> Block:
    place = f":{marks[0].line}:{marks[0].start + 1}" if marks else ""
    return Block(path, place, tuple(marks))


def _are_near(held: Iterable[Mark], marks: Iterable[Mark]) -> bool:
    lines = [mark.line for mark in marks]
    return any(abs(one.line - line) <= NEAR_LINES for one in held for line in lines)


def _marks(source: SourceFile | None, span: Span, text: str, *, primary: bool) -> list[Mark]:
    """Return the marks of one span, first line first: none without a source, one on most lines."""
    if source is None:
        return []
    first, column = source.position(span.start)
    last, end_column = source.position(max(span.start, span.end))
    head = source.line(first)
    at = min(column - 1, len(head))
    if first == last:
        return [Mark(first, at, max(min(end_column - 1, len(head)), at), text, primary)]
    marks = [Mark(first, at, max(len(head.rstrip()), at), text, primary)]
    for number in _shown_lines(first, last):
        line = source.line(number)[: end_column - 1 if number == last else None]
        if line.strip():
            indent = len(line) - len(line.lstrip())
            marks.append(Mark(number, indent, len(line.rstrip()), "", primary))
    return marks


def _shown_lines(first: int, last: int) -> Iterable[int]:
    """Return the lines of a span to show after its first: all if they are few, else the next and the last."""
    return range(first + 1, last + 1) if last - first < _WHOLE_SPAN_LINES else (first + 1, last)


def _block_lines(block: Block, source: SourceFile, pad: int, style: Style, paint: Paint) -> Iterator[str]:
    yield _bar(pad, paint)
    numbers = sorted({mark.line for mark in block.marks})
    for number, following in pairwise([*numbers, numbers[-1]]):
        marks = [mark for mark in block.marks if mark.line == number]
        yield from _marked_lines(source.line(number), marks, pad, style, paint)
        if following - number - 1 > _HIDDEN_WORTH_A_LINE:
            yield paint(ELLIPSIS, Style.GUTTER)
            continue
        for between in range(number + 1, following):
            line = source.line(between)
            yield _source_line(line, visible_range(line, 0), f"{between:>{pad}}", paint)


def _marked_lines(line: str, marks: list[Mark], pad: int, style: Style, paint: Paint) -> Iterator[str]:
    """Print one line with a row below it for each mark; again, when a mark lies out of the window."""
    pending = sorted(marks, key=lambda mark: (not mark.primary, mark.start, mark.end))
    while pending:
        first, last = shown = visible_range(line, pending[0].start)
        inside = [mark for mark in pending if mark is pending[0] or first <= mark.start < last]
        yield _source_line(line, shown, f"{inside[0].line:>{pad}}", paint)
        for mark in inside:
            yield f"{_bar(pad, paint)} {_underline(line, shown, mark, style, paint)}"
        pending = [mark for mark in pending if mark not in inside]


def _source_line(line: str, shown: tuple[int, int], number: str, paint: Paint) -> str:
    first, last = shown
    before, after = ELLIPSIS if first else "", ELLIPSIS if last < len(line) else ""
    text = before + lay_out(line[first:last]).text + after
    return paint(f"{number} |", Style.GUTTER) + (f" {text}" if text else "")


def _underline(line: str, shown: tuple[int, int], mark: Mark, style: Style, paint: Paint) -> str:
    first, last = shown
    start, end = lay_out(line[first:last]).cells(mark.start - first, min(mark.end, last) - first)
    indent = " " * (start + (len(ELLIPSIS) if first else 0))
    drawn = ("^" if mark.primary else "-") * (end - start)
    label = f" {printable(mark.text)}" if mark.text else ""
    return indent + paint(drawn + label, style if mark.primary else Style.GUTTER)

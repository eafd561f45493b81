"""The report formats by name: the one for people, and those for editors, scripts and pipelines.

Each format is a function from findings and sources to one text. None cuts a finding but the one for
people, and none prints.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Protocol

from specc.diagnostics.cells import printable
from specc.diagnostics.color import SEVERITY_STYLES, painter
from specc.diagnostics.model import Diagnostic, Label, Span
from specc.diagnostics.source import SourceFile
from specc.diagnostics.text import render_text

Json = dict[str, object]


class Renderer(Protocol):
    """A report format: findings in the order given, `sources` by path; colour where the format has any."""

    def __call__(
        self, diagnostics: Iterable[Diagnostic], sources: Mapping[str, SourceFile], *, color: bool = False
    ) -> str:
        """Return the whole report, with a line ending at its end unless it is empty."""


def render_concise(
    diagnostics: Iterable[Diagnostic], sources: Mapping[str, SourceFile], *, color: bool = False
) -> str:
    """Print one line per finding, `file:line:col: CODE message`; control characters are escaped.

    A finding whose source is unknown has no line and column, one about no file has no place at all.
    """
    paint = painter(color=color)
    return "".join(
        f"{_concise_place(found.span, sources)}"
        f"{paint(found.code.id, SEVERITY_STYLES[found.code.severity])} {printable(found.message)}\n"
        for found in diagnostics
    )


def _concise_place(span: Span, sources: Mapping[str, SourceFile]) -> str:
    if not span.path:
        return ""
    source = sources.get(span.path)
    place = "".join(f":{number}" for number in source.position(span.start)) if source else ""
    return f"{printable(span.path)}{place}: "


def render_json(
    diagnostics: Iterable[Diagnostic],
    sources: Mapping[str, SourceFile],
    *,
    color: bool = False,  # noqa: ARG001 - has the shape of Renderer
) -> str:
    """Print a JSON array of findings, ASCII only, keys always the same and in the same order.

    Lines and columns count from 1, columns in characters; `end_column` is the one after the last
    character. Where the source is unknown they are null.
    """
    found = [_json_finding(one, sources) for one in diagnostics]
    return json.dumps(found, indent=2) + "\n"


def _json_finding(found: Diagnostic, sources: Mapping[str, SourceFile]) -> Json:
    return {
        "code": found.code.id,
        "slug": found.code.slug,
        "severity": found.code.severity.value,
        "message": found.message,
        **_json_place(found.span, sources),
        "label": found.label,
        "related": [_json_label(label, sources) for label in found.related],
        "notes": list(found.notes),
        "help": found.help,
    }


def _json_label(label: Label, sources: Mapping[str, SourceFile]) -> Json:
    return {**_json_place(label.span, sources), "label": label.text}


def _json_place(span: Span, sources: Mapping[str, SourceFile]) -> Json:
    source = sources.get(span.path)
    line, column = source.position(span.start) if source else (None, None)
    end_line, end_column = source.position(span.end) if source else (None, None)
    return {
        "path": span.path,
        "line": line,
        "column": column,
        "end_line": end_line,
        "end_column": end_column,
    }


RENDERERS: Mapping[str, Renderer] = MappingProxyType(
    {"text": render_text, "concise": render_concise, "json": render_json}
)
"""What `--format` takes."""

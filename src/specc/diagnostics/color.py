"""ANSI colour for reports: which streams get it, and the few styles that are used.

Comes in a text and a style, goes out the text, wrapped in escape sequences or as it was. Never measures
text: widths are computed before anything is painted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Literal, Protocol

from specc.diagnostics.model import Severity

ColorOption = Literal["auto", "always", "never"]


class Style(StrEnum):
    """The parameters of an SGR escape sequence (ECMA-48, section 8.3.117)."""

    ERROR = "1;31"
    WARNING = "1;33"
    INFO = "1;36"
    GUTTER = "1;34"
    HELP = "1;32"
    STRONG = "1"


SEVERITY_STYLES = {Severity.ERROR: Style.ERROR, Severity.WARNING: Style.WARNING, Severity.INFO: Style.INFO}

Paint = Callable[[str, Style], str]


def _plain(text: str, style: Style) -> str:  # noqa: ARG001 - has the shape of Paint
    return text


def _ansi(text: str, style: Style) -> str:
    return f"\x1b[{style}m{text}\x1b[0m" if text else ""


def painter(*, color: bool) -> Paint:
    """Return the function that paints a text, or the one that leaves it alone."""
    return _ansi if color else _plain


class Stream(Protocol):
    """What of an output stream decides about colour."""

    def isatty(self) -> bool:
        """Whether a person is likely to be reading."""


def wants_color(stream: Stream, environ: Mapping[str, str], option: ColorOption = "auto") -> bool:
    """Decide about colour: the option, then NO_COLOR (not empty), FORCE_COLOR, TERM=dumb, then a terminal.

    NO_COLOR as on https://no-color.org; FORCE_COLOR counts when it is neither empty nor `0`.
    """
    if option != "auto":
        return option == "always"
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return environ.get("TERM") != "dumb" and stream.isatty()

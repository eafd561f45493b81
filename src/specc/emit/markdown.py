"""Texts in, Markdown (GitHub-flavoured) out that shows them as they are, wherever on a line they land.

What specs say is data here: none of it becomes markup, a link, a template tag or a control character.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import quote

from specc.diagnostics.cells import printable

_ESCAPED = r"\\\g<0>"
_SPACE = re.compile(r"\s+")
_SPECIAL = re.compile(
    r"""[\\`*\[\]<~|$]
    | (?<![^\W_])_ | _(?![^\W_])        # not within a word: there it is no emphasis, and names stay legible
    | &(?=[#A-Za-z]|$)                 # a character reference
    | !(?=\[|$)                        # an image
    | (?<=\{)[{%#]                     # a tag of the template engines that build sites
    | :(?=//) | (?<=\b[wW]{3})\.       # an address, which GitHub links without being asked
    """,
    re.VERBOSE,
)
_ORDERED = re.compile(r"\d{1,9}[.)]")
_LAST = re.compile(r"(#+)$")
_NO_LANGUAGE = re.compile(r"[^\w+-]")


_KEPT = 1 << 16
"""How many texts are kept as Markdown: names and words return on page after page."""


def flat(text: str) -> str:
    """Return a text on one line, each run of white space one space, control characters visible."""
    if text.isprintable() and "  " not in text:
        return text
    return printable(_SPACE.sub(" ", text))


@lru_cache(maxsize=_KEPT)
def plain(text: str) -> str:
    """Return a text that reads the same after Markdown as before, for within a line."""
    return _SPECIAL.sub(_ESCAPED, flat(text))


@lru_cache(maxsize=_KEPT)
def mono(text: str, in_table: bool = False) -> str:
    """Return a text in the fixed font: a code span fenced by more backticks than it holds in a row.

    In a table every `|` is escaped, in code too (GFM specification, 4.10).
    """
    text = flat(text).strip()
    if not text:
        return ""
    fence = "`" * (longest_run(text, "`") + 1)
    pad = " " if text[0] == "`" or text[-1] == "`" else ""
    inside = text.replace("|", r"\|") if in_table else text
    return fence + pad + inside + pad + fence


def longest_run(text: str, char: str) -> int:
    """Return the length of the longest run of one character."""
    if char not in text:
        return 0
    return max(len(run) for run in re.findall(f"{re.escape(char)}+", text))


@lru_cache(maxsize=_KEPT)
def link(label: str, path: str, anchor: str = "") -> str:
    """Return a link; `label` is Markdown already, `path` and `anchor` are not encoded yet."""
    fragment = f"#{quote(anchor)}" if anchor else ""
    return f"[{label}]({quote(path, safe='/._-')}{fragment})"


@lru_cache(maxsize=_KEPT)
def anchor_of(heading: str) -> str:
    """Return the anchor that GitHub gives a heading: small letters, hyphens for spaces, no punctuation."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def line_start(line: str) -> str:
    """Return a line of Markdown that begins no list, heading or rule where it begins a block."""
    line = line.strip()
    if ordered := _ORDERED.match(line):
        return f"{line[: ordered.end() - 1]}\\{line[ordered.end() - 1 :]}"
    return f"\\{line}" if line.startswith(("-", "+", "=", ">", "#")) else line


@lru_cache(maxsize=_KEPT)
def heading(text: str, level: int) -> str:
    """Return a heading of level 1 to 6; a text that ends in `#` keeps it."""
    return f"{'#' * min(max(level, 1), 6)} {_LAST.sub(_ESCAPED, plain(text).strip())}"


def fenced(language: str, text: str) -> str:
    """Return a block of code, fenced by more backticks than it holds in a row; tabs stay."""
    lines = [_code_line(line) for line in text.rstrip().splitlines()]
    fence = "`" * max(3, longest_run(text, "`") + 1)
    return "\n".join([fence + _NO_LANGUAGE.sub("", language), *lines, fence])


def _code_line(line: str) -> str:
    line = line.rstrip()
    return line if line.isprintable() else "\t".join(map(printable, line.split("\t")))

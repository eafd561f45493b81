"""The page about one code, and the table of all of them: what `specc explain` prints.

Comes in codes as their rules declare them, goes out text. Never finds a code by its name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from textwrap import dedent, indent, wrap

from specc.diagnostics.color import SEVERITY_STYLES, Style, painter
from specc.diagnostics.model import Code

PAGE_WIDTH = 88


def render_code(code: Code, *, color: bool = False) -> str:
    """Print the page about one code: its title, why it is reported, a wrong example and its mended form."""
    paint = painter(color=color)
    title = (
        f"{paint(code.id, SEVERITY_STYLES[code.severity])} {paint(code.slug, Style.STRONG)} ({code.severity})"
    )
    parts = [title, *_paragraphs(code.why)]
    for heading, example, style in (
        ("Released", code.before, Style.STRONG),
        ("Wrong", code.wrong, Style.ERROR),
        ("Right", code.right, Style.HELP),
    ):
        if example.strip():
            parts += [paint(f"{heading}:", style), indent(dedent(example).strip("\n"), "    ")]
    return "\n\n".join(parts) + "\n"


def render_code_list(codes: Iterable[Code], *, color: bool = False) -> str:
    """Print one line per code, by id: id, severity and slug."""
    paint = painter(color=color)
    return "".join(
        f"{paint(code.id, SEVERITY_STYLES[code.severity])}  {code.severity:<7}  {code.slug}\n"
        for code in sorted(codes, key=lambda code: code.id)
    )


def _paragraphs(text: str) -> Iterator[str]:
    """Fill each paragraph to the width of the page; indented ones and lists are left as they stand."""
    for paragraph in dedent(text).strip("\n").split("\n\n"):
        if any(line.startswith((" ", "- ", "* ")) for line in paragraph.splitlines()):
            yield paragraph.rstrip()
        elif paragraph.strip():
            yield "\n".join(
                wrap(" ".join(paragraph.split()), PAGE_WIDTH, break_long_words=False, break_on_hyphens=False)
            )

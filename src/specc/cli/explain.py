"""`specc explain`: the page about one code, or the list of all of them."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Literal

import click

from specc.cli.project import color_option, fail, format_option
from specc.cli.streams import out

if TYPE_CHECKING:
    from specc.diagnostics import Code


@click.command("explain")
@click.argument("code", required=False)
@format_option
@color_option
def command(code: str | None, format_: str, color: Literal["auto", "always", "never"]) -> int:
    """Explain a code (S301 or unreachable-state), or list all.

    The page says why it is reported, with a wrong example and its mended form.
    """
    from specc.diagnostics.color import wants_color
    from specc.diagnostics.explain import render_code, render_code_list
    from specc.driver import CODES

    codes = CODES if code is None else (_find(code, CODES),)
    colored = wants_color(sys.stdout, os.environ, color)
    if format_ == "json":
        pages = [_page(one) for one in codes]
        out(json.dumps(pages if code is None else pages[0], indent=2) + "\n")
    elif code is None or format_ == "concise":
        out(render_code_list(codes, color=colored))
    else:
        out(render_code(codes[0], color=colored))
    return 0


def _find(word: str, codes: tuple[Code, ...]) -> Code:
    from specc.diagnostics.suggest import suggest

    known = {name: code for code in codes for name in (code.id.casefold(), code.slug)}
    if word.casefold() not in known:
        fail(f"no code `{word}`; {suggest(word.casefold(), known) or '`specc explain` lists all'}")
    return known[word.casefold()]


def _page(code: Code) -> dict[str, str]:
    return {
        "code": code.id,
        "slug": code.slug,
        "severity": code.severity.value,
        "why": code.why,
        **({"before": code.before} if code.before else {}),
        "wrong": code.wrong,
        "right": code.right,
    }

"""Function bodies from templates. Names and values reach a template only through the filters `ident` and `lit`."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from specc.pg.names import ident, lit, qualified


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - SQL, not HTML; a test forbids output without a filter
    )
    environment.filters.update(ident=ident, lit=lit, lits=_lits, sql=_sql, qualified=_qualified)
    return environment


def _lits(values: Iterable[str]) -> str:
    return ", ".join(lit(value) for value in values)


def _qualified(place: tuple[str, str]) -> str:
    return qualified(*place)


def _sql(text: str) -> str:
    """Pass on a text that is SQL already: an expression that pglast has read."""
    return text


@cache
def _template(name: str) -> Template:
    return _environment().get_template(f"{name}.j2")


def render(name: str, **values: object) -> str:
    """Return the body that the template `name` makes, without line breaks around it, one before and after."""
    return "\n" + _template(name).render(**values).strip("\n") + "\n"

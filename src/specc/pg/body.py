"""Function bodies from templates. Names and values reach a template only through the filters `ident` and `lit`.

A body is made when its text is asked for, which checking a project never does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from specc.ir.database import Text
from specc.pg.names import ident, lit, qualified

if TYPE_CHECKING:
    from jinja2 import Environment, Template


PINNED = (("search_path", "''"),)
"""What every function that we make is set to: names in its body mean what they meant when it was made."""


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    from specc.pg.compiled import Compiled

    folder = Path(__file__).parent / "templates"
    environment = Environment(
        loader=FileSystemLoader(folder),
        bytecode_cache=Compiled(folder),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,  # nobody edits a template while a process runs
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


@dataclass(frozen=True, eq=False)
class Body(Text):
    """The body that a template makes of values."""

    template: str
    values: Mapping[str, object]

    @cached_property
    def _text(self) -> str:
        return "\n" + _template(self.template).render(self.values).strip("\n") + "\n"

    def __str__(self) -> str:
        return self._text

    def __eq__(self, other: object) -> bool:
        return str(self) == str(other) if isinstance(other, str | Text) else NotImplemented

    def __hash__(self) -> int:
        return hash(str(self))


def render(name: str, **values: object) -> Body:
    """Return the body that the template `name` makes, with one line break before and after it."""
    return Body(name, values)

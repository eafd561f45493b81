"""The dashboard's pages: records in, HTML out, every value escaped. No script and no style is in a page."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from specc.dashboard.spark import HEIGHT, WIDTH, bars
from specc.pg.words import age, size

if TYPE_CHECKING:
    from jinja2 import Environment

FOLDER = Path(__file__).parent / "templates"


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "age": age,
        "size": size,
        "number": lambda value: f"{value:,}",
        "ms": lambda value: f"{value:,.1f}",
        "moment": _moment,
        "spark": bars,
    }
    made.globals |= {"WIDTH": WIDTH, "HEIGHT": HEIGHT}
    return made


def _moment(value: datetime | str | None) -> str:
    """Return a moment in UTC, to the second; JSON gives it as a text."""
    if not value:
        return ""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def page(name: str, **values: Any) -> str:
    """Return the page that a template makes of values."""
    return _environment().get_template(f"{name}.html").render(values)


def asset(name: str) -> bytes:
    """Return a file that pages refer to."""
    return (FOLDER / name).read_bytes()

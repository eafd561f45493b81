"""The functions that every supported PostgreSQL has, by name: how many arguments, how stable, of which kind.

Read from `functions.txt`, which holds what the catalogue (`pg_proc`) of PostgreSQL 15 and of 18 both have.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from specc.record import record


@record
class BuiltIn:
    """All functions of one name; `most` is `ANY_NUMBER` for a variadic one."""

    least: int
    most: int
    volatilities: str
    kinds: str

    @property
    def is_immutable(self) -> bool:
        """Whether one of them is: which one is called depends on the types of the arguments."""
        return "i" in self.volatilities

    @property
    def is_aggregate(self) -> bool:
        """Whether it gathers rows (`a`) or looks at rows around (`w`) and has no plain form."""
        return "f" not in self.kinds


ANY_NUMBER = 100


@cache
def built_in_functions() -> Mapping[str, BuiltIn]:
    """Return PostgreSQL's own functions by name."""
    lines = Path(__file__).with_name("functions.txt").read_text(encoding="utf-8").splitlines()
    rows = (line.split() for line in lines if not line.startswith("#"))
    return {
        name: BuiltIn(int(least), int(most), volatilities, kinds)
        for name, least, most, volatilities, kinds in rows
    }

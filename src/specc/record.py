"""How the compiler's small values are defined: as records, which are dataclasses that a process is quick to define.

There are some 150 of them, defined anew by every process: with what `dataclass(frozen=True, slots=True)` writes and
compiles for each, a fifth of the time of a check went there.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(kind: type[T]) -> type[T]:
    """Return a class as a dataclass with slots, whose objects are compared and hashed by their fields, those with
    `compare=False` left out.

    `fields`, `replace` and patterns know it. It is frozen to the type checker; nothing stops it at run time.
    """
    made: Any = dataclass(repr=False, eq=False, slots=True)(kind)
    names = tuple(one.name for one in fields(made))
    values = _getter(tuple(one.name for one in fields(made) if one.compare))

    def __eq__(one: object, other: object) -> bool:  # noqa: N807 - becomes a method
        return values(one) == values(other) if one.__class__ is other.__class__ else NotImplemented

    def __hash__(one: object) -> int:  # noqa: N807
        return hash(values(one))

    def __repr__(one: object) -> str:  # noqa: N807
        shown = ", ".join(f"{name}={getattr(one, name)!r}" for name in names)
        return f"{type(one).__qualname__}({shown})"

    for method in (__eq__, __hash__, __repr__):
        setattr(made, method.__name__, method)
    result: type[T] = made
    return result


def _getter(names: tuple[str, ...]) -> Callable[[object], tuple[Any, ...]]:
    """Return what gets the values of fields, as fast as can be for several."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda one: tuple(getattr(one, name) for name in names)

"""Records are what frozen dataclasses are, as far as the compiler uses them."""

from dataclasses import dataclass, field, fields, replace

import pytest

from specc.record import record


@record
class Point:
    x: int
    y: int = 0
    note: str = field(default="", compare=False)


@record
class Other:
    x: int
    y: int = 0


@record
class Single:
    x: int


@record
class Empty:
    pass


@dataclass(frozen=True, slots=True)
class Model:
    x: int
    y: int = 0
    note: str = field(default="", compare=False)


@pytest.mark.parametrize(
    ("one", "other"),
    [((1,), (1,)), ((1, 2), (1, 2)), ((1, 2), (2, 1)), ((1, 2, "a"), (1, 2, "b")), ((1,), (1, 1))],
)
def test_records_are_equal_when_dataclasses_are(
    one: tuple[int, int, str], other: tuple[int, int, str]
) -> None:
    assert (Point(*one) == Point(*other)) is (Model(*one) == Model(*other))
    if Point(*one) == Point(*other):
        assert hash(Point(*one)) == hash(Point(*other))


def test_records_of_different_classes_differ() -> None:
    assert Point(1) != Other(1)
    assert Point(1) != (1, 0)
    assert Single(1) == Single(1) != Single(2)
    assert Empty() == Empty()
    assert len({Empty(), Empty(), Single(1), Single(1), Other(1)}) == 3


def test_records_are_dataclasses_with_slots() -> None:
    assert [one.name for one in fields(Point)] == ["x", "y", "note"]
    assert replace(Point(1, 2), y=3) == Point(1, 3)
    assert repr(Point(1, note="a")) == "Point(x=1, y=0, note='a')"
    assert not hasattr(Point(1), "__dict__")
    match Point(1, 2):
        case Point(x, y):
            assert (x, y) == (1, 2)

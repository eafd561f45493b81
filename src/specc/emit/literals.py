"""Values of PostgreSQL's types for sample rows: the text of a type and a number in, a literal out.

Different numbers give different values wherever the type has that many, so that keys do not clash.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from functools import lru_cache

from specc.pg.names import lit
from specc.pg.parsing import REMEMBERED, parse_inside
from specc.pg.tree import Node, named, texts
from specc.record import record

_START = date(2020, 1, 1)
_INTERVALS = ((4, "years"), (2, "months"), (8, "days"), (1024, "hours"), (2048, "minutes"), (4096, "seconds"))
"""Bits of an interval's first modifier, and the field that each lets through (`INTERVAL_MASK`)."""


@record
class TypeText:
    """A type as written: schema ("" where none stands), name as the catalogue has it, modifiers, array or not."""

    schema: str
    name: str
    modifiers: tuple[int, ...]
    is_array: bool
    text: str


@lru_cache(maxsize=REMEMBERED)
def read(text: str) -> TypeText:
    """Read the text of a type that has been checked. Raises `SqlError` otherwise."""
    _, query = named(parse_inside("select cast(null as ", text, ")"))
    _, target = named(query["targetList"][0])
    _, cast = named(target["val"])
    node = cast["typeName"]
    names = texts(node["names"])
    modifiers = tuple(_integer(one) for one in node.get("typmods", ()))
    schema = "" if len(names) == 1 or names[0] == "pg_catalog" else names[0]
    return TypeText(schema, names[-1], modifiers, "arrayBounds" in node, text)


def _integer(node: Node) -> int:
    """Return a modifier; only `-` and digits can stand there."""
    _, constant = named(node)
    return int(constant.get("ival", {}).get("ival", 0))


def literal(type_text: TypeText, number: int) -> str:
    """Return the value of a built-in type with a number from 1."""
    made = _MAKERS.get(type_text.name, _word)(number, type_text.modifiers)
    return array_of(made) if type_text.is_array else made


def array_of(element: str) -> str:
    """Return an array of one element, given as a literal, without naming its type, which not every role may."""
    text = element.removeprefix("B")
    if text.startswith("E'"):
        text = text.removeprefix("E").replace("\\\\", "\\")
    if text.startswith("'"):
        text = text[1:-1].replace("''", "'").replace("\\", "\\\\").replace('"', '\\"')
    return lit(f'{{"{text}"}}')


def letters(number: int) -> str:
    """Return a, b, … z, aa, ab, … for numbers from 1."""
    found = ""
    while number:
        number, rest = divmod(number - 1, 26)
        found = chr(ord("a") + rest) + found
    return found


def _word(number: int, modifiers: tuple[int, ...]) -> str:
    most = modifiers[0] if modifiers else 63
    return lit(f"x{letters(number)}"[-most:])


def _single(number: int, _: tuple[int, ...]) -> str:
    return lit(letters(number)[-1])


def _whole(number: int, _: tuple[int, ...]) -> str:
    return str(number)


def _numeric(number: int, modifiers: tuple[int, ...]) -> str:
    if not modifiers:
        return str(number)
    precision, scale = modifiers[0], modifiers[1] if len(modifiers) > 1 else 0
    if 0 <= scale < precision and number < 10 ** (precision - scale):
        return str(number)
    return f"{number % 10**precision}e{-scale}"


def _bit(number: int, modifiers: tuple[int, ...]) -> str:
    size = modifiers[0] if modifiers else 8
    return f"B'{number % 2**size:0{size}b}'"


def _interval(number: int, modifiers: tuple[int, ...]) -> str:
    fields = modifiers[0] if modifiers else 1024
    return lit(f"{number} {next(word for bit, word in reversed(_INTERVALS) if fields & bit)}")


def _day(number: int) -> str:
    return (_START + timedelta(days=number - 1)).isoformat()


def _form(text: str) -> Callable[[int, tuple[int, ...]], str]:
    """Return a maker that puts number, next number, hexadecimal, day and next day into a text."""
    return lambda number, _: lit(
        text.format(n=number, m=number + 1, h=f"{number % 256:02x}", day=_day(number), next=_day(number + 1))
    )


def _fixed(text: str) -> Callable[[int, tuple[int, ...]], str]:
    return lambda *_: text


_RANGES = {
    "int4range": "[{n},{m})", "int8range": "[{n},{m})", "numrange": "[{n},{m})",
    "daterange": "[{day},{next})", "tsrange": "[{day},{next})", "tstzrange": "[{day} 00:00+00,{next} 00:00+00)",
}  # fmt: skip
_MAKERS: Mapping[str, Callable[[int, tuple[int, ...]], str]] = {
    **dict.fromkeys(("int2", "int4", "int8", "float4", "float8"), _whole),
    **dict.fromkeys(("money", "oid", "xid8"), _form("{n}")),
    "numeric": _numeric,
    "bool": _fixed("true"),
    "char": _single,
    "bytea": _form("\\x{h}"),
    "uuid": _form("00000000-0000-4000-8000-{n:012}"),
    "bit": _bit,
    "varbit": _bit,
    "json": _form("{{}}"),
    "jsonb": lambda number, _: "'{}'" if number == 1 else f"'{{\"n\": {number}}}'",
    "jsonpath": _form("$[{n}]"),
    "xml": _form("<x{n}/>"),
    "date": _form("{day}"),
    "timestamp": _form("{day} 00:00:00"),
    "timestamptz": _form("{day} 00:00:00+00"),
    "time": _form("12:00:{n:02}"),
    "timetz": _form("12:00:{n:02}+00"),
    "interval": _interval,
    "inet": _form("127.0.0.{n}"),
    "cidr": _form("10.0.{n}.0/24"),
    "macaddr": _form("08:00:2b:01:02:{h}"),
    "macaddr8": _form("08:00:2b:01:02:03:04:{h}"),
    "point": _form("({n},1)"),
    "line": _form("{{1,2,{n}}}"),
    "lseg": _form("((0,0),(1,{n}))"),
    "box": _form("((0,0),(1,{n}))"),
    "path": _form("((0,0),(1,{n}))"),
    "polygon": _form("((0,0),(1,0),(1,{n}))"),
    "circle": _form("<(0,0),{n}>"),
    "pg_lsn": _form("0/{h}"),
    **{name: _form(text) for name, text in _RANGES.items()},
    **{name.replace("range", "multirange"): _form(f"{{{{{text}}}}}") for name, text in _RANGES.items()},
}

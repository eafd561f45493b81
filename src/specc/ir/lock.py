"""The lock: the IR as text, one fact per line, sorted, so that git merges it line by line."""

from __future__ import annotations

import json
from dataclasses import fields
from functools import cache
from json.encoder import encode_basestring
from operator import itemgetter
from typing import Any

from specc.ir.behaviour import BEHAVIOUR
from specc.ir.database import DATABASE, Text
from specc.ir.fact import Fact, Identity, details
from specc.ir.intent import INTENT
from specc.ir.model import Ir, assemble

VERSION = 1
CLASSES: dict[str, type[Fact]] = {kind.KIND: kind for kind in (*BEHAVIOUR, *DATABASE, *INTENT)}


class LockError(ValueError):
    """The text is no lock that this version of specc can read."""


def dump(ir: Ir) -> str:
    """Return the lock's text: a header line, then a JSON array `[kind, name…, {details}]` for each fact."""
    head = json.dumps({"specc": "lock", "version": VERSION})
    return "\n".join([head, *(_line(fact) for fact in ir.facts)]) + "\n"


def _line(fact: Fact) -> str:
    kind: Any = type(fact)
    said = [(name, getattr(fact, name), default) for name, default in _details(kind)]
    rest = [f'"{name}":{_json(value)}' for name, value, default in said if value != default]
    return f"[{','.join(map(encode_basestring, fact.identity))},{{{','.join(rest)}}}]"


@cache
def _details(kind: Any) -> list[tuple[str, Any]]:
    return sorted(details(kind), key=itemgetter(0))


def _json(value: object) -> str:
    """Return a value of a fact as JSON; `json` takes longer to begin than most of them take."""
    if isinstance(value, str):
        return encode_basestring(value)
    if isinstance(value, tuple):
        return f"[{','.join(map(_json, value))}]"
    if isinstance(value, int):
        return str(value).lower()  # `true` and `false` among them
    if isinstance(value, Text):
        return encode_basestring(str(value))
    raise TypeError(f"{type(value).__name__} is nothing that a fact holds")


def load(text: str) -> Ir:
    """Read a lock's text back. Raises `LockError` with the line where it is no lock."""
    lines = text.removesuffix("\n").split("\n")  # A text may hold what splitlines takes for a line's end.
    try:
        head = json.loads(lines[0])
    except json.JSONDecodeError:
        head = {}
    if not isinstance(head, dict) or head.get("specc") != "lock":
        raise LockError("line 1: this is no specc lock")
    if head.get("version") != VERSION:
        raise LockError(f"line 1: lock version {head.get('version')} is not {VERSION}")
    nowhere: Any = (None, "")
    facts: dict[Identity, Fact] = {}
    for number, line in enumerate(lines[1:], 2):
        fact = _fact(line, number)
        facts.setdefault(fact.identity, fact)
    return assemble(facts, dict.fromkeys(facts, nowhere))


def _fact(line: str, number: int) -> Fact:
    try:
        *identity, rest = json.loads(line)
        kind = CLASSES[identity[0]]
        names = [one.name for one in fields(kind)][: kind.NAMES]
        return kind(**dict(zip(names, identity[1:], strict=True)), **_frozen(rest))
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise LockError(f"line {number}: {error}") from error


def _frozen(value: dict[str, Any]) -> dict[str, Any]:
    return {name: _tuples(one) for name, one in value.items()}


def _tuples(value: Any) -> Any:
    return tuple(_tuples(one) for one in value) if isinstance(value, list) else value

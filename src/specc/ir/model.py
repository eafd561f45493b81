"""The whole IR of a project: facts by identity, with their origins in memory beside them.

`gather` is the way in; it reports two facts that claim one identity instead of choosing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from heapq import heappop, heappush
from types import MappingProxyType
from typing import TypeVar

from specc.diagnostics import Span
from specc.ir.database import Comment, ForeignKey, Function
from specc.ir.fact import Fact, Identity
from specc.ir.namespace import rivals
from specc.record import record

F = TypeVar("F", bound=Fact)
Origin = tuple[Span, str]
"""The place in the specs that a fact comes from, and the name of the file without position."""


@dataclass(frozen=True)
class Ir:
    """Facts by identity, sorted by it; `origins` is never serialised."""

    by_identity: dict[Identity, Fact]
    origins: dict[Identity, Origin]

    @cached_property
    def facts(self) -> tuple[Fact, ...]:
        """All facts in the order of their identities."""
        return tuple(self.by_identity.values())

    @cached_property
    def _by_class(self) -> dict[type[Fact], list[Fact]]:
        found: dict[type[Fact], list[Fact]] = {}
        for fact in self.facts:
            found.setdefault(type(fact), []).append(fact)
        return found

    def all(self, kind: type[F]) -> list[F]:
        """Return all facts of one class in the order of their identities."""
        return self._by_class.get(kind, [])  # type: ignore[return-value]

    @cached_property
    def _by_owner(self) -> dict[tuple[type[Fact], str, str], list[Fact]]:
        found: dict[tuple[type[Fact], str, str], list[Fact]] = {}
        for fact in self.facts:
            table = getattr(fact, "table", None)
            if table is not None:
                found.setdefault((type(fact), getattr(fact, "schema", ""), table), []).append(fact)
        return found

    def of_table(self, kind: type[F], schema: str, table: str) -> list[F]:
        """Return the facts of one class that belong to one table."""
        return self._by_owner.get((kind, schema, table), [])  # type: ignore[return-value]

    @cached_property
    def _by_machine(self) -> dict[tuple[type[Fact], str], list[Fact]]:
        found: dict[tuple[type[Fact], str], list[Fact]] = {}
        for fact in self.facts:
            machine = getattr(fact, "machine", None)
            if machine is not None:
                found.setdefault((type(fact), machine), []).append(fact)
        return found

    def of_machine(self, kind: type[F], machine: str) -> list[F]:
        """Return the facts of one class that belong to one machine."""
        return self._by_machine.get((kind, machine), [])  # type: ignore[return-value]

    @cached_property
    def _by_target(self) -> dict[tuple[str, str], list[ForeignKey]]:
        found: dict[tuple[str, str], list[ForeignKey]] = {}
        for key in self.all(ForeignKey):
            found.setdefault((key.target_schema, key.target_table), []).append(key)
        return found

    def pointing_at(self, schema: str, table: str) -> list[ForeignKey]:
        """Return the foreign keys of all tables that point at one table."""
        return self._by_target.get((schema, table), [])

    def about(self, *target: str) -> str:
        """Return what the catalogue is to say of an object, named as in a fact's identity; "" for nothing."""
        comment = self.by_identity.get(("comment", " ".join(target).rstrip()))
        return comment.text if isinstance(comment, Comment) else ""

    def file_of(self, fact: Fact) -> str:
        """Return the spec file a fact comes from, or "" for what every project has."""
        origin = self.origins.get(fact.identity)
        return origin[1] if origin else ""


@record
class Clash:
    """Two facts with one identity and different content, or with a name that only one of them can bear."""

    identity: Identity
    rival: Identity
    first: Origin
    second: Origin


def gather(found: Iterable[tuple[Fact, Origin]]) -> tuple[Ir, tuple[Clash, ...]]:
    """Put facts together; the same fact stated twice is one, two different ones are a clash."""
    facts: dict[Identity, Fact] = {}
    origins: dict[Identity, Origin] = {}
    clashes: list[Clash] = []
    for fact, origin in found:
        identity = fact.identity
        known = facts.setdefault(identity, fact)
        first = origins.setdefault(identity, origin)
        if known is not fact and known != fact:
            clashes.append(Clash(identity, identity, first, origin))
    ir = assemble(facts, origins)
    clashes += [Clash(mine, other, origins[other], origins[mine]) for other, mine in rivals(ir.by_identity)]
    return ir, tuple(clashes)


def assemble(facts: Mapping[Identity, Fact], origins: dict[Identity, Origin]) -> Ir:
    """Put facts together that are known not to clash, such as those that were once together."""
    return Ir({identity: facts[identity] for identity in sorted(facts)}, origins)


def walk(
    facts: Mapping[Identity, Fact],
    inside: Mapping[Identity, Identity],
    more: Mapping[Identity, Collection[Identity]] = MappingProxyType({}),
) -> Iterator[Fact]:
    """Yield facts so that each comes after what it requires, where that is free by rank, then in the order given.

    `inside` says which facts are made together with another one (a column with its table): they are not
    yielded, and what requires them or what they require counts for the other. `more` are requirements that
    facts have besides their own. Facts whose requirements form a circle come last, in the order given.
    """
    known = [identity for identity in facts if identity not in inside]
    # Numbers instead of identities from here on: they are kept and compared much faster.
    ordered = sorted(known, key=lambda identity: facts[identity].RANK)
    numbers = {identity: number for number, identity in enumerate(ordered)}
    numbers |= {identity: numbers[owner] for identity, owner in inside.items()}
    aliases = _function_aliases(facts.values())
    numbers |= {alias: numbers[named] for alias, named in aliases.items() if alias not in numbers}
    waiting = [0] * len(ordered)
    followers: list[list[int]] = [[] for _ in ordered]
    for identity, fact in facts.items():
        number = numbers[identity]
        for need in (*fact.requires, *more.get(identity, ())):
            before = numbers.get(need, number)
            if before != number:
                waiting[number] += 1
                followers[before].append(number)
    ready = [number for number, count in enumerate(waiting) if not count]
    while ready:
        number = heappop(ready)
        yield facts[ordered[number]]
        for follower in followers[number]:
            waiting[follower] -= 1
            if not waiting[follower]:
                heappush(ready, follower)
    yield from (facts[identity] for identity in known if waiting[numbers[identity]])


def _function_aliases(facts: Iterable[Fact]) -> dict[Identity, Identity]:
    """Map a function named without its signature to the first of that name: text rarely says more."""
    found: dict[Identity, Identity] = {}
    for fact in facts:
        if isinstance(fact, Function):
            found.setdefault(("function", fact.schema, fact.name, ""), fact.identity)
    return found

"""Mutants of a built project, computed from its lock: SQL that breaks one thing that the lock promises.

Facts go in; mutants come out with the generated test files that should notice them. Nothing runs here.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import product

from specc.ir.behaviour import History, Machine, State, Transition
from specc.ir.database import (
    Check,
    Column,
    ForeignKey,
    Function,
    Grant,
    Index,
    Policy,
    PrimaryKey,
    Schema,
    Table,
    Trigger,
    Unique,
    View,
)
from specc.ir.fact import Fact
from specc.ir.model import Ir
from specc.pg import ddl
from specc.pg.names import API_ROLES, ident, lit, qualified

Edge = tuple[str, str]

RECORD = re.compile(r"(insert into [^;]*_state_history[^;]*;)")
"""Where a guard writes history."""
TABLE_PRIVILEGES = ("select", "insert", "update", "delete", "truncate", "references", "trigger")


@dataclass(frozen=True)
class Mutant:
    """What is broken, by which SQL, and the test files that should notice.

    A machine's tests try all states: `narrow` says which, as (from), (to) or (substate), make a difference.
    """

    kind: str
    name: str
    order: str
    files: tuple[str, ...]
    narrow: Mapping[str, str] = field(default_factory=dict)


def mutants(ir: Ir) -> Iterator[Mutant]:
    """Yield all mutants of a project."""
    for make in (_policies, _grants, _extra_grants, _keys, _row_security, _triggers, _helpers):
        yield from make(ir)
    machines = ir.all(Machine)
    most = max(machines, key=lambda machine: machine.attempts)
    for machine in machines:
        yield from Guard(ir, machine).mutants(whole=machine is most)


def _file(fact: Fact) -> tuple[str, ...]:
    schema, table = getattr(fact, "schema", ""), getattr(fact, "table", "") or getattr(fact, "name", "")
    return (f"access_{table if schema == 'public' else f'{schema}.{table}'}.sql",)


def _policies(ir: Ir) -> Iterator[Mutant]:
    for one in ir.all(Policy):
        where = f"{one.schema}.{one.table}"
        name = f"{one.name} on {where}"
        yield Mutant("policy", f"drop policy {name}", ddl.drop(one), _file(one))
        alter = f"alter policy {ident(one.name)} on {qualified(one.schema, one.table)}"
        for clause, condition in (("using", one.using), ("with check", one.check)):
            if condition:
                order = f"{alter} {clause} (true)"
                yield Mutant("policy", f"{name}: {clause} (true)", order, _file(one))


def _grants(ir: Ir) -> Iterator[Mutant]:
    views = _tables_of_views(ir)
    for one in ir.all(Grant):
        files = ("access.sql",) if one.object_kind == "function" else _file(one)
        files = views.get((one.schema, one.name), files)
        yield Mutant("grant", ddl.drop(one), ddl.drop(one), files)
    for schema in ir.all(Schema):
        for role in schema.usage:
            order = f"revoke usage on schema {ident(schema.name)} from {ident(role)}"
            yield Mutant("grant", order, order, ("access.sql",))


def _tables_of_views(ir: Ir) -> dict[tuple[str, str], tuple[str, ...]]:
    """Return the test files of each view, which are those of the tables it reads."""
    return {
        (view.schema, view.name): tuple(
            file for need in view.needs if need[0] == "table" for file in _file(ir.by_identity[need])
        )
        or ("access.sql",)
        for view in ir.all(View)
    }


def _extra_grants(ir: Ir) -> Iterator[Mutant]:
    """Yield each privilege on a whole object that a role of the API does not have."""
    held = {
        (one.object_kind, one.schema, one.name, one.signature, one.privilege, one.role)
        for one in ir.all(Grant)
        if not one.columns
    }
    views = _tables_of_views(ir)
    objects = [
        *(("table", one, "", TABLE_PRIVILEGES, _file(one)) for one in ir.all(Table)),
        *(("view", one, "", TABLE_PRIVILEGES, views[one.schema, one.name]) for one in ir.all(View)),
        *(("function", one, one.signature, ("execute",), ("access.sql",)) for one in ir.all(Function)),
    ]
    for kind, one, signature, privileges, files in objects:
        for role, privilege in product(API_ROLES, privileges):
            if (kind, one.schema, one.name, signature, privilege, role) not in held:
                grant = Grant(kind, one.schema, one.name, signature, privilege, role)
                yield Mutant("extra grant", ddl.create(grant), ddl.create(grant), files)
    for schema, role in product(ir.all(Schema), API_ROLES):
        if role not in schema.usage:
            order = f"grant usage on schema {ident(schema.name)} to {ident(role)}"
            yield Mutant("extra grant", order, order, ("access.sql",))


def _keys(ir: Ir) -> Iterator[Mutant]:
    for kind in (PrimaryKey, Unique, ForeignKey):
        for key in ir.all(kind):
            order = ddl.drop(key) + " cascade"
            yield Mutant("key", f"drop {kind.KIND} {key.name}", order, _file(key))
    for index in ir.all(Index):
        if index.unique:
            yield Mutant("key", f"drop unique index {index.name}", ddl.drop(index), _file(index))
    for check in ir.all(Check):
        yield Mutant("check", f"drop check {check.name}", ddl.drop(check), _file(check))
    keys = {(one.schema, one.table, column) for one in ir.all(PrimaryKey) for column in one.columns}
    for column in ir.all(Column):
        if column.not_null and (column.schema, column.table, column.name) not in keys:
            table = qualified(column.schema, column.table)
            order = f"alter table {table} alter column {ident(column.name)} drop not null"
            yield Mutant("not null", order, order, _file(column))


def _row_security(ir: Ir) -> Iterator[Mutant]:
    for one in ir.all(Table):
        order = f"alter table {qualified(one.schema, one.name)} disable row level security"
        yield Mutant("row security", order, order, _file(one))


def _triggers(ir: Ir) -> Iterator[Mutant]:
    for one in (trigger for trigger in ir.all(Trigger) if "_guard_" in trigger.function):
        yield Mutant("trigger", ddl.drop(one), ddl.drop(one), (f"machine_{one.table}.sql",))


def _helpers(ir: Ir) -> Iterator[Mutant]:
    """Yield functions that policies call and that let everybody in, or nobody."""
    files = tuple(sorted({file for one in ir.all(Policy) for file in _file(one)}))
    called = {need for one in ir.all(Policy) for need in one.needs if need[0] == "function"}
    for one in ir.all(Function):
        if one.identity in called and one.returns == "setof uuid":
            for word, body in (
                ("all", "select id from public.org"),
                ("none", "select null::uuid where false"),
            ):
                yield Mutant("helper", f"{one.name}: {word}", replaced(one, body), files)


def replaced(function: Function, body: str) -> str:
    """Return the order that gives a function another body."""
    text = ddl.create(replace(function, body=body)).replace(
        "create function", "create or replace function", 1
    )
    return text.rpartition(";\nrevoke all on ")[0]


class Guard:
    """A machine's functions, and what can be wrong with them."""

    def __init__(self, ir: Ir, machine: Machine) -> None:
        self.machine = machine.name
        self.attempts = machine.attempts
        self.files = (f"machine_{machine.table}.sql",)
        functions = {one.name: one for one in ir.all(Function)}
        self.update = functions[f"{machine.name}_guard_update"]
        self.insert = functions[f"{machine.name}_guard_insert"]
        self.history = next(one for one in ir.all(History) if one.machine == machine.name)
        self.may_move = functions[f"{machine.name}_may_move"]
        self.may_write = functions[f"{machine.name}_may_write"]
        self.may_carry = functions[f"{machine.name}_may_carry"]
        states = sorted(
            (one for one in ir.all(State) if one.machine == self.machine), key=lambda s: s.position
        )
        self.states = [one.name for one in states]
        self.initial = [one.name for one in states if one.role == "initial"]
        self.substates = {one.name: one.substates for one in states}
        moves = [one for one in ir.all(Transition) if one.machine == self.machine]
        self.edges = {(one.source, one.target) for one in moves if one.form == "step"}
        self.recoveries = [(one.source, one.target) for one in moves if one.form == "recovery"]

    def mutants(self, *, whole: bool = True) -> Iterator[Mutant]:
        """Yield every edge dropped or added, and every wrong recovery, birth and substate.

        Guards are all made alike: unless `whole`, only what is lost, not what is added.
        """
        yield from self._edges(whole=whole)
        yield from self._substates(whole=whole)
        yield from self._recoveries()
        yield from self._records()
        if whole:
            yield from self._births()

    def _mutant(self, kind: str, what: str, order: str, **narrow: str) -> Mutant:
        return Mutant(kind, f"{self.machine}: {what}", order, self.files, narrow)

    def _edges(self, *, whole: bool) -> Iterator[Mutant]:
        for source, target in product(self.states, self.states):
            added = (source, target) not in self.edges
            if source == target or (added and not whole):
                continue
            what = f"{'add' if added else 'drop'} {source} to {target}"
            edges = self.edges ^ {(source, target)}
            masks, function = self.masked(edges), self.moving(edges)
            yield self._mutant("edge", what, f"{masks[-1]};\n{function}", f=source, t=target)
            yield self._mutant("edge", f"{what} in may_move", function, f=source, t=target)
            # An edge that only a mask lacks is legal all the same, by the guard's last condition.
            for number, mask in enumerate(masks[:-1] if added else ()):
                yield self._mutant("edge", f"{what} in mask {number}", mask, f=source, t=target)

    def masked(self, edges: set[Edge]) -> list[str]:
        """Return the guard with another mask in each place where it has one, and at last in all places."""
        rows = (["t" if (a, b) in edges else "f" for b in self.states] for a in self.states)
        mask = "{" + ",".join("{" + ",".join(row) + "}" for row in rows) + "}"
        *parts, rest = self.update.body.split("'::boolean[]")
        pieces = [part.rpartition("'") for part in parts]
        bodies = []
        for changed in (*({number} for number in range(len(pieces))), set(range(len(pieces)))):
            told = (
                f"{head}'{mask if n in changed else old}'::boolean[]"
                for n, (head, _, old) in enumerate(pieces)
            )
            bodies.append("".join(told) + rest)
        return [replaced(self.update, body) for body in bodies]

    def moving(self, edges: set[Edge]) -> str:
        """Return `may_move` with other edges."""
        pairs = ", ".join(f"({lit(a)}, {lit(b)})" for a, b in sorted(edges))
        body = f"select coalesce((p_from::text, p_to::text) in ({pairs}), false)"
        return replaced(self.may_move, body)

    def _edited(self, kind: str, function: Function, old: str, new: str, **narrow: str) -> Mutant:
        assert old in function.body, f"{function.name} has no {old!r}"
        order = replaced(function, function.body.replace(old, new))
        return self._mutant(kind, f"{function.name}: {old} → {new}", order, **narrow)

    def _recoveries(self) -> Iterator[Mutant]:
        for source, target in self.recoveries:
            old = f"(p_old = {lit(source)} and p_new = {lit(target)})"
            yield self._edited("recovery", self.may_write, old, "false", f=source, t=target)
            for state in self.states:
                if (source, state) not in self.recoveries and state != source:
                    new = f"{old} or (p_old = {lit(source)} and p_new = {lit(state)})"
                    yield self._edited("recovery", self.may_write, old, new, f=source, t=state)
        if self.recoveries:
            for old, new in (
                ("= p_old_attempt + 1 and", "= p_old_attempt + 2 and"),
                ("= p_old_attempt + 1 and", "> p_old_attempt and"),
                ("= p_old_attempt + 1 and", "<> p_old_attempt and"),
                *(
                    (f"<= {self.attempts}", f"<= {wrong}")
                    for wrong in range(self.attempts + 2)
                    if wrong != self.attempts
                ),
            ):
                yield self._edited("recovery", self.may_write, old, new)

    def _records(self) -> Iterator[Mutant]:
        """Yield a guard for each row of history that it forgets, and for each thing that it tells wrong."""
        for function in (self.update, self.insert):
            parts = RECORD.split(str(function.body))
            for number in range(1, len(parts), 2):
                what, record = f"{function.name}: record {number // 2 + 1}", parts[number]
                for how, wrong in (("is lost", "null;"), *_falsified(record)):
                    body = "".join([*parts[:number], wrong, *parts[number + 1 :]])
                    yield self._mutant("history", f"{what} {how}", replaced(function, body))
        table = qualified(self.history.schema, self.history.table)
        for column, value in (
            ("at", "now()"), ("actor", "'somebody'"), ("reason", "null"), ("xid", "'1'::xid8"),
        ):  # fmt: skip
            order = f"alter table {table} alter column {column} set default {value}"
            yield self._mutant("history", f"{column} is {value}", order)

    def _births(self) -> Iterator[Mutant]:
        old = "new.state in ("
        for state in self.states:
            if state not in self.initial:
                yield self._edited("birth", self.insert, old, f"{old}{lit(state)}, ", t=state)
        yield self._edited("birth", self.insert, "new.attempt = 0", "true")
        carried = f"private.{self.may_carry.name}(new.state, new.state_substate)"
        if carried in self.insert.body:
            yield self._edited("birth", self.insert, carried, "true")

    def _substates(self, *, whole: bool) -> Iterator[Mutant]:
        every = sorted({one for some in self.substates.values() for one in some})
        for state, substate in product(self.states, every):
            if substate not in self.substates[state] and not whole:
                continue
            pair = f"(p_state::text, p_substate) = ({lit(state)}, {lit(substate)})"
            word, answer = ("drop", "false") if substate in self.substates[state] else ("add", "true")
            body = f"select case when {pair} then {answer} else ({self.may_carry.body.strip()}) end"
            order = replaced(self.may_carry, body)
            yield self._mutant("substate", f"{word} {state}/{substate}", order, f=state, s=substate)


FALSEHOODS = (
    ("tells of another state", "old.state, new.state,", "new.state, new.state,"),
    ("tells of another state", "n.id, o.state,", "n.id, n.state,"),
    ("tells of another time", "- old.state_since", "- old.state_since + '1 s'"),
    ("tells of another time", "- o.state_since", "- o.state_since + '1 s'"),
    ("forgets the substate that was left", "old.state_substate, null,", "null, null,"),
    (
        "forgets the substate that was left",
        "old.state_substate, new.state_substate,",
        "null, new.state_substate,",
    ),
    ("forgets the substate that was left", "old.state_substate, case", "null, case"),
    ("forgets the substate that was left", " o.state_substate,\n        case", " null,\n        case"),
    ("forgets the substate", "old.state_substate, new.state_substate,", "old.state_substate, null,"),
    ("forgets the substate", "then new.state_substate", "then null"),
    ("forgets the substate", "else nullif(new.state_substate, old.state_substate)", "else null"),
    ("forgets the substate", "then n.state_substate", "then null"),
    ("forgets the substate", "else nullif(n.state_substate, o.state_substate)", "else null"),
    (
        "forgets the old substate",
        "else nullif(new.state_substate, old.state_substate)",
        "else new.state_substate",
    ),
    ("forgets the old substate", "else nullif(n.state_substate, o.state_substate)", "else n.state_substate"),
)
"""What a guard may tell wrong: how, and the words to exchange."""


def _falsified(record: str) -> Iterator[tuple[str, str]]:
    """Yield what an INSERT into history may tell wrong, with the INSERT that does."""
    for how, old, new in FALSEHOODS:
        if old in record:
            yield f"{how}: {new}", record.replace(old, new, 1)

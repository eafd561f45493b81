"""Mutants of what moves rows by itself: syncs of machines, deadlines and recoveries.

The functions' text is cut where the templates have their joints; a joint that is not found is an error here.
"""

import re
from collections.abc import Callable, Iterator
from itertools import product

from mutation import Mutant, replaced

from specc.ir.behaviour import Backoff, Machine, State, Sync, SyncDown, Timeout, Transition
from specc.ir.database import Function, Trigger
from specc.ir.model import Ir
from specc.pg import ddl
from specc.pg.names import lit, qualified

RULE = re.compile(r"(?=^    if \('\w+' = any \(v_states\)\) then$)", re.MULTILINE)
TIMED = re.compile(r"(?=^    v_ids := v_ids \|\| array\($)", re.MULTILINE)
HOP = re.compile(
    r"                update (\S+) as r\n"
    r"                set state = '(\w+)', state_substate = ('\w+'|null),.*\n.* and r.state = '(\w+)'"
)
WORDS = re.compile(r"'\w+'(?:, '\w+')*")


def sync_mutants(ir: Ir) -> Iterator[Mutant]:
    """Yield what can be wrong with each sync."""
    parents = dict.fromkeys(one.machine for one in ir.all(Sync))
    for parent in parents:
        yield from _Resolver(ir, parent).mutants()
    for sync in ir.all(Sync):
        yield from _Child(ir, sync).mutants()


def time_mutants(ir: Ir) -> Iterator[Mutant]:
    """Yield what can be wrong with each deadline and recovery."""
    functions = {one.name: one for one in ir.all(Function)}
    for machine in ir.all(Machine):
        for verb, make in (("time_out", _deadlines), ("recover", _recoveries)):
            function = functions.get(f"{machine.name}_{verb}")
            if function is not None:
                edit = _Edits(verb, function, (f"machine_{machine.table}.sql",))
                yield edit.whole("does nothing", "begin return 0; end")
                yield from make(ir, machine, edit)


class _Edits:
    """Makes mutants of one function."""

    def __init__(self, kind: str, function: Function, files: tuple[str, ...]) -> None:
        self.kind, self.function, self.files = kind, function, files
        self.text = str(function.body)

    def whole(self, what: str, body: str) -> Mutant:
        """Return the function with another body."""
        return Mutant(self.kind, f"{self.function.name}: {what}", replaced(self.function, body), self.files)

    def one(self, what: str, old: str, new: str, at: int = 0) -> Mutant:
        """Return the function with the `at`-th place of a text exchanged."""
        parts = self.text.split(old)
        assert len(parts) > at + 1, f"{self.function.name} has no {old!r} number {at}"
        return self.whole(what, old.join(parts[: at + 1]) + new + old.join(parts[at + 1 :]))

    def piece(self, what: str, joint: re.Pattern[str], at: int, change: Callable[[str], str]) -> Mutant:
        """Return the function with one of its pieces changed."""
        pieces = joint.split(self.text)
        changed = change(pieces[at])
        assert changed != pieces[at], f"{self.function.name}: {what} changes nothing"
        return self.whole(what, "".join([*pieces[:at], changed, *pieces[at + 1 :]]))


def _exchange(old: str, new: str) -> Callable[[str], str]:
    return lambda text: text.replace(old, new)


def _triggers(ir: Ir, function: str, files: tuple[str, ...]) -> Iterator[Mutant]:
    for one in ir.all(Trigger):
        if f"{one.function_schema}.{one.function}" == function:
            yield Mutant("sync trigger", f"drop {one.name} on {one.table}", ddl.drop(one), files)
            order = f"alter table {qualified(one.schema, one.table)} disable trigger {one.name}"
            yield Mutant("sync trigger", order, order, files)


def _waiting(edit: _Edits) -> Iterator[Mutant]:
    """Yield functions that wait for a child more: a rule that waits for none is asked after each move."""
    for old in re.findall(r"            when '\w+' then .", edit.text):
        more = "2 + " if old.endswith("0") else "1 + "
        yield edit.one(f"waits too long ({old[:-1].strip()})", old, f"{old[:-1]}{more}{old[-1]}")


class _Resolver:
    """The functions of a parent: the resolver, and the trigger that children follow by."""

    def __init__(self, ir: Ir, parent: str) -> None:
        self.ir, self.parent = ir, parent
        self.files = (f"sync_{parent}.sql",)
        functions = {one.name: one for one in ir.all(Function)}
        self.follow = _Edits("sync up", functions[f"{parent}_follow"], self.files)
        self.moved = _Edits("sync down", functions[f"{parent}_moved"], self.files)
        self.states = [one.name for one in ir.of_machine(State, parent)]
        moves = ir.of_machine(Transition, parent)
        self.edges = [(one.source, one.target) for one in moves if one.form == "step"]

    def mutants(self) -> Iterator[Mutant]:
        """Yield them."""
        yield from _triggers(self.ir, f"private.{self.parent}_moved", self.files)
        for at, block in enumerate(RULE.split(self.follow.text)[1:], 1):
            yield from self._rule(at, block)
        yield from self._counting()
        yield from self._downs()

    def _rule(self, at: int, block: str) -> Iterator[Mutant]:
        def made(what: str, old: str, new: str) -> Mutant:
            return self.follow.piece(f"rule {at} {what}", RULE, at, _exchange(old, new))

        source = re.findall(r"if \('(\w+)' = any", block)[0]
        target = re.findall(r"set state = '(\w+)'", block)[0]
        yield made("is dropped", f"if ('{source}' = any (v_states))", "if (false)")
        for other in [b for a, b in self.edges if a == source and b != target][:2]:
            yield made(f"leads to {other}", f"set state = '{target}'", f"set state = '{other}'")
        line = next(
            one for one in block.splitlines() if one.lstrip().startswith(("and exists (", "and not exists ("))
        )
        clauses = re.split(r" and (?=(?:not )?exists \()", line)[1:]
        assert clauses
        for number, clause in enumerate(clauses):
            if clause.startswith("not "):
                yield made(f"without its condition {number}", clause, "true")
            elif " and (" in clause:
                yield made(
                    f"with any child at all for {number}", clause, clause[: clause.index(" and (")] + ")"
                )
            for words in WORDS.findall(clause):
                for word in words.split(", "):
                    fewer = ", ".join(one for one in words.split(", ") if one != word) or "null"
                    if word == words and " or c.settled" not in clause:
                        fewer = "null"
                    yield made(f"without {word} in {number}", clause, clause.replace(words, fewer))
            if " or c.settled" in clause:
                yield made(f"without the settled in {number}", clause, clause.replace(" or c.settled", ""))
        where = [one for one in block.splitlines() if re.fullmatch(r"                and \(.*\)", one)]
        for one in where:
            yield made("for every parent", one, "")
            yield made("for no parent", one, "                and false")

    def _counting(self) -> Iterator[Mutant]:
        text, one = self.follow.text, self.follow.one
        for at in range(text.count("with gone as (")):
            yield one(f"takes nothing away ({at})", "-g.children)", "0 * g.children)", at)
            yield one(f"adds nothing ({at})", "g.to_settled, g.children)", "g.to_settled, 0)", at)
            yield one(
                f"forgets what it knew ({at})", "c.children + excluded.children", "excluded.children", at
            )
            yield one(
                f"counts nothing ({at})",
                "where c.parent_id = any (v_parents)\n        returning",
                "where false\n        returning",
                at,
            )
            change = re.findall(r"delete from private\.(\w+) as c\n", text)[at]
            gone = f"delete from private.{change} as c\n        where c.parent_id = any (v_parents)\n        returning c.*"
            kept = f"select c.* from private.{change} as c where c.parent_id = any (v_parents)"
            yield one(f"counts twice ({at})", gone, kept)
        yield from _waiting(self.follow)

    def _downs(self) -> Iterator[Mutant]:
        text = self.moved.text
        for match in re.finditer(r"        if \(v_state in \(([^)]*)\)\) then", text):
            states = match[1].split(", ")
            for state in states:
                fewer = ", ".join(one for one in states if one != state) or "null"
                what = f"nothing follows {state} ({match.start()})"
                yield self.moved.one(what, match[0], match[0].replace(match[1], fewer))
        hops = list(HOP.finditer(text))
        assert hops or not self.ir.of_machine(SyncDown, self.parent)
        children = {f"{one.schema}.{one.table}": one.name for one in self.ir.all(Machine)}
        for at, hop in enumerate(hops):
            yield self.moved.whole(
                f"hop {at} is dropped",
                text[: hop.start()]
                + text[hop.start() : hop.end()].replace("where ", "where false and ")
                + text[hop.end() :],
            )
            steps = self.ir.of_machine(Transition, children[hop[1]])
            for other in [one.target for one in steps if one.source == hop[4] and one.target != hop[2]][:1]:
                wrong = hop[0].replace(f"set state = '{hop[2]}'", f"set state = '{other}'")
                yield self.moved.whole(
                    f"hop {at} leads to {other}", text[: hop.start()] + wrong + text[hop.end() :]
                )
            if hop[3] != "null":
                wrong = hop[0].replace(hop[3], "null")
                yield self.moved.whole(
                    f"hop {at} carries nothing", text[: hop.start()] + wrong + text[hop.end() :]
                )
        if " and not (n.state" in text:
            yield self.moved.one(
                "children do not wait for a recovery", " and not (n.state", " and (true or n.state"
            )
        for at in range(text.count("using old_rows as o where")):
            yield self.moved.one(
                f"leaves counts behind ({at})",
                "using old_rows as o where",
                "using old_rows as o where false and",
                at,
            )


class _Child:
    """The trigger function on the children's table."""

    def __init__(self, ir: Ir, sync: Sync) -> None:
        self.ir, self.sync = ir, sync
        self.files = (f"sync_{sync.machine}.sql",)
        functions = {f"{one.schema}.{one.name}": one for one in ir.all(Function)}
        self.edit = _Edits("sync record", functions[sync.function], self.files)
        self.text = self.edit.text

    def mutants(self) -> Iterator[Mutant]:
        """Yield them."""
        yield from _triggers(self.ir, self.sync.function, self.files)
        one, column = self.edit.one, self.sync.column
        yield one("forgets births", f"where r.{column} is not null", "where false")
        yield one("forgets deletions", "where exists (", "where false and exists (")
        yield one("counts one birth", "count(*)\n            from new_rows", "1\n            from new_rows")
        yield one(
            "counts one deletion", "count(*)\n            from old_rows", "1\n            from old_rows"
        )
        yield one("counts one move", "d.to_settled, count(*)", "d.to_settled, 1")
        values = next(
            line for line in self.text.splitlines() if line.strip().startswith("values (v_parent, 1,")
        )
        yield one(
            "forgets a move",
            values,
            "select v_parent, 1, v_from_state, v_from_settled, v_to_state, v_to_settled where false;",
        )
        yield one("forgets moves", "where m.new_parent = m.old_parent", "where false")
        yield one(
            "forgets who comes", "where m.new_parent is distinct from m.old_parent and", "where false and"
        )
        yield one("forgets who leaves", "where m.new_parent is distinct from m.old_parent\n", "where false\n")
        yield from self._telling()
        if self.sync.refuses_births:
            yield from self._births()

    def _telling(self) -> Iterator[Mutant]:
        """Yield functions that do not let the parent follow at once."""
        for place in ("if ((v_to_state in (", " or (a.to_state in ("):
            if place not in self.text:
                continue
            states = self.text.partition(place)[2].partition(")")[0]
            for state in states.split(", "):
                fewer = ", ".join(one for one in states.split(", ") if one != state) or "null"
                yield self.edit.one(f"{place} without {state}", place + states, place + fewer)
        if "    perform private." in self.text:
            yield self.edit.one(
                "does not call for many", "    if (v_parents <> '{}') then", "    if (false) then"
            )

    def _births(self) -> Iterator[Mutant]:
        yield self.edit.one("refuses nobody", "if (v_arrived <> '{}') then", "if (false) then")
        yield self.edit.one(
            "refuses no birth",
            "select array_agg(distinct a.parent_id), array_agg",
            "select null::uuid[], array_agg",
        )
        yield self.edit.one(
            "refuses nobody who comes", "filter (where a.from_state is null)", "filter (where false)"
        )
        place = "where p.id = any (v_arrived) and not "
        settled = [
            one.name
            for one in self.ir.of_machine(State, self.sync.machine)
            if f"'{one.name}'" not in self.text.partition(place)[2].partition(")")[0]
        ]
        for state in settled:
            yield self.edit.one(
                f"takes children under {state}",
                place,
                f"where p.state <> {lit(state)} and p.id = any (v_arrived) and not ",
            )


def _deadlines(ir: Ir, machine: Machine, edit: _Edits) -> Iterator[Mutant]:
    blocks = TIMED.split(edit.text)
    for one in ir.of_machine(Timeout, machine.name):
        at = next(
            number for number, block in enumerate(blocks)
            if f"r.state = {lit(one.state)}" in block
            and (f"r.state_substate = {lit(one.substate)}" in block) == bool(one.substate)
            and (f"r.{one.column} <=" in block) == bool(one.column)
        )  # fmt: skip
        name = f"{one.state}/{one.substate}{one.column}"
        yield edit.piece(
            f"{name} is dropped", TIMED, at, _exchange("where r.state =", "where false and r.state =")
        )
        if one.after:
            interval = f"{lit(one.after)}::interval"
            for word, sign in (("later", "+"), ("earlier", "-")):
                yield edit.piece(
                    f"{name} is {word}", TIMED, at, _exchange(interval, f"({interval} {sign} '1 second')")
                )
        for state in [
            x.name for x in ir.of_machine(State, machine.name) if x.name not in (one.state, one.target)
        ][:1]:
            # After the last deadline that leads there.
            wrong = edit.text.replace(f"set state = {lit(one.target)}", f"set state = {lit(state)}")
            assert wrong != edit.text
            yield edit.whole(f"{name} leads to {state}", wrong)


def _recoveries(ir: Ir, machine: Machine, edit: _Edits) -> Iterator[Mutant]:
    blocks = TIMED.split(edit.text)
    for at, block in enumerate(blocks[1:], 1):
        state = re.findall(r"r\.state = '(\w+)'", block)[0]
        yield edit.piece(
            f"{state} is dropped", TIMED, at, _exchange("where r.state =", "where false and r.state =")
        )
        for wrong in (machine.attempts - 1, machine.attempts + 1):
            yield edit.piece(
                f"{state} up to {wrong}",
                TIMED,
                at,
                _exchange(f"r.attempt < {machine.attempts}", f"r.attempt < {wrong}"),
            )
        for backoff, (word, sign) in product(
            ir.of_machine(Backoff, machine.name), (("later", "+"), ("earlier", "-"))
        ):
            first = f"{lit(backoff.first)}::interval"
            yield edit.piece(f"{state} {word}", TIMED, at, _exchange(first, f"({first} {sign} '1 second')"))
    # Said twice: for all rows at once, and for each alone where one cannot move.
    yield edit.whole("spends nothing", edit.text.replace("attempt = r.attempt + 1", "attempt = r.attempt"))
    for target in dict.fromkeys(re.findall(r"set state = '(\w+)'", edit.text)):
        other = next(one.name for one in ir.of_machine(State, machine.name) if one.name != target)
        wrong = edit.text.replace(f"set state = '{target}'", f"set state = '{other}'")
        yield edit.whole(f"leads to {other}", wrong)

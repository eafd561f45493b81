"""`legacy/<machine>.sql`: what brings rows from an old text column to their states, and back.

Facts about old words come in, one file for each machine that has them goes out. It is no part of the
migrations: whoever owns an old table runs it once, and `forget` takes all of it away again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from specc.analysis.legacy import Target, hops, target, written
from specc.analysis.machines import Lifecycle, lifecycle_of_facts
from specc.ir.behaviour import Legacy, LegacyBack, LegacyValue, Machine
from specc.ir.database import Comment, Function
from specc.ir.model import Ir
from specc.pg.body import PINNED, render
from specc.pg.ddl import create, statements
from specc.pg.names import fit, qualified

_WHOLE = (*PINNED, ("row_security", "off"))
"""For what must see every row, or fail."""


def legacy_files(ir: Ir) -> dict[str, str]:
    """Return the files by path below the output folder."""
    return {f"legacy/{one.machine}.sql": _Conversion(ir, one).text() for one in ir.all(Legacy)}


@dataclass(frozen=True)
class _Conversion:
    """One machine's old column; texts are made of its facts alone."""

    ir: Ir
    legacy: Legacy

    @property
    def name(self) -> str:
        return self.legacy.machine

    @cached_property
    def machine(self) -> Machine:
        found = self.ir.by_identity["machine", self.name]
        assert isinstance(found, Machine)
        return found

    @cached_property
    def enum(self) -> str:
        return qualified(self.machine.schema, fit(f"{self.machine.table}_state"))

    @property
    def otherwise(self) -> str:
        """The target of all other words, "" where they are refused."""
        return "" if self.legacy.otherwise == "reject" else self.legacy.otherwise

    def routine(self, form: str) -> str:
        return fit(form.format(self.name))

    def text(self) -> str:
        made = tuple(self._routines())
        dropped = [f"{qualified('private', one.name)}({one.signature})" for one, _ in made]
        made += (self._forget(dropped),)
        parts = [part for function, about in made for part in (create(function), _comment(function, about))]
        return f"{self._head()}\n{statements(parts)}"

    def _head(self) -> str:
        place = f"{self.machine.schema}.{self.machine.table}"
        file = self.ir.file_of(self.machine)
        private = {form: f"private.{self.routine(form)}" for form in _FORMS}
        return _HEAD.format(
            file=file, place=place, machine=self.name,
            preflight=private["{}_legacy_preflight"], attach=private["{}_attach_legacy"],
            convert=private["{}_convert_legacy"], detach=private["{}_detach_legacy"],
            forget=private["{}_forget_legacy"], restore=private["{}_restore_legacy"],
        )  # fmt: skip

    @cached_property
    def values(self) -> dict[str, object]:
        """What the templates read."""
        ir, machine, life = self.ir, self.machine, lifecycle_of_facts(self.ir, self.machine)
        meant = [(one.word, (one.state, one.substate)) for one in ir.of_machine(LegacyValue, self.name)]
        back = [(one.state, one.substate, one.word) for one in ir.of_machine(LegacyBack, self.name)]
        ends = dict.fromkeys(place for _, place in meant)
        ends |= {target(self.otherwise): None} if self.otherwise else {}
        own = {*ends, *((state, substate) for state, substate, _ in back)}
        return {
            "machine": machine.name,
            "table": (machine.schema, machine.table),
            "table_name": qualified(machine.schema, machine.table),
            "column": self.legacy.column,
            "enum": self.enum,
            "born": life.initial[0],
            "words": [word for word, _ in meant],
            "targets": [(word, written(place)) for word, place in meant],
            "otherwise": self.otherwise,
            # A substate's own word goes before that of its state.
            "back": sorted(back, key=lambda one: (life.states.index(one[0]), not one[1])),
            "own": {
                state: found
                for state in life.states
                if (found := [sub for sub in life.substates[state] if (state, sub) in own])
            },
            "ways": tuple(_ways(life, tuple(ends))),
            "longest": len(life.states) + 1,
            **{key: self.routine(form) for key, form in _NAMES.items()},
        }

    def _make(
        self, form: str, arguments: str, returns: str, template: str, *,
        settings: tuple[tuple[str, str], ...] = PINNED, **more: str | bool,
    ) -> Function:  # fmt: skip
        signature = ", ".join(
            one.split(" ", 1)[1].split(" default ")[0] for one in arguments.split(", ") if one
        )
        values = {**self.values, "batch": self.routine(_BATCHES.get(form, "{}"))}
        body = render(template, **values)
        return Function(
            "private", self.routine(form), signature, arguments, returns, "plpgsql", body,
            settings=settings, procedure=not returns, **more,  # type: ignore[arg-type]
        )  # fmt: skip

    def _routines(self) -> Iterator[tuple[Function, str]]:
        """Yield routines and their comments, each after those it calls."""
        name, place = self.name, f"p_state {self.enum}, p_substate text"
        yield (
            self._make("{}_legacy_target", "p_word text", "text", "legacy_target", volatility="immutable"),
            f"The state of {name}, or state/substate, that an old word means; null for none.",
        )
        yield (
            self._make("{}_legacy_word", place, "text", "legacy_word", volatility="immutable"),
            f"The old word for a state of {name}.",
        )
        yield (
            self._make(
                "{}_legacy_means", f"p_word text, {place}", "boolean", "legacy_means", volatility="immutable"
            ),
            f"Whether an old word fits where a row of {name} is.",
        )
        table = "table (value text, rows bigint)"
        yield (
            self._make(
                "{}_legacy_preflight", "", table, "legacy_preflight", volatility="stable", settings=_WHOLE
            ),
            f"The old values that no state of {name} is mapped to, and how many rows to convert hold each.",
        )
        yield (
            self._make("{}_walk_legacy", "p_ids uuid[]", "void", "legacy_walk"),
            f"Brings rows of {name} where their old word says, hop by hop; PT409 where no way leads there.",
        )
        yield from self._conversion()
        yield from self._way_back()
        yield from self._writers()

    def _conversion(self) -> Iterator[tuple[Function, str]]:
        name, batch = self.name, "p_from uuid, p_batch integer"
        if not self.otherwise:
            yield (
                self._make("{}_legacy_check", "", "void", "legacy_check", volatility="stable"),
                f"Raises PT422 where rows of {name} hold values that no state is mapped to.",
            )
        yield (
            self._make("{}_convert_legacy_batch", batch, "uuid", "legacy_convert_batch", settings=_WHOLE),
            f"Converts the next rows of {name}; returns the last one's id, null when none was left.",
        )
        # What commits can have no settings of its own, so it names everything in full.
        yield (
            self._make("{}_convert_legacy", _SIZE, "", "legacy_convert", settings=()),
            f"Brings all rows of {name} to the states of their old words, a transaction for each batch.",
        )

    def _way_back(self) -> Iterator[tuple[Function, str]]:
        name, batch = self.name, "p_from uuid, p_batch integer"
        yield (
            self._make("{}_legacy_column", "", "void", "legacy_column"),
            f"Gives the table of {name} its old column where that is gone.",
        )
        yield (
            self._make("{}_restore_legacy_batch", batch, "uuid", "legacy_restore_batch", settings=_WHOLE),
            f"Writes the old words of the next rows of {name}; returns the last one's id, null when none was left.",
        )
        yield (
            self._make("{}_restore_legacy", _SIZE, "", "legacy_restore", settings=()),
            f"Writes the old words of all rows of {name} from their states, a transaction for each batch.",
        )

    def _writers(self) -> Iterator[tuple[Function, str]]:
        name = self.name
        yield (
            self._make("{}_legacy_keep", "", "trigger", "legacy_keep", security_definer=True),
            f"Keeps the old word of a row of {name} in step with its state.",
        )
        yield (
            self._make("{}_legacy_born", "", "trigger", "legacy_born", security_definer=True),
            f"Moves rows of {name} that are inserted with an old word to the state it means.",
        )
        yield (
            self._make("{}_legacy_follow", "", "trigger", "legacy_follow", security_definer=True),
            f"Moves a row of {name} whose old word was written to the state it means.",
        )
        yield (
            self._make("{}_attach_legacy", "", "", "legacy_attach"),
            f"From now on writers of {name} may use old words, and readers find them.",
        )
        yield (
            self._make("{}_detach_legacy", "", "", "legacy_detach"),
            f"From now on the old words of {name} are text like any other.",
        )

    def _forget(self, dropped: list[str]) -> tuple[Function, str]:
        form = "{}_forget_legacy"
        own = qualified("private", self.routine(form)) + "()"
        values = {**self.values, "routines": [*reversed(dropped), own]}
        function = Function(
            "private", self.routine(form), "", "", "", "plpgsql", render("legacy_forget", **values),
            procedure=True, settings=PINNED,
        )  # fmt: skip
        return function, f"Drops what converts rows of {self.name}, itself included; the old column stays."


def _comment(function: Function, about: str) -> str:
    return create(Comment(f"function private {function.name} {function.signature}".rstrip(), about))


def _ways(life: Lifecycle, ends: tuple[Target, ...]) -> Iterator[tuple[str, str, str, str | None]]:
    for end, source, (state, substate) in hops(life, ends):
        yield written(end), source, state, substate or None


_SIZE = "p_batch integer default 10000"

_NAMES = {
    "target_of": "{}_legacy_target",
    "word_of": "{}_legacy_word",
    "means": "{}_legacy_means",
    "preflight": "{}_legacy_preflight",
    "refuse": "{}_refuse",
    "walk": "{}_walk_legacy",
    "check": "{}_legacy_check",
    "add_column": "{}_legacy_column",
    "keep": "{}_legacy_keep",
    "born_with": "{}_legacy_born",
    "follow": "{}_legacy_follow",
    "detach": "{}_detach_legacy",
    "keep_trigger": "zz_{}_legacy_keep",
    "born_trigger": "zz_{}_legacy_born",
    "follow_trigger": "zz_{}_legacy_follow",
}
"""What templates call a routine or trigger, and how its name is made of the machine's."""

_BATCHES = {
    "{}_convert_legacy": "{}_convert_legacy_batch",
    "{}_restore_legacy": "{}_restore_legacy_batch",
}

_FORMS = (
    "{}_legacy_preflight",
    "{}_attach_legacy",
    "{}_convert_legacy",
    "{}_detach_legacy",
    "{}_forget_legacy",
    "{}_restore_legacy",
)

_HEAD = """\
-- Code generated by specc from {file}. DO NOT EDIT.
--
-- Brings the rows of {place} from their old words to their states, and back. No part of the
-- migrations: the table's owner runs it once, when the migrations have given the table its states, with
--     psql -1 -v ON_ERROR_STOP=1 -f {machine}.sql
-- and then, each outside a transaction block:
--     select * from {preflight}();  -- what no state is mapped to; locks nothing
--     call {attach}();  -- writers of old words are understood from now on
--     call {convert}();  -- stopped or killed, it goes on when it is called again
-- and when nobody writes or reads the old words any more:
--     call {detach}();
--     call {forget}();  -- drops all that this file makes; the old column stays
-- The way back writes the old words again, into the old column or a new one:
--     call {restore}();
-- A row in the first state with a word for another one counts as still to be converted. So, where rows come
-- back to the first state, attach first: that keeps the words in step.
"""

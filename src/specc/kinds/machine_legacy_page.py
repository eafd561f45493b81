"""The part of a machine's page about its old words: what each means, and which one a state has on the way back."""

from __future__ import annotations

from collections.abc import Iterator

from specc.analysis.legacy import places, written
from specc.analysis.machines import BoundMachine
from specc.ir.behaviour import Legacy, LegacyBack, LegacyValue
from specc.ir.model import Ir
from specc.ir.page import Block, Grid, Heading, Inline, Line, Mono, Paragraph, Text


def legacy(machine: BoundMachine, ir: Ir) -> Iterator[Block]:
    """Yield the blocks; none for a machine without old words."""
    for one in ir.of_machine(Legacy, machine.name):
        refused = one.otherwise == "reject"
        rest = (
            (Text(" Any other value stops the conversion before it begins."),)
            if refused
            else (Text(" Any other value means "), Mono(one.otherwise), Text("."))
        )
        yield Heading("Old words")
        yield Paragraph(
            (
                Text("Before it had states, a row had a word in "), Mono(one.column), Text(". The file "),
                Mono(f"legacy/{machine.name}.sql"),
                Text(" brings each row from its word to its state along declared transitions, and back."),
                *rest,
            )
        )  # fmt: skip
        yield Grid(("Old word", "Means"), tuple(_values(machine, ir)))
        if one.about:
            yield Paragraph((Text(one.about),))
        yield Paragraph(
            (
                Text("For readers of the old column, and on the way back, each state has one word. "
                "A substate that is not listed has that of its state."),
            )
        )  # fmt: skip
        yield Grid(("State", "Old word"), tuple(_back(machine, ir)))


def _values(machine: BoundMachine, ir: Ir) -> Iterator[tuple[Line, ...]]:
    for one in ir.of_machine(LegacyValue, machine.name):
        yield (_word(one.word),), (Mono(written((one.state, one.substate))),)


def _back(machine: BoundMachine, ir: Ir) -> Iterator[tuple[Line, ...]]:
    found = {(one.state, one.substate): one.word for one in ir.of_machine(LegacyBack, machine.name)}
    for place in places(machine.lifecycle):
        if place in found:
            yield (Mono(written(place)),), (_word(found[place]),)


def _word(word: str) -> Inline:
    return Mono(word) if word else Text("the empty text")

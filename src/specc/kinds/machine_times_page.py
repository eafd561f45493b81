"""What a machine's page says about time: when rows leave a state by themselves, and when they try again."""

from __future__ import annotations

from collections.abc import Iterator

from specc.analysis.machines import BoundMachine
from specc.analysis.times import BY_RECOVERY, BY_TIMEOUT, recoveries, waiting
from specc.ir.behaviour import Backoff, Timeout
from specc.ir.model import Ir
from specc.ir.page import Block, Grid, Heading, Inline, Line, Mono, Paragraph, Text
from specc.lang.project import Project
from specc.pg.names import fit, qualified

OWN = {BY_TIMEOUT: "its deadline", BY_RECOVERY: "recovery, by itself"}
"""What stands for the drivers of moves that rows take by themselves."""


def timeouts(machine: BoundMachine, project: Project, ir: Ir) -> Iterator[Block]:
    """Yield the section of a machine's deadlines, and of states that wait for the outside without one."""
    found = sorted(
        ir.of_machine(Timeout, machine.name),
        key=lambda one: (machine.lifecycle.states.index(one.state), one.substate, one.column),
    )
    untimed = [state for state in waiting(machine, project) if state in machine.entry.spec.untimed]
    if not (found or untimed):
        return
    yield Heading("Timeouts")
    if found:
        more = (
            " A deadline of a substate counts instead of its state's."
            if any(one.substate for one in found)
            else ""
        )
        text = "Rows whose deadline has passed are moved by "
        yield Paragraph((Text(text), *_called(machine, "time_out"), Text(f".{more}")))
        rows = tuple(((Mono(_place(one)),), _when(one), (Mono(one.target),)) for one in found)
        yield Grid(("In", "Due", "To"), rows)
    if untimed:
        yield Paragraph((Text("These states wait for the outside and have no deadline here:"),))
        reasons = machine.entry.spec.untimed
        yield Grid(("State", "Why"), tuple(((Mono(one),), (Text(reasons[one]),)) for one in untimed))


def recovering(machine: BoundMachine, ir: Ir) -> Iterator[Block]:
    """Yield when rows recover by themselves."""
    if not recoveries(machine):
        return
    line: list[Inline] = [Text("Rows are tried again by "), *_called(machine, "recover"), Text(", ")]
    backoff = next(iter(ir.of_machine(Backoff, machine.name)), None)
    if backoff is None:
        line.append(Text("at once, unless "))
    else:
        text = f"after {backoff.first}, each next time {backoff.factor} times as long, at most {backoff.most}, unless "
        line.append(Text(text))
    yield Paragraph((*line, Mono("retry_at"), Text(" says when.")))


def _called(machine: BoundMachine, verb: str) -> Line:
    name = qualified("private", fit(f"{machine.name}_{verb}"))
    return (Mono(f"{name}(limit)"), Text(", which "), Mono("private.tick()"), Text(" calls"))


def _place(one: Timeout) -> str:
    return f"{one.state}/{one.substate}" if one.substate else one.state


def _when(one: Timeout) -> Line:
    if one.holder:
        return (
            Text("at "),
            Mono(one.column),
            Text(", unless "),
            Mono(one.holder),
            Text(" extends its lease"),
        )
    return (Text("at "), Mono(one.column)) if one.column else (Text(f"after {one.after}"),)

"""Kind `lifecycle`: the states a row may be in and the moves between them, shared by machines.

It makes no database object by itself; machines do.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from specc.analysis.machines import lifecycle_of
from specc.diagnostics import Code, Diagnostic, Label
from specc.kinds import intent
from specc.lang.kind import Kind, Lowered, Rule
from specc.lang.markers import Def, Ref, Short, SpecModel
from specc.lang.project import Entry, Project
from specc.lang.shape import Names


class SubstateSpec(SpecModel):
    """A finer distinction inside a state."""

    short = Short("about")
    about: str = Field("", description="What it means.")


class StateSpec(SpecModel):
    """A state."""

    short = Short("about")
    about: str = Field("", description="What it means, for the docs.")
    is_: Literal["initial", "settled", "terminal"] | None = Field(
        None,
        alias="is",
        description="`initial`: rows are inserted in it. `settled`: the work is over, though a step may follow. "
        "`terminal`: nothing follows it.",
    )
    renamed_from: str = Field("", description="The name it had when it was last released.")
    waits_for: Literal["outside"] | None = Field(
        None,
        description="`outside`: something that may never answer ends it, so each machine has a timeout for it.",
    )
    substates: Annotated[dict[Annotated[str, Def("substate", label=True)], SubstateSpec], Names()] = Field(
        default_factory=dict, description="Why or how a row is in this state; always optional on the row."
    )


class LifecycleSpec(SpecModel):
    """States and transitions."""

    about: str = Field("", description="What lives this life.")
    states: dict[Annotated[str, Def("state", label=True)], StateSpec] = Field(
        description="The states in the order of the enum's labels."
    )
    transitions: dict[
        Annotated[str, Ref("state", within="lifecycle")],
        list[Annotated[str, Ref("state", within="lifecycle")]],
    ] = Field(description="From each state, the states a row may move to.")
    recovery: dict[
        Annotated[str, Ref("state", within="lifecycle")],
        Annotated[str, Ref("state", within="lifecycle")],
    ] = Field(
        default_factory=dict,
        description="Moves that are legal only together with `attempt` raised by one, within the machine's attempts.",
    )
    retired: dict[str, intent.RetiredSpec] = Field(
        default_factory=dict,
        description="States, and substates as `state/substate`, that are no more, and where rows go that are there. "
        "They stay in this list, and in the enum, as long as history tells of them.",
    )
    split: dict[Annotated[str, Ref("state", within="lifecycle")], list[intent.CaseSpec]] = Field(
        default_factory=dict,
        description="States that some rows leave, once, when the change is released: those for which a condition holds.",
    )


_STATES = "lifecycle: order\nstates: {open: {is: initial}, held: {}, closed: {is: terminal}}\n"
_GOOD = _STATES + "transitions: {open: [held, closed], held: [open]}\n"

NO_INITIAL = Code(
    "S301",
    "no-initial-state",
    "Rows are inserted in an initial state; a lifecycle without one accepts no row at all.",
    wrong="lifecycle: order\nstates: {open: {}, closed: {is: terminal}}\ntransitions: {open: [closed]}\n",
    right="lifecycle: order\nstates: {open: {is: initial}, closed: {is: terminal}}\ntransitions: {open: [closed]}\n",
)
UNREACHABLE = Code(
    "S302",
    "unreachable-state",
    "No row can ever come into this state: no transition and no recovery leads to it from an initial state.",
    wrong=_STATES + "transitions: {open: [closed], held: [closed]}\n",
    right=_GOOD,
)
DEAD_END = Code(
    "S303",
    "dead-end",
    "From this state no end (a terminal or settled state) can be reached, so a row that comes into it stays open for ever.",
    wrong=_STATES + "transitions: {open: [held, closed]}\n",
    right=_GOOD,
)
TERMINAL_LEFT = Code(
    "S304",
    "terminal-state-left",
    "A terminal state is the end; a transition out of it contradicts that.",
    wrong=_STATES + "transitions: {open: [held, closed], held: [open], closed: [open]}\n",
    right=_GOOD,
)
REPEATED = Code(
    "S305",
    "repeated-transition",
    "The same move is written twice, or both as a transition and as a recovery, or leads from a state to "
    "itself, which is no move.",
    wrong=_STATES + "transitions: {open: [held, closed, held], held: [open]}\n",
    right=_GOOD,
)
WAITS_AFTER_END = Code(
    "S306",
    "end-that-waits",
    "In a settled or terminal state the work is over: nothing is waited for, and no deadline can pass.",
    wrong=_GOOD.replace("closed: {is: terminal}", "closed: {is: terminal, waits_for: outside}"),
    right=_GOOD.replace("held: {}", "held: {waits_for: outside}"),
)


def _has_initial(entry: Entry, _: Project) -> Iterator[Diagnostic]:
    life = lifecycle_of(entry)
    if not life.states:
        yield NO_INITIAL.at(entry.key("states"), f"lifecycle `{entry.name}` has no states")
    elif not life.initial and life.is_complete:
        message = f"lifecycle `{entry.name}` has no initial state"
        yield NO_INITIAL.at(entry.key("states"), message, help="mark one with `is: initial`")


def _reachable(entry: Entry, _: Project) -> Iterator[Diagnostic]:
    life = lifecycle_of(entry)
    lost = life.unreached() if life.is_complete and life.initial else []
    if not lost or not life.steps or (life.gap and len(lost) > 1):
        return
    (first, *inside), *others = lost
    named = ", ".join(f"`{states[0]}`" for states in lost)
    label = (
        f"only {', '.join(f'`{one}`' for one in inside)} lead{'s' if len(inside) == 1 else ''} here"
        if inside
        else "no transition leads here"
    )
    related = [Label(entry.key("states", states[0]), "nor here") for states in others]
    help = "add a transition to it, or remove it"
    if life.gap:
        source, target = life.gap[0]
        related.append(Label(entry.key("states", source), "and from here no end can be reached"))
        help = f"add the transition `{source} → {target}`, if that is what is missing"
    known = ", ".join(f"`{state}`" for state in life.states if state in life.reached())
    yield UNREACHABLE.at(
        entry.key("states", first),
        f"state{'s' if others else ''} {named} can never be entered",
        label=label,
        related=tuple(related),
        notes=(f"states that rows reach: {known}",),
        help=help,
    )


def _escapable(entry: Entry, _: Project) -> Iterator[Diagnostic]:
    life = lifecycle_of(entry)
    dead = life.traps() if life.is_complete else []
    if not dead or (life.steps and life.gap and len(life.unreached()) == 1):
        return
    (first, *inside), *others = dead
    named = ", ".join(f"`{states[0]}`" for states in dead)
    notes = (
        [f"it leads to {', '.join(f'`{one}`' for one in inside)} only, which lead nowhere else"]
        if inside
        else []
    )
    if not life.steps:
        notes.append("there is no transition at all")
    if life.gap:
        listed = ", ".join(f"`{target}`" for _, target in life.gap)
        notes.append(f"and nothing leads to {listed}")
    yield DEAD_END.at(
        entry.key("states", first),
        f"state{'s' if others else ''} {named} cannot reach an end",
        related=tuple(Label(entry.key("states", states[0]), "nor can rows here") for states in others),
        notes=tuple(notes),
        help="add a transition towards an end, or mark it `is: terminal` or `is: settled`",
    )


def _terminal_stays(entry: Entry, _: Project) -> Iterator[Diagnostic]:
    life = lifecycle_of(entry)
    for section, sources in (("transitions", entry.spec.transitions), ("recovery", entry.spec.recovery)):
        for source in sources:
            is_left = any(one != source for one in entry.spec.transitions.get(source, ()))
            if source in life.terminal and (is_left or section == "recovery"):
                label = Label(entry.at("states", source, "is"), "declared terminal here")
                message = f"terminal state `{source}` has a way out"
                yield TERMINAL_LEFT.at(entry.key(section, source), message, related=(label,))


def _distinct(entry: Entry, _: Project) -> Iterator[Diagnostic]:
    seen: dict[tuple[str, str], tuple[str | int, ...]] = {}
    moves: list[tuple[str, str, tuple[str | int, ...]]] = [
        (source, target, ("transitions", source, at))
        for source, targets in entry.spec.transitions.items()
        for at, target in enumerate(targets)
    ]
    moves += [(source, target, ("recovery", source)) for source, target in entry.spec.recovery.items()]
    for source, target, path in moves:
        first = seen.setdefault((source, target), path)
        if source == target:
            help = "remove it: to stay in a state is no move"
            yield REPEATED.at(entry.at(*path), f"`{source}` to itself is no transition", help=help)
        elif first != path:
            label = Label(entry.at(*first), "first written here")
            is_both = first[0] != path[0]
            help = "a move is a transition or a recovery, not both" if is_both else "leave one of them out"
            message = f"`{source}` to `{target}` is written twice"
            yield REPEATED.at(entry.at(*path), message, related=(label,), help=help)


def _waits(entry: Entry, _: Project) -> Iterator[Diagnostic]:
    for state, spec in entry.spec.states.items():
        if spec.waits_for and spec.is_ in ("settled", "terminal"):
            label = Label(entry.at("states", state, "is"), f"declared {spec.is_} here")
            message = f"the work of a row in `{state}` is over, so it waits for nothing"
            yield WAITS_AFTER_END.at(entry.key("states", state, "waits_for"), message, related=(label,))


def _lower(_entry: Entry, _project: Project) -> Lowered:
    yield from ()


KIND = Kind(
    key="lifecycle",
    about="States with meaning, and the moves between them.",
    model=LifecycleSpec,
    lower=_lower,
    rules=(
        Rule((NO_INITIAL,), _has_initial),
        Rule((UNREACHABLE,), _reachable),
        Rule((DEAD_END,), _escapable),
        Rule((TERMINAL_LEFT,), _terminal_stays),
        Rule((REPEATED,), _distinct),
        Rule((WAITS_AFTER_END,), _waits),
        *intent.LIFECYCLE_RULES,
    ),
    pages_from="specc.kinds.lifecycle_page",
)

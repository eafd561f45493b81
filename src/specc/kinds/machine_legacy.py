"""Section `legacy` of a machine: the text column that held the state before, and what its words mean.

Models, rules and lowering to behaviour facts; the SQL that converts rows is no part of the migrations and is
made from these facts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from specc.analysis.legacy import Target, backwards, places, target, words, written
from specc.analysis.machines import BoundMachine, bound
from specc.analysis.tables import all_columns, table_of
from specc.diagnostics import Cause, Code, Diagnostic, Label
from specc.diagnostics.suggest import suggest
from specc.ir.behaviour import Legacy, LegacyBack, LegacyValue
from specc.lang.kind import Lowered, Rule
from specc.lang.markers import Ref, SpecModel
from specc.lang.project import Entry, Project
from specc.lang.resolve import UNKNOWN
from specc.pg.names import MAX_BYTES, SYSTEM_COLUMNS

REJECT = "reject"

Place = Annotated[str, Ref("state/substate", within="machine")]


class LegacySpec(SpecModel):
    """Words that stood for states in a text column before there was a machine."""

    about: str = Field("", description="Why words mean what they mean, for the docs.")
    column: str = Field(description="The old text column. It is no column of the table's document.")
    values: dict[str, Place] = Field(
        description="For each old word the state, or `state/substate`, it means."
    )
    otherwise: str = Field(
        REJECT,
        description="What becomes of rows with any other word, or none: `reject` refuses to convert, "
        "a state or `state/substate` takes them.",
    )
    back: dict[Place, str] = Field(
        default_factory=dict,
        description="The old word for each state that no word means, or several do, on the way back.",
    )


_START = (
    "lifecycle: order\nstates: {open: {is: initial}, held: {}, closed: {is: terminal}}\n"
    "transitions: {open: [held, closed], held: [open]}\n"
    "---\ntable: ticket\nabout: A ticket.\nshared: true\ncolumns: {title: text}\n"
    "---\naccess: tickets\ntables: [ticket]\nallow: {}\n"
    "---\nmachine: ticket\nfollows: order\nundriven: {open: People do., held: People do.}\n"
    "legacy:\n  column: status\n"
)
_GOOD = _START + "  values: {todo: open, stuck: held, done: closed}\n"
_BACK = _START + "  values: {todo: open, DONE: closed, done: closed}\n"

COLUMN = Code(
    "S330",
    "legacy-column",
    "The old column stands beside the table's own ones until everybody has moved over, so it has a name that "
    "PostgreSQL can give a column, and that no column of the table has.",
    wrong=_GOOD.replace("column: status", "column: title"),
    right=_GOOD,
)
NO_WAY = Code(
    "S331",
    "legacy-unreachable",
    "A row with this word is brought into the state step by step, along plain transitions from the state that "
    "rows begin in, so that the guard need not look away. Recovery is no such step: the row never failed.",
    wrong=_GOOD.replace("held: {}", "held: {is: initial}").replace(
        "[held, closed], held: [open]", "[closed], held: [closed]"
    ),
    right=_GOOD,
)
AMBIGUOUS = Code(
    "S332",
    "legacy-ambiguous",
    "Several old words mean this state, so the way back cannot tell which to write. Name one of them under `back`.",
    wrong=_BACK + "  back: {held: todo}\n",
    right=_BACK + "  back: {held: todo, closed: done}\n",
)
NO_WORD = Code(
    "S333",
    "legacy-no-word",
    "No old word means this state, and rows may be in it when somebody goes back, or reads the old column. "
    "Name the word that comes nearest under `back`.",
    wrong=_BACK + "  back: {closed: done}\n",
    right=_BACK + "  back: {held: todo, closed: done}\n",
)
NEEDLESS = Code(
    "S334",
    "legacy-needless-back",
    "Under `back` stands only what `values` leaves open: here exactly one word means the state, or the substate "
    "would take the same word from its state.",
    wrong=_GOOD + "  back: {held: stuck}\n",
    right=_GOOD,
)
WRONG_WORD = Code(
    "S335",
    "legacy-wrong-word",
    "A word under `back` is one of those under `values`, or rows could never be converted again; and where "
    "several words mean the state, it is one of these.",
    wrong=_BACK + "  back: {held: todo, closed: todo}\n",
    right=_BACK + "  back: {held: todo, closed: done}\n",
)


def _values(spec: LegacySpec) -> dict[str, Target]:
    return {word: target(text) for word, text in spec.values.items()}


def _back(spec: LegacySpec) -> dict[Target, str]:
    return {target(text): word for text, word in spec.back.items()}


def _readable(entry: Entry, project: Project) -> BoundMachine | None:
    """Return the machine if it has this section and all states that the section names are declared."""
    machine = bound(entry, project)
    if machine is None or entry.spec.legacy is None or not machine.lifecycle.is_sound:
        return None
    spec, known = entry.spec.legacy, {written(place) for place in places(machine.lifecycle)}
    named = {*spec.values.values(), *spec.back, spec.otherwise} - {REJECT}
    return machine if named <= known and machine.lifecycle.initial else None


def _column(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    machine = bound(entry, project)
    if machine is None or entry.spec.legacy is None:
        return
    table = table_of(machine, project)
    name, span = entry.spec.legacy.column, entry.at("legacy", "column")
    if table is not None and name in all_columns(table, project):
        yield COLUMN.at(span, f"`{machine.table}` has a column `{name}` of its own")
    elif not 0 < len(name.encode()) <= MAX_BYTES or name in SYSTEM_COLUMNS:
        yield COLUMN.at(span, f"`{name}` cannot be the name of a column")


def _otherwise(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    machine = bound(entry, project)
    if machine is None or entry.spec.legacy is None:
        return
    text, known = entry.spec.legacy.otherwise, [written(place) for place in places(machine.lifecycle)]
    if text != REJECT and text not in known:
        message = f"there is no state `{text}` in lifecycle `{machine.lifecycle_name}`"
        help = suggest(text, [REJECT, *known]) or "write `reject`, or a state"
        yield UNKNOWN.at(entry.at("legacy", "otherwise"), message, help=help)


def _reached(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    machine = _readable(entry, project)
    if machine is None:
        return
    spec, born = entry.spec.legacy, machine.lifecycle.initial[0]
    named = [(text, entry.at("legacy", "values", word)) for word, text in spec.values.items()]
    named += [(spec.otherwise, entry.at("legacy", "otherwise"))] if spec.otherwise != REJECT else []
    for text, span in named:
        state = target(text)[0]
        if state not in machine.lifecycle.shortest[born]:
            yield NO_WAY.at(span, f"no transitions lead from `{born}` to `{state}`")


def _total(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    machine = _readable(entry, project)
    if machine is None or not _names_words(entry):
        return
    values, back = _values(entry.spec.legacy), _back(entry.spec.legacy)
    missing, several = [], []
    for place in places(machine.lifecycle):
        found = words(values, place)
        if place not in back and len(found) > 1:
            several.append((place, found))
        elif place not in back and not found and not place[1] and place[0] in machine.lifecycle.reached():
            missing.append(f"`{place[0]}`")
    if missing:
        message = f"no old word means {', '.join(missing)}"
        help = "name the nearest word for each under `back`"
        notes: tuple[str, ...] = ()
        if not back and several:
            listed = ", ".join(f"`{written(place)}`" for place, _ in several)
            notes = (f"and several mean {listed}: one of them stands under `back`, too",)
            several = []
        yield NO_WORD.at(entry.key("legacy", "values"), message, notes=notes, help=help)
    for place, found in several:
        yield _several(entry, place, found)


def _names_words(entry: Entry) -> bool:
    """Whether each word under `back` is an old one: else another may be misspelt."""
    spec: LegacySpec = entry.spec.legacy
    return {*spec.back.values()} <= spec.values.keys()


def _several(entry: Entry, place: Target, found: tuple[str, ...]) -> Diagnostic:
    listed = ", ".join(f"`{word}`" for word in found)
    first, *others = (entry.key("legacy", "values", word) for word in found)
    related = tuple(Label(span, "so does this") for span in others)
    name = written(place)
    help = f"write `back: {{{name}: {found[0]}}}`, or another of them"
    return AMBIGUOUS.at(first, f"{listed} all mean `{name}`", related=related, help=help)


def _needed(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    machine = _readable(entry, project)
    if machine is None:
        return
    values, back = _values(entry.spec.legacy), _back(entry.spec.legacy)
    known = backwards(machine.lifecycle, values, back)
    for place, word in back.items():
        found, span = words(values, place), entry.at("legacy", "back", written(place))
        if len(found) == 1 and _names_words(entry):
            message = f"`{found[0]}` alone means `{written(place)}`"
            yield NEEDLESS.at(entry.key("legacy", "back", written(place)), message, help="remove it")
        elif word not in values:
            help = suggest(word, list(values)) or "write one of the words under `values`"
            cause = Cause(("old word", entry.name, word))
            yield WRONG_WORD.at(span, f"`{word}` is no old word", help=help, cause=cause)
        elif found and word not in found:
            message = f"`{word}` means `{written(values[word])}`"
            help = f"write {' or '.join(f'`{one}`' for one in found)}"
            yield WRONG_WORD.at(span, message, help=help)
        elif place[1] and not found and known.get((place[0], "")) == word:
            message = f"`{word}` is the word for `{place[0]}` anyway"
            yield NEEDLESS.at(entry.key("legacy", "back", written(place)), message, help="remove it")


RULES = (
    Rule((COLUMN,), _column),
    Rule((UNKNOWN,), _otherwise),
    Rule((NO_WAY,), _reached),
    Rule((AMBIGUOUS, NO_WORD), _total),
    Rule((NEEDLESS, WRONG_WORD), _needed),
)


def lower(machine: BoundMachine) -> Lowered:
    """Yield what the old words of a machine mean, and which word each state has on the way back."""
    spec: LegacySpec | None = machine.entry.spec.legacy
    if spec is None:
        return
    values = _values(spec)
    yield Legacy(machine.name, spec.column, spec.otherwise, spec.about)
    for word, (state, substate) in values.items():
        yield LegacyValue(machine.name, word, state, substate)
    for (state, substate), word in backwards(machine.lifecycle, values, _back(spec)).items():
        yield LegacyBack(machine.name, state, substate, word)

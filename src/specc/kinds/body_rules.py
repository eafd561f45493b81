"""What is checked of function bodies against the machines: states that exist, moves that are legal and declared."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache

from specc.analysis.bodies import Body, Move, bodies
from specc.analysis.body_names import missing, relations
from specc.analysis.drivers import wrongly_declared
from specc.analysis.machines import BoundMachine, Edge, machines
from specc.analysis.tables import all_columns, tables
from specc.diagnostics import Cause, Code, Diagnostic, Label, Span
from specc.diagnostics.suggest import suggest
from specc.lang.absent import absent
from specc.lang.kind import Rule
from specc.lang.project import Entry, Project
from specc.pg.parsing import SqlError, tokens
from specc.pg.routine import read_routine
from specc.pg.writes import BIRTH

_PROJECT = """\
lifecycle: order
states: {open: {is: initial}, held: {}, closed: {is: terminal}}
transitions: {open: [held, closed], held: [open]}
---
table: ticket
about: A ticket.
shared: true
columns: {title: text}
---
access: tickets
tables: [ticket]
allow: {}
---
machine: ticket
follows: order
undriven: {open: {to: {held: By hand.}}, held: By hand.}
# file: functions/public/close_ticket.sql
/*
about: Closes a ticket.
drives: {ticket: {open: [closed]}}
*/
create function close_ticket(p_id uuid) returns void language sql as $$
    update public.ticket set state = 'closed', state_since = private.now()
    where id = p_id and state = 'open';
$$;
"""

UNKNOWN_STATE = Code(
    "S540",
    "unknown-state-in-body",
    "A function compares a state column with a text, or writes one into it, that is no state of the machine: the "
    "comparison would fail when it runs, or be an error at the first row.",
    wrong=_PROJECT.replace("and state = 'open'", "and state in ('open', 'opne')"),
    right=_PROJECT,
)
ILLEGAL_MOVE = Code(
    "S541",
    "illegal-move-in-body",
    "A function takes rows from one state to another, and the machine has no such transition: its guard would "
    "refuse the statement each time it meets such a row.",
    wrong=_PROJECT.replace("and state = 'open'", "and state in ('open', 'held')"),
    right=_PROJECT,
)
UNDECLARED_MOVE = Code(
    "S542",
    "undeclared-move",
    "The docs say who takes each transition; that is what functions declare under `drives`. A move that a body "
    "makes and its header leaves out would be missing there.",
    wrong=_PROJECT.replace(
        "$$;", "    update public.ticket set state = 'held' where id = p_id and state = 'open';\n$$;"
    ),
    right=_PROJECT,
)
UNTAKEN_MOVE = Code(
    "S543",
    "untaken-move",
    "The header declares a move that the body never makes, so that a transition looks driven which is not.",
    wrong=_PROJECT.replace("{open: [closed]}}\n*/", "{open: [closed], held: [open]}}\n*/").replace(
        "undriven: {open: {to: {held: By hand.}}, held: By hand.}", "undriven: {open: {to: {held: By hand.}}}"
    ),
    right=_PROJECT,
)
ILLEGAL_BIRTH = Code(
    "S544",
    "illegal-birth",
    "Rows are inserted in an initial state; the guard refuses any other.",
    wrong=_PROJECT.replace(
        "    update public.ticket",
        "    insert into public.ticket (title, state) values ('x', 'held');\n    update public.ticket",
    ),
    right=_PROJECT,
)
UNKNOWN_TABLE = Code(
    "S545",
    "unknown-table-in-body",
    "A body names a table that the project does not have. PostgreSQL finds that out when the function is called; "
    "and since every function has an empty `search_path`, a table without its schema is not found either.",
    wrong=_PROJECT.replace("update public.ticket", "update public.tickt")
    .replace("drives: {ticket: {open: [closed]}}\n", "")
    .replace(
        "undriven: {open: {to: {held: By hand.}}, held: By hand.}",
        "undriven: {open: By hand., held: By hand.}",
    ),
    right=_PROJECT,
)
UNKNOWN_COLUMN = Code(
    "S546",
    "unknown-column-in-body",
    "A body writes a column that its table does not have; PostgreSQL finds that out when the function is called.",
    wrong=_PROJECT.replace("set state = 'closed',", "set state = 'closed', titel = 'x',"),
    right=_PROJECT,
)


def _body(entry: Entry, project: Project) -> Body | None:
    return bodies(project).get(project.full_name("function", entry.name))


@lru_cache(maxsize=8)
def _machines(project: Project) -> Mapping[str, BoundMachine]:
    return {one.name: one for one in machines(project).values()}


def _at(entry: Entry, offset: int, length: int = 1) -> Span:
    return entry.places.inside(("sql",), offset, offset + length)


def _token(entry: Entry, offset: int) -> Span:
    """Return the span of the token of a body that begins at an offset."""
    routine = read_routine(entry.spec.sql)
    at = offset - routine.body_start
    if not routine.is_verbatim:
        return _at(entry, offset)
    found = tokens(routine.body)
    around = found[max(bisect_right(found, at, key=lambda one: one.start) - 1, 0)]
    end = around.end if around.start == at else _inner_end(routine.body[: around.end - 1], at)
    return _at(entry, offset, max(end - at, 1))


def _inner_end(body: str, at: int) -> int:
    """Return where a token ends that stands in a text, such as the one that EXECUTE runs."""
    if body.startswith("''", at) and "''" in body[at + 2 :]:
        return body.index("''", at + 2) + 2
    try:
        return at + tokens(body[at:])[0].end
    except (SqlError, IndexError):
        return at + 1


def _states(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    body = _body(entry, project)
    for one in body.unknown if body else ():
        known = _machines(project).values() if not one.machine else (_machines(project)[one.machine],)
        states = dict.fromkeys(state for machine in known for state in machine.lifecycle.states)
        whose = f"machine `{one.machine}`" if one.machine else "any machine"
        message = f"`{one.value}` is no state of {whose}"
        lives = {machine.lifecycle_name for machine in known}
        life = lives.pop() if len(lives) == 1 else ""
        cause = absent(project, "state", one.value, "lifecycle", life) if life else None
        yield UNKNOWN_STATE.at(
            _token(entry, one.offset), message, help=suggest(one.value, states), cause=cause
        )


def _moves(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    """Check the moves of each statement together: which of its values a row gets may not be known."""
    body = _body(entry, project)
    statements: dict[tuple[str, int], list[Move]] = {}
    sound = {name for name, machine in _machines(project).items() if machine.lifecycle.is_sound}
    doubtful = wrongly_declared(entry, project)
    for move in body.moves if body else ():
        if move.machine not in sound:
            continue  # What is wrong with the lifecycle may be why the move is.
        if move.form == BIRTH:
            yield from _birth(entry, move, _machines(project)[move.machine])
        else:
            statements.setdefault((move.machine, move.statement), []).append(move)
    for (name, _), moves in statements.items():
        machine = _machines(project)[name]
        illegal = list(_illegal(entry, moves, machine))
        yield from illegal or (() if name in doubtful else _undeclared(entry, moves, machine))


def _birth(entry: Entry, move: Move, machine: BoundMachine) -> Iterator[Diagnostic]:
    if move.target not in machine.lifecycle.initial:
        initial = ", ".join(f"`{one}`" for one in machine.lifecycle.initial)
        message = f"a row of `{machine.name}` cannot be born `{move.target}`"
        yield ILLEGAL_BIRTH.at(_token(entry, move.offset), message, help=f"insert it as {initial}")


def _edges(move: Move, machine: BoundMachine) -> set[Edge]:
    """Return the moves a write may make legally: a recovery spends an attempt, a step must not."""
    recoveries = () if move.raises is False else machine.recoveries
    return {*recoveries, *(() if move.raises else machine.lifecycle.steps)}


def _pairs(move: Move) -> list[Edge]:
    return [(source, move.target) for source in move.sources if source != move.target]


def _without(moves: list[Move], good: Callable[[Edge, Move], bool]) -> Iterator[tuple[Move, list[Edge]]]:
    """Yield the moves of one statement, each with its pairs that are not good, for certain.

    Of several states left and several entered, which goes with which is not known: only a state that is left,
    or entered, in no good way is certain. To stay in a state is good.
    """
    left = {source for move in moves for source in move.sources if source == move.target}
    entered = set(left)
    for move in moves:
        for pair in _pairs(move):
            if good(pair, move):
                left.add(pair[0])
                entered.add(pair[1])
    for move in moves:
        bad = [pair for pair in _pairs(move) if not good(pair, move)]
        yield move, [pair for pair in bad if pair[0] not in left or pair[1] not in entered]


def _illegal(entry: Entry, moves: list[Move], machine: BoundMachine) -> Iterator[Diagnostic]:
    for move, pairs in _without(moves, lambda pair, move: pair in _edges(move, machine)):
        if pairs:
            listed = ", ".join(f"`{source} → {target}`" for source, target in pairs)
            message = f"machine `{machine.name}` has no move {listed}"
            source = pairs[0][0]
            place = move.source_offsets[move.sources.index(source)]
            label = Label(_token(entry, place), f"this lets rows in `{source}` through")
            help = _legal_ways(pairs[0], move, machine)
            cause = Cause(("move", machine.name, *pairs[0])) if len(pairs) == 1 else None
            span = _token(entry, move.offset)
            yield ILLEGAL_MOVE.at(span, message, related=(label,), help=help, cause=cause)
        elif not move.sources and not any(target == move.target for _, target in _edges(move, machine)):
            how = (
                "by spending an attempt"
                if move.raises
                else "but a recovery"
                if _recovers(move, machine)
                else ""
            )
            message = f"nothing leads `{machine.name}` to `{move.target}` {how}".rstrip()
            help = "a recovery also sets attempt = attempt + 1" if _recovers(move, machine) else ""
            yield ILLEGAL_MOVE.at(_token(entry, move.offset), message, help=help)


def _recovers(move: Move, machine: BoundMachine) -> bool:
    return any(target == move.target for _, target in machine.recoveries)


def _legal_ways(pair: Edge, move: Move, machine: BoundMachine) -> str:
    source = pair[0]
    if move.raises and pair in machine.lifecycle.steps:
        return f"only a recovery sets attempt = attempt + 1, and `{source} → {pair[1]}` is none"
    targets = ", ".join(f"`{one}`" for one in machine.lifecycle.following[source])
    recovered = [target for start, target in machine.recoveries if start == source]
    if recovered:
        return f"from `{source}` a row recovers to `{recovered[0]}` in an UPDATE that also sets attempt = attempt + 1"
    return f"from `{source}` a row may move to {targets}" if targets else f"nothing leads out of `{source}`"


def _declared(entry: Entry, machine: BoundMachine) -> set[Edge]:
    moves = entry.spec.drives.get(machine.name, {})
    return {(source, target) for source, targets in moves.items() for target in targets}


def _undeclared(entry: Entry, moves: list[Move], machine: BoundMachine) -> Iterator[Diagnostic]:
    declared = _declared(entry, machine)
    entered = {target for _, target in declared}

    def is_declared(pair: Edge, move: Move) -> bool:
        return pair in declared

    for move, pairs in _without(moves, is_declared):
        missing = [pair for pair in pairs if pair in _edges(move, machine)]
        if not move.sources and move.target not in entered:
            missing = [("…", move.target)]
        if missing:
            listed = ", ".join(f"`{source} → {target}`" for source, target in missing)
            message = f"this moves `{machine.name}` {listed}, which the header does not declare"
            yield UNDECLARED_MOVE.at(_token(entry, move.offset), message, help="add it under `drives`")


def _untaken(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    body = _body(entry, project)
    for name, moves in entry.spec.drives.items() if body else ():
        machine = _machines(project).get(name)
        if body is None or machine is None or not machine.lifecycle.is_sound:
            continue
        legal = {*machine.lifecycle.steps, *machine.recoveries}
        for source, targets in moves.items():
            for at, target in enumerate(targets):
                if (source, target) in legal and not _may_take(body, machine, (source, target)):
                    span = entry.at("drives", name, source, at)
                    message = f"the body never moves `{name}` from `{source}` to `{target}`"
                    yield UNTAKEN_MOVE.at(span, message, help="remove it, or take the move")


def _may_take(body: Body, machine: BoundMachine, pair: Edge) -> bool:
    """Whether a body takes a move, or may take it for all that is known of it.

    A misspelt state, and a move to the same state from a wrong one, may be meant as this move.
    """
    moves = [one for one in body.moves if one.machine == machine.name and one.form != BIRTH]
    taken = [(each, _edges(one, machine)) for one in moves for each in _pairs(one)]
    return (
        any(each == pair and pair in edges for each, edges in taken)
        or any(each[1] == pair[1] and each not in edges for each, edges in taken)
        or any(one.machine == machine.name for one in body.unknown)
        or any(one.may_take(machine.name, *pair) for one in body.undecided)
    )


def _names(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    for one in missing(project.full_name("function", entry.name), project):
        span = _at(entry, one.offset, len(one.name))
        if one.table:
            known = all_columns(tables(project)[one.table], project)
            message = f"table `{project.short_name(one.table)}` has no column `{one.name}`"
            cause = absent(project, "column", one.name, "table", one.table)
            yield UNKNOWN_COLUMN.at(span, message, help=suggest(one.name, known), cause=cause)
            continue
        full_name = project.full_name("table", one.name)
        if full_name in relations(project):
            message = f"`{one.name}` has no schema, and `search_path` is empty"
            yield UNKNOWN_TABLE.at(span, message, help=f"write `{full_name}`")
        else:
            hint = suggest(one.name, [*relations(project), *map(project.short_name, relations(project))])
            cause = absent(project, "table", project.short_name(one.name))
            yield UNKNOWN_TABLE.at(span, f"there is no table `{one.name}`", help=hint, cause=cause)


RULES = (
    Rule((UNKNOWN_TABLE, UNKNOWN_COLUMN), _names),
    Rule((UNKNOWN_STATE,), _states),
    Rule((ILLEGAL_MOVE, ILLEGAL_BIRTH, UNDECLARED_MOVE), _moves),
    Rule((UNTAKEN_MOVE,), _untaken),
)

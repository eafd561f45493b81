"""What is checked of function bodies against the machines: states that exist, moves that are legal and declared."""

from __future__ import annotations

from collections.abc import Iterator

from specc.analysis.bodies import Body, Move, bodies
from specc.analysis.body_names import missing, relations
from specc.analysis.machines import BoundMachine, machines
from specc.analysis.tables import all_columns, tables
from specc.diagnostics import Code, Diagnostic, Span
from specc.diagnostics.suggest import suggest
from specc.lang.kind import Rule
from specc.lang.project import Entry, Project
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


def _machine(name: str, project: Project) -> BoundMachine:
    return next(one for one in machines(project).values() if one.name == name)


def _at(entry: Entry, offset: int, length: int = 1) -> Span:
    return entry.places.inside(("sql",), offset, offset + length)


def _states(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    body = _body(entry, project)
    for one in body.unknown if body else ():
        states = _machine(one.machine, project).lifecycle.states
        span = _at(entry, one.offset, len(one.value) + 2)
        message = f"`{one.value}` is no state of machine `{one.machine}`"
        yield UNKNOWN_STATE.at(span, message, help=suggest(one.value, states))


def _moves(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    body = _body(entry, project)
    for move in body.moves if body else ():
        machine = _machine(move.machine, project)
        if move.form == BIRTH:
            yield from _birth(entry, move, machine)
            continue
        illegal = _illegal(move, machine)
        if illegal:
            listed = ", ".join(f"`{source} → {target}`" for source, target in illegal)
            message = f"machine `{machine.name}` has no move {listed}"
            yield ILLEGAL_MOVE.at(
                _at(entry, move.offset, 5), message, help=_legal_ways(illegal[0][0], machine)
            )
        else:
            yield from _undeclared(entry, move, machine)


def _birth(entry: Entry, move: Move, machine: BoundMachine) -> Iterator[Diagnostic]:
    wrong = [one for one in move.targets if one not in machine.lifecycle.initial]
    if wrong:
        initial = ", ".join(f"`{one}`" for one in machine.lifecycle.initial)
        message = f"a row of `{machine.name}` cannot be born `{wrong[0]}`"
        yield ILLEGAL_BIRTH.at(_at(entry, move.offset, 5), message, help=f"insert it as {initial}")


def _edges(move: Move, machine: BoundMachine) -> set[tuple[str, str]]:
    """Return the moves a write may make legally: recoveries only where it raises `attempt`."""
    return set(machine.recoveries if move.raises else machine.lifecycle.steps)


def _pairs(move: Move) -> list[tuple[str, str]]:
    return [(source, target) for source in move.sources for target in move.targets if source != target]


def _illegal(move: Move, machine: BoundMachine) -> list[tuple[str, str]]:
    """Return the moves that are illegal for certain.

    Of several states left and several entered, which goes with which is not known: then only a state without
    any legal partner is certain.
    """
    edges, pairs = _edges(move, machine), _pairs(move)
    if len(move.sources) <= 1 or len(move.targets) <= 1:
        return [pair for pair in pairs if pair not in edges]
    sources = {source for source, target in pairs if (source, target) in edges}
    targets = {target for source, target in pairs if (source, target) in edges}
    return [pair for pair in pairs if pair[0] not in sources or pair[1] not in targets]


def _legal_ways(source: str, machine: BoundMachine) -> str:
    targets = ", ".join(f"`{one}`" for one in machine.lifecycle.following[source])
    recovered = [target for start, target in machine.recoveries if start == source]
    if recovered:
        return f"from `{source}` a row recovers to `{recovered[0]}` in an UPDATE that also sets attempt = attempt + 1"
    return f"from `{source}` a row may move to {targets}" if targets else f"nothing leads out of `{source}`"


def _declared(entry: Entry, machine: BoundMachine) -> set[tuple[str, str]]:
    moves = entry.spec.drives.get(machine.name, {})
    return {(source, target) for source, targets in moves.items() for target in targets}


def _undeclared(entry: Entry, move: Move, machine: BoundMachine) -> Iterator[Diagnostic]:
    declared, edges = _declared(entry, machine), _edges(move, machine)
    entered = {target for _, target in declared}
    missing = [pair for pair in _pairs(move) if pair in edges and pair not in declared]
    if len(move.sources) > 1 and len(move.targets) > 1:
        missing = [pair for pair in missing if pair[1] not in entered]
    if not move.sources:
        missing = [("…", target) for target in move.targets if target not in entered]
    if missing:
        listed = ", ".join(f"`{source} → {target}`" for source, target in missing)
        message = f"this moves `{machine.name}` {listed}, which the header does not declare"
        yield UNDECLARED_MOVE.at(_at(entry, move.offset, 5), message, help="add it under `drives`")


def _untaken(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    body = _body(entry, project)
    if body is None:
        return
    for name, moves in entry.spec.drives.items():
        if any(one.machine in ("", name) for one in body.undecided):
            continue
        taken = {pair for move in body.moves if move.machine == name for pair in _pairs(move)}
        for source, targets in moves.items():
            for at, target in enumerate(targets):
                if (source, target) not in taken and any(
                    one.name == name for one in machines(project).values()
                ):
                    span = entry.at("drives", name, source, at)
                    message = f"the body never moves `{name}` from `{source}` to `{target}`"
                    yield UNTAKEN_MOVE.at(span, message, help="remove it, or take the move")


def _names(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    for one in missing(project.full_name("function", entry.name), project):
        span = _at(entry, one.offset, len(one.name))
        if one.table:
            known = all_columns(tables(project)[one.table], project)
            message = f"table `{project.short_name(one.table)}` has no column `{one.name}`"
            yield UNKNOWN_COLUMN.at(span, message, help=suggest(one.name, known))
            continue
        full_name = project.full_name("table", one.name)
        if full_name in relations(project):
            message = f"`{one.name}` has no schema, and `search_path` is empty"
            yield UNKNOWN_TABLE.at(span, message, help=f"write `{full_name}`")
        else:
            hint = suggest(one.name, [*relations(project), *map(project.short_name, relations(project))])
            yield UNKNOWN_TABLE.at(span, f"there is no table `{one.name}`", help=hint)


RULES = (
    Rule((UNKNOWN_TABLE, UNKNOWN_COLUMN), _names),
    Rule((UNKNOWN_STATE,), _states),
    Rule((ILLEGAL_MOVE, ILLEGAL_BIRTH, UNDECLARED_MOVE), _moves),
    Rule((UNTAKEN_MOVE,), _untaken),
)

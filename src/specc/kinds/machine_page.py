"""The docs page of a machine: its diagram, its states and moves, who takes them, and how to move a row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from specc.analysis.machines import BoundMachine, Edge, bound
from specc.analysis.monitors import OF_EACH, watching
from specc.analysis.patience import patience, words_of
from specc.ir.behaviour import State, Transition
from specc.ir.model import Ir
from specc.ir.page import (
    OPERATING_PATH,
    Block,
    Bullets,
    Code,
    Grid,
    Heading,
    Line,
    Link,
    Mono,
    Page,
    Paragraph,
    StateDiagram,
    Text,
    function_path,
    lifecycle_path,
    machine_path,
    table_path,
    view_path,
    watching_path,
)
from specc.kinds import machine_lease, machine_sync_page, machine_times_page
from specc.kinds.machine_legacy_page import legacy
from specc.kinds.table_page import page_of
from specc.lang.project import Entry, Project
from specc.pg.names import MONITOR, fit, lit, qualified


def page(entry: Entry, project: Project, ir: Ir) -> Iterator[Page]:
    """Yield the page of a machine; none for one whose table has another already."""
    machine = bound(entry, project)
    if machine is None:
        return
    life = machine.lifecycle
    blocks = (
        Bullets(tuple(_facts(machine, project))),
        Heading("Diagram"),
        StateDiagram(life.states, life.initial, life.terminal, life.steps, machine.recoveries),
        *_states(machine, project, ir),
        *_transitions(machine, project, ir),
        *machine_times_page.timeouts(machine, project, ir),
        *_recovery(machine, project, ir),
        *machine_sync_page.blocks(entry, project),
        *_moving(machine),
        *_refused(machine),
        *_history(machine),
        *legacy(machine, ir),
    )
    about = entry.spec.about or project.get("lifecycle", entry.spec.follows).spec.about
    yield Page(machine_path(machine.name), machine.name, "Machines", about, entry.file, blocks)
    yield from machine_sync_page.table_pages(entry, project, ir)
    kept = (machine.schema, machine.history)
    yield page_of(kept, ir.about("table", *kept), entry.file, project, ir)


def _facts(machine: BoundMachine, project: Project) -> Iterator[Line]:
    full, view = f"{machine.schema}.{machine.table}", machine.status
    yield (Text("Table: "), Link(project.short_name(full), page=table_path(machine.schema, machine.table)))
    yield (Text("Lifecycle: "), Link(machine.lifecycle_name, page=lifecycle_path(machine.lifecycle_name)))
    yield (Text("Type of its states: "), Mono(qualified(machine.schema, machine.enum)))
    yield (Text("Where each row is: "), Link(view, page=view_path(machine.schema, view)))
    for about, view in zip(OF_EACH.values(), watching(machine.name), strict=True):
        name = f"{MONITOR}.{view}"
        yield (Text(f"{about}: "), Link(name, page=watching_path(machine.name), anchor=name))
    told = f"{qualified(MONITOR, fit(f'{machine.name}_story'))}(id)"
    yield (Text("All about one row: "), Mono(told))
    asked = f"{qualified(machine.schema, machine.may_move)}(from, to)"
    yield (Text("Whether a row may move: "), Mono(asked))
    check, mend = (f"{qualified('private', fit(f'{machine.name}_{verb}'))}()" for verb in ("check", "mend"))
    yield (
        Text("Rows that the guards forbid, should there be any: "), Mono(check), Text("; some can be mended: "),
        Mono(mend),
    )  # fmt: skip
    yield from machine_lease.facts(machine)
    yield (Text(f"Attempts: {machine.attempts or 'none, a row never recovers'}"),)


def _states(machine: BoundMachine, project: Project, ir: Ir) -> Iterator[Block]:
    states = [ir.by_identity["state", machine.name, name] for name in machine.lifecycle.states]
    known = [state for state in states if isinstance(state, State)]
    yield Heading("States")
    limits = patience(machine)
    rows = tuple(
        ((Mono(one.name),), (Text(one.role),), (Text(_limit(one.name, limits)),), (Text(one.about),))
        for one in known
    )
    yield Grid(("State", "Role", "Stuck after", "About"), rows)
    spec = project.get("lifecycle", machine.entry.spec.follows).spec
    substates = tuple(
        ((Mono(f"{one.name}/{substate}"),), (Text(spec.states[one.name].substates[substate].about),))
        for one in known
        for substate in one.substates
    )
    if substates:
        yield Heading("Substates")
        yield Paragraph((Text("Why or how a row is in its state. A substate is always optional."),))
        yield Grid(("Substate", "Means"), substates)


def _limit(state: str, limits: Mapping[str, float]) -> str:
    return words_of(limits[state]) if state in limits else ""


def _transitions(machine: BoundMachine, project: Project, ir: Ir) -> Iterator[Block]:
    yield Heading("Transitions")
    rows = _moves(machine, machine.lifecycle.steps, project, ir)
    if rows:
        yield Grid(("From", "To", "Taken by"), rows)
    else:
        yield Paragraph((Text("None: a row stays as it is inserted."),))


def _recovery(machine: BoundMachine, project: Project, ir: Ir) -> Iterator[Block]:
    if machine.recoveries:
        times = "once" if machine.attempts == 1 else f"{machine.attempts} times"
        yield Heading("Recovery")
        text = f", at most {times} in a row's life. Nobody may write it over the API."
        yield Paragraph(
            (Text("Legal only in an UPDATE that raises "), Mono("attempt"), Text(f" by one{text}"))
        )
        yield Grid(("From", "To", "Taken by"), _moves(machine, machine.recoveries, project, ir))
        yield from machine_times_page.recovering(machine, ir)


def _moves(
    machine: BoundMachine, edges: Iterable[Edge], project: Project, ir: Ir
) -> tuple[tuple[Line, Line, Line], ...]:
    found = []
    for source, target in edges:
        move = ir.by_identity["transition", machine.name, source, target]
        if isinstance(move, Transition):
            found.append(((Mono(source),), (Mono(target),), tuple(_taken_by(move, project))))
    return tuple(found)


def _taken_by(move: Transition, project: Project) -> Line:
    if not move.drivers:
        return (Text(f"nothing: {move.undriven}" if move.undriven else "nothing that is declared"),)
    line: list[Text | Mono | Link] = []
    for name in move.drivers:
        line += [Text(", ")] if line else []
        if name in machine_times_page.OWN:
            line.append(Text(machine_times_page.OWN[name]))
            continue
        short = project.short_name(name)
        is_known = project.find("function", name) is not None
        line.append(Link(short, page=function_path(name)) if is_known else Mono(short))
    return tuple(line)


def _moving(machine: BoundMachine) -> Iterator[Block]:
    life = machine.lifecycle
    if not life.steps:
        return
    source, target = life.steps[0]
    yield Heading("Moving a row")
    yield Paragraph(
        (
            Text("One UPDATE sets the state, its substate and its moment, and names the state that is left, so "
            "that a row which somebody else has moved meanwhile stays as it is. What it leaves out the guard "
            "sets, by writing the row a second time."),
        )
    )  # fmt: skip
    yield Code("sql", _update(machine, source, target))
    for source, target in machine.recoveries[:1]:
        yield Paragraph((Text("A recovery spends an attempt:"),))
        yield Code("sql", _update(machine, source, target, spends=True))


def _update(machine: BoundMachine, source: str, target: str, *, spends: bool = False) -> str:
    sets = [f"state = {lit(target)}", "state_substate = null", "state_since = private.now()"]
    sets += ["attempt = attempt + 1"] if spends else []
    table = qualified(machine.schema, machine.table)
    joined = ",\n    ".join(sets)
    return f"update {table}\nset {joined}\nwhere id = $1 and state = {lit(source)};"


def _refused(machine: BoundMachine) -> Iterator[Block]:
    life = machine.lifecycle
    refused = _illegal(machine)
    yield Heading("Refused moves")
    yield Paragraph(
        (
            Text("Every other move is refused with SQLSTATE "), Mono("PT409"),
            Text(", whoever tries it, the table's owner included; so is a row that is inserted in another state than "),
            *_listed(life.initial),
            Text(", a substate that its state does not have, and a change of "), Mono("attempt"), Text("."),
        )
    )  # fmt: skip
    if refused:
        yield Code("text", refused_text(machine, *refused))
    where = Link("how to find them in the log", page=OPERATING_PATH, anchor="Refused moves", mono=False)
    yield Paragraph(
        (Text("No table counts refusals, since they are undone with their transaction: "), where, Text("."))
    )


def _history(machine: BoundMachine) -> Iterator[Block]:
    name = machine.history
    yield Heading("History")
    yield Paragraph(
        (
            Text("The guard writes a row of "), Link(name, page=table_path(machine.schema, name)),
            Text(" for each birth, each move and each change of a substate, in the transaction that makes it. Who "
            "may read all of the table reads it; nobody but the owner of the database writes it. A caller may say why:"),
        )
    )  # fmt: skip
    yield Code("sql", "set local specc.reason = 'Its source was switched off.';")


def _listed(names: Iterable[str]) -> Iterator[Text | Mono]:
    for at, name in enumerate(names):
        if at:
            yield Text(" or ")
        yield Mono(name)


def _illegal(machine: BoundMachine) -> Edge | None:
    """Return a move to show: the first that is neither a transition nor a recovery."""
    life = machine.lifecycle
    for source in life.states:
        legal = {source, *life.following[source], *life.recovering[source]}
        for target in reversed(life.states):
            if target not in legal:
                return source, target
    return None


def refused_text(machine: BoundMachine, source: str, target: str) -> str:
    """Return what psql shows of a refused move, as the template `refuse` words it."""
    life = machine.lifecycle
    allowed = [state for state in life.states if state in life.following[source]]
    allowed += [
        f"{to} by recovery (attempt 1 of {machine.attempts})"
        for left, to in machine.recoveries
        if left == source
    ]
    ask = f"{machine.schema}.{machine.may_move}"
    return (
        f"ERROR:  PT409: {machine.name} cannot move from {source} to {target}\n"
        f"DETAIL:  Row <id>, from {source}, to {target}, allowed: {', '.join(allowed) or 'nothing'}.\n"
        f"HINT:  Take a declared transition; {ask}(from, to) tells which are."
    )

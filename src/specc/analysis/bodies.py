"""Function bodies against the machines: which moves each function makes, and which cannot be decided.

Reads the SQL of every function and says what it does to the states of the project's machines. What a body
does through dynamic SQL, whole-row assignments or triggers is not seen here; it is listed as undecided
where it may concern a state, and the guard refuses what is illegal anyway.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from specc.analysis.machines import BoundMachine, machines
from specc.analysis.routines import BoundRoutine, routines, row_types
from specc.analysis.state_variables import STATE, TRIGGER_ROW, enums, variables
from specc.analysis.tables import all_columns, tables
from specc.lang.project import Project
from specc.pg.parsing import SqlError, parse
from specc.pg.pieces import FIELD, UNREADABLE, Piece, pieces
from specc.pg.scopes import Known, Place, Relation, Scope, Table
from specc.pg.tree import Fields, nodes, texts
from specc.pg.writes import BIRTH, Found, Write, column_writes, written
from specc.record import record

GUARDS_OFF = "it turns triggers off, and the guards with them"
_MATTERS = (STATE, "insert", "merge", "session_replication_role", "trigger")
_OTHERS = ("_state", "session_replication_role", "trigger")
_TRIGGERS_OFF = ("AT_DisableTrig", "AT_DisableTrigAll", "AT_DisableTrigUser")


@record
class Move:
    """A constant that a statement writes into a state, and the states it may leave; () if they are not known.

    `form` is birth or move. `offset` is where the constant stands, `source_offsets` what names each source.
    Moves with one `statement` are written by one SET: which of them a row takes may not be known. `raises`
    says whether it spends an attempt, None if that is not known.
    """

    machine: str
    form: str
    sources: tuple[str, ...]
    target: str
    raises: bool | None
    offset: int
    source_offsets: tuple[int, ...]
    statement: int


@record
class Undecided:
    """Something in a body that may move a row, and why it cannot be said how; `machine` is "" for any.

    `sources` and `targets` are the states it can leave and enter at most; None for all.
    """

    machine: str
    reason: str
    offset: int
    sources: tuple[str, ...] | None = None
    targets: tuple[str, ...] | None = None

    def may_take(self, machine: str, source: str, target: str) -> bool:
        """Whether it may take a move, for all that is known."""
        return (
            self.machine in ("", machine)
            and (self.sources is None or source in self.sources)
            and (self.targets is None or target in self.targets)
        )


@record
class Unknown:
    """A text compared with, or written into, a state that is none of its machine; "" for the row of a trigger."""

    machine: str
    value: str
    offset: int


@record
class Body:
    """What one function does to states; offsets are in the function's SQL."""

    moves: tuple[Move, ...]
    undecided: tuple[Undecided, ...]
    unknown: tuple[Unknown, ...]


@lru_cache(maxsize=8)
def bodies(project: Project) -> Mapping[str, Body]:
    """Return what each function whose body can be read does, by its full name."""
    return {name: _read(routine, project) for name, routine in routines(project).items()}


@lru_cache(maxsize=4096)
def body_pieces(bound: BoundRoutine, project: Project) -> tuple[frozenset[str], tuple[Piece, ...]]:
    """Return the names of variables of a function, and the SQL of its body, piece by piece."""
    return pieces(bound.routine, row_types(project), STATE)


def _read(bound: BoundRoutine, project: Project) -> Body:
    names, found = body_pieces(bound, project)
    records, typed = variables(bound, _known(project), project)
    scope = Scope(STATE, _known(project), project.default_schema, names, records=records, typed=typed)
    reader = _Reader(bound, project, scope)
    for piece in found:
        reader.read(piece)
    unknown = tuple(dict.fromkeys(reader.unknown))
    return Body(tuple(reader.moves), tuple(dict.fromkeys(reader.undecided)), unknown)


@lru_cache(maxsize=8)
def _known(project: Project) -> Known:
    """Return what tells tables of the project, other schemas' relations, and perhaps views of ours apart."""
    bound, schemas = machines(project), {*project.settings.schemas, "private", "monitor"}
    found: dict[Place, Table] = {}
    for full_name, table in tables(project).items():
        machine = bound.get(full_name)
        life = machine.lifecycle if machine and machine.lifecycle.is_complete else None
        labels, born = (life.states, life.initial[:1]) if life else ((), ())
        columns = frozenset(all_columns(table, project))
        found[table.schema, table.name] = Table(columns, labels, "".join(born))
    return lambda place: found.get(place, None if place[0] in schemas else Table())


class _Reader:
    """Gathers what the pieces of one body do to states."""

    def __init__(self, bound: BoundRoutine, project: Project, scope: Scope) -> None:
        self.routine = bound.routine
        self.default_schema = project.default_schema
        self.machines = machines(project)
        self.enums = enums(project)
        self.scope = scope
        self.moves: list[Move] = []
        self.undecided: list[Undecided] = []
        self.unknown: list[Unknown] = []

    def read(self, piece: Piece) -> None:
        """Read one piece: what it writes, what it compares, and what cannot be said of it."""
        if piece.reason:
            self._leave_open("", piece.reason, self._place(piece, 0))
            return
        lowered = piece.text.lower()
        if not piece.target and not any(word in lowered for word in _MATTERS):
            return
        try:
            statements = parse(piece.text)
            found = column_writes(statements, self.scope)
        except (SqlError, RecursionError):
            self._leave_open("", UNREADABLE, self._place(piece, 0))
            return
        if piece.target:
            self._assigned(statements, piece)
        for write in found.writes:
            self._write(write, piece)
        self._compared(found, piece)
        self._others(statements, lowered, piece)

    def _place(self, piece: Piece, offset: int) -> int:
        return self.routine.in_text(piece.place(offset))

    def _leave_open(self, machine: str, reason: str, offset: int, **bounds: tuple[str, ...] | None) -> None:
        self.undecided.append(Undecided(machine, reason, offset, **bounds))

    def _machine(self, place: Place | None) -> BoundMachine | None:
        return self.machines.get(".".join(place)) if place else None

    def _write(self, write: Write, piece: Piece) -> None:
        machine = self._machine(write.table)
        at = self._place(piece, write.offset)
        if machine is None:
            self._leave_open("", write.reason, at)
            return
        states = machine.lifecycle.states
        sources = tuple(one for one in states if one in write.sources) if write.sources is not None else ()
        if write.reason:
            left = None if write.sources is None and write.form != BIRTH else sources
            entered = None if write.value is None else (write.value,)
            self._leave_open(machine.name, write.reason, at, sources=left, targets=entered)
        if write.value is not None and write.value not in states:
            self.unknown.append(Unknown(machine.name, write.value, at))
        elif write.value is not None:
            places = tuple(self._place(piece, (write.sources or {})[one]) for one in sources)
            statement = self._place(piece, write.statement)
            move = Move(machine.name, write.form, sources, write.value, write.raises, at, places, statement)
            self.moves.append(move)

    def _assigned(self, statements: list[Any], piece: Piece) -> None:
        """Read what becomes the state of a trigger's row, or a variable that holds a state."""
        record, _, field = piece.target.partition(".")
        is_trigger_row = piece.target == f"new.{STATE}"
        relation = self.scope.records.get(record) if field == STATE else self.scope.typed.get(piece.target)
        if relation is None:
            return
        value = statements[0]["stmt"]["SelectStmt"]["targetList"][0]["ResTarget"]["val"]
        targets, is_complete = written(value, self.scope)
        if is_trigger_row:
            at = self._place(piece, value[next(iter(value))].get("location", 0))
            known = tuple(sorted(targets)) if is_complete else None
            self._leave_open("", FIELD.format(STATE), at, targets=known)
        for one, offset in targets.items():
            self._check(one, relation.place, piece, offset)

    def _compared(self, found: Found, piece: Piece) -> None:
        for one in found.compared:
            self._check(one.value, one.table, piece, one.offset)

    def _check(self, value: str, place: Place | None, piece: Piece, offset: int) -> None:
        """Report a text that is no state where one is meant."""
        machine = self._machine(place)
        row = self.scope.records.get("new", Relation()).table or Table()
        known = machine.lifecycle.states if machine else row.labels
        if known and value not in known:
            self.unknown.append(Unknown(machine.name if machine else "", value, self._place(piece, offset)))

    def _others(self, statements: list[Any], lowered: str, piece: Piece) -> None:
        """Find casts to a machine's enum, and what turns guards off."""
        for kind, fields in nodes(statements) if any(word in lowered for word in _OTHERS) else ():
            if kind == "TypeCast":
                self._cast(fields, piece)
            elif _turns_off(kind, fields):
                self._leave_open("", GUARDS_OFF, self._place(piece, 0))

    def _cast(self, fields: Fields, piece: Piece) -> None:
        """Report a text that is cast to the enum of a machine and is no state of it."""
        names = texts(fields["typeName"].get("names", ()))
        schema = names[-2] if len(names) > 1 else self.default_schema
        value = fields["arg"].get("A_Const", {}).get("sval", {}).get("sval")
        table = self.scope.known(self.enums.get((schema, names[-1]), TRIGGER_ROW))
        is_its = table is not None and bool(table.labels) and "arrayBounds" not in fields["typeName"]
        if value is not None and is_its:
            at = fields["arg"]["A_Const"].get("location", 0)
            self._check(str(value), self.enums[schema, names[-1]], piece, at)


def _turns_off(kind: str, fields: Fields) -> bool:
    setting = ""
    if kind == "VariableSetStmt":
        setting = str(fields.get("name", ""))
    elif kind == "AlterTableCmd":
        return fields.get("subtype") in _TRIGGERS_OFF
    elif kind == "FuncCall" and texts(fields["funcname"])[-1] == "set_config" and "args" in fields:
        setting = str(fields["args"][0].get("A_Const", {}).get("sval", {}).get("sval", ""))
    return setting == "session_replication_role"

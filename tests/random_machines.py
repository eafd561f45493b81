"""Random lifecycles: every state is entered and left for an end, whatever the moves between them."""

from random import Random
from typing import Any

from random_columns import quoted
from random_tables import Document, Draft, Table
from specc.pg.names import fit

STATES = (
    "null", "select", "true", "user", "end", "order", "default", "new", "valid", "waiting", "failed", "done", "x", "_", "_1", "all", "none",
    "timedout", "in_progress", "case", "when", "between", "values", "closed", "draft", "a" * 63, "a" * 62 + "b", "state_" + "y" * 57,
)  # fmt: skip
SUBSTATES = (*STATES, "no_such_substate", "cancelled", "guardrail")


def random_lifecycle(random: Random, name: str, attempts: int) -> Document:
    """Return a lifecycle for machines that may recover `attempts` times."""
    states = random.sample(STATES, random.randint(2, 15))
    born = random.randint(1, min(3, len(states) - 1))
    ends = random.randint(1, min(3, len(states) - born))
    inner = states[: len(states) - ends]
    moves, recovery = _moves(random, states, born, ends, attempts)
    if not any(recovery.values()):
        recovery = {}
    return {
        "lifecycle": name,
        "states": _shuffled(random, {
            state: _state(random, "initial" if at < born else "" if at < len(inner) else "terminal")
            for at, state in enumerate(states)
        }),
        "transitions": {source: targets for source, targets in moves.items() if targets or random.random() < 0.2},
        **({"recovery": recovery} if recovery else {}),
    }  # fmt: skip


def _shuffled(random: Random, states: dict[str, Any]) -> dict[str, Any]:
    names = list(states)
    if random.random() < 0.5:
        random.shuffle(names)
    return {name: states[name] for name in names}


def _state(random: Random, role: str) -> dict[str, Any]:
    spec: dict[str, Any] = {"is": role} if role else {}
    if random.random() < 0.4:
        spec["substates"] = random.sample(SUBSTATES, random.randint(1, 4))
    if random.random() < 0.3:
        spec["about"] = random.choice(("It's \\so\\.", "Nothing | more -- $$.", "ü"))
    return spec


def _moves(
    random: Random, states: list[str], born: int, ends: int, attempts: int
) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Let every state be entered from an earlier one and left to a later one; then add moves at random."""
    inner = len(states) - ends
    moves: dict[str, list[str]] = {state: [] for state in states[:inner]}
    recovery: dict[str, str] = {}
    for at in range(born, len(states)):
        source = states[random.randrange(min(at, inner))]
        # Entered by recovery only: legal where the first attempt is not spent on the way.
        if attempts and not recovery and at < inner and random.random() < 0.2:
            recovery[source] = states[at]
        else:
            moves[source].append(states[at])
    for at in range(inner):
        later = [state for state in moves[states[at]] if states.index(state) > at]
        if not later:
            target = states[random.randrange(max(at + 1, born), len(states))]
            if recovery.get(states[at]) != target:
                moves[states[at]].append(target)
    for _ in range(random.randrange(0, 2 * len(states))):
        source, target = random.choice(states[:inner]), random.choice(states)
        if target not in (source, *moves[source], recovery.get(source)):
            moves[source].append(target)
    for source in states[:inner]:
        if source not in recovery and random.random() < 0.2:
            rest = [state for state in states if state not in (source, *moves[source])]
            if rest:
                recovery[source] = random.choice(rest)
    return moves, recovery


def add_machines(draft: Draft) -> None:
    """Let some tables follow a lifecycle, which others may follow, too."""
    lives: list[tuple[Document, int]] = []
    for table in draft.tables:
        if table.is_holder or not draft.chance(0.35):
            continue
        attempts = draft.pick((0, 1, 1, 3))
        if not lives or draft.chance(0.7):
            lives.append((random_lifecycle(draft.random, f"life_{len(lives)}", attempts), attempts))
        table.life, least = draft.pick(lives)
        _bind(draft, table, max(attempts, least))
        if draft.chance(0.3):
            kind = draft.pick(("timestamptz null", "text null", "uuid null references auth.users"))
            column = quoted(draft.add_column(table, kind))
            reason = f"state <> '{draft.pick(list(table.life['states']))}' or {column} is not null"
            table.document.setdefault("checks", {})["reason"] = reason
    draft.documents += [life for life, _ in lives]


def _bind(draft: Draft, table: Table, attempts: int) -> None:
    is_short = table.schema == draft.default_schema and draft.chance(0.5)
    table.machine = table.name if is_short else f"machine_{table.name}"[:63]
    if any(one.machine == table.machine for one in draft.tables if one is not table):
        table.machine = f"machine_{draft.tables.index(table)}"
    document = {"machine": table.machine, "follows": table.life["lifecycle"], "attempts": attempts}
    if table.machine != table.name or table.schema != draft.default_schema:
        document["rows_of"] = draft.short(table.full_name)
    moves = table.life["transitions"]
    # A stream of its own, so that seeds that once showed a mistake still make the rest of their projects.
    random = Random(f"{table.full_name} {len(moves)}")
    document |= _timed(random, table)
    timed = {(written.partition("/")[0], one["to"]) for written, one in document.get("timeouts", {}).items()}
    document["undriven"] = {
        source: "By hand."
        for source, targets in moves.items()
        if any((source, target) not in timed for target in targets)
    }
    draft.documents.append(document)


def _timed(random: Random, table: Table) -> Document:
    """Give some states, and some of their substates, deadlines."""
    moments = [name for name in table.columns if table.sql(name).startswith("timestamptz")]
    timeouts: Document = {}
    for state, targets in table.life["transitions"].items():
        substates = table.life["states"][state].get("substates", [])
        for written in (state, *(f"{state}/{substate}" for substate in substates)):
            if targets and random.random() < 0.3:
                when = (
                    {"at": random.choice(moments)}
                    if moments and random.random() < 0.5
                    else {"after": "1 hour"}
                )
                timeouts[written] = {**when, "to": random.choice(targets)}
    return {"timeouts": timeouts} if timeouts else {}


def add_state_columns(draft: Draft) -> None:
    """Let columns of other tables hold states."""
    for table in draft.tables:
        if not table.machine or not draft.chance(0.5):
            continue
        kind = f'"{fit(f"{table.name}_state")}"'
        if table.schema != draft.default_schema or draft.chance(0.5):
            kind = f'"{table.schema}".{kind}'
        state = f"'{draft.pick(list(table.life['states']))}'"
        forms = (
            f"{kind} null", f"{kind}[] null", f"{kind} null default {state}", f"{kind} default {state}::{kind}",
            f"{kind}[] default array[{state}::{kind}]", f"{kind} null check (null::{kind} is null)",
        )  # fmt: skip
        draft.add_column(draft.pick(draft.tables), draft.pick(forms))

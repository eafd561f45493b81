"""What keeps parents and children together in the database: tables of changes and counts, functions, triggers.

A statement on children appends what it changed; the resolver `<parent>_follow` folds that into counts and moves
the parents. Whoever appends calls it, and parents that somebody else holds are left for the next tick.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from specc.analysis.machines import BoundMachine
from specc.analysis.product import condition_test
from specc.analysis.syncs import BoundSync, Condition
from specc.ir.database import Column, Comment, Function, PrimaryKey, Table, Trigger
from specc.ir.fact import Identity
from specc.kinds.table_rules import in_full
from specc.lang.kind import Lowered
from specc.lang.project import Project
from specc.pg.body import render
from specc.pg.names import fit, ident, lit, qualified

_PINNED = (("search_path", "''"),)


def lower(syncs: tuple[BoundSync, ...], project: Project) -> Lowered:
    """Yield the objects of all syncs of one parent."""
    for sync in syncs:
        yield from _change_table(sync)
        yield from _count_table(sync)
        yield from _child_triggers(sync)
        yield from _recount(sync)
    if syncs:
        yield from _follow(syncs, project)
        yield from _parent_triggers(syncs)


def change_of(sync: BoundSync) -> str:
    """Return the name of the table of changes, in `private`."""
    return fit(f"{sync.stem}_change")


def count_of(sync: BoundSync) -> str:
    """Return the name of the table of counts, in `private`."""
    return fit(f"{sync.stem}_count")


def follow_of(parent: BoundMachine) -> str:
    """Return the name of the resolver, in `private`."""
    return fit(f"{parent.name}_follow")


def _change_table(sync: BoundSync) -> Lowered:
    name = change_of(sync)
    yield Table("private", name)
    text = f"What changed for rows of {sync.parent.name} in their {sync.child.name}, until it is counted."
    yield Comment(f"table private {name}", text)
    yield from _place_columns(sync, name)
    yield from _commented(
        (Column("private", name, "seq", 4, "bigint", identity_form="always"), "Tells changes apart."),
        (Column("private", name, "delta", 3, "bigint"), "How many more of them there are now."),
    )
    yield PrimaryKey("private", name, fit(f"{name}_pkey"), ("parent_id", "seq"))


def _count_table(sync: BoundSync) -> Lowered:
    name = count_of(sync)
    yield Table("private", name)
    text = f"How many {sync.child.name} the rows of {sync.parent.name} have in each state; changes not counted yet apart."
    yield Comment(f"table private {name}", text)
    yield from _place_columns(sync, name)
    yield from _commented((Column("private", name, "children", 3, "bigint"), "How many there are."))
    yield PrimaryKey("private", name, fit(f"{name}_pkey"), ("parent_id", "state", "settled"))


def _place_columns(sync: BoundSync, table: str) -> Lowered:
    enum, needs = _enum(sync.child)
    yield from _commented(
        (Column("private", table, "parent_id", 0, "uuid"), f"The row of {sync.parent.name}."),
        (Column("private", table, "state", 1, enum, needs=needs), f"The state of these {sync.child.name}."),
        (Column("private", table, "settled", 2, "boolean"), "Whether they are settled."),
    )


def _commented(*columns: tuple[Column, str]) -> Lowered:
    for column, text in columns:
        yield column
        yield Comment(f"column {column.schema} {column.table} {column.name}", text)


def _enum(machine: BoundMachine) -> tuple[str, tuple[Identity, ...]]:
    return qualified(machine.schema, machine.enum), (("enum", machine.schema, machine.enum),)


def _values(sync: BoundSync) -> dict[str, object]:
    """Return what the templates of one sync read."""
    return {
        "parent": (sync.parent.schema, sync.parent.table),
        "parent_machine": sync.parent.name,
        "parent_open": sync.parent.is_open("p"),
        "child": (sync.child.schema, sync.child.table),
        "child_table": sync.child.table,
        "child_machine": sync.child.name,
        "column": sync.column,
        "change": change_of(sync),
        "count": count_of(sync),
        "follow": follow_of(sync.parent),
        "open": sync.child.is_open("r"),
        "refuses": sync.refuses_births,
        "telling": _telling(sync),
        "follows_leaving": bool(sync.ups),
    }


def _telling(sync: BoundSync) -> str:
    """Return the condition on an appended row `a` that a child more in this place may let a rule apply.

    Found by trying: a parent with this child alone, or besides one that makes the rest of the rule true.
    """
    places = sync.child.places
    tests = [condition_test(sync.child, up.when) for up in sync.ups]
    found = [
        place
        for place in places
        if any(test((place,)) or any(test((place, other)) for other in places) for test in tests)
    ]
    return _in_places(sync.child, found)


def _in_places(child: BoundMachine, places: Iterable[tuple[str, bool]]) -> str:
    """Return the condition that the place of row `a` is one of these."""
    found = set(places)
    whole = [state for state in child.lifecycle.states if found >= {*child.places_of(state)}]
    parts = [f"a.state in ({', '.join(lit(state) for state in whole)})"] if whole else []
    for state, settled in child.places:
        if state not in whole and (state, settled) in found:
            parts.append(f"a.state = {lit(state)} and {'' if settled else 'not '}a.settled")
    return " or ".join(parts) if parts else "false"


def _child_triggers(sync: BoundSync) -> Lowered:
    child, (schema, name) = sync.child, sync.function
    needs = (
        ("table", child.schema, child.table),
        ("table", "private", change_of(sync)),
        ("table", sync.parent.schema, sync.parent.table),
    )
    yield Function(
        schema, name, "", "", "trigger", "plpgsql", render("sync_child", **_values(sync)),
        security_definer=True, settings=_PINNED, needs=needs,
    )  # fmt: skip
    yield Comment(f"function {schema} {name}", f"Lets rows of {sync.parent.name} follow their {child.name}.")
    for event, rows in (
        ("insert", ("", "new_rows")),
        ("update", ("old_rows", "new_rows")),
        ("delete", ("old_rows", "")),
    ):
        trigger = sync.trigger if event == "update" else fit(f"{sync.trigger}_{event}")
        yield Trigger(
            child.schema, child.table, trigger, "after", (event,), schema, name, "statement",
            old_rows=rows[0], new_rows=rows[1],
        )  # fmt: skip


def _recount(sync: BoundSync) -> Lowered:
    name = fit(f"{sync.stem}_recount")
    enum, needs = _enum(sync.child)
    columns = f"parent_id uuid, state {enum}, settled boolean, counted bigint, found bigint"
    yield Function(
        "private", name, "", "", f"table ({columns})", "plpgsql", render("sync_recount", **_values(sync)),
        settings=_PINNED, needs=needs,
    )  # fmt: skip
    text = (
        f"Compares the counted {sync.child.name} of each row of {sync.parent.name} with the truth, "
        "appends the difference, and returns it."
    )
    yield Comment(f"function private {name}", text)


def _follow(syncs: tuple[BoundSync, ...], project: Project) -> Lowered:
    parent = syncs[0].parent
    name, signature = follow_of(parent), "integer, uuid[]"
    rules = [
        {
            "source": up.source,
            "target": up.target,
            "when": " and ".join(_conditions(sync, up.when)),
            "where": in_full(up.where, project) if up.where else "",
        }
        for sync in syncs
        for up in sync.ups
    ]
    body = render(
        "sync_follow",
        parent=(parent.schema, parent.table),
        parent_table=parent.table,
        enum=qualified(parent.schema, parent.enum),
        changes=[change_of(sync) for sync in syncs],
        folds=[(change_of(sync), count_of(sync)) for sync in syncs],
        rules=rules,
        sources=list(dict.fromkeys(str(rule["source"]) for rule in rules)),
    )
    yield Function(
        "private", name, signature, "p_limit integer, p_parent uuid[] default null", "integer", "plpgsql",
        body, settings=_PINNED, needs=(("enum", parent.schema, parent.enum),),
    )  # fmt: skip
    text = (
        f"Counts what changed in the children of rows of {parent.name}, of those given or of the first p_limit, "
        "moves the rows by their rules, and returns how many rows it looked at; those in other hands wait."
    )
    yield Comment(f"function private {name} {signature}", text)


def _conditions(sync: BoundSync, when: Condition) -> Iterator[str]:
    """Yield the SQL conditions of a rule on the counts of a row of the parent's table."""
    of_row = (
        f"select from private.{ident(count_of(sync))} as c"
        f" where c.parent_id = {ident(sync.parent.table)}.id and c.children > 0"
    )
    if when.empty:
        yield f"not exists ({of_row})"
        return
    if not when.any:
        yield f"exists ({of_row})"
    else:
        yield f"exists ({of_row} and ({_in(sync.child, when.any)}))"
    if when.all:
        yield f"not exists ({of_row} and not ({_in(sync.child, when.all)}))"
    if when.none:
        yield f"not exists ({of_row} and ({_in(sync.child, when.none)}))"


def _in(child: BoundMachine, words: tuple[str, ...]) -> str:
    states = [word for word in words if word in child.lifecycle.states]
    parts = [f"c.state in ({', '.join(lit(state) for state in states)})"] if states else []
    sets = {"settled": "c.settled", "open": "not c.settled"}
    parts += [test for word, test in sets.items() if word in words and word not in states]
    return " or ".join(parts)


def _parent_triggers(syncs: tuple[BoundSync, ...]) -> Lowered:
    parent = syncs[0].parent
    name = fit(f"{parent.name}_moved")
    sources = list(dict.fromkeys(up.source for sync in syncs for up in sync.ups))
    downs = [_down(sync, states) for sync in syncs for states in _alike(sync)]
    settling = list(dict.fromkeys(state for sync in syncs for state in sync.downs))
    body = render(
        "sync_parent",
        follow=follow_of(parent),
        tables=[table for sync in syncs for table in (change_of(sync), count_of(sync))],
        sources=sources,
        downs=downs,
        at_once=[state for state in (*sources, *settling) if state not in parent.recoverable],
        spent=[state for state in settling if state in parent.recoverable],
        open=parent.is_open("n"),
    )
    needs = (("table", parent.schema, parent.table), ("enum", parent.schema, parent.enum))
    yield Function(
        "private", name, "", "", "trigger", "plpgsql", body,
        security_definer=True, settings=_PINNED, needs=needs,
    )  # fmt: skip
    yield Comment(f"function private {name}", f"Lets children follow rows of {parent.name}.")
    for event, rows in (("update", ("old_rows", "new_rows")), ("delete", ("old_rows", ""))):
        trigger = name if event == "update" else fit(f"{name}_{event}")
        yield Trigger(
            parent.schema, parent.table, trigger, "after", (event,), "private", name, "statement",
            old_rows=rows[0], new_rows=rows[1],
        )  # fmt: skip


def _alike(sync: BoundSync) -> list[tuple[str, ...]]:
    """Return the states of the parent that settle children, those with the same targets together."""
    found: dict[tuple[str, ...], list[str]] = {}
    for state, targets in sync.downs.items():
        found.setdefault(targets, []).append(state)
    return [tuple(states) for states in found.values()]


def _down(sync: BoundSync, states: tuple[str, ...]) -> dict[str, object]:
    """Return how open children are settled: hops from the farthest state on, so that one turn does them all."""
    child, ways, targets = sync.child, sync.ways[states[0]], sync.downs[states[0]]
    substates = {to: substate for to, _, substate in (one.partition("/") for one in reversed(targets))}
    hops = [
        {
            "source": source,
            "target": way[1],
            "substate": (substates[way[-1]] or None) if len(way) == 2 else None,
            "recovers": source in child.recoverable,
        }
        for source, way in sorted(ways.items(), key=lambda one: (-len(one[1]), one[0]))
    ]
    return {
        "states": states,
        "child": (child.schema, child.table),
        "child_table": child.table,
        "child_machine": child.name,
        "column": sync.column,
        "hops": hops,
        "attempts": child.attempts,
        "open": child.is_open("r"),
        "turns": 100 + child.attempts,
    }

"""What keeps parents and children together in the database: tables of changes and counts, functions, triggers.

A statement on children appends what it changed; the resolver `<parent>_follow` folds that into counts and moves
the parents. Whoever appends calls it, and parents that somebody else holds are left for the next tick.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product

from specc.analysis.machines import BoundMachine, Place
from specc.analysis.maintenance import Task
from specc.analysis.product import condition_test
from specc.analysis.syncs import BoundSync, Condition
from specc.analysis.syncs import syncs as syncs_of
from specc.ir.database import Column, Comment, Function, PrimaryKey, Table, Trigger
from specc.ir.fact import Identity
from specc.kinds.machine_lease import ending
from specc.kinds.table_rules import in_full
from specc.lang.kind import Lowered
from specc.lang.project import Project
from specc.pg.body import PINNED, render
from specc.pg.names import fit, ident, lit, qualified, sequence_of

_GENERIC = (*PINNED, ("plan_cache_mode", "force_generic_plan"), ("enable_bitmapscan", "off"))
"""For the resolver: planning its statements costs more than running them, and only a plain index scan marks the
entries of changes that are gone, so that the next one passes them by.
"""

MOST_PENDING = 32
"""So many changes of one parent are read before each answer; whoever meets as many counts them."""
VERY_FAR = 32 * MOST_PENDING
"""Where as many children have to move before a rule can apply, one in `MOST_PENDING` moves looks whether it can.

That nobody looked while all of these moved is as likely as 1 in 10 ** 14, and the next tick looks anyway.
"""
_NEVER = 2**63 - 1


def lower(syncs: tuple[BoundSync, ...], project: Project) -> Lowered:
    """Yield the objects of all syncs of one parent."""
    for sync in syncs:
        yield from _change_table(sync)
        yield from _count_table(sync)
        yield from _far_table(sync)
        yield from _child_triggers(sync)
        yield from _recount(sync)
    if syncs:
        yield from _follow(syncs, project)
        yield from _parent_triggers(syncs)


def tasks(machine: BoundMachine, project: Project) -> Iterator[Task]:
    """Yield what is to be done for a parent: counting what was left because others held the row."""
    if any(sync.parent is machine for sync in syncs_of(project).get(machine.name, ())):
        yield Task(f"{machine.name} follow", follow_of(machine))


def change_of(sync: BoundSync) -> str:
    """Return the name of the table of changes, in `private`."""
    return fit(f"{sync.stem}_change")


def count_of(sync: BoundSync) -> str:
    """Return the name of the table of counts, in `private`."""
    return fit(f"{sync.stem}_count")


def far_of(sync: BoundSync) -> str:
    """Return the name of the table of distances, in `private`; there is none without rules."""
    return fit(f"{sync.stem}_far")


def tables_of(sync: BoundSync) -> tuple[str, ...]:
    """Return the names of the tables of a sync, in `private`."""
    return (change_of(sync), count_of(sync), *((far_of(sync),) if sync.ups else ()))


def follow_of(parent: BoundMachine) -> str:
    """Return the name of the resolver, in `private`."""
    return fit(f"{parent.name}_follow")


def _change_table(sync: BoundSync) -> Lowered:
    name, child = change_of(sync), sync.child.name
    enum, needs = _enum(sync.child)
    place = ("private", name)
    yield Table(*place)
    text = f"Moves of {child} under the same row of {sync.parent.name}, until they are counted."
    yield Comment(f"table private {name}", text)
    yield from _commented(
        (Column(*place, "parent_id", 0, "uuid"), f"The row of {sync.parent.name}."),
        (Column(*place, "seq", 1, "bigint", identity_form="always", sequence=sequence_of(name, "seq")), "Tells changes apart."),
        (Column(*place, "children", 2, "bigint"), f"How many {child} moved so in one statement."),
        (Column(*place, "from_state", 3, enum, not_null=False, needs=needs), "The state they left; null when they came under the row."),
        (Column(*place, "to_state", 4, enum, not_null=False, needs=needs), "The state they came into; null when they left the row."),
        (Column(*place, "from_settled", 5, "boolean", not_null=False), "Whether they were settled."),
        (Column(*place, "to_settled", 6, "boolean", not_null=False), "Whether they are settled."),
    )  # fmt: skip
    yield PrimaryKey(*place, fit(f"{name}_pkey"), ("parent_id", "seq"))


def _count_table(sync: BoundSync) -> Lowered:
    name = count_of(sync)
    yield Table("private", name)
    text = f"How many {sync.child.name} the rows of {sync.parent.name} have in each state; changes not counted yet apart."
    yield Comment(f"table private {name}", text)
    yield from _place_columns(sync, name)
    yield from _commented((Column("private", name, "children", 3, "bigint"), "How many there are."))
    yield PrimaryKey("private", name, fit(f"{name}_pkey"), ("parent_id", "state", "settled"))


def _far_table(sync: BoundSync) -> Lowered:
    if not sync.ups:
        return
    name = far_of(sync)
    parent, child = sync.parent.name, sync.child.name
    yield Table("private", name)
    text = f"How far rows of {parent} are from moving by their {child}, as of when these were last counted."
    yield Comment(f"table private {name}", text)
    yield from _commented(
        (Column("private", name, "parent_id", 0, "uuid"), f"The row of {parent}."),
        (Column("private", name, "children", 1, "bigint"), f"How many {child} have to move before a rule can apply."),
    )  # fmt: skip
    yield PrimaryKey("private", name, fit(f"{name}_pkey"), ("parent_id",))


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
        "far": far_of(sync),
        "tables": tables_of(sync),
        "follow": follow_of(sync.parent),
        "open": sync.child.is_open("r"),
        "refuses": sync.refuses_births,
        "enum": _enum(sync.child)[0],
        "arriving": _in_places(sync.child, _arriving(sync), "a.to_state", "a.to_settled"),
        "telling": _moves(sync, "a."),
        "telling_one": _moves(sync, "v_"),
        "worth": _worth(sync),
        "most": MOST_PENDING,
        "very_far": VERY_FAR,
        "follows_leaving": bool(sync.ups),
    }


def _arriving(sync: BoundSync) -> list[Place]:
    """Return the places in which a child that comes may let a rule apply: those of a parent with it alone."""
    tests = [condition_test(sync.child, up.when) for up in sync.ups]
    return [place for place in sync.child.places if any(test((place,)) for test in tests)]


def _telling(sync: BoundSync) -> tuple[set[Place], set[Place]]:
    """Return from which places and to which a child moves when that may let a rule apply that did not before.

    Found by trying each legal move: of a parent's only child, or besides one that makes the rest of the rule
    true. More than one other changes nothing, since a rule asks of one child only that it is there.
    """
    child = sync.child
    legal = {*child.lifecycle.steps, *child.recoveries}
    tests = [condition_test(child, up.when) for up in sync.ups]
    besides: list[tuple[Place, ...]] = [(), *((place,) for place in child.places)]
    found = [
        (old, new)
        for old, new in product(child.places, child.places)
        if (old[0], new[0]) in legal
        and any(test((new, *other)) and not test((old, *other)) for test in tests for other in besides)
    ]
    return {old for old, _ in found}, {new for _, new in found}


def _moves(sync: BoundSync, row: str) -> str:
    """Return the condition that a move tells; `row` is what stands before the names of its columns."""
    old, new = _telling(sync)
    came = _in_places(sync.child, new, f"{row}to_state", f"{row}to_settled")
    return f"({came}) and ({_in_places(sync.child, old, f'{row}from_state', f'{row}from_settled')})"


def _in_places(child: BoundMachine, places: Iterable[Place], state: str, settled: str) -> str:
    """Return the condition that a state, and whether it is settled, are one of these places."""
    found = set(places)
    whole = [one for one in child.lifecycle.states if found >= {*child.places_of(one)}]
    parts = [f"{state} in ({', '.join(lit(one) for one in whole)})"] if whole else []
    for one, over in child.places:
        if one not in whole and (one, over) in found:
            parts.append(f"{state} = {lit(one)} and {'' if over else 'not '}{settled}")
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
        security_definer=True, settings=_GENERIC, needs=needs,
    )  # fmt: skip
    yield Comment(f"function {schema} {name}", f"Lets rows of {sync.parent.name} follow their {child.name}.")
    for event, rows in (
        ("insert", ("", "new_rows")),
        ("update", ("old_rows", "new_rows")),
        ("delete", ("old_rows", "")),
        ("truncate", ("", "")),
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
        settings=PINNED, needs=needs,
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
            "lease": ending(parent, up.source),
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
        worths=[_worth(sync) for sync in syncs if sync.ups],
        most=MOST_PENDING,
        never=_NEVER,
        rules=rules,
    )
    yield Function(
        "private", name, signature, "p_limit integer, p_parent uuid[] default null", "integer", "plpgsql",
        body, settings=_GENERIC, needs=(("enum", parent.schema, parent.enum),),
    )  # fmt: skip
    text = (
        f"Counts what changed in the children of rows of {parent.name}, of those given or of the first p_limit, "
        "moves the rows by their rules, and returns how many rows it looked at; those in other hands wait."
    )
    yield Comment(f"function private {name} {signature}", text)


def _worth(sync: BoundSync) -> dict[str, object]:
    """Return what the question reads whether counting could let a row of the parent move."""
    return {"change": change_of(sync), "far": far_of(sync), "distances": _distances(sync)}


def _distances(sync: BoundSync) -> list[tuple[str, str]]:
    """Return for each state that rules leave how many children of row `p` have to move before one can apply."""
    found: dict[str, list[str]] = {}
    for up in sync.ups:
        found.setdefault(up.source, []).append(_distance(sync, up.when))
    return [(source, _extreme("least", each)) for source, each in found.items()]


def _distance(sync: BoundSync, when: Condition) -> str:
    """Return the SQL of the children that stand against a rule; another may be needed besides, which it ignores."""
    against = ["true"] if when.empty else []
    against += [f"not ({_in(sync.child, when.all)})"] if when.all else []
    against += [_in(sync.child, when.none)] if when.none else []
    counted = f"select coalesce(sum(c.children), 0) from private.{ident(count_of(sync))} as c where c.parent_id = p.id"
    return _extreme("greatest", [f"({counted} and ({one}))" for one in against]) if against else "0"


def _extreme(function: str, numbers: list[str]) -> str:
    distinct = list(dict.fromkeys(numbers))
    return f"{function}({', '.join(distinct)})" if len(distinct) > 1 else distinct[0]


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
        tables=[table for sync in syncs for table in tables_of(sync)],
        fars=[far_of(sync) for sync in syncs if sync.ups],
        sources=sources,
        waiting=[state for state in sources if state in parent.recoverable],
        downs=downs,
        at_once=[state for state in (*sources, *settling) if state not in parent.recoverable],
        spent=[state for state in settling if state in parent.recoverable],
        open=parent.is_open("n"),
    )
    needs = (("table", parent.schema, parent.table), ("enum", parent.schema, parent.enum))
    yield Function(
        "private", name, "", "", "trigger", "plpgsql", body,
        security_definer=True, settings=PINNED, needs=needs,
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
            "lease": ending(child, source),
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

"""What the product of a machine and its children must not do: break an invariant, or come to a standstill."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from specc.analysis.access import permissions
from specc.analysis.drivers import SYNC, drivers
from specc.analysis.machines import BoundMachine, Edge
from specc.analysis.product import Claim, Finding, Situation, explore
from specc.analysis.syncs import BoundSync, condition, is_readable, syncs
from specc.diagnostics import Code, Diagnostic
from specc.kinds.machine_rules import undriven
from specc.kinds.machine_sync_samples import GOOD
from specc.lang.kind import Rule
from specc.lang.project import Entry, Project

BROKEN = Code(
    "S350",
    "broken-invariant",
    "`specc check` walks a row and up to three of its children through all they may do: steps and recoveries of "
    "the children, new children, children that a role may delete or point at another row, moves of the row by "
    "functions, by roles that may write `state`, by deadlines and by sync. The notes are the shortest way to where "
    "the invariant does not hold.",
    wrong=GOOD.replace("    births: refuse\n", ""),
    right=GOOD,
)
STANDSTILL = Code(
    "S351",
    "standstill",
    "All children of the row are settled, the row is not, and nothing is left that could move it: no function, "
    "no deadline and no rule under `up`. It would wait for ever. The notes are the shortest way there.",
    wrong=GOOD.replace(", sent: {to: {given_up: By hand.}}", "")
    .replace("sent: [arrived, given_up]", "sent: [arrived]")
    .replace("{all: settled}", "{all: home}"),
    right=GOOD,
)


def _product(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    found = syncs(project).get(entry.name, ())
    if not found or len(found) != len(entry.spec.sync) or not all(_is_sound(one) for one in found):
        return
    parent = found[0].parent
    if undriven(parent, project):
        return  # What takes these moves may be the rule that is missed.
    claims = tuple(_claims(entry, parent, found))
    hands = tuple(_hands(sync, project) for sync in found)
    for finding in explore(parent, found, _free(parent, project), claims, _above(parent, project), hands):
        notes = tuple(_told(finding, parent, found))
        if finding.claim:
            message = f"invariant `{finding.claim}` can be broken"
            yield BROKEN.at(entry.key("invariants", finding.claim), message, notes=notes)
        else:
            row = finding.way[-1].after.row[0]
            message = f"a `{entry.name}` in `{row}` with settled children can stay there for ever"
            yield STANDSTILL.at(entry.key("sync"), message, notes=notes)


def _is_sound(sync: BoundSync) -> bool:
    """Whether what other rules ask holds; otherwise the product would only repeat their findings."""
    parent, child = sync.parent, sync.child
    if not parent.lifecycle.is_sound or not child.lifecycle.is_sound or parent is child:
        return False
    over = {*child.settled, *child.recoverable}
    targets = {target.partition("/")[0] for targets in sync.downs.values() for target in targets}
    open_ones = {*child.open, *child.recoverable}
    return (
        all((up.source, up.target) in parent.lifecycle.steps for up in sync.ups)
        and targets <= over
        and all(open_ones <= ways.keys() for ways in sync.ways.values())
        and all(bool(up.when.words) != up.when.empty for up in sync.ups)
    )


def _claims(entry: Entry, parent: BoundMachine, found: tuple[BoundSync, ...]) -> Iterator[Claim]:
    """Yield the invariants that can be read."""
    places = {sync.child.name: at for at, sync in enumerate(found)}
    for name, spec in entry.spec.invariants.items():
        if not spec.then.keys() <= places.keys() or not is_readable(parent, spec.if_):
            continue
        then = tuple((places[child], condition(when)) for child, when in spec.then.items())
        if all(is_readable(found[at].child, when.words) for at, when in then):
            yield Claim(name, tuple(spec.if_), then, spec.eventually)


def _free(parent: BoundMachine, project: Project) -> frozenset[Edge]:
    """Return the moves that not only this machine's own rules take: all of them where a role may write `state`.

    Recoveries happen by themselves.
    """
    driven = drivers(project)
    moves = (*parent.lifecycle.steps, *parent.recoveries)
    allowed = permissions(project).get(f"{parent.schema}.{parent.table}", ())
    if any(one.command == "update" and "state" in one.columns for one in allowed):
        return frozenset(moves)
    return frozenset(edge for edge in moves if driven.get((parent.name, *edge)) != (SYNC,))


def _hands(sync: BoundSync, project: Project) -> frozenset[str]:
    """Return what roles may do to children besides moving them: `delete` them, `point` them at another row."""
    allowed = permissions(project).get(f"{sync.child.schema}.{sync.child.table}", ())
    deletes = {"delete" for one in allowed if one.command == "delete"}
    points = {
        "point"
        for one in allowed
        if one.command == "update" and (not one.columns or sync.column in one.columns)
    }
    return frozenset(deletes | points)


def _above(parent: BoundMachine, project: Project) -> frozenset[Edge]:
    """Return the moves of rows that are settled as the children of others."""
    above = (one for made in syncs(project).values() for one in made if one.child is parent)
    ways = (way for sync in above for found in sync.ways.values() for way in found.values())
    return frozenset(edge for way in ways for edge in pairwise(way))


def _told(finding: Finding, parent: BoundMachine, found: tuple[BoundSync, ...]) -> Iterator[str]:
    for number, step in enumerate(finding.way, 1):
        yield f"{number}. {step.what}"
    yield f"then {_situation(finding.way[-1].after, parent, found)}"


def _situation(here: Situation, parent: BoundMachine, found: tuple[BoundSync, ...]) -> str:
    said = [f"`{parent.name}` is in `{here.row[0]}`"]
    for sync, bag in zip(found, here.children, strict=True):
        states = ", ".join(f"`{state}`" for state, _ in bag)
        said.append(f"`{sync.child.name}` in {states}" if bag else f"no `{sync.child.name}`")
    return ", ".join(said)


RULES = (Rule((BROKEN, STANDSTILL), _product),)

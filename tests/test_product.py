"""Machines that follow each other, each set broken in one way: what is found, and the shortest way to it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from specc import driver
from specc.diagnostics.text import render_text

WriteProject = Callable[[str], Path]
FOLDER = Path(__file__).parent / "products"


@dataclass(frozen=True)
class Broken:
    """The set of specs in `name`.yaml: its code, how many steps lead there, and the last one."""

    name: str
    code: str
    steps: int
    last: str


BROKEN = (
    # born, a box, given up
    Broken("no_down", "S350", 3, "`parcel` moves `packed → given_up`"),
    # born, given up, a box
    Broken("birth_under_settled", "S350", 3, "`box` comes under it in `stored`"),
    # born, a box that begins to move, sent, returned
    Broken("end_without_down", "S350", 5, "`parcel` moves `sent → returned`"),
    # born, a box that begins to move, sent, lost
    Broken("no_rule_for_lost", "S351", 5, "`box` moves `moving → lost`"),
    # the same with two boxes: two come, two begin to move, two end, one each way
    Broken("no_rule_for_both", "S351", 8, "`box` moves `moving → lost`"),
    # born, two boxes, one begins to move, sent, it comes home, arrived
    Broken("first_child_ends_it", "S350", 7, "`parcel` moves `sent → arrived`, by sync"),
    # born, a box that begins to move, sent, lost for now, arrived
    Broken("recoverable_child", "S350", 6, "`parcel` moves `sent → arrived`, by sync"),
    # the same where a step leads out of that state, too
    Broken("step_beside_recovery", "S350", 6, "`parcel` moves `sent → arrived`, by sync"),
    # born, given up for now, which is not settled, so that a box may still come
    Broken("recoverable_parent", "S350", 3, "`box` comes under it in `stored`"),
    # born, a box, sent and arrived by whoever may write `state`
    Broken("a_role_may_move_it", "S350", 4, "`parcel` moves `sent → arrived`"),
    # born, a letter and a box, which begins to move, sent, home, arrived
    Broken("other_children_forgotten", "S350", 7, "`parcel` moves `sent → arrived`, by sync"),
    # born, a box that begins to move, and a second one, so that not all move
    Broken("not_followed", "S350", 4, "`box` comes under it in `stored`"),
    # born, and a box that moves already is pointed at it
    Broken("followed_too_late", "S350", 2, "`box` comes under it in `moving`"),
    # born, a box that begins to move, home, given up, and on the box goes
    Broken("settled_child_opens", "S350", 6, "`box` moves `home → moving`"),
    # born, a box that begins to move, sent, and the server deletes the box
    Broken("child_taken_away", "S350", 5, "`box` in `moving` is taken from it"),
    # born, and the server points a box at it that moves already
    Broken("child_pointed_elsewhere", "S350", 2, "`box` comes under it in `moving`"),
)


@pytest.mark.parametrize("one", BROKEN, ids=lambda one: one.name)
def test_the_shortest_way_to_what_is_wrong_is_shown(
    one: Broken, write_project: WriteProject, report: SnapshotAssertion
) -> None:
    result = driver.check(write_project((FOLDER / f"{one.name}.yaml").read_text(encoding="utf-8")))
    text = render_text(result.diagnostics, result.sources)
    assert [found.code.id for found in result.diagnostics] == [one.code], text
    steps = [step for found in result.diagnostics for note in found.notes for step in numbered(note)]
    assert (len(steps), steps[-1]) == (one.steps, one.last), text
    assert text == report(name=one.name)


def numbered(note: str) -> list[str]:
    return re.findall(r"^\d+\. (.*)", note)


def test_every_broken_set_is_looked_at() -> None:
    assert {path.stem for path in FOLDER.glob("*.yaml")} == {one.name for one in BROKEN}

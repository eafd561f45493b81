"""The product of parcels and boxes against a second walk through it, written for these two machines alone.

The second walk tells boxes apart, knows no general rule, and spells out what each variant of the specs means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pytest

from projects import write_example
from specc import driver
from specc.kinds.machine_sync_samples import GOOD

Boxes = tuple[str, ...]
Here = tuple[str, Boxes]

BOX = {"stored": ("moving",), "moving": ("home", "lost"), "home": (), "lost": ()}
OVER = ("home", "lost")

ENDINGS: dict[str, Callable[[Boxes], bool]] = {
    "{all: settled}": lambda boxes: all(box in OVER for box in boxes),
    "{any: home}": lambda boxes: "home" in boxes,
    "{all: home}": lambda boxes: all(box == "home" for box in boxes),
    "{all: settled, any: home}": lambda boxes: all(box in OVER for box in boxes) and "home" in boxes,
    "{none: [stored, moving]}": lambda boxes: not {"stored", "moving"} & {*boxes},
    "{all: [moving, settled], none: lost}": lambda boxes: not {"stored", "lost"} & {*boxes},
}
"""When a sent parcel with boxes has arrived."""


@dataclass(frozen=True)
class Variant:
    ending: str
    refuses: bool
    settles: bool
    gives_up: bool
    optional: bool
    leaves: bool = False

    @property
    def text(self) -> str:
        text = GOOD.replace("{all: settled}", self.ending)
        text = text if self.refuses else text.replace("    births: refuse\n", "")
        text = text if self.settles else text.replace("    down:\n      given_up: [lost]\n", "")
        if not self.gives_up:
            text = text.replace(", sent: {to: {given_up: By hand.}}", "")
            text = text.replace("sent: [arrived, given_up]", "sent: [arrived]")
        if self.leaves:
            role = "roles: {server: {about: The server., as: service_role}}\ntables: [parcel, box]"
            text = text.replace(
                "tables: [parcel, box]\nallow: {}", f"{role}\nallow: {{server: [select, delete]}}"
            )
        return (
            text.replace("uuid references parcel, label", "uuid null references parcel, label")
            if self.optional
            else text
        )

    def follows(self, here: Here) -> str:
        """Return where its boxes let a parcel go."""
        parcel, boxes = here
        if parcel == "packed" and {"moving", *OVER} & {*boxes}:
            return "sent"
        return "arrived" if parcel == "sent" and boxes and ENDINGS[self.ending](boxes) else ""

    def moves(self, here: Here) -> Iterator[tuple[str, Here]]:
        parcel, boxes = here
        if after := self.follows(here):
            yield "parcel", (after, boxes)
        if parcel == "packed" or (parcel == "sent" and self.gives_up):
            left = tuple(box if box in OVER else "lost" for box in boxes) if self.settles else boxes
            yield "parcel", ("given_up", left)
        for at, box in enumerate(boxes):
            yield from (("box", (parcel, (*boxes[:at], new, *boxes[at + 1 :]))) for new in BOX[box])
        if self.leaves:
            yield from (("nobody", (parcel, (*boxes[:at], *boxes[at + 1 :]))) for at in range(len(boxes)))
        if len(boxes) < 2 and not (self.refuses and parcel in ("arrived", "given_up")):
            yield from (("birth", (parcel, (*boxes, new))) for new in (BOX if self.optional else ("stored",)))

    def walk(self) -> dict[Here, int]:
        """Return every situation with how many steps lead there, the birth of the parcel among them."""
        start: Here = ("packed", ())
        found = {start: 1}
        for here in (queue := [start]):
            for _, after in self.moves(here):
                if after not in found:
                    found[after] = found[here] + 1
                    queue.append(after)
        return found

    def is_stuck(self, here: Here) -> bool:
        """Whether a parcel with settled boxes has nowhere to go; a settled box has no steps here."""
        parcel, boxes = here
        waits = parcel in ("packed", "sent") and bool(boxes) and all(box in OVER for box in boxes)
        return waits and all(who != "parcel" for who, _ in self.moves(here))


YES_NO = (True, False)
VARIANTS = [
    Variant(ending, refuses, settles, gives_up, optional)
    for ending, refuses, settles, gives_up, optional in product(ENDINGS, YES_NO, YES_NO, YES_NO, YES_NO)
]
VARIANTS += [
    Variant(ending, refuses, settles, gives_up=False, optional=False, leaves=True)
    for ending, refuses, settles in product(ENDINGS, YES_NO, YES_NO)
]


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_the_product_finds_what_a_second_walk_finds(variant: Variant, tmp_path: Path) -> None:
    reached = variant.walk()
    broken = [
        steps
        for (parcel, boxes), steps in reached.items()
        if parcel in ("arrived", "given_up") and not all(box in OVER for box in boxes)
    ]
    stuck = [steps for here, steps in reached.items() if variant.is_stuck(here)]
    expected = {code: min(steps) for code, steps in (("S350", broken), ("S351", stuck)) if steps}
    found = driver.check(write_example(variant.text, tmp_path)).diagnostics
    # The last note says where everybody is; each one before it is a step.
    assert {one.code.id: len(one.notes) - 1 for one in found} == expected


def test_the_second_walk_meets_good_and_bad_variants() -> None:
    stuck = [any(variant.is_stuck(here) for here in variant.walk()) for variant in VARIANTS]
    assert set(stuck) == {True, False}


def test_the_flagship_has_neither_broken_invariants_nor_standstills(flagship: Path) -> None:
    assert [one.code.id for one in driver.check(flagship).diagnostics] == []


@pytest.mark.parametrize(
    ("old", "new", "codes"),
    [
        (
            "      failed: [invalid/cancelled, failed]\n      done: [invalid/cancelled, failed]\n",
            "",
            ["S350"],
        ),
        ("    births: refuse\n", "", ["S350"]),
        ("when: {any: [in_progress, settled]}", "when: {any: in_progress}", ["S350", "S351"]),
    ],
    ids=["no way down", "late births", "settled at once"],
)
def test_the_flagship_without_one_rule_is_found_out(
    flagship: Path, old: str, new: str, codes: list[str]
) -> None:
    path = flagship / "specs" / "machines" / "activity_request.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    assert sorted(one.code.id for one in driver.check(flagship).diagnostics) == codes

"""What is said of a machine's old words, and which way a word takes where there are several."""

from collections.abc import Callable
from pathlib import Path

import pytest

from specc import driver
from specc.analysis.legacy import hops, target, written
from specc.analysis.machines import Lifecycle

SPECS = """
lifecycle: order
states: {open: {is: initial}, held: {substates: [money, stock]}, sent: {is: settled}, lost: {is: terminal}}
transitions: {open: [held, sent], held: [open, sent, lost], sent: [lost]}
---
table: parcel
about: A parcel.
shared: true
columns: {title: text}
---
access: parcels
tables: [parcel]
allow: {}
---
machine: parcel
follows: order
undriven: {open: People do., held: People do., sent: People do.}
legacy:
  column: status
  values: {todo: open, unpaid: held/money, broke: held/money, done: sent, DONE: sent}
  otherwise: reject
  back: {held: unpaid, held/money: broke, sent: done, lost: DONE}
"""


@pytest.mark.parametrize(
    ("right", "wrong", "code", "message"),
    [
        ("unpaid: held/money", "unpaid: held/mony", "S201", "there is no substate `held/mony` in lifecycle `order`"),
        ("unpaid: held/money", "unpaid: hold", "S201", "there is no state `hold` in lifecycle `order`"),
        ("unpaid: held/money", "unpaid: sent/money", "S201", "there is no substate `sent/money` in lifecycle `order`"),
        ("back: {held:", "back: {hold:", "S201", "there is no state `hold` in lifecycle `order`"),
        ("otherwise: reject", "otherwise: rejected", "S201", "there is no state `rejected` in lifecycle `order`"),
        ("otherwise: reject", "otherwise: held/x", "S201", "there is no state `held/x` in lifecycle `order`"),
        ("column: status", "column: state_since", "S330", "`parcel` has a column `state_since` of its own"),
        ("column: status", "column: id", "S330", "`parcel` has a column `id` of its own"),
        ("column: status", "column: ''", "S330", "`` cannot be the name of a column"),
        ("column: status", "column: xmin", "S330", "`xmin` cannot be the name of a column"),
        ("held/money: broke, ", "", "S332", "`unpaid`, `broke` all mean `held/money`"),
        ("held: unpaid, ", "", "S333", "no old word means `held`"),
        ("{held: unpaid, ", "{open: todo, held: unpaid, ", "S334", "`todo` alone means `open`"),
        ("lost: DONE", "lost: DONE, held/stock: unpaid", "S334", "`unpaid` is the word for `held` anyway"),
        ("lost: DONE", "lost: gone", "S335", "`gone` is no old word"),
        ("sent: done", "sent: todo", "S335", "`todo` means `open`"),
        ("done: sent, DONE: sent}", "done: sent, DONE: sent, todo: sent}", "S013", None),
    ],
)  # fmt: skip
def test_one_mistake_is_one_finding(
    right: str, wrong: str, code: str, message: str | None, write_project: Callable[[str], Path]
) -> None:
    assert right in SPECS
    found = list(driver.check(write_project(SPECS.replace(right, wrong, 1))).diagnostics)
    assert [one.code.id for one in found] == [code], found
    assert message in (None, found[0].message)


def test_a_way_along_a_recovery_is_none(write_project: Callable[[str], Path]) -> None:
    recovered = (
        SPECS.replace("lost: {is: terminal}}", "lost: {}, again: {is: terminal}}")
        .replace("\n---\ntable", "\nrecovery: {lost: again}\n---\ntable", 1)
        .replace("follows: order", "follows: order\nattempts: 1")
        .replace("DONE: sent}", "DONE: sent, twice: again}")
    )
    found = list(driver.check(write_project(recovered)).diagnostics)
    assert [one.message for one in found] == ["no transitions lead from `open` to `again`"]


@pytest.mark.parametrize("otherwise", ["reject", "open", "held", "held/stock", "lost"])
def test_a_substate_may_have_a_word_of_its_own_or_that_of_its_state(
    otherwise: str, write_project: Callable[[str], Path]
) -> None:
    specs = SPECS.replace("lost: DONE", "lost: DONE, held/stock: todo").replace("reject", otherwise)
    result = driver.build(write_project(specs))
    assert list(result.diagnostics) == []
    assert [path for path in result.files if path.startswith("legacy/")] == ["legacy/parcel.sql"]


def test_a_machine_without_old_words_has_no_file(write_project: Callable[[str], Path]) -> None:
    result = driver.build(write_project(SPECS[: SPECS.index("legacy:")]))
    assert list(result.diagnostics) == []
    assert [path for path in result.files if "legacy" in path] == []


def test_the_shortest_way_is_taken_and_the_first_of_two_as_short() -> None:
    edges = {"a": "bcd", "b": "e", "c": "e", "d": "f", "e": "f", "f": "a"}
    life = Lifecycle(
        states=tuple("abcdefz"), initial=("a",), terminal=(), resting=(), substates={"f": ("x",)},
        steps=tuple((source, one) for source, following in edges.items() for one in following), recoveries=(),
    )  # fmt: skip
    assert way(life, "a", "f/x") == ["d", "f/x"]
    assert way(life, "a", "e") == ["b", "e"]
    assert way(life, "e", "c") == ["f", "a", "c"]
    assert way(life, "f", "f/x") == ["f/x"]
    assert way(life, "z", "a") == []


def way(life: Lifecycle, start: str, end: str) -> list[str]:
    """Follow the hops from a state until none is left or the end is reached."""
    following = {source: place for _, source, place in hops(life, [target(end)])}
    found: list[str] = []
    while start in following and (not found or found[-1] != end):
        found.append(written(following[start]))
        start = following[start][0]
    return found

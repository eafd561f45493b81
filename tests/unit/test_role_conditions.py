"""Conditions of roles: what they compare with the state of a membership is a state of its machine."""

from pathlib import Path

from projects import write_example
from specc import driver

MEMBERS = """
lifecycle: memberships
states: {invited: {is: initial}, active: {}, left: {is: terminal}}
transitions: {invited: [active, left], active: [left]}
---
table: org
about: An organisation.
tenant: org
columns: {name: text}
---
table: member
about: Who is in it.
tenant: org
columns: {user_id: uuid}
---
machine: member
follows: memberships
undriven: {invited: By hand., active: By hand.}
---
access: all
roles: {insider: {as: authenticated, through: member, user: user_id, when: "state in ('active', 'left')"}}
tables: [org, member]
allow: {insider: [select]}
"""


def findings(text: str, folder: Path) -> list[tuple[str, str]]:
    return [(one.code.id, one.message) for one in driver.check(write_example(text, folder)).diagnostics]


def test_a_role_for_members_in_a_state_that_is_there(tmp_path: Path) -> None:
    assert findings(MEMBERS, tmp_path) == []


def test_a_role_for_members_in_a_state_that_is_not_there(tmp_path: Path) -> None:
    wrong = MEMBERS.replace("'active', 'left')", "'aktive', 'left')")
    assert findings(wrong, tmp_path) == [("S201", "`aktive` is no state of machine `member`")]

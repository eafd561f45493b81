"""A hostile text in any one place of the specs: a finding, or a build whose SQL still parses."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from hostile import HOSTILE, NOT_FREE, poison
from projects import copy_flagship
from specc import driver
from specc.cli.init import SCAFFOLD
from specc.diagnostics.text import render_text
from specc.kinds.machine_sync_samples import GOOD
from specc.load.files import ProjectError

OBJECT_TYPES = """\
object_type: company
about: A company.
label: Company
datapoints:
  size: {label: Size, about: How big it is., factor_type: option, value_type: option, options: [small, big]}
---
table: object_type
about: A type of object.
shared: true
holds: object_type
columns: {name: text unique, label: text, about: text}
indexes: [[label]]
---
table: datapoint
about: A datapoint of a type.
shared: true
holds: datapoint
columns:
  object_type_id: uuid references object_type
  name: text
  label: text
  about: text
  factor_type: text
  value_type: text
  options: "text[]"
  question: text
---
access: types
tables: [object_type, datapoint]
allow: {}
"""

PARCELS = (
    GOOD.replace("births: refuse", "births: refuse\n    trigger: follow\n    executes: private.follow")
    .replace("when: {all: settled}", "when: {all: settled, none: moving}")
    .replace(
        "  settled_means",
        "  begun: {if: sent, then: {box: {any: [moving, settled]}}}\n"
        "  ended: {if: arrived, then: {box: {all: settled}}}\n  settled_means",
    )
)
CALLS = """\
lifecycle: call
states:
  open: {is: initial, waits_for: outside, substates: [ringing]}
  parked: {waits_for: outside}
  answered: {is: terminal}
  timedout: {}
transitions: {open: [answered, timedout, parked], parked: [answered]}
recovery: {timedout: open}
---
machine: call
follows: call
attempts: 2
history: 30 days
timeouts: {open: 1 minute, open/ringing: {after: 30 seconds, to: answered}}
untimed: {parked: People come back.}
backoff: {first: 5 seconds, most: 1 minute}
undriven: {open: {to: {parked: By hand.}}, parked: By hand.}
---
table: call
about: A call.
shared: true
columns: {number: text}
---
access: calls
tables: [call]
allow: {}
"""

ALERT = """\
alert: old_tickets
about: Nobody looks at tickets.
when: {of: ticket, oldest: {after: 2 days}}
for: 1 hour
message: Tickets are old.
---
alert: nameless_tickets
about: Tickets have no title.
when: {over: nameless, rows: {}}
---
alert: failing_tickets
about: Tickets end badly.
when: {of: ticket, failing: {more_than: 0.5, within: 2 hours}}
---
monitor: nameless
about: Tickets without a title.
query: select t.id from public.ticket as t where t.title = ''
"""

OLD_WORDS = """\
lifecycle: letter
states: {written: {is: initial}, sent: {is: terminal}, timedout: {is: terminal}}
transitions: {written: [sent, timedout]}
---
table: letter
about: A letter.
shared: true
columns: {title: text, writer: text null, writes_until: timestamptz null}
---
access: letters
tables: [letter]
allow: {}
---
machine: letter
follows: letter
lease: {state: written, holder: writer, until: writes_until}
undriven: {written: {to: {sent: People send letters.}}}
legacy:
  about: What the words mean.
  column: status
  values: {todo: written, done: sent, DONE: sent}
  otherwise: reject
  back: {sent: done, timedout: done}
"""

REMOVALS = """\
removals: spring
about: What nobody used.
tables: {sticker: Stickers were never printed.}
"""

SETTINGS = {"settings.start", "settings.specs", "settings.output"}
"""Texts of specc.yaml that are a stamp and folders."""


def small_project(root: Path) -> Path:
    """Write a project with documents of every kind."""
    shutil.copytree(SCAFFOLD, root)
    (root / "specs" / "alerts.yaml").write_text(ALERT, encoding="utf-8")
    (root / "specs" / "object_types.yaml").write_text(OBJECT_TYPES, encoding="utf-8")
    (root / "specs" / "parcels.yaml").write_text(PARCELS, encoding="utf-8")
    (root / "specs" / "calls.yaml").write_text(CALLS, encoding="utf-8")
    (root / "specs" / "old_words.yaml").write_text(OLD_WORDS, encoding="utf-8")
    (root / "specs" / "removals.yaml").write_text(REMOVALS, encoding="utf-8")
    return root


def labels() -> list[str]:
    """Return what the texts of the specs are called."""
    import tempfile

    found: dict[str, None] = {}
    with tempfile.TemporaryDirectory() as folder:
        poison(small_project(Path(folder) / "project"), lambda label, text: found.setdefault(label) or text)
    return sorted(found)


LABELS = labels()


def test_texts_of_all_kinds_are_tried() -> None:
    tried = {label.split(".")[0] for label in LABELS}
    assert tried == {"settings", *(kind.key for kind in driver.KINDS)}
    assert NOT_FREE.keys() <= set(LABELS)
    assert len(LABELS) >= 25


@pytest.mark.parametrize("label", LABELS)
def test_one_hostile_text_is_a_finding_or_harmless(label: str, tmp_path: Path) -> None:
    root = small_project(tmp_path / "project")
    # One reason for all moves is too many where each has its own.
    keeps = label == "machine.undriven.*.all"
    poison(
        root, lambda where, text: poisoned(label, text) if where == label and (text or not keeps) else text
    )
    if label in SETTINGS:
        with pytest.raises(ProjectError) as caught:
            driver.build(root)
        assert caught.value.diagnostics
        return
    result = driver.build(root)
    codes = {found.code.id for found in result.diagnostics}
    report = render_text(result.diagnostics, result.sources)
    assert codes == ({NOT_FREE[label]} if label in NOT_FREE else set()), report
    assert bool(result.files) == (label not in NOT_FREE)
    assert all(char.isprintable() or char == "\n" for char in report)


def poisoned(label: str, text: Any) -> Any:
    """Return the hostile text; of options, which are distinct, each with its own."""
    return f"{HOSTILE}{text}" if label.endswith(".options.*") else HOSTILE


def put_everywhere(label: str, text: Any) -> Any:
    kept = label in NOT_FREE or label in SETTINGS or (label == "machine.undriven.*.all" and not text)
    return text if kept else poisoned(label, text)


def test_hostile_texts_everywhere_leave_the_statements_as_they_are(tmp_path: Path) -> None:
    from pglast import parse_sql

    plain = driver.build(copy_flagship(tmp_path / "plain")).files
    root = copy_flagship(tmp_path / "hostile")
    poison(root, put_everywhere)
    hostile = driver.build(root).files
    assert hostile.keys() == plain.keys()
    for path in sorted(plain):
        if path.endswith(".sql") and not path.startswith("tests/"):
            kinds = [type(one.stmt).__name__ for one in parse_sql(plain[path])]
            # Where the specs say nothing, a text more is a comment more.
            more = [type(one.stmt).__name__ for one in parse_sql(hostile[path])]
            assert [one for one in more if one != "CommentStmt"] == [
                one for one in kinds if one != "CommentStmt"
            ], path

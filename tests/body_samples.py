"""A small project with two machines, and what each function under `bodies/` does to them, read by hand."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "bodies"
SAMPLES = tuple(sorted(path.stem for path in FOLDER.glob("*.sql")))

STATES = (
    "new", "valid", "invalid", "waiting", "ready", "in_progress", "timedout", "failed", "done", "delivered",
)  # fmt: skip
PROJECT = """\
lifecycle: standard
states:
  new: {is: initial}
  valid: {}
  invalid: {is: terminal, substates: [json, cancelled]}
  waiting: {substates: [capacity]}
  ready: {}
  in_progress: {}
  timedout: {}
  failed: {}
  done: {}
  delivered: {is: terminal}
transitions:
  new: [valid, invalid]
  valid: [ready, waiting]
  ready: [in_progress]
  in_progress: [done, failed, timedout]
  waiting: [ready, invalid, timedout]
  done: [delivered]
recovery:
  timedout: ready
  failed: ready
---
table: org
about: A tenant.
tenant: org
columns: {name: text}
---
table: source
about: Where runs are sent; its state is no machine's.
shared: true
columns: {name: text, state: text}
---
table: run_request
about: One call of a source.
tenant: org
columns:
  source_id: uuid null references source
  response: jsonb null
---
table: run_queue
about: One unit of work.
tenant: org
columns:
  source_id: uuid null references source
  run_request_id: uuid null references run_request
  kind: text null
  result: jsonb null
---
machine: run_request
follows: standard
attempts: 3
undriven: {new: By hand., valid: By hand., ready: By hand., in_progress: By hand., waiting: By hand., done: By hand.}
---
machine: run_queue
follows: standard
undriven: {new: By hand., valid: By hand., ready: By hand., in_progress: By hand., waiting: By hand., done: By hand.}
---
access: all
tables: [org, source, run_request, run_queue]
allow: {}
"""


@dataclass(frozen=True)
class Expected:
    """What a function does: `moves` as `machine: source → target`, `births` as `machine: state`.

    `undecided` are machines ("" for any) with reasons; `found` codes, each with the text it points at.
    """

    moves: str = ""
    births: str = ""
    undecided: tuple[tuple[str, str], ...] = ()
    unknown: tuple[tuple[str, str], ...] = ()
    found: tuple[tuple[str, str], ...] = ()


def write_samples(root: Path, names: tuple[str, ...]) -> Path:
    """Write the project with some of the samples; what they leave undriven is reported in the project's file."""
    return write_functions(root, {name: (FOLDER / f"{name}.sql").read_bytes() for name in names})


def write_functions(root: Path, functions: Mapping[str, bytes], project: str = PROJECT) -> Path:
    """Write the project with function files by name."""
    (root / "specs" / "functions").mkdir(parents=True)
    (root / "specc.yaml").write_text("project: bodies\n", encoding="utf-8")
    (root / "specs" / "all.yaml").write_text(project, encoding="utf-8")
    for name, text in functions.items():
        (root / "specs" / "functions" / f"{name}.sql").write_bytes(text)
    return root


NOT_LOCKED = "the query that picks its rows does not lock them"
NO_CONDITION = "no condition says which `state` is left"
NO_CONSTANT = "the value it writes into `state` is no constant"
NO_CONSTANT_LEFT = "it compares `state` with what is no constant"
NAMED_ALIKE = "`state` is the name of a variable as well"
NO_COLUMNS = "it inserts without a list of columns"
DYNAMIC = "it runs SQL that is put together while it runs"
FIELD = "a trigger writes `new.state`, whichever table it is on"
WHOLE_ROW = "a trigger puts another row in the place of `new`"
VIEW = "it writes `state` of `public.run_queue_status`, which is no table of the project"
GUARDS_OFF = "it turns triggers off, and the guards with them"

EXPECTED = {
    "cancel_units": Expected(
        "run_queue: new → invalid, waiting → invalid, in_progress → failed",
    ),
    "check_unit": Expected("run_queue: new → valid, new → invalid"),
    "claim_of_active": Expected("run_request: ready → in_progress"),
    "claim_runs": Expected("run_request: ready → in_progress"),
    "claim_units": Expected("run_queue: ready → in_progress"),
    "claim_unlocked": Expected("run_request: ? → in_progress", undecided=(("run_request", NOT_LOCKED),)),
    "copy_state": Expected(undecided=(("run_queue", NO_CONSTANT),)),
    "copy_units": Expected(births="run_queue: new"),
    "deliver_run": Expected("run_request: done → delivered"),
    "finish_all": Expected("run_request: in_progress → done; run_queue: in_progress → done"),
    "finish_units": Expected("run_queue: in_progress → done"),
    "forget_units": Expected(),
    "look_up_state": Expected(undecided=(("", FIELD),)),
    "merge_results": Expected(
        "run_queue: waiting → invalid, in_progress → done, in_progress → failed", births="run_queue: new"
    ),
    "move_from": Expected("run_request: ? → ready", undecided=(("run_request", NO_CONSTANT_LEFT),)),
    "move_run": Expected(undecided=(("run_request", NO_CONSTANT),)),
    "name_like_column": Expected("run_queue: ? → ready", undecided=(("run_queue", NAMED_ALIKE),)),
    "open_source": Expected(),
    "pass_deadline": Expected(
        "run_request: waiting → timedout, in_progress → failed; run_queue: waiting → invalid"
    ),
    "quote_names": Expected("run_queue: valid → ready"),
    "release_by_text": Expected("run_queue: waiting → ready, valid → ready"),
    "release_units": Expected("run_queue: waiting → ready, valid → ready"),
    "replace_row": Expected(undecided=(("", WHOLE_ROW),)),
    "retry_run": Expected("run_request: failed → ready, timedout → ready"),
    "retry_runs": Expected("run_request: failed → ready, timedout → ready"),
    "return_other": Expected(undecided=(("", WHOLE_ROW),)),
    "run_anything": Expected(undecided=(("", DYNAMIC),)),
    "run_constant": Expected("run_queue: waiting → ready, valid → ready"),
    "set_new_state": Expected(undecided=(("", FIELD),)),
    "settle_run": Expected("run_request: in_progress → done, in_progress → failed"),
    "shadow_names": Expected("run_queue: waiting → ready"),
    "store_row": Expected(undecided=(("run_queue", NO_COLUMNS),)),
    "store_run": Expected("run_request: valid → ready", births="run_request: new"),
    "store_unit": Expected(births="run_queue: new"),
    "turn_off": Expected("run_queue: ? → ready", undecided=(("", GUARDS_OFF), ("run_queue", NO_CONDITION))),
    "validate_units": Expected("run_queue: new → valid, valid → ready, valid → waiting"),
    "walk_cursor": Expected("run_queue: ? → in_progress", undecided=(("run_queue", NO_CONDITION),)),
    "walk_rows": Expected("run_queue: ? → in_progress", undecided=(("run_queue", NO_CONDITION),)),
    "write_view": Expected(undecided=(("", VIEW),)),
    "wrong_allocate_source_runs": Expected(
        "run_queue: waiting → in_progress",
        births="run_request: new",
        found=(("S541", "'in_progress'"),),
    ),
    "wrong_header": Expected(
        "run_queue: ? → ready, in_progress → failed, in_progress → timedout",
        undecided=(("run_queue", NO_CONDITION),),
        found=(("S543", "invalid"), ("S543", "done"), ("S543", "delivered"), ("S542", "'timedout'")),
    ),
    "wrong_moves": Expected(
        "run_queue: valid → ready, done → ready, in_progress → done, in_progress → new, failed → ready,"
        " waiting → valid;"
        " run_request: failed → ready, done → delivered, new → delivered, valid → delivered,"
        " invalid → delivered, waiting → delivered, ready → delivered, in_progress → delivered,"
        " timedout → delivered, ? → new",
        births="run_queue: valid",
        undecided=(("run_request", NO_CONDITION),),
        found=(
            ("S541", "'ready'"),
            ("S541", "'new'"),
            ("S541", "'ready'"),
            ("S541", "'ready'"),
            ("S541", "'delivered'"),
            ("S541", "'delivered'"),
            ("S541", "'new'"),
            ("S541", "'valid'"),
            ("S544", "'valid'"),
        ),
    ),
    "wrong_variables": Expected(
        unknown=(
            ("run_request", "reddy"),
            ("run_queue", "waitin"),
            ("run_request", "readi"),
            ("run_queue", "dun"),
            ("run_request", "failt"),
            ("run_queue", "nu"),
            ("run_queue", "walid"),
        ),
        found=(
            ("S540", "'reddy'"),
            ("S540", "'waitin'"),
            ("S540", "'readi'"),
            ("S540", "'dun'"),
            ("S540", "'failt'"),
            ("S540", "'nu'"),
            ("S540", "'walid'"),
        ),
    ),
    "wrong_states": Expected(
        undecided=(),
        unknown=(
            ("run_queue", "redy"),
            ("run_queue", "runing"),
            ("run_queue", "finished"),
            ("run_queue", "don't"),
            ("run_queue", "witing"),
            ("run_queue", "wating"),
            ("run_queue", "faild"),
            ("run_request", "reddy"),
            ("run_queue", "knew"),
            ("run_queue", "endd"),
        ),
        found=(
            ("S540", "'redy'"),
            ("S540", "'finished'"),
            ("S540", "'runing'"),
            ("S540", "'don''t'"),
            ("S540", "'{witing}'"),
            ("S540", "'wating'"),
            ("S540", "'faild'"),
            ("S540", "''reddy''"),
            ("S540", "'knew'"),
            ("S540", "'endd'"),
        ),
    ),
}


def listed(text: str) -> set[tuple[str, str]]:
    """Read `machine: a, b; other: c` as pairs."""
    parts = (part.partition(":") for part in text.split(";") if part.strip())
    return {(machine.strip(), one.strip()) for machine, _, each in parts for one in each.split(",")}

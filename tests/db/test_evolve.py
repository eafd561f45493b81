"""Changes of specs on real databases: each case of tests/evolve goes up, back and up again, with rows in its tables.

A case is a project before and after, rows, and what they are to be after the way there and the way back, written by
hand. What the migrated database is, is judged by pg_dump of one that was built from the new specs at once.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from databases import Database, copied
from seen_hazards import assert_told, seen
from test_dumps import OURS, VARYING, dump

from projects import write_example
from specc import driver
from specc.ir import lock
from specc.ir.database import Enum
from specc.ir.model import Ir
from specc.ir.step import CONCURRENTLY, Hazard, Part
from specc.load.files import read_project
from specc.pg.apply import apply
from specc.plan.directives import Directives, read_directives
from specc.plan.enums import in_place
from specc.plan.initial import plan_initial
from specc.plan.migration import files_of, up_text
from specc.plan.parts import plan

pytestmark = pytest.mark.pg

CASES = sorted((Path(__file__).parents[1] / "evolve").glob("*.yaml"))
SPARED = dict.fromkeys(("state_retired", "state_split", "substate_retired"), ("public.parcel",))
"""Tables of which the server reads less than a migration says: an index of the rows in one state leads to them."""
STAMPS = [f"202701010000{second:02}" for second in range(60)]

# Names that PostgreSQL chose when an object was made, and keeps.
CHOSEN = re.compile(r" CONSTRAINT \w+_not_null\d*(?= NOT NULL)")


Databases = Callable[[], Database]


@pytest.fixture
def databases(bare: Database) -> Iterator[Databases]:
    """Make databases with nothing but bootstrap; they are dropped afterwards."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(copied(bare))


def facts_of(text: str, folder: Path) -> Ir:
    """Return the facts of a project as a lock holds them."""
    folder.mkdir()
    checked = driver.analyse(read_project(write_example(text, folder)))
    assert checked.ir is not None, [one.message for one in checked.diagnostics]
    return lock.load(lock.dump(checked.ir))


def edited(text: str, edits: Sequence[Sequence[str]]) -> str:
    """Return a text with pieces of it replaced, each of which is there once."""
    for old, new in edits:
        assert text.count(old) == 1, f"{old!r} is there {text.count(old)} times"
        text = text.replace(old, new)
    return text


def dumped(database: Database) -> list[str]:
    """Return the lines of a dump in no order: that of columns is not that of the specs once some were added."""
    text = CHOSEN.sub(
        "",
        VARYING.sub("", dump(database, "--schema-only", "--exclude-table=private.kept_*", *OURS)),
    )
    lines = (line.rstrip(",") for line in text.split("\n") if line and not line.startswith("--"))
    return sorted(lines)


def different(one: Sequence[str], other: Sequence[str]) -> list[str]:
    a, b = Counter(one), Counter(other)
    return [f"- {line}" for line in (a - b).elements()] + [f"+ {line}" for line in (b - a).elements()]


def climb(database: Database, parts: Sequence[Part], spared: Collection[str] | None = None) -> None:
    """Go up as `specc migrate` does: preflights and batches first.

    With `spared` it is watched whether each part does to the database what it says; of what is spared it may read less.
    """
    for part, text in zip(parts, _texts(parts, "migrations/"), strict=True):
        _begin(database, read_directives(text))
        _apply(database, part.name, text, part.hazards, spared)


def descend(database: Database, parts: Sequence[Part], spared: Collection[str] | None = None) -> None:
    """Undo the parts of a plan, the last first, as `climb` applies them."""
    for part, text in reversed(list(zip(parts, _texts(parts, "rollback/"), strict=True))):
        _apply(database, part.name, text, part.hazards_back, spared)


def _apply(
    database: Database, name: str, text: str, hazards: Sequence[Hazard], spared: Collection[str] | None
) -> None:
    is_alone = name.endswith(CONCURRENTLY)
    if is_alone or spared is None:
        apply(database.owner, text, single_transaction=not is_alone)
    else:
        assert_told(hazards, seen(database.owner, text), spared)


def _begin(database: Database, said: Directives) -> None:
    with psycopg.connect(database.owner, autocommit=True, cursor_factory=psycopg.RawCursor) as connection:
        for one in said.preflights:
            assert connection.execute(one.sql.encode()).fetchone() == (0,), one.title
        for one in said.batches:
            where, count = None, 1
            while count:
                row = connection.execute(one.sql.encode(), [where]).fetchone()
                assert row is not None
                count, where = row


def _texts(parts: Sequence[Part], folder: str) -> list[str]:
    files = files_of(parts, "a test", STAMPS[: len(parts)], "change")
    return [files[path] for path in sorted(files) if path.startswith(folder)]


def asked(database: Database, questions: dict[str, Any]) -> dict[str, Any]:
    """Return the answers to questions: rows, each a text of values with spaces between."""
    with psycopg.connect(database.owner) as connection:
        return {
            query: [" ".join(str(value) for value in row) for row in connection.execute(query).fetchall()]
            for query in questions
        }


def expected(questions: dict[str, Any]) -> dict[str, list[str]]:
    return {query: [str(one) for one in answer] for query, answer in questions.items()}


TABLE = re.compile(r"^table: .*$", re.MULTILINE)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
@pytest.mark.parametrize("size", ["", "large"])
def test_a_change_goes_up_and_back_and_up(
    path: Path, size: str, databases: Databases, tmp_path: Path
) -> None:
    case = yaml.safe_load(path.read_text(encoding="utf-8"))
    texts = [case["before"], edited(case["before"], case["edits"])]
    if size:
        texts = [TABLE.sub(r"\g<0>\nlarge: true", text) for text in texts]
    before = facts_of(texts[0], tmp_path / "before")
    after = in_place(before, facts_of(texts[1], tmp_path / "after"))
    old, fresh = databases(), databases()
    apply(old.owner, up_text("before", plan_initial(before)))
    apply(fresh.owner, up_text("after", plan_initial(after)))
    base, wanted = dumped(old), dumped(fresh)
    apply(old.owner, case.get("rows", ""))
    parts = plan(before, after)
    # Labels stay on the way back: nothing uses them.
    labels = {f"+     '{label}'" for one in after.all(Enum) for label in one.labels}
    up, back, spared = case.get("up", {}), case.get("back", {}), SPARED.get(path.stem, ())

    climb(old, parts, spared)
    assert different(wanted, dumped(old)) == []
    assert asked(old, up) == expected(up)
    descend(old, parts, spared)
    assert [line for line in different(base, dumped(old)) if line not in labels] == []
    assert asked(old, back) == expected(back)
    climb(old, parts)
    assert different(wanted, dumped(old)) == []
    assert asked(old, case.get("again", up)) == expected(case.get("again", up))


@pytest.mark.parametrize("size", ["", "large"])
def test_an_open_connection_lives_through_a_change(size: str, databases: Databases, tmp_path: Path) -> None:
    case = yaml.safe_load((CASES[0].parent / "states_reordered.yaml").read_text(encoding="utf-8"))
    texts = [case["before"], edited(case["before"], case["edits"])]
    if size:
        texts = [TABLE.sub(r"\g<0>\nlarge: true", text) for text in texts]
    before = facts_of(texts[0], tmp_path / "before")
    after = facts_of(texts[1], tmp_path / "after")
    old = databases()
    apply(old.owner, up_text("before", plan_initial(before)))
    apply(old.owner, case["rows"])
    parts = plan(before, after)
    move = "update parcel set state = 'held' where code = 'o1' and state = 'open'"
    back = "update parcel set state = 'open' where code = 'o1' and state = 'held'"
    with psycopg.connect(old.owner, autocommit=True, prepare_threshold=0) as held:
        for _ in range(6):
            held.execute(move)
            held.execute(back)
        climb(old, parts)
        # Functions that its session has compiled, and statements that it has prepared, meet the new type.
        assert held.execute(move).rowcount == 1
        with pytest.raises(psycopg.errors.Error, match="cannot move from held to packed"):
            held.execute("update parcel set state = 'packed' where code = 'o1'")
        assert held.execute(back).rowcount == 1
        descend(old, parts)
        assert held.execute(move).rowcount == 1
        told = held.execute("select count(*) from parcel_state_history where reason is null").fetchone()
    assert told == (7 + 12 + 3,)


def moves_taken(database: Database, ways: dict[str, tuple[str, ...]]) -> set[tuple[str, str]]:
    """Return the moves that a parcel's guard lets a new row take, from each state, once it came there by a way."""
    found = set()
    with psycopg.connect(database.owner) as connection:
        states = [label for (label,) in connection.execute(LABELS).fetchall()]
        for source, way in ways.items():
            for target in (one for one in states if one != source):
                connection.execute("savepoint each")
                connection.execute("insert into parcel (code, shop_id) select 'new', id from shop")
                for state in way:
                    connection.execute("update parcel set state = %s where code = 'new'", [state])
                try:
                    connection.execute("update parcel set state = %s where code = 'new'", [target])
                    found.add((source, target))
                except psycopg.Error as error:
                    if error.sqlstate != "PT409":
                        raise
                connection.execute("rollback to each")
    return found


LABELS = "select unnest(enum_range(null::parcel_state))::text"
WAYS: dict[str, tuple[str, ...]] = {
    "open": (),
    "held": ("held",),
    "packed": ("packed",),
    "sent": ("packed", "sent"),
    "dropped": ("dropped",),
}
OLD_MOVES = {
    ("open", "held"),
    ("open", "packed"),
    ("open", "dropped"),
    ("held", "open"),
    ("packed", "sent"),
    ("packed", "dropped"),
}
MOVES = {
    # The state `held` is no more, its label still is.
    "state_retired": (
        {("open", "packed"), ("open", "dropped"), ("packed", "sent"), ("packed", "dropped")},
        {name: way for name, way in WAYS.items() if name != "held"},
    ),
    "moves_changed": (
        {("open", "held"), ("open", "dropped"), ("held", "packed"), ("packed", "sent"), ("packed", "open")},
        WAYS | {"packed": ("held", "packed"), "sent": ("held", "packed", "sent")},
    ),
}
"""What is legal after a change, by hand, and how a row comes into each state."""


@pytest.mark.parametrize("name", MOVES)
@pytest.mark.parametrize("size", ["", "large"])
def test_the_guard_accepts_the_new_moves_and_no_others(
    name: str, size: str, databases: Databases, tmp_path: Path
) -> None:
    case = yaml.safe_load((CASES[0].parent / f"{name}.yaml").read_text(encoding="utf-8"))
    texts = [case["before"], edited(case["before"], case["edits"])]
    if size:
        texts = [TABLE.sub(r"\g<0>\nlarge: true", text) for text in texts]
    before = facts_of(texts[0], tmp_path / "before")
    after = in_place(before, facts_of(texts[1], tmp_path / "after"))
    old, parts = databases(), plan(before, after)
    apply(old.owner, up_text("before", plan_initial(before)))
    apply(old.owner, case["rows"])
    assert moves_taken(old, WAYS) == OLD_MOVES
    climb(old, parts, SPARED.get(name, ()))
    legal, ways = MOVES[name]
    assert moves_taken(old, ways) == legal
    descend(old, parts, SPARED.get(name, ()))
    assert moves_taken(old, WAYS) == OLD_MOVES

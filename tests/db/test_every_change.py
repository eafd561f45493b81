"""Every kind of change of every database fact: what there is to add, drop and change is counted from the facts' classes.

Each change goes up, back and up again on a database with rows, and is judged by pg_dump of one that was made at once. A
field without a change here fails the suite, unless it is one that no database shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from typing import Any

import psycopg
import pytest
from databases import Database
from test_evolve import Databases, climb, databases, descend, different, dumped

from specc.ir.database import (
    DATABASE,
    Check,
    Column,
    Comment,
    Enum,
    ForeignKey,
    Function,
    Grant,
    Index,
    Partition,
    Policy,
    PrimaryKey,
    Row,
    Schema,
    Table,
    Trigger,
    Unique,
    View,
)
from specc.ir.fact import Fact, details
from specc.ir.intent import Large
from specc.ir.model import Ir, gather
from specc.pg.apply import apply
from specc.plan.initial import plan_initial
from specc.plan.migration import up_text
from specc.plan.parts import plan

pytestmark = pytest.mark.pg
__all__ = ["databases"]

S, T = "app", "shop"
PINNED = (("search_path", "''"),)
ENUM = (("enum", S, "mood"),)

SCHEMA = Schema(S, ("authenticated",))
PRIVATE = Schema("private")
MOOD = Enum(S, "mood", ("glad", "calm", "sad"))
SHOP = Table(S, T)
ID = Column(S, T, "id", 0, "uuid", default="gen_random_uuid()")
NAME = Column(S, T, "name", 1, "text")
SIZE = Column(S, T, "size", 2, "integer", default="1")
FEEL = Column(S, T, "mood", 3, "app.mood", default="'glad'::app.mood", needs=ENUM)
TWICE = Column(S, T, "twice", 4, "integer", not_null=False, generated="size * 2")
COUNT = Column(S, T, "number", 5, "integer", identity_form="always", sequence="shop_number_seq")
KEY = PrimaryKey(S, T, "shop_pkey", ("id",))
ONCE = Unique(S, T, "shop_name_key", ("name",))
BIG = Check(S, T, "shop_size_check", "size > 0")
LOG = Table(S, "log", partition_by="range (at)")
AT = Column(S, "log", "at", 0, "timestamptz", default="now()")
REST = Partition(S, "log_rest", S, "log", "default")
DESK = Table(S, "desk")
DESK_ID = Column(S, "desk", "id", 0, "uuid", default="gen_random_uuid()")
DESK_KEY = PrimaryKey(S, "desk", "desk_pkey", ("id",))
DESK_SHOP = Column(S, "desk", "shop_id", 1, "uuid", not_null=False)
DESK_TOWN = Column(S, "desk", "town", 2, "text", not_null=False)
DESK_OTHER = Column(S, "desk", "other_id", 3, "uuid", not_null=False)
DESK_MADE = Column(S, "desk", "made", 4, "integer", default="1")
OF = ForeignKey(S, "desk", "desk_shop_fkey", ("shop_id",), S, T, ("id",))
FAST = Index(S, T, "shop_size_idx", ("size",))
SEEN = Function(
    S, "seen", "integer", "p integer", "integer", "sql", "select p + 1", "immutable", settings=PINNED
)
NOTED = Function(S, "noted", "", "", "trigger", "plpgsql", "begin return new; end", settings=PINNED)
ALSO = Function(S, "also", "", "", "trigger", "plpgsql", "begin return new; end", settings=PINNED)
CHECKED = Check(S, T, "shop_seen_check", "app.seen(size) > 0", (("function", S, "seen", "integer"),))
LIST = View(S, "shops", "select id, name, mood from app.shop", (("table", S, T), *ENUM))
NOTE = Trigger(S, T, "note", "before", ("insert",), S, "noted")
MINE = Policy(S, T, "mine", "select", ("authenticated",), using="size > 0")
READ = Grant("table", S, T, "", "select", "authenticated", ("id", "name"))
CALL = Grant("function", S, "seen", "integer", "execute", "authenticated")
LOOK = Grant("view", S, "shops", "", "select", "authenticated")
FIRST = Row(
    S, T, "first", (("id", "'00000000-0000-7000-8000-000000000001'"), ("name", "'first'"), ("size", "1"))
)
SAID = Comment("table app shop", "Who sells.")
SAID_OF_VIEW = Comment("view app shops", "Who sells, for reading.")
SAID_OF_SEEN = Comment("function app seen integer", "What comes next.")
SAID_OF_NOTED = Comment("function app noted", "Notes.")
SAID_OF_MOOD = Comment("enum app mood", "How it is.")

FACTS: tuple[Fact, ...] = (
    SCHEMA, PRIVATE, MOOD, SHOP, ID, NAME, SIZE, FEEL, TWICE, COUNT, KEY, ONCE, BIG, LOG, AT, REST, DESK, DESK_ID, DESK_KEY,
    DESK_SHOP, DESK_TOWN, DESK_OTHER, DESK_MADE, OF, FAST, SEEN, NOTED, ALSO, CHECKED, LIST, NOTE, MINE, READ, CALL, LOOK, FIRST, SAID,
    SAID_OF_VIEW, SAID_OF_SEEN, SAID_OF_NOTED, SAID_OF_MOOD,
)  # fmt: skip

ROWS = """
insert into app.shop (name, size, mood) values ('a', 11, 'glad'), ('b', 12, 'calm'), ('c', 13, 'sad');
insert into app.desk (shop_id) select id from app.shop where name = 'a' union all select null;
insert into app.log default values;
"""

Change = tuple[Fact, Fact]

CHANGES: dict[type[Fact], dict[str, list[tuple[Fact, dict[str, Any]]]]] = {
    Schema: {"usage": [(SCHEMA, {"usage": ("authenticated", "service_role")}), (SCHEMA, {"usage": ()})]},
    Enum: {
        "labels": [
            (MOOD, {"labels": ("glad", "wild", "calm", "sad")}),
            (MOOD, {"labels": ("calm", "glad", "sad")}),
            (MOOD, {"labels": ("sad", "calm", "glad", "wild")}),
        ]
    },
    Table: {"row_security": [(SHOP, {"row_security": False})]},
    Column: {
        "type": [(DESK_MADE, {"type": "bigint"}), (NAME, {"type": "character varying(90)"}), (COUNT, {"type": "bigint"})],
        "not_null": [(NAME, {"not_null": False}), (DESK_MADE, {"not_null": False})],
        "default": [
            (SIZE, {"default": "2"}), (SIZE, {"default": ""}), (FEEL, {"default": "'calm'::app.mood"}),
            (SIZE, {"default": "app.seen(1)", "needs": (("function", S, "seen", "integer"),)}),
        ],
        "generated": [(TWICE, {"generated": "size * 3"}), (TWICE, {"generated": ""})],
        "identity_form": [(COUNT, {"identity_form": "by default"}), (COUNT, {"identity_form": "", "sequence": "", "default": "7"})],
        "identity_options": [(COUNT, {"identity_options": "increment by 2 start with 100"})],
        "sequence": [(COUNT, {"sequence": "shop_counter"})],
        "collation": [(NAME, {"collation": 'pg_catalog."C"'})],
    },
    PrimaryKey: {"columns": [(DESK_KEY, {"columns": ("id", "made")})]},
    Unique: {"columns": [(ONCE, {"columns": ("name", "size")})]},
    Check: {"expression": [(BIG, {"expression": "size >= 0"})]},
    ForeignKey: {
        "columns": [(OF, {"columns": ("other_id",)})],
        "target_schema": [(OF, {"columns": ("other_id",), "target_schema": "auth", "target_table": "users"})],
        "target_table": [(OF, {"columns": ("other_id",), "target_table": "desk"})],
        "target_columns": [(OF, {"columns": ("town",), "target_columns": ("name",)})],
        "on_delete": [(OF, {"on_delete": "cascade"})],
        "on_delete_columns": [(OF, {"on_delete": "set null", "on_delete_columns": ("shop_id",)})],
        "on_update": [(OF, {"on_update": "cascade"})],
        "deferrable": [(OF, {"deferrable": "deferrable initially deferred"})],
    },
    Index: {
        "keys": [(FAST, {"keys": ("size", "name")}), (FAST, {"keys": ("(lower(name))",)})],
        "unique": [(FAST, {"unique": True})],
        "method": [(FAST, {"method": "hash"})],
        "include": [(FAST, {"include": ("name",)})],
        "where": [(FAST, {"where": "mood = 'glad'"})],
    },
    Function: {
        "arguments": [(SEEN, {"arguments": "p_other integer", "body": "select p_other + 1"})],
        "returns": [(SEEN, {"returns": "bigint"})],
        "language": [(NOTED, {"language": "plpgsql", "body": "begin new.name := new.name; return new; end"})],
        "body": [(SEEN, {"body": "select p + 2"})],
        "volatility": [(SEEN, {"volatility": "stable"})],
        "security_definer": [(SEEN, {"security_definer": True})],
        "strict": [(SEEN, {"strict": True})],
        "parallel": [(SEEN, {"parallel": "safe"})],
        "settings": [(SEEN, {"settings": (*PINNED, ("work_mem", "'8MB'"))})],
    },
    View: {"query": [(LIST, {"query": "select id, mood from app.shop where size > 0"})]},
    Trigger: {
        "timing": [(NOTE, {"timing": "after"})],
        "events": [(NOTE, {"events": ("insert", "update of size")})],
        "function_schema": [(NOTE, {"function_schema": S, "function": "also"})],
        "function": [(NOTE, {"function": "also"})],
        "level": [(NOTE, {"timing": "after", "level": "statement"})],
        "when": [(NOTE, {"when": "new.mood = 'glad'"})],
        "always": [(NOTE, {"always": True})],
        "new_rows": [(NOTE, {"timing": "after", "level": "statement", "new_rows": "new_rows"})],
        "old_rows": [(NOTE, {"timing": "after", "events": ("update",), "level": "statement", "old_rows": "old_rows"})],
    },
    Policy: {
        "command": [(MINE, {"command": "delete"})],
        "roles": [(MINE, {"roles": ("service_role",)})],
        "using": [(MINE, {"using": "mood = 'glad'"})],
        "check": [(MINE, {"command": "update", "check": "size > 1"})],
    },
    Grant: {"columns": [(READ, {"columns": ("id",)}), (READ, {"columns": ()})]},
    Row: {
        "values": [(FIRST, {"values": (*FIRST.values[:2], ("size", "7"))}), (FIRST, {"values": FIRST.values[:2]})]
    },
    Comment: {"text": [(SAID, {"text": "Who sells what."})]},
}  # fmt: skip

NOT_SHOWN = {
    "needs": "what was found in a text, which has a change of its own",
    "position": "the order of columns is that in which they came",
    "procedure": "a function never becomes a procedure of the same signature: the specs name it anew",
    "partition_by": "only histories are partitioned, and they always are",
    "bound": "the one partition that specs make takes what no other is for",
    "of_schema": "a partition is called after its table",
    "of_table": "a partition is called after its table",
}

NULL_IN_ALL_ROWS = ("other_id", "town")
"""Columns that hold nothing: for a foreign key of theirs nothing is looked up in the table that it points at."""

DROPPED: dict[type[Fact], tuple[Fact, ...]] = dict.fromkeys(DATABASE, ()) | {
    Schema: FACTS,
    Enum: (MOOD, FEEL, LIST, LOOK, SAID_OF_VIEW, SAID_OF_MOOD),
    Table: (DESK, DESK_ID, DESK_KEY, DESK_SHOP, DESK_TOWN, DESK_OTHER, DESK_MADE, OF),
    Column: (DESK_TOWN,),
    PrimaryKey: (DESK_KEY,),
    Unique: (ONCE,),
    Check: (BIG,),
    ForeignKey: (OF,),
    Index: (FAST,),
    Function: (SEEN, CHECKED, CALL, SAID_OF_SEEN),
    View: (LIST, LOOK, SAID_OF_VIEW),
    Trigger: (NOTE,),
    Policy: (MINE,),
    Grant: (READ,),
    Row: (FIRST,),
    Comment: (SAID,),
}
"""What goes with each class of facts, and comes with it: a fact with all that hangs on it."""


def facts(chosen: Sequence[Fact]) -> Ir:
    nowhere: Any = (None, "")
    found, clashes = gather((one, nowhere) for one in chosen)
    assert clashes == ()
    return found


def changed(fact: Fact, values: dict[str, Any]) -> Ir:
    record: Any = fact
    return facts([replace(record, **values) if one is fact else one for one in FACTS])


def online(ir: Ir) -> Ir:
    """Return facts with their tables large."""
    return facts([*ir.facts, *(Large(one.schema, one.name) for one in ir.all(Table))])


def cells() -> Iterator[Any]:
    """Yield each change as (before, after), the id saying of what; once more where it is another for large tables."""
    for before, after, what in single_changes():
        yield pytest.param(before, after, id=what)
        if plan(before, after) != plan(before, online(after)):
            yield pytest.param(before, online(after), id=f"{what} online")


def single_changes() -> Iterator[tuple[Ir, Ir, str]]:
    everything = facts(FACTS)
    for kind in DATABASE:
        without = facts([one for one in FACTS if one not in DROPPED[kind]])
        # A table without its only partition takes no rows: that is no life to come back from.
        if kind is not Partition:
            yield without, everything, f"add {kind.KIND}"
            yield everything, without, f"drop {kind.KIND}"
        for field, changes in CHANGES.get(kind, {}).items():
            for number, (fact, values) in enumerate(changes):
                other = changed(fact, values)
                yield everything, other, f"change {kind.KIND} {field} {number}"
                yield other, everything, f"change back {kind.KIND} {field} {number}"


def test_every_field_of_every_fact_is_changed() -> None:
    for kind in DATABASE:
        named = {name for name, _ in details(kind)} - NOT_SHOWN.keys()
        assert named == set(CHANGES.get(kind, {})), kind.__name__
        assert kind is Partition or DROPPED[kind]
    assert NOT_SHOWN.keys() <= {one.name for kind in DATABASE for one in fields(kind)}  # type: ignore[arg-type]


def reference_row(database: Database) -> list[Any]:
    """Return what the one declared row holds, as text."""
    with psycopg.connect(database.owner) as connection:
        if connection.execute("select to_regclass('app.shop')").fetchone() == (None,):
            return []
        return connection.execute("select name, size from app.shop where name = 'first'").fetchall()


@pytest.mark.parametrize(("before", "after"), list(cells()))
def test_a_change_goes_both_ways(before: Ir, after: Ir, databases: Databases) -> None:
    old, fresh = databases(), databases()
    apply(old.owner, up_text("before", plan_initial(before)))
    apply(fresh.owner, up_text("after", plan_initial(after)))
    base, wanted = dumped(old), dumped(fresh)
    row = reference_row(old)
    if (
        DESK_TOWN in before.facts
        and SIZE.identity in before.by_identity
        and FEEL.identity in before.by_identity
    ):
        apply(old.owner, ROWS)
    parts = plan(before, after)
    assert parts
    keys = [one for ir in (before, after) for one in ir.all(ForeignKey) if one.columns[0] in NULL_IN_ALL_ROWS]
    spared = {f"{one.target_schema}.{one.target_table}" for one in keys}
    climb(old, parts, spared)
    assert different(wanted, dumped(old)) == []
    assert reference_row(old) == reference_row(fresh)
    descend(old, parts, spared)
    assert reference_row(old) == row
    labels = {f"+     '{label}'" for one in after.all(Enum) for label in one.labels}
    assert [line for line in different(base, dumped(old)) if line not in labels] == []
    climb(old, parts)
    assert different(wanted, dumped(old)) == []

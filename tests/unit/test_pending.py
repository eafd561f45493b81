"""What migrations are called, which stamps they get, and the checksums over them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path

import pytest

from projects import write_example
from specc import driver
from specc.ir.intent import Renamed
from specc.ir.model import Ir, gather
from specc.plan.base import Base, newest
from specc.plan.late import join
from specc.plan.parts import plan
from specc.plan.pending import Naming, later, pending
from specc.plan.sums import SumsError, dump, listed, unfit
from specc.plan.title import slug_of, words_for

Compile = Callable[[str], Ir]

TICKET = "table: ticket\nabout: A ticket.\nshared: true\ncolumns: {title: text}\n---\n"
PERSON = "table: person\nabout: A person.\nshared: true\ncolumns: {title: text}\n---\n"
LIFE = (
    "lifecycle: life\nstates: {open: {is: initial}, held: {}, closed: {is: terminal}}\n"
    "transitions: {open: [held, closed], held: [closed]}\n---\n"
    "machine: ticket\nfollows: life\nundriven: {open: By hand., held: By hand.}\n---\n"
)
ACCESS = "access: all\ntables: [{}]\nallow: {{}}\n"


@pytest.fixture
def facts(tmp_path: Path) -> Compile:
    """Compiles an example, with access to its tables."""

    def compiled(example: str) -> Ir:
        root = tmp_path / str(len(list(tmp_path.iterdir())))
        root.mkdir()
        tables = [one.split("\n")[0] for one in example.split("table: ")[1:]]
        result = driver.build(write_example(example + ACCESS.format(", ".join(tables)), root))
        assert result.ir is not None, list(result.diagnostics)
        return result.ir

    return compiled


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (TICKET, TICKET + PERSON, "add person"),
        (TICKET + PERSON, TICKET, "drop person"),
        (TICKET, TICKET + PERSON + PERSON.replace("person", "town"), "add person and town"),
        (TICKET, TICKET + LIFE + PERSON, "change 2 tables"),
        (TICKET, TICKET.replace("title: text", "title: text, note: text null"), "add ticket note"),
        (TICKET.replace("title: text", "title: text, note: text null"), TICKET, "drop ticket note"),
        (TICKET, TICKET.replace("title: text", "title: text, a: text null, b: text null"), "change ticket"),
        (TICKET, TICKET.replace("title: text", "title: text null"), "change ticket"),
        (TICKET, TICKET + LIFE, "change ticket"),
        (PERSON, PERSON + TICKET + LIFE, "add ticket"),
        (
            TICKET + LIFE,
            TICKET
            + LIFE.replace("held: {}", "held: {}, lost: {}")
            .replace("[held, closed]", "[held, lost, closed]")
            .replace("held: [closed]", "held: [closed], lost: [closed]")
            .replace("held: By", "lost: By hand., held: By"),
            "add ticket_state lost",
        ),
        (TICKET + LIFE, TICKET + LIFE.replace("held: [closed]", "held: [closed, open]"), "change ticket"),
        (TICKET, TICKET.replace("A ticket", "Any ticket"), "change ticket"),
    ],
)
def test_a_migration_is_called_after_what_it_does(
    before: str, after: str, words: str, facts: Compile
) -> None:
    assert words_for(facts(before), facts(after)) == words


def with_intent(ir: Ir, *intents: Renamed) -> Ir:
    return gather((one, ir.origins.get(one.identity, (None, ""))) for one in (*ir.facts, *intents))[0]


def test_what_has_another_name_is_neither_added_nor_dropped(facts: Compile) -> None:
    issue = (TICKET + LIFE).replace("ticket", "issue")
    moved = with_intent(
        facts(issue), Renamed("table public issue", "ticket"), Renamed("machine issue", "ticket")
    )
    assert words_for(facts(TICKET + LIFE), moved) == "rename ticket to issue"
    name = with_intent(facts(TICKET.replace("title", "name")), Renamed("column public ticket name", "title"))
    assert words_for(facts(TICKET), name) == "rename ticket title to name"


@pytest.mark.parametrize(
    ("words", "slug"),
    [
        ("the initial migration", "initial"),
        ("add ticket note", "add_ticket_note"),
        ("rename Ticket to Ünit 2", "rename_ticket_to_nit_2"),
        ("add " + "long_" * 20, ("add_" + "long_" * 20)[:60].rstrip("_")),
        ("§", "change"),
    ],
)
def test_words_become_a_part_of_a_file_name(words: str, slug: str) -> None:
    assert slug_of(words) == slug


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        ("20260101000000", "20260101000001"),
        ("20261231235959", "20270101000000"),
        ("20240228235959", "20240229000000"),
        ("20269999999998", "20269999999999"),
    ],
)
def test_a_later_stamp_is_the_next_second(stamp: str, expected: str) -> None:
    assert later(stamp) == expected


def made(facts: Compile, frozen: str, there: Mapping[str, str], naming: Naming) -> dict[str, str]:
    base, new = facts(TICKET), facts(TICKET.replace("title: text", "title: text, note: text null"))
    frozen_files = {f"{folder}/{frozen}_initial.sql": "" for folder in ("migrations", "rollback")}
    return pending(plan(base, new), new, "shop", Base(base, frozen_files, there), naming)


def test_a_stamp_is_that_of_the_clock_or_the_next_one_possible(facts: Compile) -> None:
    start = "20260101000000"
    for naming, stamp in (
        (Naming(), "20260101000001"),
        (Naming("20250101000000"), "20260101000001"),
        (Naming("20270101000000"), "20270101000000"),
        (Naming("20270101000000", "20280101000000"), "20280101000000"),
    ):
        files = made(facts, start, {}, naming)
        assert sorted(files) == [f"{one}/{stamp}_add_ticket_note.sql" for one in ("migrations", "rollback")]


def test_a_pending_migration_keeps_its_name_only_as_the_newest_and_the_same(facts: Compile) -> None:
    first = made(facts, "20260101000000", {}, Naming("20270101000000"))
    clock = Naming("20280101000000")
    assert made(facts, "20260101000000", first, clock) == first
    for frozen, there in (
        ("20270101000000", first),
        ("20270601000000", first),
        ("20260101000000", {path: f"{text}--\n" for path, text in first.items()}),
        ("20260101000000", {path: text for path, text in first.items() if path.startswith("migrations/")}),
    ):
        assert newest(made(facts, frozen, there, clock)) == "20280101000000"
        assert newest(made(facts, frozen, there, Naming())) > newest([*first, f"migrations/{frozen}_.sql"])


# Checksums


FILES = {"migrations/1_a.sql": "a\n", "rollback/1_a.sql": "b\n", "migrations/2_b.sql": "ä\n"}


def test_each_sum_is_over_a_file_and_all_before() -> None:
    before, lines = "", []
    for path in ("migrations/1_a.sql", "rollback/1_a.sql", "migrations/2_b.sql"):
        before = sha256(f"{before}\n{path}\n{FILES[path]}".encode()).hexdigest()
        lines.append(f"{before}  {path}")
    text = dump(dict(reversed(FILES.items())))
    assert [line for line in text.splitlines() if not line.startswith("#")] == lines
    assert listed(text) == tuple(line.split()[1] for line in lines)


def test_what_does_not_fit_is_named() -> None:
    text = dump(FILES)
    assert unfit(text, FILES) == ()
    assert unfit(text, {**FILES, "migrations/1_a.sql": "x\n"}) == ("migrations/1_a.sql",)
    assert unfit(text, {**FILES, "migrations/3_c.sql": "x\n"}) == ()
    assert unfit(text, {"migrations/2_b.sql": "ä\n"}) == ("migrations/1_a.sql", "rollback/1_a.sql")
    # The same files in another order are not the same history.
    renamed = {path.replace("1_a", "3_c"): content for path, content in FILES.items()}
    assert dump(renamed).splitlines()[-1].split()[0] != text.splitlines()[-1].split()[0]


@pytest.mark.parametrize(
    "line", ["<<<<<<< HEAD", "=======", "abc  migrations/1_a.sql", f"{'0' * 64}  ", "0" * 64]
)
def test_marks_of_a_conflict_are_no_checksums(line: str) -> None:
    with pytest.raises(SumsError, match="line 3 "):
        listed(dump({}) + line + "\n")


# Two sides


def test_changes_of_two_sides_are_put_together(facts: Compile) -> None:
    common = facts(TICKET + PERSON)
    one = facts(TICKET.replace("title: text", "title: text, note: text null") + PERSON)
    other = facts(TICKET + PERSON.replace("title: text", "title: text, age: integer null"))
    both = facts(
        TICKET.replace("title: text", "title: text, note: text null")
        + PERSON.replace("title: text", "title: text, age: integer null")
    )
    for mine, theirs in ((one, other), (other, one)):
        found, between = join(common, mine, theirs, share=False)
        assert between == ()
        assert plan(found, both) == ()


@pytest.mark.parametrize(
    ("one", "other", "between"),
    [
        ("title: text null", "title: varchar(80)", ["column public.ticket.title"]),
        ("title: text, note: text null", "title: text, note: integer null", ["column public.ticket.note"]),
        ("title: text, note: text null", "title: text, note: text null", ["column public.ticket.note"]),
        ("title: text, note: text null", "title: text, size: text null", []),
        # The type changes with an index on it and without one.
        ("title: varchar(80)", "title: text}\nindexes: [[title]]\nchecks: {", []),
        # A column that is put before others moves them, which is no change of theirs.
        ("note: text null, title: text", "title: text, size: text null", []),
    ],
)
def test_what_two_sides_both_changed_is_named(
    one: str, other: str, between: list[str], facts: Compile
) -> None:
    mine, theirs = (facts(TICKET.replace("title: text", columns)) for columns in (one, other))
    for pair in ((mine, theirs), (theirs, mine)):
        _, found = join(facts(TICKET), *pair, share=False)
        assert [f"{kind} {'.'.join(names)}" for kind, *names in found if kind == "column"] == between
        assert bool(found) == bool(between)


def test_the_same_change_by_one_migration_on_both_sides_is_one_change(facts: Compile) -> None:
    changed = facts(TICKET.replace("title: text", "title: text, note: text null"))
    found, between = join(facts(TICKET), changed, changed, share=True)
    assert (found.facts, between) == (changed.facts, ())


def test_what_both_sides_made_anew_is_made_once_more(facts: Compile) -> None:
    tables = TICKET + PERSON + TICKET.replace("ticket", "town") + LIFE.replace("ticket", "town")
    machines = [LIFE[LIFE.index("machine: ") :].replace("ticket", name) for name in ("ticket", "person")]
    common, one, other = facts(tables), facts(tables + machines[0]), facts(tables + machines[1])
    both = facts(tables + "".join(machines))
    found, between = join(common, one, other, share=False)
    assert between == ()
    (part,) = plan(found, both)
    made = {step.fact.identity for step in part.steps if step.up}
    assert {("view", "monitor", "machines"), ("view", "monitor", "tables")} <= made
    assert not [one for one in made if one[0] in ("table", "column")]


@pytest.mark.parametrize(
    ("mine", "theirs", "thing"),
    [
        (
            "columns: {title: text}\nindexes: [[title]]",
            "columns: {name: text}",
            ("column", "public", "ticket", "title"),
        ),
        (
            "columns: {title: text}\nunique: [[title]]",
            "columns: {name: text}",
            ("column", "public", "ticket", "title"),
        ),
        (
            "columns: {title: text}\nchecks: {long: length(title) > 3}",
            "columns: {title: text null}",
            ("column", "public", "ticket", "title"),
        ),
    ],
)
def test_what_one_side_built_on_and_the_other_changed_is_named(
    mine: str, theirs: str, thing: tuple[str, ...], facts: Compile
) -> None:
    one, other = (facts(TICKET.replace("columns: {title: text}", text)) for text in (mine, theirs))
    for pair in ((one, other), (other, one)):
        _, found = join(facts(TICKET), *pair, share=False)
        assert thing in found

"""Function bodies of real shape against tables of what they do that were written by hand."""

from pathlib import Path

import pytest

from body_samples import EXPECTED, FOLDER, PROJECT, SAMPLES, listed, write_functions, write_samples
from specc import driver
from specc.analysis.bodies import Body, bodies
from specc.driver import Checked
from specc.load.files import read_project
from specc.pg.parsing import tokens
from specc.pg.pieces import pieces
from specc.pg.routine import read_routine

F = "specs/functions/f.sql"

each_sample = pytest.mark.parametrize("name", SAMPLES)


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Checked:
    """The project with all functions."""
    return driver.analyse(read_project(write_samples(tmp_path_factory.mktemp("bodies"), SAMPLES)))


def moves(body: Body) -> set[tuple[str, str]]:
    return {
        (one.machine, f"{source} → {one.target}")
        for one in body.moves
        if one.form == "move"
        for source in one.sources or ("?",)
    }


def found_in(checked: Checked, path: str) -> list[tuple[str, str]]:
    """Return the findings in a file in the order of the text, each with the text it points at."""
    text = checked.sources[path].text
    found = [one for one in checked.diagnostics if one.span.path == path]
    return [(one.code.id, text[one.span.start : one.span.end]) for one in found]


def test_each_sample_has_a_table() -> None:
    assert set(EXPECTED) == set(SAMPLES)


@each_sample
def test_the_driver_table_is_the_one_written_by_hand(checked: Checked, name: str) -> None:
    body, expected = bodies(checked.project)[f"public.{name}"], EXPECTED[name]
    assert moves(body) == listed(expected.moves)
    births = {(one.machine, one.target) for one in body.moves if one.form == "birth"}
    assert births == listed(expected.births)
    assert [(one.machine, one.reason) for one in body.undecided] == list(expected.undecided)
    assert {(one.machine, one.value) for one in body.unknown} == set(expected.unknown)


@each_sample
def test_findings_stand_at_the_very_word(checked: Checked, name: str) -> None:
    assert found_in(checked, f"specs/functions/{name}.sql") == list(EXPECTED[name].found)


def check(root: Path, text: str, project: str = PROJECT) -> Checked:
    return driver.analyse(read_project(write_functions(root, {"f": text.encode()}, project)))


def function(body: str, drives: str = "{}", returns: str = "void") -> str:
    arguments = "" if returns == "trigger" else "p_id uuid, p_state public.run_queue_state"
    header = f"/*\nabout: A sample.\ndrives: {drives}\n*/\n"
    return f"{header}create function public.f({arguments}) returns {returns} language plpgsql as $$\n{body}\n$$;\n"


ENDS = "{run_queue: {in_progress: [done, failed], waiting: [timedout]}}"
NEVER = {
    "nothing is written": ("null;", ["done", "failed", "timedout"]),
    "another machine": (
        "update public.run_request set state = 'done' where state = 'in_progress';",
        ["done", "failed", "timedout"],
    ),
    "the state left is open": (
        "update public.run_queue set state = 'done' where id = p_id;",
        ["failed", "timedout"],
    ),
    "the state entered is open": (
        "update public.run_queue set state = p_state where state = 'waiting';",
        ["done", "failed"],
    ),
    "both are open": ("update public.run_queue set state = p_state where id = p_id;", []),
    "SQL that is put together": ("execute p_state;", []),
    "a state is compared only": (
        "perform 1 from public.run_queue where state = 'done';",
        ["done", "failed", "timedout"],
    ),
    "a row is inserted": (
        "insert into public.run_queue (id, org_id) select p_id, p_id;",
        ["done", "failed", "timedout"],
    ),
    "rows are inserted in any state": (
        "insert into public.run_queue select * from public.run_queue;",
        ["done", "failed", "timedout"],
    ),
    "a row that stays": (
        "update public.run_queue set state = 'done' where state = 'done';",
        ["done", "failed", "timedout"],
    ),
    "a branch that no row takes": (
        (
            "update public.run_queue set state = case state when 'done' then 'timedout' else 'failed' end"
            " where state = 'in_progress';"
        ),
        ["done", "timedout"],
    ),
    "conditions that exclude each other": (
        "update public.run_queue set state = 'failed' where state = 'waiting' and state = 'in_progress';",
        ["done", "failed", "timedout"],
    ),
}


@pytest.mark.parametrize("case", NEVER)
def test_a_declared_move_is_reported_unless_the_body_may_make_it(tmp_path: Path, case: str) -> None:
    body, never = NEVER[case]
    found = found_in(check(tmp_path, function(f"begin {body} end", ENDS)), F)
    assert [text for code, text in found if code == "S543"] == never


def test_a_body_that_cannot_be_read_is_one_mistake(tmp_path: Path) -> None:
    body = "begin update public.run_queue set state = 'done' where state == ; end"
    assert [code for code, _ in found_in(check(tmp_path, function(body, ENDS)), F)] == ["S530"]


def test_a_trigger_is_held_against_all_machines_where_every_state_is_of_one(tmp_path: Path) -> None:
    body = "begin if old.state = 'redy' then new.state := 'finished'; end if; return new; end"
    project = PROJECT.replace("columns: {name: text, state: text}", "columns: {name: text}")
    found = found_in(check(tmp_path, function(body, returns="trigger"), project), F)
    assert found == [("S540", "'redy'"), ("S540", "'finished'")]


PLACES = {
    "windows line ends": "begin\r\n  update public.run_queue\r\n  set state = 'lost' where id = p_id;\r\nend",
    "after letters of two bytes": "begin\n  raise notice 'é – ü';  update public.run_queue set state = 'lost';\nend",
    "twice on one line": "begin update public.run_queue set kind = 'lost'; update public.run_queue set state = 'lost'; end",
    "with INTO": "declare v uuid; begin update public.run_queue set kind = 'lost', state = 'lost'"
    " returning id\n into v; end",
    "with INTO between": "declare v uuid; begin select id\n into v from public.run_queue where state = 'lost'; end",
    "in a loop": "declare r record; begin\n  for r in\n  update public.run_queue set state = 'lost' returning id"
    " loop end loop; end",
    "in PERFORM": "begin Perform 1, state = 'lost' from public.run_queue; end",
    "after the same in a comment": "begin /* begin; update public.run_queue set state = 'lost' */"
    " update public.run_queue set state = 'lost'; end",
    "in a condition": "begin if exists (select from public.run_queue\n where state = 'lost') then null; end if; end",
    "in a text that is run": "begin execute $q$ update public.run_queue set state = 'lost' $q$; end",
    "in what is returned": "begin return (select state = 'lost' from public.run_queue); end",
    "in a message": "begin raise exception '%', (select state = 'lost' from public.run_queue); end",
}


@pytest.mark.parametrize("case", PLACES)
def test_a_state_that_is_none_is_pointed_at(tmp_path: Path, case: str) -> None:
    text = function(PLACES[case], returns="boolean" if "returned" in case else "void")
    (found,) = (one for one in check(tmp_path, text).diagnostics if one.code.id == "S540")
    assert (found.span.start, found.span.end) == (text.rindex("'lost'"), text.rindex("'lost'") + 6)


def routine_texts() -> list[str]:
    """Return all functions that tests hold, those that only servers see included."""
    parts = (Path(__file__).parent / "db" / "routines" / "sound.sql").read_text(encoding="utf-8")
    texts = [(FOLDER / f"{name}.sql").read_text(encoding="utf-8") for name in SAMPLES]
    return [*texts, *(part.partition("\n")[2] for part in parts.split("-- sample: ")[1:])]


def test_every_word_of_a_piece_stands_where_it_is_said_to() -> None:
    words = 0
    for text in routine_texts():
        routine = read_routine(text)
        for piece in pieces(routine, lambda schema, name: None, "state")[1]:
            if piece.reason or not piece.is_exact:
                continue
            for token in tokens(piece.text):
                word = piece.text[token.start : token.end]
                at = piece.place(token.start)
                # The first word is ours where an expression was made a query, or SELECT was PERFORM.
                if token.start and not piece.is_quoted:
                    assert routine.body[at : at + len(word)] == word, piece.text
                    words += 1
    assert words > 1500

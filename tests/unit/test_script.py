"""What the text of a migration is made of."""

import pytest

from specc.pg.script import (
    Concurrent,
    concurrent,
    has_parameter,
    losses,
    pieces,
    statement_count,
    touches,
    transaction_lines,
    words,
)


def test_statements_keep_the_comments_before_them() -> None:
    text = "-- a; 'b\ncreate table t (a int);\n;; -- trailing\nselect 'ü;', $$;$$;\n-- end\n"
    assert pieces(text) == (
        "-- a; 'b\ncreate table t (a int)",
        "-- trailing\nselect 'ü;', $$;$$",
        "-- end",
    )


def test_a_body_of_statements_is_one_statement() -> None:
    text = "create function g() returns int language sql begin atomic; select 1; select 2; end; select 3"
    assert pieces(text) == (text[: text.index("; select 3")], "select 3")


@pytest.mark.parametrize("text", ["", " \n", "\n;\n"])
def test_nothing_has_no_pieces(text: str) -> None:
    assert pieces(text) == ()


@pytest.mark.parametrize("text", ["select 'a", "brand new grammar; select 1"])
def test_what_cannot_be_read_is_one_piece_and_does_nothing_known(text: str) -> None:
    assert pieces(text) == (text,)
    assert statement_count(text) == 1
    assert (transaction_lines(text), losses(text), concurrent(text)) == ((), (), Concurrent(""))
    assert touches("select 1 from t where", text) is True


def test_words_are_the_same_without_comments_and_layout() -> None:
    assert words("-- a\nselect  1 ;\n;/* b */ select 'x'") == words("select 1; select 'x';")
    assert words("select 'x'") != words("select 'X'")


def test_a_transaction_in_a_file_is_found_by_line() -> None:
    assert transaction_lines("-- ü\nselect 1;\n\n-- c\nbegin;\nselect 'commit;';\ncommit;\n") == (5, 7)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            '-- x\ncreate unique index concurrently if not exists "I" on s.t (a);',
            Concurrent("create", "s", "t", "I"),
        ),
        ("create index concurrently on t (a)", Concurrent("create", "", "t", "")),
        ("drop index concurrently if exists s.i", Concurrent("drop", "s", "", "i")),
        ("drop index i, j", Concurrent("")),
        ("reindex index concurrently i", Concurrent("")),
        ("create index i on t (a); select 1", Concurrent("")),
    ],
)
def test_what_is_done_to_an_index(text: str, found: Concurrent) -> None:
    assert concurrent(text) == found


def test_what_a_way_back_loses_by_itself() -> None:
    text = """
        drop view v; drop table s.a, b; drop schema empty; drop schema x cascade; truncate s.t;
        alter table s.t drop column c, add column d int; alter type e drop attribute f; drop function g();
    """
    assert losses(text) == ("table s.a", "table b", "schema x", "rows of s.t", "column s.t.c")


def test_a_query_waits_for_what_it_reads() -> None:
    text = 'create table public.ticket (id int); create function private."Odd"() returns int'
    assert touches("select count(*) from public.ticket", text)
    assert touches('select private."Odd"()', text)
    assert not touches("select count(*) from public.tickets where id::int > 0", text)


def test_a_parameter_is_no_text() -> None:
    assert has_parameter("call f($1)")
    assert not has_parameter("select '$1', $$ $1 $$ -- $1")

"""What a user sees when the text of a SQL file runs, or does not."""

import psycopg
import pytest

from specc.pg.apply import ApplyError, apply

pytestmark = pytest.mark.pg

ORDERS = """\
-- Aufträge, first of all
create table orders (id int primary key, state text not null default 'é%s');

/* two
   lines */
insert into orders (id) values (1), (2);
"""


def count(database: str, table: str = "orders") -> int | None:
    with psycopg.connect(database) as connection:
        if not connection.execute("select to_regclass(%s)", [table]).fetchone()[0]:
            return None
        return connection.execute(f"select count(*) from {table}").fetchone()[0]


def failure(database: str, sql: str, *, single_transaction: bool = True) -> ApplyError:
    with pytest.raises(ApplyError) as caught:
        apply(database, sql, single_transaction=single_transaction)
    return caught.value


def test_all_statements_of_a_text_run(database: str) -> None:
    apply(database, ORDERS)
    assert count(database) == 2


@pytest.mark.parametrize("empty", ["", "-- nothing\n", ";;"])
def test_a_text_without_statements_is_fine(database: str, empty: str) -> None:
    apply(database, empty)
    apply(database, empty, single_transaction=False)


def test_a_name_that_is_missing_is_shown_where_it_stands(database: str) -> None:
    error = failure(
        database, ORDERS + "\ncreate view v as\n  select 'ü',\n  missing from orders;\nselect 1;\n"
    )
    assert (error.line, error.statement_line, error.sqlstate) == (10, 8, "42703")
    assert str(error) == (
        'line 10: column "missing" does not exist (SQLSTATE 42703)\n  10 |   missing from orders;'
    )
    assert count(database) is None


def test_an_error_without_a_position_is_shown_at_its_statement(database: str) -> None:
    error = failure(database, ORDERS + ";\n-- again\ninsert into orders (id)\nvalues (1);\nselect 1;\n")
    assert (error.line, error.source, error.sqlstate) == (9, "insert into orders (id)", "23505")
    assert error.detail == "Key (id)=(1) already exists."
    assert "\nDETAIL: Key (id)=(1) already exists." in str(error)


def test_an_error_inside_a_block_names_the_block_and_the_line_in_it(database: str) -> None:
    error = failure(
        database, "select 1;\n\ndo $$ begin\n  raise 'no' using hint = 'ask', errcode = 'PT409';\nend $$;"
    )
    assert (error.line, error.message, error.hint, error.sqlstate) == (3, "no", "ask", "PT409")
    assert error.context == "PL/pgSQL function inline_code_block line 2 at RAISE"


def test_a_fault_in_a_function_body_is_shown_in_the_body(database: str) -> None:
    text = "select 1;\ncreate function f() returns int language plpgsql as $$\nbegin\n  retrun 1;\nend $$;\n"
    error = failure(database, text)
    assert (error.line, error.statement_line) == (4, 2)


@pytest.mark.parametrize("single_transaction", [True, False])
def test_a_syntax_error_is_shown_where_it_stands_and_nothing_runs(
    database: str, single_transaction: bool
) -> None:
    error = failure(database, ORDERS + "\n\nselect from from;\n", single_transaction=single_transaction)
    assert (error.line, error.source, error.sqlstate) == (9, "select from from;", "42601")
    assert count(database) is None


def test_a_deferred_constraint_fails_at_the_commit(database: str) -> None:
    text = (
        "create table parts (id int primary key, whole int references parts deferrable initially deferred);\n"
    )
    error = failure(database, text + "insert into parts values (1, 2);")
    assert (error.line, error.sqlstate) == (None, "23503")
    assert str(error).startswith("at commit: ")
    assert count(database, "parts") is None


def test_each_statement_in_its_own_transaction(database: str) -> None:
    apply(
        database, ORDERS + "create index concurrently by_state on orders (state);", single_transaction=False
    )
    error = failure(
        database, "delete from orders where id = 1;\n\nselect\n 1 / 0;\n", single_transaction=False
    )
    assert (error.line, error.sqlstate) == (3, "22012")
    assert count(database) == 1


def test_what_refuses_a_transaction_block_is_refused_in_one(database: str) -> None:
    error = failure(database, ORDERS + "create index concurrently by_state on orders (state);")
    assert (error.line, error.sqlstate) == (7, "25001")


def test_copy_from_the_client_is_refused_with_its_place(database: str) -> None:
    error = failure(database, ORDERS + "copy orders from stdin;\nselect 1;")
    assert error.line == 7
    assert count(database) is None


def test_a_function_with_statements_of_its_own_counts_as_one(database: str) -> None:
    text = "create function one() returns int begin atomic select 2; select 1; end;\nselect 1;\nselect 1 / 0;"
    assert failure(database, text).line == 3
    assert failure(database, text, single_transaction=False).line == 3


def test_a_text_longer_than_any_buffer_runs(database: str) -> None:
    rows = ",".join(f"({number}, '{'x' * 200}')" for number in range(3, 30_003))
    apply(database, f"{ORDERS} insert into orders values {rows};")
    assert count(database) == 30_002

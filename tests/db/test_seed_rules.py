"""All machines against the seed's state rules: nothing here comes from the compiler.

What the flagship's own functions do when a row moves is switched off: the guards alone are judged.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from seed_rules import (
    ATTEMPTS,
    MACHINES,
    MOVES,
    NEEDED,
    RECOVERIES,
    STATES,
    Connection,
    Table,
    may,
    outcome,
    plain,
    prepare,
    refused,
    writers,
    wrong_moves,
)

pytestmark = pytest.mark.pg


@pytest.fixture(scope="module")
def prepared(shared_flagship: str) -> str:
    with psycopg.connect(shared_flagship) as connection:
        prepare(connection)
    return shared_flagship


@pytest.fixture
def connection(prepared: str) -> Iterator[Connection]:
    with psycopg.connect(prepared) as opened:
        yield opened
        opened.rollback()


@pytest.fixture(params=MACHINES)
def table(request: pytest.FixtureRequest, connection: Connection) -> Table:
    return Table(connection, request.param)


def test_the_labels_are_the_seeds_in_its_order(table: Table) -> None:
    found = table.connection.execute(
        """select array_agg(e.enumlabel::text order by e.enumsortorder), bool_and(a.attnotnull)
           from pg_attribute a join pg_enum e on e.enumtypid = a.atttypid
           where a.attrelid = %s::regclass and a.attname = 'state'
             and a.atttypid = %s::regtype""",
        [table.name, f"public.{table.name}_state"],
    ).fetchone()
    assert found == (list(STATES), True)


def test_may_move_tells_the_seeds_rules(table: Table) -> None:
    types = (f"public.{table.name}_state",) * 2
    found = table.connection.execute(
        f"""select f::text, t::text, public.{table.name}_may_move(f::{types[0]}, t::{types[0]})
            from unnest(%(all)s::text[]) f, unnest(%(all)s::text[]) t""",
        {"all": list(STATES)},
    ).fetchall()
    assert {(start, end): told for start, end, told in found} == {
        (start, end): may(start, end) for start in STATES for end in STATES
    }
    nothing = f"select public.{table.name}_may_move(null, 'new'), public.{table.name}_may_move('new', null)"
    assert table.connection.execute(nothing).fetchone() == (False, False)


def test_every_way_to_write_takes_the_seeds_moves_and_no_other(table: Table) -> None:
    assert wrong_moves(table, writers(table)) == []


def test_a_trigger_that_changes_the_state_is_guarded_too(table: Table) -> None:
    table.run(
        """create function pg_temp.meddle() returns trigger language plpgsql as $$
           begin
               if current_setting('test.state', true) <> '' then
                   new.state := current_setting('test.state')::{s};
               end if;
               return new;
           end $$"""
    )
    table.run(
        "create trigger zzzz_last before insert or update on {t} for each row execute function pg_temp.meddle()"
    )
    meddled = """
        with meddled as (select set_config('test.state', %(state)s, true))
        update {t} set attempt = attempt from meddled where id = %(row)s"""
    assert wrong_moves(table, {"trigger": meddled}) == []
    for state in STATES[1:]:
        with refused(table.connection):
            table.connection.execute("select set_config('test.state', %s, true)", [state])
            table.born()


def test_a_superuser_is_guarded_through_a_view_and_in_a_writable_cte(prepared: str, table: Table) -> None:
    with psycopg.connect(prepared, user="postgres") as superuser:
        own = Table(superuser, table.name)
        own.run("create view public.all_of_it as select * from {t}")
        views = {
            "simple view": "update public.all_of_it set state = %(state)s where id = %(row)s",
            "view of statuses": f"update {table.name}_status set state = %(state)s where id = %(row)s",
            "update": writers(own)["update"],
            "writable CTE": writers(own)["writable CTE"],
        }
        assert wrong_moves(own, views) == []
        superuser.rollback()


@pytest.mark.parametrize("channel", ["insert", "upsert", "merge", "copy", "select", "cte"])
def test_a_row_begins_new(table: Table, channel: str) -> None:
    came = {state: birth(table, channel, state) for state in STATES}
    assert came == {state: "new" if state == "new" else "PT409" for state in STATES}


def birth(table: Table, channel: str, state: str) -> str:
    """Return the state in which a row was born, or the SQLSTATE of the refusal."""
    row = {"id": uuid4()} | NEEDED[table.name] | {"state": state}
    names, values = ", ".join(row), ", ".join(f"%({name})s" for name in row)
    try:
        with table.connection.transaction():
            if channel == "copy":
                copy_in(table, row)
            else:
                table.run(BIRTHS[channel].replace("NAMES", names).replace("VALUES", values), **row)
    except psycopg.Error as error:
        assert table.read(row["id"]) is None
        return str(error.sqlstate)
    return str(table.read(row["id"]))


BIRTHS = {
    "insert": "insert into {t} (NAMES) values (VALUES)",
    "upsert": "insert into {t} (NAMES) values (VALUES) on conflict (id) do update set state = 'done'",
    "merge": """
        merge into {t} as t using (values (%(id)s::uuid)) as v (id) on t.id = v.id
        when not matched then insert (NAMES) values (VALUES)""",
    "select": "insert into {t} (NAMES) select VALUES",
    "cte": "with born as (insert into {t} (NAMES) values (VALUES) returning id) select count(*) from born",
}


def copy_in(table: Table, *rows: dict[str, Any]) -> None:
    with (
        table.connection.cursor() as cursor,
        cursor.copy(f"copy public.{table.name} ({', '.join(rows[0])}) from stdin") as copy,
    ):
        for row in rows:
            copy.write_row(tuple(row.values()))


def test_a_copy_of_many_rows_with_one_that_does_not_begin_new_is_refused_whole(table: Table) -> None:
    before = table.states()
    rows = [{"id": uuid4(), "state": "new"} | NEEDED[table.name] for _ in range(10)]
    with refused(table.connection):
        copy_in(table, *rows[:7], rows[7] | {"state": "valid"}, *rows[8:])
    assert table.states() == before
    copy_in(table, *rows)
    assert table.states() == sorted([*before, *["new"] * 10])


def test_a_row_begins_with_no_attempt_and_no_substate(table: Table) -> None:
    for more in ({"attempt": 1}, {"attempt": -1}, {"state_substate": "json"}, {"state_substate": "capacity"}):
        with refused(table.connection):
            table.born(**more)
    assert table.read(table.born(attempt=0, state_substate=None)) == "new"


def test_one_statement_with_one_illegal_row_is_refused_whole(table: Table) -> None:
    before = table.states()
    running = [table.at("in_progress") for _ in range(9)]
    odd = table.at("waiting")
    with refused(table.connection) as caught:
        table.run(
            "update {t} set state = 'done' where id = any (%(rows)s)", rows=[*running[:5], odd, *running[5:]]
        )
    assert str(odd) in str(caught.value.diag.message_detail)
    assert table.states() == sorted([*before, *["in_progress"] * 9, "waiting"])
    # What is legal for both kinds of row passes.
    everyone = "update {t} set state = 'timedout' where id = any (%(rows)s)"
    assert table.run(everyone, rows=[*running, odd]) == 10
    assert table.states() == sorted([*before, *["timedout"] * 10])


def test_each_row_of_a_statement_may_take_its_own_move(table: Table) -> None:
    rows = {state: table.at(state) for state in MOVES}
    assert (
        table.run(
            """update {t} set state = (case state::text when 'new' then 'invalid' when 'valid' then 'waiting'
                   when 'ready' then 'in_progress' when 'in_progress' then 'failed'
                   when 'waiting' then 'ready' when 'done' then 'delivered' end)::{s}
               where id = any (%(rows)s)""",
            rows=list(rows.values()),
        )
        == 6
    )
    came = {state: table.read(row) for state, row in rows.items()}
    assert came == {
        "new": "invalid", "valid": "waiting", "ready": "in_progress",
        "in_progress": "failed", "waiting": "ready", "done": "delivered",
    }  # fmt: skip


def test_a_row_moves_twice_in_one_transaction_and_not_a_third_time(table: Table) -> None:
    row = table.born()
    assert [table.move(row, state) for state in ("valid", "ready")] == [1, 1]
    with refused(table.connection):
        table.move(row, "done")
    assert table.read(row) == "ready"
    # From the state it has now, not the one it had when the transaction began.
    with refused(table.connection):
        table.move(row, "valid")


def test_a_move_with_a_new_key_is_guarded(table: Table) -> None:
    row = table.at("ready")
    with refused(table.connection):
        table.run("update {t} set id = gen_random_uuid(), state = 'done' where id = %(row)s", row=row)


def test_only_recovery_may_raise_attempt(table: Table) -> None:
    raised = "update {t} set state = %(state)s, attempt = attempt + 1 where id = %(row)s"
    rows = {state: table.at(state) for state in STATES}
    came = {(start, end): outcome(table, raised, row, end) for start, row in rows.items() for end in STATES}
    spends = RECOVERIES if ATTEMPTS[table.name] else ()
    assert came == {pair: pair[1] if pair in spends else "PT409" for pair in came}


@pytest.mark.parametrize("ended", ["timedout", "failed"])
def test_a_row_recovers_as_often_as_its_machine_allows(table: Table, ended: str) -> None:
    row = table.at(ended)
    for attempt in range(1, ATTEMPTS[table.name] + 1):
        for wrong in ("", ", attempt = attempt + 2", ", attempt = attempt - 1", ", attempt = 99"):
            with refused(table.connection):
                table.move(row, "ready", wrong)
        assert table.move(row, "ready", ", attempt = attempt + 1") == 1
        assert table.read(row, "attempt") == attempt
        for step in ("in_progress", ended):
            table.move(row, step)
    for spent in ("", ", attempt = attempt + 1", ", attempt = 1", ", attempt = 0"):
        with refused(table.connection):
            table.move(row, "ready", spent)
    assert (table.read(row), table.read(row, "attempt")) == (ended, ATTEMPTS[table.name])


def test_attempt_stays_as_it_is_without_a_move(table: Table) -> None:
    for state in STATES:
        row = table.at(state)
        for change in ("attempt + 1", "attempt - 1", "3"):
            with refused(table.connection):
                table.run(f"update {{t}} set attempt = {change} where id = %(row)s", row=row)


def test_ten_rows_recover_at_once_unless_one_has_spent_its_attempts(connection: Connection) -> None:
    runs = Table(connection, "run_request")
    rows = [runs.at(state) for state in ("failed", "timedout") * 5]
    again = "update {t} set state = 'ready', attempt = attempt + 1 where id = any (%(rows)s)"
    for _ in range(3):
        runs.move(rows[0], "ready", ", attempt = attempt + 1")
        runs.move(rows[0], "in_progress")
        runs.move(rows[0], "failed")
    with refused(connection) as caught:
        runs.run(again, rows=rows)
    assert str(rows[0]) in str(caught.value.diag.message_detail)
    assert [runs.read(row, "attempt") for row in rows] == [3, *[0] * 9]
    assert runs.run(again, rows=rows[1:]) == 9
    assert {(runs.read(row), runs.read(row, "attempt")) for row in rows[1:]} == {("ready", 1)}


def test_a_refusal_says_which_row_from_where_to_where_and_what_is_allowed(table: Table) -> None:
    for start, end, allowed in (
        ("new", "done", "valid, invalid"),
        ("ready", "done", "in_progress"),
        ("in_progress", "ready", "timedout, failed, done"),
        ("waiting", "valid", "invalid, ready, timedout"),
        ("delivered", "new", "nothing"),
        ("invalid", "new", "nothing"),
    ):
        row = table.at(start)
        with refused(table.connection) as caught:
            table.move(row, end)
        told = caught.value.diag
        assert told.message_primary == f"{table.name} cannot move from {start} to {end}"
        assert told.message_detail == f"Row {row}, from {start}, to {end}, allowed: {allowed}."
        hint = f"Take a declared transition; public.{table.name}_may_move(from, to) tells which are."
        assert told.message_hint == hint
        assert (told.schema_name, told.table_name, told.column_name) == ("public", table.name, "state")


def test_a_refused_birth_says_so(table: Table) -> None:
    row = uuid4()
    with refused(table.connection) as caught:
        table.born("ready", id=row)
    told = caught.value.diag
    assert told.message_primary == f"{table.name} cannot begin in state ready"
    assert told.message_detail == f"Row {row}, from nothing, to ready, allowed: new."
    assert told.message_hint == "Insert the row in an initial state, then move it along declared transitions."


def test_a_refused_recovery_says_how_to_recover(connection: Connection) -> None:
    runs = Table(connection, "run_request")
    row = runs.at("failed")
    with refused(connection) as caught:
        runs.move(row, "ready")
    told = caught.value.diag
    message = "run_request cannot recover from failed to ready without raising attempt by one"
    assert told.message_primary == message
    allowed = "ready by recovery (attempt 1 of 3)"
    assert told.message_detail == f"Row {row}, from failed, to ready, allowed: {allowed}."
    assert told.message_hint == "Set attempt = attempt + 1 in the same UPDATE."


SUBSTATES = {
    "invalid": ("json", "missing_value", "guardrail", "cancelled", "dependency"),
    "waiting": ("dependency", "phase", "capacity"),
}


def test_a_state_carries_its_own_substates_only(table: Table) -> None:
    every = sorted({one for some in SUBSTATES.values() for one in some} | {"", "nonsense"})
    order = "update {t} set state_substate = %(state)s where id = %(row)s"
    for state in STATES:
        row = table.at(state)
        came = {substate: outcome(table, order, row, substate) for substate in every}
        legal = SUBSTATES.get(state, ())
        assert came == {substate: state if substate in legal else "PT409" for substate in every}


def test_leaving_a_state_clears_its_substate(table: Table) -> None:
    for substate in SUBSTATES["waiting"]:
        for end in MOVES["waiting"]:
            row = table.at("valid")
            table.move(row, "waiting", f", state_substate = '{substate}'")
            assert table.read(row, "state_substate") == substate
            table.move(row, end)
            assert (table.read(row), table.read(row, "state_substate")) == (end, None)


def test_a_move_may_name_a_substate_of_the_new_state_and_no_other(table: Table) -> None:
    row = table.at("waiting")
    table.run("update {t} set state_substate = 'phase' where id = %(row)s", row=row)
    for end, substate in (("ready", "capacity"), ("timedout", "json"), ("invalid", "capacity")):
        with refused(table.connection):
            table.move(row, end, f", state_substate = '{substate}'")
    table.move(row, "invalid", ", state_substate = 'missing_value'")
    status = f"select status from public.{table.name}_status where id = %s"
    assert table.connection.execute(status, [row]).fetchone() == ("invalid_missing_value",)


def test_since_when_is_the_clocks_to_say(table: Table) -> None:
    noon, later = datetime(2030, 1, 1, 12, tzinfo=UTC), datetime(2030, 1, 1, 13, tzinfo=UTC)
    table.connection.execute("select set_config('specc.now', %s, true)", [noon.isoformat()])
    row = table.born()
    assert table.read(row, "state_since") == noon
    table.connection.execute("select set_config('specc.now', %s, true)", [later.isoformat()])
    table.move(row, "new")
    assert table.read(row, "state_since") == noon
    table.move(row, "valid", ", state_since = '2001-01-01'")
    assert table.read(row, "state_since") == later


@pytest.mark.parametrize("place", ["", "before 'valid'"])
def test_a_label_added_later_does_not_slip_through(flagship: str, place: str) -> None:
    with psycopg.connect(flagship, autocommit=True) as connection:
        prepare(connection)
        for name in MACHINES:
            connection.execute(f"alter type public.{name}_state add value 'paused' {place}")
    with psycopg.connect(flagship) as connection:
        for name in MACHINES:
            late = Table(connection, name)
            with refused(connection):
                late.born("paused")
            for state in STATES:
                for order in plain(late):
                    assert outcome(late, order, late.at(state), "paused") == "PT409"
            assert paused_leads_nowhere(late) == []
            assert wrong_moves(late, {"update": writers(late)["update that says since when"]}) == []


def paused_leads_nowhere(table: Table) -> list[str]:
    """Put a row into the new state behind the guard's back and return the states it can leave to."""
    row = table.born()
    guard = sql.Identifier(f"00_{table.name}_guard_update").as_string()
    table.run(f"alter table {{t}} disable trigger {guard}")
    table.move(row, "paused")
    table.run(f"alter table {{t}} enable trigger {guard}")
    orders = plain(table)
    return [end for end in STATES for order in orders if outcome(table, order, row, end) != "PT409"]


def test_only_a_superuser_can_switch_the_guards_off(prepared: str, connection: Connection) -> None:
    """`session_replication_role` is not covered: logical replication applies rows with it, unguarded."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
        connection.execute("set session_replication_role = replica")
    with psycopg.connect(prepared, user="postgres") as superuser:
        superuser.execute("set session_replication_role = replica")
        runs = Table(superuser, "run_request")
        row = runs.born("done")
        assert runs.move(row, "new") == 1
        superuser.rollback()

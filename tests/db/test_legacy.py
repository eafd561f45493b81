"""Old words on a server: rows come to the states that tables written by hand say, by declared moves, and back.

Every move is seen by a trigger of the tests' own. Words and the old column's name are chosen to need quotes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any

import psycopg
import pytest
from databases import GENERATED, Database, copied, created, files_of
from flagship_world import world_of
from psycopg import sql

from hostile import HOSTILE
from projects import build_example
from specc.pg.apply import ApplyError, apply
from specc.pg.server import Server

pytestmark = pytest.mark.pg

Row = tuple[Any, ...]

SPECS = r"""
lifecycle: job
states:
  queued: {is: initial}
  held: {substates: [money, people]}
  running: {}
  broken: {}
  over: {is: settled}
  filed: {is: terminal}
  dropped: {is: terminal}
transitions:
  queued: [held, running]
  held: [running, dropped]
  running: [over, broken, held]
  over: [filed]
recovery: {broken: running}
---
table: job
about: A job.
shared: true
columns: {title: text default ''}
---
access: jobs
tables: [job]
allow: {}
---
machine: job
follows: job
attempts: 1
undriven: {queued: Tests., held: Tests., running: Tests., over: Tests.}
legacy:
  column: Old status
  values:
    todo: queued
    it's stuck: held/money
    on hold: held
    busy: running
    BUSY: running
    oops: broken
    ok: over
    'C:\gone': dropped
  otherwise: reject
  back: {running: busy, filed: ok}
"""

WAYS: dict[str, list[str]] = {
    "todo": [],
    "it's stuck": ["queued > held/money"],
    "on hold": ["queued > held"],
    "busy": ["queued > running"],
    "BUSY": ["queued > running"],
    "oops": ["queued > running", "running > broken"],
    "ok": ["queued > running", "running > over"],
    r"C:\gone": ["queued > held", "held > dropped"],
}
"""The moves that each word's row takes, by hand."""

BACK = {
    "queued": "todo",
    "held": "on hold",
    "held/money": "it's stuck",
    "held/people": "on hold",
    "running": "busy",
    "broken": "oops",
    "over": "ok",
    "filed": "ok",
    "dropped": r"C:\gone",
}
"""The word of each place on the way back, by hand."""

WATCHED = """
create table public.hop (seq bigint generated always as identity, id uuid, move text);
grant all on public.hop to public;
create function public.watch() returns trigger language plpgsql as $$
begin
    if (old.state, old.state_substate) is distinct from (new.state, new.state_substate) then
        insert into public.hop (id, move)
        values (new.id, old.state || ' > ' || concat_ws('/', new.state, new.state_substate));
    end if;
    return null;
end
$$;
"""


@contextmanager
def connected(conninfo: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        yield connection


class Jobs:
    """The table `job` with its old column, and what a test asks of it."""

    def __init__(self, conninfo: str) -> None:
        self.conninfo = conninfo

    def run(self, order: str, *values: object) -> list[Row]:
        with connected(self.conninfo) as connection:
            done = connection.execute(order, values or None)
            return done.fetchall() if done.description else []

    def add(self, *words: str | None) -> None:
        for word in words:
            self.run('insert into public.job ("Old status", title) values (%s, %s)', word, word or "")

    def moved(self, word: str, *states: str) -> None:
        """Add a row with a word and move it the new way, to `state` or `state/substate`."""
        self.add(word)
        for place in states:
            state, _, substate = place.partition("/")
            order = "update public.job set state = %s, state_substate = %s where id = (select max(id::text) from public.job)::uuid"
            self.run(order, state, substate or None)

    def rows(self) -> list[Row]:
        return self.run(
            "select \"Old status\", concat_ws('/', state, state_substate) from public.job order by id"
        )

    def ways(self) -> dict[str, list[str]]:
        found = self.run(
            "select j.title, array_remove(array_agg(h.move order by h.seq), null)"
            " from public.job j left join public.hop h using (id) group by j.title"
        )
        return dict(found)

    def versions(self) -> list[Row]:
        return self.run("select id, xmin::text, ctid::text from public.job order by id")


def set_up(database: Database, files: Mapping[str, str]) -> Jobs:
    """Apply a build and its conversion, and give its table the old column."""
    database.bootstrap(files)
    database.migrate(files)
    apply(database.owner, files["legacy/job.sql"])
    jobs = Jobs(database.admin)
    jobs.run(WATCHED)
    jobs.run('alter table public.job add column "Old status" text')
    jobs.run(
        'create trigger "50_watch" after update on public.job for each row execute function public.watch()'
    )
    return jobs


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    return build_example(SPECS, tmp_path_factory.mktemp("jobs"))


@pytest.fixture(scope="module")
def template(server: Server, files: Mapping[str, str]) -> Iterator[Database]:
    with created(server) as database:
        set_up(database, files)
        yield database


@pytest.fixture
def jobs(template: Database) -> Iterator[Jobs]:
    with copied(template) as database:
        yield Jobs(database.admin)


@contextmanager
def refused(sqlstate: str) -> Iterator[dict[str, Any]]:
    """Expect a refusal; what it says can be read afterwards."""
    said: dict[str, Any] = {}
    with pytest.raises(psycopg.Error) as caught:
        yield said
    assert caught.value.sqlstate == sqlstate
    diag = caught.value.diag
    said |= {"message": diag.message_primary, "detail": diag.message_detail, "hint": diag.message_hint}


# Conversion


def test_each_row_takes_the_declared_moves_to_the_state_of_its_word(jobs: Jobs) -> None:
    jobs.add(*WAYS)
    jobs.run("call private.job_convert_legacy()")
    assert jobs.ways() == WAYS
    assert [word for word, _ in jobs.rows()] == list(WAYS)
    assert jobs.run("select count(*) from public.job where attempt <> 0") == [(0,)]


@pytest.mark.parametrize("batch", [1, 3, 100])
def test_any_size_of_batch_converts_all_rows_once(jobs: Jobs, batch: int) -> None:
    jobs.add(*WAYS)
    jobs.run("call private.job_convert_legacy(%s::integer)", batch)
    assert jobs.ways() == WAYS


def test_a_second_run_changes_nothing(jobs: Jobs) -> None:
    jobs.add(*WAYS)
    jobs.run("call private.job_convert_legacy()")
    before = jobs.versions()
    jobs.run("call private.job_convert_legacy()")
    assert jobs.versions() == before


def test_what_has_moved_by_its_states_is_left_alone(jobs: Jobs) -> None:
    jobs.moved("on hold", "running", "over")
    jobs.run("call private.job_convert_legacy()")
    assert jobs.rows() == [("on hold", "over")]


def test_values_without_a_state_are_counted_and_stop_the_conversion(jobs: Jobs) -> None:
    jobs.add("ok", "Todo", "Todo", None, "")
    counted = jobs.run("select * from private.job_legacy_preflight()")
    assert counted == [("Todo", 2), ("", 1), (None, 1)]
    with refused("PT422") as said:
        jobs.run("call private.job_convert_legacy()")
    assert said["message"] == "4 rows of job hold values that no state is mapped to"
    assert said["detail"] == "In column Old status: 'Todo' (2), '' (1), null (1)."
    assert {state for _, state in jobs.rows()} == {"queued"}
    jobs.run("""update public.job set "Old status" = 'todo' where "Old status" is distinct from 'ok'""")
    assert jobs.run("select * from private.job_legacy_preflight()") == []
    jobs.run("call private.job_convert_legacy()")
    assert sorted(state for _, state in jobs.rows()) == ["over", "queued", "queued", "queued", "queued"]


def test_counting_takes_no_lock_that_a_writer_waits_for(jobs: Jobs) -> None:
    jobs.add("ok")
    with psycopg.connect(jobs.conninfo) as reader:
        reader.execute("select * from private.job_legacy_preflight()")
        modes = reader.execute(
            "select distinct mode from pg_locks where locktype = 'relation' and pid = pg_backend_pid()"
        )
        assert modes.fetchall() == [("AccessShareLock",)]


def test_other_values_go_where_the_specs_say(fresh: Database, tmp_path: Path) -> None:
    specs = SPECS.replace("otherwise: reject", "otherwise: held/people")
    jobs = set_up(fresh, build_example(specs, tmp_path))
    jobs.add("Todo", None, "ok", "todo")
    assert jobs.run("select * from private.job_legacy_preflight()") == [("Todo", 1), (None, 1)]
    jobs.run("call private.job_convert_legacy()")
    assert jobs.rows() == [("Todo", "held/people"), (None, "held/people"), ("ok", "over"), ("todo", "queued")]
    before = jobs.versions()
    jobs.run("call private.job_convert_legacy()")
    assert jobs.versions() == before


def test_a_backend_killed_between_batches_leaves_whole_batches_and_the_next_call_goes_on(jobs: Jobs) -> None:
    jobs.add(*["ok"] * 10)
    with psycopg.connect(jobs.conninfo) as holder:
        holder.execute("select from public.job where id = %s for update", [jobs.versions()[7][0]])
        caller = psycopg.connect(jobs.conninfo, autocommit=True)
        thread = Thread(target=convert, args=(caller,))
        thread.start()
        while not jobs.run(WAITING, caller.info.backend_pid):
            assert thread.is_alive()
        jobs.run("select pg_terminate_backend(%s, 10000)", caller.info.backend_pid)
        thread.join()
        assert [state for _, state in jobs.rows()] == ["over"] * 6 + ["queued"] * 4
    before = jobs.versions()[:6]
    jobs.run("call private.job_convert_legacy(3)")
    assert [state for _, state in jobs.rows()] == ["over"] * 10
    assert jobs.versions()[:6] == before
    assert jobs.run("select count(*) from public.hop") == [(20,)]


def convert(connection: psycopg.Connection) -> None:
    with suppress(psycopg.OperationalError):
        connection.execute("call private.job_convert_legacy(3)")


def test_a_row_that_somebody_moves_meanwhile_is_theirs(jobs: Jobs) -> None:
    jobs.add("ok", "ok", "ok")
    with psycopg.connect(jobs.conninfo) as mover:
        mover.execute("update public.job set state = 'held' where id = %s", [jobs.versions()[1][0]])
        caller = psycopg.connect(jobs.conninfo, autocommit=True)
        thread = Thread(target=convert, args=(caller,))
        thread.start()
        while not jobs.run(WAITING, caller.info.backend_pid):
            assert thread.is_alive()
        mover.commit()
        thread.join()
    assert [state for _, state in jobs.rows()] == ["over", "held", "over"]


WAITING = "select pid from pg_stat_activity where pid = %s and wait_event_type = 'Lock'"


@pytest.mark.parametrize("batch", ["0", "-1", "null"])
def test_a_batch_of_nothing_is_refused(jobs: Jobs, batch: str) -> None:
    jobs.add("ok")
    for procedure in ("convert", "restore"):
        with refused("22023"):
            jobs.run(f"call private.job_{procedure}_legacy({batch})")


# The way back


def everywhere(jobs: Jobs) -> None:
    """Add a row in each place, in the order of `BACK`, all with a word that means none of them."""
    for places in (
        (), ("held",), ("held/money",), ("held/people",), ("running",), ("running", "broken"), ("running", "over"),
        ("running", "over", "filed"), ("held", "dropped"),
    ):  # fmt: skip
        jobs.moved("", *places)


def test_the_way_back_writes_the_word_of_each_place(jobs: Jobs) -> None:
    everywhere(jobs)
    jobs.run("call private.job_restore_legacy(2)")
    assert {place: word for word, place in jobs.rows()} == BACK
    before = jobs.versions()
    jobs.run("call private.job_restore_legacy(2)")
    assert jobs.versions() == before


def test_the_way_back_makes_the_old_column_where_it_is_gone(jobs: Jobs) -> None:
    everywhere(jobs)
    jobs.run('alter table public.job drop column "Old status"')
    jobs.run("call private.job_restore_legacy()")
    assert {place: word for word, place in jobs.rows()} == BACK


def test_there_and_back_every_word_is_as_it_was_even_where_two_mean_one_state(jobs: Jobs) -> None:
    jobs.add(*WAYS)
    jobs.run("call private.job_convert_legacy()")
    jobs.run("call private.job_restore_legacy()")
    assert [word for word, _ in jobs.rows()] == list(WAYS)


def test_the_way_back_keeps_the_word_of_what_is_not_converted(jobs: Jobs) -> None:
    jobs.add(*WAYS)
    jobs.run("select private.job_convert_legacy_batch('00000000-0000-0000-0000-000000000000', 4)")
    states = {state for _, state in jobs.rows()}
    jobs.run("call private.job_restore_legacy()")
    assert {"queued", "running"} <= states
    assert [word for word, _ in jobs.rows()] == list(WAYS)


# Writers of old words


@pytest.fixture
def attached(jobs: Jobs) -> Jobs:
    jobs.run("call private.job_attach_legacy()")
    return jobs


def test_an_old_word_takes_its_row_along_the_declared_moves(attached: Jobs) -> None:
    attached.add(*["todo"] * len(WAYS))
    for place, word in enumerate(WAYS):
        order = 'update public.job set "Old status" = %s, title = %s where id = (select id from public.job order by id offset %s limit 1)'
        attached.run(order, word, word, place)
    assert attached.ways() == WAYS
    assert [word for word, _ in attached.rows()] == list(WAYS)


def test_a_row_may_be_inserted_with_an_old_word(attached: Jobs) -> None:
    attached.add(*WAYS)
    assert attached.ways() == WAYS
    assert [word for word, _ in attached.rows()] == list(WAYS)


def test_the_birth_of_a_row_is_recorded_before_its_moves(attached: Jobs) -> None:
    attached.run(
        """
        create function public.births() returns trigger language plpgsql as $$
        begin
            insert into public.hop (id, move) select id, state from new_rows;
            return null;
        end
        $$;
        create trigger job_births after insert on public.job referencing new table as new_rows
            for each statement execute function public.births();
        """
    )
    attached.add("ok")
    assert attached.ways() == {"ok": ["queued", "queued > running", "running > over"]}


def test_many_rows_move_by_one_statement_each_its_own_way(attached: Jobs) -> None:
    attached.run("insert into public.job (title) select word from unnest(%s::text[]) as word", list(WAYS))
    assert {word for word, _ in attached.rows()} == {"todo"}
    attached.run('update public.job set "Old status" = title')
    assert attached.ways() == WAYS


def test_a_word_goes_on_from_where_the_row_is(attached: Jobs) -> None:
    attached.add("busy")
    attached.run("""update public.job set "Old status" = 'C:\\gone'""")
    assert attached.ways() == {"busy": ["queued > running", "running > held", "held > dropped"]}


def test_the_same_word_again_and_another_for_the_same_state_are_no_moves(attached: Jobs) -> None:
    attached.add("busy")
    for word in ("busy", "BUSY", "BUSY"):
        attached.run('update public.job set "Old status" = %s', word)
    assert attached.rows() == [("BUSY", "running")]
    assert attached.ways() == {"busy": ["queued > running"]}


def test_a_word_for_a_substate_of_the_same_state_changes_the_substate_alone(attached: Jobs) -> None:
    attached.add("on hold")
    attached.run("update public.job set state_since = '2020-01-01 00:00:00Z'")
    attached.run("""update public.job set "Old status" = 'it''s stuck'""")
    assert attached.rows() == [("it's stuck", "held/money")]
    assert attached.run("select extract(year from state_since)::integer from public.job") == [(2020,)]


def test_a_word_for_the_state_alone_takes_away_a_substate_that_has_a_word(attached: Jobs) -> None:
    attached.add("it's stuck")
    attached.run("""update public.job set "Old status" = 'on hold'""")
    assert attached.rows() == [("on hold", "held")]
    attached.run("update public.job set state_substate = 'people'")
    attached.run("""update public.job set "Old status" = 'todo', state_substate = 'money'""")
    assert attached.rows() == [("it's stuck", "held/money")]


def test_a_word_that_no_way_leads_to_is_refused_as_the_move_would_be(attached: Jobs) -> None:
    attached.add("ok")
    before = attached.rows()
    with refused("PT409") as said:
        attached.run("""update public.job set "Old status" = 'busy'""")
    assert said["message"] == "job cannot move from over to running"
    assert said["detail"].endswith("from over, to running, allowed: filed.")
    assert "job_may_move" in said["hint"]
    assert attached.rows() == before
    assert attached.ways() == {"ok": WAYS["ok"]}


def test_no_word_leads_along_a_recovery(attached: Jobs) -> None:
    attached.add("oops")
    with refused("PT409") as said:
        attached.run("""update public.job set "Old status" = 'ok'""")
    assert said["message"] == "job cannot move from broken to over"
    assert attached.rows() == [("oops", "broken")]


def test_one_refused_row_refuses_the_statement(attached: Jobs) -> None:
    attached.add("ok", "todo")
    with refused("PT409"):
        attached.run("""update public.job set "Old status" = 'busy'""")
    assert attached.rows() == [("ok", "over"), ("todo", "queued")]


def test_a_word_that_means_nothing_is_refused(attached: Jobs) -> None:
    attached.add("todo")
    with refused("PT422") as said:
        attached.run("""update public.job set "Old status" = 'Busy'""")
    assert said["message"] == "job has no state for 'Busy'"
    assert "BUSY" in said["hint"]
    with refused("PT422"):
        attached.add("")
    assert attached.rows() == [("todo", "queued")]


def test_who_moves_the_state_keeps_the_old_column_in_step(attached: Jobs) -> None:
    everywhere_new = ["held", "held/people", "held/money", "running", "over", "filed"]
    attached.run("insert into public.job default values")
    seen = attached.rows()
    for place in everywhere_new:
        state, _, substate = place.partition("/")
        attached.run("update public.job set state = %s, state_substate = %s", state, substate or None)
        seen += attached.rows()
    assert seen == [(BACK[place], place) for place in ["queued", *everywhere_new]]


def test_a_recovery_keeps_the_old_column_in_step(attached: Jobs) -> None:
    attached.add("oops")
    attached.run("update public.job set state = 'running', attempt = attempt + 1")
    assert attached.rows() == [("busy", "running")]


def test_a_bulk_move_keeps_all_words_in_step(attached: Jobs) -> None:
    attached.add(*["todo"] * 50)
    attached.run("update public.job set state = 'running'")
    assert set(attached.rows()) == {("busy", "running")}


def test_the_state_counts_where_a_statement_writes_both(attached: Jobs) -> None:
    attached.add("todo")
    attached.run("""update public.job set state = 'running', "Old status" = 'on hold'""")
    assert attached.rows() == [("busy", "running")]
    attached.run("""update public.job set state = 'over', "Old status" = 'ok'""")
    assert attached.rows() == [("ok", "over")]


def test_a_word_that_is_taken_away_comes_back(attached: Jobs) -> None:
    attached.add("BUSY")
    attached.run('update public.job set "Old status" = null')
    assert attached.rows() == [("busy", "running")]


def test_what_is_not_converted_yet_waits_for_it_and_keeps_its_word(jobs: Jobs) -> None:
    jobs.add(*WAYS)
    jobs.run("call private.job_attach_legacy()")
    jobs.run("update public.job set title = title")
    assert {state for _, state in jobs.rows()} == {"queued"}
    jobs.run("call private.job_convert_legacy(3)")
    assert jobs.ways() == WAYS
    assert [word for word, _ in jobs.rows()] == list(WAYS)


def test_a_word_moves_a_row_in_the_same_transaction_as_moves_by_state(attached: Jobs) -> None:
    attached.add("todo")
    with psycopg.connect(attached.conninfo) as connection:
        connection.execute("""update public.job set "Old status" = 'busy'""")
        connection.execute("update public.job set state = 'over'")
        connection.execute("savepoint a")
        with refused("PT409"):
            connection.execute("""update public.job set "Old status" = 'todo'""")
        connection.execute("rollback to a")
        connection.execute("update public.job set state = 'filed'")
    assert attached.rows() == [("ok", "filed")]


def test_a_writer_needs_no_right_on_the_state(attached: Jobs) -> None:
    attached.add("todo")
    attached.run('grant select, update ("Old status") on public.job to service_role')
    attached.run("create policy old_writer on public.job to service_role using (true)")
    with connected(attached.conninfo) as connection:
        connection.execute("set role service_role")
        connection.execute("""update public.job set "Old status" = 'ok'""")
        with refused("42501"):
            connection.execute("update public.job set state = 'filed'")
        with refused("42501"):
            connection.execute("select private.job_walk_legacy('{}')")
    assert attached.rows() == [("ok", "over")]


def test_attaching_again_is_nothing_and_detaching_leaves_plain_text(attached: Jobs) -> None:
    attached.run("call private.job_attach_legacy()")
    attached.add("busy")
    assert attached.ways() == {"busy": ["queued > running"]}
    attached.run("call private.job_detach_legacy()")
    attached.run("call private.job_detach_legacy()")
    attached.run("""update public.job set "Old status" = 'whatever'""")
    attached.run("update public.job set state = 'over'")
    assert attached.rows() == [("whatever", "over")]


def test_nothing_is_attached_without_the_old_column(jobs: Jobs) -> None:
    jobs.run('alter table public.job drop column "Old status"')
    with refused("42703"):
        jobs.run("call private.job_attach_legacy()")
    jobs.run("insert into public.job default values")


# What it leaves

OBJECTS = """
select p.oid::regprocedure::text from pg_proc p where p.pronamespace in ('private'::regnamespace, 'public'::regnamespace)
union all select tgname::text from pg_trigger where not tgisinternal order by 1
"""


OPEN_TO_API = """
select p.oid::regprocedure from pg_proc p cross join unnest(array['anon', 'authenticated', 'service_role']) as role
where p.oid::regprocedure::text = any(%s) and has_function_privilege(role, p.oid, 'execute')
"""


def test_forgetting_leaves_nothing_behind_but_the_column(fresh: Database, files: Mapping[str, str]) -> None:
    fresh.bootstrap(files)
    fresh.migrate(files)
    jobs = Jobs(fresh.admin)
    jobs.run('alter table public.job add column "Old status" text')
    before = jobs.run(OBJECTS)
    apply(fresh.owner, files["legacy/job.sql"])
    made = [name for (name,) in jobs.run(OBJECTS) if (name,) not in before]
    assert len(made) > 10
    assert jobs.run(OPEN_TO_API, made) == []
    jobs.run("call private.job_attach_legacy()")
    jobs.add("BUSY")
    jobs.run("call private.job_forget_legacy()")
    assert jobs.run(OBJECTS) == before
    assert jobs.rows() == [("BUSY", "running")]
    apply(fresh.owner, files["legacy/job.sql"])


def test_the_old_column_cannot_go_while_writers_use_it(attached: Jobs) -> None:
    with refused("2BP01"):
        attached.run('alter table public.job drop column "Old status"')
    attached.run("call private.job_detach_legacy()")
    attached.run('alter table public.job drop column "Old status"')


def test_words_and_the_columns_name_may_be_anything(fresh: Database, tmp_path: Path) -> None:
    column = 'it\'s "%s" $$ \\ -- */'
    specs = SPECS.replace("column: Old status", f"column: {json.dumps(column)}")
    specs = specs.replace(r"'C:\gone': dropped", f"{json.dumps(HOSTILE, ensure_ascii=False)}: dropped")
    jobs = set_up(fresh, build_example(specs, tmp_path))
    jobs.run("insert into public.job default values")
    jobs.run("update public.job set state = 'held'")
    jobs.run("update public.job set state = 'dropped'")
    jobs.run("call private.job_restore_legacy()")
    jobs.run("call private.job_attach_legacy()")
    jobs.run("insert into public.job default values")
    name = sql.Identifier(column)
    with connected(fresh.admin) as connection:
        found = connection.execute(sql.SQL("select {}, state::text from public.job order by id").format(name))
        assert found.fetchall() == [(HOSTILE, "dropped"), ("todo", "queued")]
        order = sql.SQL("update public.job set {} = {} where state = 'queued'")
        with refused("PT422"):
            connection.execute(order.format(name, "what?"))
        connection.execute(order.format(name, HOSTILE))
        found = connection.execute(sql.SQL("select {}, state::text from public.job").format(name))
        assert set(found) == {(HOSTILE, "dropped")}


def test_a_database_without_the_states_refuses_the_file(database: str, files: Mapping[str, str]) -> None:
    with pytest.raises(ApplyError):
        apply(database, files["legacy/job.sql"])


# The flagship

FLAGSHIP = {
    "pending": "new",
    "validation": "new",
    "ACTIVITY_PROCESSED": "ready",
    "waiting": "waiting",
    "running": "in_progress",
    "processing": "in_progress",
    "missing_value": "invalid_missing_value",
    "completed": "done",
    "DONE": "done",
    "failed": "failed",
}
"""The seed's old values. It says `valid` for `validation`; such rows are processed again instead."""

RETURN = {
    "new": "pending",
    "valid": "validation",
    "invalid": "failed",
    "invalid_json": "failed",
    "waiting": "waiting",
    "waiting_capacity": "waiting",
    "ready": "ACTIVITY_PROCESSED",
    "in_progress": "running",
    "timedout": "failed",
    "failed": "failed",
    "done": "DONE",
    "delivered": "DONE",
}


@pytest.fixture
def runs(flagship: str) -> str:
    """The flagship with ten old runs, one of each value."""
    world = world_of(flagship)
    request, source = world.activity_request(), world.source()
    with connected(flagship) as owner:
        owner.execute("alter table public.run_request add column status text")
        for word in FLAGSHIP:
            run = world.run(request, source)
            owner.execute("update public.run_request set status = %s where id = %s", [word, run])
    apply(flagship, files_of(GENERATED)["legacy/run_request.sql"])
    return flagship


def test_the_ten_values_of_the_seed_and_back(runs: str) -> None:
    states = (
        "select r.status, s.status from public.run_request r"
        " join public.run_request_status s using (id) order by r.id"
    )
    with connected(runs) as owner:
        owner.execute("call private.run_request_convert_legacy(3)")
        assert owner.execute(states).fetchall() == list(FLAGSHIP.items())
        owner.execute("call private.run_request_restore_legacy(3)")
        assert [word for word, _ in owner.execute(states)] == list(FLAGSHIP)
        owner.execute("alter table public.run_request drop column status")
        owner.execute("call private.run_request_restore_legacy()")
        found = owner.execute(states).fetchall()
        expected = {"invalid_missing_value": "missing_value"} | RETURN
        assert found == [(expected[state], state) for _, state in found]


def test_old_and_new_words_of_the_flagship_keep_step(runs: str) -> None:
    one = "select status, concat_ws('_', state, state_substate) from public.run_request order by id limit 1"
    first = "where id = (select id from public.run_request order by id limit 1)"
    with connected(runs) as owner:
        owner.execute("call private.run_request_convert_legacy()")
        owner.execute("call private.run_request_attach_legacy()")
        for order, expected in (
            ("state = 'valid'", ("validation", "valid")),
            ("state = 'waiting', state_substate = 'capacity'", ("waiting", "waiting_capacity")),
            ("status = 'running'", ("running", "in_progress")),
            ("status = 'processing'", ("processing", "in_progress")),
            ("state = 'timedout'", ("failed", "timedout")),
            ("state = 'ready', attempt = attempt + 1", ("ACTIVITY_PROCESSED", "ready")),
            ("status = 'completed'", ("completed", "done")),
            ("state = 'delivered'", ("DONE", "delivered")),
        ):
            owner.execute(f"update public.run_request set {order} {first}")
            assert owner.execute(one).fetchone() == expected
        with refused("PT409"):
            owner.execute(f"update public.run_request set status = 'running' {first}")

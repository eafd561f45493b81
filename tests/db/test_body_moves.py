"""The sample bodies on a server: they are SQL that runs, and they move rows as their tables say."""

from collections.abc import Iterator, Mapping

import psycopg
import pytest
from databases import migrated

from body_samples import EXPECTED, FOLDER, SAMPLES, STATES, listed, write_samples
from specc import driver
from specc.analysis.bodies import Body, bodies
from specc.load.files import read_project
from specc.pg.apply import apply
from specc.pg.server import Server

pytestmark = pytest.mark.pg

MACHINES = ("run_request", "run_queue")
ORG = "00000000-0000-0000-0000-000000000001"
ROWS = f"""
set session_replication_role = replica;
insert into public.org (id, name) values ('{ORG}', 'org');
insert into public.source (name, state) values ('one', 'active'), ('two', 'busy');
insert into public.run_request (org_id, source_id, state, attempt, response)
select '{ORG}', s.id, born, 0, case when s.name = 'one' then '{{}}'::jsonb end
from unnest(enum_range(null::public.run_request_state)) as born cross join public.source s;
insert into public.run_queue (org_id, source_id, run_request_id, kind, state, result)
select '{ORG}', r.source_id, r.id, kind, born, jsonb_build_object('state', 'valid')
from unnest(enum_range(null::public.run_queue_state)) as born
cross join public.run_request r cross join unnest(array['search', '', 'x']) as kind
where r.state in ('done', 'in_progress', 'delivered');
set session_replication_role = origin;
create table public.move (machine text, source text, target text);
grant all on public.move to public;
create function public.record() returns trigger language plpgsql as $$
begin
  if tg_op = 'INSERT' then
    insert into public.move values (tg_table_name, null, new.state);
  elsif old.state <> new.state then
    insert into public.move values (tg_table_name, old.state, new.state);
  end if;
  return null;
end
$$;
create trigger "99_record" after insert or update on public.run_request
for each row execute function public.record();
create trigger "99_record" after insert or update on public.run_queue
for each row execute function public.record();
alter table public.run_request enable always trigger "99_record";
alter table public.run_queue enable always trigger "99_record";
"""


def call(name: str, rows: str = "", more: str = "") -> str:
    """Return a block that calls a function, once or for each row of a table; what the guard refuses is let go."""
    once = f"perform public.{name}({'v_id' if rows else ''}{more});"
    return f"""do $do$
    declare v_id uuid;
    begin
      for v_id in select {f"id from public.{rows}" if rows else "null"} loop
        begin
          {once}
        exception when sqlstate 'PT409' then
          null;
        end;
      end loop;
    end $do$"""


ONLY_NEW = "delete from public.run_queue where state <> 'new'; "
CALLS = {
    "cancel_units": call("cancel_units", "run_request"),
    "check_unit": call("check_unit", "run_queue"),
    "claim_of_active": call("claim_of_active"),
    "claim_runs": call("claim_runs", more="100").replace("perform public", "perform * from public"),
    "claim_units": call("claim_units", "run_request"),
    "claim_unlocked": call("claim_unlocked"),
    "copy_units": call("copy_units", more=f"'{ORG}'"),
    "copy_state": ONLY_NEW + call("copy_state"),
    "deliver_run": call("deliver_run", "run_request", ', \'{"state": "new"}\'').replace("perform", "call"),
    "finish_all": call("finish_all"),
    "finish_units": call("finish_units"),
    "forget_units": call("forget_units"),
    "merge_results": call(
        "merge_results",
        more=f"'{ORG}', (select jsonb_agg(jsonb_build_object('id', id, 'ok', kind = 'x')) from public.run_queue)"
        " || jsonb_build_object('id', gen_random_uuid())",
    ),
    "move_from": call("move_from", "run_request", ", 'valid'")
    + ";"
    + call("move_from", "run_request", ", 'new'"),
    "move_run": ";".join(call("move_run", "run_request", f", '{state}'") for state in STATES),
    "name_like_column": call("name_like_column", "run_queue", ", 'x'"),
    "open_source": call("open_source", "source"),
    "pass_deadline": call("pass_deadline"),
    "quote_names": call("quote_names"),
    "release_by_text": call("release_by_text"),
    "release_units": call("release_units"),
    "retry_run": call("retry_run", "run_request"),
    "retry_runs": call("retry_runs"),
    "run_anything": call("run_anything", more="'run_queue'"),
    "run_constant": call("run_constant", "run_queue"),
    "settle_run": call("settle_run", "run_request"),
    "shadow_names": call("shadow_names"),
    "store_row": ONLY_NEW
    + call("store_row", more="to_jsonb(q)").replace(
        "perform public.store_row(to_jsonb(q))",
        "perform public.store_row(to_jsonb(q) || jsonb_build_object('id', gen_random_uuid())) from public.run_queue q",
    ),
    "store_run": call("store_run", "run_request", f", '{ORG}'")
    + f"; select public.store_run(gen_random_uuid(), '{ORG}')",
    "store_unit": call("store_unit", more=f"'{ORG}', 'x'"),
    "turn_off": call("turn_off"),
    "validate_units": call("validate_units"),
    "walk_cursor": call("walk_cursor"),
    "walk_rows": call("walk_rows"),
    "write_view": call("write_view", "run_queue"),
}
"""How each function is called on rows in every state. Triggers stand on no table here."""


@pytest.fixture(scope="module")
def prepared(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[psycopg.Connection]:
    """A connection to a database with the samples' tables, rows in every state, and the functions as written."""
    built = driver.build(write_samples(tmp_path_factory.mktemp("bodies"), ()))
    assert not built.diagnostics.has_errors
    with migrated(server, built.files) as database:
        apply(database.admin, ROWS)
        for name in SAMPLES:
            apply(database.admin, "set search_path = ''; " + (FOLDER / f"{name}.sql").read_text())
        with psycopg.connect(database.admin, autocommit=True) as connection:
            connection.execute("set search_path = ''")
            yield connection


def moved(connection: psycopg.Connection, name: str) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """Call a function and return the moves and the births that its rows took."""
    with connection.transaction(force_rollback=True):
        connection.execute(CALLS[name])
        rows = connection.execute("select distinct machine, source, target from public.move").fetchall()
    births = {(machine, target) for machine, source, target in rows if source is None}
    return {(machine, f"{source} → {target}") for machine, source, target in rows if source}, births


DECIDED = [name for name in CALLS if not EXPECTED[name].undecided]
UNDECIDED = [name for name in CALLS if EXPECTED[name].undecided]


@pytest.mark.parametrize("name", DECIDED)
def test_a_decided_body_takes_every_move_of_its_table_and_no_other(
    prepared: psycopg.Connection, name: str
) -> None:
    moves, births = moved(prepared, name)
    assert moves == listed(EXPECTED[name].moves)
    assert births == listed(EXPECTED[name].births)


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Body]:
    """What the analysis says of each function."""
    root = write_samples(tmp_path_factory.mktemp("read"), SAMPLES)
    return bodies(driver.analyse(read_project(root)).project)


@pytest.mark.parametrize("name", UNDECIDED)
def test_what_an_undecided_body_does_was_left_open(
    prepared: psycopg.Connection, read: Mapping[str, Body], name: str
) -> None:
    moves, births = moved(prepared, name)
    assert moves | births
    left_open, known = read[f"public.{name}"].undecided, listed(EXPECTED[name].moves)
    for machine, move in moves - known:
        source, target = move.split(" → ")
        assert any(one.may_take(machine, source, target) for one in left_open), (machine, move)


def test_what_a_trigger_writes_was_left_open(prepared: psycopg.Connection, read: Mapping[str, Body]) -> None:
    with prepared.transaction(force_rollback=True):
        prepared.execute(
            "create trigger t before update on public.run_queue for each row execute function"
            " public.set_new_state(); update public.run_queue set kind = 'y' where state = 'new'"
        )
        moves = prepared.execute("select distinct source, target from public.move").fetchall()
    assert moves == [("new", "valid")]
    (left_open,) = read["public.set_new_state"].undecided
    assert left_open.may_take("run_queue", "new", "valid")
    assert not left_open.may_take("run_queue", "new", "invalid")


@pytest.mark.parametrize("wrong", ["wrong_allocate_source_runs()", "wrong_moves(null)"])
def test_the_guard_refuses_what_is_reported(prepared: psycopg.Connection, wrong: str) -> None:
    with pytest.raises(psycopg.Error) as refused, prepared.transaction(force_rollback=True):
        prepared.execute(f"select public.{wrong}")
    assert refused.value.sqlstate == "PT409"

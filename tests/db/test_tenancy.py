"""Attacks on the walls between tenants, written by hand: each as the API's roles with a user's claims."""

import json
import re
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from tenants import (
    ACME,
    ACTIVITY,
    ANNA,
    BOTH,
    DATAPOINT,
    DENIED,
    EMPTY,
    FOREIGN_KEY,
    GERD,
    GLOBEX,
    MAX,
    NOBODY,
    REQUESTS,
    SHARED_TABLES,
    TENANT_TABLES,
    TYPE,
    WORKFLOW,
    Connection,
    acting,
    error,
    fill,
    insert,
    of,
    rows_of,
    seen,
    take,
)

pytestmark = pytest.mark.pg


@pytest.fixture(scope="module")
def world(shared_flagship: str) -> str:
    fill(shared_flagship)
    return shared_flagship


# Reading


@pytest.mark.parametrize("table", ["org", *TENANT_TABLES, *(f"{one}_status" for one in REQUESTS)])
def test_each_user_sees_the_tenants_he_is_a_member_of(world: str, table: str) -> None:
    for user, tenants in (
        (ANNA, {ACME}), (MAX, {ACME}), (GERD, {GLOBEX}), (BOTH, {ACME, GLOBEX}), (NOBODY, set()), (None, set()),
    ):  # fmt: skip
        with acting(world, user) as connection:
            assert seen(connection, table) == tenants
    with acting(world, role="service_role") as connection:
        assert seen(connection, table) >= {ACME, GLOBEX}


def test_somebody_without_a_tenant_sees_nothing_shared_either(world: str) -> None:
    for table in SHARED_TABLES:
        for user in (NOBODY, None):
            with acting(world, user) as connection:
                assert connection.execute(f"select * from public.{table}".encode()).fetchall() == []


def test_who_is_not_signed_in_can_do_nothing_at_all(world: str) -> None:
    with acting(world, role="anon") as connection:
        for table in ("org", *TENANT_TABLES, *SHARED_TABLES, *(f"{one}_status" for one in REQUESTS)):
            orders = [
                f"select 1 from public.{table}",
                f"insert into public.{table} default values",
                f"update public.{table} set id = id",
                f"delete from public.{table}",
                f"copy (table public.{table}) to stdout",
            ]
            if not table.endswith("_status"):
                orders += [f"truncate public.{table}", f"copy public.{table} from stdin"]
            for order in orders:
                assert error(connection, order).sqlstate == DENIED


@pytest.mark.parametrize(
    "claims",
    [
        {"user_metadata": {"org_id": str(ACME), "role": "owner"}},
        {"app_metadata": {"org_id": str(ACME), "role": "service_role"}},
        {"org_id": str(ACME)},
        {"role": "service_role"},
        {"is_anonymous": True},
    ],
)
def test_claims_of_anything_but_the_user_count_for_nothing(world: str, claims: dict[str, Any]) -> None:
    with psycopg.connect(world, user="authenticator") as connection:
        take(connection, NOBODY)
        everything = {"sub": str(NOBODY), "role": "authenticated"} | claims
        connection.execute("select set_config('request.jwt.claims', %s, true)", [json.dumps(everything)])
        assert all(seen(connection, table) == set() for table in TENANT_TABLES)


@pytest.mark.parametrize("claims", ["", "{}", '{"sub": null}', '{"sub": ""}', "no json", '{"sub": "anna"}'])
def test_broken_claims_open_nothing(world: str, claims: str) -> None:
    with psycopg.connect(world, user="authenticator") as connection:
        take(connection, None)
        connection.execute("select set_config('request.jwt.claims', %s, true)", [claims])
        for table in TENANT_TABLES:
            try:
                with connection.transaction():
                    assert seen(connection, table) == set()
            except psycopg.errors.InvalidTextRepresentation:
                pass


def test_copy_out_shows_the_own_rows_only(world: str) -> None:
    with acting(world, MAX) as connection:
        for order in ("copy public.object (name) to stdout", "copy (table public.activity) to stdout"):
            with connection.cursor().copy(order) as copy:
                text = b"".join(bytes(part) for part in copy).decode()
            assert str(ACME) in text
            assert str(GLOBEX) not in text


def test_a_function_of_the_attackers_own_never_meets_a_strangers_row(world: str) -> None:
    """It costs nothing and is asked first, if anything is; what it is shown, it tells."""
    told: list[str] = []
    with acting(world, MAX) as connection:
        connection.add_notice_handler(lambda notice: told.append(str(notice.message_primary)))
        connection.execute(
            """create function pg_temp.tell(p text) returns boolean language plpgsql cost 0.0000001 as
               $$ begin raise notice '%', p; return true; end $$"""
        )
        for table in ("object", "activity"):
            connection.execute(f"select 1 from public.{table} where pg_temp.tell(name)".encode())
            division = f"select 1 / (name <> 'secret of {GLOBEX}')::int from public.{table}"
            assert connection.execute(division.encode()).fetchall() == [(1,)]
    assert set(told) == {f"secret of {ACME}"}


def test_statistics_of_tenants_tables_are_hidden(world: str) -> None:
    with psycopg.connect(world) as owner:
        owner.execute("analyze public.object")
    with acting(world, MAX) as connection:
        shown = "select 1 from pg_stats where schemaname = 'public' and tablename = 'object'"
        assert connection.execute(shown).fetchall() == []
        assert error(connection, "select stavalues1 from pg_statistic").sqlstate == DENIED


# Writing


@pytest.mark.parametrize("more", ["", "returning id", "on conflict do nothing returning id"])
def test_nobody_writes_into_a_tenant_that_is_not_his(world: str, more: str) -> None:
    rows: dict[str, dict[str, Any]] = {
        "workflow_request": {"payload": "{}"},
        "activity_request": {"activity_id": of(GLOBEX, ACTIVITY)},
        "workflow": {"name": "Mine"},
        "activity": {"key": "mine", "name": "Mine", "type": "EXTRACT", "object_type_id": TYPE},
        "factor": {"activity_id": of(GLOBEX, ACTIVITY), "datapoint_id": DATAPOINT, "is_guardrail": False},
    }
    with acting(world, ANNA) as connection:
        for table, row in rows.items():
            for org in (GLOBEX, EMPTY, uuid4()):
                with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
                    insert(connection, table, more, org_id=org, **row)
        assert insert(connection, "workflow", more, org_id=ACME, name="Ours").rowcount == 1
        assert insert(connection, "workflow_request", more, org_id=ACME, payload="{}").rowcount == 1


def test_nobody_takes_an_id_that_is_a_strangers(world: str) -> None:
    with acting(world, ANNA) as connection:
        for table, row in rows_of(GLOBEX):
            for more in (
                "",
                "on conflict (id) do nothing",
                "on conflict (id) do update set org_id = excluded.org_id",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
                    insert(connection, table, more, **row | {"org_id": ACME})


def test_an_upsert_meets_the_own_row_only(world: str) -> None:
    again = "on conflict (org_id, name) do update set description = 'changed' returning org_id, description"
    with acting(world, ANNA) as connection:
        made = insert(connection, "workflow", again, org_id=ACME, name="Find and enrich")
        assert made.fetchall() == [(ACME, "changed")]
        with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
            insert(connection, "workflow", again, org_id=GLOBEX, name="Find and enrich")
        assert connection.execute("select org_id from workflow where description <> ''").fetchall() == [
            (ACME,)
        ]


@pytest.mark.parametrize("user", [MAX, ANNA, BOTH])
def test_a_row_does_not_change_its_tenant_or_id(world: str, user: UUID) -> None:
    with acting(world, user) as connection:
        for table in TENANT_TABLES:
            for column, value in (("org_id", GLOBEX), ("org_id", ACME), ("id", uuid4())):
                order = f"update public.{table} set {column} = %s"
                assert error(connection, order, [value]).sqlstate == DENIED


def test_an_update_with_a_strangers_row_beside_it_touches_and_tells_nothing(world: str) -> None:
    orders = (
        "update workflow set name = 'taken' where org_id = %(globex)s",
        "update workflow set name = 'taken' where id = %(workflow)s",
        "update workflow as mine set description = other.name from workflow as other where other.org_id = %(globex)s",
        "update workflow as t set name = 'taken' from org as o where t.org_id = o.id and o.slug = 'globex'",
        """merge into workflow as t using (values (%(workflow)s::uuid)) as v (id) on t.id = v.id
           when matched then update set name = 'taken'""",
        "with t as (delete from workflow where org_id = %(globex)s returning 1) select * from t",
        "delete from factor where activity_id = %(activity)s",
    )
    values = {"globex": GLOBEX, "workflow": of(GLOBEX, WORKFLOW), "activity": of(GLOBEX, ACTIVITY)}
    with acting(world, ANNA) as connection:
        assert [connection.execute(order, values).rowcount for order in orders] == [0] * len(orders)


def test_copy_in_is_no_way_around_the_policies(world: str) -> None:
    with acting(world, ANNA) as connection:
        for table in ("workflow", "workflow_request"):
            with (
                pytest.raises(psycopg.errors.FeatureNotSupported),
                connection.transaction(),
                connection.cursor().copy(f"copy public.{table} (org_id) from stdin") as copy,
            ):
                copy.write_row((GLOBEX,))


def test_a_member_defines_nothing_and_moves_nothing(world: str) -> None:
    with acting(world, MAX) as connection:
        assert connection.execute("update workflow set name = 'x'").rowcount == 0
        assert connection.execute("delete from workflow").rowcount == 0
        assert connection.execute("update org set name = 'x'").rowcount == 0
        for table in REQUESTS:
            for order in (
                f"update {table} set state = 'valid'",
                f"update {table} set attempt = attempt + 1",
                f"update {table} set state_since = now()",
                f"update {table}_status set state = 'valid'",
                f"delete from {table}",
                f"truncate {table}",
            ):
                assert error(connection, order).sqlstate == DENIED
        for forged in ("state", "attempt", "state_since", "created_at", "id"):
            assert (
                error(connection, f"insert into workflow_request ({forged}) values (default)").sqlstate
                == DENIED
            )


def test_nobody_makes_himself_a_member(world: str) -> None:
    for user in (NOBODY, MAX, ANNA, GERD):
        with acting(world, user) as connection:
            for order in (
                f"insert into org_member (org_id, user_id, role) values ('{GLOBEX}', '{user}', 'owner')",
                "update org_member set role = 'owner'",
                f"update org_member set user_id = '{user}'",
                "delete from org_member",
                "insert into org (name, slug) values ('Mine', 'mine')",
                "delete from org",
                "update org set slug = 'globex'",
            ):
                assert error(connection, order).sqlstate == DENIED


# Guessing


def test_a_key_that_points_at_a_strangers_row_fails_as_if_there_were_none(world: str) -> None:
    def refusal(connection: Connection, order: str, target: UUID) -> list[str | None]:
        told = error(connection, order, {"acme": ACME, "target": target})
        texts = (
            told.diag.message_primary,
            told.diag.message_detail,
            told.diag.message_hint,
            told.diag.constraint_name,
        )
        return [told.sqlstate, *(text and text.replace(str(target), "ID") for text in texts)]

    probes = {
        ACTIVITY: """insert into activity_request (org_id, activity_id) values (%(acme)s, %(target)s)""",
        WORKFLOW: "insert into workflow_request (org_id, payload, workflow_id) values (%(acme)s, '{}', %(target)s)",
    }
    changes = {
        WORKFLOW: "update activity set workflow_id = %(target)s",
        ACTIVITY: "update factor set activity_id = %(target)s",
    }
    for orders, user in ((probes, MAX), (probes, ANNA), (changes, ANNA)):
        with acting(world, user) as connection:
            for number, order in orders.items():
                strangers = refusal(connection, order, of(GLOBEX, number))
                assert strangers == refusal(connection, order, uuid4())
                assert strangers[0] == FOREIGN_KEY


def test_keys_that_a_stranger_uses_are_free(world: str) -> None:
    with psycopg.connect(world) as owner:
        insert(owner, "workflow", org_id=GLOBEX, name="Only theirs")
        insert(owner, "workflow_request", org_id=GLOBEX, payload="{}", idempotency_key="theirs")
        owner.commit()
    with acting(world, ANNA) as connection:
        assert insert(connection, "workflow", org_id=ACME, name="Only theirs").rowcount == 1
        theirs = insert(connection, "workflow_request", org_id=ACME, payload="{}", idempotency_key="theirs")
        assert theirs.rowcount == 1
        with pytest.raises(psycopg.errors.UniqueViolation), connection.transaction():
            insert(connection, "workflow_request", org_id=ACME, payload="{}", idempotency_key="first")


# Who one is


def test_a_member_of_two_tenants_is_in_each_what_he_is_there(world: str) -> None:
    with acting(world, BOTH) as connection:
        assert insert(connection, "workflow", org_id=ACME, name="As admin").rowcount == 1
        with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
            insert(connection, "workflow", org_id=GLOBEX, name="As member")
        renamed = "update workflow set description = 'x' returning org_id"
        assert {row[0] for row in connection.execute(renamed)} == {ACME}
        for org in (ACME, GLOBEX):
            assert insert(connection, "workflow_request", org_id=org, payload="{}").rowcount == 1
        with pytest.raises(psycopg.errors.ForeignKeyViolation), connection.transaction():
            insert(connection, "activity_request", org_id=ACME, activity_id=of(GLOBEX, ACTIVITY))


def test_who_is_no_member_any_more_sees_nothing_at_once(flagship: str) -> None:
    with psycopg.connect(flagship, autocommit=True) as owner, acting(flagship, ANNA) as connection:
        owner.execute("insert into auth.users (id) values (%s)", [ANNA])
        insert(owner, "org", id=ACME, name="Acme", slug="acme")
        insert(owner, "org_member", org_id=ACME, user_id=ANNA, role="admin")
        insert(owner, "workflow", org_id=ACME, name="Ours")
        connection.execute("prepare mine as select count(*) from workflow")
        connection.execute("prepare renamed as update workflow set description = 'x'")
        for change, sees, renames in (
            ("select 1", 1, 1),
            ("update org_member set role = 'member'", 1, 0),
            ("update org_member set role = 'owner'", 1, 1),
            ("delete from org_member", 0, 0),
        ):
            owner.execute(change.encode())
            assert connection.execute("execute mine").fetchone() == (sees,)
            with connection.transaction(force_rollback=True):
                assert connection.execute("execute renamed").rowcount == renames


def test_the_gate_itself_may_do_nothing(world: str) -> None:
    """`authenticator` is in the roles of the API, but inherits nothing from them, and is in no other."""
    with psycopg.connect(world, user="authenticator") as connection:
        for table in ("org", *TENANT_TABLES, *SHARED_TABLES):
            assert error(connection, f"select 1 from public.{table}").sqlstate == DENIED
        for role in ("flagship_owner", "postgres"):
            assert error(connection, f"set role {role}").sqlstate == DENIED


# The inner rooms


FOR_SERVERS = re.compile(
    r"select (monitor\.|private\.(tick|now|uuid_v7|\w+_(check|mend|time_out|recover|keep_history))\()"
)
"""What a worker calls, and operators' tools."""


def test_no_function_of_the_inner_schemas_can_be_called(world: str) -> None:
    """Not even those that policies and defaults call on the user's behalf."""
    with psycopg.connect(world) as owner:
        calls = owner.execute(
            """select format('select %I.%I(%s)', n.nspname, p.proname,
                      (select string_agg(format('null::%s', t::regtype), ', ') from unnest(p.proargtypes) as t))
               from pg_proc p join pg_namespace n on n.oid = p.pronamespace
               where n.nspname in ('private', 'etl_api', 'utils', 'monitor') and p.prokind = 'f'"""
        ).fetchall()
    assert calls != []
    for role in ("anon", "authenticated", "service_role"):
        with acting(world, MAX, role) as connection:
            for (call,) in calls:
                if role == "service_role" and FOR_SERVERS.match(call):
                    continue
                refused = error(connection, call)
                what = (
                    "function" if call.startswith("select private.") and role == "service_role" else "schema"
                )
                assert (refused.sqlstate, f"permission denied for {what}" in str(refused)) == (DENIED, True)


def test_a_worker_need_not_own_the_database(world: str) -> None:
    with acting(world, role="service_role") as connection:
        done = connection.execute("select task, problem from private.tick()").fetchall()
        assert ("run_request time_out", None) in done
        assert {problem for _, problem in done} == {None}
        assert connection.execute("select * from private.run_request_check()").fetchall() == []
        assert connection.execute("select * from private.run_request_mend()").fetchall() == []
        for table in ("run_request_run_queue_count", "run_request_history_default"):
            assert error(connection, f"select from private.{table}").sqlstate == DENIED


def test_users_and_the_log_are_not_to_be_read(world: str) -> None:
    for role in ("anon", "authenticated"):
        with acting(world, ANNA, role) as connection:
            for table in ("auth.users", "etl_api.etl_log", "pg_authid"):
                assert error(connection, f"select 1 from {table}").sqlstate == DENIED


def test_nothing_can_be_made_or_changed_by_the_api(world: str) -> None:
    for role in ("anon", "authenticated", "service_role"):
        with acting(world, ANNA, role) as connection:
            for order in (
                "create table public.mine (id int)",
                "create function public.mine() returns int language sql as 'select 1'",
                "create schema mine",
                "alter table public.workflow disable row level security",
                "alter table public.run_request disable trigger all",
                "create policy mine on public.workflow using (true)",
                "drop policy select_authenticated on public.workflow",
                "alter type public.run_request_state add value 'mine'",
                "set session_replication_role = replica",
                "comment on table public.workflow is 'mine'",
            ):
                assert error(connection, order).sqlstate == DENIED
            with connection.transaction(force_rollback=True):
                # Who may read something may not hand it on; PostgreSQL says so in a mere warning.
                connection.execute(
                    "grant select on public.workflow to anon" if role != "anon" else "select 1"
                )
                handed = "select has_table_privilege('anon', 'public.workflow', 'select')"
                assert connection.execute(handed).fetchone() == (False,)

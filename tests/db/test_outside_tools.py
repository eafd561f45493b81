"""What others' tools say of what we generate: squawk, Supabase's linter and type generator, plpgsql_check.

What a tool reports and we keep all the same stands here by name, with the reason.
"""

import json
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import yaml
from databases import GENERATED, OWNER, Database, created, files_of
from psycopg import sql
from supabase_cli import SupabaseCli, UnavailableError, supabase
from test_evolve import CASES, STAMPS, edited
from test_evolve import facts_of as change_facts

from specc import driver
from specc.cli import main
from specc.pg.apply import apply
from specc.pg.binaries import embedded, installed
from specc.pg.server import Server, serve
from specc.plan.enums import in_place
from specc.plan.initial import plan_initial
from specc.plan.migration import files_of as migration_files
from specc.plan.migration import up_text
from specc.plan.parts import plan

pytestmark = pytest.mark.pg

MIGRATIONS = sorted((GENERATED / "migrations").glob("*.sql"))

SQUAWK_MAY_SAY = {
    "prefer-bigint-over-int": "attempts of a row are counted to a thousand at most",
    "prefer-bigint-over-smallint": "phases and positions are few, and the specs say smallint",
    "require-lock-timeout": "a first migration locks tables of its own and, for a moment, auth.users",
    "require-statement-timeout": "a first migration fills and scans nothing",
}

SQUAWK_MAY_SAY_OF_CHANGES = {
    "adding-field-with-default": "the default is a constant, which is written into no row, or the column is computed",
    "adding-foreign-key-constraint": "the rows that point are declared ones",
    "adding-not-nullable-field": "`set not null` follows the UPDATE that gave each row a value",
    "ban-drop-column": "the specs say that it is given up, or it is computed and made anew",
    "ban-drop-constraint": "it is made again after what it names, or goes with what is given up",
    "ban-drop-default": "it is set again once the labels are called as it says",
    "ban-drop-not-null": "the specs let the column be null",
    "ban-drop-function": "it is made again after the type in its signature, or goes with its machine",
    "ban-drop-schema": "its last table is given up",
    "ban-drop-table": "the specs say that it is given up",
    "ban-drop-type": "the type before, which no column has any more",
    "ban-drop-view": "views for the operator are made again after what they read",
    "changing-column-type": "the specs say another type, or the order of states is another",
    "constraint-missing-not-valid": "the rows are declared ones, or the constraint is that of a column that changes",
    "disallowed-unique-constraint": "the key has another column",
    "prefer-bigint-over-int": SQUAWK_MAY_SAY["prefer-bigint-over-int"],
    "renaming-column": "the specs say `renamed_from`",
    "renaming-object": "the specs say `renamed_from`, or a type goes aside while its successor is made",
    "renaming-table": "the specs say `renamed_from`",
    "require-concurrent-index-creation": "its condition names states, which change in the same transaction",
    "require-concurrent-index-deletion": "its condition names states, which change in the same transaction",
    "require-lock-timeout": "`specc migrate` sets it, and tries again",
    "require-statement-timeout": "how long a migration may take is the deployer's to say",
}

MAY_DROP = {
    "ban-drop-column": {
        *(
            "column_given_up",
            "given_up_and_kept",
            "column_computed",
            "reference_rows_get_other_columns",
        ),  # `removed` says so
        *("computed_column_changed", "initial_state_renamed_and_moved"),  # computed ones, made anew
        *("text_becomes_states", "states_become_text", "text_to_state"),  # these, too
        "machine_becomes_text",  # a machine's, which `removals` gives up
    },
    "ban-drop-table": {
        *("table_given_up", "given_up_and_kept", "machine_becomes_text"),
        "reference_rows_get_other_columns",
        "reference_rows_point_elsewhere",
    },
    "ban-drop-schema": {"table_given_up", "machine_becomes_text"},  # `monitor`, without its last view
    "changing-column-type": {
        *("column_computed", "states_reordered", "state_gone", "initial_state_renamed_and_moved"),
        *("text_becomes_states", "states_become_text", "text_to_state", "given_up_and_kept"),
    },
}
"""The changes that may drop or rewrite so much, by squawk's word for it."""

SPLINTER_MAY_SAY = {
    "unused_index": "nobody has asked this database anything yet",
    "rls_enabled_no_policy etl_api.etl_log": "no role of the API reads the log",
    "rls_enabled_no_policy monitor.alert": "nor the alerts",
    **{
        f"rls_enabled_no_policy private.{pair}_{table}": "only the functions of the owner keep count"
        for pair in (
            "workflow_request_activity_request",
            "activity_request_run_queue",
            "run_request_run_queue",
        )
        for table in ("change", "count", "far")
    },
    **{
        f"rls_enabled_no_policy private.{name}_history_default": "its rows are read by way of its table"
        for name in ("activity_request", "run_queue", "run_request", "workflow_request")
    },
}


def squawk(folder: Path) -> list[dict[str, str]]:
    program = Path(sysconfig.get_path("scripts")) / "squawk"
    if not program.exists():
        pytest.skip("squawk-cli is not installed here")
    command: list[str | Path] = [program, "--reporter=json", "--pg-version=15", "--assume-in-transaction"]
    done = subprocess.run([*command, *folder.glob("*.sql")], capture_output=True, text=True, check=False)
    found: list[dict[str, str]] = json.loads(done.stdout)
    return found


def test_squawk_finds_the_migrations_sound() -> None:
    found = squawk(GENERATED / "migrations")
    assert {one["rule_name"] for one in found} == set(SQUAWK_MAY_SAY)


def test_squawk_finds_the_migrations_of_a_new_project_sound(tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        main(["init", str(tmp_path)])
    for path, text in driver.build(tmp_path).files.items():
        if path.startswith("migrations/"):
            (tmp_path / Path(path).name).write_text(text, encoding="utf-8")
    found = [one for one in squawk(tmp_path) if one["rule_name"] not in SQUAWK_MAY_SAY]
    assert found == []


def test_squawk_finds_in_changes_only_what_they_are_for(tmp_path: Path) -> None:
    for path in CASES:
        case = yaml.safe_load(path.read_text(encoding="utf-8"))
        (folder := tmp_path / "specs" / path.stem).mkdir(parents=True)
        before = change_facts(case["before"], folder / "before")
        after = in_place(before, change_facts(edited(case["before"], case["edits"]), folder / "after"))
        parts = plan(before, after)
        for name, text in migration_files(parts, "a test", STAMPS[: len(parts)], path.stem).items():
            if name.startswith("migrations/"):
                (tmp_path / Path(name).name).write_text(text, encoding="utf-8")
    found = squawk(tmp_path)
    assert {one["rule_name"] for one in found} == set(SQUAWK_MAY_SAY_OF_CHANGES)
    for rule, cases in MAY_DROP.items():
        told = {Path(one["file"]).stem.partition("_")[2] for one in found if one["rule_name"] == rule}
        assert told == cases, rule


@pytest.fixture(scope="module")
def reachable() -> Iterator[Server]:
    """A server over TCP with a bootstrapped database `flagship`, whose owner has the superuser's password.

    The oldest at hand: Supabase itself runs 15 and 17.
    """
    oldest = min((*installed(), embedded()), key=lambda build: build.version)
    with serve(oldest, tcp=True) as server:
        owner = sql.Identifier(OWNER)
        order = sql.SQL("create role {} login password {}").format(owner, sql.Literal(server.password))
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            connection.execute(order)
            connection.execute(sql.SQL("create database flagship owner {}").format(owner))
        apply(server.dsn("flagship"), (GENERATED / "bootstrap.sql").read_text(encoding="utf-8"))
        yield server


@pytest.fixture(scope="module")
def cli(reachable: Server, tmp_path_factory: pytest.TempPathFactory) -> SupabaseCli:
    """Supabase's command line in a project with our migrations, which it has applied as they are."""
    cli = _supabase(tmp_path_factory.mktemp("supabase"))
    for path in MIGRATIONS:
        (cli.folder / "supabase" / "migrations" / path.name).write_bytes(path.read_bytes())
    cli("migration", "up", url=as_owner(reachable))
    return cli


def _supabase(folder: Path) -> SupabaseCli:
    try:
        return supabase(folder)
    except UnavailableError as error:
        pytest.skip(f"no Supabase CLI: {error}")


def as_owner(server: Server, database: str = "flagship") -> str:
    return server.url(database).replace("//postgres:", f"//{OWNER}:")


@pytest.mark.parametrize("name", ["table_renamed", "text_becomes_states"])
def test_supabase_takes_a_change_and_then_sees_no_difference(
    name: str, reachable: Server, tmp_path: Path
) -> None:
    """With rows; the other database was made from the new specs at once."""
    case = yaml.safe_load((CASES[0].parent / f"{name}.yaml").read_text(encoding="utf-8"))
    before = change_facts(case["before"], tmp_path / "before")
    after = in_place(before, change_facts(edited(case["before"], case["edits"]), tmp_path / "after"))
    with created(reachable) as old, created(reachable) as fresh:
        for database in (old, fresh):
            database.bootstrap(files_of(GENERATED))
        cli = _supabase(tmp_path / "supabase")
        cli.add("20260101000000_initial.sql", up_text("initial", plan_initial(before)))
        cli("migration", "up", url=as_owner(reachable, old.name))
        apply(fresh.owner, up_text("after", plan_initial(after)))
        apply(old.owner, case["rows"])
        both = reachable.url(old.name), reachable.url(fresh.name)
        assert cli.diff(*both)
        parts = plan(before, after)
        for path, text in migration_files(parts, "a test", STAMPS[: len(parts)], name).items():
            if path.startswith("migrations/"):
                cli.add(path, text)
        cli("db", "push", url=as_owner(reachable, old.name))
        assert cli.diff(*both) == ""


def test_supabase_applies_each_migration_once(cli: SupabaseCli, reachable: Server) -> None:
    with psycopg.connect(reachable.dsn("flagship")) as connection:
        rows = connection.execute("select version from supabase_migrations.schema_migrations").fetchall()
    assert [version for (version,) in rows] == [path.name.partition("_")[0] for path in MIGRATIONS]


def test_splinter_finds_the_database_sound(cli: SupabaseCli, reachable: Server) -> None:
    said = cli("db", "advisors", "--level=info", "--output-format=json", url=reachable.url("flagship"))
    found = {
        name
        if (name := one["name"]) in SPLINTER_MAY_SAY
        else f"{name} {one['metadata']['schema']}.{one['metadata']['name']}"
        for one in json.loads(said)["results"]
    }
    assert found == set(SPLINTER_MAY_SAY)


def test_supabase_knows_our_tables_and_states_as_types(cli: SupabaseCli, reachable: Server) -> None:
    types = cli("gen", "types", "--schema=public", url=as_owner(reachable))
    with psycopg.connect(reachable.dsn("flagship")) as connection:
        relations = connection.execute(
            "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'v')"
        ).fetchall()
        enums = connection.execute(
            """select t.typname, string_agg('"' || e.enumlabel || '"', '|' order by e.enumsortorder)
            from pg_type as t join pg_enum as e on e.enumtypid = t.oid group by 1"""
        ).fetchall()
    tight = types.replace(" ", "").replace("\n", "")
    assert [name for (name,) in relations if f'"{name}":{{Row:' not in tight] == []
    assert [name for name, labels in enums if f'"{name}":{labels}' not in tight] == []


CHECKED = """
    select p.oid::regprocedure::text, c.lineno, c.level, c.sqlstate, c.message, c.detail
    from pg_proc as p
    join pg_language as l on l.oid = p.prolang and l.lanname = 'plpgsql'
    -- A function for several events reads the transition tables of all its triggers.
    left join (
        select tgfoid, tgrelid, max(tgoldtable::text)::name as old_rows, max(tgnewtable::text)::name as new_rows
        from pg_trigger where not tgisinternal group by tgfoid, tgrelid
    ) as t on t.tgfoid = p.oid
    cross join lateral plpgsql_check_function_tb(
        p.oid, coalesce(t.tgrelid, 0), oldtable => t.old_rows, newtable => t.new_rows,
        fatal_errors => false, performance_warnings => true,
        security_warnings => true, extra_warnings => true, other_warnings => true, compatibility_warnings => true
    ) as c
    where p.pronamespace in ('public'::regnamespace, 'private'::regnamespace, 'etl_api'::regnamespace)
"""


FAULTY = """
    create function private.faulty() returns trigger language plpgsql set search_path = '' as $$
    begin
        new.nmae := 'x';
        return new;
    end
    $$;
    create trigger faulty before insert on public.org for each row execute function private.faulty();
"""


def test_plpgsql_check_finds_no_fault_in_a_function(flagship_admin: str) -> None:
    """With all warnings, and trigger functions on their tables, which Supabase's `db lint` leaves out."""
    with psycopg.connect(flagship_admin) as connection:
        if not connection.execute(
            "select from pg_available_extensions where name = 'plpgsql_check'"
        ).fetchall():
            pytest.skip("the server has no plpgsql_check (Debian: postgresql-15-plpgsql-check)")
        connection.execute("create extension plpgsql_check")
        assert connection.execute(CHECKED.encode()).fetchall() == []
        connection.execute(FAULTY)
        ((function, *_),) = connection.execute(CHECKED.encode()).fetchall()
        assert function == "private.faulty()"


OVERLOOKED = {
    "a policy that names no role, speaks of all commands, or lets rows change into what it would not let in": """
        select format('%s on %s', policyname, tablename) from pg_policies
        where schemaname <> 'auth'
            and ('public' = any (roles) or cmd = 'ALL' or (cmd = 'UPDATE' and with_check is null))
    """,
    "rows that a role may change but not see, which then changes none": """
        select format('%s on %s', p.policyname, p.tablename) from pg_policies as p
        where p.cmd in ('UPDATE', 'DELETE') and not exists (
            select from pg_policies as s
            where (s.schemaname, s.tablename) = (p.schemaname, p.tablename) and s.cmd = 'SELECT'
                and s.roles @> p.roles
        )
    """,
    "a column that a policy compares, without an index that it leads": """
        select distinct format('%s of %s', a.attname, c.relname)
        from pg_policies as p
        join pg_class as c on c.oid = format('%I.%I', p.schemaname, p.tablename)::regclass
        join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0
            and concat(p.qual, ' ', p.with_check) ~ format('\\m%s\\M', a.attname)
        where p.schemaname <> 'auth' and not exists (
            select from pg_index as i where i.indrelid = c.oid and i.indkey[0] = a.attnum and i.indpred is null
        )
    """,
    "an index that another one begins with": """
        select format('%s by %s', a.indexrelid::regclass, b.indexrelid::regclass)
        from pg_index as a join pg_index as b on a.indrelid = b.indrelid and a.indexrelid <> b.indexrelid
        join pg_class as c on c.oid = a.indrelid and c.relnamespace = 'public'::regnamespace
        where not a.indisunique and a.indpred is null and b.indpred is null
            and concat(b.indkey::text, ' ') like concat(a.indkey::text, ' %')
    """,
    "a grant on a table or view that lets a role empty it or build on it": """
        select format('%s by %s', c.oid::regclass, r)
        from pg_class as c cross join unnest(array['anon', 'authenticated', 'service_role']) as r
        where c.relkind in ('r', 'v') and c.relnamespace in ('public'::regnamespace, 'etl_api'::regnamespace)
            and has_table_privilege(r, c.oid, 'truncate, references, trigger')
    """,
    "a function whose search path its caller sets": """
        select p.oid::regprocedure::text from pg_proc as p
        where p.pronamespace in ('public'::regnamespace, 'private'::regnamespace, 'etl_api'::regnamespace)
            and array['search_path=""'] <@ p.proconfig is not true
    """,
}


@pytest.mark.parametrize("fault", OVERLOOKED)
def test_what_the_linters_overlook(shared_flagship: str, fault: str) -> None:
    with psycopg.connect(shared_flagship) as connection:
        found = connection.execute(OVERLOOKED[fault].encode()).fetchall()
    assert found == []


def test_a_policy_asks_once_for_a_statement_who_the_user_is(shared_flagship: str) -> None:
    """In a plan, what is asked for each row stands in a filter, and what is asked once in an init plan."""
    with psycopg.connect(shared_flagship) as connection:
        rows = connection.execute(
            "select format('%I.%I', schemaname, tablename) from pg_policies where schemaname <> 'auth' and cmd = 'SELECT'"
        ).fetchall()
        connection.execute("set local role authenticated")
        for (table,) in rows:
            plan = connection.execute(f"explain (costs off) select * from {table}".encode()).fetchall()
            lines = [line for (line,) in plan]
            assert any("InitPlan" in line for line in lines), table
            assert [line for line in lines if "Filter" in line and "tenants(" in line] == [], table


ACCESS = """
    select c.oid::regclass::text, c.relacl::text from pg_class as c
    where c.relnamespace in ('public'::regnamespace, 'private'::regnamespace, 'etl_api'::regnamespace)
        and c.relkind in ('r', 'v', 'S')
    union all
    select p.oid::regprocedure::text, p.proacl::text from pg_proc as p
    where p.pronamespace in ('public'::regnamespace, 'private'::regnamespace, 'etl_api'::regnamespace)
    order by 1
"""

GENEROUS = """
    alter default privileges in schema public grant all on tables to anon, authenticated, service_role;
    alter default privileges in schema public grant all on functions to anon, authenticated, service_role;
    alter default privileges in schema public grant all on sequences to anon, authenticated, service_role;
"""


def test_default_privileges_of_the_past_open_nothing(shared_flagship: str, fresh: Database) -> None:
    """Supabase's older projects grant everything in `public` to the API's roles as it is created."""
    fresh.bootstrap(files_of(GENERATED))
    apply(fresh.owner, GENEROUS)
    fresh.migrate(files_of(GENERATED))
    with psycopg.connect(shared_flagship) as one, psycopg.connect(fresh.owner) as other:
        assert other.execute(ACCESS).fetchall() == one.execute(ACCESS).fetchall()

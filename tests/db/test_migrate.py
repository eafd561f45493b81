"""`specc migrate` on a real server: files done and undone, what is told of them, and what happens to rewritten ones."""

import shutil
import subprocess

import psycopg
import pytest
from migrating import ROWS, TICKET, Folder, stamp

from specc.plan.directives import irreversible_line, lossless_line, lossy_line

pytestmark = pytest.mark.pg

INDEX = "-- One statement.\ncreate index concurrently ticket_status on public.ticket (status);\n"
HISTORY = "select array_agg(version order by version) from supabase_migrations.schema_migrations"


@pytest.fixture
def three(migrations: Folder) -> Folder:
    """A table, an index that is built outside of a transaction, and a column."""
    migrations.write(1, "initial", TICKET + ROWS, "drop table public.ticket;\n")
    migrations.write(2, "index_concurrently", INDEX, "drop index concurrently public.ticket_status;\n")
    migrations.write(
        3, "title", "alter table public.ticket add title text;\n", "alter table public.ticket drop title;\n"
    )
    return migrations


def test_files_are_applied_in_order_and_once(three: Folder) -> None:
    before = three("status")
    assert (before.code, before.out.splitlines()[-1]) == (0, "3 pending")
    assert three.ask("select to_regnamespace('supabase_migrations')::text") is None, "looking left something"
    done = three("up")
    assert done.code == 0, done
    assert done.out.splitlines()[-1] == "3 applied"
    assert three.ask("select count(title) || ' ' || count(*) from public.ticket") == "0 1000"
    assert three.ask("select indisvalid from pg_index where indexrelid = 'public.ticket_status'::regclass")
    assert three.ask(HISTORY) == [stamp(1), stamp(2), stamp(3)]
    assert three.states() == {"1": "applied", "2": "applied", "3": "applied"}
    again = three("up")
    assert (again.code, again.out.splitlines()[-1]) == (0, "nothing to do")


def test_a_plan_changes_nothing_and_a_dry_run_is_the_same(three: Folder) -> None:
    plan, dry = three("plan", "--to", stamp(2)), three("up", "--dry-run", "--to", stamp(2))
    assert plan == dry
    assert plan.out.splitlines()[1:] == [
        f"  planned  {stamp(1)}_initial.sql: apply",
        f"  planned  {stamp(2)}_index_concurrently.sql: apply, outside of a transaction",
        "2 planned",
    ]
    assert three.ask("select to_regnamespace('supabase_migrations')::text") is None
    assert three.ask("select to_regclass('public.ticket')::text") is None


def test_up_and_down_go_to_a_stamp(three: Folder) -> None:
    assert three("up", "--to", stamp(1)).code == 0
    assert three.states() == {"1": "applied", "2": "pending", "3": "pending"}
    assert three("up").code == 0
    assert three("down", "--to", stamp(1), "--yes").code == 0
    assert three.states() == {"1": "applied", "2": "pending", "3": "pending"}
    assert three.ask("select to_regclass('public.ticket_status')::text") is None
    assert three("up").code == 0
    assert three("down", "--steps", 2, "--yes").code == 0
    assert three("down", "--to", 0, "--yes").out.splitlines()[-1] == "1 undone"
    assert three.ask("select to_regclass('public.ticket')::text") is None
    assert three.ask(HISTORY) is None
    assert three.ask("select count(*) from supabase_migrations.specc_migrations") == 0


def test_json_is_one_document(three: Folder) -> None:
    done = three("up", "--format=json").data
    assert done["ok"] is True
    assert [(one["event"], one.get("file")) for one in done["events"]] == [
        ("connected", None),
        ("applied", f"migrations/{stamp(1)}_initial.sql"),
        ("applied", f"migrations/{stamp(2)}_index_concurrently.sql"),
        ("applied", f"migrations/{stamp(3)}_title.sql"),
    ]
    told = three("status", "--format=json").data
    assert told["ok"] is True and told["role"] == "flagship_owner"
    first = told["migrations"][0]
    assert first["version"] == stamp(1) and first["applied_at"] and first["by"].startswith("flagship_owner ")


def test_a_file_that_fails_leaves_nothing_and_shows_where(three: Folder) -> None:
    file = three.write(
        4, "broken", "create table public.half ();\n\nselect 'ü', missing\n  from public.ticket;\n"
    )
    failed = three("up")
    assert failed.code == 1
    assert failed.out.splitlines()[-3:] == [
        f"  FAILED   {file}: it failed, and nothing of it is left",
        '           line 3: column "missing" does not exist (SQLSTATE 42703)',
        "             3 | select 'ü', missing",
    ]
    assert three.ask("select to_regclass('public.half')::text") is None
    assert three.states() == {"1": "applied", "2": "applied", "3": "applied", "4": "pending"}
    error = three("up", "--format=json").data["error"]
    assert (error["file"], error["line"], error["sqlstate"]) == (file, 3, "42703")
    three.write(4, "broken", "select 1;\n")
    assert three("up").code == 0


def test_a_broken_promise_at_commit_leaves_nothing(three: Folder) -> None:
    text = (
        "alter table public.ticket add parent int references public.ticket deferrable initially deferred;\n"
        "update public.ticket set parent = 0 where id = 1;\n"
    )
    file = three.write(4, "parents", text)
    failed = three("up", "--format=json")
    assert failed.code == 1
    error = failed.data["error"]
    assert (error["file"], error["line"], error["sqlstate"]) == (file, None, "23503")
    assert error["detail"] == 'Key (parent)=(0) is not present in table "ticket".'
    assert three.states()["4"] == "pending"
    assert (
        three.ask(
            "select count(*) from pg_attribute where attname = 'parent' and attrelid = 'ticket'::regclass"
        )
        == 0
    )


def test_an_index_whose_rows_are_not_unique_leaves_nothing(three: Folder) -> None:
    file = three.write(
        4, "unique_concurrently", "create unique index concurrently ticket_one on public.ticket (status);\n"
    )
    failed = three("up", "--format=json")
    assert (failed.code, failed.data["error"]["file"], failed.data["error"]["sqlstate"]) == (1, file, "23505")
    assert three.ask("select to_regclass('public.ticket_one')::text") is None
    assert three.states()["4"] == "pending"


def test_a_way_back_that_loses_data_asks(three: Folder) -> None:
    three.write(4, "words", "select 1;\n", f"-- The way back.\n{lossy_line('the old words')}\nselect 1;\n")
    assert three("up").code == 0
    asked = three("down", "--steps", 2)
    assert asked.code == 1
    assert asked.out.splitlines()[-1] == (
        f"  FAILED   rollback/{stamp(4)}_words.sql: this loses the old words; "
        f"rollback/{stamp(3)}_title.sql: column public.ticket.title; say --yes if it may"
    )
    assert three.states()["4"] == "applied"
    planned = three("down", "--steps", 1, "--dry-run")
    assert planned.code == 1
    assert f"  planned  {stamp(4)}_words.sql: undo, loses the old words" in planned.out.splitlines()
    assert three("down", "--steps", 1, "--yes").code == 0
    assert three.states()["4"] == "pending"


def test_a_way_back_that_says_it_loses_nothing_is_believed(three: Folder) -> None:
    three.write(
        4,
        "kept",
        "alter table public.ticket add kept int;\n",
        f"{lossless_line()}\nalter table public.ticket drop kept;\n",
    )
    assert three("up").code == 0
    assert three("down", "--steps", 1).code == 0


def test_what_cannot_be_undone_stays_and_nothing_before_it_is_undone(three: Folder) -> None:
    three.write(4, "sent", "select 1;\n", f"{irreversible_line('the letters are sent')}\n")
    three.write(5, "more", "create table public.more ();\n", "drop table public.more;\n")
    assert three("up").code == 0
    refused = three("down", "--to", stamp(3), "--yes")
    assert refused.code == 1
    assert refused.out.splitlines()[-1] == (
        f"  FAILED   rollback/{stamp(4)}_sent.sql: there is no way back: the letters are sent"
    )
    assert set(three.states().values()) == {"applied"}


def test_a_file_without_a_way_back_cannot_be_undone(three: Folder) -> None:
    three.write(4, "one_way", "select 1;\n")
    assert three("up").code == 0
    refused = three("down", "--steps", 1)
    assert (refused.code, "it cannot be undone: no way back was kept" in refused.out) == (1, True)


# What was applied and has been rewritten since


def test_a_rewritten_file_is_undone_as_it_was_and_the_new_one_is_applied(three: Folder) -> None:
    old = three.write(4, "wish", "create index wish on public.ticket (id);\n", "drop index public.wish;\n")
    assert three("up").code == 0
    three.remove(old)
    three.write(
        5, "wish", "create index better on public.ticket (id, status);\n", "drop index public.better;\n"
    )
    told = three("status")
    assert told.code == 1
    assert f"{old}: it is applied, and the folder does not have it" in told.out
    assert three("plan").out.splitlines()[1:-1] == [
        f"  planned  {stamp(4)}_wish.sql: undo, by the way back that was kept",
        f"  planned  {stamp(5)}_wish.sql: apply",
    ]
    assert three("up").code == 0
    assert three.ask("select to_regclass('public.wish')::text") is None
    assert three.ask("select to_regclass('public.better')::text") == "better"
    assert three.states() == {"1": "applied", "2": "applied", "3": "applied", "5": "applied"}


def test_several_rewritten_files_are_undone_newest_first(three: Folder) -> None:
    first = three.write(
        4, "a", "create table public.a (id int primary key);\n", f"{lossless_line()}drop table public.a;\n"
    )
    second = three.write(
        5,
        "b",
        "create table public.b (a int references public.a);\n",
        f"{lossless_line()}drop table public.b;\n",
    )
    assert three("up").code == 0
    three.remove(second)
    three.write(
        4, "a", "create table public.a (id bigint primary key);\n", f"{lossless_line()}drop table public.a;\n"
    )
    assert three.states()["4"] == "changed"
    done = three("up")
    assert (done.code, done.out.splitlines()[-1]) == (0, "2 undone, 1 applied"), (first, done)
    assert (
        three.ask(
            "select format_type(atttypid, null) from pg_attribute where attrelid = 'a'::regclass and attnum = 1"
        )
        == "bigint"
    )
    assert three.ask("select to_regclass('public.b')::text") is None


def test_a_rewritten_file_whose_way_back_loses_data_is_kept_until_that_is_fine(three: Folder) -> None:
    three.write(
        4, "note", "alter table public.ticket add note text;\n", "alter table public.ticket drop note;\n"
    )
    assert three("up").code == 0
    three.write(
        4, "note", "alter table public.ticket add remark text;\n", "alter table public.ticket drop remark;\n"
    )
    refused = three("up")
    assert refused.code == 1
    assert refused.out.splitlines()[-1] == (
        f"  FAILED   rollback/{stamp(4)}_note.sql: this loses column public.ticket.note; say --yes if it may"
    )
    assert three.ask("select count(note) from public.ticket") == 0
    assert three("up", "--yes").code == 0
    assert three.ask("select count(remark) from public.ticket") == 0


def test_history_that_was_rewritten_is_refused(three: Folder) -> None:
    assert three("up").code == 0
    three.write(1, "initial", TICKET + "-- another remark\n" + ROWS, "drop table public.ticket;\n")
    refused = three("up", "--yes")
    assert refused.code == 1
    assert "that is history, which stays as it is" in refused.out
    assert three.ask("select count(*) from public.ticket") == 1000


def test_an_older_folder_undoes_nothing(three: Folder) -> None:
    assert three("up").code == 0
    three.remove(f"migrations/{stamp(3)}_title.sql")
    refused = three("up", "--yes")
    assert refused.code == 1
    assert "the folder is older than the database" in refused.out
    assert three("down", "--to", stamp(2), "--yes").code == 0, "the way back that was kept"
    assert three.states() == {"1": "applied", "2": "applied"}


def test_a_file_that_comes_late_is_refused_and_may_be_let_in(three: Folder) -> None:
    assert three("up").code == 0
    (three.path / "migrations" / f"{stamp(2)[:-2]}00_late.sql").write_text("select 1;\n", encoding="utf-8")
    told = three("status")
    assert (told.code, "its stamp is earlier than that of an applied one" in told.out) == (1, True)
    refused = three("up")
    assert (refused.code, "--include-all" in refused.out) == (1, True)
    assert three("up", "--include-all").code == 0
    assert three("status").code == 0


# The same files in the hands of others


def test_files_that_git_gave_windows_lines_are_the_same_files(three: Folder) -> None:
    three.write(4, "body", "create function public.f() returns text language sql\nas $$\n  select 'x'\n$$;\n")
    assert three("up", "--to", stamp(3)).code == 0
    for path in three.path.rglob("*.sql"):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert three("status").code == 0
    assert three("up").code == 0
    assert three.ask("select prosrc from pg_proc where proname = 'f'") == "\n  select 'x'\n"


@pytest.mark.skipif(shutil.which("psql") is None, reason="psql is not on the path")
def test_psql_applies_the_files_as_they_are(three: Folder) -> None:
    three.remove(f"migrations/{stamp(2)}_index_concurrently.sql")
    three.write(
        4,
        "closed",
        "-- specc:preflight Isn't \\there; a $$ \"word\"\n--   select count(*) from public.ticket where status = ''\n"
        "-- specc:batch Close\n--   update public.ticket set status = 'closed' where id < 0\n\n"
        "update public.ticket set status = 'closed';\n",
    )
    for path in sorted((three.path / "migrations").iterdir()):
        command = ["psql", "-X", "-1", "-v", "ON_ERROR_STOP=1", "-d", three.dsn, "-f", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert three.ask("select count(title) || ' ' || min(status) from public.ticket") == "0 closed"


def test_roles_of_the_api_see_nothing_of_the_ledger(three: Folder, database: str) -> None:
    with psycopg.connect(database, autocommit=True) as admin:
        for role in ("anon", "authenticated", "service_role"):
            if not admin.execute("select 1 from pg_roles where rolname = %s", [role]).fetchone():
                admin.execute(f"create role {role}".encode())
        # The worst that may have been said before.
        admin.execute(
            "alter default privileges for role flagship_owner grant all on tables to anon, service_role"
        )
    assert three("up").code == 0
    granted = """
        select count(*) from pg_class as c, aclexplode(c.relacl) as a
        where c.oid = 'supabase_migrations.specc_migrations'::regclass and a.grantee <> c.relowner
    """
    assert three.ask(granted) == 0
    assert three.ask("select relrowsecurity from pg_class where relname = 'specc_migrations'") is True
    assert three.ask("select relkind::text from pg_class where relname = 'schema_migrations'") == "r"

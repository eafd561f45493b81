"""What a stranger gets wrong: the connection, the rights, the folder, the files. Each is said in one line, with exit code
2 where nothing was begun.
"""

import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from migrating import TICKET, Folder, stamp
from psycopg.conninfo import make_conninfo

from specc.cli import main

pytestmark = pytest.mark.pg


@pytest.fixture
def ticket(migrations: Folder) -> Folder:
    migrations.write(1, "initial", TICKET, "drop table public.ticket;\n")
    return migrations


def refused(folder: Folder, *arguments: object, dsn: str | None = None) -> str:
    """Return the one line on standard error of a run that began nothing."""
    said = folder(*arguments, dsn=dsn)
    assert said.code == 2, said
    (line,) = said.err.splitlines()
    return line


@pytest.mark.parametrize("command", [("status",), ("plan",), ("up",), ("down", "--steps=1")])
def test_a_database_that_cannot_be_reached(ticket: Folder, command: tuple[str, ...]) -> None:
    missing = make_conninfo(ticket.dsn, dbname="missing")
    assert 'database "missing" does not exist' in refused(ticket, *command, dsn=missing)
    nobody = make_conninfo(ticket.dsn, host="/nowhere")
    assert refused(ticket, *command, dsn=nobody).startswith("specc: cannot connect: ")
    assert 'missing "="' in refused(ticket, *command, dsn="what is this")
    found = ticket("status", "--format=json", dsn=missing)
    assert (
        found.code == 2 and found.data["ok"] is False and "cannot connect" in found.data["error"]["message"]
    )


def test_the_password_is_never_shown(ticket: Folder) -> None:
    dsn = make_conninfo(ticket.dsn, user="missing_role", password="sesame42")
    said = ticket("up", dsn=dsn)
    assert said.code == 2
    assert "sesame42" not in said.out + said.err


def test_no_dsn_is_wrong_usage(ticket: Folder) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "specc", "migrate", "up"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, "Missing option '--dsn'" in done.stderr) == (2, True)


def test_down_wants_to_know_how_far(ticket: Folder) -> None:
    for arguments in ((), ("--to", 0, "--steps", 1)):
        said = ticket("down", *arguments)
        assert (said.code, "either `--to STAMP` or `--steps N`" in said.err) == (2, True)


def test_a_stamp_that_nobody_has(ticket: Folder) -> None:
    assert refused(ticket, "up", "--to", "2026") == "specc: the folder has no migration 2026"
    assert "2026 is not applied, so there is no way back to it" in refused(ticket, "down", "--to", "2026")


def test_a_folder_that_is_none(
    ticket: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = Folder(tmp_path / "elsewhere", ticket.dsn, ticket.capsys)
    assert (
        refused(elsewhere, "up")
        == f"specc: there is no folder {elsewhere.path / 'migrations'}; `specc build` writes it"
    )
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as left:
        main(["migrate", "status", f"--dsn={ticket.dsn}"])
    assert left.value.code == 2
    assert "no specc.yaml here or above" in capsys.readouterr().err


def test_a_project_knows_its_folder(
    ticket: Folder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "specc.yaml").write_text("project: shop\noutput: out\n", encoding="utf-8")
    (tmp_path / "out").mkdir()
    for name in ("migrations", "rollback"):
        (tmp_path / name).rename(tmp_path / "out" / name)
    with pytest.raises(SystemExit) as left:
        main(["migrate", "up", f"--dsn={ticket.dsn}", f"--project={tmp_path}"])
    assert (left.value.code, capsys.readouterr().out.splitlines()[-1]) == (0, "1 applied")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("readme.sql", b"select 1;", "is no name of a migration"),
        (f"{stamp(1)}_twice.sql", b"select 1;", "have the same stamp"),
        (f"{stamp(2)}_latin.sql", b"select 1;\nselect '\xe9';", "line 2 holds a byte that is no UTF-8"),
        (f"{stamp(2)}_zero.sql", b"select '\0';", "it holds a zero byte"),
        (f"{stamp(2)}_two_concurrently.sql", b"select 1; select 2;", "holds one statement, this one 2"),
        (f"{stamp(2)}_no_concurrently.sql", b"-- nothing\n", "holds one statement, this one 0"),
        (f"{stamp(2)}_x_concurrently.sql", b"create index concurrently on t (a);", "needs a name"),
        (
            f"{stamp(2)}_own.sql",
            b"select 1;\nbegin;\nselect 2;\ncommit;",
            "line 2: a file is one transaction",
        ),
        (f"{stamp(2)}_typo.sql", b"-- specc:prefligth x\nselect 1;", "line 1: there is no `specc:prefligth`"),
    ],
)
def test_a_file_that_cannot_be_one(ticket: Folder, name: str, text: bytes, message: str) -> None:
    (ticket.path / "migrations" / name).write_bytes(text)
    assert message in refused(ticket, "up")
    assert ticket.ask("select to_regclass('public.ticket')::text") is None


def test_a_way_back_of_nothing(ticket: Folder) -> None:
    (ticket.path / "rollback" / f"{stamp(9)}_x.sql").write_text("select 1;", encoding="utf-8")
    assert refused(ticket, "status") == f"specc: rollback/{stamp(9)}_x.sql is the way back of no migration"


def test_a_syntax_error_is_shown_where_it_stands(ticket: Folder) -> None:
    file = ticket.write(2, "typo", "create table public.x ();\n\ncraete table public.y ();\n")
    said = ticket("up", "--format=json")
    assert said.code == 1
    error = said.data["error"]
    assert (error["file"], error["line"], error["sqlstate"]) == (file, 3, "42601")
    assert ticket.states() == {"1": "applied", "2": "pending"}
    ticket.write(2, "typo", "<<<<<<< ours\nselect 1;\n=======\nselect 2;\n>>>>>>> theirs\n")
    assert ticket("up", "--format=json").data["error"]["line"] == 1


def test_a_transaction_that_nobody_saw_in_the_file_is_noticed(
    ticket: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("specc.migrate.steps.check_text", lambda text, file: None)
    file = ticket.write(2, "own", "select 1;\ncommit;\nbegin;\nselect 2;\n")
    said = ticket("up")
    line = f"  FAILED   {file}: it ended the transaction that it was to be done in"
    assert (said.code, said.out.splitlines()[-1]) == (1, line)


def test_rows_for_copy_cannot_come(ticket: Folder) -> None:
    ticket.write(2, "copy", "copy public.ticket from stdin;\n1\topen\n\\.\n")
    said = ticket("up")
    assert said.code == 1
    assert ticket.states()["2"] == "pending"
    ticket.write(2, "copy", "copy public.ticket from stdin;\n")
    assert "COPY from or to the client" in ticket("up").out
    assert ticket.states()["2"] == "pending"


# Rights


def test_a_database_that_takes_no_writes(ticket: Folder, database: str) -> None:
    name = ticket.ask("select current_database()")
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute(f"alter database {name} set default_transaction_read_only = on")
    assert "default_transaction_read_only is on" in refused(ticket, "up")
    assert ticket.states() == {"1": "pending"}
    assert ticket("plan").code == 0


def test_a_role_without_rights(ticket: Folder, database: str) -> None:
    with psycopg.connect(database, autocommit=True) as admin:
        if not admin.execute("select 1 from pg_roles where rolname = 'stranger'").fetchone():
            admin.execute("create role stranger login")
    stranger = make_conninfo(ticket.dsn, user="stranger")
    line = refused(ticket, "up", dsn=stranger)
    assert line.startswith(
        "specc: stranger may not keep a ledger in the schema supabase_migrations: permission denied for database"
    )
    assert ticket("up").code == 0
    assert refused(ticket, "status", dsn=stranger).startswith(
        "specc: stranger may not read what is applied: "
    )


def test_a_ledger_that_belongs_to_somebody_else(ticket: Folder, database: str) -> None:
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute(
            "create schema supabase_migrations; grant usage, create on schema supabase_migrations to public"
        )
        admin.execute(
            "create table supabase_migrations.schema_migrations (version text primary key, statements text[], name text)"
        )
        admin.execute("grant select on supabase_migrations.schema_migrations to public")
    assert ticket("status").code == 0
    line = refused(ticket, "up")
    assert line == (
        "specc: flagship_owner may not write supabase_migrations.schema_migrations, which belongs to postgres; connect "
        "as postgres, or let it grant select, insert, update and delete on supabase_migrations.schema_migrations"
    )
    assert ticket.ask("select to_regclass('supabase_migrations.specc_migrations')::text") is None
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute(
            "grant insert, update, delete on supabase_migrations.schema_migrations to flagship_owner"
        )
    assert ticket("up").code == 0


def test_a_history_of_an_old_tool_gets_its_columns(ticket: Folder) -> None:
    with psycopg.connect(ticket.dsn) as owner:
        owner.execute("create schema supabase_migrations")
        owner.execute(
            "create table supabase_migrations.schema_migrations (version text not null primary key)"
        )
        owner.execute("insert into supabase_migrations.schema_migrations values ('20250101000000')")
    ticket.write(0, "first", "select 1;\n")
    (ticket.path / "migrations" / f"{stamp(0)}_first.sql").rename(
        ticket.path / "migrations" / "20250101000000_first.sql"
    )
    assert ticket("status").code == 0
    assert ticket("up").code == 0
    assert (
        ticket.ask("select count(*) from supabase_migrations.schema_migrations where name = 'initial'") == 1
    )


def test_versions_of_another_project_are_told_and_nothing_is_applied(ticket: Folder) -> None:
    with psycopg.connect(ticket.dsn) as owner:
        owner.execute("create schema supabase_migrations")
        owner.execute(
            "create table supabase_migrations.schema_migrations (version text not null primary key)"
        )
        owner.execute("insert into supabase_migrations.schema_migrations values ('20251231000000')")
    told = ticket("status")
    assert (told.code, "1 pending, 1 unknown" in told.out) == (1, True)
    said = ticket("up", "--yes")
    assert said.code == 1
    assert "it cannot be undone: another tool applied it" in said.out
    assert ticket.ask("select to_regclass('public.ticket')::text") is None

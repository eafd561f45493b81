"""What `specc drift` tells of the flagship: nothing as long as it is as built, and each thing that somebody changed."""

from collections.abc import Callable

import psycopg
import pytest
from databases import GENERATED, Database, copied

from specc.drift import drift
from specc.ir import lock

pytestmark = pytest.mark.pg

BY_HAND = {
    "create table public.extra (id integer)": {"undeclared table public.extra"},
    "alter table public.org alter column name drop not null": {"different column public.org.name"},
    "alter table public.org alter column name set default 'x'": {"different column public.org.name"},
    "revoke select on public.org from authenticated": {"different table public.org"},
    "grant update (slug) on public.org to authenticated": {"different column public.org.slug"},
    "drop policy select_authenticated on public.org": {"missing policy select_authenticated on public.org"},
    "alter policy select_authenticated on public.org using (true)": {
        "different policy select_authenticated on public.org"
    },
    "alter table public.org disable row level security": {"different table public.org"},
    'alter table public.run_queue disable trigger "00_run_queue_guard_update"': {
        "different trigger 00_run_queue_guard_update on public.run_queue"
    },
    "create or replace function private.now() returns timestamptz language sql stable as 'select now()'": {
        "different function private.now()"
    },
    "alter type public.run_queue_state add value 'parked'": {"different type public.run_queue_state"},
    "drop index public.activity_object_type_id_idx": {"missing index public.activity_object_type_id_idx"},
    "create view public.peek as select 1 as one": {"undeclared view public.peek"},
    "comment on table public.org is null": {"different table public.org"},
    "update public.object_type set label = 'Firm' where name = 'company'": {
        "different row company of public.object_type"
    },
    "create domain public.short as text": {"undeclared type public.short"},
    "grant execute on function private.now() to public": {"different function private.now()"},
    "alter table public.org add constraint late check (name <> '') not valid": {
        "undeclared constraint late on public.org"
    },
}


Differences = Callable[[str], set[str]]


@pytest.fixture
def differences(bare: Database) -> Differences:
    """Return what is told, in words; what is declared is made in a database of its own."""
    facts = lock.load((GENERATED / "specc.lock").read_text(encoding="utf-8"))

    def tell(conninfo: str) -> set[str]:
        with copied(bare) as declared:
            return {f"{one.word} {one.name}" for one in drift(facts, conninfo, declared.owner)}

    return tell


def test_a_database_as_built_has_no_drift(differences: Differences, flagship: str) -> None:
    assert differences(flagship) == set()


def test_each_change_by_hand_is_told(differences: Differences, flagship: str) -> None:
    wanted = set()
    with psycopg.connect(flagship, autocommit=True) as connection:
        for statement, told in BY_HAND.items():
            if "drop policy" not in statement and "name set default" not in statement:
                connection.execute(statement)
                wanted |= told
    assert differences(flagship) == wanted


def test_a_history_s_months_are_no_drift(differences: Differences, flagship: str) -> None:
    with psycopg.connect(flagship, autocommit=True) as connection:
        connection.execute("select * from private.tick()").fetchall()
        months = connection.execute("select count(*) from pg_inherits").fetchone()
    assert months
    assert months[0] > 4
    assert differences(flagship) == set()

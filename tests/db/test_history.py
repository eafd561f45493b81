"""The history of a machine's rows, against lists written by hand: complete, in order, and nobody's to forge."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import sql
from tenants import ACME, ANNA, DENIED, EMPTY, GERD, GLOBEX, RUN, UNIT, acting, error, fill, of, take

pytestmark = pytest.mark.pg

Connection = psycopg.Connection[tuple[Any, ...]]
TABLE = "public.run_request_state_history"
MINE = of(ACME, RUN)
ROWS = {"run_request": RUN, "run_queue": UNIT}
"""A machine whose guard looks at each row, and one whose guard looks at each statement; each with a row."""


@pytest.fixture
def world(flagship: str) -> str:
    fill(flagship)
    return flagship


@dataclass(frozen=True)
class Life:
    """A row of a machine in each of two tenants, and the owner's connection."""

    owner: Connection
    table: str

    @property
    def mine(self) -> UUID:
        return of(ACME, ROWS[self.table])

    @property
    def others(self) -> UUID:
        return of(GLOBEX, ROWS[self.table])

    def write(self, assignments: str, row: UUID | None = None) -> None:
        self.owner.execute(
            f"update {self.table} set {assignments} where id = %s".encode(), [row or self.mine]
        )

    def move(self, *states: str) -> None:
        for state in states:
            self.write(f"state = '{state}'")

    def told(self, row: UUID | None = None) -> list[tuple[str, str]]:
        """Return the moves of a row, each as (from, to), with substates behind a slash."""
        query = (
            "select concat_ws('/', from_state, from_substate), concat_ws('/', to_state, to_substate)"
            f" from {self.table}_state_history where row_id = %s order by seq"
        )
        return self.owner.execute(query.encode(), [row or self.mine]).fetchall()


@pytest.fixture(params=ROWS)
def life(world: str, request: pytest.FixtureRequest) -> Iterator[Life]:
    with psycopg.connect(world) as owner:
        yield Life(owner, request.param)
        owner.rollback()


def test_each_move_is_told_with_what_was_left(life: Life) -> None:
    life.move("valid", "waiting")
    life.write("state_substate = 'capacity'")
    life.write("state_substate = 'phase', created_at = now()")
    life.write("state_substate = null")
    life.write("state_substate = 'phase'")
    life.move("ready", "in_progress", "timedout")
    assert life.told() == [
        ("new", "valid"),
        ("valid", "waiting"),
        ("waiting", "waiting/capacity"),
        ("waiting/capacity", "waiting/phase"),
        ("waiting/phase", "waiting"),
        ("waiting", "waiting/phase"),
        ("waiting/phase", "ready"),
        ("ready", "in_progress"),
        ("in_progress", "timedout"),
    ]


def test_a_recovery_is_told(world: str) -> None:
    with psycopg.connect(world) as owner:
        life = Life(owner, "run_request")
        life.move("valid", "ready", "in_progress", "failed")
        life.write("state = 'ready', attempt = attempt + 1")
        assert life.told()[-2:] == [("in_progress", "failed"), ("failed", "ready")]


def test_a_statement_that_says_all_is_told_like_one_that_does_not(life: Life) -> None:
    life.write("state = 'invalid', state_substate = 'json', state_since = now()")
    life.write("state = 'invalid', state_substate = 'json'", life.others)
    assert life.told() == life.told(life.others) == [("new", "invalid/json")]


def test_a_birth_is_told(life: Life) -> None:
    born = life.owner.execute(
        f"insert into {life.table} (org_id, activity_request_id, source_id)"
        f" select org_id, activity_request_id, source_id from {life.table} where id = %s returning id".encode(),
        [life.mine],
    ).fetchone()
    assert born is not None
    assert life.told(born[0]) == [("", "new")]


def test_what_is_no_move_is_not_told(life: Life) -> None:
    life.write("state = state, created_at = now()")
    life.owner.execute(f"update {life.table} set state = 'valid' where created_at is null".encode())
    refused = error(life.owner, f"update {life.table} set state = 'done' where id = %s", [life.mine])
    assert refused.sqlstate == "PT409"
    assert life.told() == []


@pytest.mark.parametrize("moved", ["", ", state = 'valid'", ", state = 'valid', state_since = now()"])
@pytest.mark.parametrize("assignment", ["id = gen_random_uuid()", f"org_id = '{EMPTY}'"])
def test_a_row_keeps_its_id_and_its_tenant(life: Life, assignment: str, moved: str) -> None:
    """Another row could not be told from it in history, and another tenant would not see where it came from."""
    for key in ("activity_request_id", "run_request_id"):
        # Without the keys that would keep it from that as well.
        life.owner.execute(
            f"alter table {life.table} drop constraint if exists {life.table}_{key}_fkey cascade"
        )
    refused = error(life.owner, f"update {life.table} set {assignment}{moved} where id = '{life.mine}'")
    assert (refused.sqlstate, refused.diag.message_primary) == (
        "PT409",
        f"{life.table} cannot become another row",
    )
    assert life.told() == []


def test_one_illegal_move_of_many_refuses_all(life: Life) -> None:
    life.move("valid")
    refused = error(life.owner, f"update {life.table} set state = 'ready'")
    assert refused.sqlstate == "PT409"
    assert f"Row {life.others}, from new, to ready" in (refused.diag.message_detail or "")
    assert life.told() == [("new", "valid")]


def test_nobody_but_the_owner_sets_the_clock(world: str) -> None:
    with acting(world, ANNA) as connection:
        connection.execute("select set_config('specc.now', '2001-01-01 12:00Z', true)")
        order = (
            "insert into workflow_request (org_id, payload) values (%s, '{}') returning state_since = now()"
        )
        assert connection.execute(order, [ACME]).fetchone() == (True,)
    with psycopg.connect(world) as owner:
        owner.execute("select set_config('specc.now', '2001-01-01 12:00Z', true)")
        assert owner.execute("select private.now() = '2001-01-01 12:00Z'").fetchone() == (True,)


def test_what_is_rolled_back_is_not_told(life: Life) -> None:
    with life.owner.transaction() as inner:
        life.move("valid")
        raise psycopg.Rollback(inner)
    assert life.told() == []


def test_one_statement_over_many_rows_tells_of_each(life: Life) -> None:
    life.owner.execute(
        f"insert into {life.table} (org_id, activity_request_id, source_id)"
        f" select org_id, activity_request_id, source_id from {life.table}, generate_series(1, 500)".encode()
    )
    for state in ("valid", "ready", "in_progress"):
        life.owner.execute(f"update {life.table} set state = '{state}'".encode())
    found = life.owner.execute(
        "select to_state::text, count(*), count(distinct row_id)"
        f" from {life.table}_state_history group by 1 order by 1".encode()
    ).fetchall()
    every = [("in_progress", 1002, 1002), ("new", 1000, 1000), ("ready", 1002, 1002), ("valid", 1002, 1002)]
    assert found == every


def test_what_a_trigger_for_rows_adds_stays(life: Life) -> None:
    life.owner.execute(
        "create function public.says_why() returns trigger language plpgsql as $$ begin"
        f" update public.{life.table} set state_substate = 'capacity' where id = new.id; return null; end $$".encode()
    )
    life.owner.execute(
        f"create trigger zz_says_why after update on public.{life.table} for each row"
        f" when (new.state = 'waiting' and old.state <> 'waiting') execute function public.says_why()".encode()
    )
    life.move("valid")
    life.owner.execute("set local specc.now = '2030-01-01 00:00:00Z'")
    life.move("waiting")
    found = life.owner.execute(
        f"select state::text, state_substate, state_since = private.now() from {life.table} where id = %s".encode(),
        [life.mine],
    )
    assert found.fetchone() == ("waiting", "capacity", True)


def test_a_merge_and_a_conflict_are_told(life: Life) -> None:
    life.owner.execute(
        f"merge into {life.table} as t using (select %s::uuid as id) as s on t.id = s.id"
        " when matched then update set state = 'valid'".encode(),
        [life.mine],
    )
    life.owner.execute(
        f"insert into {life.table} (id, org_id, activity_request_id, source_id)"
        f" select id, org_id, activity_request_id, source_id from {life.table} where id = %s"
        " on conflict (id) do update set state = 'ready'".encode(),
        [life.mine],
    )
    assert life.told() == [("new", "valid"), ("valid", "ready")]


def test_history_outlives_its_row(life: Life) -> None:
    life.move("valid")
    life.owner.execute(f"delete from {life.table} where id = %s".encode(), [life.mine])
    assert life.told() == [("new", "valid")]


def move(connection: Connection, *states: str, row: UUID = MINE) -> None:
    for state in states:
        connection.execute("update run_request set state = %s where id = %s", [state, row])


def test_it_says_who_when_why_and_how_long(world: str) -> None:
    with psycopg.connect(world) as owner:
        owner.execute("set local specc.now = '2030-01-01 10:00Z'")
        move(owner, "valid")
        owner.execute("set local specc.now = '2030-01-01 10:42Z'")
        owner.execute("set local specc.reason = 'its source is back'")
        move(owner, "ready")
        found = owner.execute(
            f"select actor, reason, spent::text, xid = pg_current_xact_id(), at between now() and clock_timestamp()"
            f" from {TABLE} where row_id = %s order by seq",
            [MINE],
        ).fetchall()
    assert found[1] == ("flagship_owner", "its source is back", "00:42:00", True, True)
    assert found[0][:2] == ("flagship_owner", None)


def test_a_reason_is_the_transaction_s(world: str) -> None:
    with psycopg.connect(world) as owner:
        owner.execute("set local specc.reason = 'once'")
        move(owner, "valid")
        owner.commit()
        move(owner, "ready")
        assert owner.execute(f"select reason from {TABLE} where row_id = %s order by seq", [MINE]).fetchall() == [
            ("once",), (None,),
        ]  # fmt: skip


def test_a_reason_is_bounded(world: str) -> None:
    with psycopg.connect(world) as owner:
        owner.execute("select set_config('specc.reason', repeat('x', 100000), true)")
        move(owner, "valid")
        assert owner.execute(f"select length(reason) from {TABLE} where row_id = %s", [MINE]).fetchone() == (
            1000,
        )


def test_a_user_of_the_api_is_the_actor(world: str) -> None:
    order = "insert into workflow_request (org_id, workflow_id, payload) values (%s, null, '{}') returning id"
    with acting(world, ANNA) as connection:
        born = connection.execute(order, [ACME]).fetchone()
        assert born is not None
        connection.execute("reset role")
        take(connection, None, "service_role")
        found = connection.execute(
            "select actor from workflow_request_state_history where row_id = %s", [born[0]]
        ).fetchone()
    assert found == (str(ANNA),)


def test_a_claim_makes_nobody_another_actor(world: str) -> None:
    """Who connects as a role of his own may set any claim; it is that role which is told."""
    with psycopg.connect(world) as owner:
        take(owner, ANNA)
        owner.execute("reset role")
        move(owner, "valid")
        assert owner.execute(f"select actor from {TABLE} where row_id = %s", [MINE]).fetchone() == (
            "flagship_owner",
        )


@pytest.mark.parametrize("role", ["anon", "authenticated", "service_role"])
@pytest.mark.parametrize(
    "order",
    [
        f"insert into {TABLE} (org_id, row_id, to_state) values ('{ACME}', '{MINE}', 'done')",
        f"update {TABLE} set to_state = 'done'",
        f"delete from {TABLE}",
        f"truncate {TABLE}",
        "select * from private.run_request_history_default",
        "insert into private.run_request_history_default overriding system value select * from public.run_request_state_history",
        f"select nextval('{TABLE}_seq_seq')",
        f"alter table {TABLE} disable trigger all",
        "alter table public.run_request disable trigger all",
        "set session_replication_role = replica",
    ],
)
def test_nobody_writes_history_but_its_guard(world: str, role: str, order: str) -> None:
    with acting(world, ANNA, role) as connection:
        assert error(connection, order).sqlstate == DENIED


def test_each_reads_the_history_of_his_own_tenants(world: str) -> None:
    with psycopg.connect(world) as owner:
        for row in (MINE, of(GLOBEX, RUN)):
            move(owner, "valid", row=row)
        owner.commit()
    for user, tenants in ((ANNA, {ACME}), (GERD, {GLOBEX}), (UUID(int=99), set())):
        with acting(world, user) as connection:
            found = connection.execute(f"select distinct org_id from {TABLE}").fetchall()
            assert {org for (org,) in found} == tenants
            one = connection.execute(f"select count(*) from {TABLE} where org_id = %s", [EMPTY]).fetchone()
            assert one == (0,)
    with acting(world, role="anon") as connection:
        assert error(connection, f"select 1 from {TABLE}").sqlstate == DENIED


def test_a_reader_s_query_uses_the_key(world: str) -> None:
    """The policy's column comes first in the key, the row second."""
    with acting(world, ANNA) as connection:
        connection.execute("set local enable_seqscan = off")
        plan = connection.execute(
            sql.SQL("explain select * from {} where row_id = %s order by seq").format(sql.SQL(TABLE)), [MINE]
        ).fetchall()
    text = "\n".join(line for (line,) in plan)
    assert "Index Cond: ((org_id = ANY" in text
    assert "(row_id = " in text

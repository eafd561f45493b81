"""Measures what it costs that a parent follows its children: how many children of one parent end in a second.

In goes the flagship's specs; out come rates with sync as ratios to the rate without, for one child per
transaction and for ten, and the same of the server's CPU time per child. It starts a private server that syncs
each commit to disk, and changes no file. Four connections of pgbench end the units of one run, while a fifth
calls the resolver every second.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg
from guard import build
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from specc.pg.binaries import embedded
from specc.pg.server import Server, serve

CLIENTS = 4
RUN = "00000000-0000-0000-0000-000000000001"

WORLD = f"""
set session_replication_role = replica;
truncate public.run_queue, public.run_request, private.run_request_run_queue_count,
    private.run_request_run_queue_change, private.run_request_run_queue_far,
    private.activity_request_run_queue_count, private.activity_request_run_queue_change,
    private.activity_request_run_queue_far, private.run_left cascade;
insert into public.run_request (id, org_id, activity_request_id, source_id, state)
values ('{RUN}', '{RUN}', '{RUN}', '{RUN}', 'in_progress');
insert into public.run_queue (id, org_id, activity_request_id, source_id, run_request_id, state)
select lpad(to_hex(c * 10000000 + n), 32, '0')::uuid, '{RUN}', '{RUN}', '{RUN}', '{RUN}', 'in_progress'
from generate_series(0, {CLIENTS - 1}) as c, generate_series(1, {{rows}}) as n;
insert into private.run_left values ('{RUN}', {CLIENTS} * {{rows}});
set session_replication_role = origin;
select count(*) from private.run_request_run_queue_recount();
select private.run_request_follow(1000);
analyze public.run_queue;
checkpoint;
"""

SCRIPT = """\
\\set i :i + {batch}
\\set n :client_id * 10000000 + :i
update public.run_queue
set state = 'done', state_substate = null, state_since = now()
where id = any (array(
    select lpad(to_hex(:n::bigint - k), 32, '0')::uuid from generate_series(0, {batch} - 1) as k
)) and state = 'in_progress';
"""

COUNTER = """
create table private.run_left (id uuid primary key, units bigint not null) with (fillfactor = 50);
create function private.count_down() returns trigger language plpgsql as $$
begin
    update private.run_left as c set units = c.units - 1 where c.id = new.run_request_id;
    return null;
end $$;
create trigger counter after update on public.run_queue for each row
when (old.state is distinct from new.state) execute function private.count_down();
alter table public.run_queue disable trigger counter;
"""

GUARD = ("00_run_queue_guard_insert", "00_run_queue_guard_update")
SYNC = ("trg_mark_run_done", "trg_mark_run_done_insert", "trg_mark_run_done_delete")
FORMS = {
    "bare": (),
    "bare + counter": ("counter",),
    "bare + sync": SYNC,
    "guard": GUARD,
    "guard + sync": (*GUARD, *SYNC),
}
"""The triggers that each form leaves switched on; those of foreign keys and checks always are."""
BASES = {"bare + counter": "bare", "bare + sync": "bare", "guard + sync": "guard"}
"""What a form is compared with: the same without fan-in."""


@dataclass(frozen=True)
class Figures:
    """What was measured once: children per second, and microseconds of the server's CPU time per child."""

    rate: float
    cpu: float


def switch(connection: psycopg.Connection, kept: tuple[str, ...]) -> None:
    """Switch off the triggers for statements on units, and on again those that a form keeps."""
    found = connection.execute(
        "select tgname from pg_trigger where tgrelid = 'public.run_queue'::regclass and not tgisinternal"
    ).fetchall()
    for (name,) in found:
        word = "enable" if name in kept else "disable"
        order = sql.SQL(f"alter table public.run_queue {word} trigger {{}}")
        connection.execute(order.format(sql.Identifier(name)))


def resolve(conninfo: str, stop: threading.Event) -> None:
    """Call the resolver every second, as the tick does."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        while not stop.wait(1):
            connection.execute("select private.run_request_follow(1000)")


def spent(server: Server) -> float:
    """Return the seconds of CPU time of the server's processes that have ended (Linux: /proc/PID/stat)."""
    fields = Path(f"/proc/{server.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


def measure(server: Server, batch: int, kept: tuple[str, ...], seconds: int, rows: int) -> Figures:
    """Let units end for some seconds."""
    conninfo = server.dsn("bench")
    with psycopg.connect(conninfo, autocommit=True) as connection:
        switch(connection, kept)
        connection.execute(WORLD.format(rows=rows).encode())
    # A process counts when it is gone for good.
    time.sleep(0.2)
    before = spent(server)
    stop = threading.Event()
    ticking = threading.Thread(target=resolve, args=(conninfo, stop))
    ticking.start()
    try:
        bench(conninfo, SCRIPT.format(batch=batch), seconds)
    finally:
        stop.set()
        ticking.join()
    time.sleep(0.2)
    cpu = spent(server) - before
    with psycopg.connect(conninfo, autocommit=True) as connection:
        ended = connection.execute("select count(*) from public.run_queue where state = 'done'").fetchone()
        assert ended is not None
        if ended[0] >= CLIENTS * rows * 0.95:
            raise SystemExit("more --rows are needed: the units ran out")
        if (
            set(SYNC) <= set(kept)
            and connection.execute("select from private.run_request_run_queue_recount()").fetchall()
        ):
            raise SystemExit("the counts are wrong")
    return Figures(float(ended[0]) / seconds, cpu * 1e6 / float(ended[0]))


def line(name: str, figures: list[Figures], base: list[Figures]) -> str:
    """Return medians, and ratios to what was measured beside it with the least and the greatest."""
    parts = [f"{name:20}"]
    for each, other in (
        ([one.rate for one in figures], [one.rate for one in base]),
        ([one.cpu for one in figures], [one.cpu for one in base]),
    ):
        ratios = [after / before for after, before in zip(each, other, strict=True)]
        parts.append(f"{statistics.median(each):10.0f}{statistics.median(ratios):7.2f}")
        parts.append(f" ({min(ratios):.2f} to {max(ratios):.2f})")
    return "".join(parts)


def bench(conninfo: str, script: str, seconds: int) -> None:
    """Let pgbench run a script on four connections."""
    place = conninfo_to_dict(conninfo)
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script)
        file.flush()
        options = ["-n", "-M", "prepared", "-c", str(CLIENTS), "-j", "1", "-T", str(seconds), "-D", "i=0"]
        where = ["-h", str(place["host"]), "-U", str(place["user"])]
        where += ["-p", str(place["port"])] if "port" in place else []
        program = embedded().bin / "pgbench"
        command = [str(program), *options, *where, "-f", file.name, str(place["dbname"])]
        subprocess.run(command, check=True, capture_output=True)


def main() -> None:
    """Print the table of ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4, help="of one measurement")
    parser.add_argument("--rows", type=int, default=60_000, help="units of each connection")
    parser.add_argument("--batch", type=int, action="append", help="units in a transaction; may be repeated")
    parser.add_argument("forms", nargs="*", help=f"of {', '.join(BASES)}; all by default")
    options = parser.parse_args()
    chosen = [name for name in FORMS if name in (options.forms or BASES)]
    names = [name for name in FORMS if name in chosen or name in {BASES[one] for one in chosen}]
    with serve(settings={"shared_buffers": "256MB", "fsync": "on", "synchronous_commit": "on"}) as server:
        server.create("bench")
        with psycopg.connect(server.dsn("bench"), autocommit=True) as connection:
            build(connection, "single")
            connection.execute(COUNTER)
        for batch in options.batch or (1, 10):
            found: dict[str, list[Figures]] = {name: [] for name in names}
            for turn in range(options.rounds):
                for name in names if turn % 2 else reversed(names):
                    one = measure(server, batch, FORMS[name], options.seconds, options.rows)
                    found[name].append(one)
            head = f"{'rate':>10}{'ratio':>7}{'':15}{'us CPU':>10}{'ratio':>7}"
            sys.stdout.write(f"\n{f'{batch} in a transaction':20}{head}\n")
            for name in names:
                sys.stdout.write(line(name, found[name], found[BASES.get(name, name)]) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()

"""Measures what it costs that a parent follows its children: how many children of one parent end in a second.

In goes the flagship as built (`generated/`); out come rates with sync as ratios to the rate without, for one
child per transaction and for ten. It starts a private server that syncs each commit to disk, and changes no
file. Four connections of pgbench end the units of one run, while a fifth calls the resolver every second.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import threading

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
    private.run_request_run_queue_change, private.activity_request_run_queue_count,
    private.activity_request_run_queue_change cascade;
insert into public.run_request (id, org_id, activity_request_id, source_id, state)
values ('{RUN}', '{RUN}', '{RUN}', '{RUN}', 'in_progress');
insert into public.run_queue (id, org_id, activity_request_id, source_id, run_request_id, state)
select lpad(to_hex(c * 10000000 + n), 32, '0')::uuid, '{RUN}', '{RUN}', '{RUN}', '{RUN}', 'in_progress'
from generate_series(0, {CLIENTS - 1}) as c, generate_series(1, {{rows}}) as n;
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

FORMS = {
    "none": (),
    "one parent": ("trg_mark_run_done", "trg_mark_run_done_insert", "trg_mark_run_done_delete"),
}
"""The triggers that each form leaves switched on, besides the guard."""


def switch(connection: psycopg.Connection, kept: tuple[str, ...]) -> None:
    """Switch off the triggers for statements on units, and on again those that a form keeps."""
    found = connection.execute(
        "select tgname from pg_trigger where tgrelid = 'public.run_queue'::regclass and not tgisinternal and tgtype & 1 = 0"
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


def rate(server: Server, batch: int, kept: tuple[str, ...], seconds: int, rows: int) -> float:
    """Return how many units end in a second."""
    conninfo = server.dsn("bench")
    with psycopg.connect(conninfo, autocommit=True) as connection:
        switch(connection, kept)
        connection.execute(WORLD.format(rows=rows).encode())
    stop = threading.Event()
    ticking = threading.Thread(target=resolve, args=(conninfo, stop))
    ticking.start()
    try:
        bench(conninfo, SCRIPT.format(batch=batch), seconds)
    finally:
        stop.set()
        ticking.join()
    with psycopg.connect(conninfo, autocommit=True) as connection:
        ended = connection.execute("select count(*) from public.run_queue where state = 'done'").fetchone()
        assert ended is not None
        if ended[0] >= CLIENTS * rows * 0.95:
            raise SystemExit("more --rows are needed: the units ran out")
        if kept and connection.execute("select from private.run_request_run_queue_recount()").fetchall():
            raise SystemExit("the counts are wrong")
    return float(ended[0]) / seconds


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
    parser.add_argument("--seconds", type=int, default=5, help="of one measurement")
    parser.add_argument("--rows", type=int, default=60_000, help="units of each connection")
    options = parser.parse_args()
    with serve(settings={"shared_buffers": "256MB", "fsync": "on", "synchronous_commit": "on"}) as server:
        server.create("bench")
        with psycopg.connect(server.dsn("bench"), autocommit=True) as connection:
            build(connection, "single")
        sys.stdout.write(f"{'units per transaction':24}{'without':>10}{'with':>10}{'ratio':>8}\n")
        for batch in (1, 10):
            pairs = []
            for turn in range(options.rounds):
                names = sorted(FORMS, reverse=bool(turn % 2))
                found = {one: rate(server, batch, FORMS[one], options.seconds, options.rows) for one in names}
                pairs.append((found["none"], found["one parent"]))
            without, followed = (statistics.median(each) for each in zip(*pairs, strict=True))
            ratio = statistics.median(after / before for before, after in pairs)
            sys.stdout.write(f"{batch:<24}{without:10.0f}{followed:10.0f}{ratio:8.2f}\n")


if __name__ == "__main__":
    main()

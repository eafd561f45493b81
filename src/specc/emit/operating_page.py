"""The docs page for whoever keeps a database running: where to look, what it costs, and where refusals are found.

Project and IR in, one page out; none for a project without machines.
"""

from __future__ import annotations

from collections.abc import Iterator

from specc.analysis.machines import BoundMachine, machines
from specc.analysis.monitors import OF_EACH, TOGETHER, watching
from specc.ir.model import Ir
from specc.ir.page import (
    OPERATING_PATH,
    Block,
    Bullets,
    Code,
    Grid,
    Heading,
    Line,
    Link,
    Mono,
    Page,
    Paragraph,
    Text,
    machine_path,
    table_path,
    view_path,
    watching_path,
)
from specc.lang.project import Project
from specc.pg.names import MONITOR, fit

_LOG_LINE = """\
2030-01-02 12:00:00.000 UTC [4711] service_role@app PT409 ERROR:  {machine} cannot move from <from> to <to>
2030-01-02 12:00:00.000 UTC [4711] service_role@app PT409 DETAIL:  Row <id>, from <from>, to <to>, allowed: …
2030-01-02 12:00:00.000 UTC [4711] service_role@app PT409 STATEMENT:  update {table} set state = '<to>' …"""

_JSON_LOG = "jq -r 'select(.state_code == \"PT409\") | .message' postgresql*.json | sort | uniq -c | sort -rn"

_SUPABASE = """\
select timestamp, event_message, log_attributes['parsed.user_name'] as role, log_attributes['parsed.detail'] as detail
from logs
where source = 'postgres_logs' and log_attributes['parsed.sql_state_code'] = 'PT409'
order by timestamp desc
limit 100"""


def operating_pages(project: Project, ir: Ir) -> Iterator[Page]:
    """Yield the page, if there is anything to watch."""
    found = sorted(machines(project).values(), key=lambda one: one.name)
    if not found:
        return
    blocks = (
        *_looking(found),
        *_monitors(project),
        *_ticking(),
        *_alerts(ir),
        *_mending(found),
        *_costs(),
        *_refusals(found),
    )
    about = (
        "What has to run, and where to look when something is stuck, late, failing, wrong, refused or slow."
    )
    yield Page(OPERATING_PATH, "Keeping it running", "Operations", about, "", blocks)


def _looking(found: list[BoundMachine]) -> Iterator[Block]:
    yield Heading("How the machines stand")
    yield Code("sh", 'specc status --dsn "$DSN"        # in a terminal; --watch 2 looks again and again\n'
               'specc dashboard --dsn "$DSN"     # in a browser, on this machine alone')  # fmt: skip
    yield Paragraph((
        Text("Both read the views below, which any tool that speaks SQL may read as well. They are for the owner of "
             "the database, and for "), Mono("service_role"), Text(" where it may read the tables."),
    ))  # fmt: skip
    yield Grid(("Machine", "Views"), tuple((_machine(one), _views(one)) for one in found))
    line = [part for name in TOGETHER for part in (Text(", "), _view(name))][1:]
    yield Paragraph((
        Text("All of them in one line each: "), _view("machines"), Text("; together: "), *line, Text("."),
    ))  # fmt: skip


def _monitors(project: Project) -> Iterator[Block]:
    found = sorted(project.all("monitor"), key=lambda one: one.name)
    if found:
        yield Heading("What else is watched")
        yield Grid(
            ("Monitor", "About"), tuple(((_view(one.name),), (Text(one.spec.about),)) for one in found)
        )


def _machine(machine: BoundMachine) -> Line:
    return (Link(machine.name, page=machine_path(machine.name)),)


def _views(machine: BoundMachine) -> Line:
    line: list[Text | Link] = []
    page = watching_path(machine.name)
    for what, view in zip(OF_EACH, watching(machine.name), strict=True):
        line += [Text(", ")] if line else []
        line.append(Link(what, page=page, anchor=f"{MONITOR}.{view}", mono=False))
    return tuple(line)


def _view(name: str) -> Link:
    return Link(f"{MONITOR}.{name}", page=view_path(MONITOR, name))


def _ticking() -> Iterator[Block]:
    yield Heading("What has to run")
    yield Code("sql", "select * from private.tick();")
    yield Paragraph((
        Text("It does all that is due: deadlines, recoveries, parents that follow, alerts, the end of old history. Call "
             "it every second or so as the owner of the database or as "), Mono("service_role"),
        Text(", from a worker or from pg_cron, from as many at once as you like. Each row of the answer is a task; one "
             "with a "), Mono("problem"), Text(" failed, or left rows that cannot move, and the others were done."),
    ))  # fmt: skip


def _mending(found: list[BoundMachine]) -> Iterator[Block]:
    yield Heading("Rows that cannot be")
    yield Paragraph((
        Text("A restored dump, or whoever switched triggers off, may leave rows that no guard would have let in. "),
        Mono("check"), Text(" reads a whole table and lists them; "), Mono("mend"), Text(" puts right what loses nothing "
        "by it (a substate of another state, a lease outside its state, wrong counts of children) and lists what it "
        "did. The rest is for people: move such a row on, or ask its history where it was."),
    ))  # fmt: skip
    calls = [(fit(f"{one.name}_check"), fit(f"{one.name}_mend")) for one in found]
    yield Grid(
        ("Machine", "Lists", "Mends"),
        tuple(
            (_machine(one), (Mono(f"private.{check}()"),), (Mono(f"private.{mend}()"),))
            for one, (check, mend) in zip(found, calls, strict=True)
        ),
    )


def _alerts(ir: Ir) -> Iterator[Block]:
    if ("table", MONITOR, "alert") in ir.by_identity:
        yield Heading("Alerts")
        yield Paragraph((
            Mono("private.tick()"), Text(" evaluates them. What has fired and not resolved stands in "),
            Link(f"{MONITOR}.alert", page=table_path(MONITOR, "alert")), Text(" and is told on the channel "),
            Mono("specc_alert"), Text("."),
        ))  # fmt: skip


def _costs() -> Iterator[Block]:
    yield Heading("What it costs")
    yield Bullets((
        (Text("Tables by size and by how they are read: "), _view("tables"), Text(". "), Mono("lacks_index"),
         Text(" marks a large one that is often read from end to end.")),
        (Text("Indexes by use: "), _view("indexes"), Text(". "), Mono("unused"),
         Text(" marks one that nothing has searched since statistics were reset and that keeps no rule. A replica "
              "counts for itself, and a small table is read whole whatever indexes it has.")),
        (Text("Statements by time, where the extension pg_stat_statements is: "), Mono("monitor.statements()"),
         Text("; "), Mono("monitor.statements_problem()"), Text(" says what is missing. Both are the owner's alone.")),
    ))  # fmt: skip
    yield Paragraph((
        Mono("specc status --dsn … --statements"),
        Text(" and the dashboard show of the statements those that name a table, view or function of this project."),
    ))  # fmt: skip


def _refusals(found: list[BoundMachine]) -> Iterator[Block]:
    yield Heading("Refused moves")
    yield Paragraph((
        Text("A refused move is undone with its transaction, and whatever would count it with it. So no view, neither "),
        Mono("specc status"), Text(" nor the dashboard, knows of refusals. The caller does (over the API as HTTP status "
        "409), and the server's log has each of them: by default at least the message, its details and the statement "),
        Text("("), Mono("log_min_messages"), Text(" up to "), Mono("error"), Text(", "), Mono("log_min_error_statement"),
        Text(" up to "), Mono("error"), Text("). A refusal that a function catches is in neither. Their SQLSTATE, "),
        Mono("PT409"), Text(", is in the line where "),
        Mono("log_line_prefix"), Text(" has "), Mono("%e"), Text(", here "), Mono("%m [%p] %u@%d %e"), Text(":"),
    ))  # fmt: skip
    machine = found[0]
    yield Code("text", _LOG_LINE.format(machine=machine.name, table=f"{machine.schema}.{machine.table}"))
    yield Paragraph((Text("With "), Mono("log_destination = jsonlog"), Text(", counted by what was tried:")))
    yield Code("sh", _JSON_LOG)
    yield Paragraph((Text("On Supabase, in the Logs Explorer:"),))
    yield Code("text", _SUPABASE)

"""Kind `alert`: a condition on what operators see of a machine, or of a monitor, that must not last.

The project's alerts become one function, `private.watch_alerts()`, which evaluates all of them and remembers
in `monitor.alert` which hold: an alert fires once, tells it on the channel `specc_alert`, and resolves by
itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from specc.analysis.machines import BoundMachine, bound
from specc.analysis.maintenance import Task
from specc.analysis.patience import seconds_of, watched, words_of
from specc.diagnostics import Code, Diagnostic
from specc.ir.database import Column, Comment, Function, Index, PrimaryKey, Table
from specc.ir.fact import Identity
from specc.kinds.machine_watch import NO_TIME, no_time
from specc.lang.kind import Kind, Lowered, Rule
from specc.lang.markers import Like, Ref, SpecModel
from specc.lang.project import Entry, Path, Project
from specc.pg.body import PINNED, render
from specc.pg.names import MONITOR, fit, lit, qualified

CHANNEL = "specc_alert"
"""Where firing and resolving are told, as JSON."""
TABLE = "alert"

OF_MACHINE = ("stuck", "open", "oldest", "failing")
OF_MONITOR = ("rows",)
"""The conditions on a machine, and on a monitor."""

StateName = Annotated[str, Ref("state", within="machine")]


class StuckSpec(SpecModel):
    """More than so many rows are stuck."""

    more_than: int = Field(0, ge=0, description="How many stuck rows are still bearable.")


class OpenSpec(SpecModel):
    """More than so many rows are open."""

    state: StateName = Field("", description="Only those in this state.")
    more_than: int = Field(ge=0, description="How many are still bearable.")


class OldestSpec(SpecModel):
    """A row has been in its state for longer than this."""

    state: StateName = Field("", description="Only rows in this state.")
    after: Annotated[str, Like("2 hours")] = Field(
        description="The longest bearable stay, such as `2 hours`."
    )


class FailingSpec(SpecModel):
    """More than so large a share of the rows that ended of late failed."""

    more_than: float = Field(ge=0, lt=1, description="Which share is still bearable, such as `0.2`.")
    within: str = Field("1 hour", description="How far back rows count, such as `15 minutes`.")
    of_at_least: int = Field(1, ge=1, description="With fewer rows ended nothing is said.")


class RowsSpec(SpecModel):
    """More than so many rows are in a monitor."""

    more_than: int = Field(0, ge=0, description="How many are still bearable.")


class WhenSpec(SpecModel):
    """A condition on a machine (`stuck`, `open`, `oldest` or `failing`) or on a monitor (`rows`): one of these."""

    of: Annotated[str, Ref("machine")] = Field("", description="The machine.")
    over: Annotated[str, Ref("monitor")] = Field("", description="Instead: the monitor.")
    stuck: StuckSpec | None = Field(None, description="Rows are stuck, as the machine's `stuck_after` says.")
    open: OpenSpec | None = Field(None, description="Many rows are open.")
    oldest: OldestSpec | None = Field(None, description="A row has been in its state for long.")
    failing: FailingSpec | None = Field(None, description="Many of the rows that ended of late failed.")
    rows: RowsSpec | None = Field(None, description="Rows are in the monitor.")


class AlertSpec(SpecModel):
    """An alert."""

    about: str = Field("", description="What is wrong when it fires, and what to do.")
    severity: Literal["warning", "critical"] = Field("warning", description="How bad it is.")
    when: WhenSpec = Field(description="The condition.")
    for_: Annotated[str, Like("5 minutes")] = Field(
        "", alias="for", description="How long the condition holds before the alert fires; at once without."
    )
    message: str = Field("", description="What is told; by default what the alert is about.")


_GOOD = (
    "lifecycle: order\nstates: {open: {is: initial}, closed: {is: terminal}}\ntransitions: {open: [closed]}\n"
    "---\ntable: ticket\nabout: A ticket.\nshared: true\ncolumns: {title: text}\n"
    "---\naccess: tickets\ntables: [ticket]\nallow: {}\n"
    "---\nmachine: ticket\nfollows: order\nundriven: {open: People close tickets.}\n"
    "---\nalert: many_tickets\nwhen: {of: ticket, open: {state: open, more_than: 100}}\n"
)
NOT_ONE_CONDITION = Code(
    "S362",
    "not-one-condition",
    "An alert has one condition, so that its message can say what is wrong: `stuck`, `open`, `oldest` or `failing` "
    "`of` a machine, or `rows` of what it is `over`, a monitor.",
    wrong=_GOOD.replace("more_than: 100}", "more_than: 100}, stuck: {}"),
    right=_GOOD,
)
NEVER_OPEN = Code(
    "S363",
    "never-open",
    "Alerts are about open rows. Every row in this state is settled, so the condition never holds.",
    wrong=_GOOD.replace("state: open", "state: closed"),
    right=_GOOD,
)


def tasks(project: Project) -> Iterator[Task]:
    """Yield what `private.tick()` does for alerts, where there are any."""
    if _bound(project):
        yield Task("alerts", "watch_alerts", in_batches=False)


def is_first(entry: Entry, project: Project) -> bool:
    """Whether what alerts share comes from this one."""
    return any(one is entry for one, _ in _bound(project)[:1])


def _bound(project: Project) -> list[tuple[Entry, BoundMachine | None]]:
    """Return the alerts whose machine or monitor is there, each with its machine."""
    found: list[tuple[Entry, BoundMachine | None]] = []
    for entry in project.all("alert"):
        when = entry.spec.when
        target = project.find("machine", when.of)
        machine = bound(target, project) if target and target.spec else None
        monitor = project.find("monitor", when.over)
        if machine is not None or (monitor is not None and monitor.spec):
            found.append((entry, machine))
    return found


def _lower(entry: Entry, project: Project) -> Lowered:
    """Yield what all alerts share with the first of them."""
    if is_first(entry, project):
        yield from _table()
        yield from _watch(_bound(project))


def _table() -> Lowered:
    clock = (("function", "private", "now", ""),)
    ids = (("function", "private", "uuid_v7", ""),)
    yield Table(MONITOR, TABLE)
    yield Comment(
        f"table {MONITOR} {TABLE}", "Each time that the condition of an alert held for long enough."
    )
    yield PrimaryKey(MONITOR, TABLE, "alert_pkey", ("id",))
    for column, text in (
        (Column(MONITOR, TABLE, "id", 0, "uuid", default="private.uuid_v7()", needs=ids), "The row's id, ordered by time."),
        (Column(MONITOR, TABLE, "alert", 1, "text"), "The alert's name."),
        (Column(MONITOR, TABLE, "severity", 2, "text"), "How bad it is: warning or critical."),
        (Column(MONITOR, TABLE, "since", 3, "timestamptz", default="private.now()", needs=clock), "Since when the condition holds."),
        (Column(MONITOR, TABLE, "fired_at", 4, "timestamptz", not_null=False), "When it was told; null as long as it waits."),
        (Column(MONITOR, TABLE, "resolved_at", 5, "timestamptz", not_null=False), "When it no longer held; null as long as it does."),
        (Column(MONITOR, TABLE, "value", 6, "double precision"), "The rows, seconds or share of the condition, at worst."),
        (Column(MONITOR, TABLE, "message", 7, "text"), "What was told."),
    ):  # fmt: skip
        yield column
        yield Comment(f"column {MONITOR} {TABLE} {column.name}", text)
    # At most one open row for each alert, whoever evaluates at the same time.
    yield Index(MONITOR, TABLE, "alert_open_key", ("alert",), unique=True, where="resolved_at is null")


def _watch(found: list[tuple[Entry, BoundMachine | None]]) -> Lowered:
    body = render("watch_alerts", alerts=[_values(*one) for one in found], channel=CHANNEL)
    needs: list[Identity] = [("table", MONITOR, TABLE), ("function", "private", "now", "")]
    for entry, machine in found:
        if machine is None:
            needs.append(("view", MONITOR, entry.spec.when.over))
        else:
            needs += [("table", machine.schema, one) for one in (machine.table, machine.history)]
            needs.append(("view", MONITOR, fit(f"{machine.name}_stuck")))
    yield Function(
        "private", "watch_alerts", "", "", "integer", "plpgsql", body,
        settings=PINNED, needs=tuple(dict.fromkeys(needs)),
    )  # fmt: skip
    text = (
        "Evaluates all alerts, fires and resolves them; returns how many did. One runs, others leave at once."
    )
    yield Comment("function private watch_alerts", text)


def _values(entry: Entry, machine: BoundMachine | None) -> dict[str, object]:
    """Return what the template reads of an alert: its value as a query, and the value it must not exceed."""
    spec, when = entry.spec, entry.spec.when
    value, limit = _of_monitor(when) if machine is None else _of_machine(when, machine)
    return {
        "name": entry.name,
        "severity": spec.severity,
        "message": spec.message or spec.about or entry.name,
        "hold": words_of(seconds_of(spec.for_) or 0),
        "value": value,
        "limit": limit,
    }


def _of_monitor(when: WhenSpec) -> tuple[str, float]:
    return f"select count(*) from {qualified(MONITOR, when.over)}", when.rows.more_than if when.rows else 0


def _of_machine(when: WhenSpec, machine: BoundMachine) -> tuple[str, float]:
    table = qualified(machine.schema, machine.table)
    if when.stuck is not None:
        view = qualified(MONITOR, fit(f"{machine.name}_stuck"))
        return f"select count(*) from {view}", when.stuck.more_than
    if when.open is not None:
        return f"select count(*) from {table} where {_rows(machine, when.open.state)}", when.open.more_than
    if when.oldest is not None:
        age = "coalesce(extract(epoch from v_now - min(state_since)), 0)"
        query = f"select {age} from {table} where {_rows(machine, when.oldest.state)}"
        return query, seconds_of(when.oldest.after) or 0
    return _failing(when.failing, machine) if when.failing is not None else ("select 0", 0)


def _failing(spec: FailingSpec, machine: BoundMachine) -> tuple[str, float]:
    over, failing = (", ".join(map(lit, states)) or "null" for states in machine.endings)
    share = f"count(*) filter (where h.to_state in ({failing}))::double precision / nullif(count(*), 0)"
    return (
        f"select case when count(*) >= {spec.of_at_least} then {share} end"
        f" from {qualified(machine.schema, machine.history)} as h"
        f" where h.at > v_now - interval {lit(words_of(seconds_of(spec.within) or 0))}"
        f" and h.from_state is distinct from h.to_state and h.to_state in ({over})"
    ), spec.more_than


def _rows(machine: BoundMachine, state: str) -> str:
    return f"{machine.is_open()} and state = {lit(state)}" if state else machine.is_open()


def _one_condition(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    del project
    when = entry.spec.when
    of_what = {"of": OF_MACHINE, "over": OF_MONITOR}
    named = [name for name in (*OF_MACHINE, *OF_MONITOR) if getattr(when, name) is not None]
    said = [word for word in of_what if getattr(when, word)]
    if len(named) == len(said) == 1 and named[0] in of_what[said[0]]:
        return
    if len(named) != 1:
        message = f"this alert has {', '.join(f'`{name}`' for name in named) or 'no condition'}"
        help = (
            "make an alert of each"
            if named
            else "write `stuck: {}`, or `open`, `oldest`, `failing` or `rows`"
        )
    else:
        message = (
            f"`{named[0]}` does not stand with {' and '.join(f'`{word}`' for word in said) or 'nothing'}"
        )
        help = f"write `{'of' if named[0] in OF_MACHINE else 'over'}` alone"
    yield NOT_ONE_CONDITION.at(entry.key("when"), message, help=help)


def _times(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    del project
    spec = entry.spec
    found: list[tuple[str, Path]] = [(spec.for_, ("for",))] if "for_" in spec.model_fields_set else []
    if spec.when.oldest is not None:
        found.append((spec.when.oldest.after, ("when", "oldest", "after")))
    if spec.when.failing is not None and "within" in spec.when.failing.model_fields_set:
        found.append((spec.when.failing.within, ("when", "failing", "within")))
    for text, path in found:
        yield from no_time(text, entry.at(*path))


def _open_states(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    when = entry.spec.when
    target = project.find("machine", when.of)
    machine = bound(target, project) if target and target.spec else None
    if machine is None or not machine.lifecycle.is_sound:
        return
    for name, condition in (("open", when.open), ("oldest", when.oldest)):
        state = condition.state if condition else ""
        if state in machine.lifecycle.states and state not in watched(machine):
            help = (
                f"rows are open in {', '.join(f'`{one}`' for one in watched(machine))}"
                if watched(machine)
                else ""
            )
            span = entry.at("when", name, "state")
            yield NEVER_OPEN.at(span, f"no row in `{state}` is open", help=help)


KIND = Kind(
    key="alert",
    about="A condition on a machine or a monitor that must not last; it fires, tells, and resolves.",
    model=AlertSpec,
    lower=_lower,
    rules=(
        Rule((NOT_ONE_CONDITION,), _one_condition),
        Rule((NO_TIME,), _times),
        Rule((NEVER_OPEN,), _open_states),
    ),
    pages_from="specc.kinds.alert_page",
)

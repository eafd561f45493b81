"""What operators see of a machine: rows by state, stuck rows, moves, and the whole story of one row.

In goes a bound machine, out come views and a function in the schema `monitor`. They read open rows through
one partial index and never scan settled ones, however many there are.
"""

from __future__ import annotations

from collections.abc import Iterator

from specc.analysis.access import readers
from specc.analysis.machines import BoundMachine, bound, machines
from specc.analysis.patience import NEVER, is_stuck, watched, words_of
from specc.analysis.tables import tables
from specc.diagnostics import Code, Diagnostic, Span
from specc.ir.database import Comment, Function, Grant, Index, View
from specc.ir.fact import Identity
from specc.kinds.machine_story import values as story_values
from specc.lang.kind import Lowered, Rule
from specc.lang.project import Entry, Path, Project
from specc.pg.body import PINNED, render
from specc.pg.interval import milliseconds
from specc.pg.names import MONITOR, OPERATOR, fit, lit, qualified

_GOOD = (
    "lifecycle: order\nstates: {open: {is: initial}, closed: {is: terminal}}\ntransitions: {open: [closed]}\n"
    "---\ntable: ticket\nabout: A ticket.\nshared: true\ncolumns: {title: text}\n"
    "---\naccess: tickets\ntables: [ticket]\nallow: {}\n"
    "---\nmachine: ticket\nfollows: order\nstuck_after: 2 hours\nundriven: {open: People close tickets.}\n"
)
NO_TIME = Code(
    "S360",
    "no-length-of-time",
    "How long a row may stay in a state is numbers with units from seconds to weeks (`30 minutes`, `1 day 12 "
    "hours`), at most a hundred years, or `never` where no stay is too long. Months have no fixed length.",
    wrong=_GOOD.replace("2 hours", "2 months"),
    right=_GOOD,
)
NEVER_STUCK = Code(
    "S361",
    "never-stuck",
    "A settled row waits for nothing, so it is never stuck, and a limit for a settled state says nothing.",
    wrong=_GOOD.replace("2 hours", "{default: 2 hours, states: {closed: 1 hour}}"),
    right=_GOOD,
)

CLOCK = "(select private.now())"
"""A subquery without a row of its own: it is asked once, and an index can be searched for what it says."""
_PERCENTS = "array[0.5::double precision, 0.95::double precision]"
"""The median and the age that one in twenty exceeds; typed, so that a dump of the view stays as it is."""
WINDOWS = (300, 3600, 86_400)
"""Seconds of the periods in which moves are counted."""
MINUTES = 60
"""How far back moves are counted minute by minute."""


def lower(machine: BoundMachine, project: Project) -> Lowered:
    """Yield the views of a machine, which the index of its open rows serves, and the function that tells a row's
    story.
    """
    for name, about, query, needs in _views(machine, project):
        yield from _view(name, query, needs, about, _allowed(machine, project))
    yield from _moves_views(machine, project)
    yield from _story(machine, project)


def _views(machine: BoundMachine, project: Project) -> Iterator[tuple[str, str, str, tuple[Identity, ...]]]:
    table, enum, clock = _place(machine), ("enum", machine.schema, machine.enum), _CLOCK_NEEDS
    about = (
        f"How many rows of {machine.name} are in each state, and for how long the open ones have been. Where "
        "rows are not exact, they are about what the last ANALYZE saw; null before the first."
    )
    yield fit(f"{machine.name}_states"), about, _states(machine), (table, enum, clock)
    about = f"Open rows of {machine.name} that have been in their state for too long."
    yield fit(f"{machine.name}_stuck"), about, _stuck(machine, project), (table, clock)


_COLUMNS = {
    "states": ("state::text, rows, exact, open, oldest_seconds, p50_seconds, p95_seconds",
               "How many rows of each machine are in each state, and for how long the open ones have been."),
    "stuck": ("id, state::text, state_substate, state_since, seconds, attempt",
              "Open rows of all machines that have been in their state for too long."),
    "moves": ("window_seconds, from_state::text, to_state::text, moves, share, p50_spent, p95_spent",
              "How often rows of each machine took each move of late, and how long they had waited for it."),
    "rates": ("window_seconds, moves, ended, failed, failure_ratio, ended_per_minute",
              "How many rows of each machine settled of late, and how many failed."),
}  # fmt: skip
"""What one view says of all machines: the columns of the view of each, and what they are about."""


def overview(project: Project) -> Lowered:
    """Yield the views on all machines of a project: one with a line for each, and those of each put together."""
    found = sorted(machines(project).values(), key=lambda one: one.name)
    if not found:
        return
    query = "\nunion all\n".join(_line(machine) for machine in found)
    stuck = tuple(("view", MONITOR, fit(f"{one.name}_stuck")) for one in found)
    needs = (*(_place(one) for one in found), *stuck, _CLOCK_NEEDS)
    allowed = all(_allowed(one, project) for one in found)
    yield from _view("machines", query, needs, "For each machine its open rows and the stuck ones.", allowed)
    for name, (columns, about) in _COLUMNS.items():
        views = [fit(f"{one.name}_{name}") for one in found]
        query = "\nunion all\n".join(
            f"select {lit(one.name)}::text as machine, {columns} from {qualified(MONITOR, view)}"
            for one, view in zip(found, views, strict=True)
        )
        yield from _view(name, query, tuple(("view", MONITOR, view) for view in views), about, allowed)


def _moves_views(machine: BoundMachine, project: Project) -> Lowered:
    """Yield the views on the history of a machine's states: each move, and what became of rows."""
    history = ("table", machine.schema, machine.history)
    # Rows come in the order of time, so the smallest of indexes finds the late ones.
    by_time = fit(f"{machine.history}_at_idx")
    yield Index(machine.schema, machine.history, by_time, ("at",), method="brin")
    needs = (history, ("enum", machine.schema, machine.enum), _CLOCK_NEEDS)
    allowed = _allowed(machine, project)
    about = f"How often rows of {machine.name} took each move of late, and how long they had waited for it."
    yield from _view(fit(f"{machine.name}_moves"), _moves(machine), needs, about, allowed)
    about = f"How many rows of {machine.name} settled of late, and how many failed."
    yield from _view(fit(f"{machine.name}_rates"), _rates(machine), needs, about, allowed)
    about = f"How many moves rows of {machine.name} took in each minute of the last hour, and what ended."
    yield from _view(fit(f"{machine.name}_minutes"), _minutes(machine), needs, about, allowed)


_CLOCK_NEEDS: Identity = ("function", "private", "now", "")


def _place(machine: BoundMachine) -> Identity:
    return ("table", machine.schema, machine.table)


def _allowed(machine: BoundMachine, project: Project) -> bool:
    """Whether the operators' role may read the table: views show what their reader may see."""
    return OPERATOR in readers(f"{machine.schema}.{machine.table}", project)


def _view(name: str, query: str, needs: tuple[Identity, ...], about: str, allowed: bool) -> Lowered:
    yield View(MONITOR, name, query, needs)
    yield Comment(f"view {MONITOR} {name}", about)
    if allowed:
        yield Grant("view", MONITOR, name, "", "select", OPERATOR)


def _states(machine: BoundMachine) -> str:
    table, enum = qualified(machine.schema, machine.table), qualified(machine.schema, machine.enum)
    # Settled rows are not counted, there may be millions: the planner's statistics say about how many.
    return f"""\
with open_rows as (
    select
        state,
        count(*) as number,
        max(age) as oldest,
        percentile_cont({_PERCENTS}) within group (order by age) as ages
    from (
        select state, extract(epoch from {CLOCK} - state_since)::double precision as age
        from {table}
        where {machine.is_open()}
    ) as r
    group by state
),
known as (
    select c.reltuples as total, p.most_common_vals::text::text[] as labels, p.most_common_freqs as shares
    from pg_catalog.pg_class as c
    left join pg_catalog.pg_stats as p
        on p.schemaname = {lit(machine.schema)} and p.tablename = {lit(machine.table)} and p.attname = 'state'
    where c.oid = {lit(table)}::regclass
),
every_state as (
    select
        s.state,
        s.place,
        {_in("s.state", machine.open)} as is_counted,
        {_in("s.state", watched(machine))} as has_open,
        case
            when k.total = 0 then 0
            when k.labels is not null
                then round(k.total * coalesce(k.shares[array_position(k.labels, s.state::text)], 0))
        end::bigint as guess
    from unnest(enum_range(null::{enum})) with ordinality as s (state, place)
    cross join known as k
)
select
    s.state,
    case when s.is_counted then coalesce(o.number, 0) else greatest(o.number, s.guess) end as rows,
    s.is_counted as exact,
    coalesce(o.number, 0) as open,
    case when s.has_open then coalesce(o.oldest, 0) end as oldest_seconds,
    case when s.has_open then coalesce(o.ages[1], 0) end as p50_seconds,
    case when s.has_open then coalesce(o.ages[2], 0) end as p95_seconds
from every_state as s
left join open_rows as o on o.state = s.state
order by s.place"""


def _stuck(machine: BoundMachine, project: Project) -> str:
    table = tables(project)[f"{machine.schema}.{machine.table}"]
    owner = [table.tenant_column] if table.tenant and not table.is_root else []
    columns = ["id", *owner, "state", "state_substate", "state_since"]
    age = f"extract(epoch from {CLOCK} - state_since)::double precision"
    return (
        f"select\n    {', '.join(columns)},\n    {age} as seconds,\n    attempt\n"
        f"from {qualified(machine.schema, machine.table)}\nwhere {is_stuck(machine, CLOCK)}"
    )


def _line(machine: BoundMachine) -> str:
    stuck = qualified(MONITOR, fit(f"{machine.name}_stuck"))
    oldest = f"extract(epoch from {CLOCK} - min(state_since))::double precision"
    return (
        f"select\n    {lit(machine.name)}::text as machine,\n    count(*) as open,\n"
        f"    (select count(*) from {stuck}) as stuck,\n    coalesce({oldest}, 0) as oldest_seconds\n"
        f"from {qualified(machine.schema, machine.table)}\nwhere {machine.is_open()}"
    )


def _moves(machine: BoundMachine) -> str:
    enum = qualified(machine.schema, machine.enum)
    births = [("null", lit(state)) for state in machine.lifecycle.initial]
    edges = [(lit(one), lit(other)) for one, other in (*machine.lifecycle.steps, *machine.recoveries)]
    listed = ",\n        ".join(f"({one}::{enum}, {other}::{enum})" for one, other in (*births, *edges))
    return f"""\
with edge (from_state, to_state) as (
    values
        {listed}
),
{_windows()},
taken as (
    select
        w.seconds,
        h.from_state,
        h.to_state,
        count(*) as moves,
        percentile_cont({_PERCENTS}) within group (order by h.spent) as spent
    from {_history(machine)} as h
    join time_window as w on h.at > w.since
    where h.at > {CLOCK} - interval {lit(words_of(max(WINDOWS)))} and h.from_state is distinct from h.to_state
    group by w.seconds, h.from_state, h.to_state
)
select
    w.seconds as window_seconds,
    e.from_state,
    e.to_state,
    coalesce(t.moves, 0) as moves,
    t.moves / sum(t.moves) over (partition by w.seconds, e.from_state) as share,
    t.spent[1] as p50_spent,
    t.spent[2] as p95_spent
from time_window as w
cross join edge as e
left join taken as t
    on t.seconds = w.seconds and t.to_state = e.to_state and t.from_state is not distinct from e.from_state
order by w.seconds, e.from_state nulls first, e.to_state"""


def _rates(machine: BoundMachine) -> str:
    over, failing = machine.endings
    return f"""\
with {_windows()},
counted as (
    select
        w.seconds,
        w.since,
        count(h.to_state) as moves,
        count(*) filter (where {_in("h.to_state", over)}) as ended,
        count(*) filter (where {_in("h.to_state", failing)}) as failed
    from time_window as w
    left join {_history(machine)} as h
        on h.at > w.since
        and h.at > {CLOCK} - interval {lit(words_of(max(WINDOWS)))}
        and h.from_state is distinct from h.to_state
    group by w.seconds, w.since
)
select
    seconds as window_seconds,
    moves,
    ended,
    failed,
    failed::numeric / nullif(ended, 0) as failure_ratio,
    ended * 60.0 / seconds as ended_per_minute
from counted
order by seconds"""


def _minutes(machine: BoundMachine) -> str:
    over, failing = machine.endings
    # A move may be a moment younger than the transaction that looks: it counts for this minute.
    return f"""\
with binned as (
    select
        date_bin('1 minute', h.at, {CLOCK}) as minute,
        count(*) as moves,
        count(*) filter (where {_in("h.to_state", over)}) as ended,
        count(*) filter (where {_in("h.to_state", failing)}) as failed
    from {_history(machine)} as h
    where h.at > {CLOCK} - interval {lit(words_of(MINUTES * 60))} and h.from_state is distinct from h.to_state
    group by 1
),
counted as (
    select
        greatest(extract(epoch from {CLOCK} - minute)::integer / 60 - 1, 0) as minutes_ago,
        sum(moves)::bigint as moves,
        sum(ended)::bigint as ended,
        sum(failed)::bigint as failed
    from binned
    group by 1
)
select
    m.minutes_ago,
    coalesce(c.moves, 0) as moves,
    coalesce(c.ended, 0) as ended,
    coalesce(c.failed, 0) as failed
from generate_series(0, {MINUTES - 1}) as m (minutes_ago)
left join counted as c on c.minutes_ago = m.minutes_ago
order by m.minutes_ago desc"""


def _windows() -> str:
    lines = ",\n        ".join(
        f"({seconds}, {CLOCK} - interval {lit(words_of(seconds))})" for seconds in WINDOWS
    )
    return f"time_window (seconds, since) as (\n    values\n        {lines}\n)"


def _history(machine: BoundMachine) -> str:
    return qualified(machine.schema, machine.history)


def _in(value: str, states: tuple[str, ...]) -> str:
    return f"{value} in ({', '.join(map(lit, states))})" if states else "false"


def _story(machine: BoundMachine, project: Project) -> Lowered:
    """Yield the function that tells all about one row; in `monitor`, where operators may name it."""
    name = fit(f"{machine.name}_story")
    body = render("machine_story", **story_values(machine, project))
    yield Function(
        MONITOR, name, "uuid", "p_id uuid", "jsonb", "plpgsql", body, "stable",
        security_definer=True, settings=PINNED, needs=(_place(machine),),
    )  # fmt: skip
    text = (
        f"All about one row of {machine.name}: where it is, what may follow, what it hangs on. Null for none."
    )
    yield Comment(f"function {MONITOR} {name} uuid", text)
    if _allowed(machine, project):
        yield Grant("function", MONITOR, name, "uuid", "execute", OPERATOR)


def _times(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    del project
    spec = entry.spec.stuck_after
    if spec is None:
        return
    found: list[tuple[str, Path]] = [(text, ("states", state)) for state, text in spec.states.items()]
    found += [(spec.default, ("default",))] if "default" in spec.model_fields_set else []
    for text, path in found:
        if text.strip() != NEVER:
            yield from no_time(text, entry.at("stuck_after", *path), f", or `{NEVER}`")


def no_time(text: str, span: Span, more: str = "") -> Iterator[Diagnostic]:
    """Say why a text is no length of time."""
    try:
        milliseconds(text)
    except ValueError as error:
        yield NO_TIME.at(span, str(error), help=f"write numbers and units, such as `1 hour 30 minutes`{more}")


def _needless(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    machine = bound(entry, project)
    spec = entry.spec.stuck_after
    if machine is None or spec is None or not machine.lifecycle.is_sound:
        return
    for state in spec.states:
        if state in machine.settled:
            span = entry.key("stuck_after", "states", state)
            yield NEVER_STUCK.at(span, f"a row in `{state}` is settled, never stuck", help="remove it")


RULES = (Rule((NO_TIME,), _times), Rule((NEVER_STUCK,), _needless))

"""The docs page of an alert: when it fires, how bad that is, and what is told."""

from __future__ import annotations

from collections.abc import Iterator

from specc.ir.model import Ir
from specc.ir.page import Bullets, Line, Link, Mono, Page, Text, alert_path, machine_path, view_path
from specc.kinds.alert import TABLE, is_first
from specc.kinds.table_page import page_of
from specc.lang.project import Entry, Project
from specc.pg.names import MONITOR


def page(entry: Entry, project: Project, ir: Ir) -> Iterator[Page]:
    """Yield the page of an alert, and with the first that of the table which remembers them."""
    if is_first(entry, project):
        about = ir.about("table", MONITOR, TABLE)
        yield page_of((MONITOR, TABLE), about, entry.file, project, ir)
    spec = entry.spec
    lines: list[Line] = [
        (Text(f"Severity: {spec.severity}"),),
        _watched(entry),
        (Text("When: "), *_condition(entry)),
        (Text(f"Fires after: {spec.for_ or 'at once'}"),),
    ]
    if spec.message:
        lines.append((Text(f"Says: {spec.message}"),))
    yield Page(alert_path(entry.name), entry.name, "Alerts", spec.about, entry.file, (Bullets(tuple(lines)),))


def _watched(entry: Entry) -> Line:
    when = entry.spec.when
    if when.over:
        return (Text("Monitor: "), Link(when.over, page=view_path(MONITOR, when.over)))
    return (Text("Machine: "), Link(when.of, page=machine_path(when.of)))


def _condition(entry: Entry) -> Line:
    when = entry.spec.when
    if when.stuck is not None:
        return (Text(f"more than {when.stuck.more_than:,} rows are stuck"),)
    if when.open is not None:
        return (Text(f"more than {when.open.more_than:,} rows are open"), *_where(when.open.state))
    if when.rows is not None:
        return (Text(f"it has more than {when.rows.more_than:,} rows"),)
    if when.failing is not None:
        few = f" of at least {when.failing.of_at_least:,}" if when.failing.of_at_least > 1 else ""
        share = f"{when.failing.more_than * 100:g} % of the rows{few} that ended within {when.failing.within} failed"
        return (Text(f"more than {share}"),)
    state: Line = (Mono(when.oldest.state),) if when.oldest.state else (Text("its state"),)
    return (Text("a row has been in "), *state, Text(f" for more than {when.oldest.after}"))


def _where(state: str) -> Line:
    return (Text(" in "), Mono(state)) if state else ()

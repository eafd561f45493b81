"""What every project has, whatever its documents say: schemas, the clock, and ids."""

from __future__ import annotations

from specc.analysis.machines import machines
from specc.analysis.routines import callers
from specc.ir.database import Comment, Function, Grant, Schema
from specc.kinds import cost_watch, tick
from specc.kinds.machine_watch import overview
from specc.lang.kind import Lowered
from specc.lang.project import Project
from specc.pg.body import PINNED, render
from specc.pg.names import API_ROLES, MONITOR, OPERATOR


def lower(project: Project) -> Lowered:
    """Yield the facts that no document makes."""
    has_watch = bool(machines(project)) or any(project.all("monitor"))
    # What an operator may look at and call: the worker that calls `private.tick()` need not own the database.
    serving = (OPERATOR,) if has_watch else ()
    for name, spec in project.settings.schemas.items():
        usage = API_ROLES if spec.exposed else callers(project).get(name, ())
        yield Schema(name, tuple(sorted({*usage, *(serving if name in (MONITOR, "private") else ())})))
        if spec.about:
            yield Comment(f"schema {name}", spec.about)
    if "private" not in project.settings.schemas:
        yield Schema("private", serving)
        yield Comment("schema private", "Guards and helpers; never served by the API.")
    if has_watch and MONITOR not in project.settings.schemas:
        yield Schema(MONITOR, serving)
        yield Comment(f"schema {MONITOR}", "Views for operators; never served by the API.")
    # PL/pgSQL: with a search_path of its own a SQL function is never inlined and costs twice as much.
    yield Function(
        "private", "now", "", "", "timestamptz", "plpgsql", render("now"), "stable", settings=PINNED
    )
    yield Comment(
        "function private now", "The clock of all rules; tests of the owner set it with `set specc.now`."
    )
    yield Function("private", "uuid_v7", "", "", "uuid", "sql", render("uuid_v7"), settings=PINNED)
    yield Comment("function private uuid_v7", "A new id, ordered by time (RFC 9562, version 7).")
    # Column defaults are evaluated as the role that inserts; it needs EXECUTE, not USAGE on the schema.
    for role in API_ROLES:
        yield Grant("function", "private", "now", "", "execute", role)
        yield Grant("function", "private", "uuid_v7", "", "execute", role)
    yield from tick.lower(project)
    yield from overview(project)
    yield from cost_watch.lower(project)

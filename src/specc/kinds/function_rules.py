"""What is checked of a function: its types, its body, its callers, what it moves, and its errors."""

from __future__ import annotations

import re
from collections.abc import Iterator

from specc.analysis.access import roles
from specc.analysis.machines import BoundMachine, machines
from specc.analysis.routines import BoundRoutine, routines, row_types
from specc.analysis.tables import types
from specc.diagnostics import Cause, Code, Diagnostic, Severity, Span
from specc.diagnostics.suggest import suggest
from specc.kinds.expression_check import UNKNOWN_TYPE
from specc.kinds.table_rules import UNKNOWN_SCHEMA
from specc.lang.absent import absent
from specc.lang.kind import Rule
from specc.lang.project import Entry, Project
from specc.pg import plpgsql
from specc.pg.parsing import SqlError, check_spaces, check_sql
from specc.pg.routine import is_safe_path
from specc.pg.typename import TypeUse
from specc.pg.types import BUILT_IN

_PEOPLE = """\
# file: people.yaml
table: org
about: A tenant.
tenant: org
columns: {name: text}
---
access: all
roles:
  visitor: {as: authenticated}
  server: {as: service_role}
tables: [org]
allow: {server: [select]}
"""
_TICKETS = """\
# file: tickets.yaml
lifecycle: order
states: {open: {is: initial}, closed: {is: terminal}}
transitions: {open: [closed]}
---
table: ticket
about: A ticket.
shared: true
columns: {title: text}
---
machine: ticket
follows: order
---
access: tickets
tables: [ticket]
allow: {}
"""
_DOUBLE = """\
# file: functions/public/double.sql
/*
about: Doubles a number.
*/
create function double(number integer) returns integer language plpgsql as $$
begin
  return 2 * number;
end
$$;
"""
_CALLED = _PEOPLE + _DOUBLE.replace("number.\n*/", "number.\ncallable_by: [visitor]\n*/")
_CLOSE_TICKET = """\
# file: functions/public/close_ticket.sql
/*
about: Closes a ticket.
drives: {ticket: {open: [closed]}}
errors: {PT404: There is no such ticket.}
*/
create function close_ticket(p_id uuid) returns void language plpgsql as $$
begin
  update public.ticket set state = 'closed' where id = p_id;
  if not found then
    raise exception 'no ticket %', p_id using errcode = 'PT404';
  end if;
end
$$;
"""
_CLOSE = _TICKETS + _CLOSE_TICKET

BAD_BODY = Code(
    "S530",
    "bad-function-body",
    "The body of the function does not parse, or says something that PostgreSQL refuses when the function is "
    "made: a variable that is not declared, a RETURN that does not fit. The place is the best that is known.",
    wrong=_DOUBLE.replace("return 2 * number", "retrun 2 * number"),
    right=_DOUBLE,
)
UNKNOWN_CALLER = Code(
    "S531",
    "unknown-caller",
    "`callable_by` names roles, which are declared under `roles` in an access document.",
    wrong=_CALLED.replace("[visitor]", "[vistor]"),
    right=_CALLED,
)
ILLEGAL_DRIVE = Code(
    "S532",
    "illegal-drive",
    "The function declares that it takes rows from one state to another, and the machine has no such move: "
    "its guard would refuse it.",
    wrong=_CLOSE.replace(
        "drives: {ticket: {open: [closed]}}", "drives: {ticket: {open: [closed], closed: [open]}}"
    ),
    right=_CLOSE,
)
BAD_SQLSTATE = Code(
    "S533",
    "bad-sqlstate",
    "The keys under `errors` are SQLSTATE codes: five digits or capital letters. `PT` and an HTTP status "
    "makes the API answer with that status; class 55 would make it answer 500, as if the server had failed.",
    wrong=_CLOSE.replace("{PT404", "{'55P03'"),
    right=_CLOSE,
)
OWN_PATH = Code(
    "S534",
    "own-search-path",
    "Every function has an empty `search_path` and qualifies what it names, so that nobody can slip another "
    "table or function under it. It is set for you.",
    wrong=_DOUBLE.replace("language plpgsql", "language plpgsql set search_path = public"),
    right=_DOUBLE,
)
OPEN_DEFINER = Code(
    "S535",
    "exposed-definer",
    "The API serves this function to a role that row policies bind, and it runs with its owner's rights, "
    "which they do not bind: only its own code keeps one tenant from another's rows. Put the part that needs "
    "these rights into a function in a schema that is not exposed, or let `service_role` alone call it.",
    wrong=_CALLED.replace("language plpgsql", "language plpgsql security definer"),
    right=_CALLED,
    severity=Severity.WARNING,
)

_OUTSIDE = frozenset(
    [
        *("pg_catalog", "information_schema", "auth", "extensions", "cron", "net", "pgmq", "pgmq_public"),
        *("realtime", "storage", "vault", "graphql", "supabase_functions"),
    ]
)
"""Schemas that are there before us (PostgreSQL's and Supabase's), whose types are not ours to know."""

_SQLSTATE = re.compile(r"[0-9A-Z]{5}\Z")
_STATUS = re.compile(r"PT[1-5][0-9][0-9]\Z")
_IDENTIFIER = re.compile(r'[a-z_][a-z0-9_]*|"[^"]+"', re.IGNORECASE)


def _routine(entry: Entry, project: Project) -> BoundRoutine | None:
    return routines(project).get(project.full_name("function", entry.name))


def _inside(one: BoundRoutine, start: int, end: int) -> Span:
    return one.entry.places.inside(("sql",), start, end)


def _in_body(one: BoundRoutine, start: int, end: int) -> Span:
    routine = one.routine
    first = routine.in_text(start)
    return _inside(one, first, routine.in_text(end) if routine.is_verbatim else first + 1)


def _schema(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    schema = project.full_name("function", entry.name).split(".", 1)[0]
    known = [*project.settings.schemas, "private"]
    if schema not in known:
        hint = suggest(schema, known) or f"specc.yaml lists {', '.join(f'`{name}`' for name in known)}"
        yield UNKNOWN_SCHEMA.at(entry.title, f"there is no schema `{schema}`", help=hint)


def _signature(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    one = _routine(entry, project)
    for use in one.routine.uses if one else ():
        if one and not _is_known(use, project):
            span = _inside(one, use.offset, use.offset + use.length)
            yield _unknown(use, span, project)


def _is_known(use: TypeUse, project: Project) -> bool:
    if use.is_own or use.schema in _OUTSIDE or (use.schema, use.name) in types(project):
        return True
    full = f"{use.schema}.{use.name}"
    return full in project.entries.get("table", {}) or full in _pending(project)


def _pending(project: Project) -> set[str]:
    """Return the state types of machines that did not bind, which has been reported."""
    bound = {one.entry for one in machines(project).values()}
    left = [entry for entry in project.entries.get("machine", {}).values() if entry not in bound]
    names = [(entry.spec.rows_of if entry.spec else "") or entry.name for entry in left]
    return {project.full_name("table", name) + "_state" for name in names}


def _unknown(use: TypeUse, span: Span, project: Project) -> Diagnostic:
    own = [f"{schema}.{name}" for schema, name in types(project)] + list(project.entries.get("table", {}))
    full = f"{use.schema}.{use.name}"
    if use.bare:
        near = suggest(use.name, [*BUILT_IN, *[project.short_name(name) for name in own]])
        return UNKNOWN_TYPE.at(span, f"there is no type `{use.name}`", help=near)
    return UNKNOWN_TYPE.at(span, f"there is no type `{full}`", help=suggest(full, own))


def _declared(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    """Check the types that a PL/pgSQL body declares; in a body every name of the project has its schema."""
    one = _routine(entry, project)
    if one is None or one.routine.language != "plpgsql":
        return
    for declared in _declarations(one):
        try:
            use = plpgsql.declared_type(declared, project.default_schema)
        except SqlError:
            continue
        if declared.form == "type" and not use.is_own:
            span = _in_body(one, use.offset, use.offset + use.length)
            if not _is_known(use, project):
                yield _unknown(use, span, project)
            elif use.bare:
                message = f"`{use.name}` needs its schema: a function has no search path"
                yield UNKNOWN_TYPE.at(span, message, help=f"write `{use.schema}.{use.name}`")


def _declarations(one: BoundRoutine) -> tuple[plpgsql.Declared, ...]:
    try:
        return plpgsql.declared(one.routine.body)
    except SqlError:
        return ()


def _body(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    one = _routine(entry, project)
    if one is None:
        return
    routine = one.routine
    language = "PL/pgSQL" if routine.language == "plpgsql" else "SQL"
    try:
        check_spaces(routine.body)
        if routine.language == "plpgsql":
            plpgsql.check(routine, row_types(project))
        else:
            check_sql(routine.body)
    except SqlError as error:
        start = min(error.offset, max(0, len(routine.body) - 1))
        word = _IDENTIFIER.match(routine.body, start)
        span = _in_body(one, start, word.end() if word else start + 1)
        message = str(error).split("\n", 1)[0].replace('"', "`")
        if message.startswith(("at ", "it ", "more ")):
            what = (
                "it ends too early"
                if message.startswith(("at end", "more "))
                else message.replace("at or near", "it breaks at")
            )
            message = f"this is no {language}: {what}"
        yield BAD_BODY.at(span, message)


def _callers(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    known = roles(project)
    listed = ", ".join(f"`{role}`" for role in known)
    for at, name in enumerate(entry.spec.callable_by):
        if name not in known and not project.has_unread("access"):
            hint = suggest(name, known) or (
                f"known roles: {listed}" if known else "declare it in an access document"
            )
            cause = absent(project, "role", name)
            span = entry.at("callable_by", at)
            yield UNKNOWN_CALLER.at(span, f"there is no role `{name}`", help=hint, cause=cause)


def _drives(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    by_name = {one.name: one for one in machines(project).values()}
    for name, moves in entry.spec.drives.items():
        machine = by_name.get(name)
        if machine is None or not machine.lifecycle.is_sound:
            continue
        for source, targets in moves.items():
            legal = _targets(machine, source)
            for at, target in enumerate(targets):
                states = machine.lifecycle.states
                if target not in legal and source in states and target in states:
                    yield _illegal(entry, name, (source, target, at), legal)


def _targets(machine: BoundMachine, source: str) -> tuple[str, ...]:
    recovered = tuple(target for start, target in machine.recoveries if start == source)
    return (*machine.lifecycle.following.get(source, ()), *recovered)


def _illegal(entry: Entry, machine: str, move: tuple[str, str, int], legal: tuple[str, ...]) -> Diagnostic:
    source, target, at = move
    listed = ", ".join(f"`{state}`" for state in legal)
    hint = f"from `{source}` a row may move to {listed}" if legal else f"nothing leads out of `{source}`"
    message = f"machine `{machine}` has no move `{source} → {target}`"
    span, cause = entry.at("drives", machine, source, at), Cause(("move", machine, source, target))
    return ILLEGAL_DRIVE.at(span, message, help=hint, cause=cause)


def _errors(entry: Entry, _: Project) -> Iterator[Diagnostic]:
    for code in entry.spec.errors:
        span = entry.key("errors", code)
        if not _SQLSTATE.match(code):
            message = f"`{code}` is no SQLSTATE"
            yield BAD_SQLSTATE.at(span, message, help="five digits or capital letters, such as `PT404`")
        elif code.startswith("55"):
            message = f"`{code}` is of class 55, which the API answers as a failure of the server"
            yield BAD_SQLSTATE.at(span, message, help="write `PT409` for a conflict")
        elif code.startswith("PT") and not _STATUS.match(code):
            message = f"`{code}` holds no HTTP status after `PT`"
            yield BAD_SQLSTATE.at(span, message, help="write `PT` and a status from 100 to 599")


def _path(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    one = _routine(entry, project)
    for setting in one.routine.written_settings if one else ():
        if one and setting.name == "search_path" and not is_safe_path(setting.value):
            span = _inside(one, setting.start, setting.end)
            message = "a function has no search path of its own"
            yield OWN_PATH.at(span, message, help="leave it out and qualify every name")


def _definer(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    one = _routine(entry, project)
    if one is None or not one.routine.security_definer:
        return
    schema = project.settings.schemas.get(one.schema)
    bound = [
        name
        for name in entry.spec.callable_by
        if name in roles(project) and roles(project)[name].database_role != "service_role"
    ]
    if schema and schema.exposed and bound:
        start = one.routine.definer_start
        span = _inside(one, start, start + len("security definer"))
        who = ", ".join(f"`{name}`" for name in bound)
        message = f"{who} may call this over the API, and row policies do not bind it"
        yield OPEN_DEFINER.at(span, message, help="check the tenant in its body, or move it out of the API")


RULES = (
    Rule((UNKNOWN_SCHEMA,), _schema),
    Rule((UNKNOWN_TYPE,), _signature),
    Rule((UNKNOWN_TYPE,), _declared),
    Rule((BAD_BODY,), _body),
    Rule((UNKNOWN_CALLER,), _callers),
    Rule((ILLEGAL_DRIVE,), _drives),
    Rule((BAD_SQLSTATE,), _errors),
    Rule((OWN_PATH,), _path),
    Rule((OPEN_DEFINER,), _definer),
)

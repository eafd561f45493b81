"""One mistake in a copy of the flagship, or of what `specc init` makes: exactly the findings that a reader expects, in
their places.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from specc import driver
from specc.cli.init import SCAFFOLD
from specc.diagnostics import Diagnostic
from specc.diagnostics.text import render_text

LIFE = "lifecycles/standard.yaml"
RUN = "machines/run_request.yaml"
QUEUE = "machines/run_queue.yaml"
ORDER = "machines/workflow_request.yaml"
SOURCE = "tables/source.yaml"
VALUE = "tables/value.yaml"
MEMBERS = "access/tenants.yaml"
WORKFLOW = "access/workflow.yaml"
COMPANY = "object_types/company.yaml"
ALERTS = "alerts/runs.yaml"
NEW = "new.yaml"

LONG = "a" * 64


@dataclass(frozen=True)
class Mistake:
    """In `file`, `old` was written as `new` (a new file has no `old`): the findings as code and marked text."""

    name: str
    file: str
    old: str
    new: str
    expected: tuple[tuple[str, str], ...]


def one(name: str, file: str, old: str, new: str, code: str, marked: str) -> Mistake:
    return Mistake(name, file, old, new, ((code, marked),))


MISTAKES = (
    # What YAML itself does not take, or takes otherwise than it looks.
    one("duplicate_key", LIFE, "  ready: It may", "  valid: Again.\n  ready: It may", "S013", "valid"),
    one("tab", LIFE, "  valid: It passed", "\tvalid: It passed", "S002", "\t"),
    one("colon_in_text", LIFE, "valid: It passed validation.", "valid: It passed: all of it.", "S003", ":"),
    one("open_quote", MEMBERS, "\"role in ('owner', 'admin')\"", "\"role in ('owner', 'admin')", "S006", '"'),
    one("open_bracket", RUN, "attempts: 3", "attempts: [3", "S005", "["),
    one("plain_no", SOURCE, "about: What it offers.", "about: no", "S015", "no"),
    one("octal", RUN, "attempts: 3", "attempts: 03", "S015", "03"),
    one("alias", LIFE, "ready: [in_progress]", "ready: *ends", "S017", "*ends"),
    one("comma_in_braces", LIFE, "valid: It passed validation.", "valid: {about: Passed, so far.}", "S016", "so far."),
    # Documents of the wrong form.
    one("misspelt_kind", RUN, "machine: run", "machin: run", "S101", "machin"),
    one("second_kind", RUN, "about: One call", "lifecycle: other\nabout: One call", "S102", "lifecycle"),
    one("no_name", SOURCE, "table: source", "table:", "S103", "table"),
    one("missing_about", SOURCE, "about: A third-party HTTP API with its request templates, its limits and the meaning of its answers.\n", "", "S104", "source"),
    one("misspelt_key", RUN, "follows: standard", "folows: standard", "S105", "folows"),
    one("text_for_list", LIFE, "ready: [in_progress]", "ready: in_progress", "S106", "in_progress"),
    one("number_for_text", SOURCE, "about: What it offers.", "about: 12", "S106", "12"),
    one("misspelt_choice", LIFE, "is: initial", "is: inital", "S107", "inital"),
    one("too_many_attempts", RUN, "attempts: 3", "attempts: 30000", "S109", "30000"),
    one("two_tables_of_one_name", NEW, "", "table: source\nabout: Again.\nshared: true\ncolumns: {name: text}\n", "S108", "source"),
    one("two_tables_by_schema", NEW, "", "table: public.source\nabout: Again.\nshared: true\ncolumns: {name: text}\n", "S108", "source"),
    # Names.
    one("capital_letter", SOURCE, "  poll_interval:\n    sql: interval default '10 seconds' check (poll_interval > interval '0')", "  pollInterval:\n    sql: interval", "S110", "pollInterval"),
    one("long_name", VALUE, "  normalised:", f"  {LONG}:", "S111", LONG),
    one("reserved_column", VALUE, "  raw:\n", "  user:\n    sql: text null\n  raw:\n", "S112", "user"),
    one("quote_in_name", VALUE, "  raw:\n", "  'x\"; drop table value; --':\n    sql: text null\n  raw:\n", "S110", "'x\"; drop table value; --'"),
    # References.
    one("misspelt_state", LIFE, "ready: [in_progress]", "ready: [in_progres]", "S201", "in_progres"),
    one("misspelt_source_state", LIFE, "  waiting: [ready", "  wating: [ready", "S201", "wating"),
    one("misspelt_lifecycle", RUN, "follows: standard", "follows: standart", "S201", "standart"),
    one("misspelt_undriven_state", RUN, "  done: A run", "  don: A run", "S201", "don"),
    one("misspelt_timed_state", RUN, "{in_progress: 15", "{in_progres: 15", "S201", "in_progres"),
    one("misspelt_timed_substate", QUEUE, "{waiting: 1 day", "{waiting/capcity: 1 hour, waiting: 1 day", "S201", "waiting/capcity"),
    one("substate_of_another_state", QUEUE, "{waiting: 1 day", "{ready/capacity: 1 hour, waiting: 1 day", "S201", "ready/capacity"),
    one("misspelt_deadline", RUN, "15 minutes", "{at: dedline}", "S326", "dedline"),
    one("deadline_of_another_type", RUN, "15 minutes", "{at: attempt}", "S326", "attempt"),
    one("timed_by_the_calendar", RUN, "15 minutes", "1 month", "S322", "1 month"),
    one("unknown_table", "access/runs.yaml", "[run_queue, run_request]", "[run_queue, run_reqest]", "S201", "run_reqest"),
    one("unknown_tenant", VALUE, "tenant: org", "tenant: orgs", "S201", "orgs"),
    one("unknown_reference", VALUE, "references datapoint on", "references datapint on", "S201", "datapint"),
    one("unknown_column_in_key", VALUE, "[object_id, datapoint_id,", "[object_id, datapoint,", "S201", "datapoint"),
    one("unknown_membership", MEMBERS, "    through: org_member\n    user: user_id\n    about: A user", "    through: org_membr\n    user: user_id\n    about: A user", "S201", "org_membr"),
    # Lifecycles and machines.
    one("unreachable_state", LIFE, "  delivered:\n", "  parked: {is: terminal, about: Nobody gets here.}\n  delivered:\n", "S302", "parked"),
    one("dead_end", LIFE, "  delivered:\n    is: terminal\n", "  delivered:\n", "S303", "delivered"),
    one("no_initial_state", LIFE, "    is: initial\n", "", "S301", "states"),
    one("terminal_left", LIFE, "  done: [delivered]", "  done: [delivered]\n  delivered: [done]", "S304", "delivered"),
    one("same_state", LIFE, "  done: [delivered]", "  done: [delivered, done]", "S305", "done"),
    one("machine_of_no_table", ORDER, "machine: workflow_request", "machine: workflow_reqest", "S310", "workflow_reqest"),
    one("second_machine", NEW, "", "machine: other\nrows_of: run_request\nfollows: standard\n", "S311", "run_request"),
    one("undriven", RUN, "  done: A run has no webhook; it rests in done.\n", "", "S312", "run_request"),
    # SQL.
    one("no_sql", SOURCE, "sql: boolean default true", "sql: boolean defalt true", "S501", "defalt"),
    one("unknown_type", SOURCE, "sql: boolean default true", "sql: bolean default true", "S502", "bolean"),
    one("type_of_another_database", SOURCE, "sql: boolean default true", "sql: datetime null", "S502", "datetime"),
    one("second_statement", SOURCE, "sql: boolean default true", "sql: boolean default true); drop table org; --", "S501", ";"),
    one("comment_in_sql", SOURCE, "sql: boolean default true", "sql: boolean /* so far */", "S501", "/"),
    one("open_string", SOURCE, "sql: boolean default true", "sql: text default 'x", "S501", "'x"),
    one("column_in_check", VALUE, "check (confidence between", "check (confidenc between", "S504", "confidenc"),
    one("query_in_check", NEW, "", "table: t\nabout: T.\nshared: true\ncolumns: {a: integer}\nchecks: {a: a > (select 1)}\n---\naccess: t\ntables: [t]\nallow: {}\n", "S501", "a > (select 1)"),
    one("no_owner", VALUE, "tenant: org\n", "", "S503", "value"),
    one("id_again", VALUE, "  raw:\n", "  id: uuid\n  raw:\n", "S505", "id"),
    one("state_again", "tables/run_queue.yaml", "columns:\n", "columns:\n  state: text\n", "S505", "state"),
    one("shared_points_at_tenant", SOURCE, "columns:\n", "columns:\n  org_object_id: uuid references object\n", "S506", "uuid references object"),
    one("circle_of_references", "tables/activity.yaml", "columns:\n", "columns:\n  last_id: uuid references activity_request\n", "S507", "uuid references activity_request"),
    one("primary_key", SOURCE, "sql: text unique check", "sql: text primary key check", "S508", "text primary key check (name <> '')"),
    one("unknown_schema", "tables/etl_log.yaml", "table: etl_api.etl_log", "table: etl_apy.etl_log", "S509", "etl_apy.etl_log"),
    one("name_of_an_index", NEW, "", "table: source_name_key\nabout: T.\nshared: true\ncolumns: {a: integer}\n---\naccess: t\ntables: [source_name_key]\nallow: {}\n", "S801", "name"),
    # Access and reference rows.
    one("no_access", "access/objects.yaml", "[object, value]", "[object]", "S601", "value"),
    one("misspelt_role", WORKFLOW, "  member: [select]", "  memer: [select]", "S602", "memer"),
    one("misspelt_permission", WORKFLOW, "  member: [select]", "  member: [selct]", "S603", "selct"),
    one("unknown_column_allowed", WORKFLOW, '"update (name, description,', '"update (name, descripton,', "S604", "descripton"),
    one("attempt_allowed", "access/runs.yaml", "  service: [select]", '  service: [select, "update (attempt)"]', "S605", "attempt"),
    one("shared_write", "access/reference.yaml", "  member: [select]", "  member: [select, delete]", "S607", "delete"),
    one("role_twice", WORKFLOW, "tables: [workflow]", "roles: {member: {as: anon}}\ntables: [workflow]", "S608", "member"),
    one("membership_without_user", MEMBERS, "    user: user_id\n    when:", "    when:", "S609", "admin"),
    one("options_of_a_number", COMPANY, "    value_type: number\n  funding", "    value_type: number\n    options: [few, many]\n  funding", "S402", "options"),
    # Machines, alerts, object types.
    one("attempts_in_quotes", RUN, "attempts: 3", "attempts: '3'", "S106", "'3'"),
    one("history_without_unit", RUN, "history: 90 days", "history: 90", "S106", "90"),
    one("deadline_of_an_end", RUN, "{in_progress: 15 minutes}", "{in_progress: 15 minutes, delivered: 1 day}", "S325", "delivered"),
    one("misspelt_child", RUN, "  run_queue:\n    births", "  run_queu:\n    births", "S201", "run_queu"),
    one("misspelt_set_of_states", RUN, "when: {all: settled}", "when: {all: setled}", "S341", "setled"),
    one("sync_along_no_move", RUN, "{from: in_progress, to: done,", "{from: ready, to: done,", "S344", "done"),
    one("misspelt_substate_down", RUN, "invalid: [failed, invalid/cancelled]", "invalid: [failed, invalid/canceled]", "S341", "invalid/canceled"),
    one("compared_with_a_number", ORDER, "failure_policy = 'continue'", "failure_policy = 1", "S514", "1"),
    one("two_machines_of_one_name", RUN, "machine: run_request", "machine: run_queue", "S108", "run_queue"),
    one("no_words_back", RUN, "  back:\n    new: pending\n    valid: validation\n    invalid: failed\n    in_progress: running\n    timedout: failed\n    done: DONE\n    delivered: DONE\n", "", "S333", "values"),
    one("thousands_with_a_comma", ALERTS, "more_than: 100000", "more_than: 100,000", "S016", "100,000"),
    one("alert_about_an_end", ALERTS, "{state: waiting, more_than", "{state: done, more_than", "S363", "done"),
    one("option_twice", COMPANY, "options: [micro, small", "options: [micro, micro, small", "S402", "micro"),
    one("step_and_recovery", LIFE, "  done: [delivered]", "  done: [delivered]\n  failed: [ready]", "S305", "ready"),
    one("recovery_to_itself", LIFE, "failed: ready", "failed: failed", "S305", "failed"),
    one("no_recovery", LIFE, "recovery:\n  timedout: ready\n  failed: ready\n", "", "S303", "timedout"),
    one("no_way_on", LIFE, "  in_progress: [done, failed, timedout]\n", "", "S303", "in_progress"),
    one("end_that_waits", LIFE, "    is: settled", "    is: settled\n    waits_for: outside", "S306", "waits_for"),
    one("misspelt_state_declared", LIFE, "  in_progress:\n    about", "  in_progres:\n    about", "S202", "in_progres"),
    one("state_left_out", LIFE, "  ready: It may be picked up.\n", "", "S201", "ready"),
    one("column_of_a_reference", VALUE, "references datapoint on", "references datapoint (name) on", "S510", "uuid references datapoint (name) on delete restrict"),
    one("nowhere_to_keep", "tables/datapoint.yaml", "holds: datapoint\n", "", "S401", "company"),
)  # fmt: skip


TICKET = "tables/ticket.yaml"
ORG_MEMBER = "tables/org_member.yaml"
TICKET_LIFE = "lifecycles/ticket.yaml"
TICKETS = "machines/ticket.yaml"
ACCESS = "access/tickets.yaml"
CLOSE = "functions/public/close_ticket.sql"
TAKE = "functions/public/take_ticket.sql"
NO_BREAK = "\u00a0"

SCAFFOLD_MISTAKES = (
    # What a comma or an odd space does to YAML.
    one("unquoted_permission", ACCESS, '["insert (number, title, body)"]', "[insert (number, title, body)]", "S016", "insert (number, title, body)"),
    one("unquoted_permissions", ACCESS, '["update (state, state_substate)"]', "[update (state, state_substate), insert (number)]", "S016", "update (state, state_substate)"),
    one("unquoted_type", TICKET, "  title:       text\n", "  title: text\n  price: {sql: numeric(10, 2), about: Its price.}\n", "S016", "2)"),
    one("unquoted_reason", TICKETS, "The server asks the reporter in its own words.", "The server asks, in its own words.", "S016", "in its own words."),
    one("unquoted_condition", ACCESS, "when: role = 'admin'}", "when: role in ('admin', 'owner')}", "S016", "role in ('admin', 'owner')"),
    one("no_space_behind_colon", TICKETS, "{default: 1 day,", "{default:1 day,", "S016", "default:1 day"),
    one("no_break_indentation", TICKETS, "  waiting: {to", f"{NO_BREAK * 2}waiting: {{to", "S020", NO_BREAK * 2),
    one("no_break_before_colon", TICKET, "tenant: org", f"tenant{NO_BREAK}: org", "S020", NO_BREAK),
    one("no_break_in_sql", TICKET, "number > 0", f"number{NO_BREAK}> 0", "S501", NO_BREAK),
    one("no_break_in_body", CLOSE, "set state = ", f"set state ={NO_BREAK}", "S530", NO_BREAK),
    one("no_line_between_documents", ACCESS, "---\naccess: reports", "access: reports", "S013", "access"),
    one("line_within_a_document", TICKET, "columns:\n", "---\ncolumns:\n", "S101", "columns"),
    one("columns_in_two_places", TICKET, "unique:\n", "columns:\n  price: integer\nunique:\n", "S013", "columns"),
    one("placeholder", TICKET, "tenant: org", "tenant: {{ org }}", "S014", "{"),
    one("merge_conflict", TICKET, "tenant: org\n", "<<<<<<< HEAD\ntenant: org\n=======\ntenant: orga\n>>>>>>> other\n", "S001", "<<<<<<< HEAD"),
    one("no_space_behind_key", TICKETS, "follows: ticket", "follows:ticket", "S001", "follows:ticket"),
    one("states_without_comma", TICKET_LIFE, "[waiting, closed]", "[waiting closed]", "S201", "waiting closed"),
    one("states_in_braces", TICKET_LIFE, "[waiting, closed]", "{waiting, closed}", "S106", "in_progress"),
    one("typographic_quotes", TICKET, "title <> ''", "title <> \u2018\u2019", "S501", "\u2018"),
    # Permissions, word by word.
    one("misspelt_command", ACCESS, "member: [select]", "member: [selct]", "S603", "selct"),
    one("misspelt_command_with_columns", ACCESS, '"insert (number', '"insrt (number', "S603", "insrt"),
    one("comma_missing", ACCESS, '"insert (number, title, body)"', '"insert (number title, body)"', "S603", "title"),
    one("column_allowed_twice", ACCESS, '"insert (number, title, body)"', '"insert (number, title, title)"', "S603", "title"),
    one("permission_without_bracket", ACCESS, '"insert (number, title, body)"', '"insert number"', "S603", "number"),
    one("nothing_listed", ACCESS, "tables: [org, org_member, ticket]", "tables: []", "S612", "allow"),
    one("half_a_membership", ACCESS, "through: org_member, user: user_id}\n  admin", "user: user_id}\n  admin", "S609", "member"),
    one("word_for_text", ACCESS, "when: role = 'admin'", "when: role = admin", "S504", "admin"),
    # Declarations that are misspelt, and what is named everywhere and nowhere declared.
    one("misspelt_column_declared", TICKET, "  title:       text", "  titel:       text", "S202", "titel"),
    one("misspelt_role_declared", ACCESS, "  server: {about", "  sever: {about", "S202", "sever"),
    one("misspelt_table_declared", TICKET, "table: ticket", "table: tikcet", "S202", "tikcet"),
    one("table_in_another_schema", TICKET, "table: ticket", "table: private.ticket", "S202", "private.ticket"),
    one("misspelt_lifecycle_declared", TICKET_LIFE, "lifecycle: ticket", "lifecycle: tikcet", "S201", "ticket"),
    one("column_left_out", TICKET, '  body:        {sql: text null, about: "What it is about, in Markdown."}\n', "", "S604", "body"),
    # Types that need no server to be told apart.
    one("boolean_and_number", TICKET, "  title:       text\n", "  title: text\n  urgent: boolean check (urgent = 1)\n", "S514", "1"),
    one("number_and_word", TICKET, "number > 0", "number > 'none'", "S514", "'none'"),
    one("check_that_is_no_condition", TICKET, "number > 0", "number", "S514", "number"),
    one("default_of_another_type", TICKET, "{sql: integer, about", "{sql: integer default false, about", "S514", "false"),
    one("default_that_does_not_fit", TICKET, "{sql: integer, about", "{sql: integer default 99999999999, about", "S514", "99999999999"),
    one("default_without_quotes", TICKET, "  title:       text", "  title:       text default nothing", "S504", "nothing"),
    one("no_label_of_an_enum", TICKET, "  title:       text\n", "  title: text\n  was: ticket_state default 'opne'\n", "S514", "'opne'"),
    one("operator_of_another_language", TICKET, "number > 0", "number == 1", "S514", "=="),
    one("column_of_another_table", TICKET, "number > 0", "org.number > 0", "S504", "org.number"),
    one("empty_check", TICKET, "number > 0", '" "', "S501", " "),
    # Tables.
    one("type_under_another_key", TICKET, "  title:       text", "  title: {type: text}", "S105", "type"),
    one("tenant_that_is_none", TICKET, "tenant: org", "tenant: org_member", "S503", "org_member"),
    one("no_owner_at_all", ORG_MEMBER, "tenant: org\n", "", "S503", "org_member"),
    one("unknown_column_referenced", TICKET, "references org_member on", "references org_member (idd) on", "S201", "idd"),
    one("name_with_a_capital", TICKET, "  number_positive", "  Number_positive", "S110", "Number_positive"),
    # Functions.
    one("header_of_another_machine", CLOSE, "drives: {ticket:", "drives: {tickt:", "S201", "tickt"),
    one("header_with_a_wrong_move", CLOSE, "drives: {ticket: {open: [closed],", "drives: {ticket: {open: [waiting],", "S532", "waiting"),
    one("header_without_a_move", CLOSE, ", waiting: [closed]}}", "}}", "S542", "'closed'"),
    one("header_without_its_first_line", CLOSE, "/*\n", "", "S120", "about:"),
    one("string_without_end", CLOSE, "end\n$$;", "end\n$;", "S123", "$"),
    one("misspelt_argument_type", CLOSE, "p_ticket uuid,", "p_ticket uid,", "S502", "uid"),
    one("two_functions_of_one_name", TAKE, "public.take_ticket", "public.close_ticket", "S108", "public.close_ticket"),
    # Files without a document.
    one("empty_file", NEW, "", "# Later.\n", "S113", "#"),
)  # fmt: skip


def write(mistake: Mistake, root: Path) -> None:
    file = root / "specs" / mistake.file
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    assert mistake.old in text
    file.write_text(text.replace(mistake.old, mistake.new, 1) if text else mistake.new, encoding="utf-8")


def check(mistake: Mistake, root: Path, report: SnapshotAssertion) -> None:
    write(mistake, root)
    result = driver.build(root)
    found = tuple(result.diagnostics)
    text = render_text(found, result.sources)

    def marked(finding: Diagnostic) -> str:
        return result.sources[finding.span.path].text[finding.span.start : finding.span.end]

    assert [(finding.code.id, marked(finding)) for finding in found] == list(mistake.expected), text
    assert bool(result.files) == (not any(one.is_error for one in found))
    assert text == report(name=mistake.name)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_one_mistake_is_what_is_reported(mistake: Mistake, flagship: Path, report: SnapshotAssertion) -> None:
    check(mistake, flagship, report)


@pytest.mark.parametrize("mistake", SCAFFOLD_MISTAKES, ids=lambda mistake: mistake.name)
def test_one_mistake_in_a_new_project_is_what_is_reported(
    mistake: Mistake, tmp_path: Path, report: SnapshotAssertion
) -> None:
    root = tmp_path / "project"
    shutil.copytree(SCAFFOLD, root)
    check(mistake, root, report)


def test_findings_that_others_follow_from_come_first(flagship: Path) -> None:
    """What the text says, then what it names, then what that means; of each in the order of files and lines."""
    for file, old, new in (
        (SOURCE, "sql: boolean default true", "sql: boolean default 1"),
        (QUEUE, "follows: standard", "follows: standart"),
        (WORKFLOW, "tables: [workflow]", "tables: [workflw]"),
        (VALUE, "about: ", "about: It's: "),
    ):
        write(Mistake("", file, old, new, ()), flagship)
    found = list(driver.check(flagship).diagnostics)
    assert [(one.code.id, one.span.path) for one in found] == [
        ("S003", f"specs/{VALUE}"),
        ("S201", f"specs/{WORKFLOW}"),
        ("S201", f"specs/{QUEUE}"),
        ("S514", f"specs/{SOURCE}"),
    ]

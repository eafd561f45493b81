"""One mistake in a copy of the flagship: exactly the findings that a reader expects, in their places."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from specc import driver
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
    one("nowhere_to_keep", "tables/datapoint.yaml", "holds: datapoint\n", "", "S401", "company"),
)  # fmt: skip


def write(mistake: Mistake, root: Path) -> None:
    file = root / "specs" / mistake.file
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    assert mistake.old in text
    file.write_text(text.replace(mistake.old, mistake.new, 1) if text else mistake.new, encoding="utf-8")


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_one_mistake_is_what_is_reported(mistake: Mistake, flagship: Path, report: SnapshotAssertion) -> None:
    write(mistake, flagship)
    result = driver.build(flagship)
    found = tuple(result.diagnostics)
    text = render_text(found, result.sources)

    def marked(finding: Diagnostic) -> str:
        return result.sources[finding.span.path].text[finding.span.start : finding.span.end]

    assert [(finding.code.id, marked(finding)) for finding in found] == list(mistake.expected), text
    assert result.files == {}
    assert text == report(name=mistake.name)

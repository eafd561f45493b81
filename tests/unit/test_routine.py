"""Functions read from SQL, from files, and checked in a project."""

from pathlib import Path

import pytest

from specc import driver
from specc.analysis.drivers import drivers
from specc.diagnostics import SourceFile
from specc.ir.database import Comment, Function, Grant
from specc.load.sqlfile import read_function_file
from specc.pg import plpgsql
from specc.pg.parsing import SqlError
from specc.pg.routine import is_safe_path, read_routine

BODY = "language sql as $$ select 1 $$"


def test_the_parts_of_a_function_are_the_authors_own_words() -> None:
    routine = read_routine(
        """create or replace function etl_api.claim(
             p_source_id uuid, -- whose
             p_limit integer default coalesce(1, 2),
             inout p_state run_request_state[] = '{}')
           returns setof varchar(3)
           language plpgsql stable security definer strict parallel safe
           set lock_timeout to '3s'
           as $body$ begin end $body$;""",
        "app",
    )
    assert (routine.schema, routine.name) == ("etl_api", "claim")
    assert routine.arguments == (
        "p_source_id uuid, p_limit integer default coalesce(1, 2), "
        "inout p_state app.run_request_state[] = '{}'"
    )
    assert routine.signature == "uuid, integer, app.run_request_state[]"
    assert routine.returns == "setof varchar(3)"
    assert (routine.volatility, routine.parallel) == ("stable", "safe")
    assert routine.security_definer and routine.strict and not routine.procedure
    assert routine.settings == (("search_path", "''"), ("lock_timeout", "'3s'"))
    assert routine.body == " begin end "


@pytest.mark.parametrize(
    ("arguments", "signature"),
    [
        ("a int, b bool, c varchar(10), d decimal(5, 2)[]", "integer, boolean, character varying, numeric[]"),
        (
            "timestamptz, time, float(3), char(2)",
            "timestamp with time zone, time without time zone, real, character",
        ),
        ('x "char", y "Own", z other.own', '"char", app."Own", other.own'),
        ("a int, out b int, variadic c text[]", "integer, text[]"),
        ("", ""),
    ],
)
def test_a_signature_names_types_as_regprocedure_does(arguments: str, signature: str) -> None:
    assert read_routine(f"create function f({arguments}) returns record {BODY}", "app").signature == signature


@pytest.mark.parametrize(
    ("head", "returns"),
    [
        ("f(out a int, b text)", "int"),
        ("f(out a order_state, inout b text)", "record"),
        ("f() returns table (a int /* one */, b order_state)", "table (a int, b app.order_state)"),
        ("f() returns setof app.run_request", "setof app.run_request"),
    ],
)
def test_what_a_function_returns(head: str, returns: str) -> None:
    assert read_routine(f"create function {head} {BODY}", "app").returns == returns


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        (f"create function f() {BODY}", ") language", "the result is missing"),
        ("create function f() returns int as $$ select 1 $$", "$$ select", "the language is missing"),
        ("create function f() returns int language sql", "sql", "the body is missing"),
        ("create function f() returns int language c as 'x'", "language c", "written in `sql` or `plpgsql`"),
        ("create function f() returns int language sql begin atomic select 1; end", "begin", "dollar quotes"),
        ("create function f() returns int language sql return 1", "return 1", "dollar quotes"),
        (f"create function f(a t.c%type) returns int {BODY}", "t.c", "write the type itself"),
        (f"create function f() returns int cost 5 {BODY}", "cost", "no place in a project"),
        (f"create function f() returns int stable {BODY} immutable", "immutable", "said twice"),
        (f"create function f() returns int set time zone 'UTC' {BODY}", "set time", "set name = value"),
        (f"create function f() returns int set timezone from current {BODY}", "set time", "set name = value"),
        (f"create function a.b.f() returns int {BODY}", "a.b.f", "has more"),
        ("create functio f()", "functio", "it breaks at `functio`"),
    ],
)
def test_what_a_project_does_not_carry_is_refused_at_its_place(text: str, place: str, reason: str) -> None:
    with pytest.raises(SqlError) as error:
        read_routine(text)
    assert reason in str(error.value)
    assert text[error.value.offset :].startswith(place)


@pytest.mark.parametrize(
    ("value", "safe"),
    [
        ("''", True),
        ("pg_catalog, pg_temp", True),
        ("public", False),
        ("'', public", False),
        ('"$user"', False),
    ],
)
def test_a_safe_search_path_holds_nothing_of_the_project(value: str, safe: bool) -> None:
    assert is_safe_path(value) is safe


def test_declared_types_are_found_where_they_stand() -> None:
    body = """
        declare
          a constant app.order_state /* why */ := 'new';
          b alias for $1;
          c cursor (k uuid, s app.order_state) for select 1;
          d app.run_request.state%type;
          e app.run_request%rowtype; f a%type;
        begin
          declare g numeric(3, 1)[] not null := '{}';
          begin execute 'declare h int; begin'; end;
        end
    """
    found = plpgsql.declared(body)
    assert [(one.form, one.text) for one in found] == [
        ("type", "app.order_state"),
        ("type", "uuid"),
        ("type", "app.order_state"),
        ("column", "app.run_request.state"),
        ("row", "app.run_request"),
        ("type", "numeric(3, 1)[]"),
    ]
    assert body[found[3].start : found[3].end] == "app.run_request.state%type"


def test_the_tree_of_a_body_keeps_its_lines() -> None:
    text = (
        "create function f() returns trigger language plpgsql as $$\ndeclare\n  r app.\n  run_request;\n"
        "begin\n  r.note := 'x';\n  return new;\nend $$"
    )
    tree = plpgsql.tree(read_routine(text), lambda schema, _: schema == "app")
    assigned = tree["action"]["PLpgSQL_stmt_block"]["body"][0]["PLpgSQL_stmt_assign"]
    assert assigned["lineno"] == 6


def test_a_type_that_nobody_knows_may_be_a_row_or_a_value() -> None:
    for body in ("x.a := 1", "select 1, 2 into x, y"):
        text = f"declare x zoo.t; y zoo.t; begin {body}; end"
        routine = read_routine(f"create function f() returns void language plpgsql as $$ {text} $$")
        plpgsql.check(routine, lambda *_: None)


FILE = """\

/*
about: Zählt.
callable_by: [server]
*/
create function etl_api.count_all()
returns bigint language sql as $$ select 1 $$;
"""


def test_a_function_file_is_a_document_with_places_in_header_and_sql() -> None:
    (document,), found = read_function_file(SourceFile("specs/functions/etl_api/count_all.sql", FILE))
    assert not found and not document.broken
    assert document.data["function"] == "etl_api.count_all"
    assert document.data["about"] == "Zählt."
    assert document.data["sql"].startswith("create function") and document.data["sql"].endswith("$$;")
    for path, text in (
        (("about",), "Zählt."),
        (("callable_by", 0), "server"),
        (("function",), "etl_api.count_all"),
    ):
        span = document.value(path)
        assert FILE[span.start : span.end] == text


@pytest.mark.parametrize(
    ("text", "name", "codes"),
    [
        (FILE.replace("/*\n", "").replace("*/\n", ""), "etl_api.count_all", ["S120"]),
        (FILE.replace("*/\n", ""), "etl_api.given", ["S121"]),
        (FILE.replace("about: Zählt.", "about: ["), "etl_api.count_all", ["S005"]),
        (FILE.replace("returns bigint", "retruns bigint"), "etl_api.count_all", ["S123"]),
        (FILE.replace("$$;", "$"), "etl_api.count_all", ["S123"]),
        (FILE + "select 1;", "etl_api.count_all", ["S122"]),
        ("/*\nabout: x\n*/\n", "etl_api.given", ["S122"]),
        ("", "etl_api.given", ["S120"]),
    ],
)
def test_a_broken_function_file_still_declares_its_name(text: str, name: str, codes: list[str]) -> None:
    (document,), found = read_function_file(SourceFile("specs/functions/etl_api/given.sql", text))
    assert document.broken
    assert document.data == {"function": name}
    assert [one.code.id for one in found] == codes


def test_a_file_with_windows_line_ends_reads_alike() -> None:
    (document,), found = read_function_file(SourceFile("a.sql", FILE.replace("\n", "\r\n")))
    assert not found
    assert document.data["about"] == "Zählt."


SPECS = """\
lifecycle: order
states: {open: {is: initial}, closed: {is: terminal}}
transitions: {open: [closed]}
---
table: ticket
about: A ticket.
shared: true
columns: {title: text, size: integer}
---
machine: ticket
follows: order
---
access: tickets
roles: {server: {as: service_role}}
tables: [ticket]
allow: {server: [select]}
"""
CLOSE = """\
/*
about: Closes tickets.
callable_by: [server]
drives: {ticket: {open: [closed]}}
*/
create function close_tickets(p_size integer, p_state ticket_state default 'closed') returns setof ticket
language plpgsql as $$
declare
  t public.ticket;
  s public.ticket.state%type := p_state;
begin
  for t in update public.ticket set state = s where size = p_size returning * loop
    return next t;
  end loop;
end
$$;
"""


def project(root: Path, **functions: str) -> driver.Checked:
    """Check a project of the specs above and functions by name."""
    (root / "specs" / "functions").mkdir(parents=True)
    (root / "specc.yaml").write_text("project: sample\n")
    (root / "specs" / "all.yaml").write_text(SPECS)
    for name, text in functions.items():
        (root / "specs" / "functions" / f"{name}.sql").write_text(text)
    return driver.analyse(driver.files.read_project(root))


def words(checked: driver.Checked) -> list[tuple[str, str, str]]:
    """Return code, text under the finding, and help."""
    return [
        (one.code.id, checked.sources[one.span.path].text[one.span.start : one.span.end], one.help)
        for one in checked.diagnostics
    ]


def test_a_function_becomes_facts_that_say_what_they_need(tmp_path: Path) -> None:
    count = """/*
about: Counts.
*/
create function count_big() returns bigint language sql as $$
  select count(*) from public.ticket where public.is_big(size) and state = 'open'::public.ticket_state $$;
"""
    big = """/*
about: Is it big.
*/
create function is_big(int) returns boolean language sql as $$ select $1 > 3 $$;
"""
    checked = project(tmp_path, close_tickets=CLOSE, count_big=count, is_big=big)
    assert checked.ir is not None, words(checked)
    made = {one.name: one for one in checked.ir.all(Function) if one.schema == "public"}
    closing = made["close_tickets"]
    assert closing.signature == "integer, public.ticket_state"
    assert closing.returns == "setof public.ticket"
    assert set(closing.needs) == {
        ("enum", "public", "ticket_state"),
        ("table", "public", "ticket"),
        ("column", "public", "ticket", "state"),
    }
    assert set(made["count_big"].needs) == {
        ("table", "public", "ticket"),
        ("function", "public", "is_big", "integer"),
        ("enum", "public", "ticket_state"),
    }
    grants = [one for one in checked.ir.all(Grant) if one.name in ("close_tickets", "count_big", "is_big")]
    assert [(one.name, one.privilege, one.role) for one in grants] == [
        ("close_tickets", "execute", "service_role")
    ]
    assert "Closes tickets." in [one.text for one in checked.ir.all(Comment)]
    assert drivers(checked.project) == {("ticket", "open", "closed"): ("public.close_tickets",)}


MISTAKES = [
    ("[server]", "[servre]", "S531", "servre", "did you mean `server`?"),
    ("[closed]}", "[closed], closed: [open]}", "S532", "open", "nothing leads out of `closed`"),
    ("p_state ticket_state", "p_state tickt_state", "S502", "tickt_state", "did you mean `ticket_state`?"),
    ("setof ticket", "setof public.tiket", "S502", "public.tiket", "did you mean `public.ticket`?"),
    ("t public.ticket;", "t ticket;", "S502", "ticket", "write `public.ticket`"),
    ("t public.ticket;", "t public.tickt;", "S502", "public.tickt", "did you mean `public.ticket`?"),
    ("return next t;", "return net t;", "S530", "return", ""),
    ("end loop;", "end lop;", "S530", "lop", ""),
    (
        "plpgsql as",
        "plpgsql set search_path = public as",
        "S534",
        "public",
        "leave it out and qualify every name",
    ),
    ("function close", "function pubic.close", "S509", "pubic.close_tickets", "did you mean `public`?"),
    ("about: Closes", "abuot: Closes", "S105", "abuot", "did you mean `about`?"),
]


@pytest.mark.parametrize(("old", "new", "code", "text", "hint"), MISTAKES)
def test_a_mistake_is_found_at_its_place(
    tmp_path: Path, old: str, new: str, code: str, text: str, hint: str
) -> None:
    found = words(project(tmp_path, close_tickets=CLOSE.replace(old, new)))
    assert (code, text, hint) in found
    # A file that does not bind also lacks its keys and leaves its moves undriven.
    assert {one for one, *_ in found} <= {code, "S104", "S312"}


@pytest.mark.parametrize(
    ("code", "is_good"),
    [("PT404", True), ("22023", True), ("PT999", False), ("55P03", False), ("pt404", False), ("E1", False)],
)
def test_declared_errors_are_sqlstates_that_the_api_can_answer_with(
    tmp_path: Path, code: str, is_good: bool
) -> None:
    checked = project(
        tmp_path, close_tickets=CLOSE.replace("drives:", f"errors: {{'{code}': Why.}}\ndrives:")
    )
    assert ("S533" in [one.code.id for one in checked.diagnostics]) is not is_good


def test_a_second_function_of_the_same_name_is_refused(tmp_path: Path) -> None:
    other = CLOSE.replace("p_size integer", "p_size text").replace("function close", "function public.close")
    checked = project(tmp_path, close_tickets=CLOSE, close_tickets_2=other)
    assert [code for code, *_ in words(checked)] == ["S108"]

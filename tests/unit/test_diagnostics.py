"""What a person, an editor or a script sees of a finding, however hostile the source it is about."""

from __future__ import annotations

import io
import json
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from specc.diagnostics import Code, Diagnostic, Label, Severity, Sink, SourceFile, Span
from specc.diagnostics.explain import render_code, render_code_list
from specc.diagnostics.formats import RENDERERS
from specc.diagnostics.suggest import nearest, suggest
from specc.diagnostics.text import render_text, summary, wants_color

UNREACHABLE = Code(
    "S301",
    "unreachable-state",
    "A state that no transition leads to holds no row, ever.\n\nEither it goes, or one is missing.",
    wrong="kind: lifecycle\nstates: [open, held]\n",
    right="kind: lifecycle\nstates: [open]\n",
)
UNUSED = Code("S207", "unused-name", "Nothing refers to it.", "", "", Severity.WARNING)
ODD = Code("S900", "odd", "Worth knowing.", "", "", Severity.INFO)

ORDER = """\
kind: lifecycle
name: order
states:
  open:
    initial: true
  held:
    summary: waits for a person
  done:
    terminal: true
  closed:
    terminal: true
  lost:
    terminal: true
"""


def source(text: str, path: str = "specs/order.yaml") -> dict[str, SourceFile]:
    return {path: SourceFile(path, text)}


def span_of(text: str, part: str, path: str = "specs/order.yaml") -> Span:
    start = text.index(part)
    return Span(path, start, start + len(part))


def drawn(text: str, part: str, label: str = "") -> list[str]:
    """Render a finding about `part` of a text and return the lines between the bars."""
    found = UNREACHABLE.at(span_of(text, part), "m", label=label)
    lines = render_text([found], source(text)).splitlines()
    return [line[len("1 | ") :] for line in lines[3:-2]]


# --- the report for people


def test_a_finding_shows_its_place_why_and_how_to_mend_it() -> None:
    found = UNREACHABLE.at(
        span_of(ORDER, "held"),
        "state `held` can never be entered",
        label="no transition leads here",
        related=(Label(span_of(ORDER, "open"), "rows begin here"),),
        notes=("states reached from `open`: closed, done",),
        help="add a transition to `held`, or remove it",
    )
    assert (
        render_text([found], source(ORDER), color=False)
        == """\
error[S301] unreachable-state: state `held` can never be entered
 --> specs/order.yaml:6:3
  |
4 |   open:
  |   ---- rows begin here
5 |     initial: true
6 |   held:
  |   ^^^^ no transition leads here
  |
note: states reached from `open`: closed, done
help: add a transition to `held`, or remove it
explain: specc explain S301
"""
    )


def test_labels_far_away_and_in_other_files_get_blocks_of_their_own() -> None:
    table = "kind: table\nname: orders\n"
    found = UNREACHABLE.at(
        span_of(ORDER, "lost"),
        "m",
        label="here",
        related=(
            Label(span_of(table, "orders", "specs/orders.yaml"), "its table"),
            Label(span_of(ORDER, "order"), "its lifecycle"),
            Label(span_of(ORDER, "done"), "another end"),
        ),
    )
    sources = source(ORDER) | source(table, "specs/orders.yaml")
    assert (
        render_text([found], sources)
        == """\
error[S301] unreachable-state: m
  --> specs/order.yaml:12:3
   |
 8 |   done:
   |   ---- another end
...
12 |   lost:
   |   ^^^^ here
   |
  ::: specs/order.yaml:2:7
   |
 2 | name: order
   |       ----- its lifecycle
   |
  ::: specs/orders.yaml:2:7
   |
 2 | name: orders
   |       ------ its table
   |
explain: specc explain S301
"""
    )


def test_two_marks_on_one_line_stand_below_each_other() -> None:
    text = "pair: [same, same]\n"
    found = UNREACHABLE.at(
        Span("specs/order.yaml", 13, 17),
        "m",
        label="again",
        related=(Label(span_of(text, "same"), "first"), Label(Span("gone.yaml", 3, 4), "and here")),
    )
    assert (
        render_text([found], source(text))
        == """\
error[S301] unreachable-state: m
 --> specs/order.yaml:1:14
  |
1 | pair: [same, same]
  |              ^^^^ again
  |        ---- first
  |
 ::: gone.yaml: and here
  |
explain: specc explain S301
"""
    )


def test_a_span_over_few_lines_shows_them_all() -> None:
    assert drawn(ORDER, "  open:\n    initial: true\n  held:\n", "these") == [
        "  open:",
        "^^^^^^^ these",
        "    initial: true",
        "    ^^^^^^^^^^^^^",
        "  held:",
        "  ^^^^^",
    ]


def test_a_span_over_many_lines_shows_its_beginning_and_its_end() -> None:
    found = UNREACHABLE.at(Span("specs/order.yaml", ORDER.index("open"), len(ORDER) - 1), "m")
    assert render_text([found], source(ORDER)).splitlines()[3:-2] == [
        " 4 |   open:",
        "   |   ^^^^^",
        " 5 |     initial: true",
        "   |     ^^^^^^^^^^^^^",
        "...",
        "13 |     terminal: true",
        "   |     ^^^^^^^^^^^^^^",
    ]


@pytest.mark.parametrize(
    ("text", "start", "place", "rows"),
    [
        ("a: 1", 4, "1:5", ["1 | a: 1", "  |     ^"]),
        ("a: 1\n", 5, "2:1", ["2 |", "  | ^"]),
        ("", 0, "1:1", ["1 |", "  | ^"]),
        ("a: 1", 900, "1:5", ["1 | a: 1", "  |     ^"]),
        ("a: 1\nb: 2", 3, "1:4", ["1 | a: 1", "  |    ^"]),
    ],
)
def test_an_empty_span_and_the_end_of_a_file_have_one_caret(
    text: str, start: int, place: str, rows: list[str]
) -> None:
    found = UNREACHABLE.at(Span("specs/order.yaml", start, start), "m")
    lines = render_text([found], source(text)).splitlines()
    assert lines[1] == f" --> specs/order.yaml:{place}"
    assert lines[3:-2] == rows


def test_a_finding_without_a_source_or_a_file_is_still_reported() -> None:
    found = [
        UNREACHABLE.at(Span("gone.yaml", 3, 5), "m", help="look for it"),
        UNREACHABLE.at(Span("", 0, 0), "n", related=(Label(span_of(ORDER, "order"), "here"),)),
    ]
    assert (
        render_text(found, source(ORDER))
        == """\
error[S301] unreachable-state: m
 --> gone.yaml
help: look for it
explain: specc explain S301

error[S301] unreachable-state: n
 ::: specs/order.yaml:2:7
  |
2 | name: order
  |       ----- here
  |
explain: specc explain S301
"""
    )


def test_nothing_found_prints_nothing() -> None:
    assert [render([], {}) for render in RENDERERS.values()] == ["", "", "[]\n"]


def test_many_findings_of_one_code_in_one_file_are_cut_and_counted() -> None:
    def times(count: int, code: Code, path: str) -> list[Diagnostic]:
        return [code.at(Span(path, at, at + 1), f"number {at}") for at in range(count)]

    report = render_text(
        times(23, UNREACHABLE, "a") + times(20, UNUSED, "a") + times(2, UNREACHABLE, "b"), {}
    )
    assert report.count("error[S301]") == 20 + 2
    assert report.count("warning[S207]") == 20
    assert "number 19\n" in report
    assert "number 20\n" not in report
    cut = [line for line in report.splitlines() if line.startswith("and ")]
    assert cut == ["and 3 more S301 in a"]
    assert report.index("and 3 more") < report.index(" --> b")


# --- hostile sources


def test_tabs_are_expanded_and_carets_stay_below_their_word() -> None:
    assert drawn("\ta\tstate", "state") == ["    a   state", "        ^^^^^"]


def test_wide_characters_take_two_cells() -> None:
    assert drawn("状態: 保留 held", "held") == ["状態: 保留 held", "           ^^^^"]
    assert drawn("状態: 保留 held", "保留") == ["状態: 保留 held", "      ^^^^"]
    assert drawn("ok: 🎉 held", "🎉") == ["ok: 🎉 held", "    ^^"]


def test_combining_marks_take_no_cell() -> None:
    assert drawn("cafe\u0301: held", "held") == ["cafe\u0301: held", "      ^^^^"]
    assert drawn("cafe\u0301: held", "e\u0301") == ["cafe\u0301: held", "   ^"]
    assert drawn("cafe\u0301: held", "\u0301") == ["cafe\u0301: held", "   ^"]
    assert drawn("\u1112\u1161\u11ab: held", "held") == ["\u1112\u1161\u11ab: held", "    ^^^^"]


def test_control_characters_of_a_source_are_escaped_and_carets_cover_the_escape() -> None:
    assert drawn("a: \x1b[31mred", "\x1b[31m") == [r"a: \x1b[31mred", "   ^^^^^^^^"]
    assert drawn("a: \x00b", "b") == [r"a: \x00b", "       ^"]
    assert drawn("a: \x9b2J", "2J") == [r"a: \x9b2J", "       ^^"]
    assert drawn("a: \u202eb", "b") == [r"a: \u202eb", "         ^"]
    assert drawn("a: \U000e0041b", "b") == [r"a: \U000e0041b", "             ^"]
    assert drawn("a: \ud800b", "b") == [r"a: \ud800b", "         ^"]
    assert drawn("a\rb", "b") == [r"a\rb", "   ^"]


def test_line_endings_of_windows_are_no_part_of_a_line() -> None:
    assert drawn("a: 1\r\nb: 2\r\n", "1") == ["a: 1", "   ^"]
    assert drawn("a: 1\r\nb: 2\r\n", "1\r\nb") == ["a: 1", "   ^", "b: 2", "^"]


def test_names_in_messages_paths_labels_and_notes_cannot_reach_the_terminal() -> None:
    evil = "x\x1b]0;t\x07\nerror[S999] forged: y"
    found = UNREACHABLE.at(
        Span(evil, 0, 1),
        f"state `{evil}`",
        label=evil,
        related=(Label(Span("gone" + evil, 0, 1), evil), Label(Span(evil, 1, 2), evil)),
        notes=(evil,),
        help=evil,
    )
    reports = [RENDERERS[name]([found], source("abc", evil)) for name in ("text", "concise", "json")]
    assert not any(
        unicodedata.category(char) == "Cc" for report in reports for char in report if char != "\n"
    )
    assert reports[0].count("\nerror[S999]") == 0
    assert reports[1] == (
        r"x\x1b]0;t\x07\nerror[S999] forged: y:1:1: S301 state `x\x1b]0;t\x07\nerror[S999] forged: y`" + "\n"
    )


def test_a_note_of_several_lines_keeps_them_below_each_other() -> None:
    found = UNREACHABLE.at(Span("", 0, 0), "m", notes=("shortest path:\nopen\n  held",), help="one\n\ntwo")
    assert render_text([found], {}).splitlines()[1:-1] == [
        "note: shortest path:",
        "      open",
        "        held",
        "help: one",
        "",
        "      two",
    ]


def test_a_huge_line_is_shown_around_the_span() -> None:
    text = "a" * 100_000 + "HERE" + "b" * 100_000
    line, carets = drawn(text, "HERE", "look")
    assert line == "..." + "a" * 40 + "HERE" + "b" * 76 + "..."
    assert carets == " " * 43 + "^^^^ look"
    line, carets = drawn(text, text)
    assert line == "a" * 120 + "..."
    assert carets == "^" * 120
    line, carets = drawn("a" * 500 + "END", "END")
    assert line == "..." + "a" * 40 + "END"
    assert carets == " " * 43 + "^^^"


def test_two_places_of_a_huge_line_are_both_shown() -> None:
    text = "ONE" + "a" * 1000 + "TWO"
    found = UNREACHABLE.at(span_of(text, "ONE"), "m", related=(Label(span_of(text, "TWO"), "too"),))
    assert render_text([found], source(text)).splitlines()[3:-2] == [
        "1 | ONE" + "a" * 117 + "...",
        "  | ^^^",
        "1 | ..." + "a" * 40 + "TWO",
        "  | " + " " * 43 + "--- too",
    ]


def test_marks_without_width_do_not_make_a_line_endless() -> None:
    report = render_text(
        [UNREACHABLE.at(Span("specs/order.yaml", 0, 1), "m")], source("a" + "\u0301" * 50_000)
    )
    assert len(report) < 1000


HOSTILE = st.text(
    st.one_of(
        st.sampled_from("ab \t\n\r\x00\x1b\x7f\x85\x9b\u0301\u200d\u202e\u2028\ufeff語ｗ🎉👩\ud800\u1161é"),
        st.characters(),
    ),
    max_size=60,
).flatmap(lambda text: st.sampled_from([text, text * 20, text.replace("\n", "") * 40]))
HARMLESS = dict.fromkeys(map(ord, "\n\u200c\u200d"))
CONTROLS = {"Cc", "Cf", "Cs", "Zl", "Zp"}
SPANS = st.builds(lambda at, length: Span("f", at, at + length), st.integers(-2, 3000), st.integers(0, 900))


def printed_cells(text: str) -> int:
    """Count cells as a terminal does: none for marks and joiners, two for wide characters."""
    marks = (
        char for char in text if not (unicodedata.category(char) in ("Mn", "Me") or char in "\u200c\u200d")
    )
    return sum(
        0 if "\u1160" <= char <= "\u11ff" else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in marks
    )


@settings(deadline=None)
@given(HOSTILE, SPANS, st.lists(SPANS, max_size=3), HOSTILE)
def test_no_source_breaks_a_report_and_no_caret_leaves_its_line(
    text: str, span: Span, others: list[Span], message: str
) -> None:
    related = tuple(Label(other, str(number)) for number, other in enumerate(others))
    found = UNREACHABLE.at(span, message, related=related, notes=(message,), help=message)
    sources = source(text, "f")
    report = render_text([found], sources)
    assert not CONTROLS.intersection(map(unicodedata.category, report.translate(HARMLESS)))
    above, carets = "", 0
    for line in report.split("\n"):
        number, bar, rest = line.partition(" |")
        if bar and number.strip().isdigit():
            above = rest.removeprefix(" ")
        elif bar and not number.strip() and rest:
            row = rest.removeprefix(" ").rstrip(" 0123456789")
            assert set(row.strip()) in ({"^"}, {"-"})
            assert len(row) <= printed_cells(above) + 1
            carets += 1
    assert carets >= 1 + len(related)
    assert len(RENDERERS["concise"]([found], sources).splitlines()) == 1
    assert json.loads(RENDERERS["json"]([found], sources))[0]["message"] == message
    assert len(render_text([found], sources, color=True)) > len(report)


SPELLED = {"a": "a", "Z": "Z", " ": " ", "語": "語", "\x1b": r"\x1b", "\x00": r"\x00", "é": "é"}


@settings(deadline=None)
@given(st.lists(st.sampled_from(sorted(SPELLED)), min_size=1, max_size=20), st.data())
def test_what_stands_above_the_carets_is_the_span(chars: list[str], data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(chars) - 1))
    end = data.draw(st.integers(start + 1, len(chars)))
    found = UNREACHABLE.at(Span("f", start, end), "m")
    line, carets = (row[4:] for row in render_text([found], source("".join(chars), "f")).splitlines()[3:5])
    cells = [cell for char in line for cell in ([char, ""] if char == "語" else [char])]
    above = "".join(cells[len(carets) - len(carets.lstrip()) : len(carets)])
    assert above == "".join(SPELLED[char] for char in chars[start:end])


# --- colour


def test_colour_adds_escapes_and_changes_nothing_else() -> None:
    found = UNREACHABLE.at(
        span_of(ORDER, "held"), "m", label="x", related=(Label(span_of(ORDER, "open"), "y"),), notes=("n",)
    )
    colored = render_text([found], source(ORDER), color=True)
    assert colored.startswith("\x1b[1;31merror[S301]\x1b[0m ")
    plain = "".join(part.partition("m")[2] if at else part for at, part in enumerate(colored.split("\x1b[")))
    assert plain == render_text([found], source(ORDER), color=False)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environ", "option", "on_terminal", "in_a_pipe"),
    [
        ({}, "auto", True, False),
        ({"NO_COLOR": "1"}, "auto", False, False),
        ({"NO_COLOR": ""}, "auto", True, False),
        ({"FORCE_COLOR": "1"}, "auto", True, True),
        ({"FORCE_COLOR": "0"}, "auto", True, False),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, "auto", False, False),
        ({"TERM": "dumb"}, "auto", False, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, "auto", True, True),
        ({"NO_COLOR": "1", "TERM": "dumb"}, "always", True, True),
        ({"FORCE_COLOR": "1"}, "never", False, False),
    ],
)
def test_who_gets_colour(environ: dict[str, str], option: str, on_terminal: bool, in_a_pipe: bool) -> None:
    assert wants_color(Terminal(), environ, option) is on_terminal
    assert wants_color(io.StringIO(), environ, option) is in_a_pipe


# --- the other formats


def test_concise_prints_one_line_each() -> None:
    found = [
        UNREACHABLE.at(span_of(ORDER, "held"), "state `held` can never be entered", notes=("not shown",)),
        UNUSED.at(Span("gone.yaml", 9, 10), "two\nlines"),
        ODD.at(Span("", 0, 0), "about nothing in particular"),
    ]
    assert RENDERERS["concise"](found, source(ORDER)) == (
        "specs/order.yaml:6:3: S301 state `held` can never be entered\n"
        "gone.yaml: S207 two\\nlines\n"
        "S900 about nothing in particular\n"
    )


def test_json_names_each_field_and_counts_from_one() -> None:
    text = "états: 保留\nb: 2\n"
    found = UNREACHABLE.at(
        Span("specs/order.yaml", 7, 11),
        "m \x1b",
        label="l",
        related=(Label(Span("gone.yaml", 0, 1), "r"),),
        notes=("n",),
        help="h",
    )
    report = RENDERERS["json"]([found], source(text))
    assert report.isascii()
    assert report.endswith("]\n")
    assert list(json.loads(report)[0].items()) == [
        ("code", "S301"),
        ("slug", "unreachable-state"),
        ("severity", "error"),
        ("message", "m \x1b"),
        ("path", "specs/order.yaml"),
        ("line", 1),
        ("column", 8),
        ("end_line", 2),
        ("end_column", 2),
        ("label", "l"),
        (
            "related",
            [
                {
                    "path": "gone.yaml",
                    "line": None,
                    "column": None,
                    "end_line": None,
                    "end_column": None,
                    "label": "r",
                }
            ],
        ),
        ("notes", ["n"]),
        ("help", "h"),
    ]


def test_the_summary_counts_by_severity() -> None:
    here = Span("a", 0, 1)
    errors, warning = [UNREACHABLE.at(here, str(number)) for number in range(3)], UNUSED.at(here, "w")
    assert summary([*errors, warning], 12) == "3 errors, 1 warning in 12 files"
    assert summary([errors[0], ODD.at(here, "i")], 1) == "1 error, 1 info in 1 file"
    assert summary([], 0) == "no problems in 0 files"


def test_a_sink_gives_each_finding_once_in_the_order_of_the_text() -> None:
    sink = Sink()
    later, first = UNREACHABLE.at(Span("a", 9, 10), "m"), UNUSED.at(Span("a", 2, 3), "m")
    sink.extend([later, first, UNREACHABLE.at(Span("a", 9, 10), "m")])
    assert list(sink) == [first, later]


# --- explain and did-you-mean


def test_explain_prints_why_a_wrong_example_and_the_right_one() -> None:
    assert (
        render_code(UNREACHABLE, color=False)
        == """\
S301 unreachable-state (error)

A state that no transition leads to holds no row, ever.

Either it goes, or one is missing.

Wrong:

    kind: lifecycle
    states: [open, held]

Right:

    kind: lifecycle
    states: [open]
"""
    )


def test_explain_fills_paragraphs_leaves_lists_and_skips_empty_examples() -> None:
    code = Code("S1", "s", f"{'word ' * 20}\nmore\n\n- one\n- two\n", "", "", Severity.WARNING)
    assert render_code(code).splitlines() == [
        "S1 s (warning)",
        "",
        ("word " * 17).strip(),
        "word word word more",
        "",
        "- one",
        "- two",
    ]


def test_the_table_of_codes_is_in_order() -> None:
    assert render_code_list([ODD, UNREACHABLE, UNUSED]) == (
        "S207  warning  unused-name\nS301  error    unreachable-state\nS900  info     odd\n"
    )


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("runing", "running"),
        ("runnign", "running"),
        ("RUNNING", "running"),
        ("request-run", "request_run"),
        ("run_request", "request_run"),
        ("ready", None),
        ("id", None),
        ("x", None),
        ("", None),
        ("completely_different", None),
    ],
)
def test_did_you_mean_is_helpful_and_rather_silent_than_odd(word: str, expected: str | None) -> None:
    names = {"running", "done", "request_run", "ready", "if", "y"}
    assert nearest(word, names) == expected


def test_did_you_mean_takes_the_nearest_whatever_the_order() -> None:
    assert nearest("stata", ["status", "state", "stats"]) == "state"
    assert nearest("stata", ["stats", "state", "status"]) == "state"
    assert suggest("stata", ["stats", "state"]) == "did you mean `state`?"
    assert suggest("zebra", ["stats", "state"]) == ""

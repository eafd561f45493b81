"""What authors see of their YAML: the data that is read, where everything stands, and what is refused."""

from __future__ import annotations

import itertools
import re
from typing import Any

import pytest
import yaml as pyyaml

from specc.diagnostics import Code, Diagnostic, SourceFile, Span
from specc.load import scalars
from specc.load.document import Document
from specc.load.yaml import CODES, MAX_CHARACTERS, MAX_DEPTH, inner, read


def read_text(text: str) -> tuple[tuple[Document, ...], tuple[Diagnostic, ...]]:
    return read(SourceFile("specs/a.yaml", text))


def data(text: str) -> list[dict[str, Any]]:
    """Return the data of a text that must be without findings."""
    documents, found = read_text(text)
    assert [one.message for one in found] == []
    assert not any(one.broken for one in documents)
    return [one.data for one in documents]


def findings(text: str) -> list[str]:
    """Return the findings of a text as `CODE line:column words`, the words being those the span covers."""
    source = SourceFile("specs/a.yaml", text)
    return [
        "{} {}:{} {}".format(
            one.code.id, *source.position(one.span.start), text[one.span.start : one.span.end]
        ).rstrip(" ")
        for one in read(source)[1]
    ]


def only(text: str) -> Diagnostic:
    (found,) = read_text(text)[1]
    return found


def words(text: str, span: Span) -> str:
    return text[span.start : span.end]


@pytest.mark.parametrize("code", CODES, ids=lambda code: code.id)
def test_each_code_has_an_example_and_its_mended_form(code: Code) -> None:
    documents, found = read_text(code.wrong)
    assert [one.code.id for one in found] == [code.id]
    documents, found = read_text(code.right)
    assert found == ()
    assert [one.data["lifecycle"] for one in documents] == ["order"]
    assert len(code.why) > 60


def test_codes_are_numbered_without_gaps() -> None:
    assert [one.id for one in CODES] == [f"S{number:03}" for number in range(1, len(CODES) + 1)]
    assert len({one.slug for one in CODES}) == len(CODES)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [,]", "S001 1:5 ,"),
        ("a: [b,, c]", "S001 1:7 ,"),
        ("a: {b: 1 {c: 2}}", "S001 1:10 {"),
        ("a: 'it's'", "S001 1:8 s'"),
        ('a: "x" y', "S001 1:8 y"),
        ('"a":b', "S001 1:4 :"),
        ("a: [x] y # z", "S001 1:8 y"),
        ("a: 1\nb\nc: 2", "S001 2:1 b"),
        ("a: 1\nb", "S001 2:1 b"),
        ("a:\n - b\n -c", "S001 3:2 -c"),
        (": a", "S001 1:1 : a"),
        ("a:\n  b: c\n : d: e", "S001 3:2 : d: e"),
        ("a:{b: c, d: e}", "S001 1:2 :"),
        ("- a:[b: c, d: e]", "S001 1:4 :"),
        ("--- a: 1", "S001 1:1 --- a: 1"),
        ("a: 1\n...\nb: 2", "S001 3:1 b: 2"),
        ("a:\n\tb: 2", "S002 2:1 \t"),
        ("a:\n  - x\n\t- y", "S002 3:1 \t"),
        ("a: {\n\t\tb: 2}", "S002 2:1 \t\t"),
        ("a: [b,\n  \tc]", "S002 2:3 \t"),
        ("a: b\n\tc", "S002 2:1 \t"),
        ("a: |\n\tx", "S002 2:1 \t"),
        ("a:\n  -\tb: 1", "S002 2:4 \t"),
        ("a:\t1", "S002 1:3 \t"),
        ("a: 1\t\nb: 2", "S002 1:5 \t"),
        ('a: "\t #"\t # b\tc', "S002 1:9 \t"),
        ("a: b\tc", "S002 1:5 \t"),
        ("a: [b,\t\tc]", "S002 1:7 \t\t"),
        ("a: b: c", "S003 1:5 :"),
        ("a: 😀 b: c", "S003 1:7 :"),
        ("a: it's so: yes", "S003 1:11 :"),
        ("a: foo:\nb: 1", "S003 1:7 :"),
        ("- a: b: c", "S003 1:7 :"),
        ("x: {a: b c: d}", "S003 1:11 :"),
        ("a: @x y", "S004 1:4 @"),
        ("a: `x`", "S004 1:4 `"),
        ("a: %x", "S004 1:4 %"),
        ("a: ,x", "S004 1:4 ,"),
        ("a: - b", "S004 1:4 -"),
        ("a: ? b", "S004 1:4 ?"),
        ("a: > 5", "S004 1:4 >"),
        ("a: | foo", "S004 1:4 |"),
        ("a: * b", "S004 1:4 *"),
        ("a: [*]", "S004 1:5 *"),
        ("a: {b: @x}", "S004 1:8 @"),
        ("@a: 1", "S004 1:1 @"),
        ("a: [1, 2\nb: 3", "S005 1:4 ["),
        ("a: {x: 1\nb: 3", "S005 1:4 {"),
        ("a: [{b: c]", "S005 1:5 {"),
        ("a: [", "S005 1:4 ["),
        ("a: ]", "S005 1:4 ]"),
        ("a: {b: c}}", "S005 1:10 }"),
        ('a: "x\nb: 3', 'S006 1:4 "'),
        ("a: 'x\nb: 3", "S006 1:4 '"),
        ('a: "x\nb: "y"', 'S006 1:4 "'),
        ("a: 1\n b: 2", "S007 2:2 b: 2"),
        ("a:\n  b: 1\n c: 2", "S007 3:2 c: 2"),
        ("a:\n  - b\n - c", "S007 3:2 - c"),
        ('a: "\\d+"', "S008 1:5 \\d"),
        ('a: "\\ud800"', "S008 1:5 \\u"),
        ('a: "x \\x4"', "S008 1:7 \\x"),
        ("a: x\0y", "S009 1:5 \0"),
        ("a: \x07", "S009 1:4 \x07"),
        ('a: "\\0"', 'S009 1:4 "\\0"'),
        ('"\\0": a', 'S009 1:1 "\\0"'),
        ("a: x\rb: z", "S009 1:5 \r"),
        ("a: \u2028x", "S009 1:4 \u2028"),
        ("a: x\u202ey", "S009 1:5 \u202e"),
        ("a: 1\n\ufeffb: 2", "S009 2:1 \ufeff"),
        ("a: \ud800", "S009 1:4 \ud800"),
        ("a: " + "[" * MAX_DEPTH + "]" * MAX_DEPTH, f"S010 1:{MAX_DEPTH + 3} ["),
        ("%YAML 1.2\n---\na: 1", "S011 1:1 %YAML 1.2"),
        ("%TAG ! x\n---\na: 1", "S011 1:1 %TAG ! x"),
        ("a:\n%b: 1", "S011 2:1 %b: 1"),
        ("- a", "S012 1:1 -"),
        ("text", "S012 1:1 text"),
        ("a:b", "S012 1:1 a:b"),
        ("--- null", "S012 1:5 null"),
        ("a: 1\n---\n[b]", "S012 3:1 ["),
        ("a: 1\na: 2", "S013 2:1 a"),
        ('b: {c: 1, "c": 2}', 'S013 1:11 "c"'),
        ("a: {b: 1, b: {b: 2}}", "S013 1:11 b"),
        ("1: a", "S014 1:1 1"),
        ("1.5: a", "S014 1:1 1.5"),
        ("true: a", "S014 1:1 true"),
        ("Null: a", "S014 1:1 Null"),
        ("? [a]\n: b", "S014 1:3 ["),
        ("?", "S014 1:1 ?"),
        ("{a: b}: c", "S014 1:1 {"),
        ("a: {{ b }}", "S014 1:5 {"),
        ("a: {: b}", "S001 1:5 :"),
        ("a: yes", "S015 1:4 yes"),
        ("no: a", "S015 1:1 no"),
        ("a: [b, 12:30]", "S015 1:8 12:30"),
        ("a: >\nb: 1", "S015 1:4 >"),
        ("a: |-\n\nb: 1", "S015 1:4 |-"),
        ("a: {b: Stored, not yet.}", "S016 1:16 not yet."),
        ("a: &x 1", "S017 1:4 &x"),
        ("a: &x [1]", "S017 1:4 &x"),
        ("&a: b", "S017 1:1 &a:"),
        ("a: *x", "S017 1:4 *x"),
        ("a: *x y", "S017 1:4 *x"),
        ("a: !!str 1", "S018 1:4 !!str"),
        ("a: !x {b: c}", "S018 1:4 !x"),
        ("a: !important b: c", "S018 1:4 !important"),
        ("!x: y", "S018 1:1 !x:"),
        ("<<: {a: 1}", "S019 1:1 <<"),
        ("a: 1\n<<<<<<< HEAD\nb: 2\n=======\nb: 3\n>>>>>>> other", "S001 2:1 <<<<<<< HEAD"),
        ("a:\n\u00a0 b: 1", "S020 2:1 \u00a0"),
        ("a:\n  b: 1\n\u00a0\u00a0c: 1", "S020 3:1 \u00a0\u00a0"),
        ("a:\n  b: 1\n\u3000c: 1", "S020 3:1 \u3000"),
        ("a:\u00a0b", "S020 1:3 \u00a0"),
        ("a\u2009: b", "S020 1:2 \u2009"),
        ("a\u200b: b", "S020 1:2 \u200b"),
        ("a:\n  -\u00a0b", "S020 2:4 \u00a0"),
        ("a: [b,\u00a0c]", "S020 1:7 \u00a0"),
        ("a: b\n\u00a0\u00a0c", "S020 2:1 \u00a0\u00a0"),
    ],
)
def test_each_mistake_is_one_finding_at_its_place(text: str, expected: str) -> None:
    for ending in ("", "\n"):
        assert findings(text + ending) == [expected]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("a: b: c # d", 'quote the text: "b: c"'),
        ("a: @x y # z", 'quote it: "@x y"'),
        ('a: @x "y"', "quote it: '@x \"y\"'"),
        ("a: [`b c`, d]", 'quote it: "`b c`"'),
        ("*: 1", 'quote it: "*"'),
        ("a: yes", 'write "yes" if it is text, `true` if not'),
        ("a: 0644", 'write "0644" if it is text'),
        ("a: ~", 'write "~" if it is text, `null` if not'),
        ("a: {b: c, d e, f g}", 'quote the text: "c, d e, f g"'),
        ("a: {b:c}", "put a space after the colon"),
        ("a:b", "put a space after the colon"),
        ("a:\n\tb: 1", "indent with spaces"),
        ("a: 'it's'", "inside '...' write '' for a quote"),
    ],
)
def test_the_way_out_can_be_typed_as_it_is_printed(text: str, hint: str) -> None:
    assert only(text).help == hint


AMBIGUOUS = [
    "yes", "Yes", "YES", "no", "No", "on", "On", "off", "OFF", "y", "N", "=", "<<", "~", "12:30", "1:2:3",
    "0644", "00", "0o17", "12_000", "1_0.5", "1_", "1e3", "1.5E10", "1e-3", "+.5", "007.5", "0b11", "0x_1",
    ".inf", "-.Inf", "+.INF", ".nan", ".NaN", "2024-01-02", "2024-1-2", "2024-01-02T10:20:30Z",
    "9223372036854775808", "0.12345678901234567", "1.0e+999",
]  # fmt: skip


@pytest.mark.parametrize("text", [*AMBIGUOUS, "2024-01-02 10:20:30 +01:00"])
def test_a_plain_value_that_readers_disagree_about_stays_text_and_is_refused(text: str) -> None:
    for written in (f"a: {text}", f"a: [x, {text}]", f"a: {{b: {text} }}"):
        documents, found = read_text(written)
        assert [one.code.id for one in found] == ["S015"]
        assert words(written, found[0].span) == text
        assert text in str(documents[0].data["a"])
    assert data(f"a: '{text}'\nb: \"{text}\"") == [{"a": text, "b": text}]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True), ("False", False), ("", None), ("null", None), ("0", 0), ("-12", -12), ("+7", 7),
        ("0xff", 255), ("1.5", 1.5), (".5", 0.5), ("1.5e+3", 1500.0), ("1.", 1.0),
        ("1.2.3", "1.2.3"), ("1-2", "1-2"), ("10.0.0.1", "10.0.0.1"), ("15 minutes", "15 minutes"),
        ("yes and no", "yes and no"), ("nope", "nope"), ("nO1", "nO1"), ("a#b", "a#b"),
        ("http://x.y/z?a=b", "http://x.y/z?a=b"), ("a:b", "a:b"), ("don't", "don't"), ("<% x %>", "<% x %>"),
        ("numeric(10,2) not null", "numeric(10,2) not null"), ("'0644'", "0644"), ("null # x", None),
    ],
)  # fmt: skip
def test_plain_values_mean_what_every_reader_takes_them_for(text: str, value: Any) -> None:
    (read_back,) = data(f"a: {text}")
    assert read_back["a"] == value
    assert type(read_back["a"]) is type(value)


def core_schema(text: str) -> Any:
    """Read a plain scalar by the core schema of YAML 1.2 (specification 1.2.2, section 10.3.2)."""
    if text in ("", "null", "Null", "NULL", "~"):
        return None
    if text in ("true", "True", "TRUE", "false", "False", "FALSE"):
        return text.lower() == "true"
    for pattern, convert in (
        (r"[-+]?[0-9]+", int),
        (r"0o[0-7]+", lambda one: int(one, 8)),
        (r"0x[0-9a-fA-F]+", lambda one: int(one, 16)),
        (r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", float),
        (r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", lambda one: float(one.replace(".", ""))),
    ):
        if re.fullmatch(pattern, text):
            return convert(text)
    return text


def test_no_short_plain_value_means_two_things_silently() -> None:
    """Compare all texts of up to four signs with what YAML 1.1 (PyYAML) and YAML 1.2 make of them."""
    loader = pyyaml.SafeLoader("")
    accepted = 0
    for length in range(1, 5):
        for signs in itertools.product("01_.:-+eExo", repeat=length):
            text = "".join(signs)
            value, reason = scalars.read(text)
            if reason:
                assert value == text
                continue
            accepted += 1
            tag = loader.resolve(pyyaml.ScalarNode, text, (True, False))
            old = loader.construct_object(pyyaml.ScalarNode(tag, text))
            new = core_schema(text)
            assert (value, type(value)) == (old, type(old)) == (new, type(new)), text
    assert accepted > 10_000


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{about: An executor holds it., waits_for: outside}",
         {"about": "An executor holds it.", "waits_for": "outside"}),
        ("{is: terminal, about: Its result arrived.}", {"is": "terminal", "about": "Its result arrived."}),
        ("{a: b c, d e: f g}", {"a": "b c", "d e": "f g"}),
        ('{a: "b, c", d: 1}', {"a": "b, c", "d": 1}),
        ("{a, b}", {"a": None, "b": None}),
        ("{a , b: }", {"a": None, "b": None}),
        ("{a: 1, b}", {"a": 1, "b": None}),
        ('{a: "x", b}', {"a": "x", "b": None}),
        ("[a b]", ["a b"]),
        ("[insert (title)]", ["insert (title)"]),
        ("[in progress, done]", ["in progress", "done"]),
        ("[done, in progress, failed]", ["done", "in progress", "failed"]),
        ('[select, "insert (title)"]', ["select", "insert (title)"]),
        ("['Series A', 'Series B']", ["Series A", "Series B"]),
        ("[now(), f(x)]", ["now()", "f(x)"]),
        ("[a: b c, d: e f]", [{"a": "b c"}, {"d": "e f"}]),
        ("[a,\n    b # c d, e f\n  ]", ["a", "b"]),
    ],
)  # fmt: skip
def test_brackets_that_split_nothing_are_accepted(text: str, value: Any) -> None:
    assert data(f"x: {text}") == [{"x": value}]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("{about: Stored, not yet looked at.}", "not yet looked at."),
        ("{about: Stored, not yet looked at. }", "not yet looked at."),
        ("{about: Stored, not yet\n    looked at.\n  }", "not yet\n    looked at."),
        ("{about: foo, bar, baz: 1}", "bar"),
        ("{about: foo, no, baz: 1}", "no"),
        ("{sql: numeric(10,2), null: true}", "2)"),
        ("{sql: numeric(10, 2) null}", "2) null"),
        ("{a: 1, b c}", "b c"),
        ("{a:1}", "a:1"),
        ("[select, insert (title)]", "insert (title)"),
        ("[select, insert (a, b)]", "insert (a, b)"),
        ("[numeric(10,2)]", "numeric(10,2)"),
        ("[f(a, g(b, c), d), e]", "f(a, g(b, c), d)"),
        ("[f(a,\n    b)]", "f(a"),
        ("[f(a, b]", "f(a"),
        ("[Series A, Series B]", "Series A"),
        ("[Stored, not yet looked at.]", "not yet looked at."),
        ("[this is a text, done]", "this is a text"),
        ("[a = b, c]", "a = b"),
    ],
)
def test_a_comma_that_may_split_a_text_wants_quotes(text: str, part: str) -> None:
    text = f"x: {text}"
    found = next(one for one in read_text(text)[1] if one.code.id == "S016")
    assert words(text, found.span) == part
    assert "quote" in found.help or "space" in found.help


def test_a_key_that_stands_twice_points_at_the_first_and_adds_to_it() -> None:
    text = "a: 1\nb: {c: [1]}\nb: {d: 2}\n"
    found = only(text)
    assert [(words(text, one.span), one.text) for one in found.related] == [("b", "first here")]
    assert found.related[0].span.start == text.index("b")
    assert read_text(text)[0][0].data == {"a": 1, "b": {"c": [1], "d": 2}}
    assert read_text("a: [1]\na: [2, 3]\n")[0][0].data == {"a": [1, 2, 3]}
    assert read_text("a: {b: 1}\na: {b: 2, c: 3}\n")[0][0].data == {"a": {"b": 1, "c": 3}}
    assert read_text("a: 1\na: 2\na: {b: 3}\n")[0][0].data == {"a": 1}
    assert read_text("a: {<<: {b: 1, c: 2}, c: 3}\n")[0][0].data == {"a": {"b": 1, "c": 3}}


def test_a_document_that_begins_again_is_read_as_two() -> None:
    text = "table: a\nx: {b: 1}\ntable: c\nx: {d: 2}\n---\ntable: e\nx: 1\ntable: f\n"
    documents, found = read_text(text)
    assert [one.data for one in documents] == [
        {"table": "a", "x": {"b": 1}}, {"table": "c", "x": {"d": 2}}, {"table": "e", "x": 1}, {"table": "f"},
    ]  # fmt: skip
    assert findings(text) == ["S013 3:1 table", "S013 8:1 table"]
    assert found[0].help == "write a line `---` above it"
    assert words(text, documents[1].value(("x", "d"))) == "2"
    text = "table: a\nx: 1\ntable: b\nx: [\n---\ntable: c\n"
    assert findings(text) == ["S013 3:1 table", "S005 4:4 ["]
    assert [one.data for one in read_text(text)[0]] == [
        {"table": "a", "x": 1},
        {"table": "b"},
        {"table": "c"},
    ]


def test_a_bracket_points_at_where_the_text_no_longer_fits() -> None:
    text = "a: [b\nc: d\n"
    assert words(text, only(text).related[0].span) == ":"


def test_several_findings_come_in_the_order_of_the_text() -> None:
    text = "a: {b: 1,\n\tc: no}\nd: yes\n---\n1: x\n---\ne: [\n"
    assert findings(text) == ["S002 2:1 \t", "S015 2:5 no", "S015 3:4 yes", "S014 5:1 1", "S005 7:4 ["]


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_after_an_error_the_documents_below_are_read_with_their_places(ending: str) -> None:
    lines = [
        "a: 😀 é",
        "---",
        "b: order",
        "c: d: e",
        "--- # next",
        "f: [g, h]",
        "---",
        "i: [",
        "---",
        "j: {k: 1}",
    ]
    text = ending.join([*lines, ""])
    documents, found = read_text(text)
    assert [one.data for one in documents] == [
        {"a": "😀 é"}, {"b": "order"}, {"f": ["g", "h"]}, {}, {"j": {"k": 1}},
    ]  # fmt: skip
    assert [one.broken for one in documents] == [False, True, False, True, False]
    assert [one.code.id for one in found] == ["S003", "S005"]
    assert words(text, documents[0].value(("a",))) == "😀 é"
    assert words(text, documents[1].value(("b",))) == "order"
    assert words(text, documents[1].key(("b",))) == "b"
    assert words(text, documents[2].value(("f", 1))) == "h"
    assert words(text, documents[4].value(("j", "k"))) == "1"
    assert words(text, documents[4].key(("j", "k"))) == "k"


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("lifecycle: order\nstates: [", {"lifecycle": "order"}),
        ("# about it\n\nlifecycle: order # here\nstates: [", {"lifecycle": "order"}),
        ("---\nlifecycle: 'order'\nstates: [", {"lifecycle": "order"}),
        ("lifecycle: [order\nstates: x", {}),
        ("states: {a: b}\nlifecycle: [", {}),
        ("lifecycle: 12\nb: [", {}),
        ("lifecycle:\nb: [", {}),
        ("{lifecycle: order, a: b}\nb: c", {}),
        ("lifecycle: @order", {}),
        ("lifecycle", {}),
    ],
)
def test_a_broken_document_declares_at_most_its_first_line(text: str, first: dict[str, str]) -> None:
    documents, found = read_text(text)
    if text == "lifecycle":
        assert documents == ()
        return
    assert [(one.data, one.broken) for one in documents] == [(first, True)]
    assert len(found) == 1
    assert set(documents[0].root.children) == set(first)


@pytest.mark.parametrize(
    "text", ["a: no", "a: 1\na: 2", "1: a", "a: &x b", "a: !x b", "a: [b c, d e]", "a: {\n\tb: 1}"]
)
def test_a_doubtful_value_does_not_make_a_document_broken(text: str) -> None:
    documents, found = read_text(text + "\nz: whole\n")
    assert len(found) == 1
    assert documents[0].data["z"] == "whole"
    assert not documents[0].broken


@pytest.mark.parametrize("text", ["", "\n", "# only a comment\n", "---\n---\n", "\ufeff", "---\n# x\n...\n"])
def test_documents_without_content_are_left_out(text: str) -> None:
    assert read_text(text) == ((), ())


def test_a_byte_order_mark_at_the_beginning_is_no_part_of_the_text() -> None:
    text = "\ufeffa: 1\n---\nb: no\n"
    documents, found = read_text(text)
    assert [one.data for one in documents] == [{"a": 1}, {"b": "no"}]
    assert words(text, documents[0].key(("a",))) == "a"
    assert words(text, found[0].span) == "no"


def test_nesting_ends_at_the_limit_and_not_before() -> None:
    inside = MAX_DEPTH - 1
    assert data("a: " + "[" * inside + "]" * inside)
    assert data("\n".join("  " * depth + "a:" for depth in range(MAX_DEPTH)))
    assert findings("\n".join("  " * depth + "a:" for depth in range(MAX_DEPTH + 1)))[0].startswith(
        "S010 65:"
    )


@pytest.mark.parametrize("unit", ["[", "{", "{a: ", "- ", "? ", "[{a: "])
@pytest.mark.parametrize("start", ["", "a: ", "a:\n  "])
def test_a_hundred_thousand_levels_are_refused_without_recursion(start: str, unit: str) -> None:
    (found,) = read_text(start + unit * 100_000)[1]
    assert found.code.id in ("S010", "S004")


@pytest.mark.parametrize(
    "text",
    [
        "a: [" + "{a b}, " * 20_000 + "]",
        "a: {" + "a b, " * 20_000 + "}",
        "a: " + "1" * 100_000 + "x",
        "a: @" + " " * 100_000 + "x",
        "a: b" + " " * 100_000 + "c: d",
        "a: '" + " " * 100_000 + "\n" * 1000,
        "---\na: [\n" * 3_000,
        "a: &a [x]\n" + "\n".join(f"a{n}: &a{n} [*a, *a]" for n in range(1000)),
    ],
    ids=["keys", "rest", "digits", "blanks", "colon", "quote", "documents", "aliases"],
)
def test_texts_made_to_be_slow_are_refused_or_read(text: str) -> None:
    """Quadratic behaviour would take minutes here, which nobody fails to notice."""
    documents, found = read_text(text)
    assert found or documents[0].data


def test_a_text_beyond_the_limit_is_not_read() -> None:
    text = "a: " + "x" * (MAX_CHARACTERS - 3)
    assert read_text(text)[1] == ()
    assert findings(text + "x") == ["S010 1:1 a"]


TREE = """\
table: order  # its name
columns:
  id:   uuid
  "sum, net": {sql: 'numeric(10,2)', about: "Ä 😀"}
  note: |
    first
      second

keys:
- [id]
- id
empty:
last: two
  lines
"""


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_every_key_and_value_has_its_place(ending: str) -> None:
    text = TREE.replace("\n", ending)
    ((document,), found) = read_text(text)
    assert found == ()
    places = {
        ("table",): ("table", "order"),
        ("columns", "id"): ("id", "uuid"),
        ("columns", "sum, net"): ('"sum, net"', "{sql: 'numeric(10,2)', about: \"Ä 😀\"}"),
        ("columns", "sum, net", "sql"): ("sql", "'numeric(10,2)'"),
        ("columns", "sum, net", "about"): ("about", '"Ä 😀"'),
        ("columns", "note"): ("note", f"|{ending}    first{ending}      second"),
        ("keys",): ("keys", f"- [id]{ending}- id"),
        ("keys", 0): ("[id]", "[id]"),
        ("keys", 0, 0): ("id", "id"),
        ("keys", 1): ("id", "id"),
        ("empty",): ("empty", ""),
        ("last",): ("last", f"two{ending}  lines"),
    }
    for path, (key, value) in places.items():
        assert words(text, document.key(path)) == key
        assert words(text, document.value(path)) == value
    assert words(text, document.value(())) == text.rstrip()
    assert document.key(("columns", "id", "missing")) == document.key(("columns", "id"))
    assert [document.node(path).style for path in ((), ("keys", 0), ("columns", "note"), ("table",))] == [
        "-", "[", "|", "",
    ]  # fmt: skip


def test_tabs_are_text_where_text_is_marked_off() -> None:
    text = "a: \"b\tc\" # d\te\n# \tf\ng: |  # \th\n  i\tj\n  \tk\nl: 'm\tn'  # \t\n"
    assert data(text) == [{"a": "b\tc", "g": "i\tj\n\tk\n", "l": "m\tn"}]


def test_odd_spaces_are_text_where_no_plain_one_is_meant() -> None:
    odd = "\u00a0"
    text = f"a: b{odd}c # d{odd}e\n# {odd}f\ng: |\n  h{odd}\n  {odd}i\nj: 'k{odd}'\nl: \"{odd}m\"\n"
    assert data(text) == [{"a": f"b{odd}c", "g": f"h{odd}\n{odd}i\n", "j": f"k{odd}", "l": f"{odd}m"}]


def test_what_odd_spaces_indent_is_read_as_it_looks() -> None:
    documents, found = read_text("a:\n  b: 1\n\u00a0\u00a0c:\u00a02\nd: 3\u00a0\n")
    assert [one.data for one in documents] == [{"a": {"b": 1, "c": 2}, "d": 3}]
    assert [(one.message, one.notes) for one in found] == [
        ("a no-break space (U+00A0) indents this line", ("2 more below",))
    ]


@pytest.mark.parametrize(
    ("text", "value", "helps"),
    [
        ("[a, f(b, c), d]", ["a", "f(b, c)", "d"], ['quote the item: "f(b, c)"']),
        ("[f(a, b), g (c)]", ["f(a, b)", "g (c)"], ['quote the items: "f(a, b)" and "g (c)"']),
        ("[f(a, b), g(c, d)]", ["f(a, b)", "g(c, d)"], ['quote the items: "f(a, b)" and "g(c, d)"']),
        ("{a: f(b, c), d: 1}", {"a": "f(b, c)", "d": 1}, ['quote the text: "f(b, c)"']),
        (
            "{a: f(b, c), d: g(e, h)}",
            {"a": "f(b, c)", "d": "g(e, h)"},
            ['quote the text: "f(b, c)"', 'quote the text: "g(e, h)"'],
        ),
        ("{a: One, two, three., d: 1}", {"a": "One, two, three.", "d": 1}, ['quote the text: "One, two, three."']),
        ("{a: 1,000, b: 2}", {"a": 1000, "b": 2}, ["write `1000`"]),
        ("{a: 1,000,000}", {"a": 1000000}, ["write `1000000`"]),
        ("{a:b, c: 1}", {"a": "b", "c": 1}, ["put a space after the colon"]),
        ("{a: One two., b:3}", {"a": "One two.", "b": 3}, ["put a space after the colon"]),
        ("{a: See this, http://b.c}", {"a": "See this, http://b.c"}, ['quote the text: "See this, http://b.c"']),
        ("{a:1, b:true}", {"a": 1, "b": True}, ["put a space after the colon"] * 2),
        ("{a: 1, when: b in ('c', 'd')}", None, ["quote the text: \"b in ('c', 'd')\""]),
    ],
)  # fmt: skip
def test_a_split_text_is_read_as_it_was_meant(text: str, value: Any, helps: list[str]) -> None:
    documents, found = read_text(f"x: {text}\nz: 1\n")
    assert [(one.code.id, one.help) for one in found] == [("S016", help) for help in helps]
    assert documents[0].data == ({"x": value, "z": 1} if value is not None else {})


def test_a_carriage_return_is_part_of_the_line_end_and_not_of_the_value() -> None:
    assert data("a: |\r\n  b\r\n  c\r\nd: e\r\nf: 'g\r\n  h'\r\n") == [{"a": "b\nc\n", "d": "e", "f": "g h"}]


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize(
    "written",
    [
        "select wrong from t",
        "'select ''x'', wrong'",
        '"it\'s wrong, 😀"',
        "|\n    select 1\n      from wrong\n\n    where 😀 wrong",
        "|-  # why\n\n    é\n    wrong\n",
        "first\n    line wrong\n\n\n    here",
        "'first   \n\n    wrong  '",
        '"\n    wrong"',
    ],
)
def test_an_offset_in_a_text_is_found_in_the_file(written: str, ending: str) -> None:
    text = f"a:\n  b: {written}\nz: wrong\n".replace("\n", ending)
    source = SourceFile("specs/a.yaml", text)
    ((document,), found) = read(source)
    assert found == ()
    value, node = document.data["a"]["b"], document.node(("a", "b"))
    at = value.rindex("wrong")
    assert inner(source, node, at, 5).start == text.rindex("wrong", 0, text.index("z: "))
    assert words(text, inner(source, node, at, 5)) == "wrong"
    for offset, sign in enumerate(value):
        span = inner(source, node, offset)
        is_line_end = sign in " \n" and (words(text, span) == "\n" or span.start == span.end == node.end)
        assert words(text, span) == sign or is_line_end
        assert node.start <= span.start <= span.end <= node.end


@pytest.mark.parametrize("written", [">\n  folded wrong\n  text", '"a\\twrong"', "|2\n    wrong"])
def test_where_characters_do_not_map_one_to_one_the_whole_text_is_meant(written: str) -> None:
    text = f"a: {written}\n"
    source = SourceFile("specs/a.yaml", text)
    ((document,), _) = read(source)
    node = document.node(("a",))
    assert inner(source, node, 2) == Span("specs/a.yaml", node.start, node.end)
    assert words(text, inner(source, node, 2)).endswith(written[-4:])


def test_an_offset_beyond_the_text_means_its_end() -> None:
    source = SourceFile("specs/a.yaml", "a: 'bc'\nd: ''\n")
    ((document,), _) = read(source)
    assert inner(source, document.node(("a",)), 9) == Span("specs/a.yaml", 6, 6)
    assert inner(source, document.node(("a",)), 1, 9) == Span("specs/a.yaml", 5, 6)
    assert inner(source, document.node(("d",)), 0).start == source.text.index("''")

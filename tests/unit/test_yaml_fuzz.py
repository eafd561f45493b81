"""Random YAML, valid and not: what is accepted silently is what PyYAML reads, and every place is right.

The texts are grown by a grammar and then, in part, damaged. `SPECC_FUZZ=100000` tries so many instead of 5,000.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
import yaml as pyyaml
from hypothesis import given, settings
from hypothesis import strategies as st

from specc.diagnostics import Diagnostic, SourceFile
from specc.load import scalars
from specc.load.document import Document, Node
from specc.load.yaml import inner, read

TEXTS = int(os.environ.get("SPECC_FUZZ", "5000"))
SHARES = 10

WORDS = [
    "order",
    "new",
    "in_progress",
    "a-b",
    "it's",
    "état",
    "Ä",
    "😀",
    "x:y",
    "b#c",
    "v1.2",
    "(z)",
    "50%",
    "A/b",
]
VALUES = ["0", "7", "-12", "1.5", ".5", "1.0e+3", "0x1f", "true", "False", "null", "1.10", "15 minutes"]
DOUBTFUL = ["no", "on", "y", "0644", "12:30", "1_000", "1e3", ".inf", "~", "=", "2024-01-02", "9" * 20]
WRONG = [
    "@a",
    "*b",
    "&c d",
    "!e f",
    "- g",
    "> h",
    "<<: i",
    "j: k",
    "'l",
    '"m\\q"',
    "[n",
    "o]",
    "%p",
    ",",
    "{q}: r",
]
KEYS = [
    "a",
    "b",
    "c",
    "name",
    "état",
    "😀",
    "a b",
    "x-y",
    "k1",
    "'it''s'",
    '"d q"',
    '"\\u00e9"',
    "a:b",
    "v1.2",
]
ESCAPES = ["", "", "\\n", "\\t", "\\u00e9", "\\U0001F600", "\\\\", "\\\n    ", '\\"']
HOT = "-:{}[],'\"#&*!|>%@` \t\n?~\\=<\r\0\u2028\ufeff\x7f\ud800😀é0x"


class Grower:
    """Grows a text from a seed; one seed gives one text on every machine."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.is_strict = self.chance(0.7)

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def words(self, most: int = 4) -> str:
        return " ".join(self.random.choices(WORDS, k=self.random.randint(1, most)))

    def plain(self) -> str:
        if self.chance(0.3):
            return self.random.choice(VALUES)
        if not self.is_strict and self.chance(0.15):
            return self.random.choice(DOUBTFUL + WRONG)
        return self.words()

    def remark(self) -> str:
        return f"  # {self.words()}: [" if self.chance(0.1) else ""

    def folded(self, text: str, depth: int) -> str:
        """Break a text into lines where it has blanks."""
        end = self.random.choice(["\n", "\n\n", " \n", "\n \n\n"])
        return text.replace(" ", end + "  " * (depth + 1), self.random.randint(0, 3))

    def quoted(self, depth: int) -> str:
        text = (
            self.random.choice(["", " ", "a: b, "]) + self.words(6) + self.random.choice(["", " ", " #", ","])
        )
        if self.chance(0.3):
            text = self.folded(text, depth)
        if self.chance(0.5):
            return "'" + text.replace("'", "''") + "'"
        return '"' + text + self.random.choice(ESCAPES) + '"'

    def block(self, depth: int) -> str:
        """Return a literal or folded block, with its header."""
        margin = " " * self.random.randint(1, 3) + "  " * depth
        lines = [
            self.random.choice(["", "  ", "# "]) + self.words() for _ in range(self.random.randint(1, 4))
        ]
        lines[0] = lines[0].strip()
        body = "".join(("" if self.chance(0.15) else margin + one) + "\n" for one in lines)
        head = self.random.choice("|||>") + self.random.choice(["", "", "-", "+"])
        return head + self.remark() + "\n" + body + "\n" * self.random.choice([0, 0, 1, 2])

    def flow(self, depth: int, level: int = 0) -> str:
        """Return a mapping or list in brackets."""
        is_mapping = self.chance(0.5)
        gap = self.random.choice(["", " ", "\n" + "  " * (depth + 1)]) if self.chance(0.3) else ""
        items = []
        for key in self.random.sample(KEYS, self.random.randint(0, 4)):
            value = self.flow_value(depth, level)
            items.append((f"{key}: {value}" if self.chance(0.97) else key) if is_mapping else value)
        inside = gap + ("," + (gap or " ")).join(items) + gap
        return "{" + inside + "}" if is_mapping else "[" + inside + "]"

    def flow_value(self, depth: int, level: int) -> str:
        if level < 3 and self.chance(0.2):
            return self.flow(depth, level + 1)
        if self.chance(0.4):
            return self.quoted(depth)
        return self.plain() if self.chance(0.4) else self.words(1)

    def value(self, depth: int) -> str:
        """Return what stands behind a key or a dash, with the line end."""
        kind = self.random.choice(
            ["plain", "plain", "quoted", "block", "flow", "mapping", "list", "none", "folded"]
        )
        if kind == "mapping" and depth < 4:
            return self.remark() + "\n" + self.mapping(depth + 1)
        if kind == "list" and depth < 4:
            return self.remark() + "\n" + self.list(depth + self.random.randint(0, 1))
        if kind == "block":
            return " " + self.block(depth)
        if kind == "none":
            return self.remark() + "\n"
        texts = {
            "quoted": self.quoted,
            "flow": self.flow,
            "folded": lambda one: self.folded(self.words(6), one),
        }
        text = texts[kind](depth) if kind in texts else self.plain()
        return " " * self.random.choice([1, 1, 1, 3]) + text + self.remark() + "\n"

    def mapping(self, depth: int) -> str:
        keys = self.random.sample(KEYS, self.random.randint(1, 4))
        if not self.is_strict and self.chance(0.1):
            keys.append(self.random.choice([*keys, "no", "1", "null", "? d", "[e]", "<<"]))
        gaps = [self.random.choice(["", "", "", "", "\n", "# b: [\n"]) for _ in keys]
        rows = zip(gaps, keys, strict=True)
        return "".join(f"{gap}{'  ' * depth}{key}:{self.value(depth)}" for gap, key in rows)

    def list(self, depth: int) -> str:
        return "".join(f"{'  ' * depth}-{self.item(depth)}" for _ in range(self.random.randint(1, 3)))

    def item(self, depth: int) -> str:
        if depth < 4 and self.chance(0.3):
            rows = self.mapping(depth + 1).removeprefix("\n").removeprefix("# b: [\n")
            return " " + rows[2 * (depth + 1) :]
        return self.value(depth)

    def text(self) -> str:
        """Return one to three documents, one text in four damaged."""
        count = self.random.choice([1, 1, 1, 2, 3])
        start = self.random.choice(["", "", "---\n", "# first\n---  # x\n", "\ufeff"])
        between = self.random.choice(["---\n", "--- \n\n", "...\n---\n"])
        text = start + between.join(self.mapping(0) for _ in range(count))
        if self.chance(0.25):
            text = self.damaged(text)
        return text.replace("\n", "\r\n") if self.chance(0.2) else text

    def damaged(self, text: str) -> str:
        for _ in range(self.random.randint(1, 3)):
            at = self.random.randint(0, len(text))
            end = min(at + self.random.choice([0, 0, 1, 1, 5, 30]), len(text))
            cut = text[at:end]
            new = [
                self.random.choice(HOT),
                "",
                cut + cut,
                "\n  ",
                "\n---\n",
                ": ",
                " #",
                self.random.choice(WRONG),
            ]
            text = text[:at] + self.random.choice(new) + text[end:]
        return text


def nodes(node: Node, value: Any) -> Iterator[tuple[Node, Any, Node, str | int]]:
    """Yield each node below a collection: node, value, the collection's node, and the key or index."""
    for step, child in node.children.items():
        yield child, value[step], node, step
        if isinstance(value[step], dict | list):
            yield from nodes(child, value[step])


def is_same(first: Any, second: Any) -> bool:
    """Compare two values with their types: 1, 1.0 and true are three things."""
    if type(first) is not type(second):
        return False
    if isinstance(first, dict):
        return list(first) == list(second) and all(is_same(first[key], second[key]) for key in first)
    if isinstance(first, list):
        return len(first) == len(second) and all(map(is_same, first, second))
    return bool(first == second)


def check_findings(source: SourceFile, found: tuple[Diagnostic, ...]) -> None:
    spans = [one.span for one in found]
    spans += [label.span for one in found for label in one.related]
    for span in spans:
        assert 0 <= span.start < span.end <= max(len(source.text), 1), found
    assert [one.span.start for one in found] == sorted(one.span.start for one in found)


def check_places(source: SourceFile, document: Document, *, is_united: bool) -> None:
    """Every span lies within the text and its collection; data and places have one shape.

    Where a key stands twice, the members of the second are added to the first.
    """
    assert 0 <= document.root.start <= document.root.end <= len(source.text)
    assert set(document.root.children) == set(document.data)
    for node, value, parent, step in nodes(document.root, document.data):
        assert is_united or parent.start <= node.start <= node.end <= parent.end
        if isinstance(step, str):
            assert is_united or parent.start <= node.key_start
            assert node.key_start <= node.key_end <= node.start
        else:
            assert node.key_start == node.key_end == -1
        steps = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
        assert set(node.children) == set(steps)


def check_texts(source: SourceFile, document: Document) -> None:
    """What a span covers is what was read there: keys, plain values, and each character of a text."""
    for node, value, _, step in nodes(document.root, document.data):
        if isinstance(step, str):
            key = source.text[node.key_start : node.key_end]
            assert key == step or (key[:1] in "'\"|>" and pyyaml.safe_load(key) == step) or "\n" in key
        written = source.text[node.start : node.end]
        if node.style == "" and not isinstance(value, str):
            assert is_same(scalars.read(written)[0], value)
        elif node.style == "" and "\n" not in written:
            assert written == value
        if isinstance(value, str) and value.strip():
            check_characters(source, node, value)


def check_characters(source: SourceFile, node: Node, value: str) -> None:
    written = source.text[node.start : node.end]
    is_exact = node.style in ("", "'") or (node.style == '"' and "\\" not in written)
    is_exact |= node.style == "|" and not any(sign.isdigit() for sign in written[:3])
    for offset, sign in enumerate(value):
        span = inner(source, node, offset)
        at = source.text[span.start : span.end]
        if is_exact:
            is_end = span.start == span.end == node.end
            assert at == sign or (sign in " \n" and at == "\n") or (is_end and sign in " \n")
        else:
            assert (span.start, span.end) == (node.start, node.end)


def check(text: str) -> str:
    """Read a text and check all that can be said of any text; return `accepted` or the first code."""
    source = SourceFile("specs/a.yaml", text)
    documents, found = read(source)
    check_findings(source, found)
    for document in documents:
        check_places(source, document, is_united="S013" in {one.code.id for one in found})
        assert not document.broken or len(document.data) <= 1
        if not document.broken and not {one.code.id for one in found} & {"S009", "S017", "S018"}:
            check_texts(source, document)
    if found:
        return found[0].code.id
    assert not any(document.broken for document in documents)
    assert is_same([document.data for document in documents], reference(text))
    return "accepted"


def reference(text: str) -> list[Any]:
    """Read a text with PyYAML; documents without content are left out."""
    try:
        return [value for value in pyyaml.safe_load_all(text) if value is not None]
    except pyyaml.YAMLError:
        # Its Python parser refuses `?` in plain texts inside brackets, which YAML 1.2 and libyaml allow.
        assert "?" in text
        return [value for value in pyyaml.load_all(text, Loader=pyyaml.CSafeLoader) if value is not None]


@pytest.mark.parametrize("share", range(SHARES))
def test_what_is_accepted_is_what_other_readers_read(share: int) -> None:
    results: Counter[str] = Counter()
    for number in range(TEXTS // SHARES):
        text = Grower(share * 10_000_000 + number).text()
        try:
            results[check(text)] += 1
        except Exception as error:
            raise AssertionError(f"seed {share * 10_000_000 + number}: {text!r}") from error
    print(dict(sorted(results.items())))  # noqa: T201 - shown by `pytest -rP`
    # A grammar that grows nothing right, or nothing wrong, would prove nothing.
    assert results["accepted"] > sum(results.values()) * 0.3
    assert len(results) > 8


@pytest.mark.parametrize("share", range(SHARES))
def test_a_mistake_stays_within_its_document(share: int) -> None:
    before, after = "a: [b, 😀]\n---\n", "\n---\nc: {d: é}\n"
    broken = 0
    for number in range(TEXTS // SHARES // 5):
        grower = Grower(share * 10_000_000 + number)
        text = grower.damaged(grower.mapping(0))
        documents, found = read(SourceFile("specs/a.yaml", before + text + after))
        broken += any(one.broken for one in documents)
        start = len(before + text)
        assert documents[0].data == {"a": ["b", "😀"]}, text
        assert documents[-1].data == {"c": {"d": "é"}}, text
        assert not documents[0].broken
        assert not documents[-1].broken
        assert documents[-1].value(("c", "d")).start == start + after.index("é")
        assert all(len(before) <= one.span.start < start for one in found), text
    assert broken


@settings(deadline=None, max_examples=TEXTS // 10, derandomize=True)
@given(st.text(st.characters(codec=None, exclude_categories=()), max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    check(text)


@settings(deadline=None, max_examples=TEXTS // 5, derandomize=True)
@given(st.text(st.sampled_from(HOT + "ab: -\n"), max_size=40))
def test_any_heap_of_signs_is_read_or_refused(text: str) -> None:
    check(text)

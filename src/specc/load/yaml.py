"""YAML texts as documents: data, the span of every key and value, and the findings S001 to S020.

One or more documents come in, each a mapping; plain dicts, lists and scalars go out. It never raises on a
text, follows no alias, and never changes a value without a finding. Documents without content are left out.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.events import ScalarEvent

from specc.diagnostics import Diagnostic, SourceFile, Span
from specc.load import spaces, syntax, yaml_codes
from specc.load.builder import MAX_DEPTH, Builder
from specc.load.document import Document, Node
from specc.load.positions import inner
from specc.load.yaml_codes import CODES
from specc.load.yaml_findings import Findings, brief

__all__ = ["CODES", "MAX_CHARACTERS", "MAX_DEPTH", "inner", "read"]

MAX_CHARACTERS = 5_000_000

# `---` at the start of a line begins a document wherever it stands, even inside quotes and brackets.
_DOCUMENT_START = re.compile(r"^---(?=[ \t\r\n]|\Z)", re.MULTILINE)
# All but: tab, line ends, and what YAML calls printable without foreign line ends and marks of direction.
_UNWANTED = re.compile(
    r"\r(?!\n)|[^\t\n\r\x20-\x7e\xa0-\u2027\u202f-\u2065\u206a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
_OWN_MISTAKES = (yaml_codes.ANCHOR, yaml_codes.TAG, yaml_codes.ODD_SPACE)
_LINE_ENDS = frozenset("\r\x85\u2028\u2029")
_LONGEST_WORD = 200
_BREAK = re.compile(r"[\s:,\[\]{}]")
_TABS = re.compile(r"\t+")
_COMMENT = re.compile(r"(?:^|[ \t])#", re.MULTILINE)
_FIRST_LINE = re.compile(r"^(?!---|%|[ \t]*(?:#|\r?$))[^\n]+", re.MULTILINE)


def read(source: SourceFile) -> tuple[tuple[Document, ...], tuple[Diagnostic, ...]]:
    """Read every document of a text, and what is wrong with them, in the order of the text.

    A document with an error of syntax comes back `broken`, the others of the file whole. Doubtful values
    stay as far as they can be used: of duplicate keys the first, of ambiguous scalars the text as written.
    """
    if len(source.text) > MAX_CHARACTERS:
        message = f"the file has {len(source.text)} characters, more than the {MAX_CHARACTERS} allowed"
        return (), (yaml_codes.LIMIT.at(Span(source.path, 0, 1), message),)
    start = 1 if source.text.startswith("\ufeff") else 0
    readers = [_Reader(source.text[start:], start, Findings(source.path, len(source.text)))]
    documents = readers[0].documents()
    cuts: dict[int, Diagnostic] = {}
    for _ in range(2):
        # Most texts are right and read in one go; after an error each document is read by itself, and once more
        # where one of them turns out to be two.
        if any(reader.is_stopped or reader.restarts for reader in readers):
            cuts |= {found.span.start: found for reader in readers for found in reader.restarts}
            parts = _parts(source.text, start, list(cuts))
            readers = [_Reader(source.text[at:end], at, Findings(source.path, end)) for at, end in parts]
            documents = [document for reader in readers for document in reader.documents()]
    found = [*cuts.values(), *(one for reader in readers for one in reader.found.made)]
    return tuple(documents), tuple(sorted(found, key=lambda one: one.span.start))


def _parts(text: str, start: int, cuts: list[int]) -> Iterator[tuple[int, int]]:
    """Yield the ranges of the documents of a text, each with the `---` before it, if there is one."""
    marks = sorted({*cuts, *(mark.start() for mark in _DOCUMENT_START.finditer(text, start))})
    for mark in marks:
        if mark > start:
            yield start, mark
        start = mark
    if start < len(text):
        yield start, len(text)


def _word(text: str, at: int) -> tuple[int, int]:
    """Return start and end of the run without blanks or colons around a place, of a reasonable length."""
    start, end = max(at - _LONGEST_WORD, 0), at + _LONGEST_WORD
    before, after = _BREAK.split(text[start:at])[-1], _BREAK.split(text[at + 1 : end])[0]
    return at - len(before), at + 1 + len(after)


@dataclass(slots=True)
class _Reader:
    """Reads the documents in `text`, which begins at the offset `base` of its file; an error stops it."""

    text: str
    base: int
    found: Findings
    is_stopped: bool = False
    restarts: tuple[Diagnostic, ...] = ()

    def documents(self) -> list[Document]:
        """Return the documents, or the broken one at which the reading stopped; none without content."""
        is_unclean = self._replace_unwanted()
        self._replace_odd_spaces()
        builder = Builder(self.text, self.base, self.found)
        try:
            roots = builder.build()
        except yaml.MarkedYAMLError as error:
            if not is_unclean:
                self._add_syntax_error(self._failure(error, builder))
            return self._broken()
        finally:
            self.restarts = tuple(self.found.restart(*one) for one in builder.restarts)
        if builder.is_unreadable:
            return self._broken()
        self._check_tabs()
        return [
            Document(self.found.path, value, node) for value, node in roots if self._is_mapping(value, node)
        ]

    def _replace_unwanted(self) -> bool:
        """Report characters that no one can see and put others in their place, one for one."""
        marks = list(_UNWANTED.finditer(self.text))
        if marks:
            start = self.base + marks[0].start()
            message = f"the character U+{ord(marks[0][0]):04X} has no place in a spec"
            notes = (f"{len(marks) - 1} more below",) if len(marks) > 1 else ()
            span = Span(self.found.path, start, start + 1)
            hint = "remove it, or write it as an escape in double quotes"
            word = Span(self.found.path, *(self.base + at for at in _word(self.text, marks[0].start())))
            self.found.made.append(yaml_codes.CONTROL.at(span, message, notes=notes, help=hint, covers=word))
            self.text = _UNWANTED.sub(lambda mark: "\n" if mark[0] in _LINE_ENDS else "\ufffd", self.text)
        return bool(marks)

    def _replace_odd_spaces(self) -> None:
        """Report spaces that YAML takes for letters where a plain one is meant, and read them as plain ones."""
        places = spaces.misplaced(self.text)
        if places:
            self.found.made.append(spaces.finding(self.found.path, self.text, self.base, places))
            parts, last = [], 0
            for at in places:
                parts += [self.text[last:at], " "]
                last = at + 1
            self.text = "".join([*parts, self.text[last:]])

    def _failure(self, error: yaml.MarkedYAMLError, builder: Builder) -> syntax.Failure:
        at = error.problem_mark.index if error.problem_mark else len(self.text)
        context_at = error.context_mark.index if error.context_mark else -1
        last, innermost = (
            Node(node.start - self.base, node.end - self.base, node.style)
            for node in (builder.last, builder.innermost)
        )
        return syntax.Failure(
            self.found.path,
            self.text,
            self.base,
            error.problem or "",
            error.context or "",
            at,
            context_at,
            last,
            innermost,
        )

    def _add_syntax_error(self, failure: syntax.Failure) -> None:
        """Report what stopped the parser, as one error for its line.

        An alias, a tag or an odd space on the line is the mistake itself; doubts about single values are its
        consequence.
        """
        error = syntax.explain(failure)
        start = failure.line_start(error.span.start - self.base)
        line = range(start + self.base, start + self.base + len(self.text[start:].split("\n", 1)[0]) + 1)
        on_line = [one for one in self.found.made if one.span.start in line]
        if not any(one.code in _OWN_MISTAKES for one in on_line):
            self.found.made = [one for one in self.found.made if one not in on_line]
            self.found.made.append(error)

    def _broken(self) -> list[Document]:
        """Return what can be told without the rest: the first line, if it is `key: value` by itself."""
        self.is_stopped = True
        first = _FIRST_LINE.search(self.text)
        if first is None:
            return []
        start = self.base + first.start()
        root = Node(start, self.base + len(self.text.rstrip()), "-")
        try:
            roots = Builder(first[0], start, Findings(self.found.path, root.end)).build()
        except yaml.MarkedYAMLError:
            roots = []
        for value, node in roots:
            is_line = isinstance(value, dict) and node.style == "-"
            if is_line and all(isinstance(one, str) and one for one in value.values()):
                return [
                    Document(self.found.path, value, Node(start, root.end, "-", -1, -1, node.children), True)
                ]
        return [Document(self.found.path, {}, root, broken=True)]

    def _is_mapping(self, value: Any, node: Node) -> bool:
        if isinstance(value, dict):
            return True
        written = self.text[node.start - self.base : node.end - self.base]
        is_list = isinstance(value, list)
        if written and (is_list or not any(one.span.start == node.start for one in self.found.made)):
            what = "a list" if is_list else f"the value {brief(written)}"
            message = f"a document is a mapping, and this one is {what}"
            end = node.start + 1 if is_list or "\n" in written else node.end
            has_colon = isinstance(value, str) and ":" in value
            hint = "put a space after the colon" if has_colon else "write `key: value`"
            span = Span(self.found.path, node.start, end)
            self.found.made.append(yaml_codes.NOT_A_MAPPING.at(span, message, help=hint))
        return False

    def _check_tabs(self) -> None:
        """Report the first tab that the parser took for a space: outside of comments, quotes and blocks."""
        at = self.text.find("\t")
        if at < 0:
            return
        texts = [
            (event.start_mark.index, event.end_mark.index)  # type: ignore[union-attr]
            for event in yaml.parse(self.text, Loader=yaml.CSafeLoader)
            if isinstance(event, ScalarEvent) and event.style
        ]
        while at >= 0:
            before = bisect(texts, (at,)) - 1
            text_end = texts[before][1] if before >= 0 else 0
            line_start = self.text.rfind("\n", 0, at) + 1
            if at < text_end:
                at = self.text.find("\t", text_end)
            elif _COMMENT.search(self.text, max(line_start, text_end), at):
                at = self.text.find("\t", max(self.text.find("\n", at), at + 1))
            else:
                run = _TABS.match(self.text, at)
                span = Span(self.found.path, self.base + at, self.base + (run.end() if run else at + 1))
                self.found.made.append(
                    yaml_codes.tab_at(span, is_indentation=not self.text[line_start:at].strip())
                )
                return

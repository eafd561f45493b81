"""The words of the findings about values and keys: what the builder of documents reports, and how to mend it.

Takes offsets in the file and the text as written; keeps the findings in the order in which they were made.
"""

from __future__ import annotations

from bisect import bisect
from dataclasses import dataclass, field
from typing import Any

from specc.diagnostics import Diagnostic, Label, Span
from specc.load import yaml_codes
from specc.load.document import Node

_LONGEST_QUOTE = 60
_MEANT = {
    **dict.fromkeys(("yes", "y", "on"), "`true`"),
    **dict.fromkeys(("no", "n", "off"), "`false`"),
    "~": "`null`",
}
_TYPES = {bool: "a truth value", int: "a number", float: "a number", type(None): "null"}


def brief(text: str) -> str:
    """Put a text from the file into backticks, on one line and not too long."""
    line = " ".join(text.split())
    return f"`{line if len(line) <= _LONGEST_QUOTE else line[:_LONGEST_QUOTE] + '…'}`"


def quoted(text: str) -> str:
    """Write a text as a quoted YAML scalar on one line, as an author would."""
    line = " ".join(text.split()).strip("\u201c\u201d")
    return "'" + line.replace("'", "''") + "'" if '"' in line or "\\" in line else f'"{line}"'


@dataclass(slots=True)
class Findings:
    """What was found in a part of the file `path` that ends at the offset `end`."""

    path: str
    end: int
    made: list[Diagnostic] = field(default_factory=list)

    def _span(self, start: int, end: int) -> Span:
        """Return a span within the text that covers something; of nothing at the end, the last character."""
        end = min(max(end, start + 1), self.end)
        return Span(self.path, min(start, end - 1), end)

    def add_ambiguous(self, text: str, reason: str, start: int, end: int) -> None:
        """A plain scalar that readers of YAML take for different things."""
        message = f"the plain value {brief(text)} is ambiguous: {reason}"
        otherwise = _MEANT.get(text.lower(), "")
        hint = f"write {quoted(text)} if it is text" + (f", {otherwise} if not" if otherwise else "")
        self.made.append(
            yaml_codes.AMBIGUOUS.at(self._span(start, end), message, label="quote it", help=hint)
        )

    def add_empty_block(self, sign: str, start: int, end: int) -> None:
        """A `|` or `>` with no text below it."""
        message = f"`{sign}` opens a block of text, and nothing follows"
        hint = f'write "{sign}" if the sign is meant, "" if the text is empty'
        self.made.append(
            yaml_codes.AMBIGUOUS.at(self._span(start, end), message, label="an empty text", help=hint)
        )

    def add_nul(self, start: int, end: int) -> None:
        """A NUL character, written as an escape."""
        message = "the text holds a NUL character, which PostgreSQL cannot store"
        self.made.append(yaml_codes.CONTROL.at(self._span(start, end), message))

    def add_odd_key(self, text: str, value: Any, start: int, end: int) -> None:
        """A plain key that is a number, a truth value or null."""
        message = f"the key {brief(text)} is {_TYPES[type(value)]}, and names are text"
        hint = f"write {quoted(text)} if it is the name" if text else "give the entry a name"
        place = self._span(start, end) if text else self._span(start - 1, end)
        self.made.append(yaml_codes.KEY.at(place, message, help=hint))

    def add_complex_key(self, start: int, style: str, covers: tuple[int, int]) -> None:
        """A list or a mapping where a key belongs."""
        what = "list" if style == "[" else "mapping" if style == "{" else "collection"
        message = f"a {what} cannot be a key"
        hint = "quote a text that begins with a bracket" if style in "{[" else "write `key: value`"
        place, area = self._span(start, start + 1), self._span(*covers)
        self.made.append(yaml_codes.KEY.at(place, message, help=hint, covers=area))

    def add_duplicate(self, text: str, start: int, end: int, first: Node) -> None:
        """A key that stands twice in its mapping; `first` is the node of the first."""
        label = Label(self._span(first.key_start, first.key_end), "first here")
        message = f"the key {brief(text)} stands twice in this mapping"
        self.made.append(
            yaml_codes.DUPLICATE.at(self._span(start, end), message, label="again here", related=(label,))
        )

    def restart(self, start: int, end: int, first: Node) -> Diagnostic:
        """Report the first key of a document that stands in it again."""
        label = Label(self._span(first.key_start, first.key_end), "the document above begins here")
        message = "a second document begins here, and `---` is missing before it"
        hint = "write a line `---` above it"
        return yaml_codes.DUPLICATE.at(self._span(start, end), message, related=(label,), help=hint)

    def add_merge(self, start: int, end: int) -> None:
        """The key `<<`."""
        message = "specs have no merge key `<<`"
        hint = "write the entries out"
        self.made.append(yaml_codes.MERGE.at(self._span(start, end), message, help=hint))

    def add_anchor(self, text: str, start: int) -> None:
        """An anchor or an alias; `text` with its sign."""
        if text.startswith("*"):
            message, hint = (
                f"specs have no aliases such as {brief(text)}",
                "write the value out, or quote the text",
            )
        else:
            message, hint = f"specs have no anchors such as {brief(text)}", "remove it, or quote the text"
        self.made.append(yaml_codes.ANCHOR.at(self._span(start, start + len(text)), message, help=hint))

    def add_tag(self, text: str, start: int) -> None:
        """A tag; `text` with its sign."""
        message = f"specs have no tags such as {brief(text)}"
        hint = "remove it, or quote the text if it begins with `!`"
        self.made.append(yaml_codes.TAG.at(self._span(start, start + len(text)), message, help=hint))

    def add_depth(self, start: int, most: int) -> None:
        """A collection that begins deeper than `most` others."""
        message = f"collections nest more than {most} deep"
        while self.made and self.made[-1].code is yaml_codes.KEY:
            self.made.pop()  # the brackets on the way, each in the place of a key
        self.made.append(yaml_codes.LIMIT.at(self._span(start, start + 1), message))

    def add_split_key(self, name: str, start: int, end: int, whole: str, covers: tuple[int, int]) -> None:
        """An entry of `{ }` without a colon; `whole` is the text that was split there."""
        if whole == name:
            message, label = f"the entry {brief(name)} has no value", "`key: value` is expected"
            hint = (
                "put a space after the colon"
                if ":" in name
                else "quote the text it belongs to, or give it a value"
            )
        else:
            message, label = f"the comma before {brief(name)} splits the text", "became a key without a value"
            hint = f"quote the text: {quoted(whole)}"
        area = self._span(*covers)
        place = self._span(start, end)
        self.made.append(yaml_codes.SPLIT.at(place, message, label=label, help=hint, covers=area))

    def add_split_number(self, start: int, end: int, whole: str, covers: tuple[int, int]) -> None:
        """A number in `{ }` whose thousands a comma parts."""
        message, hint = (
            f"the comma splits the number {brief(whole)}",
            f"write {brief(whole.replace(',', ''))}",
        )
        area = self._span(*covers)
        self.made.append(yaml_codes.SPLIT.at(self._span(start, end), message, help=hint, covers=area))

    def add_split_item(
        self, first: str, start: int, end: int, wholes: list[str], covers: tuple[int, int]
    ) -> None:
        """An item of `[ ]` that a comma has split behind `first`; all of `wholes` want quotes."""
        message = f"the comma after {brief(first)} splits the text"
        listed = " and ".join(quoted(one) for one in wholes)
        hint = f"quote the {'item' if len(wholes) == 1 else 'items'}: {listed}"
        area = self._span(*covers)
        place = self._span(start, end)
        self.made.append(yaml_codes.SPLIT.at(place, message, label="quote it", help=hint, covers=area))

    def add_loose_item(self, text: str, start: int, end: int, covers: tuple[int, int]) -> None:
        """A plain item of `[ ]` that a comma may have split."""
        message = f"the plain text {brief(text)} inside `[ ]` may be part of a longer one: commas split it"
        hint = f"quote the item: {quoted(text)}"
        area = self._span(*covers)
        place = self._span(start, end)
        self.made.append(yaml_codes.SPLIT.at(place, message, label="quote it", help=hint, covers=area))

    def drop_within(self, ranges: list[tuple[int, int]], since: int) -> None:
        """Forget what was said about places that other findings explain, from the finding `since` on.

        The ranges come in the order of the text.
        """
        starts = [start for start, _ in ranges]

        def is_explained(found: Diagnostic) -> bool:
            at = bisect(starts, found.span.start) - 1
            return at >= 0 and found.span.start < ranges[at][1]

        self.made[since:] = [one for one in self.made[since:] if not is_explained(one)]

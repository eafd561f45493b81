"""What the parser's errors mean: from libyaml's words and marks to a finding that names the mistake.

libyaml reports where it could not go on, which is often lines below the mistake, in words about its own
grammar. Each reading below recognises one mistake and points at it; the last resort repeats the parser.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from specc.diagnostics import Code, Diagnostic, Label, Span
from specc.load import yaml_codes
from specc.load.document import Node
from specc.load.yaml_findings import brief, quoted
from specc.record import record

# No pattern here may try again from every place of a long run of blanks: such texts would take hours.
_REST_END = re.compile(r"[\r\n]|[ \t]#|\Z")
_FLOW_REST_END = re.compile(r"[\r\n,\[\]{}]|[ \t]#|\Z")
_KEY_BEFORE = re.compile(
    r"[ \t]*(?:- +)*(?:\"[^\"\n]*\"[ \t]*|'[^'\n]*'[ \t]*|[^\s#\"'][^\n]*?):[ \t]+(?=\S)"
)
_GLUED_KEY = re.compile(r"[ \t]*(?:- +)*([\w.-]+):(?=[{\[\"'])")
_DIRECTIVE = re.compile(r"^%[^\n\r]*", re.MULTILINE)
_CONFLICT = re.compile(r"^(?:<{7}|>{7}) [^\r\n]*", re.MULTILINE)
_LONGEST_KEY = 1024  # in YAML itself: the specification's limit for implicit keys
_CLOSING = {"{": "}", "[": "]"}


@record
class Failure:
    """Where and why the parser gave up on `text`, which begins at the offset `base` of its file.

    `at` and `context_at` are the parser's marks and `last` and `innermost` the last value that was complete
    and the innermost collection that was open, with offsets in the text.
    """

    path: str
    text: str
    base: int
    problem: str
    context: str
    at: int
    context_at: int
    last: Node
    innermost: Node

    @property
    def character(self) -> str:
        """The character at which the parser stopped; empty at the end of the text."""
        return self.text[self.at : self.at + 1]

    def span(self, start: int, end: int) -> Span:
        """Return a span in the file, never an empty one nor one that begins behind the last visible text."""
        start = min(start, max(len(self.text.rstrip()) - 1, 0))
        end = min(max(end, start + 1), len(self.text))
        return Span(self.path, start + self.base, end + self.base)

    def line_start(self, at: int) -> int:
        """Return where the line of `at` begins."""
        return self.text.rfind("\n", 0, at) + 1

    def is_same_line(self, first: int, second: int) -> bool:
        """Whether no line ends between two offsets."""
        return "\n" not in self.text[first:second]

    def rest(self, at: int) -> str:
        """Return the text from `at` to the end of its line or, inside brackets, of its entry."""
        end = (_FLOW_REST_END if self.innermost.style in _CLOSING else _REST_END).search(self.text, at)
        return self.text[at : end.start() if end else at].rstrip(" \t")

    def finding(
        self, code: Code, at: int, length: int, message: str, label: str = "", hint: str = ""
    ) -> Diagnostic:
        """Make a finding about `length` characters at an offset in the text."""
        return code.at(self.span(at, at + length), message, label=label, help=hint)


def explain(failure: Failure) -> Diagnostic:
    """Say what mistake made the parser stop."""
    for reading in _READINGS:
        found = reading(failure)
        if found is not None:
            return found
    return failure.finding(yaml_codes.SYNTAX, failure.at, 1, f"this is not YAML: {failure.problem}")


def _conflict(failure: Failure) -> Diagnostic | None:
    """The marks that git leaves where two changes do not fit together."""
    mark = _CONFLICT.search(failure.text)
    if mark is None:
        return None
    message, hint = "this is the mark of a merge conflict", "choose one of the two versions below it"
    return failure.finding(yaml_codes.SYNTAX, mark.start(), len(mark[0]), message, hint=hint)


def _tab(failure: Failure) -> Diagnostic | None:
    if failure.character != "\t":
        return None
    run = failure.text[failure.at :]
    length = len(run) - len(run.lstrip("\t"))
    is_indentation = not failure.text[failure.line_start(failure.at) : failure.at].strip()
    return yaml_codes.tab_at(failure.span(failure.at, failure.at + length), is_indentation=is_indentation)


def _directive(failure: Failure) -> Diagnostic | None:
    about_documents = "<document start>" in failure.problem or "YAML document" in failure.problem
    if not about_documents and "directive" not in failure.context + failure.problem:
        return None
    match = _DIRECTIVE.search(failure.text)
    if match is None:
        return None
    message = f"specs have no directives such as {brief(match[0])}"
    return failure.finding(
        yaml_codes.DIRECTIVE, match.start(), len(match[0].rstrip()), message, hint="remove the line"
    )


def _open_quote(failure: Failure) -> Diagnostic | None:
    if failure.context != "while scanning a quoted scalar":
        return None
    return _unclosed_quote(failure, failure.context_at)


def _unclosed_quote(failure: Failure, at: int) -> Diagnostic:
    sign = failure.text[at]
    message = f"the quote `{sign}` is never closed" if sign == '"' else "the quote `'` is never closed"
    hint = "inside '...' write '' for a quote" if sign == "'" else 'inside "..." write \\" for a quote'
    return failure.finding(yaml_codes.QUOTE, at, 1, message, label="opened here", hint=hint)


def _escape(failure: Failure) -> Diagnostic | None:
    if failure.context != "while parsing a quoted scalar":
        return None
    at = failure.text.rfind("\\", 0, failure.at + 1)
    if "Unicode" in failure.problem:
        message, hint = "this escape is no character", "write the character itself"
    else:
        sign = failure.text[at : at + 2]
        message, hint = (
            f"`{sign}` is no escape that YAML knows",
            "use '...', where a backslash is itself, or write \\\\",
        )
    return failure.finding(yaml_codes.ESCAPE, at, 2, message, hint=hint)


def _reserved(failure: Failure) -> Diagnostic | None:
    at, sign = failure.at, failure.character
    if failure.context in (
        "while scanning an alias",
        "while scanning an anchor",
        "while scanning a block scalar",
    ):
        at, sign = failure.context_at, failure.text[failure.context_at]
    elif "cannot start any token" in failure.problem or "not allowed in this context" in failure.problem:
        if sign == ":":
            return None
    elif not ("expected node content" in failure.problem and (sign == "-" or _is_value(failure, ","))):
        return None
    rest = failure.rest(at) or sign
    if not failure.text[failure.line_start(at) : at].strip(" -"):
        rest = rest.split(":")[0] or sign  # it stands where a key does
    shown = "a backtick" if sign == "`" else f"`{sign}`"
    if sign == "-" and failure.is_same_line(failure.innermost.start, at) and rest != sign:
        hint = f"write the list on lines of its own, or quote the text: {quoted(rest)}"
    else:
        hint = f"quote it: {quoted(rest)}"
    return failure.finding(yaml_codes.RESERVED, at, 1, f"plain text cannot begin with {shown}", hint=hint)


def _is_value(failure: Failure, sign: str) -> bool:
    return failure.character == sign and failure.context == "while parsing a block node"


def _tag(failure: Failure) -> Diagnostic | None:
    if " tag" not in failure.context + failure.problem:
        return None
    at = failure.context_at if failure.context_at >= 0 else failure.at
    text = failure.rest(at).split(" ")[0] or "!"
    message = f"specs have no tags such as {brief(text)}"
    hint = "remove it, or quote the text if it begins with `!`"
    return failure.finding(yaml_codes.TAG, at, len(text), message, hint=hint)


def _colon(failure: Failure) -> Diagnostic | None:
    """A second `: ` on one line, in block style or inside braces."""
    if "found unexpected ':'" in failure.problem:
        message = "a colon inside brackets wants a space after it"
        return failure.finding(yaml_codes.SYNTAX, failure.at, 1, message)
    at = failure.at
    start = _text_before(failure) if failure.character == ":" else None
    if start is None:
        return None
    glued = _GLUED_KEY.match(failure.text, failure.line_start(at))
    if glued and failure.innermost.style not in _CLOSING:
        message = f"the colon after {brief(glued[1])} wants a space behind it"
        return failure.finding(yaml_codes.SYNTAX, glued.end() - 1, 1, message)
    text = failure.text[start:at] + failure.rest(at)
    message = "a colon inside plain text begins a value"
    return failure.finding(
        yaml_codes.COLON, at, 1, message, label="this one", hint=f"quote the text: {quoted(text)}"
    )


def _text_before(failure: Failure) -> int | None:
    """Where the text begins that holds the colon; none where the line is a key of its own."""
    line, last = failure.line_start(failure.at), failure.last
    if failure.innermost.style not in _CLOSING:
        match = _KEY_BEFORE.match(failure.text, line)
        return max(last.start, match.end()) if match and match.end() <= failure.at else None
    is_alone = failure.innermost.start < line and not failure.text[line : last.start].strip()
    return None if last.start < line or is_alone else last.start


def _bracket(failure: Failure) -> Diagnostic | None:
    """A bracket without its counterpart, or something between two entries that is no comma."""
    innermost = failure.innermost
    if innermost.style not in _CLOSING:
        return _stray_bracket(failure)
    closing = _CLOSING[innermost.style]
    is_end = not failure.text[failure.at :].strip() or failure.text.startswith("...", failure.at)
    if is_end or failure.character in "]}" or not failure.is_same_line(innermost.start, failure.at):
        message = f"the bracket `{innermost.style}` is never closed by `{closing}`"
        label = Label(failure.span(failure.at, failure.at + 1), "the text no longer fits here")
        span = failure.span(innermost.start, innermost.start + 1)
        return yaml_codes.BRACKET.at(span, message, label="opened here", related=(label,))
    if (torn := _torn_call(failure)) is not None:
        return torn
    if "expected node content" in failure.problem:
        what = "a key" if failure.character == ":" else "an entry"
        message = f"{what} is missing before `{failure.character}`"
        return failure.finding(yaml_codes.SYNTAX, failure.at, 1, message)
    message = (
        f"a comma or `{closing}` is missing before {brief(failure.rest(failure.at) or failure.character)}"
    )
    return failure.finding(yaml_codes.SYNTAX, failure.at, 1, message, hint="quote a text as a whole")


def _torn_call(failure: Failure) -> Diagnostic | None:
    """A text such as `role in ('a', 'b')`: a comma splits it, and a quoted text stands behind the comma."""
    if failure.character != ")":
        return None
    first = max(failure.line_start(failure.at), failure.innermost.start + 1)
    start = _entry_with_open_bracket(failure.text, first, failure.at)
    comma = failure.text.find(",", max(start, 0), failure.at)
    if start < 0 or comma < 0:
        return None
    whole = failure.text[start : failure.at] + failure.rest(failure.at)
    message = f"the comma after {brief(failure.text[start:comma])} splits the text"
    hint = f"quote the text: {quoted(whole)}"
    return failure.finding(yaml_codes.SPLIT, start, len(whole), message, label="quote it", hint=hint)


def _entry_with_open_bracket(text: str, start: int, end: int) -> int:
    """Return where the text begins in which a `(` is still open at `end`; -1 for none."""
    depth, quote = 0, ""
    for at in range(start, end):
        sign = text[at]
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"" and text[at - 1] in " (,=":
            quote = sign
        elif sign in "()":
            depth = max(depth + (1 if sign == "(" else -1), 0)
        elif not depth and (sign in ",[{" or text.startswith(": ", at)):
            start = at + 1
    return start + len(text[start:end]) - len(text[start:end].lstrip()) if depth else -1


def _stray_bracket(failure: Failure) -> Diagnostic | None:
    if failure.character not in ("]", "}"):
        return None
    message = f"the bracket `{failure.character}` closes nothing"
    return failure.finding(
        yaml_codes.BRACKET, failure.at, 1, message, hint="quote a text that holds brackets"
    )


def _text_behind(failure: Failure) -> Diagnostic | None:
    """Text after a closing quote or bracket; a quote that ends on another line was not meant to end there."""
    last, at = failure.last, failure.at
    if not (0 <= last.end <= at and failure.is_same_line(last.end, at)) or last.style not in (
        "'",
        '"',
        "{",
        "[",
    ):
        return None
    if last.style in "'\"" and not failure.is_same_line(last.start, at):
        return _unclosed_quote(failure, last.start)
    rest = failure.rest(at)
    if rest.startswith(":") and last.style in "'\"":
        message = "a colon after a quoted key wants a space behind it"
        return failure.finding(yaml_codes.SYNTAX, at, 1, message)
    message = f"{brief(rest)} stands behind the end of the value"
    hint = f"quote the text as a whole: {quoted(failure.text[last.start : at] + rest)}"
    if last.style in "'\"":
        hint = f"inside {last.style}...{last.style} write {_within(last.style)} for a quote"
    return failure.finding(yaml_codes.SYNTAX, at, len(rest), message, hint=hint)


def _within(sign: str) -> str:
    return "''" if sign == "'" else '\\"'


def _no_colon(failure: Failure) -> Diagnostic | None:
    at = -1
    if "could not find expected ':'" in failure.problem:
        at = failure.context_at
    elif (
        failure.character == ":"
        and failure.last.style != "-"
        and 0 <= failure.last.start < failure.line_start(failure.at)
    ):
        # A text by itself, on the lines before, swallowed the next key.
        before = failure.text[failure.line_start(failure.last.start) : failure.last.start]
        at = failure.last.start if not before.strip(" -") else -1
    if at < 0:
        return None
    rest = failure.rest(at)
    message = f"{brief(rest)} is no `key: value`"
    label = "a space is missing behind the colon" if ":" in rest else "a colon is missing"
    return failure.finding(yaml_codes.SYNTAX, at, len(rest), message, label=label)


def _indentation(failure: Failure) -> Diagnostic | None:
    words = ("expected key", "expected '-' indicator", "<document start>", "not allowed in this context")
    if not any(word in failure.problem for word in words):
        return None
    start = failure.line_start(failure.at)
    line = failure.text[start:].split("\n")[0]
    at = start + len(line) - len(line.lstrip(" "))
    message = ""
    if failure.text.startswith("...", failure.line_start(max(start - 1, 0))):
        message = "after `...` the next document begins with `---`"
    elif line.startswith("---"):
        message = "a mapping begins on the line below `---`"
    elif failure.at - start > _LONGEST_KEY:
        message = f"a key has at most {_LONGEST_KEY} characters"
    elif failure.character == ":" and failure.at == at:
        message = "a key is missing before the colon"
    if message:
        return failure.finding(yaml_codes.SYNTAX, at, len(line.strip()), message)
    message = "this line fits to none of the lines above"
    hint = "begin it in the same column as the lines it belongs with"
    return failure.finding(
        yaml_codes.INDENTATION, at, len(line.strip()), message, label="misplaced", hint=hint
    )


_READINGS: tuple[Callable[[Failure], Diagnostic | None], ...] = (
    _conflict,
    _tab,
    _directive,
    _open_quote,
    _escape,
    _tag,
    _reserved,
    _colon,
    _bracket,
    _text_behind,
    _no_colon,
    _indentation,
)

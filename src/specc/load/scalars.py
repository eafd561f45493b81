"""Plain scalars: what text without quotes means, and where readers of YAML would disagree about it.

A plain text becomes a bool, None, an int or a float only where YAML 1.1 (as PyYAML reads it) and the core
schema of YAML 1.2 agree on type and value; where they differ the text stays text and a reason is given.
"""

from __future__ import annotations

import re
from itertools import product
from math import isfinite

Scalar = str | int | float | bool | None


def _cases(word: str) -> list[str]:
    """Spell `word` in every mixture of small and capital letters."""
    return ["".join(letters) for letters in product(*({one, one.upper()} for one in word))]


_WORDS: dict[str, tuple[Scalar, str]] = {
    **dict.fromkeys(("true", "True", "TRUE"), (True, "")),
    **dict.fromkeys(("false", "False", "FALSE"), (False, "")),
    **dict.fromkeys(("", "null", "Null", "NULL"), (None, "")),
    **{word: (word, "other readers take it for true") for yes in ("yes", "y", "on") for word in _cases(yes)},
    **{word: (word, "other readers take it for false") for no in ("no", "n", "off") for word in _cases(no)},
    "~": ("~", "it means null"),
    "=": ("=", "YAML 1.1 reserves it"),
    "<<": ("<<", "YAML 1.1 reserves it for merging"),
}

_NUMERIC_START = frozenset("0123456789+-.")
# No plain text that begins otherwise is anything but text: the cheap test before `read`, millions of times.
SUSPECT_STARTS = _NUMERIC_START | frozenset(word[0] for word in _WORDS if word)
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"(?:[-+]?[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+][0-9]+)?")
_SUSPECTS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), reason)
    for pattern, reason in (
        (r"[-+]?[0-9][0-9_]*(?::[0-9][0-9_]*)+(?:\.[0-9_]*)?", "YAML 1.1 reads it as a number to base 60"),
        (r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}[-+:.0-9Z \t]*)?",
         "other readers take it for a date"),
        (r"[-+]?0o?[0-9_]+", "readers disagree whether it is octal"),
        (r"[-+]?0[0-9_]+\.[0-9_]*(?:[eE][-+]?[0-9]+)?", "its leading zero would be lost"),
        (r"[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+)", "readers disagree whether it is a number"),
        (r"[-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?",
         "readers disagree whether it is a number"),
        (r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", "it is no finite number"),
    )
)  # fmt: skip


def read(text: str) -> tuple[Scalar, str]:
    """Return the value of a plain scalar and, if it is ambiguous, why; then the value is the text itself."""
    known = _WORDS.get(text)
    if known is not None:
        return known
    return _number(text) if text[0] in _NUMERIC_START else (text, "")


def _number(text: str) -> tuple[Scalar, str]:
    if _INTEGER.fullmatch(text):
        return _integer(text)
    if _FLOAT.fullmatch(text) and not re.match(r"[-+]?0[0-9]", text):
        return _float(text)
    for pattern, reason in _SUSPECTS:
        if pattern.fullmatch(text):
            return text, reason
    return text, ""


def _integer(text: str) -> tuple[Scalar, str]:
    # The length comes first: Python refuses to convert thousands of digits.
    value = int(text, 16 if text.startswith("0x") else 10) if len(text) <= 20 else 2**63
    return (value, "") if -(2**63) <= value < 2**63 else (text, "it does not fit into 64 bits")


def _float(text: str) -> tuple[Scalar, str]:
    value = float(text)
    digits = re.split("[eE]", text)[0].lstrip("-+0.").replace(".", "").rstrip("0")
    # 15 digits survive the way into a double and back; far below 1e-300 precision fades.
    exact = len(digits) <= 15 and isfinite(value) and (not digits or abs(value) > 1e-300)
    return (value, "") if exact else (text, "it does not fit into a floating-point number")

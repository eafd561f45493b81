"""Which texts between quotes are values of a type: what PostgreSQL's input functions take, or more.

A text that is refused here, every supported version of PostgreSQL refuses.
"""

from __future__ import annotations

import json
import re

_WHOLE = re.compile(r"[-+]?(?:0[xob][0-9a-f_]+|[0-9][0-9_]*)", re.IGNORECASE)
_NUMBER = re.compile(
    r"[-+]?(?:0[xob][0-9a-f_]+|[0-9][0-9_]*\.?[0-9_]*(?:e[-+]?[0-9_]+)?|\.[0-9][0-9_]*(?:e[-+]?[0-9_]+)?|nan|inf|infinity)",
    re.IGNORECASE,
)
_UUID = re.compile(r"\{?[0-9a-f]{4}(?:-?[0-9a-f]{4}){7}\}?", re.IGNORECASE)
_BOOLEANS = frozenset(["0", "1", "on", *("true"[:end] for end in range(1, 5)), *("yes"[:end] for end in range(1, 4)),
                       *("false"[:end] for end in range(1, 6)), "n", "no", "of", "off"])  # fmt: skip


def is_literal_of(text: str, family: str, *, is_whole: bool = False) -> bool:
    """Whether a text may be a value of a family of types; of a family that is not known here it may."""
    value = text.strip()
    match family:
        case "number":
            return (_WHOLE if is_whole else _NUMBER).fullmatch(value) is not None
        case "boolean":
            return value.lower() in _BOOLEANS
        case "uuid":
            return _UUID.fullmatch(value) is not None
        case "json":
            return _is_json(value)
    return True


def _is_json(text: str) -> bool:
    try:
        json.loads(text, parse_int=str, parse_float=str)
    except RecursionError:
        return True
    except ValueError:
        return False
    return True

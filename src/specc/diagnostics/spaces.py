"""White space that is not the plain blank: which characters, and what they are called."""

from __future__ import annotations

import re
from unicodedata import name

ODD_SPACE = re.compile("[\u00a0\u1680\u2000-\u200b\u202f\u205f\u2060\u3000]")
"""Characters that look like a blank, or like nothing, and are none to YAML and SQL."""


def called(char: str) -> str:
    """Return what people call an odd space, with its number: `a no-break space (U+00A0)`."""
    word = name(char, "space").lower()
    return f"{'an' if word[0] in 'aeio' else 'a'} {word} (U+{ord(char):04X})"

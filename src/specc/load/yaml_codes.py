"""The findings about the YAML text itself, S001 to S020, with the page that explains each."""

from __future__ import annotations

from specc.diagnostics import Code, Diagnostic, Span

SYNTAX = Code(
    "S001",
    "yaml-syntax",
    why="The text is not YAML: it cannot be read past this place. The rest of the document is left out, "
    "documents after the next `---` are read. An empty entry between two commas, text after a closing "
    "quote and a line without a colon are the usual reasons.",
    wrong="""\
lifecycle: order
states: {new: {is: initial}, done: {is: terminal}}
transitions: {new: [, done]}
""",
    right="""\
lifecycle: order
states: {new: {is: initial}, done: {is: terminal}}
transitions: {new: [done]}
""",
)

TAB = Code(
    "S002",
    "tab",
    why="YAML indents with spaces alone. How far a tab reaches depends on the editor, so that two people "
    "would see two different structures, and readers disagree on tabs between values and in plain texts. "
    "Inside quotes, in the lines of a `|` block and in comments tabs are text.",
    wrong="""\
lifecycle: order
states:
\tnew: {is: initial}
\tdone: {is: terminal}
transitions: {new: [done]}
""",
    right="""\
lifecycle: order
states:
  new: {is: initial}
  done: {is: terminal}
transitions: {new: [done]}
""",
)

COLON = Code(
    "S003",
    "colon-in-text",
    why="A colon with a space after it separates a key from its value, also in the middle of a sentence. "
    "Text that holds one stands in quotes or in a `|` block.",
    wrong="""\
lifecycle: order
about: Simple: two states
states: {new: {is: initial}, done: {is: terminal}}
transitions: {new: [done]}
""",
    right="""\
lifecycle: order
about: "Simple: two states"
states: {new: {is: initial}, done: {is: terminal}}
transitions: {new: [done]}
""",
)

RESERVED = Code(
    "S004",
    "reserved-start",
    why="Some characters mean something to YAML at the start of a value: `@`, `` ` ``, `%`, `,`, `&`, "
    "`*`, `!`, `|`, `>`, and `-` or `?` before a space. Text and SQL operators that begin with one stand "
    "in quotes.",
    wrong="""\
lifecycle: order
about: @sales keeps this
states: {new: {is: initial}, done: {is: terminal}}
transitions: {new: [done]}
""",
    right="""\
lifecycle: order
about: "@sales keeps this"
states: {new: {is: initial}, done: {is: terminal}}
transitions: {new: [done]}
""",
)

BRACKET = Code(
    "S005",
    "unclosed-bracket",
    why="Every `{` needs its `}` and every `[` its `]`. YAML notices a missing one only where the text no "
    "longer fits, often lines below; the finding points at the bracket that was opened.",
    wrong="""\
lifecycle: order
states: {new: {is: initial}, done: {is: terminal}
transitions: {new: [done]}
""",
    right="""\
lifecycle: order
states: {new: {is: initial}, done: {is: terminal}}
transitions: {new: [done]}
""",
)

QUOTE = Code(
    "S006",
    "unclosed-quote",
    why="A quoted text runs to the next quote of its kind, over lines if need be. Inside '...' a quote is "
    'written twice, inside "..." with a backslash before it.',
    wrong="""\
lifecycle: order
about: "Two states
states: {new: {is: initial}, done: {is: terminal}}
transitions: {new: [done]}
""",
    right="""\
lifecycle: order
about: "Two states"
states: {new: {is: initial}, done: {is: terminal}}
transitions: {new: [done]}
""",
)

INDENTATION = Code(
    "S007",
    "wrong-indentation",
    why="The members of one mapping or list begin in the same column. A line in between belongs to nothing.",
    wrong="""\
lifecycle: order
states:
  new: {is: initial}
 done: {is: terminal}
transitions: {new: [done]}
""",
    right="""\
lifecycle: order
states:
  new: {is: initial}
  done: {is: terminal}
transitions: {new: [done]}
""",
)

ESCAPE = Code(
    "S008",
    "bad-escape",
    why='Inside "..." a backslash begins an escape such as \\n or \\u00e9. Regular expressions and paths '
    "stand in '...', where a backslash is itself.",
    wrong="""\
lifecycle: order
about: "numbers are \\d+"
states: {new: {is: initial}, done: {is: terminal}}
transitions: {new: [done]}
""",
    right="""\
lifecycle: order
about: 'numbers are \\d+'
states: {new: {is: initial}, done: {is: terminal}}
transitions: {new: [done]}
""",
)

CONTROL = Code(
    "S009",
    "control-character",
    why="Control characters, unpaired surrogates, foreign line ends (a lone carriage return, U+0085, U+2028, "
    "U+2029), a byte order mark inside the text and marks that turn the direction of reading are invisible "
    "in a review and read differently by different tools. PostgreSQL stores no NUL, however it is written.",
    wrong="""\
lifecycle: order
about: "ends with \\0"
states: {new: {is: initial}, done: {is: terminal}}
transitions: {new: [done]}
""",
    right="""\
lifecycle: order
about: "ends with nothing"
states: {new: {is: initial}, done: {is: terminal}}
transitions: {new: [done]}
""",
)

LIMIT = Code(
    "S010",
    "beyond-limit",
    why="A file holds at most five million characters, and collections nest at most 64 deep. Real specs "
    "stay far below; a text beyond is a mistake or an attack on the machine that builds it.",
    wrong=f"lifecycle: order\nstates: {'[' * 70}{']' * 70}\n",
    right="""\
lifecycle: order
states: {new: {is: initial}, done: {is: terminal}}
transitions: {new: [done]}
""",
)

DIRECTIVE = Code(
    "S011",
    "directive",
    why="`%YAML` and `%TAG` lines change how the text below is read, and tools disagree on them. "
    "Specs are always read by the same rules.",
    wrong="""\
%YAML 1.1
---
lifecycle: order
states: {new: {is: initial}, done: {is: terminal}}
transitions: {new: [done]}
""",
    right="""\
lifecycle: order
states: {new: {is: initial}, done: {is: terminal}}
transitions: {new: [done]}
""",
)

NOT_A_MAPPING = Code(
    "S012",
    "not-a-mapping",
    why="A document declares one thing: it is a mapping, and one of its keys names the kind.",
    wrong="- lifecycle: order\n- states: {new: {is: initial}}\n",
    right="""\
lifecycle: order
states: {new: {is: initial}, done: {is: terminal}}
transitions: {new: [done]}
""",
)

DUPLICATE = Code(
    "S013",
    "duplicate-key",
    why="Each key of a mapping stands once. Other readers take the last one without a word; here the first "
    "counts until one of them is removed, with what the second of two lists or mappings has besides.",
    wrong="""\
lifecycle: order
states: {new: {is: initial}, done: {is: terminal}}
transitions:
  new: [done]
  new: []
""",
    right="""\
lifecycle: order
states: {new: {is: initial}, done: {is: terminal}}
transitions:
  new: [done]
""",
)

KEY = Code(
    "S014",
    "key-not-text",
    why="Names are text. A plain `true`, `1`, `1.5` or `null` is not, nor is a list or a mapping; as a key "
    "each becomes something else in every language.",
    wrong="""\
lifecycle: order
states:
  1: {is: initial}
  done: {is: terminal}
transitions: {"1": [done]}
""",
    right="""\
lifecycle: order
states:
  first: {is: initial}
  done: {is: terminal}
transitions: {first: [done]}
""",
)

AMBIGUOUS = Code(
    "S015",
    "ambiguous-scalar",
    why="Readers of YAML 1.1 and 1.2 take this plain value for different things: `no` for false, `12:30` "
    "for 750, `0644` for 420, `1e3` for text or a number, `2024-01-02` for a date. Numbers with more digits "
    "than fit are rounded, and a lone `>` or `|` is an empty text. Quotes say that it is text, another "
    "spelling that it is not.",
    wrong="""\
lifecycle: order
about: no
states: {new: {is: initial}, done: {is: terminal}}
transitions: {new: [done]}
""",
    right="""\
lifecycle: order
about: "no"
states: {new: {is: initial}, done: {is: terminal}}
transitions: {new: [done]}
""",
)

SPLIT = Code(
    "S016",
    "split-text",
    why="Inside `{ }` and `[ ]` a comma ends a plain text, so the rest of the sentence, or the second "
    "argument of a type, becomes an entry of its own. Texts with commas stand in quotes there. In a list "
    "nobody can see what was meant, so that sentences, calls, and items of several words side by side are "
    "quoted as well.",
    wrong="""\
lifecycle: order
states:
  new: {is: initial, about: Stored, not looked at.}
  done: {is: terminal}
transitions: {new: [done]}
""",
    right="""\
lifecycle: order
states:
  new: {is: initial, about: "Stored, not looked at."}
  done: {is: terminal}
transitions: {new: [done]}
""",
)

ANCHOR = Code(
    "S017",
    "anchor",
    why="Anchors (`&x`) and aliases (`*x`) hide what a place says from the reader of a change, and a few of "
    "them can stand for gigabytes. Say it again, or declare it once and refer to it by name.",
    wrong="""\
lifecycle: order
states: {new: {is: initial}, done: {is: terminal}, lost: {is: terminal}}
transitions: {new: &ends [done, lost]}
""",
    right="""\
lifecycle: order
states: {new: {is: initial}, done: {is: terminal}, lost: {is: terminal}}
transitions: {new: [done, lost]}
""",
)

TAG = Code(
    "S018",
    "tag",
    why="A `!` at the start of a value is a tag: it asks the reader to build something else from the text. "
    "Specs hold plain data only; a text that begins with `!` stands in quotes.",
    wrong="""\
lifecycle: order
about: !important Two states
states: {new: {is: initial}, done: {is: terminal}}
transitions: {new: [done]}
""",
    right="""\
lifecycle: order
about: "!important Two states"
states: {new: {is: initial}, done: {is: terminal}}
transitions: {new: [done]}
""",
)

MERGE = Code(
    "S019",
    "merge-key",
    why="`<<` merges another mapping into this one in YAML 1.1 and is a plain key in 1.2.",
    wrong="""\
lifecycle: order
states:
  new: {is: initial}
  done: {<<: {is: terminal}}
transitions: {new: [done]}
""",
    right="""\
lifecycle: order
states:
  new: {is: initial}
  done: {is: terminal}
transitions: {new: [done]}
""",
)

ODD_SPACE = Code(
    "S020",
    "odd-space",
    why="Spaces that are not the plain one (a no-break space, often brought along when text is copied from a "
    "web page or a word processor) look like it, and to YAML they are letters. A line indented with them "
    "belongs elsewhere than it seems, and a name that ends with one is another name.",
    wrong="""\
lifecycle: order
states:
\u00a0 new: {is: initial}
  done: {is: terminal}
transitions: {new: [done]}
""",
    right="""\
lifecycle: order
states:
  new: {is: initial}
  done: {is: terminal}
transitions: {new: [done]}
""",
)

CODES: tuple[Code, ...] = (
    SYNTAX,
    TAB,
    COLON,
    RESERVED,
    BRACKET,
    QUOTE,
    INDENTATION,
    ESCAPE,
    CONTROL,
    LIMIT,
    DIRECTIVE,
    NOT_A_MAPPING,
    DUPLICATE,
    KEY,
    AMBIGUOUS,
    SPLIT,
    ANCHOR,
    TAG,
    MERGE,
    ODD_SPACE,
)


def tab_at(span: Span, *, is_indentation: bool) -> Diagnostic:
    """Report tabs, which two stages come across: one where a line begins, one anywhere else."""
    hint = "indent with spaces" if is_indentation else "use spaces, or quote the text"
    return TAB.at(span, "a tab stands where YAML wants spaces", help=hint)

"""The codes of findings about a change; apart from the planner, which a check has no use for."""

from __future__ import annotations

from specc.diagnostics import Code, Severity

_SHOP = "table: shop\nabout: A shop.\nshared: true\ncolumns: {name: text, town: text null}\n"
_ACCESS = "---\naccess: shops\ntables: [shop]\nallow: {}\n"
_LIFE = "---\nlifecycle: shops\nstates: {open: {is: initial}, held: {}, closed: {is: terminal}}\n"
_EDGES = "transitions: {open: [held, closed], held: [closed]}\n"
_MACHINE = "---\nmachine: shop\nfollows: shops\nundriven: {open: By hand., held: By hand.}\n"
_SHORT = "---\nlifecycle: shops\nstates: {open: {is: initial}, closed: {is: terminal}}\ntransitions: {open: [closed]}\n"
_SHORT_MACHINE = "---\nmachine: shop\nfollows: shops\nundriven: {open: By hand.}\n"

DATA_LOST = Code(
    "S711",
    "data-given-up",
    "What was released holds data here, and the specs no longer have it. If it only has another name, say so with "
    "`renamed_from`; if the data are given up, say that: a column under its table's `removed`, a table or machine in "
    "a `removals` document.",
    wrong=_SHOP.replace(", town: text null", "") + _ACCESS,
    right=_SHOP.replace(", town: text null", "") + "removed: {town: Nobody asks for it.}\n" + _ACCESS,
    before=_SHOP + _ACCESS,
)
VALUE_MISSING = Code(
    "S712",
    "value-missing",
    "A new column that is never null needs a value for the rows that are there: a default, an expression under "
    "`using`, or `null` in its definition.",
    wrong=_SHOP.replace("town", "street: text, town") + _ACCESS,
    right=_SHOP.replace("town", "street: {sql: text, using: \"name || ' street'\"}, town") + _ACCESS,
    before=_SHOP + _ACCESS,
)
STATE_LOST = Code(
    "S713",
    "state-without-heir",
    "Rows may be in this state, or carry this substate, when the change is released. Say under the lifecycle's "
    "`retired` where they go, or with `renamed_from` what it is called now.",
    wrong=_SHOP + _ACCESS + _SHORT + _SHORT_MACHINE,
    right=_SHOP + _ACCESS + _SHORT + "retired: {held: open}\n" + _SHORT_MACHINE,
    before=_SHOP + _ACCESS + _LIFE + _EDGES + _MACHINE,
)
NEVER_THERE = Code(
    "S714",
    "former-name-unknown",
    "`renamed_from` names what was never released under that name, so nothing would come along.",
    wrong=_SHOP.replace("town: text null", "town: text null, about: {sql: text null, renamed_from: abuot}")
    + _ACCESS,
    right=_SHOP.replace("town: text null", "town: text null, about: text null") + _ACCESS,
    before=_SHOP + _ACCESS,
)
SERVED = Code(
    "S715",
    "intent-served",
    "What this says has been released: every database that comes from a release has it by now. It may go, or stay "
    "for databases that are further behind.",
    wrong=_SHOP.replace("town: text null", "city: {sql: text null, renamed_from: town}") + _ACCESS,
    right=_SHOP.replace("town: text null", "city: text null") + _ACCESS,
    before=_SHOP.replace("town", "city") + _ACCESS,
    severity=Severity.INFO,
)

CODES = (DATA_LOST, VALUE_MISSING, STATE_LOST, NEVER_THERE, SERVED)

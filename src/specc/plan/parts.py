"""The plan from one database to another in parts, each of which is a file: what has to be committed before, and the rest.

Facts of both come in, parts come out, none where they are the same database.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from specc.ir.model import Ir
from specc.ir.step import Part, Step, part
from specc.plan import checks, enums, online
from specc.plan.evolve import evolve
from specc.plan.locks import with_hazards
from specc.plan.renames import rename_base
from specc.plan.summary import summary


def plan(base: Ir, new: Ir) -> tuple[Part, ...]:
    """Return the way from `base` to `new` in parts, none where they are the same database."""
    extended = enums.extended(base, new)
    labelled = _with_labels(base, extended)
    renaming = rename_base(labelled, new)
    here = renaming.base
    is_online = bool(online.large_tables(here, new))
    found = (
        online.parts(labelled, here, new, evolve)
        if is_online
        else [part("", evolve(labelled, new, renaming))]
    )
    found = [one for one in found if one.steps]
    if found:
        main = next((at for at, one in enumerate(found) if not one.name), 0)
        back, losses = tuple(checks.before_back(here, new)), tuple(checks.losses(here, new))
        found[main] = replace(found[main], preflights_back=back, losses=losses)
        # What the database has is asked before anything is done to it.
        asked = tuple(checks.before_up(base, new))
        found[0] = replace(found[0], preflights=asked, summary=tuple(summary(here, new)))
    return with_hazards((*_labels(extended), *found), base, new)


def _labels(extended: Iterable[enums.Extended]) -> Iterator[Part]:
    """Yield the part that adds labels: they may be used only after the transaction that added them.

    On the way back they stay: nothing uses them, and to take them away every table of the type would be rewritten.
    """
    steps = tuple(Step(later, text, "") for _, later, texts in extended for text in texts)
    if steps:
        yield Part("labels", steps, ())


def _with_labels(base: Ir, extended: Iterable[enums.Extended]) -> Ir:
    """Return the base once its enums have the labels that are added."""
    later = {old.identity: more for old, more, _ in extended}
    return replace(base, by_identity=base.by_identity | later) if later else base

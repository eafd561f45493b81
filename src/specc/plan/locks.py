"""What the parts of a plan do to a running database: which relations each locks, how strongly, and what it does then.

Parts and the facts of both sides come in; the same parts come out with the hazards of their way there and back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from specc.ir.model import Ir
from specc.ir.step import Hazard, Part
from specc.pg.hazards import hazards
from specc.pg.relations import Relations, relations_of


def with_hazards(parts: Sequence[Part], base: Ir, new: Ir) -> tuple[Part, ...]:
    """Return the parts of a plan from `base` to `new`, each with what its transactions do to what was there."""
    there, back = relations_of(base), relations_of(new)
    ups = [_of(there, (step.up for step in part.steps)) for part in parts]
    # The last is undone first.
    downs = [_of(back, part.back) for part in reversed(parts)][::-1]
    return tuple(
        replace(part, hazards=up, hazards_back=down) for part, up, down in zip(parts, ups, downs, strict=True)
    )


def _of(relations: Relations, texts: Iterable[str]) -> tuple[Hazard, ...]:
    """Return what a transaction of some texts does, and take the relations to its end."""
    return hazards(";\n".join(filter(None, texts)), relations)

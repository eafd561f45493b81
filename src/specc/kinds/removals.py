"""Kind `removals`: what is given up on purpose, where the document that declared it is gone.

A build that would drop rows says so and stops, unless a document like this names the table or machine.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from specc.diagnostics import Diagnostic
from specc.kinds.intent import STILL_THERE, RemovedSpec, of_removals
from specc.lang.kind import Kind, Rule
from specc.lang.markers import SpecModel
from specc.lang.project import Entry, Project


class RemovalsSpec(SpecModel):
    """Data given up."""

    about: str = Field("", description="On what occasion.")
    tables: dict[str, RemovedSpec] = Field(default_factory=dict, description="Tables, each with the reason.")
    machines: dict[str, RemovedSpec] = Field(
        default_factory=dict,
        description="Machines whose tables stay: the states of the rows and their history are given up.",
    )


def _still_there(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    for kind, names in (("table", entry.spec.tables), ("machine", entry.spec.machines)):
        for name in names:
            if project.find(kind, name):
                yield STILL_THERE.at(entry.key(f"{kind}s", name), f"{kind} `{name}` is still there")


KIND = Kind(
    key="removals",
    about="Tables and machines given up on purpose.",
    model=RemovalsSpec,
    lower=of_removals,
    rules=(Rule((STILL_THERE,), _still_there),),
)

"""Everything a build leaves behind, as one mapping from paths to texts."""

from __future__ import annotations

from collections.abc import Iterable

from specc.emit import schema
from specc.ir import lock
from specc.ir.model import Ir
from specc.lang.kind import Kind
from specc.lang.project import Project
from specc.pg.parsing import check_sql
from specc.plan import migration
from specc.plan.initial import plan_initial


def tree(project: Project, ir: Ir, kinds: Iterable[Kind]) -> dict[str, str]:
    """Return all files of a build by path below the output folder; all SQL has been parsed."""
    steps = plan_initial(ir)
    name = f"{project.settings.start}_initial.sql"
    title = f"{project.settings.project}: the initial migration"
    files = schema.schema_files(ir, steps)
    files[f"migrations/{name}"] = migration.up_text(title, steps)
    files[f"rollback/{name}"] = migration.down_text(title, steps)
    files["specc.lock"] = lock.dump(ir)
    for path, text in files.items():
        if path.endswith(".sql"):
            check_sql(text)
    return dict(sorted(files.items()))

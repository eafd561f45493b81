"""Everything a build leaves behind, as one mapping from paths to texts."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files as package_files

from specc.emit import schema
from specc.emit.access_tests import access_tests
from specc.emit.machine_tests import machine_test
from specc.ir import lock
from specc.ir.behaviour import Machine
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
    files["bootstrap.sql"] = bootstrap()
    for machine in ir.all(Machine):
        files[f"tests/machine_{machine.name}.sql"] = machine_test(ir, machine)
    files |= {f"tests/{name}": text for name, text in access_tests(ir).items()}
    files["specc.lock"] = lock.dump(ir)
    for path, text in files.items():
        if path.endswith(".sql"):
            check_sql(text)
    return dict(sorted(files.items()))


def bootstrap() -> str:
    """Return bootstrap.sql, the same for every project."""
    return (package_files("specc.emit") / "bootstrap.sql").read_text(encoding="utf-8")

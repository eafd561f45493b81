"""Several things of a project get other names in one release."""

from pathlib import Path

from projects import write_example
from specc import driver
from specc.ir.model import Ir
from specc.load.files import read_project
from specc.plan.findings import findings
from specc.plan.parts import plan

TABLE = "table: {name}\n{more}about: One.\nshared: true\ncolumns: {{{column}: {said}}}\nunique: [[{column}]]\n---\n"
MANY = 40


def compiled(tables: str, folder: Path) -> Ir:
    names = [one.split("\n")[0] for one in tables.split("table: ")[1:]]
    folder.mkdir()
    example = f"{tables}access: all\ntables: [{', '.join(names)}]\nallow: {{}}\n"
    checked = driver.analyse(read_project(write_example(example, folder)))
    assert checked.ir is not None, [one.message for one in checked.diagnostics]
    return checked.ir


def statements(before: str, after: str, folder: Path) -> list[str]:
    """Return the statements of a plan that are not about comments, and see that it needs no more intent."""
    base, new = compiled(before, folder / "before"), compiled(after, folder / "after")
    assert list(findings(base, new)) == []
    texts = [step.up for part in plan(base, new) for step in part.steps]
    return [one for one in texts if not one.startswith("comment on ")]


def test_many_tables_are_renamed_at_once(tmp_path: Path) -> None:
    def tables(word: str, former: str) -> str:
        more = [f"renamed_from: {former}_{n}\n" if former else "" for n in range(MANY)]
        return "".join(
            TABLE.format(name=f"{word}_{n}", more=more[n], column="title", said="text") for n in range(MANY)
        )

    found = statements(tables("note", ""), tables("paper", "note"), tmp_path)
    wanted = {f"alter table public.note_{n} rename to paper_{n}" for n in range(MANY)}
    keys = {
        f"alter table public.paper_{n} rename constraint note_{n}_{key} to paper_{n}_{key}"
        for n in range(MANY)
        for key in ("pkey", "title_key")
    }
    assert sorted(found) == sorted(wanted | keys)


def test_a_table_is_renamed_with_one_of_its_columns(tmp_path: Path) -> None:
    before = TABLE.format(name="note", more="", column="title", said="text")
    after = TABLE.format(
        name="paper", more="renamed_from: note\n", column="name", said="{sql: text, renamed_from: title}"
    )
    assert statements(before, after, tmp_path) == [
        "alter table public.note rename to paper",
        "alter table public.paper rename column title to name",
        "alter table public.paper rename constraint note_pkey to paper_pkey",
        "alter table public.paper rename constraint note_title_key to paper_name_key",
    ]

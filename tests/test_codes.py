"""Every code keeps its promise: its page explains it, its wrong example shows it, its right example builds."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from projects import write_example
from specc import driver
from specc.cli import main
from specc.diagnostics import Code
from specc.diagnostics.text import render_text
from specc.ir import lock
from specc.load.files import BAD_SETTING, NOT_UTF8, UNREADABLE, ProjectError
from specc.plan.base import Base
from specc.plan.pending import Naming

WriteProject = Callable[[str], Path]

SHOWN = [code for code in driver.CODES if code not in (NOT_UTF8, UNREADABLE, BAD_SETTING)]
"""The codes that a spec file's text can show; those about its bytes or specc.yaml have tests of their own."""


def released(code: Code, folder: Path) -> Base | None:
    """Return the base of an example about a change."""
    if not code.before:
        return None
    (folder / "before").mkdir()
    ir = driver.check(write_example(code.before, folder / "before")).ir
    assert ir is not None
    frozen = {f"{folder}/20260101000000_initial.sql": "select 1;\n" for folder in ("migrations", "rollback")}
    return Base(lock.load(lock.dump(ir)), frozen, {})


each_code = pytest.mark.parametrize("code", SHOWN, ids=lambda code: code.id)


def test_ids_and_slugs_are_unique_and_well_formed() -> None:
    assert len({code.id for code in driver.CODES}) == len(driver.CODES)
    assert len({code.slug for code in driver.CODES}) == len(driver.CODES)
    for code in driver.CODES:
        assert re.fullmatch(r"S\d{3}", code.id)
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", code.slug)


def test_no_report_is_kept_of_a_code_that_is_gone() -> None:
    kept = {path.stem for path in (Path(__file__).parent / "errors" / "codes").iterdir()}
    known = {f"{code.id}_{code.slug}" for code in driver.CODES}
    assert {name for name in kept if not {name, name.rpartition("_")[0]} & known} == set()


def test_the_explanation_is_written_in_sentences() -> None:
    for code in driver.CODES:
        assert len(code.why.split()) >= 8, code.id
        assert code.why.strip().endswith((".", "?")), code.id


@each_code
def test_the_wrong_example_shows_the_code_and_no_other(
    code: Code, write_project: WriteProject, report: SnapshotAssertion, tmp_path: Path
) -> None:
    result = driver.build(write_project(code.wrong), released(code, tmp_path))
    found = list(result.diagnostics)
    text = render_text(found, result.sources)
    assert [one.code.id for one in found] == [code.id], text
    assert bool(result.files) == (not any(one.is_error for one in found))
    assert text == report(name=f"{code.id}_{code.slug}")


@each_code
def test_the_right_example_builds(code: Code, write_project: WriteProject, tmp_path: Path) -> None:
    result = driver.build(write_project(code.right), released(code, tmp_path), Naming("20270101000000"))
    assert render_text(result.diagnostics, result.sources) == ""
    assert result.files


@each_code
def test_explain_prints_its_page(code: Code, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["explain", code.id])
    page = capsys.readouterr().out
    assert left.value.code == 0
    assert page.startswith(f"{code.id} {code.slug} ({code.severity})\n")
    assert " ".join(code.why.split()) in " ".join(page.split())
    for example in (code.before, code.wrong, code.right):
        assert all(line.strip() in page for line in example.splitlines())


def test_explain_takes_a_slug_and_says_what_it_does_not_know(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["explain", "unreachable-state"])
    assert left.value.code == 0
    assert capsys.readouterr().out.startswith("S302 unreachable-state")
    with pytest.raises(SystemExit) as left:
        main(["explain", "unreachable-stat"])
    assert left.value.code == 2
    assert "did you mean `unreachable-state`" in capsys.readouterr().err


def test_a_file_in_another_encoding_is_named_with_the_byte(
    write_project: WriteProject, report: SnapshotAssertion
) -> None:
    root = write_project("lifecycle: order\n")
    (root / "specs" / "example.yaml").write_bytes("lifecycle: order\nabout: für\n".encode("latin-1"))
    result = driver.check(root)
    assert [one.code for one in result.diagnostics] == [NOT_UTF8]
    text = render_text(result.diagnostics, result.sources)
    assert text == report(name=f"{NOT_UTF8.id}_{NOT_UTF8.slug}")


def test_a_file_that_cannot_be_read_is_named_with_the_reason(
    write_project: WriteProject, report: SnapshotAssertion, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_project("lifecycle: order\n")
    whole = Path.read_bytes

    # Root reads what its mode forbids, so the system's answer is made up.
    def refuse(path: Path) -> bytes:
        if path.name == "example.yaml":
            raise PermissionError(13, "Permission denied", str(path))
        return whole(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    result = driver.check(root)
    assert [one.code for one in result.diagnostics] == [UNREADABLE]
    text = render_text(result.diagnostics, result.sources)
    assert text == report(name=f"{UNREADABLE.id}_{UNREADABLE.slug}")


@pytest.mark.parametrize(
    "settings",
    [
        'start: "20261301000000"',
        "output: ../elsewhere",
        "specs: /etc",
        "schemas: {Public: Tables.}",
        'releases: ["live/*", " "]',
    ],
    ids=["start", "output", "specs", "schemas", "releases"],
)
def test_a_setting_that_cannot_be_is_pointed_at(
    settings: str, write_project: WriteProject, report: SnapshotAssertion
) -> None:
    root = write_project("")
    (root / "specc.yaml").write_text(f"project: example\n{settings}\n", encoding="utf-8")
    with pytest.raises(ProjectError) as caught:
        driver.check(root)
    error = caught.value
    assert [one.code for one in error.diagnostics] == [BAD_SETTING]
    assert error.source is not None
    text = render_text(error.diagnostics, {error.source.path: error.source})
    name = settings.partition(":")[0]
    assert text == report(name=f"{BAD_SETTING.id}_{BAD_SETTING.slug}_{name}")

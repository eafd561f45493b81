"""The command line as people and scripts meet it: exit codes, streams, and what is imported when."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest
import yaml
from jsonschema import Draft7Validator

from specc import __version__, driver
from specc.cli import COMMANDS, main
from specc.cli.project import COLORS, FORMATS
from specc.diagnostics.color import ColorOption
from specc.diagnostics.formats import RENDERERS
from specc.emit.editor import SETTINGS_PATH, SPECS_PATH, editor_files
from specc.kinds import KINDS

HEAVY = ("jinja2", "pglast", "psycopg", "pydantic", "rich", "sqlglot", "yaml", "specc.driver")

LIFE = "lifecycle: order\nstates: {open: {is: initial}, held: {}, closed: {is: terminal}}\n"
GOOD = LIFE + "transitions: {open: [held, closed], held: [open]}\n"
BAD = LIFE + "transitions: {open: [closed], held: [open]}\n"

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def specc(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process and return its exit code, standard output and standard error."""

    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main([str(one) for one in arguments])
        said = capsys.readouterr()
        assert isinstance(left.value.code, int)
        return left.value.code, said.out, said.err

    return run


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path / "shop")


def make_project(root: Path, spec: str = GOOD) -> Path:
    (root / "specs").mkdir(parents=True)
    (root / "specc.yaml").write_text("project: shop\n")
    (root / "specs" / "order.yaml").write_text(spec)
    return root


def process(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "specc", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_options_offer_is_what_there_is() -> None:
    assert tuple(RENDERERS) == FORMATS
    assert get_args(ColorOption) == COLORS


def test_the_version_is_told(specc: Run) -> None:
    assert specc("--version") == (0, f"specc {__version__}\n", "")


def test_the_help_lists_every_command_with_a_whole_sentence(specc: Run) -> None:
    code, said, _ = specc("--help")
    assert code == 0
    lines = said.splitlines()
    for name in COMMANDS:
        (line,) = (line for line in lines if line.startswith(f"  {name} "))
        assert line.endswith(".") and not line.endswith("...")


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["check", "--help"], ["nonsense"]])
def test_the_compiler_is_not_imported_to_print_help(arguments: list[str]) -> None:
    program = (
        "import sys\nfrom specc.cli import main\n"
        f"try: main({arguments})\nexcept SystemExit: pass\n"
        f"print(sorted(set({HEAVY}) & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[]"


def test_explaining_and_checking_load_no_server_and_no_renderer() -> None:
    program = (
        "import sys\nfrom specc.cli import main\n"
        "try: main(['explain', 'S301'])\nexcept SystemExit: pass\n"
        "print(sorted({'psycopg', 'rich', 'sqlglot'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"


@pytest.mark.parametrize(
    "arguments",
    [["nonsense"], ["check", "--nonsense"], ["check", "--format", "xml"], ["check", "--project", "no/such"]],
)
def test_wrong_usage_is_exit_code_2(specc: Run, arguments: list[str]) -> None:
    code, said, error = specc(*arguments)
    assert (code, said) == (2, "")
    assert "Error: " in error


def test_a_good_project_checks(specc: Run, project: Path) -> None:
    assert specc("check", "--project", project) == (0, "", "no problems in 1 file\n")


def test_the_nearest_project_upwards_is_taken(
    specc: Run, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project / "specs")
    assert specc("check")[0] == 0


def test_findings_are_exit_code_1_and_go_to_standard_output(specc: Run, tmp_path: Path) -> None:
    project = make_project(tmp_path / "shop", BAD)
    code, said, error = specc("check", "--project", project)
    assert code == 1
    assert said.startswith("error[S302] unreachable-state: ")
    assert "--> specs/order.yaml:2:" in said
    assert error == "1 error in 1 file\n"
    code, said, _ = specc("check", "--project", project, "--format", "concise")
    assert (code, len(said.splitlines())) == (1, 1)
    assert said.startswith("specs/order.yaml:2:")
    code, said, _ = specc("check", "--project", project, "--format", "json")
    assert (code, [one["code"] for one in json.loads(said)]) == (1, ["S302"])


def test_colour_is_for_terminals_and_for_those_who_ask(specc: Run, tmp_path: Path) -> None:
    project = make_project(tmp_path / "shop", BAD)
    assert "\x1b[" not in specc("check", "--project", project)[1]
    assert "\x1b[" in specc("check", "--project", project, "--color", "always")[1]


@pytest.mark.parametrize(
    ("settings", "said_out", "said_error"),
    [
        (None, "", "specc.yaml"),
        ("projekt: shop\n", "unknown key `projekt`", "specc.yaml"),
        ("project: shop\nproject: shop\n", "specc.yaml:2:1", "specc.yaml"),
        ("project: shop\nspecs: nowhere\n", "", "`nowhere`"),
        ("", "", "specc.yaml is empty"),
        ("project: shop\n---\nproject: shop\n", "", "more than one document"),
        ("project: ' '\n", "specc.yaml:1:10", "specc.yaml is wrong"),
    ],
)
@pytest.mark.parametrize("command", ["check", "build"])
def test_a_project_that_is_none_is_exit_code_2(
    specc: Run, project: Path, settings: str | None, said_out: str, said_error: str, command: str
) -> None:
    (project / "specc.yaml").unlink()
    if settings is not None:
        (project / "specc.yaml").write_text(settings)
    code, said, error = specc(command, "--project", project)
    assert code == 2
    assert said_out in said and bool(said) == bool(said_out)
    assert said_error in error and error.startswith("specc: ") and error.count("\n") == 1


def test_no_project_upwards_is_exit_code_2(
    specc: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, said, error = specc("check")
    assert (code, said) == (2, "")
    assert "specc init" in error


def test_building_twice_writes_once(specc: Run, project: Path) -> None:
    code, said, error = specc("build", "--project", project)
    assert (code, said) == (0, "")
    files = [path for path in (project / "generated").rglob("*") if path.is_file()]
    count = len(files)
    assert error.splitlines()[-1] == f"generated/: {count} files, {count} written"
    before = {path: path.stat().st_mtime_ns for path in files}
    code, said, error = specc("build", "--project", project)
    assert error.splitlines()[-1] == f"generated/: {count} files, nothing to do"
    assert {path: path.stat().st_mtime_ns for path in files} == before


def test_a_check_of_the_build_says_what_is_stale_and_writes_nothing(specc: Run, project: Path) -> None:
    specc("build", "--project", project)
    assert specc("build", "--check", "--project", project) == (
        0, "", "no problems in 1 file\ngenerated/: up to date\n",
    )  # fmt: skip
    (project / "generated" / "specc.lock").write_text("x")
    (project / "generated" / "old.sql").write_text("-- generated by specc\n")
    code, said, error = specc("build", "--check", "--project", project)
    assert code == 1
    assert said == "generated/old.sql: no longer made\ngenerated/specc.lock: changed\n"
    assert error.endswith("generated/: not up to date, run `specc build`\n")
    assert (project / "generated" / "specc.lock").read_text() == "x"
    code, said, error = specc("build", "--check", "--project", project, "--format", "json")
    assert (code, json.loads(said)) == (1, [])
    assert "generated/old.sql: no longer made\n" in error
    assert specc("build", "--project", project)[2].endswith(", 1 written, 1 removed\n")


def test_errors_keep_the_last_good_build(specc: Run, project: Path) -> None:
    specc("build", "--project", project)
    before = (project / "generated" / "specc.lock").read_bytes()
    (project / "specs" / "order.yaml").write_text(BAD)
    assert specc("build", "--project", project)[0] == 1
    assert (project / "generated" / "specc.lock").read_bytes() == before


def test_a_folder_of_others_is_not_built_into(specc: Run, project: Path) -> None:
    (project / "generated").mkdir()
    (project / "generated" / "thesis.md").write_text("x")
    code, _, error = specc("build", "--project", project)
    assert code == 2
    assert "thesis.md" in error
    assert [path.name for path in (project / "generated").iterdir()] == ["thesis.md"]


@pytest.mark.parametrize("word", ["S302", "s302", "unreachable-state"])
def test_a_code_is_explained_by_number_and_by_name(specc: Run, word: str) -> None:
    code, said, error = specc("explain", word)
    assert (code, error) == (0, "")
    assert said.startswith("S302 unreachable-state (error)\n")
    assert "Wrong:" in said and "Right:" in said
    assert json.loads(specc("explain", word, "--format", "json")[1])["slug"] == "unreachable-state"


def test_all_codes_are_listed(specc: Run) -> None:
    lines = specc("explain")[1].splitlines()
    assert [line.split()[0] for line in lines] == [code.id for code in driver.CODES]
    assert len(json.loads(specc("explain", "--format", "json")[1])) == len(lines)


def test_a_code_that_is_none_is_exit_code_2_with_the_nearest(specc: Run) -> None:
    code, said, error = specc("explain", "unreachable-stat")
    assert (code, said) == (2, "")
    assert error == "specc: no code `unreachable-stat`; did you mean `unreachable-state`?\n"


def test_a_bug_is_one_line_and_a_hint(specc: Run, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(root: Path) -> driver.Result:
        raise RuntimeError(f"no {root.name}\nat all")

    monkeypatch.setattr(driver, "check", broken)
    code, said, error = specc("check", "--project", project)
    assert (code, said) == (2, "")
    assert error.splitlines()[0] == "specc: internal error: RuntimeError: no shop at all"
    assert "SPECC_TRACEBACK=1" in error and "Traceback" not in error
    monkeypatch.setenv("SPECC_TRACEBACK", "1")
    code, _, error = specc("check", "--project", project)
    assert code == 2
    assert "Traceback" in error and "in broken" in error


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    project = make_project(tmp_path / "shop", BAD)
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as closed:
        for arguments, code in ((["check", "--project", str(project)], 1), (["--help"], 0)):
            done = subprocess.run(
                [sys.executable, "-m", "specc", *arguments],
                stdout=closed,
                stderr=subprocess.PIPE,
                check=False,
            )
            assert done.returncode == code
            assert b"rror:" not in done.stderr and b"Traceback" not in done.stderr


def test_a_full_disk_is_told_once(project: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "specc", "explain"],
            cwd=project,
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr == b"specc: cannot write the output: No space left on device\n"


@pytest.mark.parametrize("closed", [1, 2])
def test_a_closed_stream_changes_no_exit_code(project: Path, closed: int) -> None:
    script = f'exec {closed}>&-; exec "$0" -m specc check'
    done = subprocess.run(["sh", "-c", script, sys.executable], cwd=project, capture_output=True, check=False)
    assert done.returncode == 0
    assert b"rror" not in done.stderr


def test_a_stream_that_lacks_letters_gets_escapes(tmp_path: Path) -> None:
    project = make_project(tmp_path / "shop", BAD.replace("held", "hélas"))
    done = process("check", "--project", str(project), PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.returncode == 1
    assert "h\\xe9las" in done.stdout


def test_a_new_project_builds(specc: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, said, _ = specc("init", "my shop")
    assert code == 0
    assert "my shop/specc.yaml" in said.splitlines()
    assert 'project: "my shop"' in (tmp_path / "my shop" / "specc.yaml").read_text()
    assert specc("check", "--project", "my shop")[:2] == (0, "")
    assert specc("build", "--project", "my shop")[0] == 0
    made = {path.name for path in (tmp_path / "my shop" / "generated").rglob("*")}
    assert {"specc.lock", "migrations"} <= made


def test_a_new_project_tells_the_editor_where_its_schema_will_be(specc: Run, tmp_path: Path) -> None:
    specc("init", tmp_path)
    named = {}
    for path in [tmp_path / "specc.yaml", *tmp_path.glob("specs/**/*.yaml")]:
        line = path.read_text().splitlines()[0]
        assert line.startswith("# yaml-language-server: $schema=")
        schema = (path.parent / line.partition("=")[2]).resolve()
        named[path.name] = schema.relative_to(tmp_path / "generated").as_posix()
    assert named.pop("specc.yaml") == SETTINGS_PATH
    assert set(named.values()) == {SPECS_PATH}
    assert len(named) > 3


def test_a_new_project_is_valid_for_its_editor(specc: Run, tmp_path: Path) -> None:
    specc("init", tmp_path)
    specs, settings = (Draft7Validator(json.loads(text)) for text in editor_files(KINDS).values())
    settings.validate(yaml.safe_load((tmp_path / "specc.yaml").read_text()))
    for path in tmp_path.glob("specs/**/*.yaml"):
        for document in yaml.safe_load_all(path.read_text()):
            specs.validate(document)


def test_a_new_project_overwrites_nothing(specc: Run, tmp_path: Path) -> None:
    (tmp_path / "specs" / "tables").mkdir(parents=True)
    (tmp_path / "specs" / "tables" / "ticket.yaml").write_text("mine")
    code, said, error = specc("init", tmp_path)
    assert (code, said) == (2, "")
    assert "ticket.yaml is there already" in error
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["ticket.yaml"]

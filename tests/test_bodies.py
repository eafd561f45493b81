"""Function bodies of real shape against tables of what they do that were written by hand."""

import pytest

from body_samples import EXPECTED, SAMPLES, listed, write_bodies
from specc import driver
from specc.analysis.bodies import Body, bodies
from specc.driver import Checked
from specc.load.files import read_project

each_sample = pytest.mark.parametrize("name", SAMPLES)


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Checked:
    """The project with all functions."""
    return driver.analyse(read_project(write_bodies(tmp_path_factory.mktemp("bodies"), SAMPLES, set())))


def moves(body: Body) -> set[tuple[str, str]]:
    return {
        (one.machine, f"{source} → {one.target}")
        for one in body.moves
        if one.form == "move"
        for source in one.sources or ("?",)
    }


def found_in(checked: Checked, path: str) -> list[tuple[str, str]]:
    """Return the findings in a file in the order of the text, each with the text it points at."""
    text = checked.sources[path].text
    found = [one for one in checked.diagnostics if one.span.path == path]
    return [(one.code.id, text[one.span.start : one.span.end]) for one in found]


def test_each_sample_has_a_table() -> None:
    assert set(EXPECTED) == set(SAMPLES)


@each_sample
def test_the_driver_table_is_the_one_written_by_hand(checked: Checked, name: str) -> None:
    body, expected = bodies(checked.project)[f"public.{name}"], EXPECTED[name]
    assert moves(body) == listed(expected.moves)
    births = {(one.machine, one.target) for one in body.moves if one.form == "birth"}
    assert births == listed(expected.births)
    assert [(one.machine, one.reason) for one in body.undecided] == list(expected.undecided)
    assert {(one.machine, one.value) for one in body.unknown} == set(expected.unknown)


@each_sample
def test_findings_stand_at_the_very_word(checked: Checked, name: str) -> None:
    assert found_in(checked, f"specs/functions/{name}.sql") == list(EXPECTED[name].found)

"""The dashboard in a real browser: it is styled, its links and its form work without scripts, and nothing runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser import Tab, browser, program

# Their fixtures are ours.
from test_dashboard import EVIL, FRESH, STUCK, built, dashboard, ours, template  # noqa: F401

if TYPE_CHECKING:
    from specc.dashboard import Dashboard

PATH = program()
pytestmark = [
    pytest.mark.pg,
    pytest.mark.skipif(PATH is None, reason="no Chromium here; SPECC_CHROMIUM names one"),
]


@pytest.fixture
def tab(tmp_path: Path) -> Iterator[Tab]:
    assert PATH is not None
    with browser(PATH, tmp_path) as found:
        yield found


def test_an_operator_finds_a_stuck_row_by_clicking(tab: Tab, dashboard: Dashboard) -> None:  # noqa: F811
    tab.forbid_scripts()
    tab.open(dashboard.url)
    assert tab.ask("document.querySelector('#job h2').innerText") == "job"
    tab.click(f"a[href$='{STUCK}']")
    assert tab.ask("document.querySelector('h1').innerText") == f"job {STUCK}"
    assert "It has been in its state for too long." in tab.ask("document.body.innerText")
    tab.click("nav a")
    assert tab.ask("location.pathname") == "/"


def test_an_operator_finds_a_row_by_its_id(tab: Tab, dashboard: Dashboard) -> None:  # noqa: F811
    tab.open(f"{dashboard.url}?still=1")
    tab.ask("document.querySelector('select').value = 'job'")
    tab.write("input[name=id]", str(FRESH))
    tab.click("button")
    assert tab.ask("document.querySelector('h1').innerText") == f"job {FRESH}"
    assert tab.ask("document.querySelector('dd').innerText") == "ready"


def test_nothing_runs_and_nothing_is_fetched_from_elsewhere(tab: Tab, dashboard: Dashboard) -> None:  # noqa: F811
    """No dialog opens, the policy has nothing to refuse, and all that is asked for is here."""
    for path in ("", f"row?machine=job&id={STUCK}", "costs", "?<script>alert(1)</script>=1"):
        tab.open(f"{dashboard.url}{path}")
        assert tab.ask("document.querySelectorAll('script, img').length") == 0
        assert path == "costs" or EVIL in tab.ask("document.body.innerText")
    assert tab.complaints() == []
    assert not [one for one in tab.events if one.get("method") == "Page.javascriptDialogOpening"]
    assert all(url.startswith((dashboard.url, "about:")) for url in tab.requested())


def test_a_script_that_slipped_in_would_not_run(tab: Tab, dashboard: Dashboard) -> None:  # noqa: F811
    """The policy is the second wall: what the page itself adds is refused, too."""
    tab.open(dashboard.url)
    tab.ask(
        "(() => { const e = document.createElement('script'); e.text = 'window.ran = 1'; document.body.append(e); })()"
    )
    tab.ask("document.body.insertAdjacentHTML('beforeend', '<img src=/icon.svg onload=\"window.ran = 1\">')")
    assert tab.ask("window.ran") is None
    assert any("Content Security Policy" in text for text in tab.complaints())


@pytest.mark.parametrize(("scheme", "light"), [("light", True), ("dark", False)])
def test_it_follows_the_readers_colours(tab: Tab, dashboard: Dashboard, scheme: str, light: bool) -> None:  # noqa: F811
    tab.prefer(scheme)
    tab.open(dashboard.url)
    ground, ink = (
        sum(map(int, tab.ask(f"getComputedStyle(document.body).{name}")[4:-1].split(",")))
        for name in ("backgroundColor", "color")
    )
    assert (ground > ink) is light
    assert abs(ground - ink) > 400


@pytest.mark.parametrize("path", ["", f"row?machine=job&id={STUCK}", "costs"])
def test_it_fits_a_narrow_screen(tab: Tab, dashboard: Dashboard, path: str) -> None:  # noqa: F811
    tab.narrow(400)
    tab.open(f"{dashboard.url}{path}")
    assert tab.ask("document.documentElement.scrollWidth") <= 400

"""What the dashboard answers: a path and its parameters in, a status, a kind of text and the text out.

It asks the database through `specc.status`, anew for each answer, and knows nothing of HTTP's connections.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from threading import Lock
from typing import Any

from specc.dashboard.pages import asset, page
from specc.record import record
from specc.status import (
    NoRowError,
    StatusError,
    Watched,
    read_costs,
    read_status,
    read_story,
)

HTML = "text/html; charset=utf-8"
JSON = "application/json"
REFRESH = 10
"""Seconds until a page is asked for again, unless its reader holds it still."""

Parameters = Mapping[str, str]


@record
class Answer:
    """What is sent: an HTTP status, a media type and a text."""

    status: int
    kind: str
    body: bytes


class Views:
    """The answers about one database."""

    def __init__(self, conninfo: str, ours: Watched) -> None:
        self._conninfo = conninfo
        self._ours = ours
        # However many browsers look, the database is asked one thing at a time.
        self._one_at_a_time = Lock()
        self._paths: dict[str, Callable[[Parameters], tuple[str, dict[str, Any]]]] = {
            "/": self._overview,
            "/row": self._row,
            "/costs": self._costs,
        }

    def answer(self, path: str, parameters: Parameters) -> Answer:
        """Return what there is at a path: a page, the same as JSON at `/status.json` and the like, or a file."""
        if path in ("/style.css", "/icon.svg"):
            kind = "text/css; charset=utf-8" if path.endswith("css") else "image/svg+xml"
            return Answer(200, kind, asset(path[1:]))
        is_json = path.endswith(".json")
        place = {"/status": "/"}.get(path[:-5], path[:-5]) if is_json else path
        view = self._paths.get(place)
        if view is None or (is_json and path == "/.json"):
            return self._problem(404, "Not found", "There is no such page.", is_json=is_json)
        try:
            with self._one_at_a_time:
                name, found = view(parameters)
        except NoRowError as error:
            return self._problem(404, "No such row", str(error), is_json=is_json)
        except StatusError as error:
            return self._problem(503, "The database cannot be asked", str(error), is_json=is_json)
        if is_json:
            return _json(200, found)
        return self._page(200, name, parameters, found)

    def problem(self, status: int, title: str, message: str) -> Answer:
        """Return a page that says what went wrong."""
        return self._problem(status, title, message, is_json=False)

    def _problem(self, status: int, title: str, message: str, *, is_json: bool) -> Answer:
        if is_json:
            return _json(status, {"error": message})
        return self._page(status, "problem", {}, {"title": title, "message": message})

    def _page(self, status: int, name: str, parameters: Parameters, values: dict[str, Any]) -> Answer:
        # A database that is away is looked for until it is back; other problems stay as they are.
        refresh = 0 if "still" in parameters or (name == "problem" and status != 503) else REFRESH
        text = page(name, refresh=refresh, machines=self._ours.machines, asked=parameters, **values)
        return Answer(status, HTML, text.encode())

    def _overview(self, _: Parameters) -> tuple[str, dict[str, Any]]:
        found = read_status(
            self._conninfo, self._ours.machines, with_alerts=self._ours.has_alerts, with_minutes=True
        )
        return "overview", {"status": asdict(found), "has_alerts": self._ours.has_alerts}

    def _row(self, parameters: Parameters) -> tuple[str, dict[str, Any]]:
        machine, row = parameters.get("machine", ""), parameters.get("id", "").strip()
        if machine not in self._ours.machines:
            raise NoRowError(f"there is no machine `{machine}`; there is {', '.join(self._ours.machines)}")
        return "row", {"story": read_story(self._conninfo, machine, row)}

    def _costs(self, _: Parameters) -> tuple[str, dict[str, Any]]:
        found = read_costs(self._conninfo, self._ours)
        return "costs", {"costs": asdict(found), "lacking": found.lacking, "unused": found.unused}


def _json(status: int, data: dict[str, Any]) -> Answer:
    return Answer(status, JSON, (json.dumps(data, default=str, ensure_ascii=False) + "\n").encode())

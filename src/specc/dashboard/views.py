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
    Record,
    StatusError,
    Watched,
    as_data,
    read_costs,
    read_status,
    read_story,
)

HTML = "text/html; charset=utf-8"
JSON = "application/json"
REFRESH = 10
"""Seconds until a page is asked for again, unless its reader holds it still."""

Parameters = Mapping[str, str]

_FILES = {"/style.css": "text/css; charset=utf-8", "/icon.svg": "image/svg+xml"}
_JSON_OF = {"/status.json": "/", "/row.json": "/row", "/costs.json": "/costs"}
"""Where tools find what a page shows."""


@record
class Answer:
    """What is sent: an HTTP status, a media type and a text."""

    status: int
    kind: str
    body: bytes


@record
class _Shown:
    """What a page is made of: a template and its values, and the same for tools."""

    template: str
    values: Record
    data: Record


class Views:
    """The answers about one database."""

    def __init__(self, conninfo: str, ours: Watched) -> None:
        self._conninfo = conninfo
        self._ours = ours
        # However many browsers look, the database is asked one thing at a time.
        self._one_at_a_time = Lock()
        self._paths: dict[str, Callable[[Parameters], _Shown]] = {
            "/": self._overview,
            "/row": self._row,
            "/costs": self._costs,
        }

    def answer(self, path: str, parameters: Parameters) -> Answer:
        """Return what there is at a path: a page, the same as JSON at `/status.json` and the like, or a file."""
        if path in _FILES:
            return Answer(200, _FILES[path], asset(path[1:]))
        is_json = path in _JSON_OF
        view = self._paths.get(_JSON_OF.get(path, path))
        if view is None:
            return self.problem(404, "Not found", "There is no such page.")
        try:
            with self._one_at_a_time:
                shown = view(parameters)
        except StatusError as error:
            is_ours = isinstance(error, NoRowError)
            status, title = (404, "No such row") if is_ours else (503, "The database cannot be asked")
            if is_json:
                return _json(status, {"error": str(error)})
            return self.problem(status, title, str(error), parameters)
        return (
            _json(200, shown.data) if is_json else self._page(200, shown.template, parameters, shown.values)
        )

    def problem(self, status: int, title: str, message: str, parameters: Parameters | None = None) -> Answer:
        """Return a page that says what went wrong."""
        return self._page(status, "problem", parameters or {}, {"title": title, "message": message})

    def _page(self, status: int, name: str, parameters: Parameters, values: Mapping[str, Any]) -> Answer:
        # A database that is away is looked for until it is back; other problems stay as they are.
        refresh = 0 if "still" in parameters or (name == "problem" and status != 503) else REFRESH
        text = page(name, refresh=refresh, machines=self._ours.machines, asked=parameters, **values)
        return Answer(status, HTML, text.encode())

    def _overview(self, _: Parameters) -> _Shown:
        found = read_status(
            self._conninfo, self._ours.machines, with_alerts=self._ours.has_alerts, with_minutes=True
        )
        return _Shown(
            "overview", {"status": asdict(found), "has_alerts": self._ours.has_alerts}, as_data(found)
        )

    def _row(self, parameters: Parameters) -> _Shown:
        machine, row = parameters.get("machine", ""), parameters.get("id", "").strip()
        if machine not in self._ours.machines:
            raise NoRowError(f"there is no machine `{machine}`; there is {', '.join(self._ours.machines)}")
        story = read_story(self._conninfo, machine, row)
        return _Shown("row", {"story": story}, story)

    def _costs(self, _: Parameters) -> _Shown:
        found = read_costs(self._conninfo, self._ours)
        data = asdict(found)
        return _Shown("costs", {"costs": data, "lacking": found.lacking, "unused": found.unused}, data)


def _json(status: int, data: Record) -> Answer:
    return Answer(status, JSON, (json.dumps(data, default=str, ensure_ascii=False) + "\n").encode())

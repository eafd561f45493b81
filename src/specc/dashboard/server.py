"""The dashboard's HTTP server: who may ask, for what, and with which headers the answer goes out.

Requests come in, answers of `Views` go out. It reads no body, changes nothing, and answers only those who call
it by an address or by a name it was given: another name that leads here is an attempt at DNS rebinding.
"""

from __future__ import annotations

import ipaddress
import socket
import sys
from collections.abc import Iterable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from specc.dashboard.views import Answer, Views
from specc.status import Watched

PATIENCE = 15
"""Seconds that a client may take to ask."""

HEADERS = {
    # No script at all: not even one that slipped into a page would run.
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none';"
        " frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Dashboard(ThreadingHTTPServer):
    """A server that listens; `serve_forever` answers until `shutdown`. Raises `OSError` where it cannot listen."""

    daemon_threads = True

    def __init__(
        self, host: str, port: int, conninfo: str, ours: Watched, *, names: Iterable[str] = ()
    ) -> None:
        self.address_family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        self.views = Views(conninfo, ours)
        self._names = {"localhost", host.lower(), *(name.lower() for name in names)}
        super().__init__((host, port), _Request)
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self.server_port}/"

    def server_bind(self) -> None:
        """Bind without asking the name service who we are, as the standard library would."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_port = self.socket.getsockname()[1]

    def is_called(self, host: str) -> bool:
        """Whether a Host header names this server: by an address, which no name service gave, or by its name."""
        try:
            name = urlsplit(f"//{host}").hostname or ""
            ipaddress.ip_address(name)
        except ValueError:
            return bool(host) and name_of(host) in self._names
        return True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that went away in the midst of an answer; anything else is a bug."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


def name_of(host: str) -> str:
    """Return the name in a Host header, without its port; empty for what is none."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


class _Request(BaseHTTPRequestHandler):
    """One request. The names of its methods are those of `http.server`."""

    server: Dashboard
    timeout = PATIENCE

    def do_GET(self) -> None:
        """Answer."""
        if not self.server.is_called(self.headers.get("Host", "")):
            self.send_error(HTTPStatus.MISDIRECTED_REQUEST)
            return
        try:
            asked = urlsplit(self.path)
            parameters = dict(parse_qsl(asked.query, keep_blank_values=True, max_num_fields=10))
        except ValueError:
            self.send_error(HTTPStatus.BAD_REQUEST)
            return
        try:
            answer = self.server.views.answer(asked.path, parameters)
        except Exception:
            self.send_error(HTTPStatus.INTERNAL_SERVER_ERROR)
            raise
        self._send(answer)

    do_HEAD = do_GET  # noqa: N815

    def _refuse(self) -> None:
        self.send_error(HTTPStatus.METHOD_NOT_ALLOWED)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _refuse  # noqa: N815

    def send_error(self, code: int, *_: str | None, **__: str | None) -> None:
        """Answer what the standard library refuses, too, with our headers and a page of ours."""
        said = {
            HTTPStatus.METHOD_NOT_ALLOWED: "This page only shows; it takes nothing.",
            HTTPStatus.MISDIRECTED_REQUEST: "This server does not go by that name; `--allow-host` gives it another.",
        }
        status = HTTPStatus(code)
        self.close_connection = True
        self._send(self.server.views.problem(code, status.phrase, said.get(status, status.description)))

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        if answer.status == HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET, HEAD")
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def version_string(self) -> str:
        """Tell nobody which Python answers."""
        return "specc"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's name
        """Write no log: what was asked may name rows."""

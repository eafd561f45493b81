"""A real browser for tests: Chromium, driven over a pipe in its own protocol, without any other package.

`SPECC_CHROMIUM` names the program where it is not on the PATH.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
    "--remote-debugging-pipe", "--window-size=1200,900",
)  # fmt: skip


def program() -> str | None:
    """The path of a browser, if there is one."""
    return os.environ.get("SPECC_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


class Tab:
    """One page in a browser."""

    def __init__(self, write: int, read: int) -> None:
        self._write, self._read, self._rest, self._number = write, read, b"", 0
        self._session = ""
        self.events: list[dict[str, Any]] = []
        target = self._send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._send(f"{domain}.enable")

    def _send(self, method: str, **values: Any) -> dict[str, Any]:
        self._number += 1
        order = {"id": self._number, "method": method, "params": values}
        order |= {"sessionId": self._session} if self._session else {}
        os.write(self._write, json.dumps(order).encode() + b"\0")
        while (said := self._message()).get("id") != self._number:
            self.events.append(said)
        assert "error" not in said, said
        result: dict[str, Any] = said["result"]
        return result

    def _message(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            more = os.read(self._read, 1 << 16)
            assert more, "the browser is gone"
            self._rest += more
        text, _, self._rest = self._rest.partition(b"\0")
        found: dict[str, Any] = json.loads(text)
        return found

    def loaded(self) -> None:
        """Wait until a page has loaded since this was last asked."""
        while not any(one.get("method") == "Page.loadEventFired" for one in self.events):
            self.events.append(self._message())
        self.events = [one for one in self.events if one.get("method") != "Page.loadEventFired"]

    def open(self, url: str) -> None:
        """Go to an address and wait until the page is there."""
        self._send("Page.navigate", url=url)
        self.loaded()

    def ask(self, expression: str) -> Any:
        """Return the value of an expression in the page; the browser's own, which no policy hinders."""
        found = self._send("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def click(self, selector: str) -> None:
        """Click in the middle of an element, as a mouse does, and wait for the page that follows."""
        place = self.ask(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); e.scrollIntoView();"
            " const r = e.getClientRects()[0]; return [r.x + r.width / 2, r.y + r.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self._send(
                "Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", clickCount=1
            )
        self.loaded()

    def write(self, selector: str, text: str) -> None:
        """Type a text into a field."""
        self.ask(f"document.querySelector({json.dumps(selector)}).focus()")
        self._send("Input.insertText", text=text)

    def prefer(self, scheme: str) -> None:
        """Let the reader prefer a colour scheme."""
        self._send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def narrow(self, width: int) -> None:
        """Make the window as wide as a telephone, say."""
        self._send(
            "Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=False
        )

    def forbid_scripts(self) -> None:
        """Switch JavaScript off in pages."""
        self._send("Emulation.setScriptExecutionDisabled", value=True)

    def complaints(self) -> list[str]:
        """Return what the browser logged: a refused script, a style that was not found."""
        logged = [
            one["params"]["entry"]["text"] for one in self.events if one.get("method") == "Log.entryAdded"
        ]
        thrown = [one for one in self.events if one.get("method") == "Runtime.exceptionThrown"]
        return [*logged, *map(str, thrown)]

    def requested(self) -> set[str]:
        """Return the addresses of all that was asked for."""
        sent = [one for one in self.events if one.get("method") == "Network.requestWillBeSent"]
        return {one["params"]["request"]["url"] for one in sent}


@contextmanager
def browser(path: str, profile: Path) -> Iterator[Tab]:
    """Start a browser and end it with the block."""
    theirs, write = os.pipe()
    read, answers = os.pipe()
    # The protocol wants descriptors 3 and 4, which a shell puts in place; neither may be one of these.
    there, back = (fcntl.fcntl(one, fcntl.F_DUPFD, 10) for one in (theirs, answers))
    order = f'exec "$0" "$@" 3<&{there} 4>&{back}'
    process = subprocess.Popen(
        ["bash", "-c", order, path, *OPTIONS, f"--user-data-dir={profile}"],
        pass_fds=(there, back), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    for one in (theirs, answers, there, back):
        os.close(one)
    try:
        yield Tab(write, read)
    finally:
        process.kill()
        process.wait()
        os.close(write)
        os.close(read)

# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A headless Chromium, steered by its DevTools protocol over a pipe: no port is opened, and no driver is needed.

Messages are JSON, each ended by a zero byte, on the file descriptors 3 and 4 of the browser
(https://chromedevtools.github.io/devtools-protocol/).
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.lab.host import install_missing

# The fonts, so that texts are as wide on every machine; the last one reads what was printed.
PACKAGES = ("chromium", "fonts-dejavu-core", "poppler-utils")
PATIENCE_SECONDS = 60.0
_READ_BYTES = 1024 * 1024
_ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",  # CI is root in a container
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--font-render-hinting=none",
    "--remote-debugging-pipe",
)


class BrowserError(AssertionError):
    """The browser refused a command, or did not answer in time."""


class Browser:
    """The program, with one page."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._number = 0
        self._session = ""
        self._buffer = b""
        self._events: list[dict[str, Any]] = []

    def __enter__(self) -> Browser:
        install_missing(PACKAGES)
        (reads, self._out), (self._in, writes) = os.pipe(), os.pipe()
        # Not among the descriptors that the browser has for itself.
        theirs_in, theirs_out = (fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in (reads, writes))
        arguments = [*_ARGUMENTS, f"--user-data-dir={self._folder / 'profile'}", "about:blank"]
        # The shell puts the pipes where the browser looks for them.
        script = f'exec chromium "$@" 3<&{theirs_in} 4>&{theirs_out}'
        with (self._folder / "browser.log").open("wb") as log:
            self._process = subprocess.Popen(
                ["bash", "-c", script, "chromium", *arguments],
                pass_fds=(theirs_in, theirs_out),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        for end in (reads, writes, theirs_in, theirs_out):
            os.close(end)
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = str(self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"])
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.ask(f"{domain}.enable")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._out)
        os.close(self._in)

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The result of a command. Raises BrowserError."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            answer = self._next(deadline)
            if answer.get("id") != self._number:
                self._events.append(answer)
            elif "error" in answer:
                raise BrowserError(f"{method}: {answer['error']['message']}")
            else:
                return dict(answer["result"])

    def wait_for(self, method: str) -> None:
        """Read until an event of this name; raises BrowserError when there is none in time."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while all(event.get("method") != method for event in self._events):
            self._events.append(self._next(deadline))

    def open(self, path: Path) -> None:
        """Load a file; what was asked and said before is forgotten."""
        self._events.clear()
        self.ask("Page.navigate", url=path.as_uri())
        self.wait_for("Page.loadEventFired")

    def events(self, method: str) -> list[dict[str, Any]]:
        """What happened of one kind since the page was opened."""
        self.value("1")  # all that was there before it is read by then
        return [dict(event["params"]) for event in self._events if event.get("method") == method]

    def value(self, expression: str) -> Any:
        """The value of an expression in the page, which has no script of its own. Raises BrowserError."""
        done = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in done:
            raise BrowserError(f"{expression}: {done['exceptionDetails']}")
        return done["result"].get("value")

    def look(
        self, *, width: int = 1280, height: int = 1000, scheme: str = "light", deficiency: str = "none", media: str = ""
    ) -> None:
        """How it is looked at. C(deficiency): for example C(achromatopsia), which sees no colour."""
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.ask("Emulation.setEmulatedMedia", media=media, features=features)
        self.ask("Emulation.setEmulatedVisionDeficiency", type=deficiency)

    def picture(self, clip: Mapping[str, float] | None = None, scale: float = 1) -> bytes:
        """A PNG of the page, or of a part of it."""
        more = {"clip": {**clip, "scale": scale}, "captureBeyondViewport": True} if clip else {}
        return base64.b64decode(self.ask("Page.captureScreenshot", format="png", **more)["data"])

    def printed(self) -> bytes:
        """The page as a PDF."""
        return base64.b64decode(self.ask("Page.printToPDF", printBackground=False)["data"])

    def _next(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._in], [], [], left)[0]:
                raise BrowserError(f"no answer in {PATIENCE_SECONDS:g} s; see {self._folder / 'browser.log'}")
            read = os.read(self._in, _READ_BYTES)
            if not read:
                raise BrowserError(f"the browser ended; see {self._folder / 'browser.log'}")
            self._buffer += read
        message, _end, self._buffer = self._buffer.partition(b"\0")
        return dict(json.loads(message))

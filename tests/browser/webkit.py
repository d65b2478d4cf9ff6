"""Drives WebKitGTK's small browser by WebDriver over HTTP, on a screen of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any

import requests

from scripts.child_processes import start
from scripts.ports import free_port
from tests.browser.other_browser import ELEMENT, OtherBrowser
from tests.browser.person import eventually

_PLACES = Path("/usr/lib")


def webkit() -> Path | None:
    """Return the path of the browser, where Debian's webkit2gtk-driver and xvfb are installed."""
    if not (shutil.which("WebKitWebDriver") and shutil.which("Xvfb")):
        return None
    return next(_PLACES.glob("*/webkit2gtk-4.1/MiniBrowser"), None)


class WebKit(OtherBrowser):
    def __init__(self, folder: Path) -> None:
        port, screen = free_port(), folder / "screen"
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with screen.open("wb") as file:
            display = ["Xvfb", "-displayfd", str(file.fileno()), "-nolisten", "tcp"]
            pass_on = {"pass_fds": (file.fileno(),)}
            self._processes = [start(display, **pass_on, **quiet)]
        number = eventually(lambda: screen.read_text().strip())
        # No sandbox, which containers don't allow, and no graphics card.
        env = {
            "DISPLAY": f":{number}",
            "LIBGL_ALWAYS_SOFTWARE": "1",
            "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1",
        }
        driver = ["WebKitWebDriver", f"--port={port}"]
        self._processes.append(start(driver, env={**os.environ, **env}, **quiet))
        self._url = f"http://127.0.0.1:{port}/session"
        eventually(self._answers)
        options = {"binary": str(webkit()), "args": ["--automation"]}
        wanted = {"alwaysMatch": {"webkitgtk:browserOptions": options}}
        session = self._do("", {"capabilities": wanted})["sessionId"]
        self._url += f"/{session}"

    def __enter__(self) -> WebKit:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        requests.delete(self._url, timeout=60)
        for process in reversed(self._processes):
            process.terminate()
            process.wait(20)

    def opens(self, url: str) -> None:
        self._do("/url", {"url": url})

    def element(self, xpath: str) -> str:
        return str(self._do("/element", {"using": "xpath", "value": xpath})[ELEMENT])

    def sends(self, element: str, keys: str) -> None:
        self._do(f"/element/{element}/value", {"text": keys})

    def text(self, element: str) -> str:
        return str(self._do(f"/element/{element}/text"))

    def _answers(self) -> bool:
        try:
            return requests.get(self._url.replace("session", "status"), timeout=60).ok
        except requests.ConnectionError:
            return False

    def _do(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Run a command. Return its value. Raises LookupError if it fails."""
        method = "GET" if body is None else "POST"
        answer = requests.request(method, self._url + path, json=body, timeout=60)
        value = answer.json()["value"]
        if not answer.ok:
            raise LookupError(value["message"])
        return value

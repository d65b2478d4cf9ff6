"""Drives Debian's Firefox by Marionette, the protocol that is built into it: JSON over TCP.

Neither geckodriver nor a Firefox that Playwright could drive is packaged there.
"""

from __future__ import annotations

import json
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

from scripts.child_processes import start
from scripts.install_test_programs import firefox
from scripts.ports import free_port
from tests.browser.person import eventually

# What WebDriver calls an element's id, and the Enter key.
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
_ENTER = "\ue007"
# No request to anybody else, and none of what a newcomer is shown.
_PREFERENCES = {
    "app.normandy.enabled": False,
    "browser.aboutConfig.showWarning": False,
    "browser.safebrowsing.downloads.remote.enabled": False,
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.getAddons.cache.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "toolkit.telemetry.enabled": False,
}


class Firefox:
    """A headless Firefox with a profile of its own in `folder`.

    Elements are named by XPath, and known by ids of WebDriver.
    """

    def __init__(self, folder: Path, **preferences: object) -> None:
        port = free_port()
        chosen = {**_PREFERENCES, "marionette.port": port, **preferences}
        lines = [f'user_pref("{name}", {json.dumps(value)});' for name, value in chosen.items()]
        (folder / "user.js").write_text("\n".join(lines))
        program = firefox() or "firefox-esr"
        options = ["--headless", "--no-remote", "--marionette", "--profile", str(folder)]
        self._process = start(
            [program, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._socket = eventually(lambda: _connect(port))
        self._stream = self._socket.makefile("rb")
        self._read()
        self._do("WebDriver:NewSession", capabilities={})

    def __enter__(self) -> Firefox:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        self._socket.close()
        self._process.terminate()
        self._process.wait(20)

    def opens(self, url: str) -> None:
        self._do("WebDriver:Navigate", url=url)

    def element(self, xpath: str) -> str:
        """Return the element's id. Raises LookupError if there is none."""
        found = self._do("WebDriver:FindElement", using="xpath", value=xpath)
        return str(found[_ELEMENT])

    def sends(self, element: str, keys: str) -> None:
        self._do("WebDriver:ElementSendKeys", id=element, text=keys)

    def text(self, element: str) -> str:
        """Return the element's text as it is shown. Raises LookupError if it has gone."""
        return str(self._do("WebDriver:GetElementText", id=element))

    def finds(self, xpath: str) -> str:
        """Wait for an element, and return its id."""

        def found() -> str | None:
            try:
                return self.element(xpath)
            except LookupError:
                return None

        return str(eventually(found))

    def types(self, name: str, words: str) -> None:
        named = f"[@name='{name}'][not(@type='hidden')]"
        self.sends(self.finds(f"//input{named} | //textarea{named}"), words)

    def presses(self, button: str) -> None:
        """By the keyboard, since a page that follows an answer moves under the pointer."""
        self.sends(self.finds(f"//button[normalize-space()='{button}']"), _ENTER)

    def reads(self) -> str:
        """Return the page's text as it is shown; "" while another page comes."""
        try:
            return self.text(self.finds("//body"))
        except LookupError:
            return ""

    def sees(self, words: str) -> None:
        eventually(lambda: words in self.reads())

    def _do(self, command: str, **arguments: object) -> Any:
        message = json.dumps([0, 1, command, arguments]).encode()
        self._socket.sendall(b"%d:%s" % (len(message), message))
        _, _, error, result = self._read()
        if error:
            raise LookupError(error["message"])
        return result.get("value", result)

    def _read(self) -> Any:
        size = b""
        while (digit := self._stream.read(1)) != b":":
            size += digit
        return json.loads(self._stream.read(int(size)))


def _connect(port: int) -> socket.socket | None:
    try:
        return socket.create_connection(("127.0.0.1", port), 60)
    except OSError:
        time.sleep(0.2)
        return None

"""The real processes, as `make run` starts them, and the browser that looks at them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Playwright

from scripts.child_processes import start
from scripts.install_test_programs import chromium
from scripts.ports import free_port
from tests.browser.person import Site

ROOT = Path(__file__).resolve().parent.parent.parent
# The notes service, which is nobody's domain.
NOTES = ROOT / "tests" / "support"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
# Long enough for a machine that does much else.
PATIENCE = 120.0


def free_ports(services: Path = NOTES) -> dict[str, str]:
    """Return a setting of a free port for each program, the services in that folder included."""
    names = ("web", "demo_model", *(each.parent.name for each in services.glob("*/service.py")))
    return {f"{name}_PORT".upper(): str(free_port()) for name in names}


class Process:
    """A program in a group of its own; `until` waits for a line, and its output is kept."""

    def __init__(self, arguments: list[str], env: dict[str, str], cwd: Path) -> None:
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._popen = start(
            [sys.executable, "-u", "-m", *arguments],
            env={**os.environ, "PYTHONPATH": str(ROOT), **env},
            cwd=cwd,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._popen.stdout
        for line in self._popen.stdout:
            with self._changed:
                self.lines.append(line)
                self._changed.notify_all()

    @property
    def pid(self) -> int:
        return self._popen.pid

    def until(self, words: str) -> str:
        with self._changed:
            found = self._changed.wait_for(
                lambda: next((line for line in self.lines if words in line), None), PATIENCE
            )
        assert found, "".join(self.lines)
        return str(found)

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """Send the signal, Ctrl-C unless told otherwise, and wait for the end."""
        self._popen.send_signal(number)
        try:
            self._popen.wait(20)
        finally:
            if self._popen.poll() is None:
                os.killpg(self._popen.pid, signal.SIGKILL)
            self._popen.wait()
            self._reader.join()
            if self._popen.stdout:
                self._popen.stdout.close()


def scripted_model(url: str) -> dict[str, str]:
    """Return the settings of a product whose model is the scripted one at this URL."""
    return {"OPENAI_BASE_URL": url, "MODEL": "scripted", "MODEL_TITLES": "false"}


def started(folder: Path, services: Path = NOTES, /, **settings: str) -> Iterator[Site]:
    """The whole product in `folder`, on free ports, with the services of another folder."""
    env = {
        "INSTANCE_DIR": str(folder / "instance"),
        "TOOL_SERVICES_FOLDER": str(services),
        "DEMO_MODEL_PACE": "20",
        "FIND_LOCAL_MODEL": "false",
    }
    env |= free_ports(services) | settings
    process = Process(["scripts.run"], env, folder)
    try:
        process.until("Homestream is ready")
        database = f"sqlite:///{env['INSTANCE_DIR']}/homestream.db"
        yield Site(f"http://127.0.0.1:{env['WEB_PORT']}", database=database)
    finally:
        process.stop()


def launch(playwright: Playwright) -> Browser:
    """This machine's Chromium; where it has none, Playwright's."""
    return playwright.chromium.launch(executable_path=chromium(), args=FLAGS)

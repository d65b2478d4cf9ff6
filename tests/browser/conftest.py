"""The real processes, as `make run` starts them, and a real Chromium that must not complain."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Playwright,
    Request,
    expect,
    sync_playwright,
)

from scripts.child_processes import start
from scripts.install_test_programs import chromium
from scripts.ports import free_port
from tests.browser.person import Person, Site
from tests.browser.relay import Relay
from tool_services import all_services

ROOT = Path(__file__).resolve().parent.parent.parent
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
# Long enough for a machine that does much else.
PATIENCE = 120.0
expect.set_options(timeout=60_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep what needs the product with the demo model in one process, so that it starts once."""
    for item in items:
        if "demo" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("demo"))


def free_ports() -> dict[str, str]:
    names = ("web", "demo_model", *all_services.folders())
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


def started(folder: Path, **settings: str) -> Iterator[Site]:
    """The whole product in `folder`, on free ports."""
    env = {
        "INSTANCE_DIR": str(folder / "instance"),
        "DEMO_MODEL_PACE": "20",
        "FIND_LOCAL_MODEL": "false",
    }
    env |= free_ports() | settings
    process = Process(["scripts.run"], env, folder)
    try:
        process.until("Homestream is ready")
        database = f"sqlite:///{env['INSTANCE_DIR']}/homestream.db"
        yield Site(f"http://127.0.0.1:{env['WEB_PORT']}", database=database)
    finally:
        process.stop()


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The product as a newcomer has it, with the demo model."""
    yield from started(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="session")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The product with a model that does what `[[markers]]` in the question say, and with a
    hostile server among those it takes tools from."""
    folder = tmp_path_factory.mktemp("scripted")
    port, hostile_port = free_port(), free_port()
    model = Process(["tests.support.scripted_model", "--port", str(port)], {}, ROOT)
    hostile = Process(["tests.browser.hostile_server", str(hostile_port)], {}, ROOT)
    try:
        model.until("listening")
        hostile.until("listening")
        url = f"http://127.0.0.1:{port}/v1"
        for site in started(
            folder,
            OPENAI_BASE_URL=url,
            MODEL="scripted",
            MODEL_TITLES="false",
            PING_INTERVAL="2",
            EXTERNAL_LINK_PAGE="true",
            MODEL_ATTEMPTS="1",
            ONE_PROCESS="true",
            MCP_SERVERS=json.dumps({"hostile": {"url": f"http://127.0.0.1:{hostile_port}/mcp"}}),
            MCP_ALLOW_PRIVATE="hostile",
            APPROVALS="hostile__show=never hostile__write=never hostile__tell=never",
        ):
            site.model = url
            yield site
    finally:
        model.stop(signal.SIGTERM)
        hostile.stop(signal.SIGTERM)


def launch(playwright: Playwright) -> Browser:
    """This machine's Chromium; where it has none, Playwright's."""
    return playwright.chromium.launch(executable_path=chromium(), args=FLAGS)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = launch(playwright)
        yield opened
        opened.close()


@pytest.fixture
def complaints() -> list[str]:
    """What the browser complained of; a test may expect some, and takes those out."""
    return []


@pytest.fixture
def context(browser: Browser, complaints: list[str]) -> Iterator[Callable[..., BrowserContext]]:
    """New browser contexts. None may ever ask a foreign host for anything, nor log an error."""
    opened: list[BrowserContext] = []

    def check_message(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(f"console: {message.text}")

    def check_request(request: Request) -> None:
        if urlsplit(request.url).hostname not in ("127.0.0.1", "localhost"):
            complaints.append(f"foreign: {request.url}")

    def watch(page: Page) -> None:
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on("console", check_message)
        page.on("request", check_request)

    def new(**options: object) -> BrowserContext:
        usual = {"viewport": {"width": 1280, "height": 800}, "reduced_motion": "reduce"}
        made = browser.new_context(**{**usual, **options})  # type: ignore[arg-type]
        made.set_default_timeout(60_000)
        made.on("page", watch)
        opened.append(made)
        return made

    yield new
    for made in opened:
        made.close()
    assert complaints == []


@pytest.fixture
def ann(context: Callable[..., BrowserContext], demo: Site) -> Person:
    """A newcomer."""
    return Person.fills_in_the_form(context().new_page(), demo)


@pytest.fixture
def bob(context: Callable[..., BrowserContext], scripted: Site) -> Person:
    """Whose model does what `[[markers]]` say."""
    return Person.signs_up(context().new_page(), scripted)


@pytest.fixture
def wire(scripted: Site) -> Iterator[Relay]:
    with Relay(urlsplit(scripted.url).port or 0) as relay:
        yield relay


@pytest.fixture
def dora(context: Callable[..., BrowserContext], scripted: Site, wire: Relay) -> Person:
    """As Bob, on a wire that can be cut."""
    site = Site(f"http://127.0.0.1:{wire.port}", scripted.model)
    return Person.signs_up(context().new_page(), site)

"""Fixtures of the tests in browsers, here and in the folders of tool services: products, people,
and a real Chromium that must not complain. pytest.ini loads them."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    expect,
    sync_playwright,
)

from scripts.ports import free_port
from tests.browser.person import Person, Site
from tests.browser.product import ROOT, Process, launch, scripted_model, started
from tests.browser.relay import Relay

expect.set_options(timeout=60_000)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The product as a newcomer has it, with its domain and the demo model."""
    yield from started(tmp_path_factory.mktemp("demo"), ROOT / "tool_services")


@pytest.fixture(scope="session")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The product with the notes service, a model that does what `[[markers]]` in the question say,
    and a hostile server among those it takes tools from."""
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
            **scripted_model(url),
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
    return Person.signs_up(context().new_page(), demo)


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

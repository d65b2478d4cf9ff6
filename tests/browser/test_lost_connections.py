"""Whatever happens between browser and server: the full text, once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.conftest import free_ports, started
from tests.browser.person import Person, Site, eventually, once_each
from tests.browser.relay import BAD_GATEWAY, Relay

New = Callable[..., BrowserContext]
ALL = list(range(50))
product = contextmanager(started)


@pytest.fixture
def wire(scripted: Site) -> Iterator[Relay]:
    with Relay(urlsplit(scripted.url).port or 0) as relay:
        yield relay


@pytest.fixture
def ann(context: New, scripted: Site, wire: Relay) -> Person:
    """On a wire that can be cut."""
    site = Site(f"http://127.0.0.1:{wire.port}", scripted.model)
    return Person.signs_up(context().new_page(), site)


@pytest.fixture
def bob(context: New, scripted: Site) -> Person:
    return Person.signs_up(context().new_page(), scripted)


def comes_as_far_as(person: Person, count: int) -> None:
    eventually(lambda: len(once_each(person.reads())) >= count)


def but_of_the_network(complaints: list[str]) -> None:
    """Nothing but what a browser says of a broken connection was complained of."""
    known = ("net::", "502", "[object Event]", "htmx:sendError", "htmx:afterRequest")
    complaints[:] = [line for line in complaints if not any(word in line for word in known)]


def stored(person: Person) -> list[str]:
    """The answers as the API tells them."""
    url = f"{person.site.url}/agents/chat-history"
    messages = person.page.context.request.get(url).json()["messages"]
    return [message["content"] for message in messages if message["role"] == "assistant"]


def test_a_reload_in_mid_answer_shows_the_full_text_once(bob: Person) -> None:
    bob.asks("[[slow]]")
    for count in (3, 8):
        comes_as_far_as(bob, count)
        bob.page.reload()
    bob.waits_for("completed")
    assert once_each(bob.reads()) == ALL
    assert [" ".join(text.split()) for text in stored(bob)] == [bob.reads()]


def test_someone_who_looked_elsewhere_meanwhile_finds_the_full_text_once(bob: Person) -> None:
    bob.asks("[[slow]]")
    comes_as_far_as(bob, 3)
    bob.page.goto(f"{bob.site.url}/outbox")
    eventually(lambda: bob.site.open_streams() == 0)
    bob.page.go_back()
    bob.waits_for("completed")
    assert once_each(bob.reads()) == ALL


def test_a_second_tab_and_a_lost_network_show_the_full_text_once(
    bob: Person, complaints: list[str]
) -> None:
    bob.asks("[[slow]]")
    comes_as_far_as(bob, 3)
    other = Person(bob.page.context.new_page(), bob.site, bob.email)
    other.page.goto(bob.page.url)
    eventually(lambda: bob.site.open_streams() == 2)
    # Breaks the connections that are open, as a network that goes away does.
    network = bob.page.context.new_cdp_session(bob.page)
    network.send("Network.enable")
    bob.page.context.set_offline(True)
    conditions = {"latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
    network.send("Network.emulateNetworkConditions", {"offline": True, **conditions})
    bob.page.wait_for_timeout(1500)
    bob.page.context.set_offline(False)
    conditions = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    network.send("Network.emulateNetworkConditions", {"offline": False, **conditions})
    for person in (bob, other):
        person.waits_for("completed")
        assert once_each(person.reads()) == ALL
    eventually(lambda: bob.site.open_streams() == 0)
    but_of_the_network(complaints)


@pytest.mark.parametrize("broken", [None, b"", BAD_GATEWAY], ids=["up", "dead", "bad gateway"])
def test_a_dropped_connection_shows_the_full_text_once(
    ann: Person, wire: Relay, complaints: list[str], broken: bytes | None
) -> None:
    """With a server that is back at once, that is away for a while, or a proxy that says so: the
    extension then opens a new connection of its own, without Last-Event-ID."""
    asked: list[str] = []
    ann.page.on("request", lambda request: asked.append(request.url))
    ann.asks("[[slow]]")
    comes_as_far_as(ann, 3)
    wire.broken = broken
    wire.cut()
    if broken is not None:
        eventually(lambda: any("/events" in line for line in wire.refused))
        wire.broken = None
    ann.waits_for("completed")
    assert once_each(ann.reads()) == ALL
    assert sum("/events" in url for url in asked) > 1
    assert [" ".join(text.split()) for text in stored(ann)] == [ann.reads()]
    eventually(lambda: ann.site.open_streams() == 0)
    count = len(asked)
    ann.page.wait_for_timeout(3500)
    assert not [url for url in asked[count:] if "/events" in url], "it asks on and on"
    but_of_the_network(complaints)


def test_a_question_that_reaches_nobody_stays_and_can_be_sent_again(
    ann: Person, wire: Relay, complaints: list[str]
) -> None:
    ann.asks("[[say one]]")
    ann.waits_for("completed")
    wire.broken = b""
    wire.cut()
    ann.sends("[[say two]]")
    expect(ann.page.locator("#notice")).to_contain_text("be reached")
    expect(ann.page.get_by_label("Your question")).to_have_value("[[say two]]")
    expect(ann.page.locator("#app-state")).to_contain_text("be reached")
    wire.broken = None
    ann.page.get_by_role("button", name="Send").click()
    ann.waits_for("completed", 2)
    assert ann.reads() == "two"
    expect(ann.page.locator("#notice")).to_be_empty()
    but_of_the_network(complaints)


def test_all_is_there_after_a_restart_and_the_answer_goes_on(
    context: New, scripted: Site, tmp_path: Path, complaints: list[str]
) -> None:
    settings = free_ports() | {"OPENAI_BASE_URL": scripted.model, "MODEL": "scripted"}
    with product(tmp_path, **settings) as site:
        cleo = Person.signs_up(context().new_page(), site)
        cleo.asks("[[say before it]]")
        cleo.waits_for("completed")
        cleo.asks("[[slow]]")
        comes_as_far_as(cleo, 5)
    with product(tmp_path, **settings):
        cleo.waits_for("completed", 2)
        assert once_each(cleo.reads()) == ALL
        cleo.page.reload()
        assert once_each(cleo.reads()) == ALL
        expect(cleo.answers.first).to_contain_text("before it")
    but_of_the_network(complaints)

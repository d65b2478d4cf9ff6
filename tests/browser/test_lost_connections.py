"""Whatever happens between browser and server: the full text, once."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import BrowserContext, Request, expect

from tests.browser.person import Person, Site, eventually, once_each
from tests.browser.product import free_ports, scripted_model, started
from tests.browser.relay import BAD_GATEWAY, Relay

New = Callable[..., BrowserContext]
ALL = list(range(50))
product = contextmanager(started)


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
    bob.asks("[[slow]]", held=True)
    for count in (3, 8):
        comes_as_far_as(bob, count)
        bob.page.reload()
    bob.lets_go()
    bob.waits_for("completed")
    assert once_each(bob.reads()) == ALL
    assert [" ".join(text.split()) for text in stored(bob)] == [bob.reads()]


def test_someone_who_looked_elsewhere_meanwhile_finds_the_full_text_once(bob: Person) -> None:
    bob.asks("[[slow]]", held=True)
    comes_as_far_as(bob, 3)
    bob.page.goto(f"{bob.site.url}/outbox")
    eventually(lambda: bob.site.open_streams() == 0)
    bob.lets_go()
    bob.page.go_back()
    bob.waits_for("completed")
    assert once_each(bob.reads()) == ALL


def test_a_second_tab_and_a_lost_network_show_the_full_text_once(
    bob: Person, complaints: list[str]
) -> None:
    bob.asks("[[slow]]", held=True)
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
    for person in (bob, other):
        expect(person.page.get_by_text("Reconnecting")).to_be_visible()
    eventually(lambda: bob.site.open_streams() == 0)
    bob.page.context.set_offline(False)
    conditions = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    network.send("Network.emulateNetworkConditions", {"offline": False, **conditions})
    bob.lets_go()
    for person in (bob, other):
        person.waits_for("completed")
        assert once_each(person.reads()) == ALL
    eventually(lambda: bob.site.open_streams() == 0)
    but_of_the_network(complaints)


def test_a_dropped_connection_shows_the_full_text_once(
    dora: Person, wire: Relay, complaints: list[str]
) -> None:
    """With a server that is back at once, that is away for a while, or a proxy that says so: the
    extension then opens a new connection of its own, without Last-Event-ID."""
    asked: list[str] = []
    dora.page.on("request", lambda request: asked.append(request.url))
    for number, broken in enumerate((None, b"", BAD_GATEWAY), 1):
        del asked[:], wire.refused[:]
        dora.asks("[[slow]]", held=True)
        comes_as_far_as(dora, 3)
        wire.broken = broken
        wire.cut()
        if broken is not None:
            eventually(lambda: any("/events" in line for line in wire.refused))
            wire.broken = None
        dora.lets_go()
        dora.waits_for("completed", number)
        assert once_each(dora.reads()) == ALL
        assert sum("/events" in url for url in asked) > 1
        assert " ".join(stored(dora)[-1].split()) == dora.reads()
    assert len(stored(dora)) == 3
    eventually(lambda: dora.site.open_streams() == 0)
    count = len(asked)
    dora.page.wait_for_timeout(3500)
    assert not [url for url in asked[count:] if "/events" in url], "it asks on and on"
    but_of_the_network(complaints)


def test_a_question_that_reaches_nobody_stays_and_can_be_sent_again(
    dora: Person, wire: Relay, complaints: list[str]
) -> None:
    dora.asks("[[say one]]")
    dora.waits_for("completed")
    wire.broken = b""
    wire.cut()
    dora.sends("[[say two]]")
    expect(dora.page.locator("#notice")).to_contain_text("be reached")
    expect(dora.page.get_by_label("Your question")).to_have_value("[[say two]]")
    expect(dora.page.locator("#app-state")).to_contain_text("be reached")
    wire.broken = None
    dora.page.get_by_role("button", name="Send").click()
    dora.waits_for("completed", 2)
    assert dora.reads() == "two"
    expect(dora.page.locator("#notice")).to_be_empty()
    but_of_the_network(complaints)


def is_poll(request: Request) -> bool:
    return "/runs/" in request.url and "/events" not in request.url


def test_a_reader_beyond_the_limit_of_streams_polls_and_after_a_restart_the_answer_goes_on(
    context: New, scripted: Site, tmp_path: Path, complaints: list[str]
) -> None:
    """Both by one product, since its start takes as much CPU as ten short tests."""
    own = {"ONE_PROCESS": "true", "MAX_STREAMS_PER_USER": "1"}
    settings = free_ports() | scripted_model(scripted.model) | own
    with product(tmp_path, **settings) as site:
        site.model = scripted.model
        cleo = Person.signs_up(context().new_page(), site)
        cleo.asks("[[slow]]", held=True)
        eventually(lambda: site.open_streams() == 1)
        other = Person(cleo.page.context.new_page(), site, cleo.email)
        with other.page.expect_request(is_poll):
            other.page.goto(cleo.page.url)
        cleo.lets_go()
        for person in (cleo, other):
            person.waits_for("completed")
            assert once_each(person.reads()) == ALL
        other.page.close()
        cleo.asks("[[slow]]")
        comes_as_far_as(cleo, 5)
    with product(tmp_path, **settings):
        cleo.waits_for("completed", 2)
        assert once_each(cleo.reads()) == ALL
        cleo.page.reload()
        assert once_each(cleo.reads()) == ALL
        assert once_each(cleo.answers.first.inner_text()) == ALL
    but_of_the_network(complaints)

"""What the page's own scripts do about connections: notice a lost one, and spare them."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.person import Person, Site, eventually, once_each
from tests.browser.relay import Relay
from tests.browser.test_lost_connections import ALL, but_of_the_network, comes_as_far_as

New = Callable[..., BrowserContext]
HIDE = """hidden => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
    document.dispatchEvent(new Event("visibilitychange"));
}"""


def asked_for(page: Page) -> list[str]:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    return asked


def test_a_connection_that_fell_silent_is_noticed_and_replaced(
    dora: Person, wire: Relay, complaints: list[str]
) -> None:
    """As behind a router that forgot it: nothing ends, and nothing comes."""
    dora.asks("[[slow]]", held=True)
    comes_as_far_as(dora, 3)
    pill = dora.page.get_by_role("status").filter(has_text="Reconnecting")
    expect(pill).to_be_hidden()
    wire.silent = True
    expect(pill).to_be_visible()
    wire.silent = False
    dora.lets_go()
    dora.waits_for("completed")
    expect(pill).to_be_hidden()
    assert once_each(dora.reads()) == ALL
    but_of_the_network(complaints)


def test_after_a_sleep_the_page_asks_anew_at_once(bob: Person) -> None:
    """A clock that jumps is how a page notices that the laptop slept."""
    bob.asks("[[slow]]", held=True)
    comes_as_far_as(bob, 3)
    with bob.page.expect_request("**/events*"):
        bob.page.evaluate("() => { const now = Date.now; Date.now = () => now() + 3600_000; }")
    bob.lets_go()
    bob.waits_for("completed")
    assert once_each(bob.reads()) == ALL


def test_without_a_network_it_waits_and_with_one_it_is_back(
    bob: Person, complaints: list[str]
) -> None:
    bob.asks("[[slow]]", held=True)
    comes_as_far_as(bob, 3)
    bob.page.context.set_offline(True)
    pill = bob.page.get_by_role("status").filter(has_text="Reconnecting")
    expect(pill).to_be_visible()
    eventually(lambda: bob.site.open_streams() == 0)
    asked = asked_for(bob.page)
    bob.page.wait_for_timeout(1200)
    assert not asked, "it asks where nobody can answer"
    bob.page.context.set_offline(False)
    bob.lets_go()
    bob.waits_for("completed")
    expect(pill).to_be_hidden()
    assert once_each(bob.reads()) == ALL
    but_of_the_network(complaints)


def test_a_hidden_tab_gives_its_connection_back_and_catches_up_when_shown(bob: Person) -> None:
    bob.asks("[[slow]]", held=True)
    comes_as_far_as(bob, 3)
    bob.page.evaluate(HIDE, True)
    eventually(lambda: bob.site.open_streams() == 0)
    seen = bob.reads()
    assert once_each(seen) != ALL
    bob.lets_go()
    eventually(lambda: bob.site.model_requests()[-1]["finished"])
    assert bob.reads() == seen
    bob.page.evaluate(HIDE, False)
    bob.waits_for("completed")
    assert once_each(bob.reads()) == ALL


def test_a_glance_elsewhere_costs_no_connection(bob: Person) -> None:
    bob.asks("[[slow]]", held=True)
    comes_as_far_as(bob, 3)
    asked = asked_for(bob.page)
    bob.page.evaluate(HIDE, True)
    bob.page.wait_for_timeout(500)
    bob.page.evaluate(HIDE, False)
    bob.lets_go()
    bob.waits_for("completed")
    assert once_each(bob.reads()) == ALL
    assert not [url for url in asked if "/events" in url]


def test_at_the_browsers_limit_of_connections_nothing_hangs(bob: Person) -> None:
    """Seven windows, all in sight, over HTTP/1.1: four stream, the others poll, and a page that is
    opened meanwhile comes at once."""
    bob.asks("[[slow]]", held=True)
    windows = [bob]
    asked: list[list[str]] = []
    for _ in range(6):
        page = bob.page.context.new_page()
        asked.append(asked_for(page))
        page.goto(bob.page.url, wait_until="commit")
        windows.append(Person(page, bob.site, bob.email))
    eventually(lambda: bob.site.open_streams() == 4)
    for window in windows:
        comes_as_far_as(window, 5)
    polled = [urls for urls in asked if any("/runs/" in u and "/events" not in u for u in urls)]
    assert len(polled) == 3
    extra = bob.page.context.new_page()
    extra.goto(f"{bob.site.url}/conversations")
    assert all(once_each(window.reads()) != ALL for window in windows), "the answer was over"
    bob.lets_go()
    for window in windows:
        window.waits_for("completed")
        assert once_each(window.reads()) == ALL
        expect(window.page.get_by_role("status").filter(has_text="Reconnecting")).to_be_hidden()
    eventually(lambda: bob.site.open_streams() == 0)


def verdict_at(page: Page, url: str) -> str:
    page.goto(f"{url}/streaming-check")
    found = page.locator("#verdict.good, #verdict.wrong")
    expect(found).to_be_visible()
    return str(found.inner_text())


def test_the_self_test_finds_a_good_connection_good(bob: Person) -> None:
    assert verdict_at(bob.page, bob.site.url).startswith("Good")
    expect(bob.page.locator("#facts")).to_contain_text("20 / 20")


def test_the_self_test_finds_what_buffers(dora: Person, wire: Relay) -> None:
    wire.lumps = 0.7
    assert "buffers" in verdict_at(dora.page, dora.site.url)


def test_without_script_the_self_test_is_for_the_eye(context: New, scripted: Site) -> None:
    page = context(java_script_enabled=False).new_page()
    Person.signs_up(page, scripted)
    page.goto(f"{scripted.url}/streaming-check", wait_until="commit")
    items = page.locator(".pieces li")
    eventually(lambda: 0 < items.count() < 20)
    eventually(lambda: items.count() == 20)

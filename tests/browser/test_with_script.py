"""The person's path in a real Chromium, with JavaScript."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.person import Person, Site, eventually, once_each

New = Callable[..., BrowserContext]
QUESTION = "Find me 3-bedroom homes in Portland under $900,000"
SHOTS = Path(__file__).resolve().parent.parent.parent / "test-results"


@pytest.fixture
def ann(context: New, demo: Site) -> Person:
    return Person.signs_up(context().new_page(), demo)


@pytest.fixture
def bob(context: New, scripted: Site) -> Person:
    return Person.signs_up(context().new_page(), scripted)


def test_a_person_asks_watches_it_work_and_reads_the_answer(ann: Person) -> None:
    ann.asks(QUESTION)
    expect(ann.answer).to_contain_text("findListings")
    seen = {eventually(lambda: ann.reads())}
    while ann.page.locator(".answer.running").count():
        seen.add(ann.reads())
    assert len(seen) > 5, "the text did not come bit by bit"
    ann.waits_for("completed")
    expect(ann.answer.get_by_role("row")).to_have_count(8)
    expect(ann.answer).to_contain_text("123 Oak Street")
    expect(ann.page.get_by_label("Conversations")).to_contain_text("Find me 3-bedroom")
    ann.page.get_by_label("Your question").fill("")
    ann.asks("How are those doing?")
    ann.waits_for("completed", 2)
    expect(ann.answer).to_contain_text("getListingMetrics")
    ann.asks("send them to ann@example.com")
    ann.waits_for("completed", 3)
    ann.page.get_by_role("link", name="Outbox").first.click()
    expect(ann.page.get_by_role("main")).to_contain_text("to ann@example.com")
    eventually(lambda: ann.site.open_streams() == 0)


def test_it_is_seen_to_think_until_the_text_comes(bob: Person) -> None:
    bob.asks("[[think]]")
    expect(bob.page.get_by_role("status")).to_have_text("Thinking…")
    bob.waits_for("completed")
    assert bob.reads() == "Thought through"
    expect(bob.page.get_by_role("status")).to_have_count(0)


def test_an_example_on_the_start_page_is_one_click(ann: Person) -> None:
    ann.page.get_by_role("button", name="How is L001 doing?").click()
    ann.waits_for("completed")
    expect(ann.answer).to_contain_text("1,250")


def test_a_tool_call_opens_to_show_arguments_and_result(ann: Person) -> None:
    ann.asks("How is L001 doing?")
    ann.waits_for("completed")
    line = ann.answer.get_by_role("group")
    expect(line).to_contain_text("done in")
    expect(line.locator("pre").first).to_be_hidden()
    line.locator("summary").click()
    expect(line.locator("pre").first).to_contain_text('"L001"')
    expect(line.locator("pre").last).to_contain_text('"pageViews": 1250')


def test_enter_sends_and_shift_enter_makes_a_line(bob: Person) -> None:
    field = bob.page.get_by_label("Your question")
    field.press_sequentially("one")
    field.press("Shift+Enter")
    field.press_sequentially("two")
    expect(field).to_have_value("one\ntwo")
    field.press("Enter")
    bob.waits_for("completed")
    assert bob.page.get_by_role("article", name="Question").inner_text() == "one\ntwo"
    bob.asks("[[say again]]")
    bob.waits_for("completed", 2)
    expect(field).to_have_value("")


def test_stop_ends_the_answer_and_the_models_work(bob: Person) -> None:
    bob.asks("[[endless]] stop me")
    eventually(lambda: len(bob.reads()) > 20)
    bob.page.get_by_role("button", name="Stop").click()
    bob.waits_for("stopped")
    expect(bob.answer).to_contain_text("Stopped.")
    kept = bob.reads()
    assert len(kept) > 20
    bob.page.reload()
    assert bob.reads() == kept
    asked = [r for r in bob.site.model_requests() if "stop me" in str(r["body"])]
    assert [request["disconnected"] for request in asked] == [True]


def test_a_failure_says_why_and_can_be_retried(bob: Person) -> None:
    bob.asks("[[error]]")
    bob.waits_for("failed")
    expect(bob.answer.get_by_role("alert")).to_contain_text("check OPENAI_API_KEY")
    bob.page.get_by_role("button", name="Retry").click()
    bob.waits_for("failed")
    expect(bob.answers).to_have_count(1)
    bob.asks("[[say fine now]]")
    bob.waits_for("completed")
    assert bob.reads() == "fine now"


def test_a_reload_in_mid_answer_shows_the_full_text_once(bob: Person) -> None:
    bob.asks("[[slow]]")
    eventually(lambda: len(once_each(bob.reads())) > 3)
    bob.page.reload()
    eventually(lambda: len(once_each(bob.reads())) > 8)
    bob.page.reload()
    bob.waits_for("completed")
    assert once_each(bob.reads()) == list(range(50))


def test_a_second_tab_and_a_lost_network_show_the_full_text_once(
    bob: Person, complaints: list[str]
) -> None:
    bob.asks("[[slow]]")
    eventually(lambda: len(once_each(bob.reads())) > 3)
    second = bob.page.context.new_page()
    second.goto(bob.page.url)
    # Breaks the connections that are open, as a network that goes away does.
    network = bob.page.context.new_cdp_session(bob.page)
    network.send("Network.enable")
    bob.page.context.set_offline(True)
    network.send(
        "Network.emulateNetworkConditions",
        {
            "offline": True,
            "latency": 0,
            "downloadThroughput": 0,
            "uploadThroughput": 0,
        },
    )
    bob.page.wait_for_timeout(1500)
    bob.page.context.set_offline(False)
    network.send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": 0,
            "downloadThroughput": -1,
            "uploadThroughput": -1,
        },
    )
    bob.waits_for("completed")
    assert once_each(bob.reads()) == list(range(50))
    other = Person(second, bob.site, bob.email)
    other.waits_for("completed")
    assert once_each(other.reads()) == list(range(50))
    eventually(lambda: bob.site.open_streams() == 0)
    complaints[:] = [line for line in complaints if "ERR_INTERNET_DISCONNECTED" not in line]


def test_markdown_ends_as_it_would_be_rendered_at_once(bob: Person) -> None:
    bob.asks("[[markdown]]")
    bob.waits_for("completed")
    streamed = bob.answer.locator(".prose").all_inner_texts()
    bob.page.reload()
    assert bob.answer.locator(".prose").all_inner_texts() == streamed


HOSTILE = (
    '<script>window.hit=1</script> <img src="http://203.0.113.9/x.png" onerror="window.hit=1"> '
    '<b hx-get="/conversations" hx-trigger="load">b</b> [link](javascript:window.hit=1) '
    '![pic](http://203.0.113.9/y.png) <hx-partial hx-target="body">gone</hx-partial>'
)


def test_what_a_model_says_can_do_nothing(bob: Person) -> None:
    bob.asks(f"[[say {HOSTILE}]]")
    bob.waits_for("completed")
    for _ in range(2):
        assert bob.page.evaluate("() => window.hit") is None
        prose = bob.answer.locator(".prose")
        assert prose.locator("script, img, [hx-get], [hx-trigger], form, button").count() == 0
        assert "javascript" not in (prose.locator("a").first.get_attribute("href") or "")
        expect(bob.page.get_by_label("Your question")).to_be_visible()
        bob.page.reload()


def test_what_was_typed_stays_when_it_cannot_be_sent(bob: Person, complaints: list[str]) -> None:
    bob.asks("[[slow]]")
    eventually(lambda: bob.reads())
    bob.asks("and another thing")
    expect(bob.page.locator("#notice")).to_contain_text("still being written")
    expect(bob.page.get_by_label("Your question")).to_have_value("and another thing")
    bob.page.get_by_role("button", name="Stop").click()
    bob.waits_for("stopped")
    bob.page.get_by_role("button", name="Send").click()
    bob.waits_for("completed")
    expect(bob.page.locator("#notice")).to_be_empty()
    complaints[:] = [line for line in complaints if "409" not in line]


def test_an_ended_session_leads_to_sign_in_and_back_and_loses_nothing(
    bob: Person, complaints: list[str]
) -> None:
    bob.asks("[[say hello]]")
    bob.waits_for("completed")
    here = bob.page.url
    bob.page.context.clear_cookies()
    bob.sends("what I typed")
    bob.page.wait_for_url("**/auth/login**")
    bob.page.get_by_label("E-mail").fill(bob.email)
    bob.page.get_by_label("Password").fill("correct horse battery")
    bob.page.get_by_role("button", name="Log in").click()
    bob.page.wait_for_url(here)
    expect(bob.page.get_by_label("Your question")).to_have_value("what I typed")
    complaints[:] = [line for line in complaints if "401" not in line]


def test_a_stream_that_meets_an_ended_session_says_so_and_does_not_loop(bob: Person) -> None:
    bob.asks("[[slow]]")
    eventually(lambda: bob.reads())
    bob.page.context.clear_cookies()
    asked: list[str] = []
    bob.page.on("request", lambda request: asked.append(request.url))
    # What the extension does when a connection was refused: it opens a new one.
    bob.page.evaluate(
        """() => {
            const old = document.querySelector("[sse-connect]");
            const again = old.cloneNode(true);
            old.replaceWith(again);
            htmx.process(again);
        }"""
    )
    expect(bob.page.get_by_role("link", name="Sign in")).to_be_visible()
    bob.page.wait_for_timeout(2500)
    assert sum("/events" in url for url in asked) == 1


def test_two_people_at_once_see_each_their_own(context: New, scripted: Site) -> None:
    people = [Person.signs_up(context().new_page(), scripted) for _ in range(2)]
    for number, person in enumerate(people):
        person.asks(f"[[say only for {number}]]")
    for number, person in enumerate(people):
        person.waits_for("completed")
        assert person.reads() == f"only for {number}"
        expect(person.page.get_by_label("Conversations").get_by_role("link")).to_have_count(1)


def test_the_keyboard_alone_is_enough_and_focus_is_seen(bob: Person) -> None:
    expect(bob.page.get_by_label("Your question")).to_be_focused()
    bob.page.keyboard.type("[[endless]]")
    bob.page.keyboard.press("Enter")
    bob.page.wait_for_url("**/conversations/**")
    eventually(lambda: bob.reads())
    stop = bob.page.get_by_role("button", name="Stop")
    for _ in range(30):
        bob.page.keyboard.press("Shift+Tab")
        if stop.evaluate("button => button === document.activeElement"):
            break
    assert stop.evaluate("button => getComputedStyle(button).outlineStyle") == "solid"
    bob.page.keyboard.press("Enter")
    bob.waits_for("stopped")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_every_page_fits_its_window(context: New, demo: Site, scheme: str, width: int) -> None:
    page = context(viewport={"width": width, "height": 800}, color_scheme=scheme).new_page()
    SHOTS.mkdir(exist_ok=True)

    def look(name: str) -> None:
        page.screenshot(path=SHOTS / f"{name}-{width}-{scheme}.png")
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width

    page.goto(f"{demo.url}/auth/login")
    look("log-in")
    ann = Person.signs_up(page, demo)
    look("start")
    ann.asks(QUESTION)
    eventually(lambda: ann.answer.get_by_role("row").count() > 3)
    look("under-way")
    ann.waits_for("completed")
    look("done")
    for path in ("conversations", "outbox", "auth/profile"):
        page.goto(f"{demo.url}/{path}")
        look(path.replace("/", "-"))


def test_text_stands_out_from_its_ground_in_light_and_dark(context: New, demo: Site) -> None:
    measure = """(selector) => {
        const rgb = (color) => {
            const canvas = new OffscreenCanvas(1, 1).getContext('2d');
            canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
            return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
        };
        const light = (color) => rgb(color).map(c => c / 255)
            .map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
            .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
        const element = document.querySelector(selector);
        let ground = element;
        while (getComputedStyle(ground).backgroundColor === 'rgba(0, 0, 0, 0)')
            ground = ground.parentElement;
        const [a, b] = [light(getComputedStyle(element).color),
                        light(getComputedStyle(ground).backgroundColor)].sort((x, y) => y - x);
        return (a + 0.05) / (b + 0.05);
    }"""
    for scheme in ("light", "dark"):
        page = context(color_scheme=scheme).new_page()
        Person.signs_up(page, demo)
        for selector in ("h1", ".hint", ".button.new", ".account a", ".examples button"):
            assert page.evaluate(measure, selector) >= 4.5, f"{selector} in {scheme}"


def test_without_the_library_the_plain_forms_do_the_job(
    context: New, scripted: Site, complaints: list[str]
) -> None:
    old = context()
    old.route("**/static/vendor/*", lambda route: route.abort())
    person = Person.signs_up(old.new_page(), scripted)
    person.asks("[[say it works all the same]]")
    expect(person.answer).to_contain_text("it works all the same")
    expect(person.page.locator(".ended")).to_be_visible()
    complaints[:] = [line for line in complaints if "ERR_FAILED" not in line]

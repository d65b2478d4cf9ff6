"""The person's path in a real Chromium, with JavaScript."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import BrowserContext, Route, expect

from tests.browser.person import (
    EXAMPLE,
    FIND_NOTES,
    PASSWORD,
    SEND_NOTES,
    Person,
    Site,
    eventually,
    words,
)

New = Callable[..., BrowserContext]
LIVE = "[role=alert], [role=status], [aria-live]"
# Keeps each text that an answer had: on a busy machine, asking for it now and then sees few.
WATCH_TEXTS = """
window.texts = new Set();
new MutationObserver(() => {
  for (const each of document.querySelectorAll(".prose")) texts.add(each.textContent);
}).observe(document, { subtree: true, childList: true, characterData: true });
"""


def test_a_person_asks_watches_it_work_and_reads_the_answer(bob: Person) -> None:
    page, example = bob.page, bob.page.get_by_role("button", name=EXAMPLE)
    page.evaluate(WATCH_TEXTS)
    bob.asks(f"Two notes {FIND_NOTES} [[then {' '.join(map(str, range(60)))}]]", held=True)
    expect(bob.answer).to_contain_text("Looked for notes")
    eventually(lambda: page.evaluate("texts.size") > 5)
    bob.lets_go()
    bob.waits_for("completed")
    expect(bob.answer.locator(".show-card").first).to_contain_text("first")
    expect(page.get_by_label("Conversations")).to_contain_text("Two notes")
    bob.asks(SEND_NOTES)
    page.get_by_role("button", name="Approve", exact=True).click()
    bob.waits_for("completed", 2)
    page.get_by_role("link", name="Outbox").first.click()
    expect(page.get_by_role("main")).to_contain_text("friend@example.com")
    eventually(lambda: bob.site.open_streams() == 0)
    page.goto(bob.site.url)
    example.click()
    bob.waits_for("completed")
    expect(page.get_by_role("article", name="Question")).to_contain_text(EXAMPLE)


def test_a_first_question_loads_no_new_page_and_keeps_what_was_typed_since(bob: Person) -> None:
    page, field = bob.page, bob.page.get_by_label("Your question")
    page.evaluate("window.sameDocument = true")
    held: list[Route] = []
    page.route("**/conversations", lambda route: held.append(route), times=1)
    field.fill("How is the river?")
    with page.expect_request("**/conversations"):
        field.press("Enter")
    field.press_sequentially(" And the lake?")
    held[0].continue_()
    bob.waits_for("completed")
    assert page.evaluate("window.sameDocument") is True
    assert re.search(r"/conversations/[0-9a-f]{32}$", page.url)
    expect(page).to_have_title(re.compile("How is the river"))
    expect(page.get_by_label("Conversations")).to_contain_text("How is the river")
    expect(field).to_have_value(" And the lake?")
    expect(field).to_be_focused()
    field.press("Enter")
    bob.waits_for("completed", 2)
    page.go_back()
    expect(page.get_by_role("button", name=EXAMPLE)).to_be_visible()
    page.wait_for_load_state()  # before that no script hears of the next step
    page.go_forward()
    expect(bob.answers).to_have_count(2)


def test_it_is_seen_to_think_until_the_text_comes(bob: Person) -> None:
    bob.asks("[[think]]", held=True)
    expect(bob.page.locator(".thinking")).to_have_text("Thinking…")
    bob.lets_go()
    bob.waits_for("completed")
    assert bob.reads() == "Thought through"
    expect(bob.page.locator(".thinking")).to_have_count(0)


def test_an_answer_that_reached_its_limit_goes_on_by_one_click_and_once(bob: Person) -> None:
    bob.asks("[[limit]]")
    bob.waits_for("cut_off")
    expect(bob.answer).to_contain_text("Cut off at the limit")
    bob.page.get_by_role("button", name="Go on").click()
    bob.waits_for("completed")
    assert bob.reads() == "Hello world"
    expect(bob.answers).to_have_count(2)
    expect(bob.page.get_by_role("button", name="Go on")).to_have_count(0)


def test_a_tool_call_opens_to_show_arguments_and_result_and_stays_so_to_the_end(
    bob: Person,
) -> None:
    bob.asks('[[tool findNotes {"text": "first"}]]', held=True)
    expect(bob.answer).to_contain_text("The tool")
    line = bob.answer.locator("details.tool")
    expect(line).to_contain_text("done in")
    expect(line.locator("pre").first).to_be_hidden()
    line.locator("summary").click()
    expect(line.locator("pre").first).to_contain_text('"text": "first"')
    expect(line.locator("pre").last).to_contain_text('"notes": [')
    expect(bob.page.locator(".foot.running")).to_have_count(1)
    bob.lets_go()
    bob.waits_for("completed")
    expect(line.locator("pre").first).to_be_visible()
    line.locator("summary").click()
    expect(line.locator("pre").first).to_be_hidden()


def test_a_long_answer_is_shown_from_its_start_and_followed_for_those_who_go_to_its_end(
    context: New, scripted: Site
) -> None:
    bob = Person.signs_up(context(viewport={"width": 900, "height": 400}).new_page(), scripted)
    main = bob.page.locator(".main")
    question = bob.page.get_by_role("article", name="Question")
    left = "main => main.scrollHeight - main.scrollTop - main.clientHeight"
    bob.asks(f"[[say {words(300)}]]", held=True)
    bob.lets_go()
    bob.waits_for("completed")
    expect(question.last).to_be_in_viewport()
    assert main.evaluate(left) > 80
    bob.page.reload()
    expect(question.last).to_be_in_viewport()
    bob.asks(f"[[say {words(600)}]]", held=True)
    eventually(lambda: main.evaluate(left) > 80)
    main.evaluate("main => main.scrollTo(0, main.scrollHeight)")
    bob.lets_go()
    bob.waits_for("completed", 2)
    assert main.evaluate(left) < 80


def test_a_reader_further_up_is_left_there_and_one_at_the_end_sees_the_answer_begin(
    context: New, scripted: Site
) -> None:
    bob = Person.signs_up(context(viewport={"width": 900, "height": 620}).new_page(), scripted)
    bob.asks("[[markdown]]")
    bob.waits_for("completed")
    for up in (False, True):
        bob.asks(f"[[say {words(450)}]]")
        main = bob.page.locator(".main")
        number = 3 if up else 2
        # The new answer's own words: until they come the page may still move to the question.
        expect(bob.page.locator(".answer").nth(number - 1)).to_contain_text("word")
        if up:
            main.evaluate("main => main.scrollTo(0, 0)")
        bob.waits_for("completed", number)
        assert (main.evaluate("main => main.scrollTop") == 0) == up
        question = bob.page.get_by_role("article", name="Question").last
        expect(question).to_be_in_viewport() if not up else expect(question).not_to_be_in_viewport()
    bob.page.goto(f"{bob.site.url}/conversations")
    assert bob.page.locator(".main").evaluate("main => main.scrollTop") == 0


def test_enter_sends_and_shift_enter_makes_a_line(bob: Person) -> None:
    field = bob.page.get_by_label("Your question")
    field.press_sequentially("one")
    field.press("Shift+Enter")
    field.press_sequentially("two")
    expect(field).to_have_value("one\ntwo")
    field.press("Enter")
    bob.waits_for("completed")
    assert bob.page.locator(".question .bubble").inner_text() == "one\ntwo"
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
    expect(bob.answer.locator(".outcome")).to_contain_text("check OPENAI_API_KEY")
    first = bob.answer.get_attribute("id") or ""
    bob.page.get_by_role("button", name="Try again").click()
    expect(bob.answer).not_to_have_attribute("id", first)
    bob.waits_for("failed")
    expect(bob.answers).to_have_count(1)
    bob.asks("[[say fine now]]")
    bob.waits_for("completed")
    assert bob.reads() == "fine now"


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
        links = prose.locator("a").evaluate_all("links => links.map(link => link.href)")
        assert not any("javascript" in link for link in links)
        expect(bob.page.get_by_label("Your question")).to_be_visible()
        bob.page.reload()


def test_what_was_typed_stays_when_it_is_too_long_or_nothing(
    bob: Person, complaints: list[str]
) -> None:
    for typed, reason in (("x" * 9000, "9,000 characters"), ("  ", "Type a question")):
        bob.sends(typed)
        expect(bob.page.get_by_role("alert")).to_contain_text(reason)
        # Screen readers would say it twice.
        expect(bob.page.locator(f":is({LIVE}) :is({LIVE})")).to_have_count(0)
        expect(bob.page.get_by_label("Your question")).to_have_value(typed)
    complaints[:] = [line for line in complaints if "422" not in line]


def test_what_was_typed_stays_when_too_many_answers_are_being_written(
    bob: Person, complaints: list[str]
) -> None:
    pages = []
    for _ in range(5):
        bob.page.goto(bob.site.url)
        bob.asks("[[endless]]")
        pages.append(bob.page.url)
    bob.page.goto(bob.site.url)
    bob.sends("one more")
    expect(bob.page.get_by_role("alert")).to_contain_text("5 answers being written")
    expect(bob.page.get_by_label("Your question")).to_have_value("one more")
    for url in pages:
        bob.page.goto(url)
        bob.page.get_by_role("button", name="Stop").click()
        bob.waits_for("stopped")
    complaints[:] = [line for line in complaints if "429" not in line]


def test_what_is_typed_while_a_question_is_on_its_way_stays(bob: Person) -> None:
    bob.asks("[[say one]]")
    bob.waits_for("completed")
    field = bob.page.get_by_label("Your question")

    def type_on(route: Route) -> None:
        field.evaluate("field => field.value += ' and then'")
        route.continue_()

    bob.page.route("**/messages", type_on)
    bob.sends("[[say two]]")
    bob.waits_for("completed", 2)
    assert bob.reads() == "two"
    expect(field).to_have_value(" and then")


def test_an_example_whose_reply_was_lost_is_clicked_again_and_asked_once(
    bob: Person, complaints: list[str]
) -> None:
    def lose_reply(route: Route) -> None:
        assert route.fetch().status == 200
        route.abort()

    bob.page.route("**/conversations", lose_reply, times=1)
    example = bob.page.get_by_role("button", name=EXAMPLE)
    example.click()
    expect(bob.page.get_by_text("be reached. What you typed")).to_be_visible()
    complaints.clear()  # of the lost reply
    example.click()
    bob.waits_for("completed")
    expect(bob.page.get_by_label("Conversations").get_by_role("link")).to_have_count(1)


def test_a_question_sent_twice_in_haste_is_asked_once(bob: Person) -> None:
    bob.page.get_by_role("button", name=EXAMPLE).dblclick()
    bob.waits_for("completed")
    twice = "() => { for (const _ of '12') document.getElementById('composer').requestSubmit(); }"
    for count in (2, 3):
        bob.page.get_by_label("Your question").fill("[[say once]]")
        bob.page.evaluate(twice)
        bob.waits_for("completed", count)
    bob.page.goto(f"{bob.site.url}/")
    bob.page.get_by_label("Your question").fill("[[say once]]")
    bob.page.evaluate(twice)
    bob.waits_for("completed")
    expect(bob.page.get_by_label("Conversations").get_by_role("link")).to_have_count(2)


def test_going_back_does_not_bring_back_what_was_sent(bob: Person) -> None:
    bob.asks("[[say hello]]")
    bob.waits_for("completed")
    bob.page.go_back()
    expect(bob.page.get_by_role("button", name=EXAMPLE)).to_be_visible()
    expect(bob.page.get_by_label("Your question")).to_have_value("")
    bob.page.go_forward()
    bob.waits_for("completed")
    assert bob.reads() == "hello"


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
    bob.page.get_by_label("Password").fill(PASSWORD)
    bob.page.get_by_role("button", name="Log in").click()
    bob.page.wait_for_url(here)
    expect(bob.page.get_by_label("Your question")).to_have_value("what I typed")
    bob.page.get_by_role("button", name="Send").click()
    bob.waits_for("completed", 2)
    expect(bob.page.get_by_label("Your question")).to_have_value("")
    complaints[:] = [line for line in complaints if "401" not in line]


def test_a_page_of_an_earlier_session_is_loaded_again_with_what_was_typed(
    bob: Person, complaints: list[str]
) -> None:
    bob.asks("[[say one]]")
    bob.waits_for("completed")
    other = bob.page.context.new_page()
    other.goto(f"{bob.site.url}/auth/profile")
    other.get_by_role("button", name="Log out").first.click()
    other.get_by_label("E-mail").fill(bob.email)
    other.get_by_label("Password").fill(PASSWORD)
    other.get_by_role("button", name="Log in").click()
    other.wait_for_url(f"{bob.site.url}/")
    with bob.page.expect_navigation():
        bob.sends("[[say two]]")
    expect(bob.page.get_by_label("Your question")).to_have_value("[[say two]]")
    bob.page.get_by_role("button", name="Send").click()
    bob.waits_for("completed", 2)
    expect(bob.page.get_by_label("Your question")).to_have_value("")
    complaints[:] = [line for line in complaints if "403" not in line]


def test_a_stream_that_meets_an_ended_session_says_so_and_does_not_loop(bob: Person) -> None:
    bob.asks("[[slow]]", held=True)
    eventually(lambda: bob.reads() and bob.page.evaluate("() => 'htmx' in window"))
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
        person.asks(f"[[say {' '.join(f'mine{number}' for _ in range(200))}]]")
    eventually(lambda: all(person.reads() for person in people))
    for number, person in enumerate(people):
        person.waits_for("completed")
        assert set(person.reads().split()) == {f"mine{number}"}
        assert len(person.reads().split()) == 200
        expect(person.page.get_by_label("Conversations").get_by_role("link")).to_have_count(1)


def test_a_stranger_finds_nothing_of_a_person(
    bob: Person, context: New, complaints: list[str]
) -> None:
    bob.asks("[[say a secret]]")
    bob.waits_for("completed")
    mallory = Person.signs_up(context().new_page(), bob.site)
    mallory.page.goto(bob.page.url)
    expect(mallory.page.get_by_role("heading", level=1)).to_have_text("Not found")
    mallory.page.goto(f"{bob.site.url}/conversations")
    assert "secret" not in mallory.page.content()
    complaints[:] = [line for line in complaints if "404" not in line]


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


def test_without_eventsource_the_page_asks_for_the_answer(context: New, scripted: Site) -> None:
    old = context()
    old.add_init_script("delete window.EventSource")
    person = Person.signs_up(old.new_page(), scripted)
    person.asks("[[slow]]", held=True)
    eventually(lambda: "word3" in person.reads())
    person.lets_go()
    person.waits_for("completed")
    assert person.reads().endswith("word49")

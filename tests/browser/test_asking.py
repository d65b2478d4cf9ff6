"""Asking: the queue, the keys, drafts and the field, in a real Chromium."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import BrowserContext, expect

from tests.browser.person import Person, Site

New = Callable[..., BrowserContext]


def test_a_question_sent_meanwhile_is_queued_and_then_asked_in_the_same_page(bob: Person) -> None:
    page, queue = bob.page, bob.page.get_by_role("region", name="Queued questions")
    bob.asks("[[slow]]", held=True)
    page.evaluate("window.sameDocument = true")
    for question in ("[[say second]]", "[[say third]]", "[[say never]]"):
        bob.sends(question)
        expect(queue).to_contain_text(question)
        expect(page.get_by_label("Your question")).to_have_value("")
    queue.get_by_role("listitem").last.get_by_role("button", name="Remove").click()
    expect(queue.get_by_role("listitem")).to_have_count(2)
    expect(queue.get_by_role("button", name="Send now").first).to_be_focused()
    bob.lets_go()
    bob.waits_for("completed", 3)
    expect(queue).to_be_hidden()
    assert page.evaluate("window.sameDocument") is True
    expect(page.get_by_role("article", name="Question")).to_have_count(3)
    assert bob.reads() == "third"
    bob.asks("[[say fourth]]")
    bob.waits_for("completed", 4)


def test_after_a_stop_a_queued_question_waits_and_send_now_asks_it(bob: Person) -> None:
    page, queue = bob.page, bob.page.get_by_role("region", name="Queued questions")
    bob.asks("[[endless]]")
    bob.sends("[[say second]]")
    expect(queue).to_contain_text("Queued")
    page.get_by_role("button", name="Stop").click()
    bob.waits_for("stopped")
    expect(queue).to_contain_text("Not sent")
    queue.get_by_role("button", name="Send now").click()
    bob.waits_for("completed")
    assert bob.reads() == "second"
    expect(page.get_by_label("Your question")).to_be_focused()
    bob.asks("[[endless]]")
    bob.sends("[[say steered]]")
    queue.get_by_role("button", name="Send now").click()
    bob.waits_for("completed", 2)
    assert bob.reads() == "steered"
    expect(page.locator(".foot.stopped")).to_have_count(2)
    expect(page.get_by_role("article", name="Question")).to_have_count(4)


def test_without_script_the_page_of_one_answer_leads_to_that_of_the_queued_question(
    context: New, scripted: Site
) -> None:
    bob = Person.signs_up(context(java_script_enabled=False).new_page(), scripted)
    bob.asks("[[slow]]", held=True)
    expect(bob.page.locator(".past").first).to_be_visible()
    bob.sends("[[say second]]")
    bob.lets_go()
    expect(bob.answers).to_have_count(2)
    expect(bob.answer).to_contain_text("second")


# Keys


def test_escape_stops_the_answer_but_first_closes_what_is_open(bob: Person) -> None:
    page, field = bob.page, bob.page.get_by_label("Your question")
    bob.asks("[[endless]]")
    menu = page.locator("details.menu")
    menu.locator("summary").click()
    page.keyboard.press("Escape")
    expect(menu).not_to_have_attribute("open", "")
    page.locator("h1").click()
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.locator(".foot.running")).to_have_count(1)
    field.dispatch_event("keydown", {"key": "Escape", "isComposing": True, "bubbles": True})
    field.press("?")
    expect(field).to_have_value("?")
    expect(page.locator(".foot.running")).to_have_count(1)
    field.press("Escape")
    bob.waits_for("stopped")


def test_up_in_an_empty_field_edits_the_last_question(bob: Person) -> None:
    page, field = bob.page, bob.page.get_by_label("Your question")
    question = "[[slow]]\n```\ncode\n```"
    bob.sends(f"{question} [[held {bob.email}]]")
    expect(page.locator(".foot.running")).to_have_count(1)
    field.press("ArrowUp")
    expect(field).to_have_value(f"{question} [[held {bob.email}]]")
    expect(page.locator("#notice")).to_contain_text("sent as a new one")
    field.fill("mine")
    field.press("ArrowUp")
    expect(field).to_have_value("mine")
    bob.lets_go()
    bob.waits_for("completed")
    field.fill("")
    field.press("ArrowUp")
    edited = page.get_by_label("Edit your question")
    expect(edited).to_be_focused()
    edited.fill("[[say edited]]")
    page.get_by_role("button", name="Ask again").click()
    expect(bob.answer).to_contain_text("edited")
    bob.asks("[[say again]]")
    bob.waits_for("completed", 2)
    expect(page.locator("#notice")).to_have_text("")


def test_on_a_phone_enter_makes_a_line_and_ctrl_enter_and_the_button_send(
    context: New, scripted: Site
) -> None:
    phone = context(has_touch=True, is_mobile=True, viewport={"width": 390, "height": 800})
    bob = Person.signs_up(phone.new_page(), scripted)
    field = bob.page.get_by_label("Your question")
    field.press_sequentially("[[say one]]")
    field.press("Enter")
    field.press_sequentially("two")
    expect(field).to_have_value("[[say one]]\ntwo")
    field.press("Control+Enter")
    bob.waits_for("completed")
    bob.asks("[[say three]]")
    bob.waits_for("completed", 2)


# Drafts and the field


def test_a_draft_is_kept_over_a_reload_for_its_conversation_and_its_person(
    bob: Person, complaints: list[str]
) -> None:
    page, field = bob.page, bob.page.get_by_label("Your question")
    field.fill("for a new one")
    page.reload()
    expect(field).to_have_value("for a new one")
    bob.asks("[[say hi]]")
    bob.waits_for("completed")
    there = page.url
    expect(field).to_have_value("")
    field.fill("for this one")
    page.goto(bob.site.url)
    expect(field).to_have_value("")
    page.goto(there)
    expect(field).to_have_value("for this one")
    bob.asks("[[say bye]]")
    bob.waits_for("completed", 2)
    page.reload()
    expect(field).to_have_value("")
    field.fill("mine")
    page.evaluate("sessionStorage.setItem('draft another /conversations', 'not mine')")
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/auth/login")
    assert "draft" not in page.evaluate("JSON.stringify(sessionStorage)")
    other = Person.signs_up(page, bob.site)
    expect(other.page.get_by_label("Your question")).to_have_value("")


def heights(bob: Person) -> list[float]:
    """The field's height when empty, with three lines, with a hundred, and when empty again."""
    field = bob.page.get_by_label("Your question")
    seen = []
    for text in ("", "one\ntwo\nthree", "line\n" * 100, ""):
        field.fill(text)
        box = field.bounding_box()
        assert box is not None
        seen.append(box["height"])
    return seen


NO_FIELD_SIZING = """
CSS.supports = () => false;
addEventListener("DOMContentLoaded", () => {
  const field = document.getElementById("message");
  if (field) field.style.fieldSizing = "fixed";
});
"""


def test_the_field_grows_with_its_text_also_where_no_style_can_do_that(
    context: New, bob: Person
) -> None:
    with_style = heights(bob)
    without = Person.signs_up(context().new_page(), bob.site)
    without.page.add_init_script(NO_FIELD_SIZING)
    without.page.reload()
    empty, three, hundred, again = with_style
    assert empty == again < three < hundred <= 0.41 * 800
    for one, other in zip(with_style, heights(without), strict=True):
        assert abs(one - other) <= 2


def test_a_long_question_is_folded_until_it_is_opened(bob: Person) -> None:
    bob.asks("[[say hi]]\n" + "\n".join(f"line {number}" for number in range(60)))
    bob.waits_for("completed")
    question = bob.page.get_by_role("article", name="Question")
    folded = question.bounding_box()
    question.get_by_text("Show all").click()
    opened = question.bounding_box()
    assert folded is not None
    assert opened is not None
    assert opened["height"] > 3 * folded["height"]

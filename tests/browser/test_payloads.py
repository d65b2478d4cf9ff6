"""Hundreds of attempts to run a script, in all that people, models and tools write. None runs."""

from __future__ import annotations

from urllib.parse import quote

from playwright.sync_api import Page, expect
from sqlalchemy import create_engine, select

from app.db.account_models import SecurityEvent
from app.db.models import User
from tests.browser.payloads import ACTS, IN_NAME, PAYLOADS, WHOLE
from tests.browser.person import PASSWORD, Person

# Foreign requests, and what the content security policy had to block, fail each test anyway.
LONGEST = 7_800


def in_questions(payloads: list[str]) -> list[str]:
    """The payloads as paragraphs, in as few texts as fit a question."""
    texts = [""]
    for payload in payloads:
        if len(texts[-1]) + len(payload) > LONGEST:
            texts.append("")
        texts[-1] += f"{payload}\n\n"
    return texts


def put_into_security_log(person: Person, detail: str) -> None:
    """Add an event as an approval or a passkey would, were such a name allowed."""
    event = SecurityEvent.__table__.insert()
    with create_engine(person.site.database).begin() as connection:
        owner = select(User.id).where(User.email == person.email)
        user_id = connection.execute(owner).scalar_one()
        values = {"user_id": user_id, "kind": "approval_decided", "address": "", "device": detail}
        connection.execute(event, values | {"detail": detail[:200]})


def assert_nothing_ran(page: Page) -> None:
    assert page.evaluate("() => window.hit") is None
    assert page.locator("[src=x], [onerror], [onload], [onclick], [srcdoc]").count() == 0


def test_hundreds_of_payloads_in_all_that_is_written_run_nothing(
    bob: Person, complaints: list[str]
) -> None:
    bob.page.on("dialog", lambda dialog: dialog.dismiss())
    chosen = [*PAYLOADS[: -len(WHOLE) * len(ACTS) : 4], *PAYLOADS[-len(WHOLE) * len(ACTS) :]]
    assert len(set(chosen)) >= 300
    for number, text in enumerate(in_questions(chosen), 1):
        bob.asks(f"[[say {text.strip()}]]")
        bob.waits_for("completed", number)
    for _ in range(2):
        assert bob.page.evaluate("() => window.hit") is None
        shown = bob.page.locator(".prose, .question .bubble")
        # They are there, as text.
        assert "".join(bob.page.locator(".prose").all_inner_texts()).count("window.hit=1") > 50
        risky = "script, img, svg, iframe, object, form, button, input, style, base, meta, [onload]"
        assert shown.locator(risky).count() == 0
        schemes = "links => [...new Set(links.map(link => link.protocol))]"
        assert set(shown.locator("a").evaluate_all(schemes)) <= {"http:", "https:", "mailto:"}
        expect(bob.page.get_by_label("Your question")).to_be_visible()
        bob.page.reload()
    a_tool_writes(bob)
    the_account_has_them(bob)
    addresses_have_them(bob)
    # The browser notes that a page wasn't there.
    complaints[:] = [each for each in complaints if "404" not in each]


def a_tool_writes(bob: Person) -> None:
    """In a tool's title, description, result, page and table."""
    bob.page.goto(bob.site.url)
    bob.asks("[[tool hostile__write {}]]")
    bob.waits_for("completed")
    expect(bob.page.locator(".display")).to_contain_text("Payloads")
    expect(bob.page.locator("details.tool")).to_contain_text("window.hit=1")
    assert_nothing_ran(bob.page)
    bob.page.get_by_role("link", name="Open as a page").first.click()
    bob.page.wait_for_url("**/shown/*")
    assert_nothing_ran(bob.page)
    bob.page.goto(f"{bob.site.url}/tools")
    expect(bob.page.locator("main")).to_contain_text("window.hit=1")
    assert_nothing_ran(bob.page)


def the_account_has_them(bob: Person) -> None:
    """In the person's name and in the details of the security log."""
    bob.page.goto(f"{bob.site.url}/auth/profile")
    bob.page.get_by_label("Name").fill(IN_NAME)
    bob.page.get_by_role("button", name="Change the name").click()
    expect(bob.page.locator("dl")).to_contain_text(IN_NAME)
    assert_nothing_ran(bob.page)
    for payload in PAYLOADS[::40]:
        put_into_security_log(bob, payload)
    bob.page.goto(f"{bob.site.url}/auth/security-log")
    expect(bob.page.locator("main")).to_contain_text("window.hit=1")
    assert_nothing_ran(bob.page)


def addresses_have_them(bob: Person) -> None:
    """In `next`, in ids, and in the sentences of errors about either."""
    for payload in (IN_NAME, PAYLOADS[-1]):
        for path in ("auth/login?next=", "auth/confirm?next=", "conversations/", "mailbox?key="):
            bob.page.goto(f"{bob.site.url}/{path}{quote(payload, safe='')}")
            assert_nothing_ran(bob.page)
    bob.page.goto(f"{bob.site.url}/auth/confirm?next={quote('javascript:window.hit=1')}")
    bob.page.get_by_label("Password").fill(PASSWORD)
    bob.page.get_by_role("button", name="Go on").click()
    bob.page.wait_for_url(f"{bob.site.url}/")
    assert_nothing_ran(bob.page)

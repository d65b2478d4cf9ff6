"""Passkeys in a real browser, whose authenticator is Chromium's own virtual one."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import BrowserContext, expect

from tests.browser.person import Person, Site

New = Callable[..., BrowserContext]
DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


def test_a_person_adds_a_passkey_and_logs_in_with_it_alone(context: New, scripted: Site) -> None:
    # A passkey needs a name; an address of numbers is none.
    site = Site(scripted.url.replace("127.0.0.1", "localhost"))
    page = context().new_page()
    device = page.context.new_cdp_session(page)
    device.send("WebAuthn.enable")
    device.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})
    Person.signs_up(page, site)
    page.goto(f"{site.url}/auth/second-factor")
    page.get_by_label("Name of the new passkey").fill("Laptop")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as text").click()
    assert len(download.value.path().read_text().split()) == 10
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_text("not used yet")).to_be_visible()
    # The same device can't be added twice.
    page.get_by_label("Name of the new passkey").fill("Laptop")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_text("This device has a passkey for your account already.")).to_be_visible()
    page.goto(f"{site.url}/auth/profile")
    page.get_by_role("button", name="Log out").first.click()
    page.goto(f"{site.url}/auth/login?next=/outbox")
    page.get_by_role("button", name="Log in with a passkey").click()
    page.wait_for_url(f"{site.url}/outbox")


def test_at_an_address_of_numbers_no_passkey_is_offered(context: New, scripted: Site) -> None:
    page = context().new_page()
    page.goto(f"{scripted.url}/auth/login")
    expect(page.get_by_role("button", name="Log in", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Log in with a passkey")).to_be_hidden()

"""The main job in browsers beside Chromium."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from scripts.install_test_programs import firefox
from tests.browser.firefox import Firefox
from tests.browser.other_browser import OtherBrowser
from tests.browser.person import PASSWORD, Site
from tests.browser.webkit import WebKit, webkit


def does_the_main_job(browser: OtherBrowser, site: Site, end: str) -> None:
    """Sign up, ask, read and approve. `end` is what stands below an answer that is complete."""
    browser.opens(f"{site.url}/auth/signup")
    browser.types("name", "Fay")
    browser.types("email", f"fay-{time.time_ns()}@example.com")
    browser.types("password", PASSWORD)
    browser.presses("Sign up")
    browser.types("message", "Find me 3-bedroom homes in Portland under $900,000")
    browser.presses("Send")
    browser.sees("I found 7 homes in Portland")
    browser.sees(end)
    assert "Reconnecting" not in browser.reads()
    browser.types("message", "Send these to me")
    browser.presses("Send")
    browser.presses("Approve")
    browser.sees("Put a report on")
    browser.sees("no mail server")


@pytest.mark.skipif(firefox() is None, reason="this system has no package of Firefox")
@pytest.mark.parametrize("script", [True, False], ids=["with-script", "without-script"])
def test_firefox_signs_up_asks_reads_and_approves(demo: Site, tmp_path: Path, script: bool) -> None:
    with Firefox(tmp_path, **{"javascript.enabled": script}) as browser:
        does_the_main_job(browser, demo, "Try again" if script else "Done.")


@pytest.mark.skipif(webkit() is None, reason="webkit2gtk-driver and xvfb are not installed")
def test_webkit_signs_up_asks_reads_and_approves(demo: Site, tmp_path: Path) -> None:
    with WebKit(tmp_path) as browser:
        does_the_main_job(browser, demo, "Try again")

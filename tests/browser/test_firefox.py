"""The main job in Firefox."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from scripts.install_test_programs import firefox
from tests.browser.firefox import Firefox
from tests.browser.person import FIND_NOTES, PASSWORD, SEND_NOTES, Site


@pytest.mark.skipif(
    firefox() is None and os.environ.get("CI") != "true",
    reason="this system has no package of Firefox",
)
@pytest.mark.parametrize("script", [True, False], ids=["with-script", "without-script"])
def test_firefox_signs_up_asks_reads_and_approves(
    scripted: Site, tmp_path: Path, script: bool
) -> None:
    # What stands below an answer that is complete.
    end = "Try again" if script else "Done."
    with Firefox(tmp_path, **{"javascript.enabled": script}) as browser:
        browser.opens(f"{scripted.url}/auth/signup")
        browser.types("name", "Fay")
        browser.types("email", f"fay-{time.time_ns()}@example.com")
        browser.types("password", PASSWORD)
        browser.presses("Sign up")
        browser.types("message", f"{FIND_NOTES} [[then **I** found two notes.]]")
        browser.presses("Send")
        browser.sees("I found two notes.")
        browser.sees(end)
        assert "Reconnecting" not in browser.reads()
        browser.types("message", f"{SEND_NOTES} [[then **It** is in the outbox.]]")
        browser.presses("Send")
        browser.presses("Approve")
        browser.sees("It is in the outbox.")

"""What a screen reader is told while an answer is written: all of it, in order, each thing once."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.person import SEND_NOTES, Person, eventually
from tests.browser.relay import Relay
from tests.browser.test_lost_connections import but_of_the_network

LISTEN = """
window.heard = [];
new MutationObserver((changes) => {
  const added = changes.flatMap((change) => [...change.addedNodes]);
  const isSaid = (node) => node.parentElement?.matches("[aria-live=polite]#announcements");
  heard.push(...added.filter(isSaid).map((node) => node.textContent));
}).observe(document, { subtree: true, childList: true });
"""
CALL = "Send notes · notes: first · To: friend@example.com"
TEXT = """Here they are. Two trees fit, at $1.5 million each:

| tree | price |
|---|---|
| Oak | 1 |
| Elm | 2 |

- **First** point
- second point

```
one line
```

That is all. Ask on!"""


def heard(page: Page) -> list[str]:
    found: list[str] = page.evaluate("heard")
    return found


def hears(page: Page, words: str) -> None:
    """Wait until the words are in the last thing that was said."""
    try:
        eventually(lambda: words in heard(page)[-1])
    except AssertionError as error:
        error.add_note("\n".join(("it heard:", *heard(page))))
        raise


def test_each_thing_is_said_once_across_an_approval_and_a_lost_connection(
    dora: Person, wire: Relay, complaints: list[str]
) -> None:
    dora.page.add_init_script(LISTEN)
    dora.page.reload()
    dora.asks(f"{SEND_NOTES} [[then {TEXT}]]", held=True)
    approve = dora.page.get_by_role("button", name="Approve", exact=True)
    approve.wait_for()
    eventually(lambda: "Waiting for your approval" in " ".join(heard(dora.page)))
    approve.click()
    eventually(lambda: "Two trees fit" in " ".join(heard(dora.page)))
    wire.cut()
    dora.lets_go()
    dora.waits_for("completed")
    hears(dora.page, "finished")
    told = " ".join(heard(dora.page))
    wanted = (
        "Let me see.",
        f"{CALL} Waiting for your approval: Send notes?",
        f"{CALL} done",
        "Here they are. Two trees fit, at $1.5 million each: Table of 2 rows. First point "
        "second point One line of code. That is all. Ask on! Answer finished.",
    )
    place = 0
    for words in wanted:
        place = told.index(words, place) + len(words)
    for words in (*wanted[:-1], *wanted[-1].split(". ")):
        assert told.count(words) == 1, words
    dora.page.reload()
    expect(dora.answer).to_contain_text("Two trees fit")
    assert heard(dora.page) == []
    but_of_the_network(complaints)


def test_a_stop_and_a_failure_are_said_once(bob: Person) -> None:
    bob.page.add_init_script(LISTEN)
    bob.page.reload()
    bob.asks("[[think]]", held=True)
    eventually(lambda: heard(bob.page) == ["Thinking…"])
    bob.page.get_by_role("button", name="Stop").click()
    bob.waits_for("stopped")
    eventually(lambda: heard(bob.page)[-1:] and heard(bob.page)[-1].endswith("Stopped."))
    bob.asks("[[error]]")
    bob.waits_for("failed")
    hears(bob.page, "check OPENAI_API_KEY")
    told = " ".join(heard(bob.page))
    assert told.count("Stopped.") == told.count("check OPENAI_API_KEY") == 1
    assert "finished" not in told
    expect(bob.page.locator(".outcome [role=alert]")).to_have_count(0)

"""Hundreds of attempts to run a script: in questions, titles and answers. None runs or loads."""

from __future__ import annotations

from itertools import product

from playwright.sync_api import expect

from tests.browser.person import Person

# Foreign requests, and what the content security policy had to block, fail each test anyway.
ACTS = ("window.hit=1", "alert(1)", "fetch('//foreign.example')")
EVENTS = ("onload", "onerror", "onfocus autofocus", "ontoggle open", "onbegin", "ONMOUSEOVER")
TAGS = ("img src=x", "svg", "body", "details", "video src=x", "input", "iframe", "math", "animate")
BEFORE = ("", '">', "</title>", "`", "<!--><", "</textarea>")
WHOLE = (
    *("<script>{}</script>", "<scr<script>ipt>{}</script>", "<svg><script>{}</script>"),
    *("[x](javascript:{})", "[x](JaVaScRiPt:{})", "[x](java&#10;script:{})", "![x](javascript:{})"),
    *("<javascript:{}>", "[x](data:text/html,<script>{}</script>)", '[x](<" onclick={}>)'),
    *(
        "<a href=javascript:{}>x</a>",
        "<a href='&#106;avascript:{}'>x</a>",
        "[x][y]\n\n[y]: javascript:{}",
    ),
    *(
        "<iframe srcdoc='<script>{}</script>'>",
        "<object data='javascript:{}'>",
        "<b hx-on:load='{}'>",
    ),
    *(
        "<form action=javascript:{}><button>Go</button></form>",
        "<meta http-equiv=refresh content='0;javascript:{}'>",
    ),
    *("<style>@import '//foreign.example';</style>{}", "<base href=//foreign.example>{}"),
    *(
        "<b hx-get=//foreign.example hx-trigger=load>{}</b>",
        "<math><mtext><mglyph><style><img src=x onerror={}>",
    ),
)
PAYLOADS = [
    *(
        f"{before}<{tag} {event.replace(' ', f'={act} ', 1) if ' ' in event else f'{event}={act}'}>"
        for before, tag, event, act in product(BEFORE, TAGS, EVENTS, ACTS)
    ),
    *(whole.replace("{}", act) for whole, act in product(WHOLE, ACTS)),
]
LONGEST = 7_800


def in_questions(payloads: list[str]) -> list[str]:
    """The payloads as paragraphs, in as few texts as fit a question."""
    texts = [""]
    for payload in payloads:
        if len(texts[-1]) + len(payload) > LONGEST:
            texts.append("")
        texts[-1] += f"{payload}\n\n"
    return texts


def test_hundreds_of_payloads_in_questions_titles_and_answers_run_nothing(bob: Person) -> None:
    bob.page.on("dialog", lambda dialog: dialog.dismiss())
    chosen = [*PAYLOADS[: -len(WHOLE) * len(ACTS) : 4], *PAYLOADS[-len(WHOLE) * len(ACTS) :]]
    assert len(set(chosen)) >= 300
    for number, text in enumerate(in_questions(chosen), 1):
        bob.asks(f"[[say {text.strip()}]]")
        bob.waits_for("completed", number)
    for _ in range(2):
        assert bob.page.evaluate("() => window.hit") is None
        shown = bob.page.locator(".prose, .question")
        # They are there, as text.
        assert "".join(bob.page.locator(".prose").all_inner_texts()).count("window.hit=1") > 50
        risky = "script, img, svg, iframe, object, form, button, input, style, base, meta, [onload]"
        assert shown.locator(risky).count() == 0
        schemes = "links => [...new Set(links.map(link => link.protocol))]"
        assert set(shown.locator("a").evaluate_all(schemes)) <= {"http:", "https:", "mailto:"}
        expect(bob.page.get_by_label("Your question")).to_be_visible()
        bob.page.reload()

"""The page between a link and another site: it shows the address, and leads nobody anywhere."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape

import pytest

from tests.support.product import Person, Product
from tests.support.scripted_model import ScriptedModel, text

pytestmark = pytest.mark.shares_product

ADDRESS = "https://evil.example/a?b=1&c=%3Cb%3E#d"
LINK = re.compile(r'<a href="([^"]*)" rel="noopener noreferrer nofollow">([^<]*)</a>')


@pytest.fixture(scope="module")
def product_settings() -> dict[str, object]:
    return {"external_link_page": True}


def links(html: str) -> list[tuple[str, str]]:
    return [(unescape(href), words) for href, words in LINK.findall(html)]


def answered(person: Person, model: ScriptedModel) -> dict[str, str]:
    """Get an answer with a link, and return it in every form that a browser gets."""
    model.script(text(f"See [mybank.com]({ADDRESS})."))
    run = person.ask("Where?").until("done")[0].json
    live = person.watch(run["runId"]).all()
    path = f"/conversations/{run['conversationId']}"
    return {
        "page": person.get(path).text,
        "earlier": person.get(f"{path}?before=3", headers={"HX-Request": "true"}).text,
        "stream": "".join(message.data for message in live),
        "polled": person.get(f"/runs/{run['runId']}", headers={"HX-Request": "true"}).text,
    }


def test_every_link_of_an_answer_leads_to_the_page_first(
    alice: Person, model: ScriptedModel
) -> None:
    for form, html in answered(alice, model).items():
        [(href, words)] = links(html)
        assert (href[:9], words) == ("/link?to=", "mybank.com"), form
        assert "</a> (evil.example)." in html


def test_so_does_one_on_a_page_that_is_held_open(alice: Person, model: ScriptedModel) -> None:
    model.script(text(f"See [mybank.com]({ADDRESS}).\n\n", *["word "] * 40, pace=0.05))
    run = alice.ask("Where?").until("content")[0].json
    page = alice.get(f"/conversations/{run['conversationId']}/live")
    assert page.history == []
    [(href, _)] = links(page.text)
    assert href.startswith("/link?to=")


def test_the_page_shows_the_whole_address_and_a_link_to_go_on(
    alice: Person, model: ScriptedModel
) -> None:
    [(href, _)] = links(answered(alice, model)["page"])
    page = alice.get(href, allow_redirects=False)
    assert (page.status_code, "Location" in page.headers, "Refresh" in page.headers) == (200, 0, 0)
    assert "http-equiv" not in page.text
    assert f'<bdi dir="ltr">{ADDRESS.replace("&", "&amp;")}</bdi>' in page.text
    [on] = re.findall(r'<a class="button" href="([^"]*)" rel="([^"]*)">Go on to ([^<]*)', page.text)
    assert (unescape(on[0]), *on[1:]) == (ADDRESS, "noopener noreferrer nofollow", "evil.example")


def test_the_page_shows_no_address_but_those_of_the_person_s_own_answers(
    alice: Person, mallory: Person, model: ScriptedModel
) -> None:
    [(href, _)] = links(answered(alice, model)["page"])
    signature = href.partition("&")[2]
    other = f"/link?to=https%3A%2F%2Fother.example&{signature}"
    for path in (
        other,
        href[:-1],
        href.partition("&")[0],
        "/link",
        f"{href}&to=x".replace("to=", "", 1),
    ):
        refused = alice.get(path)
        assert (refused.status_code, "evil.example" in refused.text) == (404, False), path
        assert "other.example" not in refused.text
    assert mallory.get(href).status_code == 404


def test_without_the_setting_links_lead_straight_on(
    start: Callable[..., Product], model: ScriptedModel
) -> None:
    for html in answered(start().sign_up("Alice"), model).values():
        assert links(html) == [(ADDRESS, "mybank.com")]


def test_a_link_that_is_too_long_for_a_request_is_only_words(
    alice: Person, model: ScriptedModel
) -> None:
    model.script(text(f"See [mybank.com](https://evil.example/{'x' * 4_000})."))
    run = alice.ask("Where?").until("done")[0].json
    html = alice.get(f"/conversations/{run['conversationId']}").text
    assert "See mybank.com (evil.example)." in html

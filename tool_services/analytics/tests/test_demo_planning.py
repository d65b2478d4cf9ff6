"""Each question leads to the tool calls that a newcomer would expect."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.demo_model.talking import Call

from .homes import Talk

SEARCH = "Find me 3-bedroom homes in Portland under $900,000"
FOUND = {"city": "Portland", "minBedrooms": 3, "maxPrice": 900000}
ANN = "ann@example.com"
BOB = "bob@example.com"


def find(**arguments: Any) -> Call:
    return ("findListings", arguments)


def metrics(*ids: str) -> Call:
    return ("getListingMetrics", {"listingIds": list(ids)})


def report(*ids: str) -> Call:
    return ("generatePerformanceReport", {"listingIds": list(ids)})


def details(listing_id: str) -> Call:
    return ("getListing", {"listingId": listing_id})


def market(area: str) -> Call:
    return ("getMarketAnalysis", {"area": area})


def send(recipient: str, *ids: str) -> Call:
    return ("sendListingReport", {"listingIds": list(ids), "recipientEmail": recipient})


@pytest.mark.parametrize(
    ("question", "calls"),
    [
        (SEARCH, [find(city="Portland", minBedrooms=3, maxPrice=900000)]),
        ("three bedrooms in WA", [find(state="WA", minBedrooms=3)]),
        ("homes with three bedroms and 2 bathroms", [find(minBedrooms=3, minBathrooms=2)]),
        ("what homes do you have?", [find()]),
        ("do you have a home with a pool?", [find(query="pool")]),
        ("pending homes in Oregon", [find(state="OR", status="Pending")]),
        ("at least 4 bedrooms below 1.2m", [find(minBedrooms=4, maxPrice=1200000)]),
        ("houses for sale in Seattle", [find(city="Seattle", status="Active")]),
        ("I want to buy a house in Redmond", [find(city="Redmond")]),
        ("Hi, can you help me find homes in Seattle?", [find(city="Seattle")]),
        ("is there anything in Redmond?", [find(city="Redmond")]),
        ("how many homes in Portland are sold?", [find(city="Portland", status="Sold")]),
        ("tell me about homes in Portland", [find(city="Portland")]),
        ("Portland, OR", [find(city="Portland", state="OR")]),
        ("homes in Portland or Seattle", [find(city="Portland"), find(city="Seattle")]),
        ("active or pending homes", [find(status="Active"), find(status="Pending")]),
        ("homes on the market in Portland", [find(city="Portland", status="Active")]),
        ("what is the cheapest home in Portland?", [find(city="Portland", sort="cheapest")]),
        ("how is L001 doing?", [metrics("L001")]),
        ("metrics for L001 and L003", [metrics("L001", "L003")]),
        ("page views of l005", [metrics("L005")]),
        ("compare L001 with L004", [metrics("L001", "L004")]),
        ("is L001 doing worse than L004?", [metrics("L001", "L004")]),
        ("how are the homes in Seattle doing?", [find(city="Seattle"), metrics("L005")]),
        ("How is the market in Portland?", [market("Portland")]),
        ("market analysis for Seattle, WA", [market("Seattle, WA")]),
        ("how is Portland doing?", [market("Portland")]),
        ("tell me about Portland", [market("Portland")]),
        ("compare the markets in Portland and Bellevue", [market("Portland"), market("Bellevue")]),
        ("What is the average price in Seattle?", [market("Seattle")]),
        ("how is L001 doing and the market in Bend?", [metrics("L001"), market("Bend")]),
        ("performance report for L001, L002", [report("L001", "L002")]),
        ("tell me about L002", [details("L002")]),
        ("details of L002", [details("L002")]),
        (f"send L001 and L002 to {ANN}", [send(ANN, "L001", "L002")]),
        (f"email a report about L001 to {ANN}", [send(ANN, "L001")]),
        (f"homes in Seattle, email them to {ANN}", [find(city="Seattle"), send(ANN, "L005")]),
        (f"find homes in Nowhere and email them to {ANN}", [find(city="Nowhere")]),
        ("Find homes in Seattle and the market there", [find(city="Seattle"), market("Seattle")]),
    ],
)
def test_a_question_leads_to_its_calls(question: str, calls: list[Call]) -> None:
    assert Talk().after(question) == calls


@pytest.mark.parametrize(
    ("questions", "calls"),
    [
        (["how are those doing?"], [metrics("L001", "L008")]),
        (["how is the first one doing?", "and the second one?"], [metrics("L008")]),
        (["metrics for the last one"], [metrics("L008")]),
        (["how is the cheapest doing?"], [metrics("L008")]),
        (["the most expensive one", "how is it doing?"], [metrics("L001")]),
        (["how is 258 Willow Place doing?"], [metrics("L008")]),
        (["performance report for those"], [report("L001", "L008")]),
        (["What about Seattle?"], [find(city="Seattle", minBedrooms=3, maxPrice=900000)]),
        (["only under 700k"], [find(city="Portland", minBedrooms=3, maxPrice=700000)]),
        (
            ["which of those are under 600k?"],
            [find(city="Portland", minBedrooms=3, maxPrice=600000)],
        ),
        (
            ["just the active ones"],
            [find(city="Portland", minBedrooms=3, maxPrice=900000, status="Active")],
        ),
        (
            ["And in Seattle, WA?", "with 4 bedrooms"],
            [find(city="Seattle", state="WA", minBedrooms=4, maxPrice=900000)],
        ),
        (["homes in Kirkland"], [find(city="Kirkland")]),
        (
            ["2 bed in seattle under 600k"],
            [find(city="Seattle", minBedrooms=2, maxPrice=600000)],
        ),
        (["how's the market there?"], [market("Portland, OR")]),
        (["how's the market?"], [market("Portland, OR")]),
        ([f"send them to {ANN}"], [send(ANN, "L001", "L008")]),
        ([f"send the first two to {ANN}"], [send(ANN, "L001", "L008")]),
        (["send these to me"], []),
        (["send these to me", ANN], [send(ANN, "L001", "L008")]),
        ([f"I'm {ANN}", "send the cheapest to me"], [send(ANN, "L008")]),
        ([f"send L001 to {ANN}", "send L008 to me"], [send(ANN, "L008")]),
        (["the cheapest one"], []),
        (["homes in Nowhere", f"send them to {ANN}"], []),
        (["which of these converts best?"], [metrics("L001", "L008")]),
    ],
)
def test_a_follow_up_leans_on_the_homes_that_were_found(
    questions: list[str], calls: list[Call]
) -> None:
    assert Talk().after(SEARCH, *questions) == calls


@pytest.mark.parametrize(
    ("questions", "calls"),
    [
        (["homes in Nowhere", f"send them to {ANN}"], []),
        ([f"email these to {ANN}", "L001"], [send(ANN, "L001")]),
        (["how is L001 doing?", "thanks, and L003?"], [metrics("L003")]),
        (["How is the market in Portland?", "What about Seattle?"], [market("Seattle")]),
        (["how is the market", "Seattle"], [market("Seattle")]),
        (["homes near the river in Portland"], [find(city="Portland", query="river")]),
        ([SEARCH, "and how's the market there"], [market("Portland, OR")]),
        ([SEARCH, "sort by price"], [find(**FOUND, sort="cheapest")]),
        ([SEARCH, "more expensive"], [find(**FOUND, minPrice=825000)]),
        (["homes in Nowhere", "which one is the biggest?"], []),
        (
            ["busca pisos en Seattle por menos de 800 mil", "más baratas"],
            [find(city="Seattle", maxPrice=640000, propertyType="Condo")],
        ),
        (["How is the market in Portland?", "homes there"], [find(city="Portland")]),
        (
            ["homes in Seattle", "how is L005 doing?", "What about Portland?"],
            [find(city="Portland")],
        ),
        (["tell me about L002", "and L004?"], [details("L004")]),
        (
            ["tell me about the cheapest one", "homes in Portland or Seattle"],
            [
                find(city="Portland", sort="cheapest"),
                find(city="Seattle", sort="cheapest"),
                details("L008"),
            ],
        ),
    ],
)
def test_a_follow_up_leans_on_the_questions_before_it(
    questions: list[str], calls: list[Call]
) -> None:
    assert Talk().after(*questions) == calls


@pytest.mark.parametrize(
    ("questions", "recipient"),
    [
        ((SEARCH, "send these to me"), ANN),
        ((SEARCH, "email me a report about those"), ANN),
        ((SEARCH, "Show me the first one and mail it to my address"), ANN),
        ((SEARCH, "send them to bob@example.com"), BOB),
        (("send L001 to bob@example.com", "send L008 to me"), ANN),
        (("send L001 to bob@example.com", "send L008 too"), BOB),
        (("send L001", "to me"), ANN),
        (("send L001", "My e-mail address, please"), ANN),
    ],
)
@pytest.mark.parametrize("name", ["Ann", "Eve (e-mail address: eve@example.com)"])
def test_to_me_is_the_address_that_the_instructions_name(
    name: str, questions: tuple[str, ...], recipient: str
) -> None:
    told = f"You speak with {name} (e-mail address: ann@example.com). Send only when asked."
    talk = Talk(messages=[{"role": "system", "content": told}])
    (tool, arguments), *others = talk.after(*questions)
    assert (tool, arguments["recipientEmail"], others) == ("sendListingReport", recipient, [])


def test_what_is_to_be_shown_is_not_sent_again() -> None:
    told = "You speak with Ann (e-mail address: ann@example.com)."
    talk = Talk(messages=[{"role": "system", "content": told}])
    assert talk.after("send L001 to me", "now show it to me") == [details("L001")]


def test_a_name_is_no_address_and_to_me_means_nobody_when_no_address_is_known() -> None:
    told = [{"role": "system", "content": "You speak with Ann (e-mail address: ann@example.com)."}]
    for messages, question in ((told, "send L001 to bob"), ([], "send L001 to me")):
        talk = Talk(messages=list(messages))
        assert "Which e-mail address" in talk.ask(question)
        assert talk.calls == []


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("hello", "demo model"),
        ("thanks!", "welcome"),
        ("who are you", "rules"),
        ("what can you do?", "Find me 3-bedroom homes"),
        ("how are you?", "rule-based"),
        ("bye", "Goodbye"),
        ("yes", "what to look up next"),
        ("asdf qwer", "didn't understand"),
        ("I live in Portland", "didn't understand"),
        ("", "didn't understand"),
        ("what's the weather in Portland?", "I can't help with that"),
        ("book a viewing for L001", "I can't arrange viewings"),
        ("work out a mortgage for L001", "I can't work out mortgages"),
        ("delete listing L001", "I can't change or delete"),
        ("how is the market?", "Which area"),
        ("how are those doing?", "Which homes"),
        ("performance report", "Which homes"),
        ("send L001 to ann", "Which e-mail address"),
    ],
)
def test_what_needs_no_tool_is_answered_plainly(question: str, words: str) -> None:
    talk = Talk()
    assert words in talk.ask(question)
    assert talk.calls == []


@pytest.mark.parametrize("question", ["hello", "what will the mortgage rate be?", "asdf"])
def test_what_can_be_asked_is_told_without_naming_a_home(question: str) -> None:
    assert re.search(r"[LT]-?\d", Talk().ask(question)) is None


@pytest.mark.parametrize(
    ("question", "task"),
    [
        (SEARCH, "search for homes"),
        ("how is L001 doing?", "look up the figures"),
        ("how is the market in Portland?", "look up the market"),
        ("performance report for L001", "make the report"),
        ("send L001 to ann@example.com", "send the listings"),
        ("find homes in Seattle and send them to ann@example.com", "search for homes"),
    ],
)
def test_a_tool_that_is_not_offered_is_never_called(question: str, task: str) -> None:
    talk = Talk(tools=())
    assert f"I can't {task} right now" in talk.ask(question)
    assert talk.calls == []


def test_what_can_be_done_is_done_when_another_tool_is_missing() -> None:
    talk = Talk(tools=("findListings",))
    answer = talk.ask("find homes in Seattle and send them to ann@example.com")
    assert talk.calls == [find(city="Seattle")]
    assert "654 Birch Way" in answer
    assert "I can't send the listings right now" in answer


def test_a_failed_call_is_not_made_again() -> None:
    talk = Talk(answers={"findListings": {"error": "down"}})
    answer = talk.ask("find homes in Seattle and send them to ann@example.com")
    assert talk.calls == [find(city="Seattle")]
    assert answer == "I couldn't search for homes: down"


def test_text_comes_before_a_call_and_an_e_mail_is_announced() -> None:
    def said(question: str) -> str:
        return Talk(messages=[{"role": "user", "content": question}]).turn().text

    assert said(SEARCH) == "Let me look those up."
    assert (
        said("send L001 to ann@example.com")
        == "I'll prepare a report about L001 for ann@example.com."
    )


def test_a_request_without_a_question_is_greeted() -> None:
    turn = Talk(messages=[{"role": "system", "content": "Be brief."}]).turn()
    assert "demo model" in turn.text


@pytest.mark.parametrize("unit", ["in ", "1,", "Portland, OR ", "between 5 and ", "a ", "x@x."])
def test_a_hostile_question_is_answered_too(unit: str) -> None:
    assert Talk().ask(unit * 20_000)

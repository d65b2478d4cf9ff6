"""Each question leads to the tool calls that a newcomer would expect."""

from __future__ import annotations

import pytest

from demo_model.planning import next_turn
from demo_model.protocol import Message
from tests.demo_model.talking import Talk

PORTLAND_SEARCH = "Find me 3-bedroom homes in Portland under $900,000"


def find(**arguments):
    return ("findListings", arguments)


def metrics(*ids):
    return ("getListingMetrics", {"listingIds": list(ids)})


def report(*ids):
    return ("generatePerformanceReport", {"listingIds": list(ids)})


def market(area):
    return ("getMarketAnalysis", {"area": area})


def send(recipient, *ids):
    return ("sendListingReport", {"listingIds": list(ids), "recipientEmail": recipient})


@pytest.mark.parametrize(
    ("question", "calls"),
    [
        (PORTLAND_SEARCH, [find(city="Portland", minBedrooms=3, maxPrice=900000)]),
        ("three bedrooms in WA", [find(state="WA", minBedrooms=3)]),
        ("show me all homes", [find()]),
        ("what homes do you have?", [find()]),
        ("pending homes in Oregon", [find(state="OR", status="Pending")]),
        ("homes in San Jose, CA", [find(city="San Jose", state="CA")]),
        ("at least 4 bedrooms below 1.2m", [find(minBedrooms=4, maxPrice=1200000)]),
        (
            "houses for sale in Seattle max 750000",
            [find(city="Seattle", maxPrice=750000, status="Active")],
        ),
        (
            "Show me 4+ bed homes in Seattle, WA under $1.5 million",
            [find(city="Seattle", state="WA", minBedrooms=4, maxPrice=1500000)],
        ),
        ("I want to buy a house in Redmond", [find(city="Redmond")]),
        ("Hi, can you help me find homes in Seattle?", [find(city="Seattle")]),
        ("Are there any homes in Kirkland?", [find(city="Kirkland")]),
        ("is there anything in Redmond?", [find(city="Redmond")]),
        ("how many homes in Portland are sold?", [find(city="Portland", status="Sold")]),
        ("tell me about homes in Portland", [find(city="Portland")]),
        ("Portland, OR", [find(city="Portland", state="OR")]),
        ("homes in Portland or Seattle", [find(city="Portland"), find(city="Seattle")]),
        (
            "active or pending homes in Seattle",
            [find(city="Seattle", status="Active"), find(city="Seattle", status="Pending")],
        ),
        ("homes on the market in Portland", [find(city="Portland", status="Active")]),
        ("what is the cheapest home in Portland?", [find(city="Portland")]),
        ("how is L001 doing?", [metrics("L001")]),
        ("metrics for L001 and L003", [metrics("L001", "L003")]),
        ("page views of l005", [metrics("L005")]),
        ("how are the homes in Seattle doing?", [find(city="Seattle"), metrics("L005")]),
        ("How is the market in Portland?", [market("Portland")]),
        ("market analysis for Seattle, WA", [market("Seattle, WA")]),
        ("how is Portland doing?", [market("Portland")]),
        ("tell me about Portland", [market("Portland")]),
        ("compare the markets in Portland and Bellevue", [market("Portland"), market("Bellevue")]),
        ("What is the average price in Seattle?", [market("Seattle")]),
        (
            "how is L001 doing and how is the market in Seattle?",
            [market("Seattle"), metrics("L001")],
        ),
        ("performance report for L001, L002", [report("L001", "L002")]),
        ("tell me about L002", [report("L002")]),
        ("send L001 and L002 to ann@example.com", [send("ann@example.com", "L001", "L002")]),
        ("email a report about L001 to ann@example.com", [send("ann@example.com", "L001")]),
        (
            "find homes in Seattle and email them to ann@example.com",
            [find(city="Seattle"), send("ann@example.com", "L005")],
        ),
        ("find homes in Nowhere and email them to ann@example.com", [find(city="Nowhere")]),
        (
            "Find homes in Seattle and tell me about the market there",
            [find(city="Seattle"), market("Seattle")],
        ),
    ],
)
def test_a_question_leads_to_its_calls(question, calls):
    assert Talk().after(question) == calls


@pytest.mark.parametrize(
    ("questions", "calls"),
    [
        ((PORTLAND_SEARCH, "how are those doing?"), [metrics("L001", "L008")]),
        ((PORTLAND_SEARCH, "how is the first one doing?"), [metrics("L001")]),
        (
            (PORTLAND_SEARCH, "how is the first one doing?", "and the second one?"),
            [metrics("L008")],
        ),
        ((PORTLAND_SEARCH, "metrics for the last one"), [metrics("L008")]),
        ((PORTLAND_SEARCH, "how is the cheapest doing?"), [metrics("L008")]),
        ((PORTLAND_SEARCH, "the most expensive one", "how is it doing?"), [metrics("L001")]),
        ((PORTLAND_SEARCH, "how is 258 Willow Place doing?"), [metrics("L008")]),
        ((PORTLAND_SEARCH, "performance report for those"), [report("L001", "L008")]),
        (
            (PORTLAND_SEARCH, "What about Seattle?"),
            [find(city="Seattle", minBedrooms=3, maxPrice=900000)],
        ),
        (
            (PORTLAND_SEARCH, "only under 700k"),
            [find(city="Portland", minBedrooms=3, maxPrice=700000)],
        ),
        (
            (PORTLAND_SEARCH, "which of those are under 600k?"),
            [find(city="Portland", minBedrooms=3, maxPrice=600000)],
        ),
        (
            (PORTLAND_SEARCH, "just the active ones"),
            [find(city="Portland", minBedrooms=3, maxPrice=900000, status="Active")],
        ),
        (
            (PORTLAND_SEARCH, "And in Seattle, WA?", "with 4 bedrooms"),
            [find(city="Seattle", state="WA", minBedrooms=4, maxPrice=900000)],
        ),
        ((PORTLAND_SEARCH, "homes in Kirkland"), [find(city="Kirkland")]),
        (
            (PORTLAND_SEARCH, "2 bed in seattle under 600k"),
            [find(city="Seattle", minBedrooms=2, maxPrice=600000)],
        ),
        ((PORTLAND_SEARCH, "how's the market there?"), [market("Portland, OR")]),
        ((PORTLAND_SEARCH, "how's the market?"), [market("Portland, OR")]),
        (
            (PORTLAND_SEARCH, "send them to ann@example.com"),
            [send("ann@example.com", "L001", "L008")],
        ),
        (
            (PORTLAND_SEARCH, "send the first two to ann@example.com"),
            [send("ann@example.com", "L001", "L008")],
        ),
        ((PORTLAND_SEARCH, "send these to me"), []),
        (
            (PORTLAND_SEARCH, "send these to me", "ann@example.com"),
            [send("ann@example.com", "L001", "L008")],
        ),
        (
            (PORTLAND_SEARCH, "I'm ann@example.com", "send the cheapest to me"),
            [send("ann@example.com", "L008")],
        ),
        (
            (PORTLAND_SEARCH, "send L001 to ann@example.com", "send L008 to me"),
            [send("ann@example.com", "L008")],
        ),
        ((PORTLAND_SEARCH, "the cheapest one"), []),
        (("homes in Nowhere", "send them to ann@example.com"), []),
        ((PORTLAND_SEARCH, "homes in Nowhere", "send them to ann@example.com"), []),
        (("email these to ann@example.com", "L001"), [send("ann@example.com", "L001")]),
        (("how is L001 doing?", "and L003?"), [metrics("L003")]),
        (("how is L001 doing?", "thanks, and L003?"), [metrics("L003")]),
        (("How is the market in Portland?", "What about Seattle?"), [market("Seattle")]),
        (("how is the market", "Seattle"), [market("Seattle")]),
        (("How is the market in Portland?", "homes there"), [find(city="Portland")]),
        (
            ("homes in Seattle", "how is L005 doing?", "What about Portland?"),
            [find(city="Portland")],
        ),
        (("tell me about L002", "and L004?"), [report("L004")]),
    ],
)
def test_a_follow_up_leans_on_the_conversation(questions, calls):
    assert Talk().after(*questions) == calls


@pytest.mark.parametrize(
    ("questions", "recipient"),
    [
        ((PORTLAND_SEARCH, "send these to me"), "ann@example.com"),
        ((PORTLAND_SEARCH, "email me a report about those"), "ann@example.com"),
        ((PORTLAND_SEARCH, "Show me the first one and mail it to my address"), "ann@example.com"),
        ((PORTLAND_SEARCH, "send them to bob@example.com"), "bob@example.com"),
        (("send L001 to bob@example.com", "send L008 to me"), "ann@example.com"),
        (("send L001 to bob@example.com", "send L008 too"), "bob@example.com"),
        (("send L001", "to me"), "ann@example.com"),
        (("send L001", "My e-mail address, please"), "ann@example.com"),
    ],
)
@pytest.mark.parametrize("name", ["Ann", "Eve (e-mail address: eve@example.com)"])
def test_to_me_is_the_address_that_the_instructions_name(name, questions, recipient):
    told = f"You speak with {name} (e-mail address: ann@example.com). Send only when asked."
    talk = Talk(messages=[{"role": "system", "content": told}])
    (tool, arguments), *others = talk.after(*questions)
    assert (tool, arguments["recipientEmail"], others) == ("sendListingReport", recipient, [])


def test_what_is_to_be_shown_is_not_sent_again():
    told = "You speak with Ann (e-mail address: ann@example.com)."
    talk = Talk(messages=[{"role": "system", "content": told}])
    assert talk.after("send L001 to me", "now show it to me") == [report("L001")]


def test_a_name_is_no_address_and_to_me_means_nobody_when_no_address_is_known():
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
        ("what can you do?", "Find homes"),
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
def test_what_needs_no_tool_is_answered_plainly(question, words):
    talk = Talk()
    assert words in talk.ask(question)
    assert talk.calls == []


@pytest.mark.parametrize(
    ("question", "task"),
    [
        (PORTLAND_SEARCH, "Searching for homes"),
        ("how is L001 doing?", "Looking up listing figures"),
        ("how is the market in Portland?", "Looking up a market"),
        ("performance report for L001", "Making a performance report"),
        ("send L001 to ann@example.com", "Sending listings by e-mail"),
        ("find homes in Seattle and send them to ann@example.com", "Searching for homes"),
    ],
)
def test_a_tool_that_is_not_offered_is_never_called(question, task):
    talk = Talk(tools=())
    assert f"{task} isn't available right now" in talk.ask(question)
    assert talk.calls == []


def test_what_can_be_done_is_done_when_another_tool_is_missing():
    talk = Talk(tools=("findListings",))
    answer = talk.ask("find homes in Seattle and send them to ann@example.com")
    assert talk.calls == [find(city="Seattle")]
    assert "654 Birch Way" in answer
    assert "Sending listings by e-mail isn't available" in answer


def test_a_failed_call_is_not_made_again():
    talk = Talk(answers={"findListings": {"error": "down"}})
    answer = talk.ask("find homes in Seattle and send them to ann@example.com")
    assert talk.calls == [find(city="Seattle")]
    assert answer == "I couldn't search for homes: down"


def test_text_comes_before_a_call_and_an_e_mail_is_announced():
    def said(question):
        return next_turn([Message(role="user", content=question)], Talk().tools).text

    assert said(PORTLAND_SEARCH) == "Let me look those up."
    assert (
        said("send L001 to ann@example.com")
        == "I'll prepare a report about L001 for ann@example.com."
    )


def test_a_request_without_a_question_is_greeted():
    turn = next_turn([Message(role="system", content="Be brief.")], ())
    assert "demo model" in turn.text


@pytest.mark.parametrize("unit", ["in ", "1,", "Portland, OR ", "between 5 and ", "a ", "x@x."])
def test_a_hostile_question_is_answered_too(unit):
    assert Talk().ask(unit * 20_000)

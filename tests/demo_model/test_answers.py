"""Answers are good Markdown, and hold nothing but what the tools said."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from demo_model.planning import next_turn
from demo_model.protocol import Message
from tests.demo_model.talking import LISTINGS, TOOLS, Talk

SEARCH = "Find me 3-bedroom homes in Portland under $900,000"
COUNTS = st.integers(0, 10_000_000)
RATES = st.integers(0, 1000).map(lambda thousandths: thousandths / 1000)


def ask(question: str, **answers: Any) -> str:
    """The answer to one question; `answers` replaces what single tools say."""
    return Talk(answers=answers).ask(question)


def test_a_search_is_answered_with_count_criteria_and_table() -> None:
    opening, table, _closing = ask(SEARCH).split("\n\n")
    assert opening.startswith("I found **2 homes** in Portland")
    assert "at least 3 bedrooms for up to $900,000" in opening
    assert table.splitlines() == [
        "| ID | Address | Price | Beds | Baths | Status |",
        "| --- | --- | ---: | ---: | ---: | --- |",
        "| L001 | 123 Oak Street, Portland, OR | $825,000 | 3 | 2 | Active |",
        "| L008 | 258 Willow Place, Portland, OR | $575,000 | 3 | 1.5 | Active |",
    ]
    assert "**1 home** in Seattle" in ask("homes in Seattle")


def test_a_search_without_result_says_what_to_loosen() -> None:
    answer = ask("5 bedroom homes in Portland under 100k that are sold")
    assert answer.startswith("I found **no homes** in Portland")
    for condition in ("higher price", "fewer bedrooms", "another status", "another city"):
        assert condition in answer
    assert (
        ask("show me all homes", findListings={"total": 0, "listings": []})
        == "I found **no homes**."
    )


def test_a_search_that_shows_only_a_part_says_so() -> None:
    part = {"total": 57, "listings": LISTINGS[:2]}
    assert "Here are 2 of them:" in ask("homes in Portland", findListings=part)


def test_a_superlative_is_answered_by_name_and_ties_are_all_named() -> None:
    cheapest = ask("what is the cheapest home in Portland?")
    assert "The cheapest is **L008** (258 Willow Place)." in cheapest
    assert "The smallest is **L004**" in ask("smallest homes in Portland")
    largest = ask("largest homes in Portland that are active")
    assert "The largest are **L001** (123 Oak Street) and **L008**" in largest
    bare = {"total": 1, "listings": [{"listingId": "L001"}]}
    assert "The cheapest" not in ask("cheapest home in Bend", findListings=bare)


def test_a_wish_that_no_search_heeds_is_admitted() -> None:
    assert "pools or a lowest price" in ask("homes with a pool in Portland over $500k")


def test_homes_seen_before_are_shown_again_without_a_call() -> None:
    talk = Talk()
    talk.ask(SEARCH)
    assert talk.ask("show me the cheapest one").startswith("Here it is:\n\n| ID |")
    assert talk.ask("show me the first two").startswith("Here they are:\n\n| ID |")
    assert talk.calls == []


def test_figures_of_few_listings_are_lists_and_of_many_a_table() -> None:
    talk = Talk()
    talk.ask(SEARCH)
    few = talk.ask("how are those doing?")
    assert "**L001 · 123 Oak Street**\n\n- **1,251** page views, **45** saves" in few
    assert "**3.4 %** click-through rate, **9.1 %** conversion rate" in few
    assert "**L008** converts best, at **9.8 %**." in few
    many = talk.ask("metrics for L001, L004, L005 and L099")
    assert "| L004 | 1,254 | 45 | 12 | 3.4 % | 9.4 % | 15 |" in many
    assert "| L001 · 123 Oak Street |" in many


def test_one_listing_is_not_compared() -> None:
    assert "converts best" not in ask("how is L001 doing?")


def test_no_figures_is_an_answer_too() -> None:
    assert "There are no figures" in ask("how is L001 doing?", getListingMetrics={"metrics": []})


def test_a_market_is_a_list_with_bold_figures() -> None:
    answer = ask("market analysis for Portland, OR")
    assert "- Average price: **$785,000** (+8.5 %)\n" in answer
    assert "- Listings: **156**, of which **89** sold and **34** pending\n" in answer
    assert "- Prices: **Up**, activity: **Hot**" in answer


def test_a_report_has_summary_listings_and_recommendations() -> None:
    answer = Talk().ask("performance report for L001 and L004")
    assert "- Page views: **2,140**" in answer
    assert "- Top performer: **L001**, 123 Oak St, converting at **9.6 %**" in answer
    assert "| L004 | 321 Cedar Lane, Portland, OR | $650,000 |" in answer
    assert answer.index("### Listings") < answer.index("### Recommendations")
    assert "- Lower the price of L004\n- Add photographs" in answer


def test_a_report_does_without_what_is_missing() -> None:
    question = "performance report for L001"
    answer = ask(question, generatePerformanceReport={"summary": {"totalViews": 5}})
    assert "- Page views: **5**\n- Inquiries: **\N{EN DASH}**" in answer
    assert "###" not in answer.replace("### Summary", "")
    listed = {"summary": {"topPerformer": {"listingId": "L1"}}, "listings": [{"listingId": "L1"}]}
    bare = ask(question, generatePerformanceReport=listed)
    assert "Top performer: **L1**" in bare
    assert "Views" not in bare


def test_a_report_is_said_to_be_sent_only_if_it_was() -> None:
    question = "send L001 to ann@example.com"
    in_outbox = ask(question)
    assert "in your outbox" in in_outbox
    assert "**not** sent to ann@example.com" in in_outbox
    mailed = {"sent": True, "recipientEmail": "ann@example.com", "listingIds": ["L001"]}
    assert "was sent to **ann@example.com**" in ask(question, sendListingReport=mailed)
    assert "**not** sent" in ask(question, sendListingReport={**mailed, "sent": False})


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (
            {"error": {"code": "unknown", "message": "No listing L099.\nTry L001."}},
            "No listing L099. Try L001.",
        ),
        ({"error": "Timed out."}, "Timed out."),
        ({"error": {"code": "odd"}}, "did not say why"),
        ({"metrics": "none"}, "a form that I can't read"),
        ("no JSON", "a form that I can't read"),
        ("[" * 100_000, "a form that I can't read"),
    ],
)
def test_a_failed_tool_is_told_in_plain_words(result: Any, words: str) -> None:
    answer = ask("how is L099 doing?", getListingMetrics=result)
    assert answer.startswith("I couldn't look up the figures: ")
    assert words in answer


@pytest.mark.parametrize("result", ["{}", '{"error": "no"}'])
@pytest.mark.parametrize("arguments", ["{broken", "[1]", '{"listingIds": "L001"}', "[" * 100_000])
def test_what_another_model_called_is_passed_over(arguments: str, result: str) -> None:
    call = {"id": "c1", "function": {"name": "otherTool", "arguments": arguments}}
    messages = [
        Message(role="user", content="thanks"),
        Message(role="assistant", tool_calls=[call]),
        Message(role="tool", tool_call_id="c1", content=result),
    ]
    assert next_turn(messages, TOOLS).text


def test_what_a_tool_says_cannot_break_the_table() -> None:
    home = {**LISTINGS[0], "address": "1 A | B\n\nStreet", "status": ""}
    answer = ask("homes in Portland", findListings={"total": 1, "listings": [home]})
    assert "| L001 | 1 A \\| B Street, Portland, OR | $825,000 | 3 | 2 | \N{EN DASH} |" in answer


def numbers(text: str) -> set[str]:
    return {figure.rstrip(".") for figure in re.findall(r"\d[\d,]*\.?\d*", text)}


def spellings(value: float) -> set[str]:
    exact, in_percent = f"{value:,.2f}", f"{value * 100:,.2f}"
    return {f"{value:,.0f}", exact.rstrip("0").rstrip("."), in_percent.rstrip("0").rstrip(".")}


def figures_in(result: object) -> set[str]:
    """Every spelling of every number in a tool's result, and the numbers within its words."""
    text = json.dumps(result)
    loose = {abs(float(number)) for number in re.findall(r"-?\d+\.?\d*", text)}
    return numbers(text) | {spelling for value in loose for spelling in spellings(value)}


HOMES = st.fixed_dictionaries(
    {"price": COUNTS, "bedrooms": COUNTS, "bathrooms": COUNTS.map(lambda halves: halves / 2)}
).map(lambda home: {"total": 1, "listings": [LISTINGS[0] | home]})
METRICS = st.fixed_dictionaries(
    {
        **dict.fromkeys(("pageViews", "saves", "inquiries", "daysOnMarket"), COUNTS),
        **dict.fromkeys(("clickThroughRate", "conversionRate"), RATES),
    }
).map(lambda figures: {"metrics": [{"listingId": "L001", **figures}]})
MARKETS = st.fixed_dictionaries(
    {
        **dict.fromkeys(("averagePrice", "averageDaysOnMarket", "soldListings"), COUNTS),
        "priceChangePercent": st.integers(-999, 999).map(lambda tenths: tenths / 10),
    }
).map(lambda figures: {"area": "Portland, OR", **figures})


@pytest.mark.parametrize(
    ("question", "tool", "results"),
    [
        ("homes in Portland", "findListings", HOMES),
        ("how is L001 doing?", "getListingMetrics", METRICS),
        ("market in Portland, OR", "getMarketAnalysis", MARKETS),
    ],
)
@given(data=st.data())
def test_every_number_of_an_answer_is_in_the_result(
    question: str, tool: str, results: SearchStrategy[Any], data: st.DataObject
) -> None:
    result = data.draw(results)
    assert numbers(ask(question, **{tool: result})) <= figures_in(result)

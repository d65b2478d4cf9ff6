"""Answers are good Markdown, and hold nothing but what the tools said."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo_model.planning import next_turn
from demo_model.protocol import Message
from tests.demo_model.talking import LISTINGS, TOOLS, Talk

SEARCH = "Find me 3-bedroom homes in Portland under $900,000"
COUNTS = st.integers(0, 10_000_000)
RATES = st.integers(0, 1000).map(lambda thousandths: thousandths / 1000)


def test_a_search_is_answered_with_count_criteria_table_and_what_to_ask_next():
    opening, table, closing = Talk().ask(SEARCH).split("\n\n")
    assert opening == (
        "I found **2 homes** in Portland with at least 3 bedrooms for up to $900,000:"
    )
    assert table.splitlines() == [
        "| ID | Address | Price | Beds | Baths | Status |",
        "| --- | --- | ---: | ---: | ---: | --- |",
        "| L001 | 123 Oak Street, Portland, OR | $825,000 | 3 | 2 | Active |",
        "| L008 | 258 Willow Place, Portland, OR | $575,000 | 3 | 1.5 | Active |",
    ]
    assert "how are those doing?" in closing


def test_a_search_without_result_says_what_to_loosen():
    answer = Talk().ask("5 bedroom homes in Portland under 100k that are sold")
    assert answer.startswith("I found **no homes** in Portland with at least 5 bedrooms")
    assert answer.endswith(
        "Try a higher price or fewer bedrooms or another status or another city."
    )
    nothing = Talk(answers={"findListings": {"total": 0, "listings": []}})
    assert nothing.ask("show me all homes") == "I found **no homes**."


def test_a_search_that_shows_only_a_part_says_so():
    part = Talk(answers={"findListings": {"total": 57, "listings": LISTINGS[:2]}})
    assert "I found **57 homes** in Portland. Here are 2 of them:" in part.ask("homes in Portland")


def test_a_superlative_is_answered_by_name():
    assert "The cheapest is **L008** (258 Willow Place)." in Talk().ask(
        "what is the cheapest home in Portland?"
    )
    assert "The smallest is **L004**" in Talk().ask("smallest homes in Portland")
    bare = {"total": 1, "listings": [{"listingId": "L001"}]}
    assert "The cheapest" not in Talk(answers={"findListings": bare}).ask("cheapest home in Bend")


def test_ties_are_all_named():
    assert "The largest are **L001** (123 Oak Street) and **L008**" in Talk().ask(
        "largest homes in Portland that are active"
    )


def test_a_wish_that_no_search_heeds_is_admitted():
    answer = Talk().ask("homes with a pool in Portland over $500k")
    assert "I can't search by pools or a lowest price, so I left that out." in answer


def test_homes_seen_before_are_shown_again_without_a_call():
    talk = Talk()
    talk.ask(SEARCH)
    assert talk.ask("show me the cheapest one").startswith("Here it is:\n\n| ID |")
    assert talk.ask("show me the first two").startswith("Here they are:\n\n| ID |")
    assert talk.calls == []


def test_figures_of_few_listings_are_lists_and_of_many_a_table():
    talk = Talk()
    talk.ask(SEARCH)
    few = talk.ask("how are those doing?")
    assert "**L001 · 123 Oak Street**\n\n- **1,251** page views, **45** saves" in few
    assert "**3.4 %** click-through rate, **9.1 %** conversion rate" in few
    assert "**L008** converts best, at **9.8 %**." in few
    many = talk.ask("metrics for L001, L004, L005 and L099")
    assert "| L004 | 1,254 | 45 | 12 | 3.4 % | 9.4 % | 15 |" in many
    assert "| L001 · 123 Oak Street |" in many


def test_one_listing_is_not_compared():
    answer = Talk().ask("how is L001 doing?")
    assert answer.startswith("Here is how it is doing:\n\n**L001**\n\n")
    assert "converts best" not in answer


def test_no_figures_is_an_answer_too():
    talk = Talk(answers={"getListingMetrics": {"metrics": []}})
    assert "There are no figures" in talk.ask("how is L001 doing?")


def test_a_market_is_a_list_with_bold_figures():
    assert Talk().ask("market analysis for Portland, OR").split("\n\n")[:2] == [
        "Here is the market in **Portland, OR**:",
        "- Average price: **$785,000** (+8.5 %)\n"
        "- Average time on the market: **22 days**\n"
        "- Listings: **156**, of which **89** sold and **34** pending\n"
        "- Competition: **High**\n"
        "- Prices: **Up**, activity: **Hot**",
    ]


def test_a_report_has_summary_listings_and_recommendations():
    answer = Talk().ask("performance report for L001 and L004")
    assert "- Page views: **2,140**" in answer
    assert "- Top performer: **L001**, 123 Oak St, converting at **9.6 %**" in answer
    assert "| L004 | 321 Cedar Lane, Portland, OR | $650,000 |" in answer
    assert answer.index("### Listings") < answer.index("### Recommendations")
    assert "- Lower the price of L004\n- Add photographs" in answer


def test_a_report_does_without_what_is_missing():
    talk = Talk(answers={"generatePerformanceReport": {"summary": {"totalViews": 5}}})
    answer = talk.ask("performance report for L001")
    assert "- Page views: **5**\n- Inquiries: **\N{EN DASH}**" in answer
    assert "###" not in answer.replace("### Summary", "")
    listed = {"summary": {"topPerformer": {"listingId": "L1"}}, "listings": [{"listingId": "L1"}]}
    bare = Talk(answers={"generatePerformanceReport": listed}).ask("performance report for L001")
    assert "Top performer: **L1**, converting at" in bare
    assert "Views" not in bare


def test_a_report_is_said_to_be_sent_only_if_it_was():
    question = "send L001 and L004 to ann@example.com"
    in_outbox = Talk().ask(question)
    assert "in your outbox" in in_outbox
    assert "**not** sent to ann@example.com" in in_outbox
    mailed = {"sent": True, "recipientEmail": "ann@example.com", "listingIds": ["L001"]}
    told = Talk(answers={"sendListingReport": mailed}).ask(question)
    assert told == "The report about **L001** was sent to **ann@example.com**."
    unsent = Talk(answers={"sendListingReport": {**mailed, "sent": False}})
    assert "**not** sent" in unsent.ask(question)


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
def test_a_failed_tool_is_told_in_plain_words(result, words):
    answer = Talk(answers={"getListingMetrics": result}).ask("how is L099 doing?")
    assert answer.startswith("I couldn't look up the figures: ")
    assert words in answer


def test_the_result_of_a_tool_it_does_not_know_is_passed_over():
    call = {"id": "c1", "function": {"name": "otherTool"}}
    asked = [Message(role="user", content="thanks"), Message(role="assistant", tool_calls=[call])]
    turn = next_turn([*asked, Message(role="tool", tool_call_id="c1", content="{}")], TOOLS)
    assert turn.text.startswith("You're welcome!")


def test_what_a_tool_says_cannot_break_the_table():
    home = {**LISTINGS[0], "address": "1 A | B\n\nStreet", "status": ""}
    talk = Talk(answers={"findListings": {"total": 1, "listings": [home]}})
    assert "| L001 | 1 A \\| B Street, Portland, OR | $825,000 | 3 | 2 | \N{EN DASH} |" in talk.ask(
        "homes in Portland"
    )


def numbers(text: str) -> set[str]:
    return {figure.rstrip(".") for figure in re.findall(r"\d[\d,]*\.?\d*", text)}


def spellings(value: float) -> set[str]:
    exact, in_percent = f"{value:,.2f}", f"{value * 100:,.2f}"
    return {f"{value:,.0f}", exact.rstrip("0").rstrip("."), in_percent.rstrip("0").rstrip(".")}


def figures_in(result: object) -> set[str]:
    """Every spelling of every number in a tool's result, and the numbers within its words."""
    text = json.dumps(result)
    loose = {float(number) for number in re.findall(r"-?\d+\.?\d*", text)}
    return numbers(text) | {spelling for value in loose for spelling in spellings(value)}


@given(
    price=COUNTS,
    beds=st.integers(0, 20),
    half_baths=st.integers(0, 20),
    total=st.integers(1, 5000),
)
def test_every_number_of_a_search_answer_is_in_the_result_or_the_question(
    price, beds, half_baths, total
):
    home = {**LISTINGS[0], "price": price, "bedrooms": beds, "bathrooms": half_baths / 2}
    result = {"total": total, "listings": [home]}
    answer = Talk(answers={"findListings": result}).ask("homes in Portland with 2 beds")
    assert numbers(answer) <= figures_in(result) | {"2", "1"}


@given(views=COUNTS, saves=COUNTS, inquiries=COUNTS, days=COUNTS, clicks=RATES, conversion=RATES)
def test_every_number_of_a_metrics_answer_is_in_the_result(
    views, saves, inquiries, days, clicks, conversion
):
    result = {
        "metrics": [
            {
                "listingId": "L001",
                "pageViews": views,
                "saves": saves,
                "inquiries": inquiries,
                "timeOnMarket": days,
                "clickThroughRate": clicks,
                "conversionRate": conversion,
            }
        ]
    }
    answer = Talk(answers={"getListingMetrics": result}).ask("how is L001 doing?")
    assert numbers(answer) <= figures_in(result)


@given(average=COUNTS, change=st.integers(-999, 999), sold=COUNTS, days=COUNTS)
def test_every_number_of_a_market_answer_is_in_the_result(average, change, sold, days):
    result = {
        "area": "Portland, OR",
        "averagePrice": average,
        "priceChange": change / 10,
        "averageTimeOnMarket": days,
        "soldListings": sold,
    }
    answer = Talk(answers={"getMarketAnalysis": result}).ask("market in Portland, OR")
    assert numbers(answer) <= figures_in(result) | spellings(abs(change / 10))

"""Answers are short, and hold nothing but what the tools said."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from demo_model.phrasebook import load_library
from demo_model.planning import next_turn
from demo_model.protocol import Function, Message
from tests.demo_model.talking import TOLD, Domain
from tool_services.analytics.tools.generate_performance_report import ShownReport
from tool_services.analytics.tools.get_listing_metrics import FoundMetrics
from tool_services.analytics.tools.get_market_analysis import AnalysedMarket
from tool_services.framework.schemas import ToolResult
from tool_services.listings.home import Home
from tool_services.listings.tools.find_listings import FoundListings

from .homes import HOMES_DOMAIN, LISTINGS, Talk

SEARCH = "Find me 3-bedroom homes in Portland under $900,000"
COUNTS = st.integers(0, 10_000_000)
PERCENTS = st.integers(0, 1000).map(lambda tenths: tenths / 10)


def ask(question: str, **answers: Any) -> str:
    """The answer to one question; `answers` replaces what single tools say."""
    return Talk(answers=answers).ask(question)


def part_of(kind: type[ToolResult], **values: Any) -> ToolResult:
    """A result of a tool with some of its fields."""
    return kind.model_construct(**values)


HOME = part_of(Home, city="Portland", state="OR")


def test_a_search_is_answered_in_a_sentence_with_count_and_criteria() -> None:
    assert ask(SEARCH) == (
        "I found **2 homes** in Portland with at least 3 bedrooms for up to $900,000."
    )
    assert "**1 home** in Seattle: 654 Birch Way at **$950,000**." in ask("homes in Seattle")


def test_a_search_without_result_says_so_and_what_the_tool_advises() -> None:
    assert ask("5 bedroom homes in Portland").startswith("I found **no homes** in Portland with")
    nothing = {"total": 0, "listings": [], "note": "Without maxPrice, 3 match."}
    assert ask("homes in Bend", findListings=nothing).endswith("Bend. Without maxPrice, 3 match.")


def test_a_search_that_shows_only_a_part_says_so() -> None:
    part = {"total": 57, "listings": LISTINGS[:2], "nextPage": 2}
    answer = ask("homes in Portland", findListings=part)
    assert answer.startswith("I found **57 homes** in Portland; these are the first")


def test_a_superlative_is_answered_by_name_and_ties_are_all_named() -> None:
    cheapest = ask("what is the cheapest home in Portland?")
    assert "The cheapest: **L008** (258 Willow Place)." in cheapest
    assert "The smallest: **L004**" in ask("smallest homes in Portland")
    largest = ask("largest homes in Portland that are active")
    assert "The largest: **L001** (123 Oak Street) and **L008**" in largest
    bare = {"total": 1, "listings": [{"listingId": "L001"}]}
    assert "The cheapest" not in ask("cheapest home in Bend", findListings=bare)


def test_homes_seen_before_are_told_again_without_a_call() -> None:
    talk = Talk()
    talk.ask(SEARCH)
    assert talk.ask("show me the cheapest one") == "The cheapest is **L008** (258 Willow Place)."
    first = "**L001** (123 Oak Street) costs **$825,000** and is Active."
    assert talk.ask("show me the first two").startswith(first)
    assert talk.calls == []


def test_of_several_listings_the_best_is_named_and_one_is_not_compared() -> None:
    assert ask("metrics for L001, L004 and L099").endswith("**L099** converts best, at **18.9 %**.")
    one = ask("how is L001 doing?")
    assert "**1,251 page views** and **12 inquiries**" in one
    assert "converts best" not in one


def test_no_figures_is_an_answer_too() -> None:
    assert "There are no figures" in ask("how is L001 doing?", getListingMetrics={"metrics": []})


def test_a_market_is_told_in_a_sentence() -> None:
    assert ask("market analysis for Portland, OR") == (
        "Homes in **Portland, OR** cost **$785,000** on average (+8.5 %); they are on the market "
        "for **22 days**, and competition is **High**."
    )


def test_one_home_is_told_with_what_its_seller_says() -> None:
    assert ask("tell me about L001") == (
        "**L001** (123 Oak Street, Portland) costs **$825,000** and is Active, for sale since "
        "2026-01-31. Its seller says: A porch and a pear tree."
    )


def test_a_report_is_told_by_its_best_and_its_first_advice() -> None:
    assert Talk().ask("performance report for L001 and L004") == (
        "**L001** (123 Oak St) does best, converting at **9.6 %**. "
        "The first advice: Lower the price of L004."
    )
    bare = {"summary": {"totalViews": 5}}
    answer = ask("performance report for L001", generatePerformanceReport=bare)
    assert answer == "Here is the report: **5 page views**."


def test_an_answer_does_not_repeat_what_the_cards_show() -> None:
    for question in (SEARCH, "how is L001 doing?", "market in Bend", "report on L001 and L004"):
        answer = ask(question)
        assert "|" not in answer
        assert len(answer) < 160


def test_a_report_is_said_to_be_sent_only_if_it_was() -> None:
    question = "send L001 to ann@example.com"
    in_outbox = ask(question)
    assert "put in your outbox" in in_outbox
    assert "**not** sent to ann@example.com" in in_outbox
    mailed = {"sent": True, "recipientEmail": "ann@example.com", "listingIds": ["L001"]}
    assert "was sent to **ann@example.com**" in ask(question, sendListingReport=mailed)
    assert "**not** sent" in ask(question, sendListingReport={**mailed, "sent": False})


@pytest.mark.parametrize(
    ("question", "result"),
    [
        ("homes in Seattle", part_of(FoundListings, listings=[HOME])),
        (SEARCH, part_of(FoundListings, listings=[HOME, HOME])),
        ("details of L001", HOME),
        ("how is L001 doing?", part_of(FoundMetrics, metrics=[None])),
        ("how are L001 and L004 doing?", part_of(FoundMetrics, metrics=[None, None])),
        ("market in Portland, OR", part_of(AnalysedMarket, area="Portland, OR")),
        ("report on L001", part_of(ShownReport, listings=[None])),
    ],
)
def test_what_the_services_suggest_is_understood(question: str, result: ToolResult) -> None:
    talk = Talk(messages=[{"role": "system", "content": TOLD}])
    talk.ask(question)
    assert result.suggested()
    for question in result.suggested():
        after = Talk(messages=list(talk.messages))
        assert "didn't understand" not in after.ask(question)
        assert after.calls, question


def test_an_answer_is_in_the_language_of_the_question_as_far_as_phrases_go() -> None:
    assert ask("busca casas en Portland con 3 habitaciones").startswith("He encontrado **3 casas**")
    assert "Puedes preguntarme" in ask("¿qué puedes hacer?")
    assert "Here is what you can ask" in ask("Montre-moi quelque chose")


def test_a_tool_without_phrases_is_asked_for_by_its_name_and_told_by_its_rows() -> None:
    door = Function(
        name="listDoors",
        description="Lists the doors. All of them.",
        parameters={"properties": {"side": {"enum": ["north", "south"]}}},
    )
    own = Domain(HOMES_DOMAIN.library, (door,))
    talk = Talk(domain=own, answers={"listDoors": {"doors": [1, 2]}})
    assert talk.ask("please list the doors on the north side") == "I found **2 results**."
    assert talk.calls == [("listDoors", {"side": "north"})]
    assert "- Lists the doors." in talk.ask("help")


LAMPS = """
[thing.lamp]
id = "lampId"
pattern = 'l-\\d+'
list = "lamps"
find = "findLamps"
told = "**{lampId}** is {state}."
[tool.findLamps]
ask = ['lamps?']
argument.room = {name = "whole", after = "in", told = "in the {}"}
"""


def test_few_phrases_are_enough(tmp_path: Path) -> None:
    (tmp_path / "lamps").mkdir()
    (tmp_path / "lamps/phrases.toml").write_text(LAMPS)
    find = Function(name="findLamps", parameters={"properties": {"room": {"type": "string"}}})
    lamps = [{"lampId": "L-1", "state": "on"}]
    talk = Talk(domain=Domain(load_library(tmp_path), (find,)), answers={"findLamps": lamps})
    assert talk.ask("which lamps are in kitchen and hall?") == "\n\n".join(
        ["I found **1 result**."] * 2
    )
    assert talk.calls == [("findLamps", {"room": "Kitchen"}), ("findLamps", {"room": "Hall"})]
    assert talk.ask("l-1?") == "**L-1** is on."
    assert talk.ask("l-2?").startswith("There is nothing")


def test_a_tool_with_an_odd_schema_is_called_too() -> None:
    odd = {"properties": {"side": True, "size": {"enum": [1, [2], None, "big"]}}}
    lamps = Function(name="listLamps", parameters=odd)
    talk = Talk(domain=Domain(HOMES_DOMAIN.library, (lamps,)), answers={"listLamps": "[]"})
    talk.ask("list the big lamps")
    assert talk.calls == [("listLamps", {"size": "big"})]


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (
            {"error": {"code": "unknown", "message": "No listing L099.\nTry L001."}},
            "No listing L099. Try L001.",
        ),
        ({"error": "Timed out."}, "Timed out."),
        ({"error": {"code": "odd"}}, "did not say why"),
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
    assert next_turn(messages, HOMES_DOMAIN.functions, HOMES_DOMAIN.library).text


def test_what_a_tool_says_stays_on_its_line_and_fills_no_slots() -> None:
    home = {**LISTINGS[0], "address": "1 A | B\n\n[{total}]"}
    answer = ask("homes in Portland", findListings={"total": 1, "listings": [home]})
    assert "1 A \\| B [{total}] at" in answer


def test_a_result_of_another_form_is_survived() -> None:
    forms: list[Any] = [{"metrics": "no"}, {"metrics": [1], "listings": 3}, [], "text", {"a": {}}]
    for odd in forms:
        assert ask("how is L001 doing?", getListingMetrics=json.dumps(odd))
        assert ask("homes in Portland", findListings=json.dumps(odd))


def numbers(text: str) -> set[str]:
    return {figure.rstrip(".") for figure in re.findall(r"\d[\d,]*\.?\d*", text)}


def spellings(value: float) -> set[str]:
    return {f"{value:,.0f}", f"{value:,.2f}".rstrip("0").rstrip(".")}


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
        **dict.fromkeys(("clickThroughPercent", "conversionPercent"), PERCENTS),
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

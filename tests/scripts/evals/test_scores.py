"""An answer is right if it calls the tools with the arguments and says the facts that it should."""

from __future__ import annotations

from typing import Any

import pytest

from scripts.evals.cases import Case
from scripts.evals.scores import Answer, Call, score

SEARCH = Case(
    name="a search",
    questions=("chairs in Oslo under 600k",),
    tools=("find|search",),
    arguments={"city": "Oslo", "maxPrice": 600000},
    may_have=("sort",),
    facts=("3|three", "$425,000|425k"),
    never=("sent",),
)
GOOD_TEXT = "There are **three**, from $425,000."
GOOD_CALL = Call("find", {"city": "oslo", "maxPrice": "600000", "sort": "newest"})


def answer(text: str = GOOD_TEXT, *calls: Call, problem: str = "") -> Answer:
    return Answer(calls or (GOOD_CALL,), text, problem=problem)


def found(**arguments: Any) -> Call:
    return Call("find", arguments)


def test_what_is_right_in_other_words_is_right() -> None:
    assert score(SEARCH, answer()).all_right
    assert score(SEARCH, answer("3 chairs, the cheapest at 425k.")).all_right
    empty = {"city": "Oslo", "maxPrice": 6e5, "query": "", "status": None}
    assert score(SEARCH, answer(GOOD_TEXT, found(**empty))).all_right


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("There are 13, from $425,000.", "without 3|three"),
        ("There are 3,400, from $425,000.", "without 3|three"),
        ("There are three.", "without $425,000|425k"),
        ("Three, from $425,000,000.", "without $425,000|425k"),
        (GOOD_TEXT + " I sent them.", "says sent"),
    ],
)
def test_a_fact_that_is_not_there_makes_the_answer_wrong(text: str, reason: str) -> None:
    result = score(SEARCH, answer(text))
    assert (result.tool, result.arguments, result.answer) == (True, True, False)
    assert result.missing == reason


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (found(city="Salem", maxPrice=600000), "city is 'Salem'"),
        (found(city="Oslo"), "maxPrice is 'missing'"),
        (found(city="Oslo", maxPrice=600000, beds=2), "beds was not asked for"),
    ],
)
def test_other_arguments_are_wrong(call: Call, reason: str) -> None:
    result = score(SEARCH, answer(GOOD_TEXT, call))
    assert (result.tool, result.arguments, result.answer) == (True, False, True)
    assert result.missing == reason


def test_of_several_calls_the_nearest_counts() -> None:
    assert score(SEARCH, answer(GOOD_TEXT, found(city="Salem"), GOOD_CALL)).all_right


@pytest.mark.parametrize(
    ("calls", "reason"),
    [
        ((Call("send", {}),), "called send"),
        ((GOOD_CALL, Call("send", {})), "called find, send"),
    ],
)
def test_another_tool_makes_the_arguments_wrong_too(calls: tuple[Call, ...], reason: str) -> None:
    result = score(SEARCH, answer(GOOD_TEXT, *calls))
    assert (result.tool, result.arguments, result.answer) == (False, False, True)
    assert result.missing == reason


def test_a_question_that_needs_no_tool_is_wrong_with_one() -> None:
    greeting = Case(name="greeting", questions=("Hello",))
    assert score(greeting, Answer((), "Hello!")).all_right
    assert score(greeting, answer()).missing == "called find"


def test_lists_are_right_in_any_order_and_a_text_in_any_of_its_wordings() -> None:
    case = Case(
        name="send",
        questions=("Send them",),
        tools=("send",),
        arguments={"ids": ["L1", "L2"], "to": "{me}", "area": "Salem, OR|Salem"},
    )
    call = Call("send", {"ids": ["l2", "L1"], "to": "ann@example.com", "area": "salem"})
    assert score(case.of("ann@example.com"), Answer((call,), "")).all_right
    assert not score(case.of("bob@example.com"), Answer((call,), "")).arguments


def test_an_answer_that_was_not_completed_is_wrong() -> None:
    result = score(SEARCH, answer(problem="The model is away."))
    assert (result.answer, result.missing) == (False, "The model is away.")

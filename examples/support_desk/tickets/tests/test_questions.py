"""Natural questions lead the demo model to the right tools, by the phrases of this folder."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from demo_model.phrasebook import load_library
from demo_model.protocol import Function
from tests.demo_model.talking import Case, Domain, wrong_in
from tool_services.framework.errors import ServiceError
from tool_services.framework.testing import ToolCaller

from .questions import HELD_OUT, QUESTIONS

DOMAIN_FOLDER = Path(__file__).parents[2]


def answer(tickets: ToolCaller, name: str, arguments: dict[str, Any]) -> Any:
    """Return the tool's result; for one that changes something, that its person declined it.

    So all questions are about the same tickets.
    """
    if not tickets.tools[name].reads_only:
        return {"error": "The person declined this."}
    try:
        return tickets.call(name, **arguments)
    except ServiceError as error:
        return {"error": error.message}


@pytest.mark.parametrize(
    ("cases", "known"),
    # To the demo model, "email" ends what somebody looks for.
    [(QUESTIONS, ()), (HELD_OUT, ["tickets on email"])],
    ids=["questions", "held-out"],
)
def test_natural_questions_are_answered_well(
    tickets: ToolCaller, cases: Sequence[Case], known: Sequence[str]
) -> None:
    functions = (
        Function(
            name=name,
            description=tool.description,
            parameters=tool.arguments_type.json_schema(),
        )
        for name, tool in tickets.tools.items()
    )
    answers = {name: partial(answer, tickets, name) for name in tickets.tools}
    domain = Domain(load_library(DOMAIN_FOLDER), tuple(functions), answers)
    wrong = {case.question: words for case in cases if (words := wrong_in(case, domain))}
    assert sorted(wrong) == sorted(known), "\n".join(wrong.values())

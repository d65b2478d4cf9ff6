"""The questions of evals.toml can be answered: by calls that the tools take, from their results."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scripts.evals.cases import FILE, Case, read_cases
from tool_services.framework.testing import ToolCaller

from ..ticket import UnknownTicketError

CASES = read_cases(Path(__file__).parents[1] / FILE)


@pytest.mark.parametrize("case", [each for each in CASES if each.tools], ids=lambda case: case.name)
def test_a_case_asks_for_a_call_that_the_tools_take(tickets: ToolCaller, case: Case) -> None:
    name, arguments = case.tools[0], dict(case.arguments)
    if name == "openTicket":
        arguments["title"] = "a title"
    try:
        result = json.dumps(tickets.call(name, key="key", **arguments))
    except UnknownTicketError as error:
        result = error.message
    for fact in case.facts:
        assert any(wording in result for wording in fact.split("|")), (fact, result)

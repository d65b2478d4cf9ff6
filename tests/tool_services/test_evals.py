"""Each service's evals.toml can be passed: a model that does what each case asks for is all right.

So its tools take those arguments, and the program that asks and scores (`make eval`) works.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import partial

import pytest

from scripts.evals.cases import Case, cases_in
from scripts.run_evals import evaluate
from tests.support.product import Product, ServiceFactory
from tests.support.scripted_model import (
    Chosen,
    RecordedRequest,
    Reply,
    ScriptedModel,
    error,
    text,
    tool_call,
)
from tests.tool_services.support.own_services import OWN_SERVICES
from tool_services import all_services

pytestmark = pytest.mark.shares_product


@pytest.fixture(scope="module")
def product_services() -> Mapping[str, ServiceFactory]:
    return OWN_SERVICES


@pytest.fixture(scope="module")
def product_settings() -> dict[str, object]:
    return {"tool_exchanges": all_services.default_exchanges()}


def ideal_reply(case: Case, request: RecordedRequest) -> Reply:
    """Call the case's tools, one a step, then say its facts."""
    messages = request.body["messages"]
    questions = [at for at, each in enumerate(messages) if each["role"] == "user"]
    done = sum(each["role"] == "tool" for each in messages[questions[-1] :])
    if len(questions) < len(case.questions) or done >= len(case.tools):
        return text(" and ".join(_first(each) for each in case.facts) or "Done.")
    me = re.search(r"evaluation-\w+@example\.com", json.dumps(messages))
    assert me
    wanted = case.of(me[0]).arguments if done == 0 else {}
    arguments = {k: _first(v) if isinstance(v, str) else v for k, v in wanted.items()}
    return tool_call(_first(case.tools[done]), arguments)


def _first(wordings: str) -> str:
    return wordings.split("|")[0]


def test_a_model_that_does_what_is_asked_passes_all(product: Product, model: ScriptedModel) -> None:
    cases = cases_in(all_services.folders().values())
    assert cases
    for case in cases:
        model.script(Chosen(partial(ideal_reply, case)))
        [each] = evaluate(product.url, [case], "scripted")
        assert each.score.all_right, (each.case, each.score.missing)


def test_a_model_that_calls_no_tool_passes_only_what_needs_none(
    product: Product, model: ScriptedModel
) -> None:
    cases = cases_in(all_services.folders().values())[::5]
    model.script(text("I can't."))
    for case, each in zip(cases, evaluate(product.url, cases, "scripted"), strict=True):
        assert each.score.tool == (not case.tools), each.case
        assert not (each.score.all_right and case.tools)


def test_a_model_that_fails_is_told_of(product: Product, model: ScriptedModel) -> None:
    model.script(error(401, "no such key"))
    case = Case(name="one", questions=("Hello", "again"))
    [each] = evaluate(product.url, [case], "scripted")
    assert not each.score.all_right
    assert each.score.missing

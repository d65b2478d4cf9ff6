"""Forty of the same request at once: one wins, and the others are told so."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.app.web.test_approvals import decide, sent, waiting
from tests.support.product import PASSWORD, Person, Product
from tests.support.scripted_model import ScriptedModel

AT_ONCE = 40

pytestmark = pytest.mark.engines


def at_once(ask: Callable[[int], requests.Response]) -> list[int]:
    """Return the statuses of forty replies."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return [answer.status_code for answer in pool.map(ask, range(AT_ONCE))]


def test_of_forty_decisions_one_counts_and_the_tool_runs_at_most_once(
    alice: Person, model: ScriptedModel
) -> None:
    stream, approval = waiting(alice, model)
    choices = ("approve", "decline")
    answers = at_once(lambda number: decide(alice, approval, decision=choices[number % 2]))
    assert sorted(answers) == [200] + [409] * (AT_ONCE - 1)
    stream.until("done")
    approved = answers.index(200) % 2 == 0
    assert len(sent(alice)) == approved


def test_of_forty_approvals_one_counts_and_the_tool_runs_once(
    alice: Person, model: ScriptedModel
) -> None:
    stream, approval = waiting(alice, model)
    answers = at_once(lambda _: decide(alice, approval, decision="approve"))
    assert sorted(answers) == [200] + [409] * (AT_ONCE - 1)
    stream.until("done")
    assert len(sent(alice)) == 1


def test_of_forty_sign_ups_with_one_address_one_makes_an_account(product: Product) -> None:
    fields = {"email": "ann@example.com", "password": PASSWORD}
    url = f"{product.url}/auth/signup"
    answers = at_once(lambda number: requests.post(url, json=fields | {"name": f"Ann {number}"}))
    assert answers.count(201) == 1
    assert set(answers) - {201} <= {409, 422, 503}
    assert answers.count(503) < AT_ONCE - 1


def test_forty_renewals_of_a_used_token_end_the_session_and_give_nothing(alice: Person) -> None:
    url = f"{alice.product.url}/auth/refresh"
    used = {"Authorization": f"Bearer {alice.tokens['refresh_token']}"}
    for _ in range(2):
        answer = requests.post(url, headers=used)
        used = {"Authorization": f"Bearer {answer.json()['refresh_token']}"}
    first = {"Authorization": f"Bearer {alice.tokens['refresh_token']}"}
    assert set(at_once(lambda _: requests.post(url, headers=first))) == {401}
    assert alice.api("GET", "/auth/profile").status_code == 401

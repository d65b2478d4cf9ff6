"""Search: messages of other versions, and questions with files."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from tests.app.web.test_conversation_search import found, titles
from tests.app.web.test_conversations import Strict, begin, finished, run_of
from tests.support.product import Person, eventually
from tests.support.scripted_model import ScriptedModel
from tests.support.scripted_model import text as says

pytestmark = pytest.mark.shares_product


@pytest.mark.engines
def test_words_of_another_version_are_found_and_lead_to_it(
    alice: Person, mallory: Person, model: ScriptedModel
) -> None:
    model.script(says("A treasure"), says("Nothing, a *chest*"), says("A chest"))
    path = begin(alice, "Where?")
    for _ in range(2):
        alice.post(f"/runs/{run_of(finished(alice, path))}/retry")
    finished(alice, path)
    [hit] = found(alice, "treasure")
    assert (hit["title"], hit["current"], hit["position"]) == ("Where?", False, 2)
    page = alice.get("/conversations", params={"q": "treasure"}).text
    Strict(page)
    assert f'href="{path}"' in page
    [choose] = re.findall(r'action="(/messages/\w+/choose)"', page)
    assert choose == f"/messages/{hit['messageId']}/choose"
    assert mallory.post(choose).status_code == 404
    assert "A <mark><b>treasure</b></mark>" in page
    there = alice.post(choose).headers["Location"]
    assert there.endswith(f"#m-{hit['messageId']}")
    page = alice.get(there).text
    assert "A treasure" in page
    assert re.search(r"</span>1/3\s*</span>", page)
    [hit] = found(alice, "treasure")
    assert hit["current"]


@pytest.mark.engines
def test_the_current_version_is_found_rather_than_a_later_one(
    alice: Person, model: ScriptedModel
) -> None:
    model.script(says("The first chest"), says("The second chest"))
    path = begin(alice, "Where?")
    alice.post(f"/runs/{run_of(finished(alice, path))}/retry")
    finished(alice, path)
    [hit] = found(alice, "first")
    alice.post(f"/messages/{hit['messageId']}/choose")
    [hit] = found(alice, "chest")
    assert hit["current"]
    assert hit["snippet"][0]["text"] == "The first "
    [other] = found(alice, "second chest")
    assert not other["current"]


@pytest.mark.engines
def test_a_question_is_found_by_the_names_of_its_files(
    alice: Person, mallory: Person, model: ScriptedModel
) -> None:
    model.script(replace(says("Two"), held="go"), says("Three"), says("Four"))

    def send(name: str, question: str, **more: str) -> dict[str, Any]:
        files = [
            ("files", (name, b"a,b\n", "text/csv")),
            ("files", ("other.txt", b"x", "text/plain")),
        ]
        fields = {"userMessage": question} | more
        answer = alice.api("POST", "/agents/chat-stream", data=fields, files=files, stream=True)
        assert answer.status_code in (200, 202), answer.text
        queued: dict[str, Any] = answer.json() if answer.status_code == 202 else {}
        return queued

    send("Budget_2025-Café.csv", "What is in it?")
    [conversation] = alice.api("GET", "/conversations").json()["conversations"]
    assert titles(alice, "budget cafe") == ["What is in it?"]
    send("queued.csv", "And here?", conversationId=conversation["id"], queue="true")
    assert titles(alice, "queued") == []
    model.let_go.add("go")
    eventually(lambda: titles(alice, "queued") != [])
    finished(alice, f"/conversations/{conversation['id']}")
    for words in ("2025", "csv budget", "it budget", '"budget 2025"'):
        assert titles(alice, words) == ["What is in it?"], words
    assert titles(alice, '"2025 budget"') == titles(mallory, "budget") == []
    [hit] = found(alice, "budget")
    assert hit["position"] == 1
    name = [("Budget", True), ("_2025-Café.csv", False)]
    assert hit["files"] == [[{"text": text, "match": match} for text, match in name]]
    page = alice.get("/conversations", params={"q": "budget"}).text
    Strict(page)
    assert "File: <mark><b>Budget</b></mark>_2025-Café.csv</p>" in page
    question = hit["messageId"]
    alice.api("POST", f"/messages/{question}/edit", json={"message": "Changed"})
    finished(alice, f"/conversations/{conversation['id']}")
    [hit] = found(alice, "budget changed")
    assert (hit["messageId"] != question, hit["current"]) == (True, True)

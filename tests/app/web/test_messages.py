"""What can be done with one message: copy it, take its tables, try again, edit, rate."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from app.config_types import Price
from tests.app.web.test_conversations import Strict, begin, finished, run_of
from tests.support.product import Person, Product
from tests.support.scripted_model import ScriptedModel, endless, text, tool_call

pytestmark = pytest.mark.shares_product

TABLES = """Two of them:

| Note | Words | Sum |
|---|--:|---|
| *Rivers* \\| `lakes` | 1,825 | =1+1 |
| <b>Hills</b> | -3 | |

> | a |
> |---|
> | é |

```next-questions
Which is longest?
```"""


def links(page: str, words: str) -> list[str]:
    """The addresses of the links in the rows of actions that are called so."""
    return re.findall(rf'<a class="quiet[^"]*" href="(/messages/[^"]+)"[^>]*>{words}</a>', page)


# Copying


@pytest.mark.engines
def test_each_message_can_be_read_as_the_markdown_it_was_written_in(
    alice: Person, model: ScriptedModel
) -> None:
    model.script(text("**Hello** <b>you</b>\n\n```next-questions\nMore?\n```"))
    page = finished(alice, begin(alice, "A *question*\n & more"))
    Strict(page)
    question, answer = [alice.get(there) for there in links(page, "Copy")]
    assert (question.text, answer.text) == ("A *question*\n & more\n", "**Hello** <b>you</b>\n")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_question_asked_by_htmx_has_its_actions_at_once(
    alice: Person, model: ScriptedModel
) -> None:
    path = begin(alice)
    finished(alice, path)
    fragment = alice.post(f"{path}/messages", htmx=True, message="And then?").text
    [there] = links(fragment, "Copy")
    assert alice.get(there).text == "And then?\n"


def test_an_answer_that_is_being_written_has_no_actions(
    alice: Person, model: ScriptedModel
) -> None:
    model.script(endless(pace=0.01))
    path = begin(alice)
    page = alice.get(path).text
    assert "Actions for this question" in page
    assert "Actions for this answer" not in page


def test_the_stream_brings_the_actions_with_the_end(alice: Person) -> None:
    done = alice.ask("Hello").until("done")
    run, message = done[0].json["runId"], done[-1].json["messageId"]
    events = alice.get(f"/runs/{run}/events").text
    assert f'href="/messages/{message}/markdown"' in events


@pytest.mark.engines
def test_tables_are_csv_files_in_which_nothing_runs(alice: Person, model: ScriptedModel) -> None:
    model.script(text(TABLES))
    page = finished(alice, begin(alice))
    files = [alice.get(there) for there in links(page, r"Table \d as CSV")]
    assert [file.text for file in files] == [
        'Note,Words,Sum\r\nRivers | lakes,"1,825",\'=1+1\r\n<b>Hills</b>,-3,\r\n',
        "a\r\né\r\n",
    ]
    assert files[0].headers["Content-Type"] == "text/csv; charset=utf-8"
    assert files[0].headers["Content-Disposition"] == "attachment; filename=table-1.csv"
    message = links(page, "Copy")[1].removesuffix("/markdown")
    for number in (0, 3, 10**30):
        assert alice.get(f"{message}/tables/{number}").status_code == 404


def test_another_person_gets_neither_texts_nor_tables(
    alice: Person, mallory: Person, model: ScriptedModel
) -> None:
    model.script(text(TABLES))
    page = finished(alice, begin(alice))
    for there in [*links(page, "Copy"), *links(page, "Table 1 as CSV"), "/messages/x/markdown"]:
        assert mallory.get(there).status_code == 404


# What an answer took


def made(page: str) -> str:
    [found] = re.findall(r'<p class="made hint">(.*?)</p>', page, re.S)
    return " ".join(re.sub("<[^>]*>", "", found).split())


@pytest.mark.own_product
@pytest.mark.engines
def test_each_answer_says_which_model_wrote_it_and_what_it_took(
    start: Callable[..., Product], model: ScriptedModel
) -> None:
    product = start(model_prices={"scripted": Price(100, 1000)})
    alice = product.sign_up("Alice")
    model.script(tool_call("listNotes", {}), text("Two."))
    path = begin(alice)
    shown = made(finished(alice, path))
    # Of both turns: 14 tokens in, 10 out.
    assert re.fullmatch(r"scripted · 14 tokens in, 10 out · \$0\.0114 · \d\.\d+ s", shown)
    run = run_of(alice.get(path).text)
    assert made(alice.get(f"/runs/{run}/events").text.replace("\ndata: ", "\n")) == shown
    [_, answer] = alice.api("GET", "/agents/chat-history").json()["messages"]
    assert (answer["models"], answer["cost"]) == (["scripted"], pytest.approx(0.0114))
    assert (answer["usage"]["total_tokens"], answer["seconds"] > 0) == (24, True)
    product.forget_logs()
    assert made(alice.get(path).text) == shown


def test_a_model_without_a_price_costs_something_unknown(
    alice: Person, model: ScriptedModel
) -> None:
    path = begin(alice)
    assert "7 tokens in, 5 out · cost unknown" in made(finished(alice, path))
    model.script(text("Hm", usage=False))
    whole = alice.api("POST", "/agents/chat", json={"userMessage": "Again"}).json()
    assert (whole["models"], whole["usage"], whole["cost"]) == (["scripted"], None, None)
    assert "token" not in made(alice.get(f"/conversations/{whole['conversationId']}").text)

"""What can be done with one message: copy it, take its tables, try again, edit, rate."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from app.config_types import Price
from app.db.models import Message, Run, User, db, to_person
from app.db.models import Person as Who
from app.errors import NotFound
from tests.app.web.test_conversations import Strict, begin, finished, run_of
from tests.app.web.test_people import make_admin
from tests.support.product import Person, Product
from tests.support.scripted_model import ScriptedModel, endless, reasoning, text, tool_call

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
    return re.findall(
        rf'<a class="quiet[^"]*" href="(/messages/[^"]+)"[^>]*>(?:<svg.*?</svg>)?{words}</a>', page
    )


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


# Versions of an answer


def say(alice: Person, model: ScriptedModel, question: str, answer: str, path: str = "") -> str:
    """Ask a question, wait for this answer to it, and return the conversation's path."""
    model.script(text(answer))
    path = alice.post(f"{path}/messages", message=question).headers["Location"][:-5] if path else ""
    path = path or begin(alice, question)
    finished(alice, path)
    return path


def talk(alice: Person, path: str) -> list[str]:
    """What the conversation's page shows: questions, answers and which version each is."""
    shown = re.findall(
        r'<div class="bubble">\s*<p[^>]*>(.*?)</p>|<div class="prose"><p[^>]*>(.*?)</p>'
        r"|Version </span>(\d/\d)<",
        finished(alice, path),
    )
    return ["".join(groups) for groups in shown]


def told(model: ScriptedModel) -> list[str]:
    """What the model was told of the conversation at its last request."""
    messages = model.requests[-1].body["messages"]
    return [each["content"] for each in messages if each["role"] != "system"]


def goal(page: str, words: str, number: int = -1) -> str:
    """The address of a button that pages through versions; the last one of them unless told."""
    found: list[str] = re.findall(
        rf'action="(/messages/\w+/choose)"(?:(?!</form>).)*aria-label="{words}', page, re.S
    )
    return found[number]


def runs_of(page: str) -> list[str]:
    return re.findall(r'id="run-(\w+)"', page)


@pytest.mark.engines
def test_a_completed_answer_is_tried_again_and_the_chosen_version_is_what_the_model_gets(
    alice: Person, model: ScriptedModel
) -> None:
    path = say(alice, model, "Why?", "One")
    for word in ("Two", "Three"):
        model.script(text(word))
        again = alice.post(f"/runs/{run_of(alice.get(path).text)}/retry")
        assert again.headers["Location"] == f"{path}/live"
        finished(alice, path)
    assert told(model) == ["Why?"]
    assert talk(alice, path) == ["Why?", "Three", "3/3"]
    page = alice.get(path).text
    Strict(page)
    led = alice.post(goal(page, "Show the version before"))
    assert (led.status_code, led.headers["Location"].partition("#")[0]) == (303, path)
    assert talk(alice, path) == ["Why?", "Two", "2/3"]
    say(alice, model, "And?", "So", path)
    assert told(model) == ["Why?", "Two", "And?"]
    assert talk(alice, path) == ["Why?", "Two", "2/3", "And?", "So"]
    history = alice.api("GET", "/agents/chat-history").json()["messages"]
    assert [each["content"] for each in history] == ["Why?", "Two", "And?", "So"]


@pytest.mark.engines
def test_an_earlier_answer_is_tried_again_and_what_came_after_it_can_be_paged_back_to(
    alice: Person, model: ScriptedModel
) -> None:
    path = say(alice, model, "Why?", "One")
    say(alice, model, "And?", "So", path)
    first, _ = runs_of(alice.get(path).text)
    model.script(text("Two"))
    fragment = alice.post(f"/runs/{first}/retry", htmx=True)
    assert (fragment.headers["HX-Retarget"], "And?" in fragment.text) == ("#messages", False)
    assert talk(alice, path) == ["Why?", "Two", "2/2"]
    say(alice, model, "Then?", "Hm", path)
    assert told(model) == ["Why?", "Two", "Then?"]
    back = alice.post(goal(alice.get(path).text, "Show the version before"), htmx=True)
    Strict(f"<div>{back.text}</div>")
    assert talk(alice, path) == ["Why?", "One", "1/2", "And?", "So"]
    alice.post(goal(alice.get(path).text, "Show the next version"))
    assert talk(alice, path) == ["Why?", "Two", "2/2", "Then?", "Hm"]


# Editing a question


@pytest.mark.engines
def test_an_edited_question_begins_a_branch_and_the_other_one_is_kept(
    alice: Person, model: ScriptedModel
) -> None:
    path = say(alice, model, "First", "One")
    say(alice, model, "Second", "Two", path)
    say(alice, model, "Third", "Three", path)
    edit = re.findall(r'href="(/messages/\w+/edit)"', alice.get(path).text)[1]
    form = alice.get(edit).text
    Strict(form)
    assert ">Second</textarea>" in form
    model.script(text("Zwei"))
    assert alice.post(edit, message="Zweite").headers["Location"] == f"{path}/live"
    assert talk(alice, path) == ["First", "One", "Zweite", "2/2", "Zwei"]
    assert told(model) == ["First", "One", "Zweite"]
    say(alice, model, "Dritte", "Drei", path)
    alice.post(goal(alice.get(path).text, "Show the version before"))
    old = ["First", "One", "Second", "1/2", "Two", "Third", "Three"]
    assert talk(alice, path) == old
    [found] = alice.api("GET", "/conversations?q=Dritte").json()["found"]
    assert found["current"] is False
    say(alice, model, "Fourth", "Four", path)
    assert told(model) == ["First", "One", "Second", "Two", "Third", "Three", "Fourth"]
    alice.post(goal(alice.get(path).text, "Show the next version"))
    assert talk(alice, path) == ["First", "One", "Zweite", "2/2", "Zwei", "Dritte", "Drei"]
    alice.post(goal(alice.get(path).text, "Show the version before"))
    assert talk(alice, path) == [*old, "Fourth", "Four"]


def test_branches_within_branches_keep_what_was_chosen_in_each(
    alice: Person, model: ScriptedModel
) -> None:
    path = say(alice, model, "A", "a1")
    model.script(text("a2"))
    alice.post(f"/runs/{run_of(alice.get(path).text)}/retry")
    finished(alice, path)
    # The older answer is chosen, and a new first question asked beside all that.
    alice.post(goal(alice.get(path).text, "Show the version before"))
    edit = re.findall(r'href="(/messages/\w+/edit)"', alice.get(path).text)[0]
    model.script(text("b1"))
    alice.post(edit, message="B")
    assert talk(alice, path) == ["B", "2/2", "b1"]
    alice.post(goal(alice.get(path).text, "Show the version before"))
    assert talk(alice, path) == ["A", "1/2", "a1", "1/2"]


def test_an_edited_question_is_asked_once_and_what_cannot_be_asked_stays_in_its_field(
    alice: Person, model: ScriptedModel
) -> None:
    path = say(alice, model, "Why?", "One")
    edit = re.findall(r'href="(/messages/\w+/edit)"', alice.get(path).text)[0]
    refused = alice.post(edit, message="x" * 8001)
    assert (refused.status_code, "8,001" in refused.text, "x</textarea>" in refused.text) == (
        *(422, True, True),
    )
    assert alice.post(edit, htmx=True, message=" ").headers["HX-Retarget"] == "#notice"
    places = [alice.post(edit, message="How?", key="k").status_code for _ in range(2)]
    assert places == [303, 303]
    assert talk(alice, path) == ["How?", "2/2", "One"]
    stale = alice.post(edit, message="Who?")
    assert (stale.status_code, "Load the page again" in stale.text) == (409, True)


def test_nothing_branches_while_an_answer_is_written(alice: Person, model: ScriptedModel) -> None:
    path = say(alice, model, "Why?", "One")
    first = run_of(alice.get(path).text)
    model.script(text("Two"))
    alice.post(f"/runs/{first}/retry")
    page = finished(alice, path)
    model.script(endless(pace=0.01))
    alice.post(f"{path}/messages", message="And?")
    edit = re.findall(r'href="(/messages/\w+/edit)"', page)[0]
    before = goal(page, "Show the version before")
    for there in (before, edit, f"/runs/{run_of(page)}/retry", f"/runs/{first}/retry"):
        assert alice.post(there, message="How?").status_code == 409


@pytest.mark.engines
def test_programs_edit_and_choose_too_and_others_cannot(
    alice: Person, mallory: Person, model: ScriptedModel
) -> None:
    path = say(alice, model, "Why?", "One")
    [question, answer] = [
        each["id"] for each in alice.api("GET", "/agents/chat-history").json()["messages"]
    ]
    there = f"/messages/{question}"
    for stranger in (("POST", "edit"), ("POST", "choose"), ("GET", "versions"), ("GET", "edit")):
        wanted = {"json": {"message": "How?"}} if stranger[1] == "edit" else {}
        assert mallory.api(stranger[0], f"{there}/{stranger[1]}", **wanted).status_code == 404
    assert alice.api("POST", f"/messages/{answer}/edit", json={"message": "x"}).status_code == 404
    bodies: list[object] = [{"message": 5}, {}, []]
    for body in bodies:
        assert alice.api("POST", f"{there}/edit", json=body).status_code == 422
    asked = alice.api("POST", f"{there}/edit", json={"message": "How?"})
    assert (asked.status_code, asked.json()["conversationId"]) == (201, path.rpartition("/")[2])
    assert talk(alice, path) == ["How?", "2/2", "One"]
    new = alice.api("GET", "/agents/chat-history").json()["messages"][0]["id"]
    versions = alice.api("GET", f"/messages/{new}/versions").json()["versions"]
    assert versions == [{"id": question, "current": False}, {"id": new, "current": True}]
    assert alice.api("POST", f"{there}/choose").json()["id"] == question
    assert talk(alice, path) == ["Why?", "1/2", "One"]


@pytest.mark.engines
def test_what_is_deleted_meanwhile_is_not_found_and_no_fault(
    alice: Person, model: ScriptedModel
) -> None:
    runs = alice.product.services.runs
    acts: list[Callable[[Who, Message, Run], object]] = [
        lambda person, question, _: runs.choose(person, question),
        lambda person, question, _: runs.edit(person, question, "How?"),
        lambda person, _, run: runs.retry(person, run),
    ]
    model.script(*(text("One") for _ in acts))
    for act in acts:
        path = begin(alice, "Why?")
        finished(alice, path)
        with alice.product.app.app_context():
            # A request has loaded them when another one deletes the conversation.
            of_path = {"conversation_id": path.rpartition("/")[2]}
            person = to_person(db.session.get_one(User, alice.id))
            question = db.session.query(Message).filter_by(**of_path, role="user").one()
            run = db.session.query(Run).filter_by(**of_path).one()
            assert run.answer.position == 2
            db.session.commit()
            deleted = alice.api("DELETE", path, params={"forGood": "true"})
            assert deleted.status_code == 204
            with pytest.raises(NotFound):
                act(person, question, run)


# Ratings


@pytest.mark.engines
def test_an_answer_is_rated_with_a_reason_changed_and_the_rating_removed(
    alice: Person, model: ScriptedModel
) -> None:
    path = say(alice, model, "Why?", "One")
    run = run_of(alice.get(path).text)
    led = alice.post(f"/runs/{run}/rating", rating="good")
    assert (led.status_code, led.headers["Location"].partition("#")[0]) == (303, path)
    page = alice.get(path).text
    Strict(page)
    assert "You rated this answer good." in page
    assert re.findall(r'aria-pressed="(\w+)">(?:<svg.*?</svg>)?(\w+)', page) == [
        ("true", "Good"),
        ("false", "Bad"),
    ]
    fragment = alice.post(f"/runs/{run}/rating", htmx=True, rating="good", reason=' "Clear" <b> ')
    Strict(fragment.text)
    assert 'value="&#34;Clear&#34; &lt;b&gt;"' in fragment.text
    rated = alice.api("GET", "/agents/chat-history").json()["messages"][1]
    assert (rated["rating"], rated["ratingReason"]) == ("good", '"Clear" <b>')
    # The reason was one for the other rating.
    alice.post(f"/runs/{run}/rating", rating="bad")
    page = alice.get(path).text
    assert "You rated this answer bad." in page
    assert "Clear" not in page
    removed = alice.api("POST", f"/runs/{run}/rating", json={"rating": "none", "reason": "x"})
    assert removed.json() == {"runId": run, "rating": None, "reason": None}
    assert "You rated" not in alice.get(path).text


def test_a_rating_that_makes_no_sense_is_refused(
    alice: Person, mallory: Person, model: ScriptedModel
) -> None:
    path = say(alice, model, "Why?", "One")
    there = f"/runs/{run_of(alice.get(path).text)}/rating"
    wrong: list[object] = [{}, [], {"rating": "best"}, {"rating": 1}, {"rating": []}]
    wrong += [{"rating": "good", "reason": 5}, {"rating": "good", "reason": "x" * 1001}]
    for body in wrong:
        assert alice.api("POST", there, json=body).status_code == 422, body
    assert mallory.api("POST", there, json={"rating": "bad"}).status_code == 404
    model.script(endless(pace=0.01))
    run = alice.ask("And?").until("content")[0].json["runId"]
    assert alice.api("POST", f"/runs/{run}/rating", json={"rating": "bad"}).status_code == 409


@pytest.mark.own_product
@pytest.mark.engines
def test_admins_see_counts_and_reasons_but_not_whose_they_are(
    alice: Person, mallory: Person, model: ScriptedModel
) -> None:
    for rating, reason in (("bad", "Wrong <city>"), ("bad", ""), ("good", "Short")):
        path = say(alice, model, "Why?", "One")
        run = run_of(alice.get(path).text)
        alice.post(f"/runs/{run}/rating", rating=rating, reason=reason)
    run = run_of(alice.get(path).text)
    assert [alice.get("/ratings").status_code, mallory.api("GET", "/ratings").status_code] == [
        *(403, 403)
    ]
    make_admin(mallory)
    told = mallory.api("GET", "/ratings").json()
    assert (told["good"], told["bad"]) == (1, 2)
    assert [each["reason"] for each in told["reasons"]] == ["Short", "Wrong <city>"]
    page = mallory.get("/ratings").text
    Strict(page)
    assert "Wrong &lt;city&gt;" in page
    assert not any(each in page for each in (alice.id, alice.email, run, path))
    alice.post(path, shelf="trash")
    assert mallory.api("GET", "/ratings").json()["good"] == 0


# What the model thought


@pytest.mark.engines
def test_what_a_model_thinks_stands_closed_above_its_text_and_is_not_sent_to_it_again(
    alice: Person, model: ScriptedModel
) -> None:
    looks = tool_call("findNotes", {"text": "first"})
    model.script(
        reasoning("Look ", "<first>.", then=looks),
        text("<think>Now ", "say.</th", "ink>\n", "Found."),
        text("Yes."),
    )
    stream = alice.ask("Where?").until("done")
    run, path = stream[0].json["runId"], f"/conversations/{stream[0].json['conversationId']}"
    told_live = [each.json["thoughts"] for each in stream if each.json.get("thoughts")]
    assert told_live == ["Look <first>.", "Now say."]
    order = [each.event for each in stream if each.event == "content" or each.json.get("thoughts")]
    assert order[:3] == ["thinking", "thinking", "content"]
    page = alice.get(path).text
    Strict(page)
    for html in (page, alice.get(f"/runs/{run}/events").text):
        shown = re.findall(
            r'<details class="thoughts"><summary>(Thought[^<]*)</summary><p>(.*?)</p>', html
        )
        assert [thoughts for _, thoughts in shown] == ["Look &lt;first&gt;.", "Now say."]
        assert html.index("Look &lt;") < html.index('class="call"') < html.index("Now say.")
        assert html.index("Now say.") < html.index("Found.")
    say(alice, model, "Sure?", "Yes.", path)
    for request in model.requests:
        assert "Look <first>" not in str(request.body)
        assert "Now say" not in str(request.body)
    assert alice.api("GET", "/agents/chat-history").json()["messages"][1]["content"] == "Found."


def test_thoughts_come_before_the_text_on_a_page_that_is_held_open_or_sent_by_htmx(
    alice: Person, model: ScriptedModel
) -> None:
    slow = replace(reasoning("Hm.", then=text("Wor", "ld", pace=0.02)), held="go")
    model.script(slow)
    path = begin(alice)
    held = alice.get(f"{path}/live", stream=True)
    events = alice.get(f"/runs/{run_of(alice.get(path).text)}/events", stream=True)
    model.let_go.add("go")
    for html in (held.text, events.text):
        assert html.count("<p>Hm.</p></details>") == 1
        assert html.index("<p>Hm.</p></details>") < html.index("Wor")


@pytest.mark.own_product
@pytest.mark.engines
def test_thoughts_are_kept_when_the_log_is_gone_and_when_the_answer_is_stopped(
    product: Product, alice: Person, model: ScriptedModel
) -> None:
    model.script(reasoning("Hm.", then=endless(pace=0.01)))
    stream = alice.ask("Hello")
    run = stream.until("content")[0].json
    alice.post(f"/runs/{run['runId']}/stop")
    product.forget_logs()
    page = alice.get(f"/conversations/{run['conversationId']}").text
    assert "<p>Hm.</p></details>" in page

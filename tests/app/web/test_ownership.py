"""Every route, tried with the ids of another person's things. The routes come from the URL map."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import requests
from sqlalchemy import select
from werkzeug.routing import Rule

from app.db.account_models import SecurityEvent, UserSession
from app.db.file_models import QuestionFile
from app.db.models import Approval, ToolCall, db, new_id, utc_now
from app.db.queue_models import QueuedQuestion
from tests.support.product import Person, Product
from tests.support.scripted_model import ScriptedModel, text

PARAMETER = re.compile(r"<(?:\w+:)?\w+>")
SECRET = "the secret of the attic"
FIELDS = {
    "message": "x",
    "userMessage": "x",
    "decision": "approve",
    "title": "x",
    "pinned": "true",
    "shelf": "list",
    "rating": "good",
}


def rules_of(product: Product) -> list[Rule]:
    return [rule for rule in product.app.url_map.iter_rules() if rule.endpoint != "static"]


def ids_of(person: Person) -> list[str]:
    """One id of each kind of thing that the person has, the person's own included."""
    asked = person.ask("What is it?").until("done")
    run, answer_id = asked[0].json, asked[-1].json["messageId"]
    call = ToolCall(id="call_1", run_id=run["runId"], step_number=1, position=1, name="find")
    call.arguments = "{}"
    call.display = [{"kind": "html", "text": SECRET, "name": ""}]
    approval = Approval(run_id=run["runId"], call_id="call_2", tool="send")
    approval.arguments = {"to": SECRET}
    approval.expires_at = utc_now() + timedelta(hours=1)
    file = QuestionFile(user_id=person.id, conversation_id=run["conversationId"], position=0)
    file.question_id, file.name, file.media_type = run["runId"], "a.txt", "text/plain"
    file.content, file.beginning, file.size = SECRET.encode(), SECRET, len(SECRET)
    queued = QueuedQuestion(user_id=person.id, text=SECRET, held=True, created_at=utc_now())
    queued.id, queued.conversation_id = new_id(), run["conversationId"]
    with person.product.app.app_context():
        db.session.add_all([call, approval, file, queued])
        db.session.commit()
        own = [
            str(db.session.scalars(select(kind.id).where(kind.user_id == person.id)).first())
            for kind in (UserSession, SecurityEvent)
        ]
    kept = [run["conversationId"], run["runId"], call.id, approval.id, file.id, person.id]
    return [*kept, answer_id, queued.id, *own]


def rows_without(product: Product, stranger: Person) -> dict[str, list[str]]:
    """All rows of all tables, but for those that are about the stranger."""
    with product.app.app_context(), db.engine.connect() as connection:
        return {
            name: sorted(
                repr(row)
                for row in connection.execute(table.select())
                if stranger.id not in row._mapping.values()
            )
            for name, table in db.metadata.tables.items()
        }


def paths_with(product: Product, ids: list[str]) -> Iterator[tuple[str, str]]:
    """Each method of each route, with each id in place of its parameter or as a field."""
    for rule in rules_of(product):
        if not PARAMETER.search(rule.rule):
            yield "GET", f"{rule.rule}?conversationId={ids[0]}&before={ids[0]}&userId={ids[4]}"
            continue
        methods = sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
        for number, own in enumerate(ids):
            path = PARAMETER.sub(own, rule.rule.replace("<int:number>", "0"))
            for method in methods if number else [*methods, "DELETE", "HEAD", "PATCH", "PUT"]:
                yield method, path


def ask_as_stranger(
    stranger: Person, nobody: requests.Session, token: str, method: str, path: str
) -> list[Any]:
    """Ask as another person by page and by program, and as nobody."""
    url, form = stranger.product.url + path, FIELDS | {"csrf_token": token}
    as_page = {"allow_redirects": False, "stream": True, "timeout": 10}
    changes = method not in ("GET", "HEAD")
    page = stranger.browser.request(method, url, data=form if changes else None, **as_page)  # type: ignore[arg-type]
    json = {"json": FIELDS} if changes else {}
    program = stranger.api(method, path, **as_page, **json)
    signed_out = nobody.request(method, url, **as_page, **json)  # type: ignore[arg-type]
    stranger.product.opened += [page, signed_out]
    return [page, program, signed_out]


def test_nobody_reads_or_changes_what_belongs_to_another(
    product: Product, alice: Person, mallory: Person, model: ScriptedModel
) -> None:
    model.script(text(SECRET))
    ids = ids_of(alice)
    token, nobody = mallory.csrf_token, requests.Session()
    # Each request would look for a proxy's settings and open a connection.
    nobody.trust_env = False
    before, tried = rows_without(product, mallory), 0
    for method, path in paths_with(product, ids):
        if path.startswith("/streaming-check/events"):
            continue  # a stream of dots, without anybody's content
        tried += 1
        for answer in ask_as_stranger(mallory, nobody, token, method, path):
            body = "" if method == "HEAD" else answer.text
            where = (method, path, answer.status_code)
            assert SECRET not in body, where
            assert alice.email not in body, where
            assert answer.status_code < 500, where
            if "?" not in path and not path.endswith("/events"):
                assert answer.status_code >= 300, where
    assert tried >= 100
    assert rows_without(product, mallory) == before


def test_every_body_says_what_it_is(alice: Person, model: ScriptedModel) -> None:
    model.script(text("Hello"))
    run = alice.ask("Hello").until("done")[0].json
    for rule in rules_of(alice.product):
        if "GET" not in (rule.methods or ()):
            continue
        path = rule.rule.replace("<conversation_id>", run["conversationId"])
        path = PARAMETER.sub(run["runId"], path)
        for kind in ("text/html", "application/json"):
            answer = alice.get(path, headers={"Accept": kind}, stream=True)
            told = answer.headers["Content-Type"]
            assert "charset=utf-8" in told or told.startswith("application/json"), (path, told)

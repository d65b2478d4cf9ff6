"""What the model's endpoint said of a failure is shown to admins, and to nobody else."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from app.db.models import User, db
from tests.app.web.test_conversations import begin, finished, run_of
from tests.support.product import Person
from tests.support.scripted_model import ScriptedModel, error

pytestmark = pytest.mark.shares_product

SAID = "Project proj_7 has no access."


@pytest.fixture(params=["user", "admin"])
def role(request: pytest.FixtureRequest, alice: Person) -> str:
    with alice.product.app.app_context():
        db.session.execute(update(User).where(User.id == alice.id).values(role=request.param))
        db.session.commit()
    return str(request.param)


def test_on_every_page_and_stream(alice: Person, model: ScriptedModel, role: str) -> None:
    shown = role == "admin"
    model.script(error(403, SAID))
    path = begin(alice)
    page = finished(alice, path)
    assert ('class="outcome failed"' in page, SAID in page) == (True, shown)
    stream = "".join(message.data for message in alice.watch(run_of(page)).all())
    assert (SAID in stream) == shown
    alice.post(f"/runs/{run_of(page)}/retry")
    assert (SAID in alice.get(f"{path}/live").text) == shown


def test_in_no_json_of_the_api(alice: Person, model: ScriptedModel, role: str) -> None:
    model.script(error(403, SAID))
    whole = alice.api("POST", "/agents/chat", json={"userMessage": "x"})
    assert (whole.status_code, SAID in whole.text) == (502, False)
    run = whole.json()["runId"]
    for path in (f"/agents/chat-stream/{run}", "/agents/chat-history"):
        assert SAID not in alice.api("GET", path).text

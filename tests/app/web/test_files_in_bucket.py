"""Files in a question whose contents are in S3-compatible storage, outside the database."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import BytesIO

import pytest
from PIL import Image
from sqlalchemy import func, select, update

from app.conversations.file_storage import BucketFailure
from app.conversations.s3_bucket import S3Bucket
from app.conversations.uploads import ReadFile
from app.db.file_models import QuestionFile, StoredObject
from app.db.models import db, utc_now
from tests.app.web.test_files import TABLE, ask, asked, files_of, kept, picture
from tests.support.product import Person, Product
from tests.support.s3_server import KEY_ID, SECRET, S3Server
from tests.support.scripted_model import ScriptedModel

pytestmark = pytest.mark.shares_product


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with S3Server(tmp_path_factory.mktemp("s3")) as started:
        yield started


@pytest.fixture(scope="module")
def product_settings(server: S3Server) -> dict[str, object]:
    return {"vision_models": frozenset({"scripted"}), **server.settings}


def objects_of(person: Person) -> set[str]:
    with person.product.app.app_context():
        mine = select(QuestionFile.object_key).where(QuestionFile.user_id == person.id)
        return {key for key in db.session.scalars(mine) if key}


def remove_unused(product: Product) -> None:
    """Do what the app does every ten minutes, when no object is new any more."""
    with product.app.app_context():
        db.session.execute(update(StoredObject).values(used_at=utc_now() - timedelta(minutes=20)))
        db.session.commit()
        product.services.storage.remove_unused()


@contextmanager
def away(server: S3Server) -> Iterator[None]:
    """The bucket is gone for a while."""
    elsewhere = server.bucket.with_name("elsewhere")
    server.bucket.rename(elsewhere)
    yield
    elsewhere.rename(server.bucket)


@pytest.mark.engines
def test_contents_are_in_the_bucket_and_sent_to_their_person_and_the_model(
    alice: Person, mallory: Person, server: S3Server, model: ScriptedModel
) -> None:
    conversation = ask(alice, [picture(), TABLE])[1]["conversationId"]
    assert len(objects_of(alice)) == 2
    assert objects_of(alice) <= server.names()
    with alice.product.app.app_context():
        in_rows = func.sum(func.length(QuestionFile.content))
        assert db.session.scalar(select(in_rows).where(QuestionFile.user_id == alice.id)) == 0
    image, table = files_of(alice, conversation)
    assert Image.open(BytesIO(alice.get(image["url"]).content)).size == (40, 30)
    assert alice.get(table["url"]).content == TABLE[1]
    assert mallory.get(table["url"]).status_code == 404
    ask(alice, [], conversation)
    for request in (0, 1):
        told, shown = asked(model, request)[0]
        assert "Portland,700000" in told["text"]
        encoded = shown["image_url"]["url"].partition(";base64,")[2]
        assert Image.open(BytesIO(b64decode(encoded))).size == (40, 30)


@pytest.mark.engines
def test_an_object_is_deleted_once_no_question_has_it(alice: Person, server: S3Server) -> None:
    done = ask(alice, [TABLE])[1]
    path = f"/agents/chat-history?conversationId={done['conversationId']}"
    question = alice.api("GET", path).json()["messages"][0]
    edited = alice.api("POST", f"/messages/{question['id']}/edit", json={"message": "And now?"})
    alice.resume(edited.json()["runId"]).until("done")
    [shared] = objects_of(alice)
    assert kept(alice) == 2
    remove_unused(alice.product)
    assert shared in server.names()
    alice.api("DELETE", f"/conversations/{done['conversationId']}?forGood=true")
    with away(server):
        remove_unused(alice.product)  # nothing is forgotten
    assert shared in server.names()
    remove_unused(alice.product)
    assert shared not in server.names()


@pytest.mark.engines
def test_what_was_stored_for_a_question_that_never_was_is_deleted(
    product: Product, server: S3Server
) -> None:
    storage = product.services.storage
    with product.app.app_context():
        [left] = storage.add([ReadFile("a.txt", "text/plain", b"a")])
        storage.remove_unused()
    # A question may be about to refer to it.
    assert left.object_key in server.names()
    remove_unused(product)
    assert left.object_key not in server.names()


@pytest.mark.engines
def test_a_question_whose_files_can_not_be_stored_is_refused(
    alice: Person, server: S3Server
) -> None:
    with away(server):
        status, body = ask(alice, [TABLE])
    assert status == 503
    assert "files can't be stored" in body["error"]["message"]
    assert kept(alice) == 0
    assert alice.api("GET", "/agents/chat-history").json()["messages"] == []
    assert ask(alice, [TABLE])[0] == 200


def test_files_that_can_not_be_read_now_are_not_taken_for_lost(
    alice: Person, server: S3Server, model: ScriptedModel
) -> None:
    conversation = ask(alice, [TABLE])[1]["conversationId"]
    [table] = files_of(alice, conversation)
    with away(server):
        assert alice.get(table["url"]).status_code == 503
        status, body = ask(alice, [], conversation)
    assert status == 502
    assert "can't be read" in body["error"]["message"]
    assert len(model.requests) == 1
    assert alice.get(table["url"]).status_code == 200


def test_a_conversation_goes_on_without_a_file_that_is_lost(
    alice: Person, server: S3Server, model: ScriptedModel
) -> None:
    conversation = ask(alice, [picture(), TABLE])[1]["conversationId"]
    for key in objects_of(alice):
        (server.objects / key).unlink()
    assert ask(alice, [], conversation)[0] == 200
    assert "Only the first 0 of 27 characters" in asked(model)[0]
    for file in files_of(alice, conversation):
        assert alice.get(file["url"]).status_code == 404


def test_a_bucket_says_what_it_can_not_do(server: S3Server) -> None:
    url = f"{server.url}/files/own"
    bucket = S3Bucket(url, "us-east-1", KEY_ID, SECRET)
    bucket.put("a", b"four")
    assert bucket.get("a", 4) == b"four"
    assert bucket.get("b", 4) is None
    for size in (3, 5):
        with pytest.raises(BucketFailure, match="doesn't have"):
            bucket.get("a", size)
    with pytest.raises(BucketFailure, match="403"):
        S3Bucket(url, "us-east-1", KEY_ID, "another").get("a", 4)
    with pytest.raises(BucketFailure, match="ConnectionError"):
        S3Bucket("http://127.0.0.1:9/files", "us-east-1", KEY_ID, SECRET).put("a", b"")
    bucket.delete("a")
    bucket.delete("a")
    assert bucket.get("a", 4) is None

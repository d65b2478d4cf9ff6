"""A download of all one's data whose reader takes it slowly, or not at all."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest
from flask import Flask, Response

from app.db.models import Conversation, Message, db
from app.web.streaming import drop_slow_reader
from tests.support.product import Person, Product, Served, eventually

Start = Callable[..., Product]


def say_much(person: Person) -> None:
    """Store more than fits into the buffers between the app and a reader."""
    with person.product.app.app_context():
        for number in range(8):
            conversation = Conversation(user_id=person.id, title=f"Number {number}")
            db.session.add(conversation)
            db.session.flush()
            message = Message(role="user", content="much " * 200_000, position=1)
            message.conversation_id = conversation.id
            db.session.add(message)
        db.session.commit()


def begin_to_read(port: int, path: str, *headers: str) -> socket.socket:
    """Ask for something, and read only the beginning."""
    reader = socket.socket()
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    reader.connect(("127.0.0.1", port))
    lines = (f"GET {path} HTTP/1.1", "Host: 127.0.0.1", *headers)
    reader.sendall("\r\n".join([*lines, "", ""]).encode())
    assert reader.recv(12) == b"HTTP/1.1 200"
    return reader


@pytest.mark.engines
def test_downloads_that_nobody_reads_leave_the_database_to_others(start: Start) -> None:
    product = start(database_connections=1)
    alice, mallory = product.sign_up("Alice"), product.sign_up("Mallory")
    say_much(alice)
    bearer = f"Authorization: {alice.bearer['Authorization']}"
    readers = [begin_to_read(product.web.port, "/auth/download", bearer) for _ in range(4)]
    with product.app.app_context():
        pool = db.engine.pool
    eventually(lambda: pool.checkedout() == 0, seconds=5)  # type: ignore[attr-defined]
    assert mallory.api("GET", "/auth/profile").status_code == 200
    for reader in readers:
        reader.close()


def test_a_download_ends_when_its_reader_takes_too_long() -> None:
    app = Flask(__name__)
    ended: list[bool] = []

    @app.get("/")
    def everything() -> Response:
        return Response(drop_slow_reader(chunks(), 0.2))

    def chunks() -> Iterator[str]:
        try:
            while True:
                yield "much " * 200_000
        finally:
            ended.append(True)

    served = Served()
    served.begin(app)
    with begin_to_read(served.port, "/") as reader:
        eventually(lambda: ended)
        assert b"0\r\n\r\n" not in everything_left(reader)[-5:], "it would look whole"
    served.stop()


def everything_left(reader: socket.socket) -> bytes:
    left = bytearray()
    try:
        while piece := reader.recv(1_000_000):
            left += piece
    except ConnectionResetError:
        pass
    return bytes(left)

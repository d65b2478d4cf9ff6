"""Requests that no browser sends: each is answered with a sentence, none with a fault."""

from __future__ import annotations

import base64
import io
import json
import os
import random
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any
from urllib.parse import unquote_to_bytes

import jwt
import pytest
from flask import Flask
from werkzeug.exceptions import HTTPException
from werkzeug.test import create_environ

from app.auth.session_tokens import begin_session
from app.db.models import Approval, ToolCall, db, utc_now
from scripts.write_openapi import build_document, path_of
from tests.support.engines import Engines
from tests.support.product import Person, Product

REQUESTS = int(os.environ.get("FUZZ_REQUESTS", "10000"))
"""`make fuzz` sends more."""
MANY = "1000000 per minute"
SEED = 20_261_126
METHODS = (
    "GET",
    "GET",
    "POST",
    "POST",
    "POST",
    "HEAD",
    "OPTIONS",
    "PUT",
    "DELETE",
    "PATCH",
    "TRACE",
)
DEEP = "[" * 100_000
ODD_TEXTS = (
    *(
        "",
        " ",
        "\0",
        "a\0b",
        "\n",
        "a\r\nb",
        "\N{REPLACEMENT CHARACTER}",
        "é",
        "²",
        "👋",
        "\u202e",
        "\x7f",
    ),
    *(
        "x" * 300,
        "9" * 5_000,
        "-1",
        "1e9",
        "null",
        "true",
        "[]",
        "{}",
        "..",
        "/",
        "//",
        "\\",
        "%",
        "%00",
    ),
    *("http://[", "//[", "http://[::1", "javascript:x", "' OR 1=1 --", "<b>", "{{7*7}}", "0" * 32),
)
# As bytes that are no UTF-8, among them half of a character (a lone surrogate).
ODD_BYTES = (b"\xed\xa0\x80", b"\xff\xfe", b"\xc3", b"\x80", b"%ED%A0%80", b"%C3", b"%", b"%zz")
ODD = (*(text.encode() for text in ODD_TEXTS), *ODD_BYTES)
ODD_JSON = (
    *("", "{", "[]", "null", "5", '"x"', "NaN", DEEP, '{"a":' * 5_000, '"\\ud800"', "{}"),
    *("\0", "\ufeff{}"),
)
ODD_VALUES = (
    *("null", "5", "true", "NaN", "1e999", "[]", '["x"]', "{}", '{"x": 1}', "9" * 5_000),
    *('"\\ud800"', '"\\u0000"', '""', '" "', '"x"'),
)
"""Values of fields, as JSON."""
TYPES = (
    *(
        "application/json",
        "application/json; charset=utf-16",
        "text/plain",
        "multipart/form-data",
        "",
    ),
    *("application/x-www-form-urlencoded", "multipart/form-data; boundary=b", "application/json;"),
    *("application/x-www-form-urlencoded; charset=utf-7", "é/x", "application/vnd.x+json"),
)
DEEP_TOKEN = base64.urlsafe_b64encode(b'{"a":' + b"[" * 5_000).decode().rstrip("=")
HEADERS: dict[str, tuple[str, ...]] = {
    "Accept": ("application/json", "text/html", "*/*", "x", "text/html;q=x", "é"),
    "Authorization": (
        "Bearer",
        "Bearer x",
        "Bearer a.b.c",
        f"Bearer {DEEP_TOKEN}.a.b",
        "Basic eDp5",
    ),
    "Content-Length": ("-1", "x", "99999999999", "1"),
    "Content-Type": TYPES,
    "Cookie": (
        *(
            "access_token_cookie=x",
            "session=x",
            'session="',
            "=",
            ";;",
            "a=\xed\xa0\x80",
            "a" * 4_000,
        ),
        *(f"access_token_cookie={DEEP_TOKEN}.a.b", "refresh_token_cookie=\x80"),
    ),
    "Host": ("[", "a b", "localhost:99999", "é", "x" * 300, "evil.example", "127.0.0.1:x", ""),
    "HX-Current-URL": ODD_TEXTS,
    "HX-Request": ("true", "false"),
    "If-Modified-Since": ("x", "Thu, 99 Foo 2020"),
    "If-None-Match": ("*", '"', "x"),
    "Origin": ("http://[", "null", "é", "http://localhost", "http://localhost:x", ""),
    "Range": ("bytes=0-", "bytes=x", "x"),
    "Referer": ODD_TEXTS,
    "Sec-Fetch-Site": ("same-origin", "x", "cross-site"),
    "X-Forwarded-For": ("x", "é", "1.2.3.4, 5"),
    "X-HTTP-Method-Override": ("DELETE",),
}
NAMED_VALUES = tuple(HEADERS.items())
Environ = dict[str, Any]
PLAIN: Environ = create_environ()


@dataclass(frozen=True)
class Session:
    """A signed-in person's access token and CSRF value."""

    token: str
    csrf: str


NOBODY = Session("", "")


LITERAL = str.maketrans("", "", "^\\")
"""Takes what makes a pattern of a name's beginning out of it."""


class Operation:
    """One method of a path, as the document describes it."""

    def __init__(self, path: str, method: str, described: dict[str, Any]) -> None:
        self.path = path
        self.method = method
        self.responses = described["responses"]
        parameters = [parameter for parameter in described["parameters"] if "in" in parameter]
        self.query = named(parameters, "query")
        self.headers = named(parameters, "header")
        content = described.get("requestBody", {"content": {}})["content"]
        self.fields: dict[str, Any] = {}
        for body in content.values():
            self.fields |= body["schema"]["properties"]
            for start in body["schema"].get("patternProperties", {}):
                self.fields[start.translate(LITERAL) + "x"] = {}


def shown(environ: Environ) -> dict[str, str]:
    return {name: str(value)[:200] for name, value in environ.items() if name.isupper()}


def named(parameters: list[dict[str, Any]], place: str) -> dict[str, Any]:
    return {each["name"]: each["schema"] for each in parameters if each["in"] == place}


def operations_of(document: dict[str, Any]) -> list[Operation]:
    return [
        Operation(path, method.upper(), described)
        for path, methods in document["paths"].items()
        for method, described in methods.items()
    ]


class Requests:
    """Requests drawn at random, as a WSGI server hands them on; `ids` are those of real things."""

    def __init__(self, operations: list[Operation], ids: list[str]) -> None:
        self._dice = random.Random(SEED)  # noqa: S311 - the same requests each time
        self._operations = operations
        self._ids = ids

    def draw(self, session: Session) -> Environ:
        operation = self._of(self._operations)
        path, _, query = self._path(operation).partition("?")
        body, kind = self._body(operation, session)
        environ = PLAIN | {
            "REQUEST_METHOD": operation.method if self._dice.random() < 0.6 else self._of(METHODS),
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query or self._query(operation),
            "CONTENT_TYPE": kind,
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body),
        }
        if session.token and self._dice.random() < 0.5:
            environ["HTTP_COOKIE"] = f"access_token_cookie={session.token}"
            environ["HTTP_X_CSRF_TOKEN"] = session.csrf
        elif session.token:
            environ["HTTP_AUTHORIZATION"] = f"Bearer {session.token}"
        for name, values in self._headers(operation):
            key = name.upper().replace("-", "_")
            key = key if key.startswith("CONTENT_") else f"HTTP_{key}"
            environ[key] = as_header(self._of(values))
        return environ

    def _of(self, choices: Any) -> Any:
        return self._dice.choice(choices)

    def _odd(self) -> bytes:
        return bytes(self._of(ODD))

    def _headers(self, operation: Operation) -> list[tuple[str, Any]]:
        own = [(name, ODD_TEXTS) for name in operation.headers if self._dice.random() < 0.5]
        return own + self._dice.choices(NAMED_VALUES, k=self._of((0, 0, 1, 1, 2)))

    def _path(self, operation: Operation) -> str:
        path = re.sub(r"{[^}]+}", lambda _: self._id(), operation.path)
        ends = ("", "/", "//", "%00", "%ED%A0%80", "/../x", "%0A")
        return path + (str(self._of(ends)) if self._dice.random() < 0.25 else "")

    def _id(self) -> str:
        if self._dice.random() < 0.6:
            return str(self._of(self._ids))
        return str(self._of((self._odd().decode("latin-1"), "0", "9" * 5_000)))

    def _value(self, schema: dict[str, Any]) -> bytes:
        """A value that fits the schema or names a real thing, or an odd one."""
        if self._dice.random() < 0.7:
            return self._odd()
        fitting = schema.get("enum") or (["5"] if schema.get("type") == "integer" else self._ids)
        return str(self._of(fitting)).encode()

    def _query(self, operation: Operation) -> str:
        if self._dice.random() < 0.3:
            return ""
        values = ((name, self._value(schema)) for name, schema in operation.query.items())
        query = "&".join(f"{name}={value.decode('latin-1')}" for name, value in values)
        # No server hands these on as they are.
        return re.sub(r"[\0\r\n]", lambda found: f"%{ord(found[0]):02X}", query)

    def _body(self, operation: Operation, session: Session) -> tuple[bytes, str]:
        shape = self._dice.random()
        if shape < 0.1:
            return b"", ""
        if shape < 0.2:
            return self._of(ODD_JSON).encode("utf-8", "surrogatepass"), "application/json"
        fields = {
            name: self._value(schema)
            for name, schema in operation.fields.items()
            if self._dice.random() < 0.8
        }
        if shape < 0.5:
            pairs = (f'"{name}": {self._json(value)}' for name, value in fields.items())
            return f"{{{', '.join(pairs)}}}".encode(), "application/json"
        if self._dice.random() < 0.8:
            fields["csrf_token"] = session.csrf.encode()
        if "files" in operation.fields and self._dice.random() < 0.4:
            return self._parts(fields)
        body = b"&".join(name.encode() + b"=" + value for name, value in fields.items())
        return body, "application/x-www-form-urlencoded"

    def _parts(self, fields: dict[str, bytes]) -> tuple[bytes, str]:
        """A form in parts, one of which may be a file."""
        ends = {"files": b'; filename="a.png"\r\nContent-Type: image/png'}
        parts = (
            b'--x\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'
            % (name.encode(), ends.get(name, b""), value)
            for name, value in fields.items()
        )
        return b"".join(parts) + b"--x--\r\n", "multipart/form-data; boundary=x"

    def _json(self, value: bytes) -> str:
        if self._dice.random() < 0.4:
            return str(self._of(ODD_VALUES))
        return json.dumps(value.decode("utf-8", "replace"))


def as_header(value: str) -> str:
    """The value as a server hands it on: bytes as Latin-1, no line breaks."""
    return re.sub(r"[\r\n\0]", " ", value.encode("utf-8", "surrogatepass").decode("latin-1"))


@dataclass(frozen=True)
class Answer:
    """An answer's status, kind of body and, unless it is a stream, body."""

    status: int
    kind: str
    body: str


def answered(app: Flask, environ: Environ) -> Answer:
    """Send the request as a server does, but without a greenlet of its own for each."""
    begun: list[Any] = []

    def begin(*line_and_headers: Any) -> Any:
        begun.extend(line_and_headers)

    body = Flask.wsgi_app(app, environ, begin)
    status, headers = int(begun[0][:3]), dict(begun[1])
    try:
        is_stream = status < 400 and "Content-Length" not in headers
        kind = headers.get("Content-Type", "").partition(";")[0]
        return Answer(status, kind, "" if is_stream else b"".join(body).decode())
    finally:
        if hasattr(body, "close"):
            body.close()


def sent(method: str, path: str, body: str = "", **headers: str) -> Environ:
    """A request as a WSGI server hands it on; JSON where it has a body."""
    kind = "application/json" if body else None
    environ = create_environ(path, method=method, data=body, content_type=kind)
    return environ | {f"HTTP_{name.upper()}": value for name, value in headers.items()}


TOO_LARGE = {"CONTENT_TYPE": "application/x-www-form-urlencoded", "CONTENT_LENGTH": "9" * 12}


@pytest.mark.shares_product
@pytest.mark.parametrize(
    "request_",
    [
        sent("OPTIONS", "/"),
        sent("POST", "/auth/login", origin="http://["),
        sent("POST", "/auth/login", DEEP),
        sent("POST", "/auth/login", '{"email": "\\ud800", "password": "x"}'),
        sent("POST", "/auth/login", '{"email": "a\\u0000@example.com", "password": "x"}'),
        sent("GET", "/", hx_request="true", hx_current_url="http://["),
        sent("GET", "/nothing", host="x" * 300, accept="text/html"),
        sent("GET", "/auth/login") | {"QUERY_STRING": "next=\x80"},
        sent("POST", "/conversations", accept="text/html") | TOO_LARGE,
        sent("POST", "/auth/second-factor/options", accept="text/html") | TOO_LARGE,
    ],
    ids=lambda environ: f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}",
)
def test_what_once_was_a_fault_is_refused_with_a_sentence(
    product: Product, caplog: pytest.LogCaptureFixture, request_: Environ
) -> None:
    answer = answered(product.app, request_)
    assert 300 < answer.status < 500
    assert answer.body or answer.status in (303, 401)
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []


def new_session(product: Product, person: Person) -> Session:
    with product.app.test_request_context():
        token = begin_session(person.id).access
    return Session(token, jwt.decode(token, options={"verify_signature": False})["csrf"])


def things_of(product: Product, person: Person) -> list[str]:
    """The ids of a conversation, its run and answer, a tool call with something to show, and an
    approval."""
    asked = person.ask("Hello").until("done")
    run, answer_id = asked[0].json, asked[-1].json["messageId"]
    part = {"kind": "html", "text": "<p>One</p>", "name": ""}
    call = ToolCall(
        id="call_1", run_id=run["runId"], step_number=1, position=1, name="find", arguments="{}"
    )
    call.display = [part, part | {"kind": "csv"}]
    approval = Approval(
        run_id=run["runId"],
        call_id="call_2",
        tool="send",
        arguments={"to": "x"},
        expires_at=utc_now() + timedelta(hours=1),
    )
    with product.app.app_context():
        db.session.add_all([call, approval])
        db.session.commit()
        return [run["conversationId"], run["runId"], answer_id, call.id, approval.id, "0" * 32]


class Described:
    """The document's word on which answers there are."""

    def __init__(self, app: Flask, document: dict[str, Any]) -> None:
        self._rules = app.url_map.bind("localhost")
        self._operations = {(each.method, each.path): each for each in operations_of(document)}
        self._errors = document["components"]["responses"]

    def misses(self, environ: Environ, answer: Answer) -> str:
        """Return the operation, status and kind of an answer that isn't described, or ""."""
        method = environ["REQUEST_METHOD"].replace("HEAD", "GET")
        if method not in ("DELETE", "GET", "PATCH", "POST"):
            return ""
        operation = self._operation(method, environ["PATH_INFO"])
        if operation is None or self._describes(operation, answer):
            return ""
        return f"{method} {operation.path}: {answer.status} {answer.kind}"

    @cache  # noqa: B019 - as long as the test
    def _operation(self, method: str, path: str) -> Operation | None:
        path = path.encode("latin-1").decode("utf-8", "replace")
        try:
            rule, _ = self._rules.match(path, method, return_rule=True)
        except HTTPException:
            return None
        return self._operations.get((method, path_of(rule)))

    def _describes(self, operation: Operation, answer: Answer) -> bool:
        status = str(answer.status)
        if status not in operation.responses:
            return False
        response = operation.responses[status]
        content = (self._errors[status] if "$ref" in response else response).get("content", {})
        is_empty = not answer.body or answer.status // 100 == 3
        return is_empty or not content.keys().isdisjoint({answer.kind, "*/*"})


@pytest.mark.engines
def test_no_request_is_answered_with_a_fault(
    start: Callable[..., Product], caplog: pytest.LogCaptureFixture, engines: Engines | None
) -> None:
    product = start(
        sign_in_limit=MANY,
        account_limit=MANY,
        sign_up_limit=MANY,
        question_limit=MANY,
        max_runs_per_user=3,
    )
    alice = product.sign_up("Alice")
    document = build_document(product.app)
    described = Described(product.app, document)
    requests = Requests(operations_of(document), things_of(product, alice))
    seen: dict[bool, Counter[int]] = {True: Counter(), False: Counter()}
    undescribed: set[str] = set()
    session = NOBODY
    # What differs on other engines is the SQL, and the first requests send that.
    for number in range(REQUESTS // (5 if engines else 1)):
        if number % 50 == 0:
            # Half of them are signed in. Some of those sign out.
            session = NOBODY if number % 100 else new_session(product, alice)
        environ = requests.draw(session)
        answer = answered(product.app, environ)
        seen[session != NOBODY][answer.status] += 1
        allowed = answer.status < 500 or (answer.status == 503 and "again" in answer.body)
        assert allowed, (answer.status, shown(environ), answer.body[:500])
        undescribed.add(described.misses(environ, answer))
    assert sorted(undescribed - {""}) == []
    for signed_in, statuses in seen.items():
        print("\nsigned in:" if signed_in else "\nsigned out:", dict(sorted(statuses.items())))
        assert {200, 303, 400, 403, 404, 405, 413, 422} <= statuses.keys()
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []

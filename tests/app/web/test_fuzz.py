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
from typing import Any
from urllib.parse import unquote_to_bytes

import jwt
import pytest
from werkzeug.routing import Rule
from werkzeug.test import create_environ, run_wsgi_app

from app.auth.sessions import begin_session
from app.db.models import Approval, ToolCall, db, utc_now
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
    *("", "{", "[]", "null", "5", '"x"', "NaN", '{"a": NaN}', DEEP, '{"a":' * 5_000, '"\\ud800"'),
    *(
        '{"userMessage": "\\ud800"}',
        '{"email": "\\ud800", "password": "\\udc00"}',
        "{}",
        "\0",
        "\ufeff{}",
    ),
    *(
        '{"userMessage": ["x"]}',
        '{"userMessage": {}, "conversationId": []}',
        '{"userMessage": 1e999}',
    ),
    *(
        '{"userMessage": "x", "conversationId": "\\u0000"}',
        '{"userMessage": "x", "conversationId": ""}',
    ),
    *('{"decision": 5}', '{"decision": ["approve"]}', '{"decision": "approve", "arguments": 5}'),
)
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
    "Idempotency-Key": (*ODD_TEXTS, "\xed\xa0\x80"),
    "If-Modified-Since": ("x", "Thu, 99 Foo 2020"),
    "If-None-Match": ("*", '"', "x"),
    "Last-Event-ID": (*ODD_TEXTS, "²", "5"),
    "Origin": ("http://[", "null", "é", "http://localhost", "http://localhost:x", ""),
    "Range": ("bytes=0-", "bytes=x", "x"),
    "Referer": ODD_TEXTS,
    "Sec-Fetch-Site": ("same-origin", "x", "cross-site"),
    "X-CSRF-TOKEN": ODD_TEXTS,
    "X-Forwarded-For": ("x", "é", "1.2.3.4, 5"),
    "X-HTTP-Method-Override": ("DELETE",),
}
FIELDS = (
    *("message", "key", "csrf_token", "email", "password", "name", "next", "decision", "reason"),
    *("grant_type", "subject_token", "audience", "digest", "argument.x", "before", "limit"),
    *("conversationId", "after", "userMessage"),
)


Environ = dict[str, Any]
PLAIN: Environ = create_environ()


@dataclass(frozen=True)
class Session:
    """A signed-in person's access token and CSRF value."""

    token: str
    csrf: str


NOBODY = Session("", "")


class Requests:
    """Requests drawn at random, as a WSGI server hands them on; `ids` are those of real things."""

    def __init__(self, rules: list[Rule], ids: list[str]) -> None:
        self._dice = random.Random(SEED)  # noqa: S311 - the same requests each time
        self._rules = rules
        self._ids = ids

    def draw(self, session: Session) -> Environ:
        path, _, query = self._path().partition("?")
        body, kind = self._body(session)
        environ = PLAIN | {
            "REQUEST_METHOD": self._of(METHODS),
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query or self._query(),
            "CONTENT_TYPE": kind,
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body),
        }
        if session.token and self._dice.random() < 0.5:
            environ["HTTP_COOKIE"] = f"access_token_cookie={session.token}"
            environ["HTTP_X_CSRF_TOKEN"] = session.csrf
        elif session.token:
            environ["HTTP_AUTHORIZATION"] = f"Bearer {session.token}"
        for name in self._dice.sample([*HEADERS], self._of((0, 0, 1, 1, 2))):
            key = name.upper().replace("-", "_")
            key = key if key.startswith("CONTENT_") else f"HTTP_{key}"
            environ[key] = as_header(self._of(HEADERS[name]))
        return environ

    def _of(self, choices: Any) -> Any:
        return self._dice.choice(choices)

    def _odd(self) -> bytes:
        return bytes(self._of(ODD))

    def _path(self) -> str:
        rule = self._of(self._rules).rule
        path = re.sub(r"<[^>]+>", lambda _: self._id(), rule)
        return path + str(
            self._of(("", "", "", "", "", "/", "//", "%00", "%ED%A0%80", "/../x", "%0A"))
        )

    def _id(self) -> str:
        if self._dice.random() < 0.6:
            return str(self._of(self._ids))
        return str(self._of((self._odd().decode("latin-1"), "0", "9" * 5_000)))

    def _query(self) -> str:
        if self._dice.random() < 0.6:
            return ""
        fields = (f"{self._of(FIELDS)}={self._odd().decode('latin-1')}" for _ in range(2))
        return "&".join(fields)

    def _body(self, session: Session) -> tuple[bytes, str]:
        shape = self._dice.random()
        if shape < 0.2:
            return b"", ""
        if shape < 0.4:
            return self._of(ODD_JSON).encode("utf-8", "surrogatepass"), "application/json"
        if shape < 0.5:
            known = {name: self._of(ODD_TEXTS) for name in self._dice.sample(FIELDS, 3)}
            return json.dumps(known).encode(), "application/json"
        fields = [f"{self._of(FIELDS)}=".encode() + self._odd() for _ in range(3)]
        if self._dice.random() < 0.8:
            fields.append(f"csrf_token={session.csrf}".encode())
        return b"&".join(fields), "application/x-www-form-urlencoded"


def as_header(value: str) -> str:
    """The value as a server hands it on: bytes as Latin-1, no line breaks."""
    return re.sub(r"[\r\n\0]", " ", value.encode("utf-8", "surrogatepass").decode("latin-1"))


def answered(app: Any, environ: Environ) -> tuple[int, str]:
    """The answer's status and, unless it is a stream, its body."""
    body, status, headers = run_wsgi_app(app, environ, buffered=False)
    try:
        if int(status[:3]) < 400 and "Content-Length" not in headers:
            return int(status[:3]), ""
        return int(status[:3]), b"".join(body).decode()
    finally:
        if hasattr(body, "close"):
            body.close()


def sent(method: str, path: str, body: str = "", **headers: str) -> Environ:
    """A request as a WSGI server hands it on; JSON where it has a body."""
    kind = "application/json" if body else None
    environ = create_environ(path, method=method, data=body, content_type=kind)
    return environ | {f"HTTP_{name.upper()}": value for name, value in headers.items()}


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
        sent("POST", "/conversations", accept="text/html")
        | {"CONTENT_TYPE": "application/x-www-form-urlencoded", "CONTENT_LENGTH": "9" * 12},
    ],
    ids=lambda environ: f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}",
)
def test_what_once_was_a_fault_is_refused_with_a_sentence(
    product: Product, caplog: pytest.LogCaptureFixture, request_: Environ
) -> None:
    status, body = answered(product.app, request_)
    assert 300 < status < 500
    assert body or status in (303, 401)
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []


def new_session(product: Product, person: Person) -> Session:
    with product.app.test_request_context():
        token = begin_session(person.id).access
    return Session(token, jwt.decode(token, options={"verify_signature": False})["csrf"])


def things_of(product: Product, person: Person) -> list[str]:
    """The ids of a conversation, its run, a tool call with something to show, and an approval."""
    run = person.ask("Hello").until("done")[0].json
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
        return [run["conversationId"], run["runId"], call.id, approval.id, "0" * 32]


@pytest.mark.engines
@pytest.mark.parametrize("signed_in", [True, False])
def test_no_request_is_answered_with_a_fault(
    start: Callable[..., Product], caplog: pytest.LogCaptureFixture, signed_in: bool
) -> None:
    product = start(
        sign_in_limit=MANY,
        account_limit=MANY,
        sign_up_limit=MANY,
        question_limit=MANY,
        max_runs_per_user=3,
    )
    alice = product.sign_up("Alice")
    rules = list(product.app.url_map.iter_rules())
    requests = Requests(rules, things_of(product, alice))
    seen: Counter[int] = Counter()
    session = NOBODY
    for number in range(REQUESTS // 2):
        if signed_in and number % 50 == 0:
            # Some of the requests sign out.
            session = new_session(product, alice)
        environ = requests.draw(session)
        status, body = answered(product.app, environ)
        seen[status] += 1
        shown = {name: str(value)[:200] for name, value in environ.items() if name.isupper()}
        assert status < 500 or (status == 503 and "again" in body), (status, shown, body[:500])
    print("\nsigned in:" if signed_in else "\nsigned out:", dict(sorted(seen.items())))
    assert {200, 303, 400, 403, 404, 405, 413, 422} <= seen.keys()
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []

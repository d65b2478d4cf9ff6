"""The app and its tool services on loopback, in this process: most tests talk to them over HTTP."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import argon2
import jwt
import redis
import requests
from flask import Flask
from gevent import sleep, socket
from gevent.pywsgi import WSGIServer

from app import create_app
from app.auth import passwords
from app.auth.key_files import ensure_secrets
from app.config import Settings
from app.db.models import db
from app.lifecycle import Services
from scripts.ports import free_port
from tests.support.notes import app as notes
from tests.support.seeded_databases import copy_databases
from tests.support.shared_by_apps import TEMPLATES, share_compiled

QUICK_HASHER = argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
PASSWORD = "correct horse battery"


share_compiled()


class Served:
    """One WSGI app on a loopback port that was chosen before the app was made."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._server: WSGIServer | None = None
        self.reopen()

    def reopen(self) -> None:
        """Take the port, again after a stop."""
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # As gunicorn does. Else a body waits 40 ms behind its head on each connection kept alive.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.bind(("127.0.0.1", self.port))

    def begin(self, app: Flask) -> None:
        self._socket.listen(256)
        # Its name is given, since looking it up takes longer than most requests.
        names = {"SERVER_NAME": "127.0.0.1"}
        self._server = WSGIServer(self._socket, app, log=None, environ=names)
        self._server.start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop(timeout=1)
        self._socket.close()


ServiceFactory = Callable[[dict[str, Any]], Flask]
"""Creates a tool service from the settings that it shares with others: URLs and the folder."""


def notes_service(name: str = "notes") -> ServiceFactory:
    """Return the factory of a notes service that is called `name`."""

    def create(settings: dict[str, Any]) -> Flask:
        own = settings | {"notes_url": settings[f"{name}_url"]}
        return notes.create_app(notes.NotesSettings.model_validate(own))

    return create


NOTES = {"notes": notes_service()}


class Product:
    """The app and tool services, wired as `make run` wires them; the model is the test's.

    `services` are the factories of those to start, by name. There are none if the settings name
    tool services of the test's own.
    """

    def __init__(
        self,
        folder: Path,
        model_url: str,
        settings: dict[str, Any],
        services: Mapping[str, ServiceFactory] = NOTES,
    ) -> None:
        self.folder = folder
        self.opened: list[requests.Session | requests.Response] = []
        self._apps: list[Flask] = []
        self.web = Served()
        self.url = self.web.url
        own = {} if "tool_services" in settings else services
        self.tool_services = {name: Served() for name in own}
        ensure_secrets(folder)
        copy_databases(folder)
        values: dict[str, Any] = {
            "instance_dir": folder,
            "web_port": self.web.port,
            "openai_base_url": model_url,
            "model": "scripted",
            # Each would be one more request, of which most tests count theirs.
            "model_titles": False,
            "tool_services": {name: served.url for name, served in self.tool_services.items()},
            "service_check_interval": 0.2,
            # Most tests wait for a whole answer, and this is what it takes longest.
            "flush_interval": 0.01,
            # Those servers are on loopback, too.
            "mcp_allow_private": frozenset(settings.get("mcp_servers", {})),
        } | settings
        self.settings = Settings(_env_file=None, **values)
        for name, create in own.items():
            self.tool_services[name].begin(create(self._service_settings()))
        self.app = self.start_web()

    def _service_settings(self) -> dict[str, Any]:
        return {
            "app_url": self.url,
            "instance_dir": self.folder,
            "tool_timeout": self.settings.tool_timeout,
            **{f"{name}_url": served.url for name, served in self.tool_services.items()},
        }

    def start_web(self, *, tools_listed: bool = True) -> Flask:
        app = create_app(self.settings)
        self._apps.append(app)
        # As strong as they are, the real ones would take most of the tests' time.
        passwords.init_app(app, QUICK_HASHER)
        app.jinja_env.bytecode_cache = TEMPLATES
        self.services: Services = app.extensions["services"]
        # The services fetch the keys of whoever asks for their tools.
        self.web.begin(app)
        if tools_listed:
            self.services.registry.refresh()
        self.services.start()
        return app

    def forget_logs(self) -> None:
        """As when all event logs have expired."""
        self.services.stop()
        if self.settings.redis_url:
            with redis.Redis.from_url(self.settings.redis_url) as client:
                client.flushdb()
        self.restart_web()

    def restart_web(self, *, tools_listed: bool = True) -> None:
        """End this process of the app, if it still runs, and start another in its place. It has
        its tools at once, or asks the services for them as a real one does."""
        self.services.stop()
        self.web.stop()
        self._close_connections()
        self.web.reopen()
        self.app = self.start_web(tools_listed=tools_listed)

    def stop(self) -> None:
        self.services.stop()
        for resource in self.opened:
            resource.close()
        for served in (self.web, *self.tool_services.values()):
            served.stop()
        self._close_connections()

    def _close_connections(self) -> None:
        """Close those of all apps, once no greenlet that is just ending uses one: it would put it
        back into a pool that is gone, and leave it open."""
        for app in self._apps:
            with app.app_context():
                pool: Any = db.engine.pool
                for _ in range(200):
                    if not pool.checkedout():
                        break
                    sleep(0.01)
                db.engine.dispose()

    def become_idle(self) -> None:
        """Close what tests have left open, and wait until no answer is written any more."""
        while self.opened:
            self.opened.pop().close()
        eventually(lambda: not self.services.producer.active)

    def sign_up(self, name: str, email: str = "") -> Person:
        """A new person, whose one session is both a browser's (cookies) and an API client's."""
        email = email or f"{name.lower()}@example.com"
        fields = {"name": name, "email": email, "password": PASSWORD}
        answer = request("POST", f"{self.url}/auth/signup", json=fields)
        assert answer.status_code == 201, answer.text
        browser = new_session()
        self.opened.append(browser)
        for kind in ("access", "refresh"):
            token = answer.json()[f"{kind}_token"]
            browser.cookies.set(f"{kind}_token_cookie", token, domain="127.0.0.1", path="/")
        return Person(self, answer.json()["user"]["id"], email, answer.json(), browser)


def new_session() -> requests.Session:
    """Return a session that doesn't ask the environment for proxies, which takes it longer than
    to send a request. All that tests talk to is on loopback."""
    session = requests.Session()
    session.trust_env = False
    return session


def request(method: str, url: str, **options: Any) -> requests.Response:
    """Send one request on a connection of its own."""
    with new_session() as session:
        return session.request(method, url, **options)


def form(product: Product, path: str, **fields: str) -> requests.Response:
    """Send a form without being signed in; redirects are not followed."""
    return request("POST", product.url + path, data=fields, allow_redirects=False)


@dataclass
class Person:
    """Somebody with an account. `browser` carries cookies; `api` a Bearer token."""

    product: Product
    id: str
    email: str
    tokens: dict[str, Any]
    browser: requests.Session

    def __post_init__(self) -> None:
        self.bearer = {"Authorization": f"Bearer {self.tokens['access_token']}"}

    def get(self, path: str, **options: Any) -> requests.Response:
        response = self.browser.get(self.product.url + path, **options)
        self.product.opened.append(response)
        return response

    def post(self, path: str, *, htmx: bool = False, **fields: str) -> requests.Response:
        """Send a form as the page would, with its CSRF field; redirects are not followed."""
        answer = self.browser.post(
            self.product.url + path,
            data={"csrf_token": self.csrf_token} | fields,
            headers={"HX-Request": "true"} if htmx else {},
            allow_redirects=False,
        )
        if renewed := answer.cookies.get("access_token_cookie"):
            self.bearer = {"Authorization": f"Bearer {renewed}"}
        return answer

    @property
    def csrf_token(self) -> str:
        """What each form of a page has, which is read from the session's token: to load a page for
        it would double the CPU of most requests."""
        cookies = {cookie.name: cookie.value or "" for cookie in self.browser.cookies}
        claims = jwt.decode(cookies["access_token_cookie"], options={"verify_signature": False})
        return str(claims["csrf"])

    def api(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = self.bearer | options.pop("headers", {})
        response = request(method, self.product.url + path, headers=headers, **options)
        self.product.opened.append(response)
        return response

    def ask(self, question: str, conversation_id: str | None = None) -> Stream:
        """Ask over the API and follow the answer's events."""
        body = {"userMessage": question, "conversationId": conversation_id}
        return Stream(self.api("POST", "/agents/chat-stream", json=body, stream=True))

    def resume(self, run_id: str, last_event_id: int | None = None) -> Stream:
        headers = {} if last_event_id is None else {"Last-Event-ID": str(last_event_id)}
        path = f"/agents/chat-stream/{run_id}"
        return Stream(self.api("GET", path, headers=headers, stream=True))

    def watch(self, run_id: str) -> Stream:
        """The fragments as htmx gets them."""
        return Stream(self.get(f"/runs/{run_id}/events", stream=True))


@dataclass
class Message:
    """One Server-Sent Event as a browser would take it."""

    event: str = "message"
    id: int | None = None
    lines: list[str] = field(default_factory=list)

    @property
    def data(self) -> str:
        return "\n".join(self.lines)

    @property
    def json(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.data)
        return value


class Stream:
    """An open event stream, read message by message."""

    def __init__(self, response: requests.Response) -> None:
        self.response = response
        self.retry: int | None = None
        self._messages = self._parse()

    def __iter__(self) -> Iterator[Message]:
        return self._messages

    def until(self, event: str) -> list[Message]:
        """Messages up to the first of that name, which is the last of them."""
        taken = []
        for message in self._messages:
            taken.append(message)
            if message.event == event:
                return taken
        raise AssertionError(f"the stream ended without {event!r}: {taken}")

    def all(self) -> list[Message]:
        return list(self._messages)

    def close(self) -> None:
        self.response.close()

    def _lines(self) -> Iterator[str]:
        rest = b""
        for piece in self.response.iter_content(chunk_size=None):
            *lines, rest = (rest + piece).split(b"\n")
            yield from (line.decode() for line in lines)

    def _parse(self) -> Iterator[Message]:
        message = Message()
        for line in self._lines():
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if not line:
                if message.lines:
                    yield message
                message = Message()
            elif name == "event":
                message.event = value
            elif name == "id":
                message.id = int(value)
            elif name == "data":
                message.lines.append(value)
            elif name == "retry":
                self.retry = int(value)


def text_of(messages: list[Message]) -> str:
    """The answer's text, as an API client puts it together."""
    text = ""
    for message in messages:
        if message.event == "content":
            chunk = message.json["chunk"]
            text = chunk if message.json.get("replace") else text + chunk
    return text


def eventually(check: Callable[[], Any], seconds: float = 60) -> Any:
    """What `check` gives once it is true; a passing test never needs all of `seconds`."""
    limit = time.monotonic() + seconds
    while not (value := check()):
        assert time.monotonic() < limit, "it never came true"
        sleep(0.01)
    return value

"""An OpenAI-compatible endpoint, and the one way in which this program uses the openai client.

The client keeps the base URL and the key, builds requests, follows proxies and redirects, and
reads failures. Requests go through `client.post` with a body that is JSON already, and responses
are read from `response.stream`. Of CPU for one request with five tools that takes 0.53 ms;
`chat.completions.with_streaming_response.create`, which checks each message and each tool against
its types, takes 3.2 ms, and `chat.completions.create` 3.4 ms and 20 µs more for every token. What
carries the bytes is a transport of our own (http_transport.py).
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import closing, suppress
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import cast

import httpx2
import msgspec
import openai

from app.errors import ModelError, ModelRefused
from app.json_input import parse_json
from app.llm import endpoint_errors
from app.llm.http_transport import CONNECT_SECONDS, GeventTransport

_LONGEST_ERROR = 65_536  # bytes that are read of a response that is no answer


class Endpoint:
    """An endpoint and the key for it."""

    def __init__(self, base_url: str, api_key: str = "") -> None:
        self._key = api_key
        self._client = openai.OpenAI(
            base_url=base_url,
            # Many local endpoints need no key, but the client insists on a value.
            api_key=api_key or "none",
            max_retries=0,
            # Where the environment names a proxy, the client uses its own transport for it.
            http_client=openai.DefaultHttpxClient(
                mounts={"all://": GeventTransport(_trusted())},
                verify=_trusted(),
                # Cookies would tie the questions of different people together.
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
                event_hooks={"response": [_check_response]},
            ),
        )

    def post(self, path: str, body: object, silence: float) -> httpx2.SyncByteStream:
        """Send a request and return its response's body, unread, once the headers are there.

        `silence` in seconds bounds each wait for more of the body. Raises ModelError; reading the
        body raises httpx2.RequestError, and its reader has to close it.
        """
        try:
            response = self._client.post(
                path,
                cast_to=httpx2.Response,
                content=msgspec.json.encode(body),
                options={
                    "timeout": openai.Timeout(silence, connect=CONNECT_SECONDS),
                    "headers": {"Accept-Encoding": "identity"},
                },
                stream=True,  # leaves the body unread
            )
        except openai.APIStatusError as error:
            raise self.without_key(endpoint_errors.from_status(error)) from error
        except openai.APIConnectionError as error:
            raise endpoint_errors.from_transport(error) from error
        if (said := _unstreamed_text(response)) is not None:
            raise self.without_key(_no_stream(said))
        return _body(response)

    def without_key(self, error: ModelError) -> ModelError:
        """Take the key out of what the endpoint said, since it goes to a log."""
        if len(self._key) > 7:
            error.detail = error.detail.replace(self._key, "***")
        return error


def _check_response(response: httpx2.Response) -> None:
    """Refuse a compressed response, which can grow to any size, and bound the body of a failure."""
    if response.headers.get("content-encoding", "identity") != "identity":
        raise httpx2.DecodingError(f"content-encoding: {response.headers['content-encoding']}")
    if not response.is_success:
        response.stream = _Beginning(_body(response))


def _body(response: httpx2.Response) -> httpx2.SyncByteStream:
    return cast(httpx2.SyncByteStream, response.stream)  # it is async for async clients alone


class _Beginning(httpx2.SyncByteStream):
    """The first bytes of a body."""

    def __init__(self, body: httpx2.SyncByteStream) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        left = _LONGEST_ERROR
        # Where it breaks off, the status and what came of it still say why.
        with suppress(httpx2.RequestError):
            for piece in self._body:
                yield piece[:left]
                left -= len(piece)
                if left <= 0:
                    return

    def close(self) -> None:
        self._body.close()


def _unstreamed_text(response: httpx2.Response) -> str | None:
    """Return the beginning of a page or of JSON; None for a response that can be a stream."""
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in ("application/json", "text/html"):
        return None
    with closing(_body(response)) as body:
        return b"".join(_Beginning(body)).decode(errors="replace")


def _no_stream(said: str) -> ModelError:
    try:
        body = parse_json(said)
    except ValueError:
        body = None
    if isinstance(body, dict) and body.get("error"):
        return endpoint_errors.from_text(said)
    return ModelRefused(
        "The endpoint didn't answer with a stream: check OPENAI_BASE_URL.",
        code="model_no_stream",
        detail=endpoint_errors.one_line(said),
    )


@cache
def _trusted() -> ssl.SSLContext:
    """Load the certificates that are trusted, once: it takes longer than the rest of an app."""
    return httpx2.create_ssl_context()

"""A bucket of S3-compatible storage. Imported only where FILES_URL is set."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import gevent
import requests
from requests_aws4auth import AWS4Auth

from app.conversations.file_storage import BucketFailure

_SECONDS = 20.0
_SILENT_SECONDS = 10.0
_READ_BYTES = 64 * 1024
_LONGEST_ANSWER = 300


class S3Bucket:
    """The objects below one URL: `<endpoint>/<bucket>/<folder>`, requested with signed headers."""

    def __init__(self, url: str, region: str, key_id: str, secret: str) -> None:
        self._url = quote(url, safe=":/[]")
        self._session = requests.Session()
        self._session.auth = AWS4Auth(key_id, secret, region, "s3")

    def put(self, name: str, content: bytes) -> None:
        with self._ask("PUT", name, content) as response:
            _check(response)

    def get(self, name: str, size: int) -> bytes | None:
        with self._ask("GET", name) as response:
            if not _is_there(response):
                return None
            content = _read(response, size)
        if len(content) != size:
            raise BucketFailure(f"the object {name} doesn't have its {size} bytes")
        return content

    def delete(self, name: str) -> None:
        with self._ask("DELETE", name) as response:
            # Amazon says that it is deleted then, too; others may say that it isn't there.
            _is_there(response)

    @contextmanager
    def _ask(
        self, method: str, name: str, content: bytes | None = None
    ) -> Iterator[requests.Response]:
        # The time-outs of a socket begin again with each byte.
        late = BucketFailure(f"it took more than {_SECONDS:g} seconds")
        try:
            with (
                gevent.Timeout(_SECONDS, late),
                self._session.request(
                    method,
                    f"{self._url}/{name}",
                    data=content,
                    # Compressed, an answer may have any size.
                    headers={"Accept-Encoding": "identity"},
                    timeout=_SILENT_SECONDS,
                    allow_redirects=False,
                    stream=True,
                ) as response,
            ):
                yield response
        except requests.RequestException as error:
            raise BucketFailure(type(error).__name__) from error


def _is_there(response: requests.Response) -> bool:
    """Whether the object is there. Raises BucketFailure for any other error, such as no bucket."""
    if response.status_code != requests.codes.not_found:
        _check(response)
        return True
    reason = _read(response, _LONGEST_ANSWER)
    if b"NoSuchKey" not in reason:
        raise _failure(response, reason)
    return False


def _check(response: requests.Response) -> None:
    if not response.ok or response.is_redirect:
        raise _failure(response, _read(response, _LONGEST_ANSWER))


def _failure(response: requests.Response, reason: bytes) -> BucketFailure:
    text = reason.decode(errors="replace")
    return BucketFailure(f"status {response.status_code}: {text!r}")


def _read(response: requests.Response, most: int) -> bytes:
    """Return the body, or its beginning, one byte longer than `most`, if it is longer."""
    body = bytearray()
    for piece in response.iter_content(_READ_BYTES):
        body += piece
        if len(body) > most:
            break
    return bytes(body[: most + 1])

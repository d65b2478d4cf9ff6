"""Texts that must not be seen anywhere: what is logged, and what others send, goes without them.

The secrets of MCP_SERVERS are in requests. The other side can repeat them in whatever it answers,
and libraries repeat URLs in their errors.
"""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import count
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import gevent

SHORTEST = 4
"""Shorter texts are no secrets, and would be found everywhere."""
LONG, LONG_WITH_DIGITS = 24, 8
HIDDEN = "***"
_SECRET_NAME = re.compile("key|token|secret|auth|pass|sig|code|cred", re.IGNORECASE)
_VALUES_IN_A_ROW = 2_000
_CODE_OF_ASCII = re.compile(rb"\\u00[2-7]", re.IGNORECASE)


class SecretTexts:
    """Some secrets, each as it is and as a URL writes it."""

    def __init__(self, texts: Iterable[str]) -> None:
        secrets = {text for text in texts if len(text) >= SHORTEST}
        written = {form for text in secrets for form in (text, quote(text, safe=""), unquote(text))}
        # A longer one may contain a shorter one.
        self._texts = sorted(written, key=len, reverse=True)
        # JSON has no other way to write these than by the code of a character.
        self._plain = all(text.isascii() and not set(text) & set('"\\/') for text in written)

    @classmethod
    def of_server(cls, url: str, token: str | None) -> SecretTexts:
        """Return the token, and whatever in the URL may be one."""
        return cls(filter(None, (token, *_in_url(url))))

    def __bool__(self) -> bool:
        return bool(self._texts)

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def may_be_in(self, document: bytes) -> bool:
        """Whether a JSON text may hold a secret, written in whatever way. Quick for most."""
        if not self._plain or _CODE_OF_ASCII.search(document):
            return bool(self._texts)
        return any(text.encode() in document for text in self._texts)

    def hide(self, text: str) -> str:
        """Return the text with each secret replaced."""
        for secret in self._texts:
            text = text.replace(secret, HIDDEN)
        return text

    def hide_in(self, value: Any) -> Any:
        """Return a JSON value with each secret replaced, in names as well."""
        return self._hide_in(value, count(1))

    def _hide_in(self, value: Any, number: Iterator[int]) -> Any:
        if next(number) % _VALUES_IN_A_ROW == 0:
            gevent.sleep(0)  # there may be hundreds of thousands
        if isinstance(value, str):
            return self.hide(value)
        if isinstance(value, list):
            return [self._hide_in(inner, number) for inner in value]
        if isinstance(value, dict):
            return {self.hide(name): self._hide_in(inner, number) for name, inner in value.items()}
        return value


def _in_url(url: str) -> Iterable[str]:
    parts = urlsplit(url)
    yield from filter(None, (parts.username, parts.password, parts.fragment))
    for name, value in parse_qsl(parts.query):
        if _SECRET_NAME.search(name) or _looks_random(value):
            yield value
    yield from filter(_looks_random, parts.path.split("/"))


def _looks_random(text: str) -> bool:
    """Whether it may be a key. Words such as "metric" or "weather-forecast" are in every answer."""
    has_both = re.search("[0-9]", text) and re.search("[A-Za-z]", text)
    return len(text) >= LONG or (len(text) >= LONG_WITH_DIGITS and bool(has_both))


class _Logs:
    """What is hidden in all that this process logs."""

    secrets = SecretTexts(())


def keep_out_of_logs(secrets: SecretTexts) -> None:
    """Hide these secrets in every line that this process logs from now on, tracebacks included."""
    # A filter would have to be at every handler, those of gunicorn and of libraries too.
    if secrets and not _Logs.secrets:
        logging.setLogRecordFactory(_clean(logging.getLogRecordFactory()))
    _Logs.secrets = SecretTexts((*_Logs.secrets, *secrets))


def _clean(make: Callable[..., logging.LogRecord]) -> Callable[..., logging.LogRecord]:
    def make_clean(*values: Any, **named: Any) -> logging.LogRecord:
        record = make(*values, **named)
        with suppress(TypeError, ValueError):  # arguments that don't fit: the handler reports them
            _hide_in_record(record)
        return record

    return make_clean


def _hide_in_record(record: logging.LogRecord) -> None:
    message = record.getMessage()
    if (hidden := _Logs.secrets.hide(message)) != message:
        record.msg, record.args = hidden, ()
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        text = "".join(traceback.format_exception(error)).rstrip()
        if (hidden := _Logs.secrets.hide(text)) != text:
            record.exc_info, record.exc_text = None, hidden

"""A call of a tool as Server-Sent Events: what it tells while it works, and then its answer."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

import gevent
from flask import Response, copy_current_request_context
from gevent.event import Event
from pydantic_core import to_json

from tool_services.framework.mcp_messages import Message
from tool_services.framework.progress import Follower, Level
from tool_services.framework.schemas import JsonObject

EVENT_STREAM = "text/event-stream"
SECONDS_BETWEEN = 0.1
"""Between two times that something is sent: of several reports in between, the newest is."""
MOST_LINES = 100
"""Log lines of one call that are sent. The service's own log has all."""
# As the protocol orders them.
_LEVELS = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")


class CallStream:
    """A call that is made in a greenlet of its own, and the follower of its progress.

    `make_call` gets the follower and returns the response that the call would have without a
    stream. If its client goes away, a call that `only_reads` is ended; any other goes on.
    """

    def __init__(
        self, message: Message, make_call: Callable[[Follower], Response], *, only_reads: bool
    ) -> None:
        self._message = message
        self._only_reads = only_reads
        self._news = Event()
        self._told = -1.0
        self._progress: JsonObject | None = None
        self._lines: deque[JsonObject] = deque()
        self._lines_left = MOST_LINES
        self._call = gevent.spawn(copy_current_request_context(make_call), self)
        self._call.rawlink(lambda _call: self._news.set())

    def report(self, done: float, total: float | None, message: str) -> None:
        if done <= self._told:
            return
        self._told = done
        params = {"progressToken": self._message.progress_token, "progress": done}
        known = {"total": total, "message": message or None}
        params |= {name: value for name, value in known.items() if value is not None}
        self._progress = _notification("progress", params)
        self._news.set()

    def log(self, level: Level, text: str) -> None:
        lowest = self._message.log_level
        if lowest not in _LEVELS or _LEVELS.index(level) < _LEVELS.index(lowest):
            return
        if self._lines_left:
            self._lines_left -= 1
            name = self._message.params["name"]
            params = {"level": level, "logger": name, "data": text}
            self._lines.append(_notification("message", params))
            self._news.set()

    def response(self) -> Response:
        """Return the stream, or the plain response of a call that ends before it tells anything."""
        self._news.wait()
        if self._call.ready() and not self._has_news:
            answer: Response = self._call.get()
            return answer
        headers = {"X-Accel-Buffering": "no"}
        return Response(self._events(), mimetype=EVENT_STREAM, headers=headers)

    @property
    def _has_news(self) -> bool:
        return bool(self._progress or self._lines)

    def _events(self) -> Iterator[bytes]:
        try:
            while not self._call.ready() or self._has_news:
                self._news.wait()
                self._news.clear()
                yield from self._take_news()
                self._call.join(SECONDS_BETWEEN)
            answer: Response = self._call.get()
            yield _event(answer.get_data())
        finally:
            if self._only_reads:
                self._call.kill()
            else:
                self._call.join()

    def _take_news(self) -> Iterator[bytes]:
        while self._lines:
            yield _event(to_json(self._lines.popleft()))
        progress, self._progress = self._progress, None
        if progress is not None:
            yield _event(to_json(progress))


def _notification(name: str, params: JsonObject) -> JsonObject:
    return {"jsonrpc": "2.0", "method": f"notifications/{name}", "params": params}


def _event(json: bytes) -> bytes:
    return b"data: " + json + b"\n\n"

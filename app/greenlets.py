"""Deep work, done beside what waits for long.

A greenlet keeps the stack that it once needed, some 16 KB of it, for as long as it lives. Asking a
database, or an HTTP client, needs much; following an answer needs little, and lasts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import gevent

Given = ParamSpec("Given")
Result = TypeVar("Result")


def run_in_greenlet(
    work: Callable[Given, Result], *args: Given.args, **kwargs: Given.kwargs
) -> Result:
    """What `work` returns or raises, done in a greenlet of its own. It ends when the caller does;
    a result that comes too late is closed, if it can be."""
    worker = gevent.spawn(_caught, work, args, kwargs)
    try:
        result, error = worker.get()
    except BaseException:
        worker.kill()
        if isinstance(worker.value, tuple) and hasattr(worker.value[0], "close"):
            worker.value[0].close()
        raise
    if error is not None:
        raise error
    return result  # type: ignore[no-any-return]


def _caught(work: Callable[..., Any], args: Any, kwargs: Any) -> tuple[Any, BaseException | None]:
    try:
        return work(*args, **kwargs), None
    except gevent.GreenletExit:
        raise
    except BaseException as error:
        return None, error

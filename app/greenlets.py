"""Runs deep call stacks in short-lived greenlets, so that long-lived ones keep small stacks.

A greenlet keeps the largest stack that it ever needed, some 16 KB, as long as it lives. A database
query or an HTTP request needs a deep stack. Following an answer needs a small one, for a long time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import gevent
from gevent.util import wrap_errors

Given = ParamSpec("Given")
Result = TypeVar("Result")


def run_in_greenlet(
    work: Callable[Given, Result], *args: Given.args, **kwargs: Given.kwargs
) -> Result:
    """Call `work` in a greenlet of its own, and return or raise what it does. If the caller is
    killed meanwhile, so is the greenlet; a result that comes too late is closed if it can be."""
    # gevent would print the traceback of an error that leaves a greenlet.
    greenlet = gevent.spawn(wrap_errors((BaseException,), work), *args, **kwargs)
    try:
        result = greenlet.get()
    except BaseException:
        greenlet.kill()
        close = getattr(greenlet.value, "close", None)
        if close is not None:
            close()
        raise
    if isinstance(result, BaseException):
        raise result
    return result

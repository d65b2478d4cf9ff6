"""Run deep call stacks in short-lived greenlets, so that long-lived ones keep small stacks.

A greenlet keeps the largest stack that it ever had for as long as it lives: after a query or an
HTTP request that is some 16 KB. An open stream only waits, and needs far less.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import gevent
from gevent.util import wrap_errors

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Given = ParamSpec("Given")
Result = TypeVar("Result")


def run_in_greenlet(
    work: Callable[Given, Result], *args: Given.args, **kwargs: Given.kwargs
) -> Result:
    """Run `work` in a greenlet of its own; return what it returns, raise what it raises.

    If the caller ends first, so does the work. A result that is too late is closed, if it can be.
    """
    # gevent would print the traceback of an error that leaves a greenlet.
    catching: Any = wrap_errors((Exception, gevent.Timeout), work)
    greenlet = gevent.spawn(catching, *args, **kwargs)
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
    return result  # type: ignore[no-any-return]


def respond_in_greenlet(app: WSGIApplication) -> WSGIApplication:
    """Return a WSGI application that prepares each response in a greenlet of its own.

    The response itself, which may be a long stream, is sent by the server's greenlet.
    """

    def respond(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return run_in_greenlet(app, environ, start_response)

    return respond

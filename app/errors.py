"""The errors that the program raises on purpose. `app/auth/accounts.py` adds FormErrors, for a form
with more than one mistake.

HomestreamError            code, message (a sentence for the person), status, retryable
├── InputError             422, field: what was typed is wrong
├── Unauthenticated        401: nobody is signed in
│   └── SessionEnded       the reader's session ended while a stream was open
├── Forbidden              403: signed in, but not like this
│   ├── StaleForm          the form is too old, or not ours
│   ├── EmailUnverified    the person has to confirm their address first
│   └── PasswordNeeded     the person has to give their password again first
├── NotFound               404: not there, or not the caller's
├── LinkGone               410: the link in a mail was used, or is too old
├── Conflict               409: not now, or there already
├── TooMany                429 or 503, retry_after: a limit is reached
├── Unavailable            503, retry_after: the database or Redis can't be reached now
│   └── WorkerFull         this worker has as much to do as it can
├── ModelError             the model's endpoint failed, or its answer passed a limit
│   ├── ModelUnavailable   retryable: network, 429, 5xx, time-out, cut off
│   └── ModelRefused       not retryable: bad key, bad request
│       └── ContextTooLong window, sent: the request has more tokens than the model takes
├── RunFailed              the run as a whole ended early: time-out, too many tool failures
└── ToolFailure            told to the model, which goes on
    └── CallRefused        the call was not made: no such tool, or arguments that it doesn't take
"""

from __future__ import annotations


class HomestreamError(Exception):
    """`code` is for programs, `message` for people. `retryable` says whether a second try may help.

    `detail` is one line for operators: what the other side said, or "".
    """

    status = 500
    code = "internal"
    retryable = False

    def __init__(self, message: str, *, code: str | None = None, detail: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.code
        self.detail = detail


class InputError(HomestreamError):
    status = 422
    code = "invalid_input"

    def __init__(self, message: str, *, field: str = "message", status: int | None = None) -> None:
        super().__init__(message)
        self.field = field
        self.status = status or self.status


class Unauthenticated(HomestreamError):
    status = 401
    code = "unauthenticated"


class SessionEnded(Unauthenticated):
    code = "session_ended"


class Forbidden(HomestreamError):
    status = 403
    code = "forbidden"


class StaleForm(Forbidden):
    """A form of an earlier session: its page has to be loaded again before it can be sent."""


class EmailUnverified(Forbidden):
    code = "email_unverified"


class PasswordNeeded(Forbidden):
    code = "password_needed"


class NotFound(HomestreamError):
    status = 404
    code = "not_found"


class LinkGone(HomestreamError):
    status = 410
    code = "link_gone"

    def __init__(self) -> None:
        super().__init__("This link was used already, or it is too old. Ask for a new one.")


class Conflict(HomestreamError):
    status = 409
    code = "conflict"
    retryable = True


class TooMany(HomestreamError):
    """`status` 429 when the caller's own limit is reached, 503 when everybody's is."""

    retryable = True

    def __init__(self, message: str, *, code: str, own: bool, retry_after: int = 5) -> None:
        super().__init__(message, code=code)
        self.status = 429 if own else 503
        self.retry_after = retry_after


class Unavailable(HomestreamError):
    status = 503
    code = "away"
    retryable = True
    retry_after = 5


class WorkerFull(Unavailable):
    code = "full"


class ModelError(HomestreamError):
    status = 502
    code = "model_error"


class ModelUnavailable(ModelError):
    """`retry_after` is what the endpoint asked for, in seconds, or None."""

    code = "model_unavailable"
    retryable = True

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        detail: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, code=code, detail=detail)
        self.retry_after = retry_after


class ModelRefused(ModelError):
    code = "model_refused"


class ContextTooLong(ModelRefused):
    """`window` and `sent` are the tokens that the model takes and that it got, or None where the
    endpoint doesn't say."""

    code = "model_context"

    def __init__(
        self, message: str, *, detail: str = "", window: int | None = None, sent: int | None = None
    ) -> None:
        super().__init__(message, detail=detail)
        self.window, self.sent = window, sent


class RunFailed(HomestreamError):
    status = 504
    code = "run_failed"
    retryable = True


class ToolFailure(HomestreamError):
    status = 502
    code = "tool_failed"


class CallRefused(ToolFailure):
    """Nothing has come of the call, and the message is this program's own word."""

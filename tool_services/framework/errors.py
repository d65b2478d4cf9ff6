"""The errors that a service can answer with.

ServiceError
├── InvalidRequestError        400  the body is not a JSON object that names a tool
├── MissingTokenError          401  the request has no bearer token
├── InvalidTokenError          401  the token is refused
├── InsufficientScopeError     403  the token lacks the scope
├── OtherCallError             403  the token is for a call with other arguments
├── ForeignOriginError         403  a page of another site sent the request
├── UnknownToolError           404  no tool has this name
├── NotAcceptableError         406  the client doesn't accept JSON
├── IdempotencyConflictError   409  the key was used before, with other arguments
├── CallUnknownError           409  a process died that may have done the call
├── NotJsonError               415  the body isn't declared as JSON
├── InvalidArgumentsError      422  the arguments don't fit the tool's schema
├── UpstreamUnavailableError   502  a service that this one needs is down or answers wrongly
│   └── UpstreamTimeoutError   504  … or takes too long
├── KeysUnavailableError       503  the issuer's public keys can't be fetched
└── DatabaseUnavailableError   503  the service's database can't be reached

A service derives its own errors from these; `code` tells them apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

RETRY_AFTER = {"Retry-After": "2"}


class ServiceError(Exception):
    """An error with a sentence for the caller, an HTTP status, and a code for programs."""

    status: ClassVar[int]
    code: ClassVar[str]

    def __init__(self, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.headers = dict(headers or {})


class InvalidRequestError(ServiceError):
    status = 400
    code = "invalid_request"


class MissingTokenError(ServiceError):
    status = 401
    code = "missing_token"

    def __init__(self) -> None:
        # RFC 6750, section 3.1: without a token the challenge carries no error code.
        super().__init__(
            "This needs a token. Send an Authorization header of the form Bearer <token>.",
            {"WWW-Authenticate": "Bearer"},
        )


class InvalidTokenError(ServiceError):
    status = 401
    code = "invalid_token"

    def __init__(self, description: str) -> None:
        challenge = f'Bearer error="invalid_token", error_description="{description}"'
        super().__init__(description, {"WWW-Authenticate": challenge})


class InsufficientScopeError(ServiceError):
    status = 403
    code = "insufficient_scope"

    def __init__(self, scope: str) -> None:
        challenge = f'Bearer error="insufficient_scope", scope="{scope}"'
        super().__init__(f"The token lacks the scope {scope}.", {"WWW-Authenticate": challenge})


class OtherCallError(ServiceError):
    status = 403
    code = "other_call"

    def __init__(self) -> None:
        description = "The token is not for this call with these arguments."
        challenge = f'Bearer error="insufficient_scope", error_description="{description}"'
        super().__init__(description, {"WWW-Authenticate": challenge})


class ForeignOriginError(ServiceError):
    status = 403
    code = "foreign_origin"

    def __init__(self) -> None:
        super().__init__("Pages of other sites may not use this service.")


class UnknownToolError(ServiceError):
    status = 404
    code = "unknown_tool"


class NotAcceptableError(ServiceError):
    status = 406
    code = "not_acceptable"

    def __init__(self) -> None:
        super().__init__("Responses are application/json. Allow that in the Accept header.")


class IdempotencyConflictError(ServiceError):
    status = 409
    code = "idempotency_conflict"


class CallUnknownError(ServiceError):
    status = 409
    code = "call_unknown"

    def __init__(self) -> None:
        super().__init__("This may have been done already, or not. It is not done again by itself.")


class NotJsonError(ServiceError):
    status = 415
    code = "not_json"

    def __init__(self) -> None:
        super().__init__("Send the body with the Content-Type application/json.")


class InvalidArgumentsError(ServiceError):
    status = 422
    code = "invalid_arguments"


class UpstreamUnavailableError(ServiceError):
    status = 502
    code = "upstream_unavailable"


class UpstreamTimeoutError(UpstreamUnavailableError):
    status = 504


class KeysUnavailableError(ServiceError):
    status = 503
    code = "keys_unavailable"

    def __init__(self) -> None:
        super().__init__(
            "The issuer's public keys can't be fetched, so tokens can't be checked. Try again.",
            RETRY_AFTER,
        )


class DatabaseUnavailableError(ServiceError):
    status = 503
    code = "database_unavailable"

    def __init__(self) -> None:
        super().__init__("The service's database can't be reached. Try again.", RETRY_AFTER)

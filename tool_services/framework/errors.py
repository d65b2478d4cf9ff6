"""What a caller can be told went wrong.

ServiceError
├── InvalidRequestError        400  the body is not a JSON object that names a tool
├── MissingTokenError          401  no bearer token was sent
├── InvalidTokenError          401  a token was sent and refused
├── InsufficientScopeError     403  the token does not allow this
├── ForeignOriginError         403  a page of another site asks
├── UnknownToolError           404  no tool has that name
├── NotAcceptableError         406  the client takes no JSON
├── IdempotencyConflictError   409  the key was used before, for something else
├── NotJsonError               415  the body is not declared as JSON
├── InvalidArgumentsError      422  arguments against the schema
│   ├── UnknownListingError    422  ids that no listing has
│   └── UnknownAreaError       422  a market area without figures
├── DeliveryFailedError        502  a message was not sent
├── DeliveryUnknownError       502  a message may have been sent or not
├── UpstreamUnavailableError   502  a service that this one needs is down or talks nonsense
│   └── UpstreamTimeoutError   504  … or takes too long
├── KeysUnavailableError       503  the issuer's public keys can't be fetched
└── DatabaseUnavailableError   503  the service's own database is away
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

RETRY_AFTER = {"Retry-After": "2"}


class ServiceError(Exception):
    """An answer other than the wished one; `message` is a sentence fit for the caller."""

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
            "This needs a token: send an Authorization header of the form Bearer <token>.",
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


class ForeignOriginError(ServiceError):
    status = 403
    code = "foreign_origin"

    def __init__(self) -> None:
        super().__init__("Pages of other sites may not use this.")


class UnknownToolError(ServiceError):
    status = 404
    code = "unknown_tool"


class NotAcceptableError(ServiceError):
    status = 406
    code = "not_acceptable"

    def __init__(self) -> None:
        super().__init__("Answers come as application/json; the Accept header leaves that out.")


class NotJsonError(ServiceError):
    status = 415
    code = "not_json"

    def __init__(self) -> None:
        super().__init__("Send the body with the Content-Type application/json.")


class IdempotencyConflictError(ServiceError):
    status = 409
    code = "idempotency_conflict"


class InvalidArgumentsError(ServiceError):
    status = 422
    code = "invalid_arguments"


class UnknownListingError(InvalidArgumentsError):
    code = "unknown_listing"


class UnknownAreaError(InvalidArgumentsError):
    code = "unknown_area"


class DeliveryFailedError(ServiceError):
    status = 502
    code = "delivery_failed"


class DeliveryUnknownError(ServiceError):
    status = 502
    code = "delivery_unknown"


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
            "Tokens can't be checked now: the issuer's public keys can't be fetched. Try again.",
            RETRY_AFTER,
        )


class DatabaseUnavailableError(ServiceError):
    status = 503
    code = "database_unavailable"

    def __init__(self) -> None:
        super().__init__("The service's database can't be reached now. Try again.", RETRY_AFTER)

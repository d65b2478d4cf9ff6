"""The errors that only this service answers with.

ServiceError
├── InvalidArgumentsError
│   ├── UnknownListingError    422  no listing has one of the ids
│   └── UnknownAreaError       422  there are no figures for the market area
├── EmailUnverifiedError        403  the person hasn't confirmed their own e-mail address
├── TooManyReportsError        429  a person's or an address's reports within an hour are used up
├── DeliveryFailedError        502  a report was not sent
└── DeliveryUnknownError       502  a report may have been sent, or not
"""

from __future__ import annotations

from tool_services.framework.errors import InvalidArgumentsError, ServiceError


class UnknownListingError(InvalidArgumentsError):
    code = "unknown_listing"


class UnknownAreaError(InvalidArgumentsError):
    code = "unknown_area"


class EmailUnverifiedError(ServiceError):
    status = 403
    code = "email_unverified"

    def __init__(self) -> None:
        super().__init__(
            "Confirm your e-mail address first: nothing was sent. The link is in the mail from your"
            " sign-up, and your account page sends it again."
        )


class TooManyReportsError(ServiceError):
    status = 429
    code = "too_many_reports"


class DeliveryFailedError(ServiceError):
    status = 502
    code = "delivery_failed"


class DeliveryUnknownError(ServiceError):
    status = 502
    code = "delivery_unknown"

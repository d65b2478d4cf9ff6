"""What an identity provider says of a person, and the error where it says nothing to be trusted."""

from __future__ import annotations

from dataclasses import dataclass

from app.errors import HomestreamError

LEEWAY_SECONDS = 60
"""By how much the provider's clock may differ from ours."""


class ProviderFailed(HomestreamError):
    """The provider doesn't answer, or its answer can't be trusted. `detail` has its words."""

    status = 502
    code = "provider_failed"


@dataclass(frozen=True)
class Claims:
    """What the provider says of a person. `email` is None unless it has checked the address.

    `authenticated_at` is when the person showed it who they are, in seconds since 1970, or None.
    """

    subject: str
    email: str | None
    name: str
    authenticated_at: float | None

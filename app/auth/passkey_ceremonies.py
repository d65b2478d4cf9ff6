"""What passkeys need of the WebAuthn library.

It takes 6 MB, and most sites have nobody with a passkey. So passkeys.py imports this module where
it is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import webauthn
from webauthn.authentication.verify_authentication_response import VerifiedAuthentication
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialCreationOptions,
    PublicKeyCredentialDescriptor,
    PublicKeyCredentialRequestOptions,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)
from webauthn.registration.verify_registration_response import VerifiedRegistration

from app.auth.passkeys import Options, RelyingParty
from app.db.models import Person


def creation_options(
    site: RelyingParty, site_name: str, person: Person, known: Sequence[str]
) -> Options:
    """Return what a browser needs to make a passkey that is none of the `known` ids."""
    options = webauthn.generate_registration_options(
        rp_id=site.id,
        rp_name=site_name,
        user_name=person.email,
        user_display_name=person.name,
        user_id=person.id.encode(),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED,
            user_verification=UserVerificationRequirement.PREFERRED,
        ),
        exclude_credentials=_descriptors(known),
    )
    return _as_options(options)


def request_options(site: RelyingParty, known: Sequence[str] | None, *, alone: bool) -> Options:
    """Return what a browser needs to use a passkey: one of the `known` ids, or with None any.

    Used alone, it has to verify its user by a PIN, a finger or the like.
    """
    required = UserVerificationRequirement.REQUIRED
    options = webauthn.generate_authentication_options(
        rp_id=site.id,
        allow_credentials=None if known is None else _descriptors(known),
        user_verification=required if alone else UserVerificationRequirement.PREFERRED,
    )
    return _as_options(options)


def verify_new(
    site: RelyingParty, credential: dict[str, Any], challenge: str
) -> VerifiedRegistration:
    """Verify a new passkey. Raises errors of all kinds."""
    return webauthn.verify_registration_response(
        credential=credential,
        expected_challenge=base64url_to_bytes(challenge),
        expected_rp_id=site.id,
        expected_origin=site.origin,
    )


def verify_used(
    site: RelyingParty,
    credential: dict[str, Any],
    challenge: str,
    public_key: bytes,
    sign_count: int,
    *,
    alone: bool,
) -> VerifiedAuthentication:
    """Verify what the passkey with this public key has signed. Raises errors of all kinds."""
    return webauthn.verify_authentication_response(
        credential=credential,
        expected_challenge=base64url_to_bytes(challenge),
        expected_rp_id=site.id,
        expected_origin=site.origin,
        credential_public_key=public_key,
        credential_current_sign_count=sign_count,
        require_user_verification=alone,
    )


def _descriptors(ids: Sequence[str]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(base64url_to_bytes(id)) for id in ids]


def _as_options(
    options: PublicKeyCredentialCreationOptions | PublicKeyCredentialRequestOptions,
) -> Options:
    return Options(webauthn.options_to_json(options), bytes_to_base64url(options.challenge))

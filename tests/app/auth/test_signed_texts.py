"""Signatures are by HMAC-SHA256: those by SHA-1, the libraries' default, are not accepted."""

from __future__ import annotations

from hashlib import sha1, sha256
from typing import Any

import pytest
from itsdangerous import BadData, Signer, URLSafeTimedSerializer

from app.auth.signed_texts import plain_signer, timed_signer
from app.web.drafts import seal_draft
from tests.support.product import Person, Product


def draft_cookie(product: Product, person: Person, digest: Any) -> str:
    """Flask's cookie with a question that could not be sent."""
    kwargs = {"key_derivation": "hmac", "digest_method": digest}
    key = product.app.config["SECRET_KEY"]
    signer = URLSafeTimedSerializer(key, salt="cookie-session", signer_kwargs=kwargs)
    with product.app.app_context():
        return str(signer.dumps({"draft": seal_draft(person.id, "A kept question")}))


@pytest.mark.parametrize(("digest", "kept"), [(sha1, False), (sha256, True)])
def test_nothing_that_is_signed_by_sha_1_is_accepted(
    product: Product, alice: Person, digest: Any, kept: bool
) -> None:
    cookies = {"session": draft_cookie(product, alice, digest)}
    assert ("A kept question" in alice.get("/", cookies=cookies).text) == kept
    options = {"digest_method": digest}
    timed = URLSafeTimedSerializer("key", salt="salt", signer_kwargs=options).dumps("x")
    plain = Signer("key", salt="salt", digest_method=digest).sign("x")
    assert plain_signer("key", "salt").validate(plain) == kept
    if kept:
        assert timed_signer("key", "salt").loads(timed) == "x"
    else:
        with pytest.raises(BadData):
            timed_signer("key", "salt").loads(timed)

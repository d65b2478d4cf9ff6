"""Sessions whose time is over."""

from __future__ import annotations

import time

import jwt

from tests.support.product import Person, Product


def expire(product: Product, person: Person, *names: str) -> None:
    """Make the person's tokens of these kinds (access, refresh) expired ones."""
    secret = product.settings.secret_key
    assert secret
    for kind in names:
        name = f"{kind}_token_cookie"
        claims = jwt.decode(person.browser.cookies[name], options={"verify_signature": False})
        claims["exp"] = int(time.time()) - 10
        old = jwt.encode(claims, secret.get_secret_value(), "HS256")
        person.browser.cookies.set(name, old, domain="127.0.0.1", path="/")

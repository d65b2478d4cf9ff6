"""The mails that a product has written, as the people they are for read them."""

from __future__ import annotations

import re

from app.db.account_models import Mail
from app.db.models import db
from tests.support.product import Product


def mails_to(product: Product, recipient: str) -> list[tuple[str, str]]:
    """Subject and text of the mails to an address, newest first."""
    with product.app.app_context():
        query = db.select(Mail).filter_by(recipient=recipient).order_by(Mail.created_at.desc())
        return [(mail.subject, mail.text) for mail in db.session.scalars(query)]


def latest_link(product: Product, recipient: str) -> str:
    """The first link of the last mail to an address."""
    _, text = mails_to(product, recipient)[0]
    found = re.search(r"https?://\S+", text)
    assert found, text
    return found[0]

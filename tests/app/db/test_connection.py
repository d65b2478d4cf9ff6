"""How the app connects to its database, and what its errors say."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import IntegrityError

from app.db.connection import is_unavailable, parse_url
from app.db.models import User, db
from tests.support.product import Product


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_any_common_form_of_a_postgresql_url_is_understood(scheme: str) -> None:
    url = parse_url(f"{scheme}://ann:secret@host/notes")
    assert url.drivername == "postgresql+psycopg"
    assert (url.username, url.password, url.host, url.database) == (
        "ann",
        "secret",
        "host",
        "notes",
    )


@pytest.mark.engines
def test_a_refused_statement_is_no_outage_and_its_error_shows_no_values(product: Product) -> None:
    with product.app.app_context():
        for _ in range(2):
            db.session.add(User(email="ann@example.com", name="Ann", password_hash="hashed"))
        with pytest.raises(IntegrityError) as refused:
            db.session.commit()
        db.session.rollback()
    assert not is_unavailable(refused.value)
    assert "hashed" not in str(refused.value)

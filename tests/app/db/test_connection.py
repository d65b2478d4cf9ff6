"""How the app connects to its database, and what its errors say."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from app import create_app
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


def modes(folder: Path) -> dict[str, int]:
    return {
        path.name: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.glob("*.db*"))
    }


def write_to(product: Product, url: str) -> None:
    """Open another database with the app's settings, and write to it."""
    settings = product.settings.model_copy(update={"database_url": url})
    with create_app(settings).app_context():
        db.session.execute(text("CREATE TABLE IF NOT EXISTS t (a)"))
        db.session.commit()
        folder = product.folder
        found = {name: mode for name, mode in modes(folder).items() if name.startswith("other")}
        assert found == dict.fromkeys(["other.db", "other.db-wal", "other.db-shm"], 0o600)
        db.engine.dispose()


@pytest.mark.parametrize("url", ["sqlite:///other.db", "sqlite:///file:other.db?uri=true"])
def test_only_the_owner_can_read_a_new_database(product: Product, url: str) -> None:
    before = os.umask(0o022)
    try:
        write_to(product, url)
    finally:
        os.umask(before)


def test_a_database_and_a_folder_that_others_could_read_are_closed_to_them(
    start: Callable[..., Product],
) -> None:
    product = start()
    product.stop()
    product.folder.chmod(0o755)
    for name in ("other.db", "other.db-wal", "other.db-shm"):
        (product.folder / name).touch(0o644)
    write_to(product, "sqlite:///other.db")
    assert modes(product.folder)[product.folder.name] == 0o700

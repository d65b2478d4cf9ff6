"""The keys that sign tokens are replaced while everything goes on."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent
import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec
from gevent.event import Event

from app.auth.key_files import create_signing_key, ensure_secrets
from app.auth.signing_keys import SigningKeys, key_files, rotate
from tests.support.product import Person, Product, eventually

ROOT = Path(__file__).parents[3]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    ensure_secrets(tmp_path)
    return tmp_path / "signing_key.pem"


def ids(keys: Any) -> list[str]:
    return [key.id for key in keys]


def key_from(file: Path, seconds_ago: float) -> None:
    """A key that signs since then, or from then on."""
    create_signing_key(file.with_name(f"signing_key.{int(time.time() - seconds_ago)}.pem"))


def test_a_new_key_is_published_before_it_signs(file: Path) -> None:
    first = SigningKeys(file).current()
    new, _ = rotate(file, 60)
    keys = SigningKeys(file)
    assert keys.current() == first
    assert len(keys.published()) == 2
    assert new.stat().st_mode & 0o077 == 0
    with pytest.raises(ValueError, match="doesn't sign yet"):
        rotate(file, 60)


@pytest.mark.parametrize(("seconds_ago", "published"), [(100, 2), (350, 2), (370, 1)])
def test_an_old_key_is_published_until_its_last_token_has_expired(
    file: Path, seconds_ago: float, published: int
) -> None:
    first = SigningKeys(file).current()
    key_from(file, seconds_ago)
    keys = SigningKeys(file)
    assert keys.current() != first
    assert len(keys.published()) == published
    assert keys.current().id in ids(keys.published())


def test_the_next_rotation_removes_keys_that_are_no_longer_published(file: Path) -> None:
    key_from(file, 2000)
    key_from(file, 1000)
    key_from(file, 100)
    before = SigningKeys(file)
    rotate(file, 60)
    after = SigningKeys(file)
    assert len(key_files(file)) == 3
    assert ids(after.published())[:2] == ids(before.published())
    assert after.current().id == before.current().id


def test_a_file_that_is_only_half_there_changes_nothing(file: Path) -> None:
    half = file.with_name(f"signing_key.{int(time.time())}.pem")
    half.write_text("-----BEGIN")
    keys = SigningKeys(file)
    assert ids(keys.published()) == [keys.current().id]


@pytest.mark.slow
def test_no_call_fails_while_the_key_is_rotated(
    start: Callable[..., Product], tmp_path: Path
) -> None:
    product = start()
    alice = product.sign_up("Alice")
    first, kids, failed = token(product, alice), set[str](), []
    over = Event()

    def call_again_and_again() -> None:
        while not over.is_set():
            shown = token(product, alice)
            kids.add(key_id(shown))
            if (answer := call(product, shown)).status_code != 200:
                failed.append(answer.text)
            gevent.sleep(0.05)

    callers = [gevent.spawn(call_again_and_again) for _ in range(3)]
    rotated = subprocess.run(
        [sys.executable, "-m", "scripts.rotate_keys", "5"],
        env={**os.environ, "INSTANCE_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Nothing has to be restarted." in rotated.stdout
    # A forged token makes the service fetch the keys just before the new one signs.
    eventually(lambda: len(product.services.issuer.jwks["keys"]) == 2)
    assert call(product, forged(first)).status_code == 401
    eventually(lambda: len(kids) == 2)
    eventually(lambda: key_id(token(product, alice)) != key_id(first))
    assert call(product, first).status_code == 200
    over.set()
    gevent.joinall(callers)
    assert failed == []
    published = requests.get(f"{product.url}/.well-known/jwks.json").json()["keys"]
    assert {key["kid"] for key in published} == kids


def token(product: Product, person: Person) -> str:
    url = product.settings.tool_services["notes"]
    return product.services.issuer.mint(person.id, url, "tools:call notes:read")


def call(product: Product, shown: str) -> requests.Response:
    url = product.settings.tool_services["notes"]
    headers = {"Authorization": f"Bearer {shown}"}
    return requests.post(f"{url}/tools/call", json={"name": "findNotes"}, headers=headers)


def forged(shown: str) -> str:
    claims = jwt.decode(shown, options={"verify_signature": False})
    key = ec.generate_private_key(ec.SECP256R1())
    return jwt.encode(claims, key, "ES256", headers={"kid": "unknown"})


def key_id(shown: str) -> str:
    return str(jwt.get_unverified_header(shown)["kid"])

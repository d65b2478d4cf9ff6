"""The third-party files that pages load."""

from __future__ import annotations

import hashlib

import pytest

from scripts import ROOT

# When package.json names another version, look at the new file before you change its hash here.
SHA384 = {
    "htmx.min.js": "d8e6adcd0cb51fe65dfc822b8ebd5372e0c6a8b5de1e16e8"
    "a00c8963529d40c2a7af82d9db6937d4604b7582879958e0",
    # From htmx-ext-sse. The file of the same name in htmx.org is for htmx 1.
    "sse.js": "400f705ea7b1870cd74ee4efb85e503fcda975d9b7476872"
    "f355335e2ee2a0d4ea345d9bef98659244868da7e88612f7",
}


@pytest.mark.parametrize("name", SHA384)
def test_each_third_party_file_is_the_one_that_was_reviewed(name: str) -> None:
    content = (ROOT / "app" / "static" / "vendor" / name).read_bytes()
    assert hashlib.sha384(content).hexdigest() == SHA384[name]

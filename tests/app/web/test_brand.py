"""The product's name, greeting, colours and icon are those of the folder that BRAND names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import requests

from tests.app.test_brand import folder_with
from tests.support.product import Product

Start = Callable[..., Product]


def test_pages_have_the_name_the_greeting_the_colours_and_the_icon(
    start: Start, tmp_path: Path
) -> None:
    product = start(brand=folder_with(tmp_path / "brand"))
    alice = product.sign_up("Alice")
    page = alice.get("/").text
    assert "<title>Clinic</title>" in page
    assert "How can we help?" in page
    assert "Homestream" not in page
    assert requests.get(f"{product.url}/brand/icon.svg").content == b"<svg/>"
    assert "#7a1fa2" in requests.get(f"{product.url}/brand/colours.css").text


def test_the_setting_wins_over_the_name_in_the_folder(start: Start) -> None:
    product = start(app_name="Ward <3>")
    assert (
        "<title>Log in · Ward &lt;3&gt;</title>" in requests.get(f"{product.url}/auth/login").text
    )


def test_browsers_keep_the_files_until_they_change(start: Start) -> None:
    product = start()
    for file in ("icon.svg", "colours.css"):
        first = requests.get(f"{product.url}/brand/{file}")
        assert first.headers["Cache-Control"] == "no-cache"
        again = requests.get(first.url, headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")

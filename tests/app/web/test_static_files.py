"""Static files: their names follow their content, and they travel compressed."""

from __future__ import annotations

import gzip
import re

import pytest
import requests

from tests.support.product import Person, Product


def addresses(page: str) -> list[str]:
    return list(dict.fromkeys(re.findall(r'(?:href|src)="(/static/[^"#]+)', page)))


def test_pages_name_files_by_their_content_and_browsers_keep_them(alice: Person) -> None:
    found = addresses(alice.get("/").text)
    assert len(found) >= 7
    for path in found:
        assert re.fullmatch(r"/static/[\w/.-]+\.[0-9a-f]{12}\.(css|js|svg)", path), path
        answer = requests.get(alice.product.url + path)
        assert answer.status_code == 200, path
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable", path
        kind = {"js": "javascript"}.get(ending := path.rpartition(".")[2], ending)
        assert kind in answer.headers["Content-Type"], path


def test_all_that_a_page_loads_is_at_most_45_kb_on_the_wire(alice: Person) -> None:
    weight = 0
    for path in addresses(alice.get("/").text):
        answer = requests.get(
            alice.product.url + path, headers={"Accept-Encoding": "gzip"}, stream=True
        )
        weight += len(answer.raw.read(decode_content=False))
    assert 10_000 < weight <= 45 * 1024


def test_a_file_is_the_same_with_and_without_compression(product: Product) -> None:
    address = f"{product.url}/static/app.css"
    packed = requests.get(address, headers={"Accept-Encoding": "br, gzip;q=0.5"}, stream=True)
    plain = requests.get(address, headers={"Accept-Encoding": "identity"})
    refused = requests.get(address, headers={"Accept-Encoding": "gzip;q=0"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert "Content-Encoding" not in refused.headers
    assert gzip.decompress(packed.raw.read(decode_content=False)) == plain.content
    assert plain.content == refused.content
    assert packed.headers["ETag"] != plain.headers["ETag"]
    assert {answer.headers["Vary"] for answer in (packed, plain)} == {"Accept-Encoding"}


@pytest.mark.parametrize("name", ["app.css", "app.000000000000.css", "vendor/htmx.min.js"])
def test_under_its_own_name_or_another_versions_a_file_is_asked_for_again(
    product: Product, name: str
) -> None:
    """A page of another version, beside this one during an upgrade, gets what is here."""
    address = f"{product.url}/static/{name}"
    answer = requests.get(address)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-cache")
    again = requests.get(address, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "name",
    ["nothing.css", "nothing.000000000000.css", "../config.py", "%2e%2e/config.py", ".css", "a."],
)
def test_nothing_else_is_served(product: Product, name: str) -> None:
    answer = requests.get(f"{product.url}/static/{name}")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (404, "private, no-store")

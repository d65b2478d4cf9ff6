"""The first page, the frame around account and error pages, and the looks that people choose."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import requests

from tests.support.product import Person, Product

pytestmark = pytest.mark.shares_product

HTML = {"Accept": "text/html"}
CHOSEN: Any = {"theme": "dark", "density": "compact", "zone": "Pacific/Kiritimati"}
FRAME = 'aria-label="Conversations"'


def test_a_newcomer_learns_what_this_is_and_programs_are_told_to_sign_in(product: Product) -> None:
    page = requests.get(product.url, headers=HTML, allow_redirects=False)
    assert page.status_code == 200
    assert 'href="/auth/login"' in page.text
    assert 'href="/auth/signup"' in page.text
    # A service's own words and question, escaped.
    assert "Which notes are there?" in page.text
    assert '<span class="words">Looked for notes</span>' in page.text
    assert page.headers["Cache-Control"] == "private, no-store"
    assert requests.get(product.url, headers={"Accept": "application/json"}).status_code == 401
    for headers in (HTML, HTML | {"HX-Request": "true"}):
        path = f"{product.url}/conversations"
        answer = requests.get(path, headers=headers, allow_redirects=False)
        place = answer.headers.get("Location") or answer.headers["HX-Redirect"]
        assert place.startswith("/auth/login?next=")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        *((f"/auth/{part}", 200) for part in ("profile", "security", "sessions", "data")),
        *(("/auth/second-factor", 200), ("/nowhere", 404), ("/conversations/nowhere", 404)),
        ("/conversations?after=odd", 422),
    ],
)
def test_account_and_error_pages_keep_the_frame(alice: Person, path: str, status: int) -> None:
    page = alice.get(path, headers=HTML)
    assert page.status_code == status
    assert page.text.count(FRAME) == 1
    assert page.text.count("<main") == page.text.count("<h1") == 1
    if status == 404:
        bare = requests.get(f"{alice.product.url}/nowhere", headers=HTML).text
        assert FRAME not in bare
        assert "There is nothing at this address." in bare


def test_a_person_chooses_theme_density_and_time_zone_for_their_browser(alice: Person) -> None:
    assert 'data-theme="system" data-density="comfortable"' in alice.get("/").text
    assert alice.post("/auth/looks", **CHOSEN).headers["Location"] == "/auth/profile?done=looks"
    page = alice.get("/auth/profile", headers=HTML).text
    assert 'data-theme="dark" data-density="compact"' in page
    assert '<meta name="color-scheme" content="dark">' in page
    assert 'value="dark" checked' in page
    assert "<option selected>Pacific/Kiritimati" in page
    now = datetime.now(ZoneInfo("Pacific/Kiritimati"))
    assert f"{now:%-d %B %Y}" in page
    for name, wrong in (("theme", "pink"), ("density", '"><b>'), ("zone", "../../etc/passwd")):
        fields: Any = {field: wrong if field == name else value for field, value in CHOSEN.items()}
        assert alice.post("/auth/looks", **fields).status_code == 422
    assert 'data-theme="dark"' in alice.get("/").text


@pytest.mark.parametrize(
    "cookie",
    [
        "",
        "dark",
        "dark.",
        "pink.compact",
        "dark.compact",
        "dark.compact.x",
        "dark.compact.UTC.x",
        '"><script>',
    ],
)
def test_a_cookie_that_says_something_else_says_nothing(product: Product, cookie: str) -> None:
    page = requests.get(f"{product.url}/auth/login", headers={"Cookie": f"looks={cookie}"}).text
    assert '<html lang="en" data-theme="system" data-density="comfortable">' in page


@pytest.mark.parametrize(
    ("asked", "language", "words"),
    [
        ("de-AT,de;q=0.9,en;q=0.5", "de", "Melde dich an"),
        ("fr, es;q=0.8", "es", "Inicia sesión"),
        ("en-GB, de;q=0.9", "en", "Sign in to go on"),
        ("fr", "en", "Sign in to go on"),
        ("odd;;q=,", "en", "Sign in to go on"),
    ],
)
def test_pages_are_in_the_language_that_the_browser_asks_for(
    product: Product, asked: str, language: str, words: str
) -> None:
    headers = {"Accept-Language": asked}
    page = requests.get(f"{product.url}/auth/login?next=/auth/profile", headers=headers).text
    assert f'<html lang="{language}"' in page
    assert words in page


def test_the_language_that_a_person_chose_comes_first(alice: Person) -> None:
    german = {"Accept-Language": "de"}
    assert "Dein Konto" in alice.get("/auth/profile", headers=HTML | german).text
    assert alice.post("/auth/looks", **CHOSEN, language="es").status_code == 303
    try:
        page = alice.get("/auth/profile", headers=HTML | german).text
        assert "Tu cuenta" in page
        assert re.search(r"<dd>\d+ de \w+ de \d{4}</dd>", page)
        assert re.search(r'value="es" selected', page)
        refused = alice.post("/auth/looks", **CHOSEN, language="xx")
        assert refused.status_code == 422
    finally:
        alice.post("/auth/looks", **CHOSEN, language="auto")


def test_a_cookie_from_before_there_were_languages_still_counts(product: Product) -> None:
    headers = {"Cookie": "looks=dark.compact.Europe/Berlin", "Accept-Language": "de"}
    page = requests.get(f"{product.url}/auth/login", headers=headers).text
    assert 'lang="de" data-theme="dark" data-density="compact"' in page

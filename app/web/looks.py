"""How a person wants pages to look in this browser, and the language and time zone of what they
read: kept in a cookie, as it is no secret."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from flask import Flask, Response, current_app, has_request_context, request

from app.errors import InputError
from app.rendering import dates, languages
from app.rendering.languages import LANGUAGES, SOURCE
from app.texts import later

COOKIE = "looks"
THEMES = {"system": later("As the system"), "light": later("Light"), "dark": later("Dark")}
DENSITIES = {"comfortable": later("Comfortable"), "compact": later("Compact")}
AUTOMATIC = "auto"  # the language is the one that the browser asks for
_YEAR = 365 * 24 * 3600


@dataclass(frozen=True)
class Looks:
    """The theme and the density of pages, as THEMES and DENSITIES name them, a time zone by its
    name, such as Europe/Berlin, and a language as LANGUAGES names it, or AUTOMATIC."""

    theme: str = "system"
    density: str = "comfortable"
    zone: str = "UTC"
    language: str = AUTOMATIC

    @property
    def colour_scheme(self) -> str:
        """What the browser is told, for its own controls too."""
        return "light dark" if self.theme == "system" else self.theme


def init_app(app: Flask) -> None:
    """Let every page look as its reader wants: the global `looks` of templates, and the filters
    `day` and `moment`, which write stored times in the reader's time zone."""
    languages.init_app(app, chosen_language)
    app.jinja_env.globals |= {
        "looks": chosen_looks,
        "themes": THEMES,
        "densities": DENSITIES,
        "time_zones": time_zones,
        "languages": {AUTOMATIC: later("As the browser"), **LANGUAGES},
    }
    app.jinja_env.filters |= {"day": _in_zone(dates.day), "moment": _in_zone(dates.moment)}


@cache
def time_zones() -> tuple[str, ...]:
    """Return the names of the time zones that can be chosen, in order."""
    places = (name for name in available_timezones() if "/" in name)
    return ("UTC", *sorted(name for name in places if not name.startswith(("Etc/", "SystemV/"))))


def chosen_looks() -> Looks:
    """Return what the browser's cookie says, or the usual looks if it says nothing known."""
    if not has_request_context():
        return Looks()
    theme, density, zone, language = (*request.cookies.get(COOKIE, "").split("."), *[""] * 4)[:4]
    try:
        # A cookie from before there were languages has none.
        return read_looks(theme, density, zone, language or AUTOMATIC)
    except InputError:
        return Looks()


def chosen_zone() -> tzinfo:
    """Return the reader's time zone; UTC where it isn't known."""
    name = chosen_looks().zone
    return UTC if name == "UTC" else ZoneInfo(name)


def chosen_language() -> str:
    """Return the language that the reader chose, or else the best of those the browser asks for."""
    if not has_request_context():
        return SOURCE
    chosen = chosen_looks().language
    if chosen != AUTOMATIC:
        return chosen
    # Not Werkzeug's best_match: for "en-GB, de;q=0.9" it takes German, as the only exact match.
    asked = (name.partition("-")[0].lower() for name, q in request.accept_languages if q)
    return next((name for name in asked if name in LANGUAGES), SOURCE)


def read_looks(theme: str, density: str, zone: str, language: str = AUTOMATIC) -> Looks:
    """Return the looks that a form names. Raises InputError."""
    if theme not in THEMES:
        raise InputError(f"theme is one of {', '.join(THEMES)}.", field="theme")
    if density not in DENSITIES:
        raise InputError(f"density is one of {', '.join(DENSITIES)}.", field="density")
    if zone not in time_zones():
        raise InputError("zone is a time zone such as Europe/Berlin, or UTC.", field="zone")
    if language not in (AUTOMATIC, *LANGUAGES):
        known = ", ".join((AUTOMATIC, *LANGUAGES))
        raise InputError(f"language is one of {known}.", field="language")
    return Looks(theme, density, zone, language)


def _in_zone(write: Callable[[datetime, tzinfo], str]) -> Callable[[datetime], str]:
    return lambda at: write(at, chosen_zone())


def keep_looks(response: Response, looks: Looks) -> Response:
    """Have the browser keep them for a year."""
    secure = current_app.config["SESSION_COOKIE_SECURE"]
    value = f"{looks.theme}.{looks.density}.{looks.zone}.{looks.language}"
    response.set_cookie(COOKIE, value, _YEAR, secure=secure, httponly=True, samesite="Lax")
    return response

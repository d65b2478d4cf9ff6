"""How a person wants pages to look in this browser: kept in a cookie, as it is no secret."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Flask, Response, current_app, has_request_context, request

from app.errors import InputError

COOKIE = "looks"
THEMES = {"system": "As the system", "light": "Light", "dark": "Dark"}
DENSITIES = {"comfortable": "Comfortable", "compact": "Compact"}
_YEAR = 365 * 24 * 3600


@dataclass(frozen=True)
class Looks:
    """The theme and the density of pages, as THEMES and DENSITIES name them."""

    theme: str = "system"
    density: str = "comfortable"

    @property
    def colour_scheme(self) -> str:
        """What the browser is told, for its own controls too."""
        return "light dark" if self.theme == "system" else self.theme


def init_app(app: Flask) -> None:
    """Let every page look as its reader wants: the global `looks` of templates."""
    app.jinja_env.globals |= {"looks": chosen_looks, "themes": THEMES, "densities": DENSITIES}


def chosen_looks() -> Looks:
    """Return what the browser's cookie says, or the usual looks if it says nothing known."""
    if not has_request_context():
        return Looks()
    theme, _, density = request.cookies.get(COOKIE, "").partition(".")
    return Looks(theme, density) if theme in THEMES and density in DENSITIES else Looks()


def read_looks(theme: str, density: str) -> Looks:
    """Return the looks that a form names. Raises InputError."""
    if theme not in THEMES:
        raise InputError(f"theme is one of {', '.join(THEMES)}.", field="theme")
    if density not in DENSITIES:
        raise InputError(f"density is one of {', '.join(DENSITIES)}.", field="density")
    return Looks(theme, density)


def keep_looks(response: Response, looks: Looks) -> Response:
    """Have the browser keep them for a year."""
    secure = current_app.config["SESSION_COOKIE_SECURE"]
    value = f"{looks.theme}.{looks.density}"
    response.set_cookie(COOKIE, value, _YEAR, secure=secure, httponly=True, samesite="Lax")
    return response

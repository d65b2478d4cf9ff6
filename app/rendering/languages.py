"""The languages of the pages: which there are, which one a reader gets, and their catalogues.

English is the language of the source. The others' texts are in app/translations, read when the
first reader of a language comes: no step of set-up compiles them.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import cast

from babel import Locale
from babel.support import Translations
from flask import Flask, g
from flask_babel import Babel, Domain, get_locale, gettext

SOURCE = "en"
LANGUAGES = {"en": "English", "de": "Deutsch", "es": "Español"}
"""Each with the name that its speakers give it."""
CATALOGUES = Path(__file__).parent.parent / "translations"


def init_app(app: Flask, choose: Callable[[], str]) -> None:
    """Let templates and `gettext` write in the language that `choose` returns for a request.

    Outside of requests it is English, except within `set_language`.
    """
    app.jinja_env.policies["ext.i18n.trimmed"] = True
    babel = Babel(app, locale_selector=lambda: g.get("language") or choose())
    babel.domain_instance = _Catalogues()
    app.jinja_env.globals["language"] = language
    app.jinja_env.filters["translated"] = translated


def language() -> str:
    """Return the language of what is being rendered, as LANGUAGES names it."""
    return locale().language


def locale() -> Locale:
    """Return the locale of what is being rendered, for numbers and dates."""
    return get_locale() or Locale(SOURCE)


def translated(text: str) -> str:
    """Return a text that was marked by `later`, or is of no catalogue, for the reader.

    Jinja escapes it, as it does not what `_()` returns: a text from outside may pass through here.
    """
    return str(gettext(text)) if text else ""


def set_language(chosen: str) -> None:
    """Write in this language until the app context ends. Call it before anything is written."""
    g.language = chosen


def catalogue_file(name: str) -> Path:
    return CATALOGUES / name / "LC_MESSAGES" / "messages.po"


class _Catalogues(Domain):  # type: ignore[misc]
    """The catalogues, each read when its language is first asked for."""

    def get_translations(self) -> Translations:
        name = language()
        if name not in self.cache:
            self.cache[name] = Translations() if name == SOURCE else _read(name)
        return cast(Translations, self.cache[name])


def _read(name: str) -> Translations:
    # Now rather than above: readers of English don't need it.
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    compiled = BytesIO()
    with catalogue_file(name).open("rb") as file:
        write_mo(compiled, read_po(file, locale=name))
    compiled.seek(0)
    return Translations(compiled)

"""Bring the catalogues in app/translations up to the texts of app/: `make translations`.

A new text has an empty translation, which a test finds; what is no longer in app/ is dropped.
"""

from __future__ import annotations

from io import BytesIO

from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import read_po, write_po

from app.rendering.languages import LANGUAGES, SOURCE, catalogue_file
from scripts import ROOT

TRANSLATED = tuple(name for name in LANGUAGES if name != SOURCE)
_METHODS = [("**/*.py", "python"), ("templates/**/*.html", "jinja2")]
_OPTIONS = {"templates/**/*.html": {"trimmed": "true", "silent": "false"}}
_KEYWORDS = DEFAULT_KEYWORDS | {"later": None}

_HEADER = r"""msgid ""
msgstr ""
"Language: {}\n"
"Content-Type: text/plain; charset=utf-8\n"
"Plural-Forms: {}\n"

"""


def extract() -> Catalog:
    """Return the texts of app/, each with the files that have it."""
    found = Catalog()
    for file, _, text, _, context in extract_from_dir(ROOT / "app", _METHODS, _OPTIONS, _KEYWORDS):
        found.add(text, locations=[(f"app/{file}", 0)], context=context)
    return found


def read(language: str) -> Catalog:
    """Read a language's catalogue; it is empty before there is one."""
    path = catalogue_file(language)
    if not path.exists():
        return Catalog(language, fuzzy=False)
    with path.open("rb") as file:
        return read_po(file, locale=language)


def main() -> None:
    texts = extract()
    for language in TRANSLATED:
        catalogue, path = read(language), catalogue_file(language)
        catalogue.update(texts, no_fuzzy_matching=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(as_po(catalogue))
        missing = len(untranslated(catalogue))
        print(f"{path.relative_to(ROOT)}: {missing} of {len(catalogue)} texts without translation")


def as_po(catalogue: Catalog) -> bytes:
    """Return what the catalogue's file has: no date and no line number, which always change."""
    body = BytesIO()
    write_po(
        *(body, catalogue),
        width=100,
        omit_header=True,
        sort_output=True,
        ignore_obsolete=True,
        include_lineno=False,
    )
    return _HEADER.format(catalogue.locale, catalogue.plural_forms).encode() + body.getvalue()


def untranslated(catalogue: Catalog) -> list[str]:
    """Return the texts that have no translation, or only one of singular and plural."""
    texts = (message for message in catalogue if message.id)
    return [str(text.id) for text in texts if not _is_whole(text.string)]


def _is_whole(translation: str | tuple[str, ...] | list[str] | None) -> bool:
    if isinstance(translation, tuple | list):
        return all(translation)
    return bool(translation)


if __name__ == "__main__":
    main()

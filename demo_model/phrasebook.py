"""The phrases by which people ask for tools and by which results are told, a book a language.

`phrases.toml` beside this file has what every domain needs; each service's folder has its own. A
table named like a language (`[es]`) adds patterns to the others and replaces sentences. Patterns
are regular expressions, in which `{n}`, `{amount}`, `{words}`, `{name}` and `{text}` stand for a
value. docs/demo-model.md describes the tables.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

LANGUAGES = ("en", "es", "de", "fr")
Phrases = dict[str, Any]

_OWN = Path(__file__).with_name("phrases.toml")
SENTENCES = frozenset(["sentences", "say", "told", "task", "before", "missing", "tell", "examples"])
NO_PATTERNS = frozenset(
    ["spell", "ends", "language", "units", "by", "pick", "id", "name", "list", "find", "rewrite"]
)
SLOTS = {
    "n": r"(?P<n>\d{1,3}(?:\.\d{1,2})?|[a-z]{2,10})",
    "amount": (
        r"(?P<sign>(?:US)?\$\s*)?(?P<amount>(?<![\d,])\d[\d,]{0,14}(?:\.\d{1,6})?)"
        r"\s*(?P<unit>UNITS)?(?P<usd>\s*(?:\$|dollars?|usd|dólares))?(?![\w,.]*\d)"
    ),
    "words": (
        r"(?:an? |the |some |una? |el |la |eine[mnr]? )?"
        r"(?P<words>[^\W\d_][\w'-]*(?: [\w'-]+){0,5})"
    ),
    "name": r"(?P<name>[^\W\d_][\w'-]*)",
    "text": r"(?P<text>\S.*)",
}
# A letter behind a backslash is a part of the pattern, and what goes on in a group is half a word.
_WORD = re.compile(r"(?<![\\\w{])[^\W\d_]{3,}(?!\w|\(\?:\w|\\w)")


class PhrasesError(Exception):
    """A file of phrases can't be read. The text says which, and why."""


@dataclass(frozen=True)
class Phrasebook:
    """All phrases in one language, those of the tools under `tool`."""

    phrases: Phrases = field(default_factory=dict)

    def table(self, name: str) -> Phrases:
        """Return a table of the file, empty when there is none."""
        table: Phrases = self.phrases.get(name, {})
        return table

    def say(self, name: str) -> str:
        """Return one of the sentences that every domain needs."""
        return str(self.table("sentences")[name])

    def pattern(self, name: str) -> re.Pattern[str]:
        """Return one of the patterns that every domain needs."""
        return compiled(self.table("patterns")[name])

    def value_pattern(self, pattern: str) -> re.Pattern[str]:
        """Compile a pattern with a slot such as `{n}` in it."""
        filled = re.sub(r"\{([a-z]+)\}", lambda slot: SLOTS[slot[1]], pattern)
        return compiled(filled.replace("UNITS", "|".join(self.table("units"))))

    @cached_property
    def names(self) -> dict[str, str]:
        """Proper names as they are spelt, by their lower case: people mistype those too."""
        names = " ".join(self.phrases.get("spell", ())).split()
        return {name.lower(): name for name in names}

    def small_words(self, language: str) -> frozenset[str]:
        """Return the words by which a language is told."""
        return frozenset(self.table("language").get(language, "").split())

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        """Every word of the patterns, in lower case."""
        words = (word.lower() for p in _patterns(self.phrases) for word in _WORD.findall(p))
        return frozenset(words) | self.ends

    @cached_property
    def ends(self) -> frozenset[str]:
        """The words that can be no part of a name or a wish."""
        return frozenset(" ".join(self.phrases.get("ends", ())).split())


Library = dict[str, Phrasebook]
"""The books by language; `en` is always there."""


def load_library(folder: Path) -> Library:
    """Read the phrases of this model and of every service in the folder. Raises PhrasesError."""
    texts = [_read(file) for file in (_OWN, *sorted(folder.glob("*/phrases.toml")))]
    plain = [{k: v for k, v in text.items() if k not in LANGUAGES} for text in texts]
    books = {"en": Phrasebook(_merged(plain))}
    for language in LANGUAGES:
        if others := [text[language] for text in texts if language in text]:
            books[language] = Phrasebook(_merged([*plain, *others]))
    for book in books.values():
        _check(book)
    return books


def _check(book: Phrasebook) -> None:
    """Raise PhrasesError for what would fail only when somebody asks."""
    for name, thing in book.table("thing").items():
        if lacks := {"id", "pattern", "list", "find", "told"} - thing.keys():
            raise PhrasesError(
                f"The phrases of the thing {name!r} lack {', '.join(sorted(lacks))}."
            )
    for pattern in _patterns(book.phrases):
        try:
            book.value_pattern(pattern)
        except (re.error, KeyError) as error:
            raise PhrasesError(
                f"The pattern {pattern!r} in the phrases is wrong: {error}"
            ) from None


def book_for(questions: Sequence[str], library: Library) -> Phrasebook:
    """Return the book in the language of the last question that shows one, English in doubt."""
    for question in reversed(questions):
        scores = _scores(question, library)
        if any(scores.values()):
            return library[max(scores, key=lambda name: (scores[name], name == "en"))]
    return library["en"]


def _scores(text: str, library: Library) -> dict[str, int]:
    """How many words of the text are those of each language alone."""
    words = re.findall(r"[^\W\d_]+", text.lower())
    english = library["en"].vocabulary
    return {
        name: sum(word in book.small_words(name) | (book.vocabulary - english) for word in words)
        for name, book in library.items()
    }


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """Compile a pattern that stands between word boundaries, in any case."""
    return re.compile(rf"(?:(?<!\w)|(?=\W))(?:{pattern})(?:(?!\w)|(?<!\w))", re.I)


def _read(file: Path) -> Phrases:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PhrasesError(f"{file} can't be read: {error}") from None


def _merged(tables: Iterable[Mapping[str, Any]], replace: bool = False) -> Phrases:
    """Merge the tables: patterns of all of them, and of sentences the last."""
    merged: Phrases = {}
    for table in tables:
        for key, value in table.items():
            before = merged.get(key)
            sentence = replace or key in SENTENCES
            if isinstance(before, dict):
                merged[key] = _merged([before, value], sentence)
            elif before is None or sentence or not isinstance(value, str | list):
                merged[key] = value
            else:
                merged[key] = [*before, *value] if isinstance(value, list) else f"{before}|{value}"
    return merged


def _patterns(phrases: Any) -> Iterator[str]:
    """Yield every pattern, but no sentence."""
    if isinstance(phrases, str):
        yield phrases
    elif isinstance(phrases, list):
        for phrase in phrases:
            yield from _patterns(phrase)
    elif isinstance(phrases, dict):
        for key, value in phrases.items():
            if key not in SENTENCES | NO_PATTERNS:
                yield from _patterns(value)

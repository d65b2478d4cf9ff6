"""The phrases by which people ask for tools and by which results are told, a book a language.

`phrases.toml` beside this file has what every domain needs; each service's folder has its own. A
table named like a language (`[es]`) adds patterns to the others and replaces sentences. Patterns
are regular expressions, in which `{n}`, `{amount}`, `{words}`, `{name}` and `{text}` stand for a
value. docs/demo-model.md describes the tables.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, cached_property, reduce
from pathlib import Path
from typing import Any

from demo_model.sentences import filled

Phrases = dict[str, Any]
Library = dict[str, "Phrasebook"]
"""The books by language; `en` is always there."""

LANGUAGES = ("en", "es", "de", "fr")
# Keys of what is said, and of what is neither said nor a pattern.
SENTENCES = {"sentences", "say", "told", "task", "before", "missing", "tell", "examples", "what"}
NO_PATTERNS = SENTENCES | {"spell", "ends", "language", "units", "slots", "rewrite", "by", "pick"}
NO_PATTERNS |= {"id", "name", "list", "find", "format", "type"}
_OWN: Phrases = tomllib.loads(Path(__file__).with_name("phrases.toml").read_text(encoding="utf-8"))
# A letter behind a backslash is a part of the pattern, and what goes on in a group is half a word.
_WORD = re.compile(r"(?<![\\\w{])[^\W\d_]{3,}(?!\w|\(\?:\w|\\w)")


class PhrasesError(Exception):
    """A file of phrases can't be read. The text says which, and why."""


class Phrasebook(Phrases):
    """All tables in one language."""

    def say(self, name: str, **values: Any) -> str:
        """Return one of the sentences that every domain needs."""
        return self.fill(self["sentences"][name], values)

    def fill(self, phrase: str, values: Mapping[str, Any]) -> str:
        """Return the phrase with its values; empty if one is missing that isn't optional."""
        return filled(phrase, values, self["sentences"]["and"])

    def arguments(self, tool: str) -> dict[str, Phrases]:
        """Return the arguments of a tool, in reading order."""
        arguments: dict[str, Phrases] = self["tool"].get(tool, {}).get("argument", {})
        return arguments

    def named(self, tool: str) -> dict[str, str]:
        """Return the arguments that are proper names, with the part of the name that each takes."""
        return {name: a["name"] for name, a in self.arguments(tool).items() if "name" in a}

    def finds(self, name: str, text: str) -> re.Match[str] | None:
        """Search for one of the patterns that every domain needs."""
        return compiled(self["patterns"][name]).search(text)

    @cached_property
    def names(self) -> dict[str, str]:
        """Proper names as they are spelt, by their lower case: people mistype those too."""
        return {name.lower(): name for name in " ".join(self["spell"]).split()}

    @cached_property
    def ends(self) -> frozenset[str]:
        """The words that can be no part of a name or a wish."""
        return frozenset(" ".join(self["ends"]).split())

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        """Every word of the patterns, in lower case."""
        return self.ends.union(*map(_words, _patterns(self)))


def load_library(folder: Path) -> Library:
    """Read the phrases of this model and of every service in the folder. Raises PhrasesError."""
    texts = [_OWN, *map(_read, sorted(folder.glob("*/phrases.toml")))]
    plain = [{k: v for k, v in text.items() if k not in LANGUAGES} for text in texts]
    library: Library = {}
    for language in LANGUAGES:
        others = [text[language] for text in texts if language in text]
        if others or language == "en":
            library[language] = Phrasebook(reduce(_merged, [*plain, *others]))
            _check(library[language])
    return library


def book_for(questions: Sequence[str], library: Library) -> Phrasebook:
    """Return the book in the language of the last question that shows one, English in doubt."""
    for question in reversed(questions):
        scores = {name: _score(question, name, library) for name in library}
        if any(scores.values()):
            return library[max(scores, key=lambda name: (scores[name], name == "en"))]
    return library["en"]


def _score(text: str, language: str, library: Library) -> int:
    """Return how many words of the text are those of the language alone."""
    book, english = library[language], library["en"]
    own = {*book["language"].get(language, "").split(), *(book.vocabulary - english.vocabulary)}
    return sum(word in own for word in re.findall(r"[^\W\d_]+", text.lower()))


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """Compile a pattern that stands between word boundaries, in any case, with its slots."""
    whole = re.sub(r"\{([a-z]+)\}", lambda slot: _OWN["slots"][slot[1]], pattern)
    return re.compile(rf"(?:(?<!\w)|(?=\W))(?:{whole})(?:(?!\w)|(?<!\w))", re.I)


@cache
def _words(pattern: str) -> frozenset[str]:
    """Return the words of a pattern. It is known for each: a book is completed by every request."""
    return frozenset(word.lower() for word in _WORD.findall(pattern))


def _read(file: Path) -> Phrases:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PhrasesError(f"{file} can't be read: {error}") from None


def _check(book: Phrasebook) -> None:
    """Raise PhrasesError for what would fail only when somebody asks."""
    for name, thing in book["thing"].items():
        if lacks := {"id", "pattern", "list", "find", "told"} - thing.keys():
            missing = ", ".join(sorted(lacks))
            raise PhrasesError(f"The phrases of the thing {name!r} lack {missing}.")
    for pattern in _patterns(book):
        try:
            compiled(pattern)
        except (re.error, KeyError) as error:
            words = f"The pattern {pattern!r} in the phrases is wrong: {error}"
            raise PhrasesError(words) from None


def _merged(old: Any, new: Any, sentence: bool = False) -> Any:
    """Merge what two files say: patterns and lists add up, a sentence is replaced."""
    if isinstance(old, dict):
        both = {k: _merged(old[k], new[k], sentence or k in SENTENCES) for k in old if k in new}
        return old | new | both
    if sentence or not isinstance(old, str | list):
        return new
    return old + new if isinstance(old, list) else f"{old}|{new}"


def _patterns(phrases: Any) -> Iterator[str]:
    """Yield every pattern, but no sentence."""
    if isinstance(phrases, str):
        yield phrases
    elif isinstance(phrases, dict):
        inner = [v for k, v in phrases.items() if k not in NO_PATTERNS]
        yield from _patterns(inner)
    elif isinstance(phrases, list):
        for phrase in phrases:
            yield from _patterns(phrase)

"""The phrases by which people ask for tools and by which results are told, a book a language.

`phrases.toml` beside this file has what every domain needs; each service's folder has its own. A
table named like a language (`[es]`) adds patterns to the others and replaces the rest. Patterns
are regular expressions, in which `{n}`, `{amount}`, `{words}` and `{text}` stand for a value.
docs/demo-model.md describes the tables.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, cached_property, reduce
from pathlib import Path
from typing import Any

from rapidfuzz import process
from rapidfuzz.distance import OSA

from demo_model.config import CannotStart
from demo_model.protocol import Function

Phrases = dict[str, Any]
Library = dict[str, "Phrasebook"]
"""The books by language; `en` is always there, and first."""

LANGUAGES = ("en", "es", "de", "fr")
# Keys under which every text is a pattern, or words that patterns are made of.
PATTERNS = {"ask", "weak", "said", "values", "enum", "after", "words", "pattern", "patterns"}
PATTERNS |= {"talk", "declined", "ends", "spell"}
FROM_SCHEMA = ("description", "enum", "format", "title", "type")
_OWN: Phrases = tomllib.loads(Path(__file__).with_name("phrases.toml").read_text(encoding="utf-8"))
# A letter behind a backslash is a part of the pattern, and what goes on in a group is half a word.
_WHOLE_WORD = re.compile(r"(?<![\\\w{])[^\W\d_]{3,}(?!\w|\(\?:\w|\\w)")
# What may be mistyped: no figure, id or address, and no short word, which are too much alike.
_TYPED_WORD = re.compile(r"(?<![\w@.'-])[^\W\d_]{5,20}(?![\w@]|[.-]\w)")
_PART_OF_NAME = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


class Phrasebook(Phrases):
    """All tables in one language."""

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

    def corrected(self, text: str) -> str:
        """Replace each mistyped word by the one of the phrases that it was meant to be."""
        return _TYPED_WORD.sub(lambda word: self._meant(word[0]), text)

    def _meant(self, word: str) -> str:
        lower = word.lower()
        if {lower, f"{lower}s", lower.removesuffix("s")} & self.vocabulary:
            return word
        # A capital letter makes it a name, which is nothing else mistyped.
        words = self.names if word.istitle() else self.vocabulary
        alike = sorted(each for each in words if each[0] == lower[0] and len(each) > 3)
        farthest = 1 if len(word) < 8 else 2
        found = process.extractOne(lower, alike, scorer=OSA.distance, score_cutoff=farthest)
        return self.names.get(found[0], found[0]) if found else word

    def with_offers(self, functions: Iterable[Function]) -> Phrasebook:
        """Return the book with the tools on offer, which are those with an `offer`."""
        tools = self["tool"]
        offered = {f.name: _offered(f, tools.get(f.name) or _derived(f)) for f in functions}
        return Phrasebook({**self, "tool": {**offered, **tools, **offered}})


def load_library(folder: Path) -> Library:
    """Read the phrases of this model and of every service in the folder. Raises CannotStart."""
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
        words = set(re.findall(r"[^\W\d_]+", question.lower()))
        book = max(library.values(), key=lambda book: len(words & set(book["language"].split())))
        if words & set(book["language"].split()):
            return book
    return library["en"]


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """Compile a pattern that stands between word boundaries, in any case, with its slots."""
    whole = re.sub(r"\{([a-z]+)\}", lambda slot: _OWN["slots"][slot[1]], pattern)
    return re.compile(rf"(?:(?<!\w)|(?=\W))(?:{whole})(?:(?!\w)|(?<!\w))", re.I)


def _offered(function: Function, tool: Phrases) -> Phrases:
    """Return the tool with what its schema tells of each argument, in the order of the phrases."""
    said, schema = tool.get("argument", {}), function.parameters
    known = schema.get("properties", {})
    arguments: Phrases = {}
    for name in [name for name in {**said, **known} if name in known]:
        own = known[name] if isinstance(known[name], dict) else {}
        told = {key: own[key] for key in FROM_SCHEMA if key in own}
        needed = {"required": name in schema.get("required", ())}
        arguments[name] = told | needed | said.get(name, {})
    first = re.split(r"(?<=\.)\s", function.description)[0]
    return {"examples": [first] if first else [], **tool, "argument": arguments, "offer": True}


def _derived(function: Function) -> Phrases:
    """Return phrases for a tool that has none: the words of its name, in their order."""
    words = [part.lower() for part in _PART_OF_NAME.findall(function.name.split("__")[-1])]
    stems = [rf"{re.escape(word.rstrip('s'))}\w{{0,3}}" for word in words if len(word) > 2]
    return {"ask": [r"\b.{0,60}\b".join(stems)] if stems else [], "again": False}


@cache
def _words(pattern: str) -> frozenset[str]:
    """Return the words of a pattern. It is known for each: a book is completed by every request."""
    return frozenset(word.lower() for word in _WHOLE_WORD.findall(pattern))


def _read(file: Path) -> Phrases:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CannotStart(f"{file} can't be read: {error}") from None


def _check(book: Phrasebook) -> None:
    """Raise CannotStart for what would fail only when somebody asks."""
    for name, thing in book["thing"].items():
        if lacks := {"id", "pattern", "list", "find", "told"} - thing.keys():
            missing = ", ".join(sorted(lacks))
            raise CannotStart(f"The phrases of the thing {name!r} lack {missing}.")
    for pattern in _patterns(book):
        try:
            compiled(pattern)
        except (re.error, KeyError) as error:
            words = f"The pattern {pattern!r} in the phrases is wrong: {error}"
            raise CannotStart(words) from None


def _merged(old: Any, new: Any, adds: bool = False) -> Any:
    """Merge what two files say: patterns add up, anything else is replaced."""
    if isinstance(old, dict):
        both = {k: _merged(old[k], new[k], adds or k in PATTERNS) for k in old if k in new}
        return old | new | both
    if not adds:
        return new
    return old + new if isinstance(old, list) else f"{old}|{new}"


def _patterns(phrases: Any, inside: bool = False) -> Iterator[str]:
    """Yield every pattern."""
    if isinstance(phrases, str) and inside:
        yield phrases
    elif isinstance(phrases, dict):
        for key, value in phrases.items():
            yield from _patterns(value, inside or key in PATTERNS)
    elif isinstance(phrases, list):
        for value in phrases:
            yield from _patterns(value, inside)

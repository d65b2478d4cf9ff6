"""Which places a text names. No list of cities: whatever stands where a city would is one."""

from __future__ import annotations

import re
from dataclasses import dataclass

from demo_model.states import CODE_BY_NAME, CODES, state_code

LONGEST_PLACE = 120

# Words that end a place's name, and words that can't be part of one.
_ENDS = re.findall(
    r"\S+",
    """
    a about above active an any are as asap at available be because been below best between
    book but by can cheaper cheapest compare compared could did do does doing e-mail each
    email ever everything find for forward from get give going good have having how i if is
    it just keep less let like list listed listings looking mail market max maximum me min
    mine month more near nearby next no not now of on only over pending please priced
    pricing right sale search send show sold some soon such tell than thanks that the their
    them then there these they this those to today under up us versus vs want was week were
    what when where which who will with within without would year you
    """,
)
_NOUNS = r"homes?|houses?|listings?|propert(?:y|ies)|condos?|apartments?|market|area|real estate"
_STOP = re.compile(
    rf"\b(?:{'|'.join(_ENDS)}|{_NOUNS})\b|[?!;:()$\d]|(?<!\bSt)(?<!\bFt)(?<!\bMt)\.(?:\s|$)", re.I
)
_LEAD = re.compile(
    r"\b(?:in|near|around|from|at|about|for|of|to|with|is|try|compare)\s+(?:the\s+)?", re.I
)
_STRONG_LEAD = re.compile(r"\b(?:in|near|around)\s+(?:the\s+)?", re.I)
_BEFORE_NOUN = re.compile(rf"((?:[\w'-]+,?\s+){{1,4}})(?:real estate|{_NOUNS})\b", re.I)
_FILLERS = frozenset(
    re.findall(
        r"\S+",
        """
    about active affordable again all also analysis and another any anything are available
    bargain beautiful bed bedroom bedrooms beds best big bigger both br can cheap cheaper
    cheapest current different display do estate everything expensive family fetch few find
    first for four get give good great have hello help here hey hi homes houses housing how
    i in is know large larger largest last least list listed listing local look looking
    luxury many market maybe me more most my need new newest nice no of ok on only open or
    other our overview pending per please property pull real recent report same search
    second see sell selling send show single-family small smaller smallest sold some sure
    tell than thanks that the their them there these third this those three to two up us
    want what which with yes you your
        """,
    )
)
_OPENING = re.compile(
    r"^(?:\W*(?:and|or|but|in|then|ok|what about|how about|try)\b(?!\s*$))+",
    re.I,
)
_CITY_AND_CODE = re.compile(r"\b((?:[A-Z][\w.'-]*\s){0,3}[A-Z][\w.'-]*),\s*([A-Z]{2})\b")
_LEADING_FILLERS = re.compile(rf"^(?:(?:{'|'.join(_FILLERS)})\s+)+", re.I)
_LOWER_CASE_WORDS = frozenset(["in", "or", "me", "hi", "ok", "oh"])


@dataclass(frozen=True)
class Place:
    """A city, a state's two-letter code, or both."""

    city: str | None = None
    state: str | None = None

    @property
    def area(self) -> str:
        """The place in one string, like `Portland, OR`."""
        return ", ".join(filter(None, (self.city, self.state)))


def places(text: str, loosely: bool = False) -> tuple[Place, ...]:
    """The places that the text names, in its order.

    Loosely: any word that may lead to a place counts, as in "how is Portland doing".
    """
    return (
        _behind(_STRONG_LEAD, text)
        or _with_code(text)
        or _before_noun(text)
        or (_behind(_LEAD, text) if loosely else ())
        or _state_names(text)
    )


def bare_places(text: str) -> tuple[Place, ...]:
    """The places of a text that holds nothing else, as in "Seattle?" or "and Portland, OR"."""
    rest = _OPENING.sub("", text).strip(" ?!.,")
    words = re.findall(r"[^\W\d_][\w.'-]*", rest)
    if not 1 <= len(words) <= 4 or _STOP.search(rest) or _any_filler(words):
        return ()
    return _split(rest)


def _any_filler(words: list[str]) -> bool:
    return any(word.lower() in _FILLERS - {"and", "or"} and word not in CODES for word in words)


def _behind(lead: re.Pattern[str], text: str) -> tuple[Place, ...]:
    found: list[Place] = []
    for match in lead.finditer(text):
        rest = text[match.end() : match.end() + LONGEST_PLACE]
        stop = _STOP.search(rest)
        found += _split(rest[: stop.start()] if stop else rest)
    return tuple(dict.fromkeys(found))


def _with_code(text: str) -> tuple[Place, ...]:
    found = [Place(city, code) for city, code in _CITY_AND_CODE.findall(text) if code in CODES]
    words = _LEADING_FILLERS.sub
    return tuple(Place(words("", place.city or ""), place.state) for place in found)


def _before_noun(text: str) -> tuple[Place, ...]:
    for match in _BEFORE_NOUN.finditer(text):
        words = match[1].split()
        while words and (words[0].strip(",").lower() in _FILLERS or re.search(r"\d", words[0])):
            words.pop(0)
        if words and not any(_is_filler(word) for word in words):
            return _split(" ".join(words))
    return ()


def _is_filler(word: str) -> bool:
    return word.strip(",").lower() in _FILLERS - {"or", "in", "me"} or bool(re.search(r"\d", word))


def _state_names(text: str) -> tuple[Place, ...]:
    names = re.findall(rf"\b(?:{'|'.join(reversed(CODE_BY_NAME))})\b", text, re.I)
    codes = [code for code in re.findall(r"\b[A-Z]{2}\b", text) if code in CODES]
    return tuple(Place(state=state_code(name)) for name in dict.fromkeys(names + codes))


def _split(span: str) -> tuple[Place, ...]:
    found: list[Place] = []
    span = re.sub(r"\s+(?:and|&)\s*$", "", span).strip(" ,.-'\"")
    for group in re.split(r",?\s+(?:and|or|&)\s+|\s*/\s*", span):
        parts = [part.strip(" .'\"-") for part in group.split(",")]
        for part in filter(None, parts):
            _add(found, part, after_comma=part is not parts[0])
    return tuple(dict.fromkeys(found))


def _add(found: list[Place], part: str, after_comma: bool) -> None:
    """Take one part between commas: a city, a city with its state, or the last city's state."""
    state = state_code(part)
    if after_comma and state and found and not (found[-1].city and found[-1].state):
        last = found.pop()
        # "New York, NY": what looked like a state was the city of that name.
        city = last.city or next(
            n.title() for n, code in CODE_BY_NAME.items() if code == last.state
        )
        found.append(Place(city, state))
    elif state:
        found.append(Place(state=state))
    elif place := _city_and_state(part.split()[:5]):
        found.append(place)


def _city_and_state(words: list[str]) -> Place | None:
    for count in (3, 2, 1):
        tail = " ".join(words[-count:])
        state = state_code(tail) if len(words) > count else None
        if state and (tail not in _LOWER_CASE_WORDS or tail == "or"):
            return Place(_cased(words[:-count]), state)
    return Place(_cased(words)) if words and len(words) <= 4 else None


def _cased(words: list[str]) -> str:
    return " ".join(word.capitalize() if word.islower() else word for word in words)

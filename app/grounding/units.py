"""Words that say what a number is: its size, its unit, whether it is about right."""

from __future__ import annotations

from functools import lru_cache


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


TIMES = {
    **dict.fromkeys(("k", "thousand", "tsd", "tausend"), 1e3),
    **dict.fromkeys(("m", "mn", "mm", "mio", "million", "millions", "millionen"), 1e6),
    **dict.fromkeys(("b", "bn", "mrd", "billion", "billions", "milliarden"), 1e9),
}
CURRENCIES = {
    **dict.fromkeys(("$", "us$", "usd", "dollar", "dollars"), "$"),
    **dict.fromkeys(("€", "eur", "euro", "euros"), "€"),
    **dict.fromkeys(("£", "gbp", "pounds"), "£"),
    **dict.fromkeys(("¥", "jpy"), "¥"),
    **dict.fromkeys(("chf",), "chf"),
}
PERCENT = {"%", "percent", "pct", "prozent", "percentage"}
_MEASURES = {
    "second": ("s", "sec", "secs", "sekunde"),
    "minute": ("min", "mins"),
    "hour": ("h", "hr", "hrs", "stunde"),
    "day": ("tag", "tage"),
    "week": ("wk", "woche"),
    "month": ("monat",),
    "year": ("yr", "yrs", "jahr"),
    "mile": ("mi",),
    "km": ("kilometer", "kilometre", "kmh"),
    "meter": ("metre",),
    "foot": ("ft", "feet", "sqft"),
    "mm": ("millimeter", "millimetre"),
    "degree": ("°c", "°f", "c", "celsius", "fahrenheit", "temp", "temperature"),
    "kg": ("kilogram",),
    "gb": ("gigabyte",),
    "mb": ("megabyte",),
}
_MEASURE_OF = {word: name for name, words in _MEASURES.items() for word in (name, *words)}

HEDGES = _words(
    "about around roughly approximately approx nearly almost over under above below some circa ca "
    "etwa rund fast knapp gut ungefähr just ~ ≈ than"
)
MONEY_KEYS = _words(
    "price cost amount fee rent revenue income cash refund pay paid tax salary budget balance "
    "value usd eur gbp cents profit sales spend arpu charge"
)
PERCENT_KEYS = _words("percent percentage pct rate share ratio margin growth change yield")
PAGE_KEYS = frozenset(("page", "pagination", "paging", "meta", "summary"))
COUNT_KEYS = _words("total count number matches found hits size results")
# What an answer counts of itself.
OF_THE_ANSWER = _words(
    "tip step option thing reason way point question idea example suggestion factor part sentence "
    "word line more other choice deep key main"
)
LABELS = _words(
    "step option part section chapter page version top item question point tip phase no number "
    "rule schritt punkt"
)
_STOP = _words(
    "per for the and not all are has have had was were with from that this its our your their of "
    "in on at by to is it a an or as be"
)
_ENDINGS = {"ed", "ing", "er", "ly", "d"}


@lru_cache(maxsize=4096)
def stem(word: str) -> str:
    """Return a word in lower case, as one thing."""
    word = word.lower()
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-1] if len(word) > 3 and word.endswith("s") and word[-2] != "s" else word


@lru_cache(maxsize=8192)
def same_word(one: str, other: str) -> bool:
    """Whether two stems mean the same, as far as their letters tell: bath and bathroom."""
    if one == other:
        return one not in _STOP and len(one) > 1
    short, long = sorted((one, other), key=len)
    rest = long[len(short) :]
    return len(short) > 2 and short not in _STOP and long.startswith(short) and rest not in _ENDINGS


def measure_of(word: str) -> str:
    """Return the unit of measure that a word names; "" if it names none."""
    low = word.lower()
    return _MEASURE_OF.get(low) or _MEASURE_OF.get(stem(low), "")

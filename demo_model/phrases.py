"""What single phrases of a question mean: prices, bedrooms, statuses, listing ids, addresses."""

from __future__ import annotations

import re

_WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
NUMBERS = {word: number for number, word in enumerate(_WORDS, 1)}
_NUMBER = rf"(?:\d{{1,2}}|{'|'.join(NUMBERS)})"
_BEDS = r"[\s-]*(?:bed(?:room)?s?|brs?|bds?|bdrms?)\b"
_AMOUNT = (
    r"(?P<dollar>(?:US)?\$\s*)?(?P<figure>(?<![\d,])\d[\d,]{0,14}(?:\.\d{1,6})?)"
    r"\s*(?P<unit>k|m|mm|mil|mio|thousand|million|grand)?(?P<usd>\s*(?:dollars|usd))?\b"
)
_NO_COUNT = rf"(?!{_BEDS}|[\s-]*(?:bath|listings?\b|homes?\b|houses?\b|days?\b|percent|%))"
_AT_MOST = (
    r"(?:under|below|less than|lower than|cheaper than|up to|not over|no more than|at most"
    r"|within|max(?:imum)?(?: price)?(?: of| is)?|budget(?: of| is)?|<=?)[\s:]*"
)
_AT_LEAST = (
    r"(?:over|above|more than|at least|no less than|starting (?:at|from)"
    r"|min(?:imum)?(?: price)?(?: of| is)?|>=?)[\s:]*"
)
_HIGHEST_PRICE = (
    rf"{_AT_MOST}{_AMOUNT}{_NO_COUNT}",
    rf"between [^?.]*? and {_AMOUNT}{_NO_COUNT}",
    rf"{_AMOUNT}{_NO_COUNT}\s*(?:or less|or under|or below|or cheaper|max(?:imum)?|tops|budget)\b",
)
_LOWEST_PRICE = (
    rf"(?<!not )(?<!no ){_AT_LEAST}{_AMOUNT}{_NO_COUNT}",
    rf"between {_AMOUNT}\s+and\b",
)
_FACTORS = {"k": 1e3, "thousand": 1e3, "grand": 1e3, "": 1.0}
_STATUSES = {
    "Active": r"active|for sale|available|on the market|unsold",
    "Pending": r"pending|under contract|in escrow",
    "Sold": r"sold|closed",
}
_EMAIL = re.compile(r"[\w.+'-]{1,64}@(?:[\w-]{1,63}\.){1,8}[a-z]{2,24}", re.I)
_LISTING_ID = re.compile(r"\b[a-z]\d{3,8}\b", re.I)

NOT_FILTERED = {
    "bathrooms": r"bath(?:room)?s?\b",
    "floor area": r"sq\.? ?ft|square f(?:ee|oo)t|sqm|square met",
    "garages and parking": r"garages?\b|parking",
    "pools": r"pools?\b",
    "gardens and yards": r"gardens?\b|yards?\b|backyard",
    "schools": r"schools?\b",
    "postal codes": r"zip\b|postal code|\b(?:in|near) \d{5}\b",
    "the kind of building": r"condos?\b|apartments?\b|townhouses?\b|studios?\b|duplex",
    "the year it was built": r"built (?:in|after|before)|new construction",
    "views of the surroundings": r"(?:ocean|lake|mountain|city|water) views?|waterfront",
    "pets": r"pets?\b|dogs?\b|cats?\b",
}


def email_address(text: str) -> str | None:
    """The first complete e-mail address in the text."""
    found = _EMAIL.search(text)
    return found[0] if found else None


def last_email_address(text: str) -> str | None:
    """The last complete e-mail address in the text."""
    found = _EMAIL.findall(text)
    return found[-1] if found else None


def without_email(text: str) -> str:
    """The text with its addresses taken out, so that their words are read as nothing else."""
    return _EMAIL.sub(" ", text)


def listing_ids(text: str) -> tuple[str, ...]:
    """Ids like L001, in upper case, each once, in the order they are said."""
    return tuple(dict.fromkeys(word.upper() for word in _LISTING_ID.findall(text)))


def number(word: str) -> int:
    """The value of `3` or `three`."""
    return NUMBERS.get(word.lower()) or int(word)


def highest_price(text: str) -> int | None:
    """The most that a home may cost, in dollars."""
    for pattern in _HIGHEST_PRICE:
        for found in re.finditer(pattern, text, re.I):
            if price := _dollars(found):
                return price
    return None


def _dollars(found: re.Match[str]) -> int | None:
    unit = (found["unit"] or "").lower()
    value = float(found["figure"].replace(",", "")) * _FACTORS.get(unit, 1e6)
    if unit or found["dollar"] or found["usd"] or value >= 10_000:
        return round(value)
    # "under 900" for a home means thousands. Smaller figures are no price at all.
    return round(value * 1000) if value >= 100 else None


def fewest_bedrooms(text: str) -> int | None:
    """The bedrooms a home must have; of a choice ("3 or 4 bedrooms") the smaller number."""
    pattern = rf"\b({_NUMBER})(?:\s*(?:\+|plus|or more)|\s*(?:or|to|-|and)\s*{_NUMBER})?{_BEDS}"
    found = re.search(pattern, text, re.I)
    return number(found[1]) if found and not _most_bedrooms(text) else None


def _most_bedrooms(text: str) -> bool:
    return bool(re.search(rf"{_AT_MOST}{_NUMBER}{_BEDS}", text, re.I))


def statuses(text: str) -> tuple[str, ...]:
    """The statuses asked for, as the listings name them."""
    return tuple(
        status for status, words in _STATUSES.items() if re.search(rf"\b(?:{words})\b", text, re.I)
    )


def not_filtered(text: str) -> tuple[str, ...]:
    """The wishes in the text that no search supports, each in words that fit behind "by"."""
    wishes = [
        wish for wish, words in NOT_FILTERED.items() if re.search(rf"\b(?:{words})", text, re.I)
    ]
    if any(_dollars(found) for p in _LOWEST_PRICE for found in re.finditer(p, text, re.I)):
        wishes.append("a lowest price")
    elif "$" in text and not highest_price(text):
        wishes.append("an exact price")
    if _most_bedrooms(text):
        wishes.append("a highest number of bedrooms")
    return tuple(wishes)

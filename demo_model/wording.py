"""The words by which a question's kind is told, as regular expressions."""

from __future__ import annotations

import re

HOMES = re.compile(
    r"\b(?:homes?|houses?|listings?|propert(?:y|ies)|condos?|apartments?|townhouses?"
    r"|places? to live)\b",
    re.I,
)
FIND = re.compile(
    r"\b(?:find|show|tell me|search|looking for|look for|look up|list|get me|give me"
    r"|any|anything|something|need|want|see)\b",
    re.I,
)
FIND_HOMES = re.compile(f"{FIND.pattern}.{{0,80}}{HOMES.pattern}", re.I)
REFINING = re.compile(
    r"^\W*(?:and|or|but|only|just|what about|how about|now|then|instead|with)\b"
    r"|\b(?:only|just|instead|narrow|filter|those|these|them|ones?|same)\b",
    re.I,
)
FOLLOWING = re.compile(
    r"^\W*(?:and|or|but|then|also|in|try|what about|how about|now)\b",
    re.I,
)
THERE = re.compile(r"(?<!are )(?<!is )\b(?:over |out )?there\b(?! (?:is|are|any)\b)", re.I)
_MYSELF = r"(?:me|myself|mine|my (?:own )?(?:e-?mail|mail|address|inbox))\b"
JUST_TO_ME = re.compile(rf"^\W*(?:to )?{_MYSELF}(?: address)?\W*(?:please)?\W*$", re.I)
TO_ME = re.compile(
    rf"\bto {_MYSELF}|\b(?:send|e-?mail|mail|forward) (?:me|myself)\b|{JUST_TO_ME.pattern}", re.I
)
SHOWING = re.compile(r"\b(?:show|see|list|display|look at)\b", re.I)
REPORTING = re.compile(r"\b(?:report|recommend|perform)", re.I)

ASKED: dict[str, re.Pattern[str]] = {
    kind: re.compile(words, re.I)
    for kind, words in {
        "send": r"\b(?:send|e-?mail|mail|forward)\b",
        "report": r"\breports?\b|\bsummar(?:y|ies|i[sz]e)\b|\brecommendations?\b|\bdetails\b"
        r"|\btell me (?:more )?about (?:[a-z]?\d|it|them|those|these|both|that|this|the (?:"
        r"first|second|third|fourth|fifth|last|cheapest|most|largest|biggest|smallest))",
        "market": r"(?<!on the )\bmarkets?\b|\btrends?\b|\baverage price|\bcompetiti"
        r"|\bprice (?:change|trend)|\bprices (?:going|moving|rising|falling|developing)",
        "metrics": r"\bmetrics?\b|\bstat(?:s|istics)\b|\bpage ?views?\b|\binquir|\bsaves\b"
        r"|\bmost (?:views|viewed|popular)|\bclick|\bconver(?:sion|ts?)\b|\bengagement"
        r"|\bperform(?:s|ing|ance)?\b|\banalytics\b"
        r"|\bhow(?:'s| is| are|'re| did| do| does) .{0,80}\b(?:doing|going|do)\b"
        rf"|\btell me (?:more )?about (?!.*{HOMES.pattern})",
    }.items()
}

ABOUT_ME: dict[str, str] = {
    "feelings": r"\bhow are you\b|\bhow(?:'s| is) it going\b|\bhow do you do\b",
    "identity": r"\bwho are you\b|\bwhat are you\b|\bwhat(?:'s| is) your name\b"
    r"|\bare you (?:a |an )?(?:bot|human|real|ai|robot|person|model|chatgpt)"
    r"|\bwh(?:ich|at) model\b",
}
SMALL_TALK: dict[str, str] = {
    "abilities": r"\bwhat (?:can|do) you do\b|\bhelp\b|\bcan you do\b|\bexamples?\b"
    r"|\bhow (?:do|does|can) (?:i|this|it) (?:use|work)|\bwhat can i (?:ask|do|say)\b",
    "thanks": r"\bthank|\bthx\b|\bcheers\b|\bgreat\b|\bperfect\b|\bawesome\b|\bnice\b|\bcool\b",
    "farewell": r"\bbye\b|\bgoodbye\b|\bsee you\b|\bgood night\b",
    "greeting": r"^\W*(?:hi|hello|hey|howdy|good (?:morning|afternoon|evening)|greetings)\b",
    "assent": r"^\W*(?:yes|yeah|yep|ok|okay|sure|please do|go on|no|nope)\W*$",
}
DECLINED: dict[str, str] = {
    "arrange viewings or appointments": r"\b(?:viewings?|tours?|appointments?|visits?|open house"
    r"|book|schedule)\b",
    "work out mortgages or loans": r"\bmortgages?\b|\bloans?\b|\binterest rate|\bdown ?payment"
    r"|\bfinanc",
    "buy, sell or negotiate": r"\b(?:make|submit|place) an offer\b|\bnegotiat|\bsell my\b"
    r"|\bbuy it\b|\blist my\b",
    "change or delete listings": r"\b(?:delete|remove|update|edit|change) "
    r"(?:(?:the|a|this|that) )?(?:listing|price|home|l\d)",
    "give legal or tax advice": r"\blegal\b|\blawyer|\btax(?:es)?\b",
    "look into the future": r"\b(?:forecast|predict|next year|will prices)\b",
    "help with that: I only know about homes for sale": r"\b(?:weather|restaurants?|hotels?"
    r"|flights?|recipes?|jokes?|poems?|songs?|news|stor(?:y|ies)|translate|football|movies?"
    r"|capital of|president|python|javascript|code|jobs?|crime)\b",
}


def topic(topics: dict[str, str], text: str) -> str:
    """The first topic whose words are in the text; empty when there is none."""
    return next((name for name, words in topics.items() if re.search(words, text, re.I)), "")

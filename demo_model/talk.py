"""What the model says without a tool: small talk, refusals, questions back, a word before calls."""

from __future__ import annotations

from collections.abc import Sequence

from demo_model.protocol import ToolCall
from demo_model.results import FIND, MARKET, METRICS, REPORT, SEND

ABILITIES = """Here is what you can ask me:

- **Find homes** by city, state, bedrooms, price or status: *Find me 3-bedroom homes in Portland \
under $900,000*
- **See how listings do**: *How is L001 doing?* or *Performance report for L001 and L002*
- **Look at a market**: *How is the market in Seattle, WA?*
- **Send listings by e-mail**: *Send L001 and L002 to ann@example.com*, or *Send these to me*

You can also lean on what we said before, as in *only the active ones*, *how are those doing?* or \
*the cheapest one*."""

TEXTS: dict[str, str] = {
    "greeting": f"Hello! I'm the demo model, and I can look up homes for you.\n\n{ABILITIES}",
    "feelings": "I'm a rule-based demo, so I have no moods, but everything works. "
    "Which homes or which market shall I look at?",
    "identity": "I'm the **demo model**: a small set of rules rather than a real language model. "
    "I understand simple questions about homes and answer from what the tools tell me, "
    f"never from knowledge of my own.\n\n{ABILITIES}",
    "abilities": ABILITIES,
    "thanks": "You're welcome! Is there another home or market that I can look up?",
    "farewell": "Goodbye! Your conversation stays here, so you can pick it up at any time.",
    "assent": f"Tell me what to look up next.\n\n{ABILITIES}",
}
UNCLEAR = (
    "I'm sorry, I didn't understand that. I'm a rule-based demo model and know only a few kinds "
    f"of question.\n\n{ABILITIES}"
)
WHICH_HOMES = (
    "Which homes do you mean? Name their ids, as in *L001 and L002*, or search for homes first, "
    "as in *homes in Portland*."
)
WHICH_AREA = "Which area do you mean? Name a city and its state, as in *Portland, OR*."
WHICH_ADDRESS = (
    "Which e-mail address shall I send {homes} to? Write it in full, as in *ann@example.com*."
)

_WORDS_BEFORE = {
    FIND: "Let me look those up.",
    MARKET: "Let me look at the market.",
    METRICS: "Let me check the figures.",
    REPORT: "I'll put the report together.",
}
_TASKS = {
    FIND: "Searching for homes",
    SEND: "Sending listings by e-mail",
    METRICS: "Looking up listing figures",
    MARKET: "Looking up a market",
    REPORT: "Making a performance report",
}


def before(calls: tuple[ToolCall, ...], again: bool) -> str:
    """A word before the calls; none when the answer is under way, except ahead of an e-mail."""
    first = calls[0]
    if first.name == SEND:
        recipient = first.arguments["recipientEmail"]
        homes = in_words(first.arguments["listingIds"])
        return f"I'll prepare a report about {homes} for {recipient}."
    return "" if again else _WORDS_BEFORE[first.name]


def declined(topic: str) -> str:
    """A plain refusal."""
    return f"I can't {topic}.\n\n{ABILITIES}"


def unavailable(tool: str) -> str:
    """What to say when a tool is needed that is not on offer."""
    return (
        f"{_TASKS[tool]} isn't available right now: the tool `{tool}` is not on offer. "
        "Please try again in a moment."
    )


def in_words(words: Sequence[str], joint: str = "and") -> str:
    """`a`, `a and b`, or `a, b and c`."""
    return f" {joint} ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))

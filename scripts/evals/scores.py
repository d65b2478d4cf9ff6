"""What is right about an answer: the tools that were called, their arguments, and its facts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scripts.evals.cases import Case


@dataclass(frozen=True)
class Call:
    """A tool call that was made, or asked for where a person has to approve it."""

    tool: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Answer:
    """The answer to a case's last question. `problem` says why there is none, or is ""."""

    calls: Sequence[Call]
    text: str
    seconds: float = 0.0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    problem: str = ""


@dataclass(frozen=True)
class Score:
    """Whether each part is right. `missing` says what is not, for people."""

    tool: bool
    arguments: bool
    answer: bool
    missing: str = ""

    @property
    def all_right(self) -> bool:
        return self.tool and self.arguments and self.answer


def score(case: Case, answer: Answer) -> Score:
    """Compare an answer with what its case asks for.

    With a wrong tool the arguments count as wrong, and so does an answer that was not completed.
    """
    called = {call.tool for call in answer.calls}
    tool = _are_those(called, case.tools)
    wrong = _wrong_arguments(case, answer.calls) if tool else "another tool"
    lacking = [fact for fact in case.facts if not _has(answer.text, fact)]
    claimed = [words for words in case.never if _has(answer.text, words)]
    reasons = (
        "" if tool else f"called {', '.join(sorted(called)) or 'no tool'}",
        wrong if tool else "",
        f"without {', '.join(lacking)}" if lacking else "",
        f"says {', '.join(claimed)}" if claimed else "",
        answer.problem,
    )
    return Score(
        tool,
        tool and not wrong,
        not (lacking or claimed or answer.problem),
        "; ".join(filter(None, reasons)),
    )


def _are_those(called: set[str], wanted: Sequence[str]) -> bool:
    choices = [set(names.split("|")) for names in wanted]
    return all(called & names for names in choices) and called <= set().union(*choices)


def _wrong_arguments(case: Case, calls: Sequence[Call]) -> str:
    """Return what is wrong with the arguments of the nearest call, or ""."""
    if not case.tools:
        return ""
    first = case.tools[0].split("|")
    wrong = [_difference(case, call.arguments) for call in calls if call.tool in first]
    return min(wrong, key=len)


def _difference(case: Case, arguments: Mapping[str, Any]) -> str:
    found = {name: value for name, value in arguments.items() if value not in (None, "")}
    parts = [
        f"{name} is {found.get(name, 'missing')!r}"
        for name, value in case.arguments.items()
        if not _is_like(found.get(name), value)
    ]
    more = found.keys() - case.arguments.keys() - set(case.may_have)
    return ", ".join([*parts, *(f"{name} was not asked for" for name in sorted(more))])


def _is_like(found: Any, wanted: Any) -> bool:
    """Whether two values mean the same: "3" and 3, "portland" and "Portland", lists in any order.

    A wanted text may be one of several: "Portland, OR|Portland".
    """
    if isinstance(wanted, list):
        return isinstance(found, list) and sorted(map(_plain, found)) == sorted(map(_plain, wanted))
    choices = wanted.split("|") if isinstance(wanted, str) else [wanted]
    return _plain(found) in map(_plain, choices)


def _plain(value: Any) -> str:
    try:
        return f"{float(value):g}"
    except (TypeError, ValueError):
        return " ".join(str(value).casefold().split())


def _has(text: str, wordings: str) -> bool:
    """Whether one of the wordings is in a text, and is not a part of a longer word or number."""
    plain = _words(text)
    return any(
        re.search(rf"(?<![\w.,]){re.escape(_words(each))}(?!\w|[.,]\d)", plain)
        for each in wordings.split("|")
    )


def _words(text: str) -> str:
    """Return a text without capital letters, Markdown's stars and unusual spaces."""
    return " ".join(text.replace("*", "").casefold().split())

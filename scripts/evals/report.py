"""Evaluations as a table for people, and as a file for the next run to compare with."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path

from genai_prices import Usage, calc_price

from scripts.evals.scores import Answer, Score


@dataclass(frozen=True)
class Outcome:
    """What one case's answer was like. `dollars` is None where the model's price is unknown."""

    case: str
    score: Score
    seconds: float
    tokens: int
    dollars: float | None


def outcome(case: str, score: Score, answer: Answer, model: str) -> Outcome:
    """Add what an answer cost to its score."""
    tokens = answer.prompt_tokens + answer.completion_tokens
    return Outcome(case, score, round(answer.seconds, 1), tokens, _price(answer, model))


def _price(answer: Answer, model: str) -> float | None:
    usage = Usage(input_tokens=answer.prompt_tokens, output_tokens=answer.completion_tokens)
    try:
        price: Decimal = calc_price(usage, model_ref=model).total_price
    except LookupError:
        return None
    return float(price)


def table(outcomes: Sequence[Outcome], before: Mapping[str, bool]) -> str:
    """Return a line a case and the sums, and what changed since `before` (see `read_last`)."""
    width = max(len("question"), *(len(each.case) for each in outcomes))
    head = f"{'question':{width}}  tool  arguments  answer  seconds  tokens"
    lines = [head, "-" * len(head), *(_line(each, width) for each in outcomes), "-" * len(head)]
    lines.append(_sums(outcomes, width))
    return "\n".join([*lines, *_rest(outcomes, before)])


def _sums(outcomes: Sequence[Outcome], width: int) -> str:
    scores = [each.score for each in outcomes]
    tools, arguments, answers = (
        sum(getattr(each, part) for each in scores) for part in ("tool", "arguments", "answer")
    )
    seconds = sum(each.seconds for each in outcomes)
    tokens = sum(each.tokens for each in outcomes)
    title = f"right, of {len(outcomes)}"
    return f"{title:{width}}  {tools:>4}  {arguments:>9}  {answers:>6}  {seconds:7.1f}  {tokens:6}"


def _line(each: Outcome, width: int) -> str:
    score = each.score
    marks = ["yes" if right else "NO" for right in (score.tool, score.arguments, score.answer)]
    reason = f"  {each.score.missing}" if each.score.missing else ""
    return (
        f"{each.case:{width}}  {marks[0]:>4}  {marks[1]:>9}  {marks[2]:>6}"
        f"  {each.seconds:7.1f}  {each.tokens:6}{reason}"
    )


def _rest(outcomes: Sequence[Outcome], before: Mapping[str, bool]) -> list[str]:
    now = {each.case: each.score.all_right for each in outcomes}
    changed = {name for name in now.keys() & before.keys() if now[name] != before[name]}
    better = sorted(name for name in changed if now[name])
    worse = sorted(name for name in changed if not now[name])
    prices = [each.dollars for each in outcomes]
    known = [price for price in prices if price is not None]
    cost = f"${sum(known):.4f}" if len(known) == len(prices) else "unknown"
    lines = [f"All of it right: {sum(now.values())}.", f"Cost: {cost}."]
    if before:
        lines.append(f"Since the last run, right now: {', '.join(better) or 'no other'}.")
        lines.append(f"Since the last run, wrong now: {', '.join(worse) or 'no other'}.")
    return lines


def read_last(file: Path) -> dict[str, bool]:
    """Return whether each case was all right at the last run; {} if there was none."""
    try:
        cases = json.loads(file.read_text())["cases"]
        return {case["case"]: bool(case["all_right"]) for case in cases}
    except (OSError, ValueError, LookupError, TypeError):
        return {}


def write(file: Path, model: str, outcomes: Sequence[Outcome]) -> None:
    """Keep the outcomes for the next run."""
    cases = [asdict(each) | {"all_right": each.score.all_right} for each in outcomes]
    text = json.dumps({"model": model, "cases": cases}, indent=2, ensure_ascii=False)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text + "\n")

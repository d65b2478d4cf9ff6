"""The samples of one complete run (bench/results.json), and the figures made of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from app.rendering.markdown import to_html
from bench.answer_text import answer_tokens
from scripts import ROOT

RESULTS = ROOT / "bench" / "results.json"

Sample = dict[str, Any]
"""A measure.Sample as JSON."""
Figure = Callable[[Sample], float | None]


@dataclass(frozen=True)
class Results:
    """The samples of one run, with the machine and the ceiling."""

    json: dict[str, Any]

    def of(
        self, purpose: str, contender: str, streams: int, tokens: int | None = None
    ) -> list[Sample]:
        """Return the samples of a case; `tokens` None for any length."""
        return [
            sample
            for sample in self.json["samples"]
            if sample["case"]["contender"] == contender
            and sample["case"]["streams"] == streams
            and sample["case"]["purpose"] == purpose
            and tokens in (None, sample["case"]["tokens"])
        ]

    @property
    def counts(self) -> list[int]:
        """Numbers of streams in the main table."""
        cases = [sample["case"] for sample in self.json["samples"]]
        return sorted({case["streams"] for case in cases if case["purpose"] == "streams"})


def load(path: Path = RESULTS) -> Results:
    return Results(json.loads(path.read_text()))


def median_of(figure: Figure, samples: list[Sample]) -> float | None:
    """Return the median of a figure; None if half of the samples or more don't have it."""
    values = [figure(sample) for sample in samples]
    found = [value for value in values if value is not None]
    return median(found) if len(found) > len(values) / 2 else None


def cpu_per_1000(sample: Sample) -> float | None:
    """Return milliseconds of CPU for 1000 tokens, the cost of the questions included.

    None if answers are unfinished: how many of their tokens were relayed is unknown.
    """
    case = sample["case"]
    if sample["complete"] < case["streams"]:
        return None
    return float(sample["cpu"] / (case["streams"] * case["tokens"]) * 1e6)


def cpu_per_answer(sample: Sample) -> float:
    """Return milliseconds of CPU for one answer."""
    return float(sample["cpu"] / sample["case"]["streams"] * 1e3)


def memory_per_stream(sample: Sample) -> float:
    """Return kilobytes of memory for each open stream."""
    growth = sample["memory_peak"] - sample["memory_before"]
    return float(max(growth, 0) / sample["open_at_once"] / 1024)


def rendered_bytes(tokens: int) -> int:
    """Return the size of the answer's HTML."""
    return len(to_html("".join(answer_tokens(tokens))).encode())


def question_and_token_cost(results: Results, contender: str) -> tuple[float, float] | None:
    """Return milliseconds of CPU for a question, and for 1000 tokens without the question.

    They are calculated from answers of 5 and of 600 tokens at 50 streams. None without those.
    """
    samples = [results.of("fixed", contender, 50, tokens) for tokens in (5, 600)]
    short, long = (median_of(cpu_per_answer, each) for each in samples)
    if short is None or long is None:
        return None
    per_token = (long - short) / (600 - 5)
    return short - 5 * per_token, per_token * 1000

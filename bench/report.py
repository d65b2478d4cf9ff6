"""Writes the tables and plots of docs/performance.md: python -m bench.report

They come from bench/results.json. Only what is between the marks is replaced; the prose is written
by hand.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from pygal.graph.line import Line
from pygal.style import Style

from app.rendering.markdown import to_html
from bench.answers import tokens as answer_tokens
from scripts import ROOT

RESULTS = ROOT / "bench" / "results.json"
DOCS = ROOT / "docs"
NAMES = {
    "html": "Homestream, HTML fragments",
    "json": "Homestream, JSON",
    "html-2-workers": "Homestream, HTML, two workers",
    "fastapi": "FastAPI + AsyncOpenAI",
    "flask": "Flask + gevent + openai",
}
_STYLE = Style(  # type: ignore[no-untyped-call]
    background="white",
    plot_background="white",
    colors=("#0f766e", "#2f6fb5", "#b3261e", "#c77d0a"),
    guide_stroke_color="#e2dfd9",
    major_guide_stroke_color="#c9c5bd",
)
_BEGIN, _END = "<!-- measured: {} -->", "<!-- /measured -->"

Sample = dict[str, Any]


@dataclass(frozen=True)
class Results:
    """All samples of one run of the benchmark."""

    told: dict[str, Any]

    def of(
        self, purpose: str, contender: str, streams: int, tokens: int | None = None
    ) -> list[Sample]:
        return [
            sample
            for sample in self.told["samples"]
            if sample["case"]["contender"] == contender
            and sample["case"]["streams"] == streams
            and sample["case"]["purpose"] == purpose
            and tokens in (None, sample["case"]["tokens"])
        ]

    def middle(
        self, figure: Callable[[Sample], float | None], samples: list[Sample]
    ) -> float | None:
        """The median; None where there is none, or it was never reached."""
        values = [figure(sample) for sample in samples]
        found = [value for value in values if value is not None]
        return median(found) if len(found) > len(values) / 2 else None

    @property
    def counts(self) -> list[int]:
        cases = [one["case"] for one in self.told["samples"]]
        return sorted({case["streams"] for case in cases if case["purpose"] == "streams"})


def load(path: Path = RESULTS) -> Results:
    return Results(json.loads(path.read_text()))


def cpu_per_1000(sample: Sample) -> float | None:
    """Milliseconds of CPU for 1000 tokens, what the questions cost among it. None for who left
    answers unfinished: of those tokens nobody knows how many were carried."""
    case = sample["case"]
    if sample["complete"] < case["streams"]:
        return None
    return float(sample["cpu"] / (case["streams"] * case["tokens"]) * 1e6)


def cpu_per_answer(sample: Sample) -> float:
    """In milliseconds."""
    return float(sample["cpu"] / sample["case"]["streams"] * 1e3)


def memory(sample: Sample) -> float:
    """Kilobytes for each open stream."""
    grown = sample["memory_peak"] - sample["memory_before"]
    return float(max(grown, 0) / sample["open_at_once"] / 1024)


def rendered(tokens: int) -> int:
    """The bytes of the answer's HTML."""
    return len(to_html("".join(answer_tokens(tokens))).encode())


def parts(results: Results, contender: str) -> tuple[float, float] | None:
    """What a question costs, in milliseconds of CPU, and what 1000 tokens do beyond that: by the
    shortest and the longest answers at 50 streams."""
    of = [results.of("fixed", contender, 50, tokens) for tokens in (5, 600)]
    short, long = (results.middle(cpu_per_answer, samples) for samples in of)
    if short is None or long is None:
        return None
    slope = (long - short) / (600 - 5)
    return short - 5 * slope, slope * 1000


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _shown(value: float | None, digits: int = 0) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"


def table(results: Results) -> str:
    """The main table: a row for each contender, count and length."""
    head = _row(
        "streams",
        "tokens each",
        "what",
        "CPU ms per 1000 tokens",
        "first token, ms: p50",
        "p99",
        "whole wait, ms: p50",
        "p99",
        "completion p50",
        "p99",
        "KB a stream",
        "memory, KB a stream",
        "complete",
    )
    lines = [head, f"|--:|--:|---|{'--:|' * 10}"]
    for count in results.counts:
        for purpose in ("streams", "workers", "longer"):
            for name in NAMES:
                samples = results.of(purpose, name, count)
                if samples:
                    lines.append(_measured(results, name, samples))
    return "\n".join(lines)


def _measured(results: Results, name: str, samples: list[Sample]) -> str:
    def at(kind: str, share: str, digits: int = 0) -> str:
        return _shown(results.middle(lambda one: one[kind][share], samples), digits)

    complete = sum(one["complete"] - one["wrong"] for one in samples)
    return _row(
        f"{samples[0]['case']['streams']:,}",
        f"{samples[0]['case']['tokens']:,}",
        NAMES[name],
        _shown(results.middle(cpu_per_1000, samples)),
        at("delivery", "p50", 1),
        at("delivery", "p99", 1),
        at("whole", "p50", 1),
        at("whole", "p99", 1),
        at("completion", "p50", 2),
        at("completion", "p99", 2),
        _shown(results.middle(lambda one: one["received"] / 1024, samples), 1),
        _shown(results.middle(memory, samples)),
        f"{complete / sum(one['case']['streams'] for one in samples):.0%}",
    )


def cost_table(results: Results) -> str:
    """What a question costs and what a token does, apart."""
    lines = [_row("what", "CPU ms a question", "CPU ms per 1000 tokens"), "|---|--:|--:|"]
    for name in ("html", "json", "fastapi", "flask"):
        found = parts(results, name)
        if found:
            lines.append(_row(NAMES[name], _shown(found[0], 1), _shown(found[1], 1)))
    return "\n".join(lines)


def more_table(results: Results) -> str:
    """The figures that stand by themselves."""
    log = results.middle(cpu_per_1000, results.of("event-log", "html-valkey", 100))
    plain = results.middle(cpu_per_1000, results.of("streams", "html", 100))
    rows = [
        *_over_fastapi(results),
        ("CPU with the event log on Valkey / in memory, 100 streams", _ratio(log, plain)),
    ]
    for count, purpose, tokens in (
        (100, "streams", 200),
        (10, "length", 2000),
        (4, "long", 50_000),
    ):
        samples = results.of(purpose, "html", count, tokens)
        sent = results.middle(lambda one: one["received"], samples)
        rows.append(
            (
                f"bytes sent / bytes of the rendered answer, {tokens:,} tokens",
                _ratio(sent, rendered(tokens)),
            )
        )
    for what, less in (("", 0), (", without the cost of the question", 5)):
        rows.append(
            (f"CPU per token at 50,000 tokens / at 200{what}", _ratio(*_long(results, less)))
        )
    lines = [_row("what", "ratio"), "|---|--:|", *(_row(*row) for row in rows)]
    return "\n".join(lines)


def _over_fastapi(results: Results) -> Iterator[tuple[str, str]]:
    """Of HTML fragments, beside the relay on the usual libraries."""
    for purpose, tokens in (("streams", 200), ("longer", 600)):
        html, fastapi = (
            results.middle(cpu_per_1000, results.of(purpose, name, 200, tokens))
            for name in ("html", "fastapi")
        )
        yield f"CPU / FastAPI's, 200 streams of {tokens} tokens", _ratio(html, fastapi)
    per_token = [found and found[1] for found in (parts(results, n) for n in ("html", "fastapi"))]
    yield (
        "CPU per token / FastAPI's, without the cost of the question, 50 streams",
        _ratio(*per_token),
    )


def _long(results: Results, less: int) -> tuple[float | None, float | None]:
    """CPU per token in a long answer and in short ones; without that of `less` tokens and the
    question that they answer, if there are any."""
    long = results.middle(cpu_per_answer, results.of("long", "html", 4, 50_000))
    usual = results.middle(cpu_per_answer, results.of("long", "html", 250, 200))
    none = results.middle(cpu_per_answer, results.of("long", "html", 250, less)) if less else 0.0
    if none is None or usual is None or long is None:
        return None, None
    return (long - none) / (50_000 - less), (usual - none) / (200 - less)


def _ratio(value: float | None, other: float | None) -> str:
    return "-" if not value or not other else f"{value / other:.2f}"


def about(results: Results) -> str:
    machine = results.told["machine"]
    versions = {"Python": machine["python"], **machine["packages"]}
    packages = ", ".join(f"{name} {version}" for name, version in versions.items())
    alone = results.told["ceiling"]
    case = alone["case"]
    per = case["streams"] * case["tokens"] / 1e6
    often = 1 + max(one["case"]["repetition"] for one in results.told["samples"])
    return (
        f"Measured on {machine['date']}: {machine['cores']} cores ({machine['processor']}), "
        f"{machine['memory'] / 2**30:.0f} GiB, {machine['system']}; "
        f"{packages}; repetitions: {often}.\n\nUpstream and readers alone, with nothing between "
        f"them, at {case['streams']:,} streams of {case['tokens']} tokens: "
        f"{alone['open_at_once']:,} open at once, completion p99 "
        f"{alone['completion']['p99']:.3f} of the ideal, {alone['upstream_cpu'] / per:.1f} and "
        f"{alone['readers_cpu'] / per:.1f} ms of CPU per 1000 tokens. They use "
        "that much of the two cores."
    )


def plot(results: Results, title: str, figure: Callable[[Sample], float | None], file: str) -> None:
    counts = [count for count in results.counts if count > 1]
    chart: Any = Line(  # type: ignore[no-untyped-call]
        style=_STYLE,
        title=title,
        x_title="open streams",
        width=760,
        height=420,
        legend_at_bottom=True,
        legend_at_bottom_columns=2,
        logarithmic=True,
        js=(),
        disable_xml_declaration=True,
        truncate_legend=-1,
        no_prefix=True,
        stroke_style={"width": 3},
        dots_size=4,
    )
    chart.x_labels = [f"{count:,}" for count in counts]
    for name in ("html", "json", "fastapi", "flask"):
        samples = [results.of("streams", name, count) for count in counts]
        chart.add(NAMES[name], [results.middle(figure, one) if one else None for one in samples])
    (DOCS / file).write_text(chart.render(is_unicode=True) + "\n")


def fill(text: str, pieces: dict[str, str]) -> str:
    """The document with each measured piece between its marks."""
    for name, piece in pieces.items():
        begin = _BEGIN.format(name)
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}\n{piece}\n{_END}{rest.partition(_END)[2]}"
    return text


def write() -> None:
    results = load()
    file = DOCS / "performance.md"
    pieces = {
        "machine": about(results),
        "streams": table(results),
        "costs": cost_table(results),
        "ratios": more_table(results),
    }
    file.write_text(fill(file.read_text(), pieces))
    plot(results, "CPU ms per 1000 tokens", cpu_per_1000, "performance-cpu.svg")
    plot(
        results,
        "Completion / ideal, p99",
        lambda one: one["completion"]["p99"],
        "performance-completion.svg",
    )
    plot(
        results,
        "First token, ms after the model sent it, p99",
        lambda one: one["delivery"]["p99"],
        "performance-first-token.svg",
    )


if __name__ == "__main__":
    write()

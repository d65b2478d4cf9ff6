"""Writes the tables and plots of docs/performance.md: python -m bench.report

They come from bench/results.json. Only what is between the marks is replaced; the prose is written
by hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pygal.graph.line import Line
from pygal.style import Style

from bench.results import (
    Figure,
    Results,
    Sample,
    cpu_per_1000,
    cpu_per_answer,
    load,
    median_of,
    memory_per_stream,
    question_and_token_cost,
    rendered_bytes,
)
from scripts import ROOT

DOCS = ROOT / "docs"
NAMES = {
    "html": "Homestream, HTML fragments",
    "json": "Homestream, JSON",
    "html-2-workers": "Homestream, HTML, two workers",
    "fastapi": "FastAPI + AsyncOpenAI",
    "flask": "Flask + gevent + openai",
}
_COLUMNS = (
    *("streams", "tokens each", "what", "CPU ms per 1000 tokens"),
    *("first token, ms: p50", "p99", "whole wait, ms: p50", "p99", "completion p50", "p99"),
    *("KB a stream", "memory, KB a stream", "complete"),
)
_STYLE = Style(  # type: ignore[no-untyped-call]
    background="white",
    plot_background="white",
    colors=("#0f766e", "#2f6fb5", "#b3261e", "#c77d0a"),
    guide_stroke_color="#e2dfd9",
    major_guide_stroke_color="#c9c5bd",
)
_BEGIN, _END = "<!-- measured: {} -->", "<!-- /measured -->"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _number(value: float | None, digits: int = 0) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"


def _ratio(value: float | None, other: float | None) -> str:
    return "-" if not value or not other else f"{value / other:.2f}"


def main_table(results: Results) -> str:
    """Return the table with a row for each contender, number of streams and length."""
    lines = [_row(*_COLUMNS), f"|--:|--:|---|{'--:|' * 10}"]
    for count in results.counts:
        for purpose in ("streams", "workers", "longer"):
            for name in NAMES:
                samples = results.of(purpose, name, count)
                if samples:
                    lines.append(_main_row(name, samples))
    return "\n".join(lines)


def _main_row(name: str, samples: list[Sample]) -> str:
    def at(kind: str, share: str, digits: int) -> str:
        return _number(median_of(lambda sample: sample[kind][share], samples), digits)

    case = samples[0]["case"]
    complete = sum(sample["complete"] - sample["wrong"] for sample in samples)
    return _row(
        f"{case['streams']:,}",
        f"{case['tokens']:,}",
        NAMES[name],
        _number(median_of(cpu_per_1000, samples)),
        at("delivery", "p50", 1),
        at("delivery", "p99", 1),
        at("whole", "p50", 1),
        at("whole", "p99", 1),
        at("completion", "p50", 2),
        at("completion", "p99", 2),
        _number(median_of(lambda sample: sample["received"] / 1024, samples), 1),
        _number(median_of(memory_per_stream, samples)),
        f"{complete / (case['streams'] * len(samples)):.0%}",
    )


def cost_table(results: Results) -> str:
    """Return the table with what a question costs and what a token costs."""
    lines = [_row("what", "CPU ms a question", "CPU ms per 1000 tokens"), "|---|--:|--:|"]
    for name in ("html", "json", "fastapi", "flask"):
        costs = question_and_token_cost(results, name)
        if costs:
            lines.append(_row(NAMES[name], _number(costs[0], 1), _number(costs[1], 1)))
    return "\n".join(lines)


def ratio_table(results: Results) -> str:
    """Return the table of ratios."""
    rows = (
        *_cpu_ratios(results),
        ("CPU with the event log on Valkey / in memory, 100 streams", _valkey_ratio(results)),
        *_size_ratios(results),
        *_length_ratios(results),
    )
    return "\n".join([_row("what", "ratio"), "|---|--:|", *(_row(*row) for row in rows)])


def _cpu_ratios(results: Results) -> Iterator[tuple[str, str]]:
    """Yield the product's CPU beside that of the relay on the usual libraries."""
    for purpose, tokens in (("streams", 200), ("longer", 600)):
        html, fastapi = (
            median_of(cpu_per_1000, results.of(purpose, name, 200, tokens))
            for name in ("html", "fastapi")
        )
        yield f"CPU / FastAPI's, 200 streams of {tokens} tokens", _ratio(html, fastapi)
    costs = [question_and_token_cost(results, name) for name in ("html", "fastapi")]
    per_token = [cost and cost[1] for cost in costs]
    name = "CPU per token / FastAPI's, without the cost of the question, 50 streams"
    yield name, _ratio(*per_token)


def _valkey_ratio(results: Results) -> str:
    valkey = median_of(cpu_per_1000, results.of("event-log", "html-valkey", 100))
    return _ratio(valkey, median_of(cpu_per_1000, results.of("streams", "html", 100)))


def _size_ratios(results: Results) -> Iterator[tuple[str, str]]:
    cases = ((100, "streams", 200), (10, "length", 2000), (4, "long", 50_000))
    for count, purpose, tokens in cases:
        samples = results.of(purpose, "html", count, tokens)
        sent = median_of(lambda sample: sample["received"], samples)
        name = f"bytes sent / bytes of the rendered answer, {tokens:,} tokens"
        yield name, _ratio(sent, rendered_bytes(tokens))


def _length_ratios(results: Results) -> Iterator[tuple[str, str]]:
    name = "CPU per token at 50,000 tokens / at 200"
    yield name, _ratio(*_cpu_per_token(results, 0))
    yield f"{name}, without the cost of the question", _ratio(*_cpu_per_token(results, 5))


def _cpu_per_token(results: Results, base: int) -> tuple[float | None, float | None]:
    """Return CPU per token in a long answer and in short ones.

    The cost of an answer of `base` tokens, with its question, is taken away first; 0 for nothing.
    """
    long = median_of(cpu_per_answer, results.of("long", "html", 4, 50_000))
    short = median_of(cpu_per_answer, results.of("long", "html", 250, 200))
    cost = median_of(cpu_per_answer, results.of("long", "html", 250, base)) if base else 0.0
    if cost is None or short is None or long is None:
        return None, None
    return (long - cost) / (50_000 - base), (short - cost) / (200 - base)


def about(results: Results) -> str:
    """Return the paragraphs on the machine, and on the upstream and the readers alone."""
    machine, ceiling = results.json["machine"], results.json["ceiling"]
    versions = {"Python": machine["python"], **machine["packages"]}
    packages = ", ".join(f"{name} {version}" for name, version in versions.items())
    case = ceiling["case"]
    thousands = case["streams"] * case["tokens"] / 1e6
    repetitions = 1 + max(sample["case"]["repetition"] for sample in results.json["samples"])
    return (
        f"Measured on {machine['date']}: {machine['cores']} cores ({machine['processor']}), "
        f"{machine['memory'] / 2**30:.0f} GiB, {machine['system']}; "
        f"{packages}; repetitions: {repetitions}.\n\nUpstream and readers alone, with nothing "
        f"between them, at {case['streams']:,} streams of {case['tokens']} tokens: "
        f"{ceiling['open_at_once']:,} open at once, completion p99 "
        f"{ceiling['completion']['p99']:.3f} of the ideal, "
        f"{ceiling['upstream_cpu'] / thousands:.1f} and {ceiling['readers_cpu'] / thousands:.1f} "
        "ms of CPU per 1000 tokens. They use that much of the two cores."
    )


def plot(results: Results, title: str, figure: Figure, file: str) -> None:
    """Write an SVG file with a line for each contender over the numbers of streams."""
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
        chart.add(NAMES[name], [median_of(figure, each) if each else None for each in samples])
    (DOCS / file).write_text(chart.render(is_unicode=True) + "\n")


def fill(text: str, pieces: dict[str, str]) -> str:
    """Return the document with each piece between its marks."""
    for name, piece in pieces.items():
        begin = _BEGIN.format(name)
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}\n{piece}\n{_END}{rest.partition(_END)[2]}"
    return text


def write() -> None:
    """Write the page and its plots."""
    results = load()
    file = DOCS / "performance.md"
    pieces = {
        "machine": about(results),
        "streams": main_table(results),
        "costs": cost_table(results),
        "ratios": ratio_table(results),
    }
    file.write_text(fill(file.read_text(), pieces))
    plot(results, "CPU ms per 1000 tokens", cpu_per_1000, "performance-cpu.svg")
    plot(
        results,
        "Completion / ideal, p99",
        lambda sample: sample["completion"]["p99"],
        "performance-completion.svg",
    )
    plot(
        results,
        "First token, ms after the model sent it, p99",
        lambda sample: sample["delivery"]["p99"],
        "performance-first-token.svg",
    )


if __name__ == "__main__":
    write()

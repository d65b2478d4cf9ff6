"""Figures and tables as people read them, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

MISSING = "\N{EN DASH}"


def dollars(value: float | None) -> str:
    """`$825,000`."""
    return MISSING if value is None else f"${value:,.0f}"


def plain(value: float | None) -> str:
    """`1,250`, `3.5` or `2`: no decimals that say nothing."""
    return MISSING if value is None else f"{value:,.2f}".rstrip("0").rstrip(".")


def percent(value: float | None, sign: bool = False) -> str:
    """`9.6 %` of a value in percent; with a sign `+9.6 %`."""
    if value is None:
        return MISSING
    return f"{'+' if sign and value > 0 else ''}{plain(round(value, 2))} %"


def rate(value: float | None) -> str:
    """`9.6 %` of the fraction 0.096."""
    return percent(None if value is None else value * 100)


def counted(count: int, noun: str) -> str:
    """`1 home`, `6 homes`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def table(heads: str, rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table. A head that ends in `>` aligns its column to the right."""
    names = heads.split()
    rules = ["---:" if name.endswith(">") else "---" for name in names]
    lines = [[name.rstrip(">").replace("_", " ") for name in names], rules]
    return "\n".join(_row(cells) for cells in [*lines, *rows])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(inline, cells))} |"


def inline(text: str) -> str:
    """Text from elsewhere on one line, unable to break a table."""
    return " ".join(text.split()).replace("|", "\\|") or MISSING


def bullets(lines: Iterable[str]) -> str:
    """A Markdown list."""
    return "\n".join(f"- {line}" for line in lines)

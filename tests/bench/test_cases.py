"""Which cases a run measures."""

from __future__ import annotations

from bench.cases import Options, plan


def test_a_comparison_measures_the_product_alone_and_takes_turns() -> None:
    cases = list(plan(Options(repetitions=2, only=(200, 500))))
    assert [(case.contender, case.streams, case.repetition) for case in cases] == [
        ("html", 200, 0),
        ("json", 200, 0),
        ("html", 500, 0),
        ("json", 500, 0),
        ("json", 200, 1),
        ("html", 200, 1),
        ("json", 500, 1),
        ("html", 500, 1),
    ]

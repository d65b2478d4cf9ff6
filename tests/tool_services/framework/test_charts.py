"""Charts as images that can neither run nor load anything."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from tool_services.framework.charts import alt_text, bar_chart, dollars_text, line_chart


@pytest.mark.parametrize("draw", [bar_chart, line_chart])
def test_a_chart_contains_nothing_but_what_is_drawn(draw: object) -> None:
    assert callable(draw)
    drawing = draw(["a", "b"], [1, 2])
    names = {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(drawing).iter()}  # noqa: S314
    assert names <= {"svg", "style", "g", "path", "rect", "circle", "text"}
    assert "<!" not in drawing


def test_values_are_written_for_people() -> None:
    assert [dollars_text(825_400), dollars_text(1_000_000), dollars_text(1_250_000)] == [
        "$825k",
        "$1M",
        "$1.25M",
    ]
    assert alt_text(["a", "b"], [1200, 3]) == "a: 1,200; b: 3"

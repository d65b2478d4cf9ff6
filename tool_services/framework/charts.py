"""Charts as SVG that read well on light and on dark ground, drawn by pygal."""

from __future__ import annotations

import base64
import sys
from collections.abc import Callable, Sequence
from typing import Any
from xml.etree import ElementTree

from pygal import PluginImportFixer
from pygal.graph.bar import Bar
from pygal.graph.graph import Graph
from pygal.graph.line import Line

# It would be asked at every import of anything, by a protocol that Python no longer has, for maps
# that are not used here.
sys.meta_path[:] = [one for one in sys.meta_path if not isinstance(one, PluginImportFixer)]

_WIDTH, _HEIGHT = 440, 270
# A bar that ends where the drawing does looks cut.
_ROOM_ABOVE = 1.06
MILLION = 1_000_000
# In place of pygal's own: that one knows a single ground, and what moves only where scripts run.
_LOOK = """
text{font:12px system-ui,sans-serif;fill:#5a615c;stroke:none}
.background{fill:none}.axis .line{stroke:none}
.axis .guide.line{fill:none;stroke:#e2dfd9;stroke-width:1}
.vertical .axis.x .guide.line,.tooltip,.title{display:none}
.axis.x text{text-anchor:middle}.axis.y text{text-anchor:end}.centered{text-anchor:middle}
.series text{font-weight:600;fill:#1f2422}
.color-0{fill:#0f766e;stroke:#0f766e}
.nofill{fill:none}.line{stroke-width:2.5}
@media (prefers-color-scheme:dark){text{fill:#a0a6a1}.axis .guide.line{stroke:#313432}
.series text{fill:#e8e8e4}.color-0{fill:#5cc8bb;stroke:#5cc8bb}
.nofill{fill:none}}
"""

Amount = Callable[[float], str]


def whole(value: float) -> str:
    """A count, such as 1,250."""
    return f"{value:,.0f}"


def dollars(value: float) -> str:
    """An amount of dollars, such as $825k or $1.25M."""
    if value >= MILLION:
        return f"${value / MILLION:.2f}".rstrip("0").rstrip(".") + "M"
    return f"${value / 1000:,.0f}k"


def bars(labels: Sequence[str], values: Sequence[float], amount: Amount = whole) -> str:
    """A bar for each label, as SVG. `amount` writes a value for people."""
    return _drawn(Bar, labels, values, amount, range=(0, max(values) * _ROOM_ABOVE))


def line(labels: Sequence[str], values: Sequence[float], amount: Amount = whole) -> str:
    """A line through the values, as SVG."""
    return _drawn(Line, labels, values, amount)


def data_url(svg: str) -> str:
    """A drawing as the address of an image, in which nothing runs and which loads nothing."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


def in_words(labels: Sequence[str], values: Sequence[float], amount: Amount = whole) -> str:
    """What a chart shows, for those who can't see it."""
    return "; ".join(
        f"{label}: {amount(value)}" for label, value in zip(labels, values, strict=True)
    )


def _drawn(
    kind: type[Graph],
    labels: Sequence[str],
    values: Sequence[float],
    amount: Amount,
    **options: Any,
) -> str:
    chart: Any = kind(
        width=_WIDTH,
        height=_HEIGHT,
        margin=12,
        spacing=6,
        show_legend=False,
        x_label_rotation=0,
        min_scale=3,
        max_scale=5,
        dots_size=3,
        css=(),
        js=(),
        no_prefix=True,
        value_formatter=amount,
        **options,
    )
    chart.x_labels = list(labels)
    chart.add("", list(values))
    drawing = chart.render_tree()
    _strip(drawing)
    style = ElementTree.Element("style")
    style.text = _LOOK
    drawing.insert(0, style)
    return ElementTree.tostring(drawing, encoding="unicode")


def _strip(element: ElementTree.Element) -> None:
    """Leave only what is drawn: no scripts, no comments, and nothing for a script to read."""
    for child in list(element):
        # A comment's tag is a function.
        if child.tag in {"script", "style", "desc", "title", "defs"} or callable(child.tag):
            element.remove(child)
        else:
            _strip(child)

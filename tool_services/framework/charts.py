"""Charts as SVG images, readable on a light and on a dark background, drawn by pygal."""

from __future__ import annotations

import base64
import sys
from collections.abc import Callable, Sequence
from typing import Any

# It reads only what pygal has drawn.
from xml.etree import ElementTree  # nosec B405

from pygal import PluginImportFixer
from pygal.graph.bar import Bar
from pygal.graph.graph import Graph
from pygal.graph.line import Line

# pygal installs this import hook for its maps, which are not used here. Every later import of
# anything would ask it, through a protocol that Python no longer has.
sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, PluginImportFixer)]

_WIDTH, _HEIGHT = 440, 270
# A bar that ends at the edge of the image looks cut off.
_HEADROOM = 1.06
MILLION = 1_000_000
# Replaces pygal's own style, which has one background and needs scripts.
_STYLE = """
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

Format = Callable[[float], str]


def count_text(value: float) -> str:
    """Write a count, such as 1,250."""
    return f"{value:,.0f}"


def dollars_text(value: float) -> str:
    """Write an amount of dollars, such as $825k or $1.25M."""
    if value >= MILLION:
        return f"${value / MILLION:.2f}".rstrip("0").rstrip(".") + "M"
    return f"${value / 1000:,.0f}k"


def bar_chart(
    labels: Sequence[str], values: Sequence[float], value_text: Format = count_text
) -> str:
    """Draw a bar for each label, as SVG."""
    return _draw(Bar, labels, values, value_text, range=(0, max(values) * _HEADROOM))


def line_chart(
    labels: Sequence[str], values: Sequence[float], value_text: Format = count_text
) -> str:
    """Draw a line through the values, as SVG."""
    return _draw(Line, labels, values, value_text)


def data_url(svg: str) -> str:
    """Return an SVG image as a data: URL for `<img>`, where it can neither run nor load."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


def alt_text(
    labels: Sequence[str], values: Sequence[float], value_text: Format = count_text
) -> str:
    """Describe a chart's values in words, such as "L001: 1,250; L002: 890"."""
    return "; ".join(
        f"{label}: {value_text(value)}" for label, value in zip(labels, values, strict=True)
    )


def _draw(
    kind: type[Graph],
    labels: Sequence[str],
    values: Sequence[float],
    value_text: Format,
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
        value_formatter=value_text,
        **options,
    )
    chart.x_labels = list(labels)
    chart.add("", list(values))
    drawing = chart.render_tree()
    _strip(drawing)
    style = ElementTree.Element("style")
    style.text = _STYLE
    drawing.insert(0, style)
    return ElementTree.tostring(drawing, encoding="unicode")


def _strip(element: ElementTree.Element) -> None:
    """Remove what isn't drawn: scripts, comments, and texts for scripts."""
    for child in list(element):
        # A comment's tag is a function.
        if child.tag in {"script", "style", "desc", "title", "defs"} or callable(child.tag):
            element.remove(child)
        else:
            _strip(child)

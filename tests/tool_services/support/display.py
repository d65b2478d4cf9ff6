"""The display parts of a tool's result, as the app would get them."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from app.tools.untrusted.checks import sanitise_html
from tests.tool_services.support.services import Service


@dataclass(frozen=True)
class Part:
    uri: str
    media_type: str
    text: str


def display_parts(service: Service, tool: str, **arguments: Any) -> list[Part]:
    """The parts for people. The app's sanitiser must have nothing to remove from the HTML."""
    first, *blocks = service.mcp_result(tool, arguments)["content"]
    assert first["type"] == "text"
    parts = []
    for block in blocks:
        assert block["annotations"] == {"audience": ["user"]}
        resource = block["resource"]
        parts.append(Part(resource["uri"], resource["mimeType"], resource["text"]))
    for part in parts:
        if part.media_type == "text/html":
            assert _plain(sanitise_html(part.text)) == _plain(part.text)
    return parts


def _plain(html: str) -> str:
    """Without what the sanitiser writes in another way."""
    return re.sub(r"\s|class=\"[^\"]*\"", "", html).replace("&#39;", "'").replace("&#34;", '"')


def images(html: str) -> list[ElementTree.Element]:
    """Every image in the HTML, parsed as SVG."""
    urls = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', html)
    drawings = [ElementTree.fromstring(base64.b64decode(url)) for url in urls]  # noqa: S314
    assert all(drawing.tag.endswith("svg") for drawing in drawings)
    return drawings

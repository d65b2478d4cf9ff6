"""Take the pictures in docs/tools.md again: `python -m tests.browser.pictures_of_classes`.

Each in docs/classes/ shows what the classes in its name look like that a tool's HTML may use.
"""

from __future__ import annotations

import base64

from flask import Flask, render_template
from playwright.sync_api import sync_playwright

from app.agent.events import Progress, ToolCallUpdate
from app.brand import DEFAULT_FOLDER, read_brand
from app.config import Settings
from app.llm.prices import Prices
from app.rendering.answer_parts import ToolPart
from app.rendering.templates import init_app
from app.tools.registry import ToolRegistry
from app.tools.untrusted.checks import sanitise_html
from tests.browser.product import ROOT, launch

FOLDER = ROOT / "docs" / "classes"
_SVG = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 160 60">
<rect width="160" height="60" fill="#dbe7e4"/>
<path d="M0 60V40l30-12 40 8 50-22 40 10v36z" fill="#0f766e"/></svg>"""
_IMAGE = f'src="data:image/svg+xml;base64,{base64.b64encode(_SVG.encode()).decode()}" alt=""'
EXAMPLES = {
    "show-grid": """<div class="show-grid">
        <article class="show-card"><h3>The first</h3><p>One card</p></article>
        <article class="show-card"><h3>The second</h3><p>beside the other</p></article></div>""",
    "show-card": f"""<div class="show-grid"><article class="show-card">
        <img class="show-picture" {_IMAGE} width="160" height="60">
        <p class="show-large">$12.50</p><h3>Umbrella</h3></article></div>""",
    "show-charts": f"""<div class="show-charts">
        <figure><img {_IMAGE}><figcaption>Last week</figcaption></figure>
        <figure><img {_IMAGE}><figcaption>This week</figcaption></figure></div>""",
    "show-facts": """<dl class="show-facts"><div><dt>Opened</dt><dd>2026-03-09</dd></div>
        <div><dt>Answers</dt><dd>2</dd></div></dl>""",
    "show-tag": """<p><span class="show-tag">plain</span>
        <span class="show-tag show-good">good</span>
        <span class="show-tag show-busy">busy</span>
        <span class="show-tag show-over">over</span></p>""",
    "show-quiet": """<p>What matters</p><p class="show-quiet">and what matters less</p>""",
    "show-number": """<table><thead><tr><th scope="col">Desk</th>
        <th scope="col" class="show-number">Tickets</th></tr></thead><tbody>
        <tr><th scope="row">North</th><td class="show-number">1,204</td></tr>
        <tr><th scope="row">South</th><td class="show-number show-best">96</td></tr>
        </tbody></table>""",
}


def main() -> None:
    style = (ROOT / "app" / "static" / "app.css").read_text()
    style += ".display { border: 0; background: var(--surface) } "
    style += read_brand(DEFAULT_FOLDER).stylesheet
    with sync_playwright() as playwright:
        browser = launch(playwright)
        page = browser.new_page(color_scheme="light")
        for name, html in EXAMPLES.items():
            shown = f'<div class="display"><div class="display-part">{sanitise_html(html)}</div>'
            # Two charts stand side by side only where each has 18 rem.
            page.set_viewport_size({"width": 640 if name == "show-charts" else 440, "height": 300})
            page.set_content(f"<style>{style}</style>{shown}</div>")
            page.locator(".display").screenshot(path=FOLDER / f"{name}.png")
        page.set_viewport_size({"width": 760, "height": 300})
        page.set_content(f"<style>{style}</style><div class=parts>{_running_call()}</div>")
        page.locator(".call").screenshot(path=FOLDER.parent / "progress.png")
        browser.close()


def _running_call() -> str:
    progress = Progress(3, 10, "Reading the tickets of North")
    arguments = {"names": ["North", "South"]}
    call = ToolCallUpdate("call", "compareDesks", "started", arguments, progress=progress)
    app = Flask("app", root_path=str(ROOT / "app"))
    registry = ToolRegistry(_mint, 1.0, 1.0)
    init_app(app, Settings.model_construct(tool_services={}), Prices(""), registry)
    with app.app_context():
        return render_template("tool_output/_tool.html", part=ToolPart(call), call=call)


def _mint(*_request: object, **_claims: object) -> str:
    return ""


if __name__ == "__main__":
    main()

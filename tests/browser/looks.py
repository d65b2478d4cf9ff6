"""Looks at a page as everybody may have it: each width with each colour scheme.

With PICTURES=true it takes pictures too, into test-results/. They are for people to look at:
nothing compares them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

WIDTHS = (1440, 768, 390)
HEIGHT = 850
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
PICTURES = Path(__file__).resolve().parent.parent.parent / "test-results"
FAULTS = (Path(__file__).parent / "page_faults.js").read_text()
TAKES_PICTURES = os.environ.get("PICTURES") == "true"
# axe would fetch and read all styles again for each run, which only its rules about orientation
# (off by default) and about sound look at.
_COMMON = {"resultTypes": ["violations"], "preload": False}
EVERY_RULE = _COMMON | {
    # axe has it switched off since it is about HTML rather than about people.
    "rules": {"duplicate-id": {"enabled": True}},
}
# What can differ where nothing but the colours does.
RULES_OF_COLOUR = _COMMON | {
    "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]},
}

# Until the page's own scripts have seen its new size, as scrollable.js does.
NEXT_FRAMES = """() => new Promise(
    (done) => requestAnimationFrame(() => requestAnimationFrame(done)))"""


@dataclass
class Look:
    """Checks the page at each width by page_faults.js and axe, every rule of it, and once more in
    the dark by what is about colours."""

    page: Page

    def __call__(self, name: str) -> None:
        self.page.wait_for_load_state()
        faults: list[str] = []
        with self._as_before():
            for width in WIDTHS:
                self.page.set_viewport_size({"width": width, "height": HEIGHT})
                self.page.evaluate(NEXT_FRAMES)
                for scheme in SCHEMES:
                    self.page.emulate_media(color_scheme=scheme)
                    rules = EVERY_RULE if scheme == "light" else RULES_OF_COLOUR
                    found = [*self._faults(), *map(_sentence, self._violations(rules))]
                    faults += [f"{width} {scheme}: {fault}" for fault in found]
                    take_picture(self.page, f"{name}-{width}-{scheme}")
        assert not faults, "\n".join((f"on the page {name}:", *faults))

    @contextmanager
    def _as_before(self) -> Iterator[None]:
        before = self.page.viewport_size
        yield
        if before:
            self.page.set_viewport_size(before)

    def _faults(self) -> list[str]:
        found: list[str] = self.page.evaluate(FAULTS)
        return found

    def _violations(self, rules: dict[str, Any]) -> list[dict[str, Any]]:
        """Run axe, which is put into each document once: that takes longer than to run it."""
        if not self.page.evaluate("() => 'axe' in window"):
            self.page.evaluate(Axe().axe_script)
        run = "rules => axe.run(rules).then(results => results.violations)"
        found: list[dict[str, Any]] = self.page.evaluate(run, rules)
        return found


def take_picture(page: Page, name: str) -> None:
    """Put a picture of what the window shows into test-results/, if pictures are wanted."""
    if TAKES_PICTURES:
        # To hide the caret, styles would be left behind, which the policy refuses.
        page.screenshot(path=PICTURES / f"{name}.png", caret="initial")


def _sentence(violation: dict[str, Any]) -> str:
    places = [
        f"{' '.join(map(str, node['target']))} ({node.get('failureSummary', '')})"
        for node in violation["nodes"]
    ]
    return f"{violation['id']}: {violation['help']}: {places}"

"""Looks at a page as everybody may have it: each width with each colour scheme."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Error, Page

WIDTHS = (1440, 768, 390)
HEIGHT = 850
SCHEMES = ("light", "dark")
SHOTS = Path(__file__).resolve().parent.parent.parent / "test-results"
FAULTS = (Path(__file__).parent / "page_faults.js").read_text()
RULES = {
    "resultTypes": ["violations"],
    # axe has it switched off since it is about HTML rather than about people.
    "rules": {"duplicate-id": {"enabled": True}},
}


@dataclass
class Look:
    """Checks the page by axe, every rule of it, and by page_faults.js, and takes pictures.

    The pictures in test-results/ are for looking at; they are not compared.
    """

    page: Page

    def __call__(self, name: str) -> None:
        SHOTS.mkdir(exist_ok=True)
        self.page.wait_for_load_state()
        faults: list[str] = []
        with self._as_before():
            for width, scheme in itertools.product(WIDTHS, SCHEMES):
                self.page.set_viewport_size({"width": width, "height": HEIGHT})
                self.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                found = [*self._faults(), *map(_sentence, self._violations())]
                faults += [f"{width} {scheme}: {fault}" for fault in found]
                # One scheme with each width is enough to see how it is laid out.
                if (width > 500) == (scheme == "light"):
                    self._take(SHOTS / f"{name}-{width}-{scheme}.png")
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

    def _violations(self) -> list[dict[str, Any]]:
        """Run axe, which is put into each document once: that takes longer than to run it."""
        if not self.page.evaluate("() => 'axe' in window"):
            self.page.evaluate(Axe().axe_script)
        run = "rules => axe.run(rules).then(results => results.violations)"
        found: list[dict[str, Any]] = self.page.evaluate(run, RULES)
        return found

    def _take(self, path: Path) -> None:
        """Chromium on a busy machine now and then has no frame to give; a moment later it has."""
        for left in (2, 1, 0):
            try:
                # To hide the caret, styles would be left behind, which the policy refuses.
                self.page.screenshot(path=path, caret="initial")
                return
            except Error:
                if not left:
                    raise
                self.page.wait_for_timeout(500)


def _sentence(violation: dict[str, Any]) -> str:
    places = [" ".join(map(str, node["target"])) for node in violation["nodes"]]
    return f"{violation['id']}: {violation['help']}: {places}"

"""A browser beside Chromium, as the tests use it, whatever protocol drives it."""

from __future__ import annotations

from abc import ABC, abstractmethod

from tests.browser.person import eventually

# What WebDriver calls an element's id, and the Enter key.
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
ENTER = "\ue007"


class OtherBrowser(ABC):
    """Elements are named by XPath, and known by ids of WebDriver."""

    @abstractmethod
    def opens(self, url: str) -> None: ...

    @abstractmethod
    def element(self, xpath: str) -> str:
        """Return the element's id. Raises LookupError if there is none."""

    @abstractmethod
    def sends(self, element: str, keys: str) -> None: ...

    @abstractmethod
    def text(self, element: str) -> str:
        """Return the element's text as it is shown. Raises LookupError if it has gone."""

    def finds(self, xpath: str) -> str:
        """Wait for an element, and return its id."""

        def found() -> str | None:
            try:
                return self.element(xpath)
            except LookupError:
                return None

        return str(eventually(found))

    def types(self, name: str, words: str) -> None:
        named = f"[@name='{name}'][not(@type='hidden')]"
        self.sends(self.finds(f"//input{named} | //textarea{named}"), words)

    def presses(self, button: str) -> None:
        """By the keyboard, since a page that follows an answer moves under the pointer."""
        self.sends(self.finds(f"//button[normalize-space()='{button}']"), ENTER)

    def reads(self) -> str:
        """Return the page's text as it is shown; "" while another page comes."""
        try:
            return self.text(self.finds("//body"))
        except LookupError:
            return ""

    def sees(self, words: str) -> None:
        eventually(lambda: words in self.reads())

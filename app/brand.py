"""The product's name, greeting, colours and icon, read from one folder: `brand/`."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_settings import NoDecode

_FOLDER = Path(__file__).parent.parent / "brand"
_PAGES = {"accent": "#ffffff", "accent_on_dark": "#161716"}
"""The page behind each colour: `--surface` and `--ground` in app.css, whichever is nearer to it."""
_LEAST_CONTRAST = 4.5
_INKS = ("#ffffff", "#0c1f1c")
"""The colours of text on the accent colour; the one that is easier to read is taken."""
_MOST_BYTES = 100_000


def _check_colour(colour: str) -> str:
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", colour):
        raise ValueError("must be a colour such as #0f766e")
    return colour


Colour = Annotated[str, AfterValidator(_check_colour)]
Words = Annotated[str, Field(min_length=1, max_length=80)]


class Brand(BaseModel):
    """What `brand.toml` and `icon.svg` say. `accent` is for light pages."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    name: Words
    greeting: Words
    accent: Colour
    accent_on_dark: Colour
    icon: bytes

    @property
    def stylesheet(self) -> str:
        """CSS that gives pages the accent colours, and text on them one that can be read."""
        colours = (self.accent, self.accent_on_dark)
        return (
            f":root {{ --accent: light-dark({', '.join(colours)});"
            f" --on-accent: light-dark({', '.join(map(_ink_on, colours))}); }}\n"
        )


def _ink_on(colour: str) -> str:
    return max(_INKS, key=lambda ink: contrast(ink, colour))


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, from 1 to 21, as WCAG 2.2 defines it."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    shares = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = (s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares)
    return sum(
        weight * share for weight, share in zip((0.2126, 0.7152, 0.0722), linear, strict=True)
    )


def read_brand(folder: str | Path) -> Brand:
    """Read the brand in a folder. Raises ValueError with what is wrong there."""
    path = Path(folder)
    try:
        brand = Brand(
            **tomllib.loads(_read(path / "brand.toml").decode()), icon=_read(path / "icon.svg")
        )
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"brand.toml there can't be read: {error}") from None
    except ValidationError as error:
        detail = error.errors()[0]
        reason = detail["msg"].removeprefix("Value error, ")
        raise ValueError(f"{detail['loc'][0]} in brand.toml there: {reason}") from None
    for name, page in _PAGES.items():
        found = contrast(getattr(brand, name), page)
        if found < _LEAST_CONTRAST:
            raise ValueError(
                f"{name} in brand.toml there has a contrast of {found:.1f} to its page, where "
                f"people need {_LEAST_CONTRAST}; choose a {_other_way(page)} colour"
            )
    return brand


def _other_way(page: str) -> str:
    return "darker" if _luminance(page) > 0.5 else "lighter"


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            content = opened.read(_MOST_BYTES + 1)
    except OSError as error:
        raise ValueError(f"{file.name} there can't be read ({error.strerror})") from None
    if len(content) > _MOST_BYTES:
        raise ValueError(f"{file.name} there is larger than {_MOST_BYTES // 1000} kB")
    return content


def _read_if_named(value: object) -> object:
    return read_brand(value) if isinstance(value, str | Path) else value


BrandFolder = Annotated[Brand, NoDecode, BeforeValidator(_read_if_named)]
"""A setting that names a folder, and whose value is the brand in it."""
DEFAULT_FOLDER = str(_FOLDER)

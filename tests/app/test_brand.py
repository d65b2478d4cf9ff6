"""The brand folder: what it says is taken, and what nobody could read or use stops the start."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.auth.key_files import ensure_secrets
from app.brand import DEFAULT_FOLDER, contrast, read_brand
from app.config import load_settings
from app.config_errors import SettingsError

GOOD = """
name = "Clinic"
greeting = "How can we help?"
accent = "#7a1fa2"
accent_on_dark = "#e0b0ff"
"""


def folder_with(path: Path, toml: str = GOOD, icon: bytes = b"<svg/>") -> Path:
    """A brand folder with these files."""
    path.mkdir(exist_ok=True)
    (path / "brand.toml").write_text(toml)
    (path / "icon.svg").write_bytes(icon)
    return path


def test_a_folder_of_ones_own_is_taken(tmp_path: Path) -> None:
    brand = read_brand(folder_with(tmp_path))
    assert (brand.name, brand.greeting, brand.icon) == ("Clinic", "How can we help?", b"<svg/>")
    assert "--accent: light-dark(#7a1fa2, #e0b0ff)" in brand.stylesheet
    assert "--on-accent: light-dark(#ffffff, #0c1f1c)" in brand.stylesheet


def test_the_setting_names_the_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BRAND", str(folder_with(tmp_path)))
    monkeypatch.setenv("INSTANCE_DIR", str(tmp_path))
    ensure_secrets(tmp_path)
    assert load_settings().brand.name == "Clinic"
    monkeypatch.setenv("BRAND", str(tmp_path / "gone"))
    with pytest.raises(SettingsError, match="BRAND"):
        load_settings()


def test_text_on_the_accent_colours_of_this_product_can_be_read() -> None:
    brand = read_brand(DEFAULT_FOLDER)
    assert contrast(brand.accent, "#ffffff") >= 4.5
    assert contrast(brand.accent_on_dark, "#0c1f1c") >= 4.5


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [("#000000", "#ffffff", 21), ("#777777", "#ffffff", 4.48), ("#123456", "#123456", 1)],
)
def test_contrast_is_measured_as_wcag_does(one: str, other: str, ratio: float) -> None:
    assert contrast(one, other) == contrast(other, one) == pytest.approx(ratio, abs=0.01)


@pytest.mark.parametrize(
    ("toml", "sentence"),
    [
        ("name = ", "brand.toml there can't be read: "),
        (GOOD.replace("#7a1fa2", "purple"), "accent in brand.toml there: must be a colour"),
        (GOOD.replace("Clinic", ""), "name in brand.toml there: String should have at least 1"),
        (GOOD.replace("Clinic", "x" * 81), "name in brand.toml there: String should have at most"),
        (GOOD + 'logo = "x"', "logo in brand.toml there: Extra inputs are not permitted"),
        (GOOD.replace("#7a1fa2", "#ffee00"), "choose a darker colour"),
        (GOOD.replace("#e0b0ff", "#201020"), "choose a lighter colour"),
        ("#" * 100_001, "brand.toml there is larger than 100 kB"),
    ],
)
def test_what_can_not_be_used_is_told(tmp_path: Path, toml: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        read_brand(folder_with(tmp_path, toml))


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"brand\.toml there can't be read"):
        read_brand(tmp_path / "nowhere")
    (folder_with(tmp_path) / "icon.svg").unlink()
    with pytest.raises(ValueError, match=r"icon\.svg there can't be read"):
        read_brand(tmp_path)

"""Uploaded files: taken for what their content is, with nothing left in images but pixels."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from typing import Any

import gevent
import pytest
from PIL import Image

from app.conversations.encode_image import LONGEST_EDGE
from app.conversations.uploads import (
    ReadFile,
    Upload,
    UploadLimits,
    clean_name,
    read_uploads,
)
from app.errors import InputError

LIMITS = UploadLimits(count=4, size=3_000_000, text_size=1_000)


def picture(kind: str = "PNG", size: tuple[int, int] = (40, 30), **options: Any) -> bytes:
    out = BytesIO()
    Image.new(options.pop("mode", "RGB"), size, options.pop("colour", "red")).save(
        out, kind, **options
    )
    return out.getvalue()


def read(content: bytes, name: str = "file") -> ReadFile:
    return read_uploads([Upload(name, content)], LIMITS)[0]


def opened(file: ReadFile) -> Image.Image:
    return Image.open(BytesIO(file.content))


@pytest.mark.parametrize(
    ("kind", "kept"),
    [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("WEBP", "image/png"), ("GIF", "image/png")],
)
def test_an_image_is_known_by_its_content_whatever_its_name(kind: str, kept: str) -> None:
    file = read(picture(kind), "notes.txt")
    assert (file.name, file.media_type, file.width, file.height) == ("notes.txt", kept, 40, 30)
    red, green, blue = opened(file).convert("RGB").getpixel((20, 15))  # type: ignore[misc]
    assert red > 240 > 20 > max(green, blue)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("picture.png", b"<html><script>alert(1)</script></html>"),
        ("picture.svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
        ("table.csv", "\ufeffcity,price\nMünchen,1\n".encode()),
        ("table.json", b'{"a": [1]}'),
        ("readme.md", "# Grüße\r\n".encode()),
    ],
)
def test_what_is_utf8_is_a_text_whatever_its_name(name: str, content: bytes) -> None:
    file = read(content, name)
    assert file.media_type == "text/plain"
    assert file.beginning == content.decode().removeprefix("\ufeff") == file.content.decode()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "“file” is empty"),
        (b"\0\1\2\3", "is neither"),
        (b"%PDF-1.7\n\xff\xfe\0", "is neither"),
        ("UTF-16".encode("utf-16"), "is neither"),
        (b"BM" + bytes(60), "is neither"),
        (picture("TIFF"), "is neither"),
        (picture()[:60], "broken"),
        (picture("JPEG", (400, 300))[:400], "broken"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "is neither|broken"),
        (b"GIF89a" + bytes(40), "is neither|broken"),
        (b"RIFF\0\0\0\0WEBPVP8 " + bytes(40), "is neither|broken"),
    ],
)
def test_what_is_neither_is_refused_with_a_sentence(content: bytes, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        read(content)


def test_nothing_but_the_pixels_of_an_image_is_kept() -> None:
    exif = Image.Exif()
    exif[0x010E] = "at home"
    exif.get_ifd(0x8825)[1] = "N"  # where it was taken
    photo = picture("JPEG", exif=exif, comment=b"secret comment", icc_profile=b"secret profile")
    hidden = b"PK\x03\x04<script>alert(1)</script>"
    for content in (photo, picture() + hidden, picture("GIF", comment=b"secret") + hidden):
        file = read(content)
        for secret in (b"at home", b"Exif", b"secret", b"script", b"PK\x03\x04"):
            assert secret not in file.content


def test_a_photograph_stands_upright_without_its_metadata() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    file = read(picture("JPEG", exif=exif))
    assert (file.width, file.height) == (30, 40)


def test_the_first_frame_of_a_moving_image_is_kept() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("blue", "red", "green")]
    for kind in ("GIF", "WEBP"):
        out = BytesIO()
        frames[0].save(out, kind, save_all=True, append_images=frames[1:])
        red, _, blue = opened(read(out.getvalue())).convert("RGB").getpixel((4, 4))  # type: ignore[misc]
        assert blue > 200 > 60 > red


def test_what_can_be_seen_through_stays_so() -> None:
    assert opened(read(picture(mode="RGBA", colour=(0, 0, 0, 0)))).mode == "RGBA"
    assert opened(read(picture("GIF", mode="P", colour=0, transparency=0))).mode == "RGBA"


def test_a_large_image_becomes_smaller() -> None:
    file = read(picture(size=(LONGEST_EDGE * 2, 100)))
    assert (file.width, file.height) == (LONGEST_EDGE, 50)


def test_an_image_that_is_large_without_a_loss_is_kept_as_jpeg() -> None:
    dots = [Image.effect_noise((1_000, 1_000), 200) for _ in "RGB"]
    out = BytesIO()
    Image.merge("RGB", dots).save(out, "PNG", compress_level=1)
    file = read(out.getvalue())
    assert file.media_type == "image/jpeg"
    assert len(file.content) < len(out.getvalue()) / 2


def bomb() -> bytes:
    """A PNG of some bytes that says it has 900 million pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 6, 0, 0, 0)
    pixels = zlib.compress(bytes(100_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels)


def test_an_image_with_too_many_pixels_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(InputError, match=r"30,000 by 30,000 pixels"):
        read(bomb())


def test_nothing_else_waits_while_an_image_is_decoded() -> None:
    noise = Image.effect_noise((2_000, 1_500), 60)
    out = BytesIO()
    noise.save(out, "JPEG")
    reading = gevent.spawn(read, out.getvalue())
    turns = 0
    while not reading.ready():
        gevent.sleep(0)
        turns += 1
    assert reading.get().media_type == "image/jpeg"
    assert turns > 20


def test_too_many_and_too_large_files_are_refused() -> None:
    with pytest.raises(InputError, match="4 files"):
        read_uploads([Upload("a", b"a")] * 5, LIMITS)
    for content in (b"a" * 1_001, b"\xff" * 3_000_001):
        with pytest.raises(InputError, match="MB") as refused:
            read(content)
        assert refused.value.status == 413


def test_a_name_has_no_folder_and_nothing_that_can_not_be_seen() -> None:
    assert clean_name("../../etc/pass\x00wd") == "passwd"
    assert clean_name("C:\\photos\\house\u202egnp.exe\n") == "housegnp.exe"
    assert clean_name("/") == "file"
    assert clean_name("x" * 300 + ".csv") == "x" * 96 + ".csv"

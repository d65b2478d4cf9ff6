"""A program that encodes an image again: from standard input to standard output, in a process of
its own.

Decoders are large programs in C that read what strangers send. Here they have no secrets, so much
memory and so much time, and hold up nobody else: a decoder in a thread of the worker kept all
streams waiting for up to 180 ms, and took 400 MB from them. Nothing of the app is imported.

It writes a line of JSON, then the image: {"mediaType", "width", "height"}, or {"problem": …}, which
is "unknown" for what is no image, "broken", or "large" with its width and height.
"""

from __future__ import annotations

import json
import resource
import sys
from io import BytesIO
from typing import Any, Literal

from PIL import Image, ImageOps, UnidentifiedImageError

FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
MOST_PIXELS = 25_000_000
"""Of an image as it is sent; each takes up to 16 bytes of memory while it is decoded."""
LONGEST_EDGE = 2_048
"""Pixels of an image as it is kept. Models that see make larger ones smaller themselves."""
MOST_PNG_BYTES = 2_000_000
_MEMORY = 1_000_000_000
_CPU_SECONDS = 15


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
    about, content = encode_again(sys.stdin.buffer.read())
    sys.stdout.buffer.write(json.dumps(about).encode() + b"\n" + content)


def encode_again(content: bytes) -> tuple[dict[str, Any], bytes]:
    """Return what is to be said of the image, and the image, b"" if there is a problem."""
    Image.MAX_IMAGE_PIXELS = None  # MOST_PIXELS is stricter, and no warning
    try:
        with Image.open(BytesIO(content), formats=FORMATS) as image:
            size = {"width": image.width, "height": image.height}
            if image.width * image.height > MOST_PIXELS:
                return {"problem": "large"} | size, b""
            is_photo = image.format == "JPEG"
            pixels = _pixels(image)
    except UnidentifiedImageError:
        return {"problem": "unknown"}, b""
    except Exception:
        # Decoders raise whatever they like.
        return {"problem": "broken"}, b""
    encoded = None if is_photo else _png(pixels)
    about = {"mediaType": "image/png" if encoded else "image/jpeg"}
    size = {"width": pixels.width, "height": pixels.height}
    return about | size, encoded or _jpeg(pixels)


def _pixels(image: Image.Image) -> Image.Image:
    """Return the first frame, upright and not too large, with nothing beside its pixels."""
    # Lets a JPEG be decoded at half its size or less.
    image.draft(None, (LONGEST_EDGE, LONGEST_EDGE))
    image.load()
    mode: Literal["RGB", "RGBA"] = "RGBA" if image.has_transparency_data else "RGB"
    pixels = ImageOps.exif_transpose(image.convert(mode))
    pixels.thumbnail((LONGEST_EDGE, LONGEST_EDGE))
    pixels.info = {}
    return pixels


def _png(pixels: Image.Image) -> bytes | None:
    """Encode without a loss; None if that is too much."""
    out = BytesIO()
    pixels.save(out, "PNG")
    return out.getvalue() if out.tell() <= MOST_PNG_BYTES else None


def _jpeg(pixels: Image.Image) -> bytes:
    """Encode with a loss, which can't be seen in photographs, on white."""
    if pixels.mode == "RGBA":
        white = Image.new("RGBA", pixels.size, "white")
        pixels = Image.alpha_composite(white, pixels).convert("RGB")
    out = BytesIO()
    pixels.save(out, "JPEG", quality=85)
    return out.getvalue()


if __name__ == "__main__":
    main()

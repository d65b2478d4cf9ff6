"""Where a request comes from."""

from __future__ import annotations

from dataclasses import dataclass

from flask import request

_LONGEST_DEVICE = 300


@dataclass(frozen=True)
class Place:
    """An address, and what the browser or program there calls itself."""

    address: str
    device: str


def place_of_request() -> Place:
    device = request.headers.get("User-Agent", "").replace("\0", "")
    return Place(request.remote_addr or "", device[:_LONGEST_DEVICE])

"""A device with passkeys, in software: does what a browser and its authenticator do together."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, encode_cbor

_PRESENT, _VERIFIED, _HAS_KEY = 0x01, 0x04, 0x40


@dataclass
class SoftwareAuthenticator:
    """`origin` is where the browser says it is; `verifies` whether it asks for a PIN or finger."""

    origin: str
    verifies: bool = True
    count: int = 0
    id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    handle: str = ""
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    def create(self, options: dict[str, Any]) -> str:
        """Make the passkey. Return what the page sends."""
        self.handle = options["user"]["id"]
        id_and_key = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + self._public_key()
        about = self._about(options["rp"]["id"], _HAS_KEY) + id_and_key
        attestation = encode_cbor({"fmt": "none", "attStmt": {}, "authData": about})
        return self._credential(
            clientDataJSON=self._client("webauthn.create", options),
            attestationObject=attestation,
        )

    def get(self, options: dict[str, Any]) -> str:
        """Use the passkey. Return what the page sends."""
        self.count += 1
        about = self._about(options["rpId"])
        client = self._client("webauthn.get", options)
        signature = self.key.sign(about + sha256(client).digest(), ec.ECDSA(SHA256()))
        return self._credential(
            clientDataJSON=client,
            authenticatorData=about,
            signature=signature,
            userHandle=base64url_to_bytes(self.handle),
        )

    def _about(self, site: str, flags: int = 0) -> bytes:
        flags |= _PRESENT | (_VERIFIED if self.verifies else 0)
        return sha256(site.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big")

    def _client(self, type: str, options: dict[str, Any]) -> bytes:
        about = {"type": type, "challenge": options["challenge"], "origin": self.origin}
        return json.dumps(about).encode()

    def _public_key(self) -> bytes:
        numbers = self.key.public_key().public_numbers()
        x, y = numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big")
        return encode_cbor({1: 2, 3: -7, -1: 1, -2: x, -3: y})  # COSE: EC2, ES256, P-256

    def _credential(self, **response: bytes) -> str:
        id = bytes_to_base64url(self.id)
        encoded = {name: bytes_to_base64url(value) for name, value in response.items()}
        return json.dumps({"id": id, "rawId": id, "type": "public-key", "response": encoded})

"""A service as a client of the app: it proves who it is with a key of its own (RFC 7523).

The key is made at the first start. The app finds the public half at the service's own URL, which it
has in TOOL_SERVICES, so no secret has to be carried from one machine to another.
"""

from __future__ import annotations

import os
import tempfile
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tool_services.framework.public_keys import ALGORITHM, public_jwk
from tool_services.framework.settings import stop

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_SECONDS = 60


@dataclass(frozen=True)
class ServiceClient:
    """The service at `url`, as a client of the app at `issuer`."""

    url: str
    issuer: str
    key: ec.EllipticCurvePrivateKey = field(repr=False)

    @classmethod
    def load(cls, name: str, url: str, issuer: str, folder: Path) -> Self:
        """Return the client with the key that it has in `folder`, made if there is none.

        If the key can't be read or made, the program ends with a sentence on stderr.
        """
        file = folder / f"{name}_client.pem"
        try:
            return cls(url, issuer, _key(file))
        except (OSError, TypeError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it holds no key"
            stop(f"{file} can't be used as the key of {name} ({reason}); remove it, or mend it.")

    @property
    def jwks(self) -> dict[str, Any]:
        return {"keys": [public_jwk(self.key.public_key())]}

    def authentication(self) -> dict[str, str]:
        """Return the form fields that prove to the app who asks."""
        now = int(time.time())
        claims = {
            **{"iss": self.url, "sub": self.url, "aud": self.issuer},
            **{"iat": now, "exp": now + ASSERTION_SECONDS, "jti": uuid.uuid4().hex},
        }
        key_id = public_jwk(self.key.public_key())["kid"]
        assertion = jwt.encode(claims, self.key, ALGORITHM, headers={"kid": key_id})
        return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}


def _key(file: Path) -> ec.EllipticCurvePrivateKey:
    """Read the key in a file, which is made if it is missing. Raises OSError and ValueError."""
    if not file.exists():
        _create(file)
    key = serialization.load_pem_private_key(file.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError
    return key


def _create(file: Path) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=file.parent)
    with os.fdopen(handle, "wb") as writing:
        writing.write(
            ec.generate_private_key(ec.SECP256R1()).private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
    # A link appears whole or not at all: of processes that start at once, all use the first's key.
    try:
        os.link(name, file)
    except FileExistsError:
        pass
    finally:
        Path(name).unlink()

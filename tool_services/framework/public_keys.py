"""The public half of a signing key, as a JSON Web Key (RFC 7517)."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

ALGORITHM = "ES256"
JWKS_PATH = "/.well-known/jwks.json"


def public_jwk(key: ec.EllipticCurvePublicKey) -> dict[str, Any]:
    """Return the key with an id that is the same on every machine (RFC 7638)."""
    public: dict[str, Any] = ECAlgorithm.to_jwk(key, as_dict=True)
    members = {name: public[name] for name in ("crv", "kty", "x", "y")}
    digest = hashlib.sha256(json.dumps(members, separators=(",", ":")).encode()).digest()
    key_id = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return public | {"kid": key_id, "use": "sig", "alg": ALGORITHM}

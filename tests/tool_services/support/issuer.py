"""A small real issuer: it publishes its public key and exchanges tokens, as the app does."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from flask import Flask, Response, jsonify, request
from jwt.algorithms import ECAlgorithm

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def jwk(key: ec.EllipticCurvePrivateKey, key_id: str) -> dict[str, str]:
    return ECAlgorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": key_id, "use": "sig"}


@dataclass
class Issuer:
    url: str = ""
    key: ec.EllipticCurvePrivateKey = field(default_factory=new_key)
    key_id: str = "first"
    jwks_requests: int = 0
    exchanges: list[dict[str, str]] = field(default_factory=list)
    answer_jwks: Callable[[], Response] | None = None
    answer_exchange: Callable[[], Response] | None = None

    def claims(self, audience: str, user: str = "alice", **changed: Any) -> dict[str, Any]:
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": audience,
            "sub": user,
            "scope": "tools:call outbox:read",
            "iat": now,
            "exp": now + 300,
            "jti": uuid.uuid4().hex,
        } | changed
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, audience: str, user: str = "alice", **changed: Any) -> str:
        return self.sign(self.claims(audience, user, **changed))

    def sign(self, claims: dict[str, Any], **header: Any) -> str:
        return jwt.encode(
            claims, self.key, algorithm="ES256", headers={"kid": self.key_id} | header
        )

    def rotate(self) -> None:
        self.key, self.key_id = new_key(), self.key_id + "+"

    def app(self) -> Flask:
        app = Flask(__name__)

        @app.get("/.well-known/jwks.json")
        def jwks() -> Response:
            self.jwks_requests += 1
            if self.answer_jwks is not None:
                return self.answer_jwks()
            return jsonify(keys=[jwk(self.key, self.key_id)])

        @app.post("/oauth/token")
        def exchange() -> Response:
            self.exchanges.append(request.form.to_dict())
            if self.answer_exchange is not None:
                return self.answer_exchange()
            return self._exchange(request.form.to_dict())

        return app

    def _exchange(self, form: dict[str, str]) -> Response:
        assert form["grant_type"] == EXCHANGE
        subject = jwt.decode(
            form["subject_token"],
            self.key.public_key(),
            algorithms=["ES256"],
            options={"verify_aud": False},
        )
        token = self.token(form["audience"], subject["sub"], scope=form["scope"])
        return jsonify(
            access_token=token,
            issued_token_type="urn:ietf:params:oauth:token-type:access_token",
            token_type="Bearer",
            expires_in=300,
        )

"""An identity provider on loopback, with switches for what a hostile one does."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from secrets import token_urlsafe
from typing import Any
from urllib.parse import urlencode

import gevent
import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask, Response, jsonify, redirect, request
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from tests.support.product import Served

CLIENT_ID, CLIENT_SECRET = "homestream", "the provider's own 12345"
KEY = rsa.generate_private_key(65537, 2048)
ELLIPTIC_KEY = ec.generate_private_key(ec.SECP256R1())
OTHER_KEY = ec.generate_private_key(ec.SECP256R1())


class OidcProvider:
    """Signs in whoever asks, as `person`, by RS256 or ES256 (`algorithm`).

    `mischief` is what it does wrong, "" for nothing.
    """

    def __init__(self) -> None:
        self.person: dict[str, Any] = {}
        self.mischief = ""
        self.algorithm = "RS256"
        self.asks_again = True
        self._codes: dict[str, dict[str, str]] = {}
        self._served = Served()
        self.issuer = self._served.url

    def __enter__(self) -> OidcProvider:
        app = Flask(__name__)
        app.add_url_rule("/.well-known/openid-configuration", view_func=self._configuration)
        app.add_url_rule("/keys", view_func=self._keys)
        app.add_url_rule("/authorize", view_func=self._authorize)
        app.add_url_rule("/token", view_func=self._token, methods=["POST"])
        self._served.begin(app)
        return self

    def __exit__(self, *_: object) -> None:
        self._served.stop()

    @property
    def settings(self) -> dict[str, Any]:
        return {
            "oidc_issuer": self.issuer,
            "oidc_client_id": CLIENT_ID,
            "oidc_client_secret": CLIENT_SECRET.replace(" ", "-"),
            "oidc_name": "Acme",
        }

    def _configuration(self) -> Response:
        return jsonify(
            issuer=self.issuer,
            authorization_endpoint=f"{self.issuer}/authorize",
            token_endpoint=f"{self.issuer}/token",
            jwks_uri=f"{self.issuer}/keys",
        )

    def _keys(self) -> Response:
        encrypts = {"kty": "XYZ", "kid": "other", "use": "enc"}
        if self.algorithm == "RS256":
            public = RSAAlgorithm.to_jwk(KEY.public_key(), as_dict=True)
        else:
            public = ECAlgorithm.to_jwk(ELLIPTIC_KEY.public_key(), as_dict=True)
        return jsonify(keys=[encrypts, public | {"kid": "1", "use": "sig", "alg": self.algorithm}])

    def _authorize(self) -> Any:
        assert request.args["code_challenge_method"] == "S256"
        code = token_urlsafe()
        self._codes[code] = request.args.to_dict()
        answer = {"code": code, "state": request.args["state"]}
        if self.mischief == "another state":
            answer["state"] = "x"
        if self.mischief == "refusal":
            answer = {"error": "access_denied\r\nforged line", "state": request.args["state"]}
        return redirect(f"{request.args['redirect_uri']}?{urlencode(answer)}")

    def _token(self) -> Any:
        if self.mischief == "huge":
            return Response(b'{"x": "' + b"x" * 1_000_000 + b'"}')
        if self.mischief == "no JSON":
            return Response("<h1>Down</h1>", status=500)
        if self.mischief == "deep":
            return Response("[" * 100_000)
        if self.mischief == "redirect":
            return redirect(f"{self.issuer}/keys", 307)
        if self.mischief == "hanging":
            return Response(self._drip())
        asked = self._codes.pop(request.form["code"], None)
        if asked is None or not self._is_client() or not _verifies(asked):
            return jsonify(error="invalid_grant", error_description="no\nsuch code"), 400
        return jsonify(access_token="a", token_type="Bearer", id_token=self._id_token(asked))

    def _drip(self) -> Any:
        while True:
            yield b" "
            gevent.sleep(0.1)

    def _is_client(self) -> bool:
        given = request.authorization
        secret = self.settings["oidc_client_secret"]
        return given is not None and (given.username, given.password) == (CLIENT_ID, secret)

    def _id_token(self, asked: dict[str, str]) -> str:
        now = int(time.time())
        claims = self.person | {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            "auth_time": now if self.asks_again and "max_age" in asked else now - 7200,
            "nonce": asked["nonce"],
        }
        changes: dict[str, dict[str, Any]] = {
            "wrong nonce": {"nonce": "x"},
            "another audience": {"aud": "x"},
            "another party": {"aud": [CLIENT_ID, "x"], "azp": "x"},
            "another issuer": {"iss": "https://evil.example"},
            "expired": {"exp": now - 3600, "iat": now - 7200},
            "no subject": {"sub": None},
        }
        claims |= changes.get(self.mischief, {})
        if self.mischief == "alg none":
            return jwt.encode(claims, "", "none", {"kid": "1"})
        if self.mischief == "HS256":
            return _signed_with_the_public_key(claims)
        if self.mischief == "another key":
            return jwt.encode(claims, OTHER_KEY, "ES256", {"kid": "1"})
        key = KEY if self.algorithm == "RS256" else ELLIPTIC_KEY
        return jwt.encode(claims, key, self.algorithm, {"kid": "1"})


def _verifies(asked: dict[str, str]) -> bool:
    digest = hashlib.sha256(request.form["code_verifier"].encode()).digest()
    return _base64(digest) == asked["code_challenge"]


def _signed_with_the_public_key(claims: dict[str, Any]) -> str:
    """As a library accepts it that lets the token say how it is signed."""
    header = {"alg": "HS256", "kid": "1", "typ": "JWT"}
    parts = ".".join(_base64(json.dumps(part).encode()) for part in (header, claims))
    secret = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return f"{parts}.{_base64(hmac.digest(secret, parts.encode(), 'sha256'))}"


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()

"""Tokens for the tool services: what is in them, who takes them, what they are turned into."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.product import NOTES, Person, Product, ServiceFactory, notes_service
from tool_services.framework.service_client import ServiceClient

pytestmark = pytest.mark.shares_product

GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"


@pytest.fixture(scope="module")
def product_services() -> Mapping[str, ServiceFactory]:
    """A second service, `copies`, beside `notes`."""
    return NOTES | {"copies": notes_service("copies")}


@pytest.fixture(scope="module")
def product_settings() -> dict[str, object]:
    """Let `copies` act at `notes`."""
    return {"tool_exchanges": {"copies": "notes"}}


def mint(product: Product, person: Person, service: str, scope: str = "tools:call") -> str:
    url = product.settings.tool_services[service]
    return product.services.issuer.mint(person.id, url, scope)


def find(product: Product, token: str, service: str = "notes") -> requests.Response:
    url = product.settings.tool_services[service]
    headers = {"Authorization": f"Bearer {token}"}
    return requests.post(f"{url}/tools/call", json={"name": "findNotes"}, headers=headers)


def client_of(product: Product, service: str) -> ServiceClient:
    """The service as a client of the app, with the key that it publishes."""
    url = product.settings.tool_services[service]
    return ServiceClient.load("notes", url, product.settings.app_url, product.folder)


def authentication(product: Product, token: str) -> dict[str, str]:
    """What proves that the service asks which the token is for, if it is for one."""
    try:
        audience = claims_of(token).get("aud")
    except jwt.DecodeError:
        return {}
    services = product.settings.tool_services.items()
    return next(
        (client_of(product, name).authentication() for name, url in services if url == audience), {}
    )


def exchange(product: Product, token: str, **fields: str) -> requests.Response:
    """Exchange a token as the service does that it is for, or as a person's own program."""
    form = authentication(product, token) | {
        "grant_type": GRANT,
        "subject_token": token,
        "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "audience": product.settings.tool_services["notes"],
    }
    return requests.post(f"{product.url}/oauth/token", data=form | fields)


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def test_a_token_names_one_person_one_service_and_a_short_time(
    product: Product, alice: Person
) -> None:
    token = mint(product, alice, "notes")
    claims = claims_of(token)
    assert claims["sub"] == alice.id
    assert claims["aud"] == product.settings.tool_services["notes"]
    assert claims["iss"] == product.settings.app_url
    assert claims["exp"] - claims["iat"] <= 300
    assert claims["jti"] != claims_of(mint(product, alice, "notes"))["jti"]
    longer = product.services.issuer.mint(alice.id, "x", "y", lifetime=9999)
    assert claims_of(longer)["exp"] - claims_of(longer)["iat"] <= 300


def test_the_published_keys_verify_it_and_hold_no_private_part(
    product: Product, alice: Person
) -> None:
    keys = requests.get(f"{product.url}/.well-known/jwks.json").json()
    assert set(keys["keys"][0]) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    token = mint(product, alice, "notes")
    key = jwt.PyJWKSet.from_dict(keys)[jwt.get_unverified_header(token)["kid"]]
    jwt.decode(token, key, ["ES256"], audience=product.settings.tool_services["notes"])


def test_each_service_takes_its_own_token_and_no_other(product: Product, alice: Person) -> None:
    for service, other in (("notes", "copies"), ("copies", "notes")):
        token = mint(product, alice, service)
        assert find(product, token, service).status_code == 200
        refused = find(product, token, other)
        assert refused.status_code == 401
        assert 'error="invalid_token"' in refused.headers["WWW-Authenticate"]


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_the_session_token_is_refused_by_every_service(
    product: Product, alice: Person, kind: str
) -> None:
    for service in ("notes", "copies"):
        assert find(product, alice.tokens[kind], service).status_code == 401


def test_a_service_token_is_no_session(product: Product, alice: Person) -> None:
    bearer = {"Authorization": f"Bearer {mint(product, alice, 'notes')}"}
    assert requests.get(f"{product.url}/auth/profile", headers=bearer).status_code == 401


def test_a_token_without_the_scope_is_refused_as_such(product: Product, alice: Person) -> None:
    refused = find(product, mint(product, alice, "notes", "outbox:read"))
    assert refused.status_code == 403
    assert "insufficient_scope" in refused.headers["WWW-Authenticate"]


def test_a_service_exchanges_its_token_for_one_at_another(product: Product, alice: Person) -> None:
    answer = exchange(product, mint(product, alice, "copies"))
    body = answer.json()
    kept = answer.headers["Cache-Control"]
    assert (answer.status_code, kept) == (200, "private, no-store")
    assert body["token_type"] == "Bearer"
    claims = claims_of(body["access_token"])
    assert (claims["sub"], claims["scope"]) == (alice.id, "tools:call")
    assert claims["act"] == {"sub": "copies"}
    assert find(product, body["access_token"]).status_code == 200


def test_a_service_has_to_prove_who_it_is(product: Product, alice: Person) -> None:
    token = mint(product, alice, "copies")
    copies = client_of(product, "copies")
    other_key = replace(copies, key=ec.generate_private_key(ec.SECP256R1()))
    forgeries = [
        {"client_assertion": "", "client_assertion_type": ""},
        {"client_assertion": "nonsense"},
        other_key.authentication(),
        replace(copies, issuer="https://elsewhere.example").authentication(),
        replace(copies, url="https://elsewhere.example").authentication(),
        assertion(copies, exp=int(time.time()) - 10),
        assertion(copies, exp=int(time.time()) + 300),
        assertion(copies, sub=product.settings.tool_services["notes"]),
    ]
    for fields in forgeries:
        answer = exchange(product, token, **fields)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client"), fields
        assert answer.json()["error_description"].endswith(".")
    assert exchange(product, token, **assertion(copies)).status_code == 200


def assertion(client: ServiceClient, **changed: Any) -> dict[str, str]:
    fields = client.authentication()
    sent = fields["client_assertion"]
    claims = claims_of(sent) | changed
    header = {"kid": jwt.get_unverified_header(sent)["kid"]}
    return fields | {"client_assertion": jwt.encode(claims, client.key, "ES256", headers=header)}


def test_a_token_is_exchanged_only_by_the_service_that_it_is_for(
    product: Product, alice: Person
) -> None:
    notes = client_of(product, "notes").authentication()
    answer = exchange(product, mint(product, alice, "copies"), **notes)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


@pytest.mark.own_product
def test_a_service_that_is_away_cannot_be_known_just_now(product: Product, alice: Person) -> None:
    product.tool_services["copies"].stop()
    answer = exchange(product, mint(product, alice, "copies"))
    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")


def test_an_exchanged_token_lives_no_longer_than_the_first(product: Product, alice: Person) -> None:
    first = product.services.issuer.mint(
        alice.id, product.settings.tool_services["copies"], "tools:call", lifetime=20
    )
    body = exchange(product, first).json()
    assert body["expires_in"] <= 20
    assert claims_of(body["access_token"])["exp"] <= claims_of(first)["exp"]


@pytest.mark.parametrize(
    ("held", "wanted", "granted"),
    [
        ("tools:call copies:read notes:read", None, "tools:call copies:read notes:read"),
        ("tools:call copies:read notes:read", "tools:call notes:read", "tools:call notes:read"),
        ("tools:call notes:read", "tools:call notes:read notes:send", "tools:call notes:read"),
        ("tools:call notes:read notes:send", None, "tools:call notes:read"),
        ("tools:call copies:read", "tools:call notes:read", None),
        ("tools:call notes:send", None, None),
        ("tools:call", "notes:read", None),
        ("tools:list", None, None),
        ("outbox:read", "tools:call", None),
    ],
)
def test_an_exchange_never_widens_and_gives_nothing_but_reading(
    product: Product, alice: Person, held: str, wanted: str | None, granted: str | None
) -> None:
    fields = {} if wanted is None else {"scope": wanted}
    answer = exchange(product, mint(product, alice, "copies", held), **fields)
    if granted is None:
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")
        assert answer.json()["error_description"].endswith(".")
    else:
        assert answer.json()["scope"] == granted
        assert claims_of(answer.json()["access_token"])["scope"] == granted


def test_a_token_to_send_is_never_got_by_exchange(product: Product, alice: Person) -> None:
    """Neither by a person's own program nor by a service: what sends waits for an approval."""
    person = exchange(product, alice.tokens["access_token"], scope="tools:call notes:send").json()
    assert person["error"] == "invalid_scope"
    broad = exchange(product, alice.tokens["access_token"]).json()
    assert broad["scope"] == "tools:call notes:read"
    narrow = exchange(product, alice.tokens["access_token"], scope="tools:call").json()
    url = product.settings.tool_services["notes"]
    letter = {"notes": ["first"], "recipientEmail": "ann@example.com"}
    for body in (broad, narrow):
        headers = {"Authorization": f"Bearer {body['access_token']}"}
        call = {"name": "sendNotes", "arguments": letter}
        assert requests.post(f"{url}/tools/call", json=call, headers=headers).status_code == 403
    assert alice.api("GET", "/outbox").json()["messages"] == []


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"subject_token": ""}, "invalid_request"),
        ({"audience": ""}, "invalid_request"),
        ({"subject_token": "x"}, "invalid_grant"),
        ({"audience": "https://elsewhere.example"}, "invalid_target"),
    ],
)
def test_an_exchange_that_is_not_in_order_is_refused(
    product: Product, alice: Person, fields: dict[str, str], code: str
) -> None:
    answer = exchange(product, mint(product, alice, "copies"), **fields)
    assert (answer.status_code, answer.json()["error"]) == (400, code)
    assert answer.json()["error_description"].endswith(".")


def test_only_the_services_that_are_named_may_exchange(product: Product, alice: Person) -> None:
    token = mint(product, alice, "notes")
    copies = product.settings.tool_services["copies"]
    assert exchange(product, token, audience=copies).json()["error"] == "invalid_target"
    assert exchange(product, token).json()["error"] == "invalid_target"


def test_a_service_may_act_at_each_of_those_that_are_named(start: Callable[..., Product]) -> None:
    services = {name: notes_service(name) for name in ("notes", "copies", "third", "fourth")}
    product = start(services, tool_exchanges={"copies": "third,notes"})
    token = mint(product, product.sign_up("Alice"), "copies")
    urls = product.settings.tool_services
    answers = [exchange(product, token, audience=urls[name]) for name in ("third", "fourth")]
    assert [answer.status_code for answer in answers] == [200, 400]
    assert exchange(product, token, audience=urls["notes"]).status_code == 200


def test_only_a_good_service_token_can_be_exchanged(product: Product, alice: Person) -> None:
    copies = product.settings.tool_services["copies"]
    now = int(time.time())
    good = claims_of(mint(product, alice, "copies"))
    unsigned = jwt.encode(good, "", algorithm="none")
    forged = jwt.encode(good, "x" * 32, algorithm="HS256")
    expired = product.services.issuer.mint(alice.id, copies, "tools:call", exp=now - 1)
    foreign = product.services.issuer.mint(alice.id, copies, "tools:call", iss="other")
    for token in (unsigned, forged, expired, foreign, "nonsense"):
        assert exchange(product, token).json()["error"] == "invalid_grant"


def test_a_persons_own_program_gets_a_token_for_a_service(product: Product, alice: Person) -> None:
    metadata = requests.get(f"{product.url}/.well-known/oauth-authorization-server").json()
    assert metadata["issuer"] == product.settings.app_url
    assert metadata["token_endpoint"] == f"{product.url}/oauth/token"
    for service in ("notes", "copies"):
        audience = product.settings.tool_services[service]
        answer = exchange(product, alice.tokens["access_token"], audience=audience)
        assert answer.status_code == 200
        assert find(product, answer.json()["access_token"], service).status_code == 200
        assert claims_of(answer.json()["access_token"])["sub"] == alice.id


def test_a_persons_token_is_exchanged_for_known_services_only(
    product: Product, alice: Person
) -> None:
    answer = exchange(product, alice.tokens["access_token"], audience="https://elsewhere.example")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_target")


def test_only_a_live_access_token_is_exchanged(product: Product, alice: Person) -> None:
    assert exchange(product, alice.tokens["refresh_token"]).status_code == 400
    token = alice.tokens["access_token"]
    alice.api("POST", "/auth/signout")
    answer = exchange(product, token)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


def test_a_persons_programs_get_only_so_many_tokens_and_each_is_in_the_log(
    start: Callable[..., Product],
) -> None:
    product = start(exchange_limit="2 per hour")
    alice = product.sign_up("Alice")
    answers = [exchange(product, alice.tokens["access_token"]) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert int(answers[2].headers["Retry-After"]) > 3_000
    events = alice.api("GET", "/auth/security-log").json()["events"]
    assert [event["kind"] for event in events] == ["token_exchanged"] * 2 + ["signed_up"]
    assert events[0]["detail"] == product.settings.tool_services["notes"]

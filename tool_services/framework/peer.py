"""Requests to another tool service on the caller's behalf."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import gevent
import requests
from pydantic import BaseModel, ValidationError

from tool_services.framework.errors import (
    ServiceError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from tool_services.framework.scopes import CALL_SCOPE
from tool_services.framework.service_client import ServiceClient
from tool_services.framework.tokens import Caller

TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105

Value = TypeVar("Value", bound=BaseModel)


class _Error(BaseModel):
    code: str
    message: str


class _ErrorBody(BaseModel):
    error: _Error


class _Grant(BaseModel):
    access_token: str


@dataclass(frozen=True)
class PeerClient:
    """A client of the service at `url`.

    `timeout` limits the token exchange and the request together, in seconds. `client` is the
    service that asks. `scopes` are what its requests need at the peer, beside `tools:call`.
    """

    name: str
    url: str
    token_url: str
    timeout: float
    client: ServiceClient
    scopes: tuple[str, ...] = ()

    def get(
        self,
        path: str,
        params: Mapping[str, str],
        caller: Caller,
        value_type: type[Value],
        *errors: type[ServiceError],
    ) -> Value:
        """Return the peer's answer as a `value_type`.

        If the peer answers with the code of one of `errors`, that one is raised with the peer's
        message. Otherwise raises UpstreamTimeoutError or UpstreamUnavailableError.
        """
        response = self._request(path, params, caller)
        try:
            if response.status_code in {error.status for error in errors}:
                body = _ErrorBody.model_validate_json(response.content).error
                for error in errors:
                    if error.code == body.code:
                        raise error(body.message)
            return value_type.model_validate_json(response.content)
        except ValidationError as problem:
            trouble = f"gave an unusable answer ({response.status_code})"
            raise self.unavailable(trouble) from problem

    def unavailable(self, trouble: str) -> UpstreamUnavailableError:
        """Return the error for trouble with this peer, such as "can't be reached"."""
        return UpstreamUnavailableError(f"The {self.name} service {trouble}. Try again later.")

    def _request(self, path: str, params: Mapping[str, str], caller: Caller) -> requests.Response:
        late = UpstreamTimeoutError(f"The {self.name} service takes too long. Try again later.")
        try:
            # The timeout of requests starts again with every byte. This one is for the whole.
            with gevent.Timeout(self.timeout, late):
                token = self._exchange_token(caller)
                return requests.get(
                    self.url + path,
                    params=params,
                    headers={"Authorization": f"Bearer {token}"},
                    timeout=self.timeout,
                    allow_redirects=False,
                )
        except requests.RequestException as error:
            raise self.unavailable("can't be reached") from error

    def _exchange_token(self, caller: Caller) -> str:
        """Exchange the caller's token for one that the peer accepts (RFC 8693).

        The caller's own token is never sent to the peer.
        """
        response = requests.post(
            self.token_url,
            data={
                "grant_type": TOKEN_EXCHANGE,
                "subject_token": caller.token,
                "subject_token_type": ACCESS_TOKEN,
                "audience": self.url,
                "scope": " ".join((CALL_SCOPE, *self.scopes)),
                **self.client.authentication(),
            },
            timeout=self.timeout,
            allow_redirects=False,
        )
        try:
            response.raise_for_status()
            return _Grant.model_validate_json(response.content).access_token
        except (requests.HTTPError, ValidationError) as error:
            trouble = "can't be used: the app granted no token for it"
            raise self.unavailable(trouble) from error

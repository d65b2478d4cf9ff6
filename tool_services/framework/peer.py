"""Asking another tool service on the caller's behalf, with a token exchanged for that service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import gevent
import requests
from pydantic import BaseModel, ValidationError

from tool_services.framework.errors import (
    ServiceError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from tool_services.framework.tokens import CALL_SCOPE, Caller

TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105


Answer = TypeVar("Answer", bound=BaseModel)


class _Refusal(BaseModel):
    class Error(BaseModel):
        code: str
        message: str

    error: Error


@dataclass(frozen=True)
class Peer:
    """Another service at `url`; `timeout` bounds a whole exchange and question, in seconds."""

    name: str
    url: str
    token_url: str
    timeout: float

    def get(self, path: str, params: Mapping[str, str], caller: Caller) -> requests.Response:
        """The peer's answer, whatever its status.

        The caller's own token never reaches the peer: it is exchanged for one (RFC 8693).
        Raises UpstreamTimeoutError or UpstreamUnavailableError.
        """
        late = UpstreamTimeoutError(f"The {self.name} service takes too long. Try again later.")
        try:
            # The timeout of requests starts anew with each byte; this one is for the whole.
            with gevent.Timeout(self.timeout, late):
                token = self._exchanged_token(caller)
                return requests.get(
                    self.url + path,
                    params=params,
                    headers={"Authorization": f"Bearer {token}"},
                    timeout=self.timeout,
                    allow_redirects=False,
                )
        except requests.RequestException as error:
            raise self.unavailable("can't be reached") from error

    def ask(
        self,
        path: str,
        params: Mapping[str, str],
        caller: Caller,
        expected: type[Answer],
        *refusals: type[ServiceError],
    ) -> Answer:
        """The peer's answer as a value.

        Raises the one of `refusals` whose code the peer gives, with the peer's own sentence;
        otherwise as `get`.
        """
        answer = self.get(path, params, caller)
        try:
            if answer.status_code in {refusal.status for refusal in refusals}:
                told = _Refusal.model_validate_json(answer.content).error
                for refusal in refusals:
                    if refusal.code == told.code:
                        raise refusal(told.message)
            return expected.model_validate_json(answer.content)
        except ValidationError as error:
            trouble = f"gave an unusable answer ({answer.status_code})"
            raise self.unavailable(trouble) from error

    def unavailable(self, trouble: str) -> UpstreamUnavailableError:
        """The error that says what is the matter with this peer."""
        return UpstreamUnavailableError(f"The {self.name} service {trouble}. Try again later.")

    def _exchanged_token(self, caller: Caller) -> str:
        answer = requests.post(
            self.token_url,
            data={
                "grant_type": TOKEN_EXCHANGE,
                "subject_token": caller.token,
                "subject_token_type": ACCESS_TOKEN,
                "audience": self.url,
                "scope": CALL_SCOPE,
            },
            timeout=self.timeout,
            allow_redirects=False,
        )
        token = json_answer(answer).get("access_token")
        if not isinstance(token, str):
            raise self.unavailable("can't be asked, since no token for it was granted")
        return token


def json_answer(answer: requests.Response) -> dict[str, Any]:
    """The JSON object in a successful answer, else an empty one."""
    try:
        body = answer.json() if answer.ok else {}
    except requests.JSONDecodeError:
        body = {}
    return body if isinstance(body, dict) else {}

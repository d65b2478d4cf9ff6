"""A server as programs that run models on one's own machine have it: a list of models, and each
answers, calling the tools that it is offered or not."""

from __future__ import annotations

import json
from typing import Any

from flask import Flask, Response, jsonify, make_response, request

from tests.support.product import Served


class LocalServer:
    """`models` says of each by its name whether it calls tools; `described` is added to the list's
    entries. `asked` are the requests' bodies, and `instead` answers them all if it is set."""

    def __init__(self, **models: bool) -> None:
        self.models = models
        self.described: dict[str, Any] = {}
        self.asked: list[Any] = []
        self.instead: Response | None = None
        self.writes_calls = False  # as text
        self.loading = 0  # how many more times it says that it is loading the model
        self.served = Served()
        self.port = self.served.port
        self._app = Flask("local")
        self._app.get("/v1/models", endpoint="models")(self._list)
        self._app.post("/v1/chat/completions", endpoint="chat")(self._answer)

    def _list(self) -> Response:
        if self.instead is not None:
            return self.instead
        if self.loading:
            self.loading -= 1
            problem = {"message": "Loading model", "type": "unavailable_error", "code": 503}
            return make_response(jsonify(error=problem), 503)
        return jsonify(data=[{"id": name} | self.described for name in self.models])

    def _answer(self) -> Response:
        body = request.get_json()
        self.asked.append(body)
        message: dict[str, Any] = {"role": "assistant", "content": "5"}
        if self.models[body["model"]]:
            function = {"name": body["tools"][0]["function"]["name"], "arguments": "{}"}
            if self.writes_calls:
                message["content"] = f"```json\n{json.dumps(function)}\n```"
            else:
                message["tool_calls"] = [{"id": "c1", "type": "function", "function": function}]
        return jsonify(choices=[{"message": message}])

    def __enter__(self) -> LocalServer:
        self.served.begin(self._app)
        return self

    def __exit__(self, *_: object) -> None:
        self.served.stop()

"""A relay on Flask, gevent and the openai client, as their docs show."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

from flask import Flask, Response, request
from openai import OpenAI

app = Flask(__name__)
client = OpenAI(base_url=os.environ["OPENAI_BASE_URL"], api_key="none", max_retries=0)


@app.post("/chat")
def chat() -> Response:
    question = request.get_json()["userMessage"]
    return Response(_answer(question), mimetype="text/event-stream")


def _answer(question: str) -> Iterator[str]:
    stream = client.chat.completions.create(
        model="scripted", messages=[{"role": "user", "content": question}], stream=True
    )
    for chunk in stream:
        if chunk.choices and chunk.choices[0].delta.content:
            data = json.dumps({"chunk": chunk.choices[0].delta.content})
            yield f"event: content\ndata: {data}\n\n"
    yield "event: done\ndata: {}\n\n"

"""A relay on FastAPI, the asynchronous openai client and sse-starlette, as their docs show."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI, Request
from openai import AsyncOpenAI
from sse_starlette import EventSourceResponse

app = FastAPI()
client = AsyncOpenAI(base_url=os.environ["OPENAI_BASE_URL"], api_key="none", max_retries=0)


@app.post("/chat")
async def chat(request: Request) -> EventSourceResponse:
    question = (await request.json())["userMessage"]
    return EventSourceResponse(_answer(question))


async def _answer(question: str) -> AsyncIterator[dict[str, Any]]:
    stream = await client.chat.completions.create(
        model="scripted", messages=[{"role": "user", "content": question}], stream=True
    )
    async for chunk in stream:
        if chunk.choices and chunk.choices[0].delta.content:
            yield {
                "event": "content",
                "data": json.dumps({"chunk": chunk.choices[0].delta.content}),
            }
    yield {"event": "done", "data": "{}"}

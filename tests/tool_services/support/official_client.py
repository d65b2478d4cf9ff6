"""What the protocol's official client sees of a server: python -m … URL TOKEN CALLS MODE…

CALLS is JSON, a list of [tool, arguments]. The transcript in each mode is a line of JSON. It runs
in a process of its own, since asyncio and gevent don't work together.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import httpx2
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client


async def transcript(url: str, token: str, mode: str, calls: list[Any]) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=30) as http,
        Client(streamable_http_client(url, http_client=http), mode=mode) as client,
    ):
        listed = await client.list_tools()
        answers = [await client.call_tool(name, arguments) for name, arguments in calls]
        return {
            "revision": client.protocol_version,
            "server": client.server_info and client.server_info.name,
            "tools": [tool.model_dump(by_alias=True, mode="json") for tool in listed.tools],
            "answers": [
                {
                    "failed": bool(answer.is_error),
                    "text": getattr(answer.content[0], "text", ""),
                    "structured": answer.structured_content,
                }
                for answer in answers
            ],
        }


if __name__ == "__main__":
    url, token, calls, *modes = sys.argv[1:]
    for mode in modes:
        print(json.dumps(asyncio.run(transcript(url, token, mode, json.loads(calls)))))

"""A tool is defined once: its name, schema, defaults and results are the same over every transport."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from mcp.client.sse import sse_client

from sanctuary_host.plugins import load
from sanctuary_host.testing import serving

CALLS: list[tuple[str, dict[str, Any]]] = [
    ("time_convert", {"time": "2026-03-29 02:30", "zone": "Europe/Berlin", "to": ["UTC", "Asia/Kolkata"]}),
    ("time_parse", {"text": "third thursday of next month", "now": "2026-11-23 10:00"}),
    ("calculate", {"expression": "5 km + 300 m in miles"}),
    ("math_symbolic", {"operation": "solve", "expression": "x^2 - 5x + 6 = 0"}),
    ("generate_id", {"kind": "uuid5", "namespace": "dns", "value": "example.org"}),
    ("text_transform", {"text": "Grüße aus Köln", "operation": "slug"}),
    ("text_analyze", {"text": "naïve 👨‍👩‍👧", "operation": "count"}),
    # what is wrong is wrong in the same words
    ("calculate", {"expression": "1/0"}),
    ("calculate", {"expresion": "1"}),
    ("time_now", {"zones": ["Nowhere/At_All"]}),
]
WAYS = ["stdio, handshake", "stdio, 2026-07-28", "HTTP+SSE", "streamable", "stateless", "streamable, 2026-07-28"]


@asynccontextmanager
async def client_over(way: str) -> AsyncGenerator[Client]:
    if way.startswith("stdio"):
        command = StdioServerParameters(
            command=sys.executable,
            args=["-m", "sanctuary_host"],
            env={"CLUSTER": "utils", "PATH": os.environ["PATH"], "SANCTUARY_LOG_LEVEL": "ERROR"},
        )
        async with Client(command, mode="legacy" if "handshake" in way else "2026-07-28") as client:
            yield client
        return
    async with serving("utils", SANCTUARY_STATELESS="1" if way == "stateless" else "0") as served:
        if way == "HTTP+SSE":
            async with Client(sse_client(f"{served.origin}/sse"), mode="legacy") as client:
                yield client
        else:
            async with Client(served.url, mode="2026-07-28" if "2026" in way else "legacy") as client:
                yield client


def plain(model: Any) -> dict[str, Any]:
    """What a result says, without what a protocol version adds to every result."""
    wire: dict[str, Any] = model.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {key: value for key, value in wire.items() if key not in {"_meta", "resultType", "ttlMs", "cacheScope"}}


@pytest.mark.parametrize("way", WAYS)
async def test_every_tool_is_the_same_over_every_transport(way: str) -> None:
    cluster = load("utils")
    assert {name for name, _ in CALLS} == cluster.tools.keys()
    async with client_over(way) as client:
        listed = plain(await client.list_tools())["tools"]
        replies = [plain(await client.call_tool(name, arguments)) for name, arguments in CALLS]
        now = plain(await client.call_tool("time_now", {}))
    assert listed == [tool.wire() for tool in cluster.tools.values()]
    for (name, arguments), reply in zip(CALLS, replies, strict=True):
        assert reply == direct(cluster, name, arguments), name
    assert now["structuredContent"]["clocks"][0]["zone"] == "UTC"  # the default that the schema states
    assert now["content"][0]["text"] != json.dumps(now["structuredContent"])


def direct(cluster: Any, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The result of a tool's function, called as the function that it is."""
    tool = cluster.tools[name]
    try:
        wire: dict[str, Any] = tool.result(tool.function(**tool.keywords(arguments))).wire()
    except Exception as error:  # noqa: BLE001  # the tools' own errors, whose text is the reply
        return {"content": [{"type": "text", "text": str(error)}], "isError": True}
    return json.loads(json.dumps(wire))

"""The official Python SDK 1.x."""

import asyncio
import json
import sys
from typing import Any

from mcp import ClientSession, StdioServerParameters
from mcp.client.sse import sse_client
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client


def connect(job: dict[str, Any]) -> Any:
    """The transport's streams."""
    match job["transport"], job["target"]:
        case "stdio", [command, *arguments]:
            return stdio_client(StdioServerParameters(command=command, args=arguments, env=job["env"]))
        case "sse", url:
            return sse_client(url)
        case _, url:
            return streamable_http_client(url)


async def main(job: dict[str, Any]) -> None:
    """Call all at once."""
    async with connect(job) as streams, ClientSession(streams[0], streams[1]) as session:
        opened = await session.initialize()
        tools = await session.list_tools()
        answers = await asyncio.gather(*(session.call_tool(name, arguments) for name, arguments in job["calls"]))
        wire = [answer.model_dump(mode="json", by_alias=True, exclude_none=True) for answer in (tools, *answers)]
        print(json.dumps({"version": opened.protocolVersion, "tools": wire[0]["tools"], "answers": wire[1:]}))


asyncio.run(main(json.loads(sys.argv[1])))

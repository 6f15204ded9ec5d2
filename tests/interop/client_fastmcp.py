"""The client of fastmcp."""

import asyncio
import json
import sys
from typing import Any

from fastmcp import Client
from fastmcp.client.transports import SSETransport, StdioTransport, StreamableHttpTransport


def server(job: dict[str, Any]) -> Any:
    """What the client connects to."""
    match job["transport"], job["target"]:
        case "stdio", [command, *arguments]:
            return StdioTransport(command, arguments, env=job["env"])
        case "sse", url:
            return SSETransport(url)
        case _, url:
            return StreamableHttpTransport(url)


async def main(job: dict[str, Any]) -> None:
    """Call all at once."""
    async with Client(server(job), mode=job["mode"]) as client:
        tools = await client.list_tools_mcp()
        answers = await asyncio.gather(*(client.call_tool_mcp(name, arguments) for name, arguments in job["calls"]))
        wire = [answer.model_dump(mode="json", by_alias=True, exclude_none=True) for answer in (tools, *answers)]
        print(json.dumps({"version": client.protocol_version, "tools": wire[0]["tools"], "answers": wire[1:]}))


asyncio.run(main(json.loads(sys.argv[1])))

"""The official Python SDK 2.x. Each client_*: takes one JSON argument, prints the tools and the answers as JSON."""

import asyncio
import json
import sys
from typing import Any

from mcp import Client, StdioServerParameters
from mcp.client.sse import sse_client


def server(job: dict[str, Any]) -> Any:
    """What the client connects to."""
    match job["transport"], job["target"]:
        case "stdio", [command, *arguments]:
            return StdioServerParameters(command=command, args=arguments, env=job["env"])
        case "sse", url:
            return sse_client(url)
        case _, url:
            return url


async def main(job: dict[str, Any]) -> None:
    """Call all at once."""
    async with Client(server(job), mode=job["mode"]) as client:
        tools = await client.list_tools()
        answers = await asyncio.gather(*(client.call_tool(name, arguments) for name, arguments in job["calls"]))
        wire = [answer.model_dump(mode="json", by_alias=True, exclude_none=True) for answer in (tools, *answers)]
        print(json.dumps({"version": client.protocol_version, "tools": wire[0]["tools"], "answers": wire[1:]}))


asyncio.run(main(json.loads(sys.argv[1])))

"""The floor: an aiohttp handler that reads JSON and writes JSON, and knows nothing of MCP but the shape of a reply."""

import sys
from typing import Any

from aiohttp import web


async def call(request: web.Request) -> web.Response:
    message: dict[str, Any] = await request.json()
    result: dict[str, Any] = {"protocolVersion": "2025-11-25"}
    if message["method"] == "tools/call":
        text = message["params"]["arguments"]["text"]
        result = {"content": [{"type": "text", "text": text}], "isError": False}
    return web.json_response({"jsonrpc": "2.0", "id": message.get("id"), "result": result})


application = web.Application()
application.router.add_post("/mcp", call)
web.run_app(application, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)

"""The server of fastmcp on uvicorn, silent and in one of its modes; runs in an environment of its own."""

import sys

import uvicorn
from fastmcp import FastMCP

mode, port = sys.argv[1], int(sys.argv[2])
server = FastMCP("bench")


# A coroutine, since either would hand a plain function to a thread, which costs more.
@server.tool(output_schema=None)  # only content goes back, as from the others
async def echo(text: str) -> str:
    """Give the text back."""
    return text


application = server.http_app(path="/mcp", json_response=mode == "json")
uvicorn.run(application, host="127.0.0.1", port=port, log_level="error")

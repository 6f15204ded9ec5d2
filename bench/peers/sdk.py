"""The official SDK's own server on uvicorn, as `MCPServer.run` sets it up, silent and in one of its modes."""

import sys

import uvicorn
from mcp.server import MCPServer

mode, port = sys.argv[1], int(sys.argv[2])
server = MCPServer("bench", log_level="ERROR")


# A coroutine, since either would hand a plain function to a thread, which costs more.
@server.tool(structured_output=False)  # only content goes back, as from the others
async def echo(text: str) -> str:
    """Give the text back."""
    return text


match mode:
    case "json":
        application = server.streamable_http_app(json_response=True)
    case "events":
        application = server.streamable_http_app()
    case "stateless":
        application = server.streamable_http_app(json_response=True, stateless_http=True)
    case _:
        application = server.sse_app()
uvicorn.run(application, host="127.0.0.1", port=port, log_level="error")

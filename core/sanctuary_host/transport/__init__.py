"""The ways in: the Model Context Protocol over streamable HTTP, HTTP with server-sent events, and standard streams."""

from importlib import import_module
from importlib.metadata import version

from sanctuary_host.transport.shallow import built_when_used, defer, without

# This comes before anything in this room imports from these packages.
defer("mcp")
defer("mcp.server")
defer("aiohttp", __version__=version("aiohttp"))
with built_when_used():
    import_module("mcp_types.methods")
with without("uvicorn"):  # sse_starlette loads it to hear of its end
    import_module("mcp.server.lowlevel")

"""An MCP server with no more than a gateway asks of one: its tools, its token and its moods are the test's."""

from __future__ import annotations

from typing import Any, Self

from aiohttp import web


class SmallServer:
    """The server; `async with SmallServer() as server: server.url`.

    Attributes:
        tools: what `tools/list` shows.
        token: what it asks callers for; empty for none.
        mood: the HTTP status of every answer; 200 for proper ones.
        lists: how often its tools were listed.
    """

    def __init__(self, *names: str) -> None:
        self.tools: list[dict[str, Any]] = [a_tool(name) for name in names]
        self.token = ""
        self.mood = 200
        self.lists = 0
        self._port = 0
        self._runner: web.AppRunner | None = None

    @property
    def origin(self) -> str:
        """The URL without a path."""
        return f"http://127.0.0.1:{self._port}"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen; after `stop` again on the same port."""
        application = web.Application()
        application.router.add_post("/mcp", self._answer)
        self._runner = web.AppRunner(application, shutdown_timeout=0.01)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True).start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """End."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _answer(self, request: web.Request) -> web.Response:
        if self.mood != 200:
            return web.Response(status=self.mood)
        if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.Response(status=401)
        message = await request.json()
        if "id" not in message:
            return web.Response(status=202)
        if message["method"] == "initialize":
            version = message["params"]["protocolVersion"]
            info = {"name": "small", "version": "1"}
            return _reply(message, {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info})
        self.lists += 1
        return _reply(message, {"tools": self.tools})


def a_tool(name: str, description: str = "What it does.", **annotations: Any) -> dict[str, Any]:
    """A tool as `tools/list` shows it."""
    return {
        "name": name,
        "description": description,
        "inputSchema": {"type": "object", "properties": {"a": {"type": "integer"}}},
        "annotations": {"readOnlyHint": True, **annotations},
    }


def _reply(message: dict[str, Any], result: Any) -> web.Response:
    return web.json_response({"jsonrpc": "2.0", "id": message["id"], "result": result})

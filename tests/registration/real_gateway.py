"""The real gateway, IBM ContextForge, for tests: as `make up` runs it, with a database of its own in memory."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any, Self, TypeVar

import aiohttp
import httpx2
import pytest
from mcp import Client
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client

from sanctuary_host.fleet.gateway import SETTINGS, listen, running
from sanctuary_host.fleet.home import CLIENTS, SERVERS, Home, at_home
from sanctuary_host.fleet.install import is_installed, program

PROGRAM = Path(__file__).resolve().parents[2] / ".cache" / "gateway" / "program"
MEMORY = Path("/dev/shm")
T = TypeVar("T")


class RealGateway:
    """A gateway that tests start, end, start again, and bereave of its memory.

    It lives in a thread of its own, since the event loop of a test ends with the test.
    """

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.settings = {**SETTINGS, "HEALTH_CHECK_INTERVAL": "2", **settings}
        self.port = 0
        self.home: Home
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, daemon=True)
        self._stack = AsyncExitStack()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._run(self._start())

    def stop(self) -> None:
        self._run(self._stack.aclose())

    async def restart(self, *, wipe: bool = False, before: Callable[[], None] = lambda: None) -> None:
        """End it, and start it again at the same place; with `wipe` it has forgotten everything."""

        def again() -> None:
            self.stop()
            if wipe:
                for file in self.folder.glob("gateway.db*"):
                    file.unlink()
            before()
            self.start()

        await asyncio.to_thread(again)

    async def _start(self) -> None:
        self.home = self._stack.enter_context(at_home(self.folder))
        listener = listen(self.port)
        taken = listener.getsockname()[1]
        assert self.port in {0, taken}, f"port {self.port} was taken meanwhile"
        self.port = taken
        gateway = await self._stack.enter_async_context(running(self.home, program(PROGRAM), listener, self.settings))
        await gateway.answer()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    @property
    def environment(self) -> dict[str, str]:
        """What a server is to know that shall register at once, and look each second."""
        token = self.home.secrets.token(SERVERS, 3600)
        return {"GATEWAY_URL": self.url, "API_TOKEN": token, "SANCTUARY_SPLAY": "0", "SANCTUARY_HEARTBEAT": "1"}

    async def ask(self, method: str, path: str, **options: Any) -> Any:
        """Make a request as the operator; returns the reply's JSON."""
        headers = {"Authorization": f"Bearer {self.home.secrets.token(None, 600)}"}
        async with (
            aiohttp.ClientSession(self.url, headers=headers) as session,
            session.request(method, path, **options) as reply,
        ):
            assert reply.ok, f"{method} {path}: {reply.status} {await reply.text()}"
            return await reply.json()

    async def entries(self) -> list[dict[str, Any]]:
        """All servers that it knows, switched off or not."""
        found: list[dict[str, Any]] = await self.ask("GET", "/v1/gateways?limit=0&include_inactive=true")
        return found

    async def entry(self, name: str) -> dict[str, Any]:
        """The one server of a name."""
        (found,) = [entry for entry in await self.entries() if entry["name"] == name]
        return found

    async def tools(self, name: str) -> dict[str, dict[str, Any]]:
        """Its copy of a server's tools, by their names there."""
        key = (await self.entry(name))["id"]
        found = await self.ask("GET", f"/v1/tools?gateway_id={key}&limit=0&include_inactive=true")
        tools = {tool["originalName"]: tool for tool in found}
        assert len(tools) == len(found), "a tool is there twice"
        return tools

    @asynccontextmanager
    async def client(self, path: str = "/mcp") -> AsyncIterator[Client]:
        """The official client, connected to the gateway with a token of the least that does for the path."""
        permissions = CLIENTS if path == "/mcp" else None  # see CLIENTS on the others
        async with connect(f"{self.url}{path}", self.home.secrets.token(permissions, 600)) as client:
            yield client


@asynccontextmanager
async def connect(url: str, token: str) -> AsyncIterator[Client]:
    """The official client, connected to a gateway's `…/mcp` or `…/sse`."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    if url.endswith("/sse"):
        async with Client(sse_client(url, headers=headers), mode="legacy") as client:
            yield client
        return
    async with (
        httpx2.AsyncClient(headers=headers, timeout=30) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        yield client


def need_program() -> None:
    """Skip where the gateway is not installed; in CI it must be."""
    if not is_installed(PROGRAM):
        assert not os.environ.get("CI"), "the gateway is not installed: run tests/registration/install"
        pytest.skip("the gateway is not installed: run tests/registration/install")


@contextmanager
def real_gateway(**settings: str) -> Iterator[RealGateway]:
    """A gateway that begins with nothing: `with real_gateway(RATE_LIMITING_ENABLED="true") as gateway`."""
    need_program()
    place = MEMORY if os.access(MEMORY, os.W_OK) else None
    with TemporaryDirectory(prefix="sanctuary-", dir=place) as folder, RealGateway(Path(folder), **settings) as gateway:
        yield gateway


@pytest.fixture(scope="module")  # and no longer: its thread would be in the way of tests that fork
def real_for_all() -> Iterator[RealGateway]:
    """The gateway that most tests use one after the other, for each takes several seconds to start."""
    with real_gateway() as gateway:
        yield gateway


@pytest.fixture
async def real(real_for_all: RealGateway) -> AsyncIterator[RealGateway]:
    """A gateway that knows no server."""
    yield real_for_all
    for server in await real_for_all.ask("GET", "/v1/servers?limit=0&include_inactive=true"):
        await real_for_all.ask("DELETE", f"/v1/servers/{server['id']}")
    for entry in await real_for_all.entries():
        await real_for_all.ask("DELETE", f"/v1/gateways/{entry['id']}")

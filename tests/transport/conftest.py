"""A small cluster, served over real sockets, and a client that speaks raw JSON-RPC."""

from __future__ import annotations

import asyncio
import contextlib
import io
import itertools
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Annotated, Any

import aiohttp
import pytest
from mcp_types import LoggingMessageNotification, LoggingMessageNotificationParams

from sanctuary_host import ToolError, log, progress, tool
from sanctuary_host.calling import protocol_context
from sanctuary_host.calls import Calls
from sanctuary_host.plugins import Cluster
from sanctuary_host.prompts import Completer, describe_prompt, prompt
from sanctuary_host.resources import describe_resource, resource
from sanctuary_host.tools import describe
from sanctuary_host.transport.limits import Limits
from sanctuary_host.transport.web import Endpoints, serving

BOTH = "application/json, text/event-stream"
LEGACY = "2025-11-25"
MODERN = "2026-07-28"
LIMITS = Limits(shutdown=2)


@dataclass(frozen=True)
class Total:
    """A sum."""

    total: int
    note: str | None = None


class Stage:
    """Tools whose course the test decides, and what became of them."""

    def __init__(self) -> None:
        self.started: asyncio.Queue[str] = asyncio.Queue()
        self.ended: asyncio.Queue[str] = asyncio.Queue()
        self.gates: dict[str, asyncio.Event] = {}

    def gate(self, name: str) -> asyncio.Event:
        return self.gates.setdefault(name, asyncio.Event())

    @tool(read_only=True)
    async def hold(self, name: str = "gate") -> str:
        """Wait until the test opens the gate."""
        await self.started.put(name)
        try:
            await self.gate(name).wait()
        finally:
            await self.ended.put(name)
        return f"held {name}"

    @tool(read_only=True)
    async def talk_and_hold(self, name: str = "gate") -> str:
        """Say something, then wait until the test opens the gate."""
        log("info", "talking")
        return await self.hold(name)


@tool(read_only=True)
async def echo(message: str) -> str:
    """Return the message."""
    return message


@tool(read_only=True, runs="inline")
def add(a: int, b: int) -> Total:
    """Add two numbers."""
    return Total(a + b)


@tool(read_only=True)
async def talk(times: int = 3, size: int = 1) -> str:
    """Log and report progress in turn."""
    for step in range(times):
        progress(step, times, "x" * size)
        log("info", f"step {step}")
    return "said"


@tool(read_only=True)
async def levels() -> str:
    """Log once at each of three levels."""
    log("debug", "low")
    log("warning", "middle")
    log("error", "high")
    return "logged"


@tool(read_only=True)
async def flood(times: int, size: int) -> str:
    """Send notifications, each as soon as there is room for it."""
    context = protocol_context()
    for _ in range(times):
        said = LoggingMessageNotification(params=LoggingMessageNotificationParams(level="info", data="x" * size))
        await context.session.send_notification(said, related_request_id=context.request_id)
    return "flooded"


@tool(read_only=True)
async def big(size: int) -> str:
    """Return a long text."""
    return "x" * size


@tool(read_only=True)
async def odd_text() -> str:
    """Return what UTF-8 cannot state."""
    return "half a pair: \ud800"


@tool(read_only=True)
async def ask() -> str:
    """Ask the client's user."""
    context = protocol_context()
    form = {"type": "object", "properties": {"name": {"type": "string"}}}
    answer = await context.session.elicit_form("Who?", form, related_request_id=context.request_id)
    return f"{answer.action} {answer.content}"


@tool(read_only=True)
async def crash() -> str:
    """Fail without saying why."""
    raise SystemExit(3)


@tool(read_only=True, timeout=0.05)
async def hang() -> str:
    """Never end."""
    await asyncio.Event().wait()
    return "never"


@tool(read_only=True)
async def fail() -> str:
    """Fail as a tool should."""
    raise ToolError("the moon is not in this house; ask at night")


@resource("note://today")
async def today() -> str:
    """What is on today."""
    return "nothing"


def days(typed: str) -> list[str]:
    return [day for day in ("monday", "tuesday") if day.startswith(typed)]


@resource("note://{day}/plan")
async def plan(day: Annotated[str, Completer(days)]) -> str:
    """What is planned for a day."""
    return f"plan for {day}"


@prompt()
async def greet(name: str) -> str:
    """Greet somebody."""
    return f"Greet {name}."


class World:
    """A cluster that is served, and ways to talk to it."""

    def __init__(self, port: int, endpoints: Endpoints, stage: Stage, client: aiohttp.ClientSession) -> None:
        self.port, self.endpoints, self.stage, self.client = port, endpoints, stage, client
        self.kernel = endpoints.kernel
        self.cluster = endpoints.kernel.cluster
        self.url = f"http://127.0.0.1:{port}"
        self._ids = itertools.count(1)

    async def post(
        self, message: Any, headers: dict[str, str] | None = None, path: str = "/mcp"
    ) -> aiohttp.ClientResponse:
        data = io.BytesIO(message if isinstance(message, bytes) else json.dumps(message).encode())
        head = {"Content-Type": "application/json", "Accept": BOTH, **(headers or {})}
        return await self.client.post(self.url + path, data=data, headers=head)

    @contextlib.asynccontextmanager
    async def raw(
        self, *lines: str, body: str = ""
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """A connection on which a request was sent line by line."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write("\r\n".join([*lines, "", body]).encode())
            yield reader, writer
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def open(self, headers: dict[str, str] | None = None, version: str = LEGACY) -> dict[str, str]:
        """Open a session; returns the headers that go with its requests."""
        response = await self.post(initialize(version), headers)
        assert response.status == 200, await response.text()
        session = {**(headers or {}), "Mcp-Session-Id": response.headers["Mcp-Session-Id"]}
        done = await self.post({"jsonrpc": "2.0", "method": "notifications/initialized"}, session)
        assert done.status == 202
        return session

    async def call(self, session: dict[str, str], tool: str, request_id: Any = None, /, **arguments: Any) -> Any:
        """Call a tool and return the reply, however it came."""
        response = await self.post(call(tool, request_id or next(self._ids), **arguments), session)
        return (await messages(response))[-1]

    async def modern(self, method: str, params: dict[str, Any] | None = None, **options: Any) -> aiohttp.ClientResponse:
        """Send a self-contained request."""
        message = modern(method, params, options.get("meta"), options.get("request_id", 1))
        headers = {"MCP-Protocol-Version": MODERN, "Mcp-Method": method}
        if name := (params or {}).get("name") or (params or {}).get("uri"):
            headers["Mcp-Name"] = name
        return await self.post(message, {**headers, **options.get("headers", {})})


def initialize(version: str = LEGACY, **capabilities: Any) -> dict[str, Any]:
    params = {"protocolVersion": version, "capabilities": capabilities, "clientInfo": {"name": "test", "version": "1"}}
    return {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}


def call(tool: str, request_id: Any = 1, /, **arguments: Any) -> dict[str, Any]:
    params: dict[str, Any] = {"name": tool, "arguments": arguments}
    if "_meta" in arguments:
        params["_meta"] = arguments.pop("_meta")
    return {"jsonrpc": "2.0", "id": request_id, "method": "tools/call", "params": params}


def modern(method: str, params: dict[str, Any] | None, meta: dict[str, Any] | None, request_id: Any) -> dict[str, Any]:
    envelope = {
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": {},
        **(meta or {}),
    }
    return {"jsonrpc": "2.0", "id": request_id, "method": method, "params": {**(params or {}), "_meta": envelope}}


async def messages(response: aiohttp.ClientResponse) -> list[Any]:
    """All messages of a response, JSON or stream."""
    if response.content_type == "application/json":
        return [json.loads(await response.read())]
    return [message async for message in events(response)]


async def events(response: aiohttp.ClientResponse) -> AsyncIterator[Any]:
    """The messages of a stream, as they come; other events come as pairs of name and data."""
    name = ""
    while line := (await response.content.readuntil(b"\n")).decode().rstrip("\r\n") or not response.content.at_eof():
        if line is True:
            continue
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            yield json.loads(value) if name == "message" else (name, value)


async def eventually(condition: Callable[[], bool]) -> None:
    """Let the loop turn until it is so."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """A client that closes at the end what the test left open."""
    responses: list[aiohttp.ClientResponse] = []

    async def note(_session: Any, _context: Any, end: aiohttp.TraceRequestEndParams) -> None:
        responses.append(end.response)

    trace = aiohttp.TraceConfig()
    trace.on_request_end.append(note)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(20), trace_configs=[trace]) as client:
        try:
            yield client
        finally:
            for response in responses:
                response.close()


@pytest.fixture
async def world() -> AsyncIterator[Callable[..., Any]]:
    """Serves a cluster: `await world(limits=..., token=...)`; everything ends with the test."""
    async with AsyncExitStack() as stack:

        async def start(*, limits: Limits = LIMITS, bare: bool = False, **options: Any) -> World:
            stage = Stage()
            tools = [
                stage.hold,
                stage.talk_and_hold,
                echo,
                add,
                talk,
                levels,
                flood,
                big,
                odd_text,
                ask,
                crash,
                hang,
                fail,
            ]
            cluster = Cluster("test", tools={one.name: one for one in map(describe, tools)})
            if not bare:
                cluster.resources = [describe_resource(today), describe_resource(plan)]
                cluster.prompts = {"greet": describe_prompt(greet)}
            sock = socket.create_server(("127.0.0.1", 0))
            port = sock.getsockname()[1]
            client = await stack.enter_async_context(session())
            endpoints = await stack.enter_async_context(serving(Calls(cluster), sock=sock, limits=limits, **options))
            return World(port, endpoints, stage, client)

        yield start


@pytest.fixture
def short() -> Limits:
    """Limits of time that a test can wait for."""
    return Limits(keepalive=0.05, stall=0.2, shutdown=2)


class Helpers:
    """The functions above, for test files, which cannot import this one."""

    BOTH, LEGACY, MODERN = BOTH, LEGACY, MODERN
    initialize, call, modern = staticmethod(initialize), staticmethod(call), staticmethod(modern)
    messages, events, eventually = staticmethod(messages), staticmethod(events), staticmethod(eventually)


@pytest.fixture
def mcp() -> type[Helpers]:
    """What test files share."""
    return Helpers

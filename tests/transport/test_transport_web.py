"""The whole server: its state, its end, and the SDK's own client."""

from __future__ import annotations

import asyncio
import socket
from contextlib import AsyncExitStack

import aiohttp
import pytest
from mcp import Client
from mcp.client.sse import sse_client

from sanctuary_host import tool
from sanctuary_host.calls import Calls
from sanctuary_host.plugins import Cluster
from sanctuary_host.tools import describe
from sanctuary_host.transport.limits import Limits
from sanctuary_host.transport.web import serving


@pytest.mark.parametrize("mode", ["auto", "legacy", "2026-07-28", "sse"])
async def test_the_sdks_client_lists_and_calls(world, mode):
    here = await world()
    target = sse_client(f"{here.url}/sse") if mode == "sse" else f"{here.url}/mcp"
    async with Client(target, mode="legacy" if mode == "sse" else mode) as client:
        assert len((await client.list_tools()).tools) == 13
        sums = await asyncio.gather(*(client.call_tool("add", {"a": number, "b": 1}) for number in range(20)))
    assert [one.structured_content["total"] for one in sums] == list(range(1, 21))


async def test_health_says_what_the_server_knows(world):
    here = await world()
    session = await here.open()
    await here.call(session, "crash")
    held = asyncio.create_task(here.call(session, "hold"))
    await here.stage.started.get()
    state = await (await here.client.get(here.url + "/health")).json()
    assert {key: state[key] for key in ("status", "cluster", "sessions", "in_flight", "faults")} == {
        "status": "ok",
        "cluster": "test",
        "sessions": 1,
        "in_flight": 1,
        "faults": [],
    }
    assert state["version"]
    assert state["uptime_s"] >= 0
    assert state["loop_lag_ms"] >= 0
    assert state["tools"]["crash"]["calls"] == {"failure": 1}
    here.stage.gate("gate").set()
    await held
    assert (await here.client.head(here.url + "/health")).status == 200
    assert b"sanctuary_tool_calls" in await (await here.client.get(here.url + "/metrics")).read()


async def test_ready_says_why_the_cluster_cannot_serve(world):
    here = await world()
    response = await here.client.get(here.url + "/ready")
    state = {"status": "ready", "cluster": "test", "tools": 13, "reasons": []}
    assert (response.status, await response.json()) == (200, state)
    here.cluster.faults.append("plugin x was left out: it is broken")
    response = await here.client.get(here.url + "/ready")
    state = {**state, "status": "not ready", "reasons": here.cluster.faults}
    assert (response.status, await response.json()) == (503, state)


class Scene:
    """A server that the test stops itself."""

    def __init__(self, shutdown: float) -> None:
        self.started, self.gate, self.end = asyncio.Event(), asyncio.Event(), asyncio.Event()

        @tool(read_only=True)
        async def hold() -> str:
            """Wait."""
            self.started.set()
            await self.gate.wait()
            return "held"

        self.calls = Calls(Cluster("test", tools={"hold": describe(hold)}))
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.sock.getsockname()[1]}"
        self.limits = Limits(shutdown=shutdown)
        self.serving = asyncio.create_task(self._serve())

    async def _serve(self) -> None:
        async with serving(self.calls, sock=self.sock, limits=self.limits) as endpoints:
            self.endpoints = endpoints
            await self.end.wait()


HEADERS = {"Accept": "application/json, text/event-stream"}
CALL = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "hold"}}
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
}
ENVELOPE = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
MODERN = {**HEADERS, "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "hold"}


async def two_calls(scene, client):
    opened = await client.post(scene.url + "/mcp", json=INITIALIZE, headers=HEADERS)
    session = {**HEADERS, "Mcp-Session-Id": opened.headers["Mcp-Session-Id"]}
    legacy = asyncio.create_task(client.post(scene.url + "/mcp", json=CALL, headers=session))
    await scene.started.wait()
    scene.started.clear()
    message = {**CALL, "params": {"name": "hold", "_meta": ENVELOPE}}
    modern = asyncio.create_task(client.post(scene.url + "/mcp", json=message, headers=MODERN))
    await scene.started.wait()
    return session, legacy, modern


async def test_the_end_answers_calls_ends_streams_and_refuses_what_is_new():
    scene = Scene(shutdown=20)
    async with aiohttp.ClientSession() as client:
        session, legacy, modern = await two_calls(scene, client)
        idle = [
            await client.get(scene.url + "/mcp", headers=session),
            await client.get(scene.url + "/sse"),
            await client.post(
                scene.url + "/mcp",
                json={**CALL, "method": "subscriptions/listen", "params": {"notifications": {}, "_meta": ENVELOPE}},
                headers={**MODERN, "Mcp-Method": "subscriptions/listen"},
            ),
        ]
        scene.end.set()
        await asyncio.gather(*(stream.read() for stream in idle))
        ready = await client.get(scene.url + "/ready")
        assert (ready.status, (await ready.json())["reasons"]) == (503, ["the server is stopping"])
        assert (await (await client.get(scene.url + "/health")).json())["status"] == "draining"
        for headers, message in ((session, CALL), (HEADERS, INITIALIZE)):
            refused = await client.post(scene.url + "/mcp", json=message, headers=headers)
            assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
        scene.gate.set()
        for answer in (await legacy, await modern):
            assert (await answer.json())["result"]["content"][0]["text"] == "held"
        await scene.serving
        with pytest.raises(aiohttp.ClientConnectorError):
            await client.get(scene.url + "/health")
    assert len(scene.endpoints.streamable.table) == 0
    assert scene.endpoints.kernel.sessions == set()


async def test_the_end_does_not_wait_for_ever():
    scene = Scene(shutdown=0.05)
    async with aiohttp.ClientSession() as client:
        _, legacy, modern = await two_calls(scene, client)
        scene.end.set()
        for answer in (await legacy, await modern):
            assert (await answer.json())["error"]["code"] == -32800
        await scene.serving
    assert scene.endpoints.kernel.running == set()


async def test_a_restarted_server_does_not_know_the_old_sessions(world):
    old, new = await world(), await world()
    session = await old.open()
    response = await new.post({"jsonrpc": "2.0", "id": 1, "method": "ping"}, session)
    assert response.status == 404


async def test_sessions_and_calls_leave_no_task_behind(world, mcp):
    here = await world()
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(aiohttp.ClientSession())
        before = len(asyncio.all_tasks())
        for _ in range(20):
            async with client.post(here.url + "/mcp", json=INITIALIZE, headers=HEADERS) as opened:
                session = {**HEADERS, "Mcp-Session-Id": opened.headers["Mcp-Session-Id"]}
            talk = {**CALL, "params": {"name": "talk", "arguments": {}}}
            async with client.post(here.url + "/mcp", json=talk, headers=session) as answered:
                assert b"said" in await answered.read()
            async with client.delete(here.url + "/mcp", headers=session) as deleted:
                assert deleted.status == 200
    await mcp.eventually(lambda: len(asyncio.all_tasks()) <= before)
    assert here.kernel.sessions == set()

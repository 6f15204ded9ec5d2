"""Streamable HTTP sessions: who gets one, who finds it, and when it ends."""

from __future__ import annotations

import asyncio
import json

import pytest

from sanctuary_host.transport.limits import Limits


async def status_of(here, session):
    response = await here.post({"jsonrpc": "2.0", "id": 9, "method": "ping"}, session)
    body = await response.read()
    return response.status, json.loads(body) if body else None


async def test_a_session_answers_until_it_is_deleted(world):
    here = await world()
    session = await here.open()
    assert await status_of(here, session) == (200, {"jsonrpc": "2.0", "id": 9, "result": {}})
    assert (await here.client.delete(here.url + "/mcp", headers=session)).status == 200
    status, body = await status_of(here, session)
    assert (status, body["error"]["message"]) == (404, "this session has ended, or never was; send initialize again")
    assert (await here.client.delete(here.url + "/mcp", headers=session)).status == 404
    assert here.kernel.sessions == set()


async def test_a_request_without_a_session_is_refused(world):
    here = await world()
    status, body = await status_of(here, {})
    assert status == 400
    assert "initialize first" in body["error"]["message"]


@pytest.mark.parametrize("stranger", [{}, {"Authorization": "Bearer b"}, {"Authorization": "Basic YQ=="}])
async def test_another_caller_does_not_find_the_session(world, stranger):
    here = await world()
    mine = await here.open({"Authorization": "Bearer a"})
    assert (await status_of(here, {**stranger, "Mcp-Session-Id": mine["Mcp-Session-Id"]}))[0] == 404
    deleted = await here.client.delete(
        here.url + "/mcp", headers={**stranger, "Mcp-Session-Id": mine["Mcp-Session-Id"]}
    )
    assert deleted.status == 404
    assert (await status_of(here, mine))[0] == 200


async def test_one_session_too_many_ends_the_one_that_was_idle_for_longest(world):
    here = await world(limits=Limits(sessions=3))
    first, second, third = [await here.open() for _ in range(3)]
    await status_of(here, first)
    fourth = await here.open()
    assert [(await status_of(here, one))[0] for one in (first, second, third, fourth)] == [200, 404, 200, 200]
    assert len(here.kernel.sessions) == 3


async def test_a_session_with_a_call_or_a_stream_is_never_ended_for_another(world):
    here = await world(limits=Limits(sessions=2))
    calling, listening = await here.open(), await here.open()
    held = asyncio.create_task(here.call(calling, "hold"))
    await here.stage.started.get()
    stream = await here.client.get(here.url + "/mcp", headers={**listening, "Accept": "text/event-stream"})
    response = await here.post(
        {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "initialize",
            "params": {
                "protocolVersion": "2025-11-25",
                "capabilities": {},
                "clientInfo": {"name": "t", "version": "1"},
            },
        }
    )
    assert response.status == 503
    assert "busy" in (await response.json())["error"]["message"]
    here.stage.gate("gate").set()
    assert "result" in await held
    stream.close()
    for _ in range(3):
        await here.open()
    assert len(here.endpoints.streamable.table) == 2


async def test_an_abandoned_session_is_swept(world):
    here = await world(limits=Limits(idle=0))
    idle, listening = await here.open(), await here.open()
    stream = await here.client.get(here.url + "/mcp", headers={**listening, "Accept": "text/event-stream"})
    await here.endpoints.streamable.table.sweep()
    assert (await status_of(here, idle))[0] == 404
    assert (await status_of(here, listening))[0] == 200
    stream.close()


@pytest.mark.parametrize(
    "params",
    [None, {}, {"protocolVersion": 7}, {"protocolVersion": "2025-11-25"}, {"clientInfo": {}, "capabilities": []}],
)
async def test_a_failed_initialize_leaves_nothing(world, params):
    here = await world()
    response = await here.post({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params})
    assert response.status == 400
    assert "error" in await response.json()
    assert "Mcp-Session-Id" not in response.headers
    assert here.kernel.sessions == set()
    assert len(here.endpoints.streamable.table) == 0


async def test_deleting_a_session_answers_what_is_in_flight(world):
    here = await world()
    session = await here.open()
    held = asyncio.create_task(here.call(session, "hold"))
    await here.stage.started.get()
    assert (await here.client.delete(here.url + "/mcp", headers=session)).status == 200
    assert (await held)["error"]["code"] == -32800
    assert await here.stage.ended.get() == "gate"
    assert here.kernel.running == set()


@pytest.mark.parametrize(
    ("asked", "agreed"),
    [
        ("2024-11-05", "2024-11-05"),
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        ("2099-01-01", "2025-11-25"),
    ],
)
async def test_the_version_is_negotiated(world, mcp, asked, agreed):
    here = await world()
    response = await here.post(mcp.initialize(asked))
    assert (await response.json())["result"]["protocolVersion"] == agreed


async def test_the_capabilities_are_those_of_the_cluster(world, mcp):
    bare, full = await world(bare=True), await world()
    results = [(await (await here.post(mcp.initialize())).json())["result"] for here in (bare, full)]
    assert set(results[0]["capabilities"]) == {"tools", "logging"}
    assert set(results[1]["capabilities"]) == {"tools", "logging", "resources", "prompts", "completions"}
    assert results[0]["capabilities"]["tools"] == {"listChanged": True}
    assert results[1]["capabilities"]["resources"]["subscribe"] is True
    assert results[0]["serverInfo"]["name"] == "sanctuary_test"

"""HTTP with server-sent events, as the first version of the protocol had it."""

from __future__ import annotations

import asyncio

import pytest

from sanctuary_host.transport.limits import Limits


async def connect(here, mcp, headers=None):
    """The stream, and the address that it names."""
    response = await here.client.get(here.url + "/sse", headers={"Accept": "text/event-stream", **(headers or {})})
    assert response.status == 200
    stream = mcp.events(response)
    name, endpoint = await anext(stream)
    assert name == "endpoint"
    return response, stream, endpoint


async def opened(here, mcp):
    response, stream, endpoint = await connect(here, mcp)
    assert (await here.post(mcp.initialize("2024-11-05"), path=endpoint)).status == 202
    assert (await anext(stream))["result"]["protocolVersion"] == "2024-11-05"
    assert (await here.post({"jsonrpc": "2.0", "method": "notifications/initialized"}, path=endpoint)).status == 202
    return response, stream, endpoint


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        (None, "/messages?"),
        ("/utils", "/utils/messages?"),
        ("/a/b/", "/a/b/messages?"),
        ("//evil.example", "/messages?"),
        ("/a\tb", "/messages?"),
    ],
)
async def test_the_endpoint_is_a_path_under_the_prefix_of_a_proxy(world, mcp, prefix, expected):
    here = await world()
    response, _, endpoint = await connect(here, mcp, {"X-Forwarded-Prefix": prefix} if prefix else {})
    assert endpoint.startswith(expected + "session_id=")
    response.close()


async def test_a_call_is_answered_on_the_stream(world, mcp):
    here = await world()
    _, stream, endpoint = await opened(here, mcp)
    response = await here.post(mcp.call("add", "x", a=2, b=2), path=endpoint)
    assert response.status == 202
    reply = await anext(stream)
    assert (reply["id"], reply["result"]["content"][0]["text"]) == ("x", '{"total":4,"note":null}')


async def test_answers_with_one_id_come_in_the_order_of_the_questions(world, mcp):
    here = await world()
    _, stream, endpoint = await opened(here, mcp)
    names = [f"call {number}" for number in range(12)]
    for name in names:
        await here.post(mcp.call("hold", 1, name=name), path=endpoint)
    for _ in names:
        await here.stage.started.get()
    for name in reversed(names):
        here.stage.gate(name).set()
    assert [(await anext(stream))["result"]["content"][0]["text"] for _ in names] == [f"held {name}" for name in names]


async def test_a_slow_call_keeps_no_other_waiting(world, mcp):
    here = await world()
    _, stream, endpoint = await opened(here, mcp)
    await here.post(mcp.call("hold", 1), path=endpoint)
    await here.post(mcp.call("echo", 2, message="quick"), path=endpoint)
    assert (await anext(stream))["id"] == 2
    here.stage.gate("gate").set()
    assert (await anext(stream))["id"] == 1


async def test_notifications_come_in_order_and_before_the_reply(world, mcp):
    here = await world()
    _, stream, endpoint = await opened(here, mcp)
    await here.post(mcp.call("talk", 4, times=2, _meta={"progressToken": 9}), path=endpoint)
    said = [await anext(stream) for _ in range(5)]
    assert [one.get("method") for one in said] == ["notifications/progress", "notifications/message"] * 2 + [None]


async def test_a_cancelled_call_is_answered(world, mcp):
    here = await world()
    _, stream, endpoint = await opened(here, mcp)
    await here.post(mcp.call("hold", 1), path=endpoint)
    await here.stage.started.get()
    await here.post({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}, path=endpoint)
    assert (await anext(stream))["error"]["code"] == -32800
    assert await here.stage.ended.get() == "gate"


async def test_a_tool_asks_the_client(world, mcp):
    here = await world()
    _, stream, endpoint = await opened(here, mcp)
    await here.post(mcp.call("ask", 1), path=endpoint)
    question = await anext(stream)
    answer = {"jsonrpc": "2.0", "id": question["id"], "result": {"action": "decline"}}
    await here.post(answer, path=endpoint)
    assert (await anext(stream))["result"]["content"][0]["text"] == "decline None"


async def test_a_client_that_hangs_up_leaves_nothing(world, mcp):
    here = await world()
    response, _, endpoint = await opened(here, mcp)
    await here.post(mcp.call("hold", 1), path=endpoint)
    await here.stage.started.get()
    response.close()
    assert await here.stage.ended.get() == "gate"
    await mcp.eventually(lambda: not here.kernel.sessions and not here.kernel.running and not len(here.endpoints.sse))
    assert (await here.post(mcp.call("echo"), path=endpoint)).status == 404


async def test_another_caller_does_not_find_the_session(world, mcp):
    here = await world()
    _, _, endpoint = await connect(here, mcp, {"Authorization": "Bearer a"})
    assert (await here.post(mcp.initialize(), {"Authorization": "Bearer b"}, path=endpoint)).status == 404
    assert (await here.post(mcp.initialize(), path="/messages?session_id=none")).status == 404
    assert (await here.post(mcp.initialize(), path="/messages")).status == 404


async def test_changes_reach_the_client(world, mcp):
    here = await world()
    _, stream, _ = await opened(here, mcp)
    here.cluster.offer("echo", False)
    assert (await anext(stream))["method"] == "notifications/tools/list_changed"


async def test_there_is_an_end_to_the_number_of_streams(world, mcp):
    here = await world(limits=Limits(sessions=1))
    await connect(here, mcp)
    assert (await here.client.get(here.url + "/sse")).status == 503


async def test_there_is_an_end_to_the_number_of_calls_in_flight(world, mcp):
    here = await world(limits=Limits(pending=1))
    _, stream, endpoint = await opened(here, mcp)
    await here.post(mcp.call("hold", 1), path=endpoint)
    await here.stage.started.get()
    await here.post(mcp.call("echo", 2, message="x"), path=endpoint)
    reply = await anext(stream)
    assert (reply["id"], reply["error"]["code"]) == (2, -32603)


async def test_a_client_that_does_not_read_is_cut_off_with_its_calls(world, mcp, short):
    here = await world(limits=short)
    async with here.raw("GET /sse HTTP/1.1", "Host: localhost", "Accept: text/event-stream") as (reader, _):
        endpoint = ""
        while not endpoint.startswith("data: "):
            endpoint = (await reader.readline()).decode().strip()
        endpoint = endpoint.removeprefix("data: ")
        await here.post(mcp.initialize(), path=endpoint)
        await here.post(mcp.call("flood", 1, times=2000, size=64 * 1024), path=endpoint)
        await here.post(mcp.call("hold", 2), path=endpoint)
        await here.stage.started.get()
        await here.stage.ended.get()
        await mcp.eventually(lambda: not here.kernel.sessions)


async def test_an_idle_stream_is_kept_alive(world, mcp, short):
    here = await world(limits=short)
    response, _, _ = await connect(here, mcp)
    while b"ping" not in await response.content.readline():
        pass


async def test_messages_that_are_none_are_refused(world, mcp):
    here = await world()
    _, _, endpoint = await connect(here, mcp)
    response = await here.post(b"[]", path=endpoint)
    assert (response.status, (await response.json())["error"]["code"]) == (400, -32600)
    await asyncio.sleep(0)
    assert len(here.endpoints.sse) == 1

"""Requests of protocol version 2026-07-28: each stands for itself, and hanging up cancels it."""

from __future__ import annotations

import asyncio

import pytest

LEVEL = "io.modelcontextprotocol/logLevel"
SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"


async def test_a_call_needs_no_session(world):
    here = await world()
    reply = await (await here.modern("tools/call", {"name": "add", "arguments": {"a": 2, "b": 3}})).json()
    assert reply["result"]["structuredContent"] == {"total": 5, "note": None}
    assert reply["result"]["resultType"] == "complete"
    assert reply["result"]["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "sanctuary_test"
    assert here.kernel.sessions == set()


async def test_lists_say_how_long_they_may_be_kept(world):
    here = await world()
    for method in ("tools/list", "prompts/list", "resources/list", "resources/templates/list"):
        result = (await (await here.modern(method)).json())["result"]
        assert (result["ttlMs"], result["cacheScope"], result["resultType"]) == (0, "private", "complete")
    discovered = (await (await here.modern("server/discover")).json())["result"]
    assert discovered["capabilities"]["tools"] == {"listChanged": True}


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Mcp-Method": "tools/list"}, -32020),
        ({"Mcp-Name": "echo"}, -32020),
        ({"MCP-Protocol-Version": "2031-01-01"}, -32020),
        ({"Mcp-Name": ""}, -32020),
    ],
)
async def test_headers_that_contradict_the_body_are_refused(world, headers, code):
    here = await world()
    response = await here.modern("tools/call", {"name": "add", "arguments": {"a": 1, "b": 1}}, headers=headers)
    assert response.status == 400
    reply = await response.json()
    assert (reply["id"], reply["error"]["code"]) == (1, code)


async def test_a_version_that_is_not_spoken_is_refused_with_those_that_are(world):
    here = await world()
    future = {"io.modelcontextprotocol/protocolVersion": "2031-01-01"}
    response = await here.modern("tools/list", meta=future, headers={"MCP-Protocol-Version": "2031-01-01"})
    assert response.status == 400
    error = (await response.json())["error"]
    assert (error["code"], error["data"]["supported"]) == (-32022, ["2026-07-28"])


async def test_an_envelope_without_its_header_is_refused(world, mcp):
    here = await world()
    response = await here.post(mcp.modern("tools/list", None, None, 1))
    assert response.status == 400
    assert (await response.json())["error"]["code"] == -32020


@pytest.mark.parametrize("method", ["initialize", "ping", "logging/setLevel", "resources/subscribe", "no/such"])
async def test_methods_that_this_version_does_not_have_are_not_found(world, method):
    here = await world()
    response = await here.modern(method)
    assert (response.status, (await response.json())["error"]["code"]) == (404, -32601)


async def test_notifications_are_accepted_and_other_methods_are_not(world, mcp):
    here = await world()
    headers = {"MCP-Protocol-Version": mcp.MODERN}
    assert (await here.post({"jsonrpc": "2.0", "method": "notifications/cancelled"}, headers)).status == 202
    assert (await here.post({"jsonrpc": "2.0", "id": 1, "result": {}}, headers)).status == 400
    for method in ("GET", "DELETE"):
        assert (await here.client.request(method, here.url + "/mcp", headers=headers)).status == 405


async def test_the_request_says_which_logs_it_wants(world, mcp):
    here = await world()
    for wanted, expected in ((None, []), ("warning", ["middle", "high"]), ("emergency", [])):
        response = await here.modern("tools/call", {"name": "levels"}, meta={LEVEL: wanted} if wanted else {})
        said = await mcp.messages(response)
        assert [one["params"]["data"] for one in said[:-1]] == expected
        assert said[-1]["result"]["content"][0]["text"] == "logged"


@pytest.mark.parametrize("accept", ["application/json", "application/json, text/event-stream"])
@pytest.mark.parametrize("tool", ["hold", "talk_and_hold"])
async def test_hanging_up_cancels(world, mcp, tool, accept):
    here = await world()
    options = {"meta": {LEVEL: "info"}, "headers": {"Accept": accept}}
    calling = asyncio.create_task(here.modern("tools/call", {"name": tool}, **options))
    await here.stage.started.get()
    if tool == "hold" or accept == "application/json":
        calling.cancel()
    else:
        (await calling).close()
    assert await here.stage.ended.get() == "gate"
    await mcp.eventually(lambda: not here.kernel.running)


async def test_a_client_is_told_of_what_it_subscribed_to_and_nothing_else(world, mcp):
    here = await world()
    wanted = {"notifications": {"toolsListChanged": True, "resourceSubscriptions": ["note://today"]}}
    said = mcp.events(await here.modern("subscriptions/listen", wanted, request_id="sub"))
    acknowledged = await anext(said)
    assert acknowledged["method"] == "notifications/subscriptions/acknowledged"
    here.cluster.offer("greet", False)
    here.cluster.resource_changed("note://monday/plan")
    here.cluster.resource_changed("note://today")
    here.cluster.offer("echo", False)
    updated, changed = [await anext(said) for _ in range(2)]
    assert (updated["method"], updated["params"]["uri"]) == ("notifications/resources/updated", "note://today")
    assert changed["method"] == "notifications/tools/list_changed"
    assert {one["params"]["_meta"][SUBSCRIPTION] for one in (acknowledged, updated, changed)} == {"sub"}
    listed = await (await here.modern("tools/list")).json()
    assert "echo" not in {one["name"] for one in listed["result"]["tools"]}


async def test_a_client_that_takes_no_streams_cannot_subscribe(world):
    here = await world()
    response = await here.modern("subscriptions/listen", {"notifications": {}}, headers={"Accept": "application/json"})
    assert response.status == 406


async def test_a_silent_subscription_is_kept_alive(world, short):
    here = await world(limits=short)
    response = await here.modern("subscriptions/listen", {"notifications": {"toolsListChanged": True}})
    while b"ping" not in await response.content.readline():
        pass


async def test_a_page_that_does_not_exist_is_refused(world):
    here = await world()
    response = await here.modern("tools/list", {"cursor": "2"})
    assert (response.status, (await response.json())["error"]["code"]) == (400, -32602)

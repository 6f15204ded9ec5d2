"""Calls over `/mcp` in the handshake era: answers, notifications before them, disconnects and cancellations."""

from __future__ import annotations

import asyncio
import json

import pytest

from sanctuary_host.transport.limits import Limits


def notification(method, **params):
    return {"jsonrpc": "2.0", "method": method, "params": params}


async def test_a_call_is_answered_with_json_and_its_own_id(world):
    here = await world()
    session = await here.open()
    for request_id in (7, "seven", 0, -1, 2**70, ""):
        response = await here.post({"jsonrpc": "2.0", "id": request_id, "method": "ping"}, session)
        assert response.content_type == "application/json"
        assert await response.json() == {"jsonrpc": "2.0", "id": request_id, "result": {}}


async def test_calls_with_one_id_each_get_their_own_answer(world):
    here = await world()
    session = await here.open()
    names = [f"call {number}" for number in range(12)]
    calls = [asyncio.create_task(here.call(session, "hold", 1, name=name)) for name in names]
    for _ in names:
        await here.stage.started.get()
    for name in reversed(names):
        here.stage.gate(name).set()
    replies = await asyncio.gather(*calls)
    assert [reply["result"]["content"][0]["text"] for reply in replies] == [f"held {name}" for name in names]


async def test_a_structured_result_is_structured_where_the_version_knows_it(world):
    here = await world()
    for version, known in (("2024-11-05", False), ("2025-03-26", False), ("2025-06-18", True), ("2025-11-25", True)):
        session = await here.open(version=version)
        result = (await here.call(session, "add", a=2, b=3))["result"]
        tools = await (await here.post({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, session)).json()
        listed = {one["name"]: one for one in tools["result"]["tools"]}
        assert ("outputSchema" in listed["add"]) is known
        if known:
            assert result["structuredContent"] == {"total": 5, "note": None}
        else:
            assert "structuredContent" not in result
            assert json.loads(result["content"][0]["text"]) == {"total": 5, "note": None}


async def test_an_unknown_tool_is_a_protocol_error(world):
    here = await world()
    session = await here.open()
    error = (await here.call(session, "no_such_tool"))["error"]
    assert error["code"] == -32602
    assert "no_such_tool" in error["message"]
    hostile = (await here.call(session, "<script>\n" * 50))["error"]
    assert "script" not in hostile["message"]


@pytest.mark.parametrize(
    ("tool", "said"), [("fail", "the moon"), ("crash", "tool_failure"), ("hang", "0.05 s"), ("add", "'a' is missing")]
)
async def test_what_goes_wrong_in_a_tool_is_a_tool_error_and_the_next_call_is_fine(world, tool, said):
    here = await world()
    session = await here.open()
    result = (await here.call(session, tool))["result"]
    assert result["isError"] is True
    assert said in result["content"][0]["text"]
    assert (await here.call(session, "add", a=1, b=1))["result"]["structuredContent"]["total"] == 2


async def test_text_that_utf8_cannot_state_is_answered_all_the_same(world):
    here = await world()
    reply = await here.call(await here.open(), "odd_text")
    assert reply["result"]["content"][0]["text"] == "half a pair: ?"


async def test_progress_and_logs_come_in_order_and_before_the_reply(world, mcp):
    here = await world()
    session = await here.open()
    response = await here.post(mcp.call("talk", 5, times=3, _meta={"progressToken": "t"}), session)
    assert response.content_type == "text/event-stream"
    said = await mcp.messages(response)
    assert [one["method"].rpartition("/")[2] for one in said[:-1]] == ["progress", "message"] * 3
    assert [one["params"]["progress"] for one in said[:-1:2]] == [0, 1, 2]
    assert {one["params"]["progressToken"] for one in said[:-1:2]} == {"t"}
    assert [one["params"]["data"] for one in said[1:-1:2]] == ["step 0", "step 1", "step 2"]
    assert (said[-1]["id"], said[-1]["result"]["content"][0]["text"]) == (5, "said")


async def test_progress_that_nobody_asked_for_is_not_sent(world, mcp):
    here = await world()
    said = await mcp.messages(await here.post(mcp.call("talk", times=2), await here.open()))
    assert [one.get("method") for one in said] == ["notifications/message", "notifications/message", None]


async def test_a_client_that_takes_json_alone_gets_the_reply_alone(world, mcp):
    here = await world()
    session = {**await here.open(), "Accept": "application/json"}
    response = await here.post(mcp.call("talk", _meta={"progressToken": 1}), session)
    assert response.content_type == "application/json"
    assert (await response.json())["result"]["content"][0]["text"] == "said"


async def test_logs_below_the_level_that_the_session_set_are_not_sent(world, mcp):
    here = await world()
    quiet, other = await here.open(), await here.open()
    level = {"jsonrpc": "2.0", "id": 1, "method": "logging/setLevel", "params": {"level": "error"}}
    assert (await here.post(level, quiet)).status == 200
    for session, expected in ((quiet, ["high"]), (other, ["low", "middle", "high"])):
        said = await mcp.messages(await here.post(mcp.call("levels"), session))
        assert [one["params"]["data"] for one in said[:-1]] == expected


async def test_a_silent_call_is_answered_as_a_stream_after_a_while(world, mcp, short):
    here = await world(limits=short)
    response = await here.post(mcp.call("hold", 3), await here.open())
    assert response.content_type == "text/event-stream"
    assert b"ping" in await response.content.readline()
    here.stage.gate("gate").set()
    assert (await mcp.messages(response))[-1]["id"] == 3


@pytest.mark.parametrize("accept", ["application/json", "application/json, text/event-stream"])
async def test_a_large_result_arrives_whole(world, accept):
    here = await world()
    reply = await here.call({**await here.open(), "Accept": accept}, "big", size=20 * 1024 * 1024)
    assert len(reply["result"]["content"][0]["text"]) == 20 * 1024 * 1024


@pytest.mark.parametrize("tool", ["hold", "talk_and_hold"])
async def test_a_client_that_hangs_up_has_not_cancelled(world, mcp, tool):
    here = await world()
    session = await here.open()
    calling = asyncio.create_task(here.post(mcp.call(tool), session))
    await here.stage.started.get()
    if tool == "hold":
        calling.cancel()
    else:
        (await calling).close()
    live = next(iter(here.kernel.sessions))
    await mcp.eventually(lambda: live.holds == 0)
    assert len(here.kernel.running) == 1
    assert here.stage.ended.empty()
    here.stage.gate("gate").set()
    await here.stage.ended.get()
    await mcp.eventually(lambda: not live.busy)


async def test_a_cancelled_call_is_answered_and_gone(world, mcp):
    here = await world()
    session = await here.open()
    held = asyncio.create_task(here.call(session, "hold", 41))
    await here.stage.started.get()
    response = await here.post(notification("notifications/cancelled", requestId="41", reason="late"), session)
    assert response.status == 202
    assert (await held)["error"] == {"code": -32800, "message": "the request was cancelled"}
    assert await here.stage.ended.get() == "gate"
    assert here.kernel.running == set()


@pytest.mark.parametrize("request_id", [None, True, 1.5, [], {}, "other", 99])
async def test_a_cancellation_that_means_no_call_of_this_session_stops_nothing(world, mcp, request_id):
    here = await world()
    session, stranger = await here.open(), await here.open()
    held = asyncio.create_task(here.call(session, "hold", 1))
    await here.stage.started.get()
    await here.post(notification("notifications/cancelled", requestId=request_id), session)
    await here.post(notification("notifications/cancelled", requestId=1), stranger)
    here.stage.gate("gate").set()
    assert "result" in await held


async def test_a_cancellation_that_could_mean_two_calls_stops_neither(world, mcp):
    here = await world()
    session = await here.open()
    calls = [asyncio.create_task(here.call(session, "hold", 1, name=name)) for name in "ab"]
    for _ in calls:
        await here.stage.started.get()
    await here.post(notification("notifications/cancelled", requestId=1), session)
    for name in "ab":
        here.stage.gate(name).set()
    assert [reply["result"]["content"][0]["text"] for reply in await asyncio.gather(*calls)] == ["held a", "held b"]


async def test_a_client_that_does_not_read_is_cut_off_and_harms_no_other_call(world, mcp, short):
    here = await world(limits=short)
    session = await here.open()
    body = json.dumps(mcp.call("flood", 1, times=2000, size=64 * 1024))
    head = [
        "POST /mcp HTTP/1.1",
        "Host: localhost",
        "Content-Type: application/json",
        f"Accept: {mcp.BOTH}",
        f"Mcp-Session-Id: {session['Mcp-Session-Id']}",
        f"Content-Length: {len(body)}",
    ]
    async with here.raw(*head, body=body):
        await mcp.eventually(lambda: bool(here.kernel.running))
        assert (await here.call(session, "add", a=1, b=2))["result"]["structuredContent"]["total"] == 3
        # Cut off after 0.2 s, the notifications lead nowhere, and the call, which they held up, ends.
        await mcp.eventually(lambda: not here.kernel.running)


async def test_a_client_that_does_not_read_a_large_answer_is_cut_off(world, mcp, short):
    here = await world(limits=short)
    session = await here.open()
    body = json.dumps(mcp.call("big", 1, size=30 * 1024 * 1024))
    head = [
        "POST /mcp HTTP/1.1",
        "Host: localhost",
        "Content-Type: application/json",
        "Accept: application/json",
        f"Mcp-Session-Id: {session['Mcp-Session-Id']}",
        f"Content-Length: {len(body)}",
    ]
    live = next(iter(here.kernel.sessions))
    async with here.raw(*head, body=body):
        await mcp.eventually(lambda: live.holds == 1)
        await mcp.eventually(lambda: live.holds == 0)


async def test_a_tool_asks_the_client_over_the_stream_of_its_call(world, mcp):
    here = await world()
    session = await here.open()
    response = await here.post(mcp.call("ask", 8), session)
    said = mcp.events(response)
    question = await anext(said)
    assert question["method"] == "elicitation/create"
    answer = {"jsonrpc": "2.0", "id": str(question["id"]), "result": {"action": "accept", "content": {"name": "Ada"}}}
    stranger = await here.open()
    assert (await here.post({**answer, "result": {"action": "cancel"}}, stranger)).status == 202
    assert (await here.post(answer, session)).status == 202
    assert (await anext(said))["result"]["content"][0]["text"] == "accept {'name': 'Ada'}"


@pytest.mark.parametrize("error", [{"code": -1, "message": "no"}, {}, None, "no", {"code": "x"}])
async def test_a_client_that_answers_a_question_with_an_error_fails_that_call_alone(world, mcp, error):
    here = await world()
    session = await here.open()
    said = mcp.events(await here.post(mcp.call("ask"), session))
    question = await anext(said)
    await here.post({"jsonrpc": "2.0", "id": question["id"], "error": error}, session)
    assert (await anext(said))["result"]["isError"] is True


async def test_a_client_without_streams_is_not_asked(world, mcp):
    here = await world()
    session = {**await here.open(), "Accept": "application/json"}
    assert (await here.call(session, "ask"))["result"]["isError"] is True


async def listen(here, session):
    response = await here.client.get(here.url + "/mcp", headers={**session, "Accept": "text/event-stream"})
    assert response.status == 200
    return response


async def test_changes_reach_the_listening_client(world, mcp):
    here = await world()
    session, deaf = await here.open(), await here.open()
    said = mcp.events(await listen(here, session))
    subscribe = {"jsonrpc": "2.0", "id": 1, "method": "resources/subscribe", "params": {"uri": "note://today"}}
    assert (await here.post(subscribe, session)).status == 200
    assert (await here.post({**subscribe, "params": {"uri": "note://monday/plan"}}, deaf)).status == 200
    here.cluster.offer("echo", False)
    here.cluster.resource_changed("note://monday/plan")
    here.cluster.resource_changed("note://today")
    here.cluster.offer("greet", False)
    assert [(one["method"], one.get("params")) for one in [await anext(said) for _ in range(3)]] == [
        ("notifications/tools/list_changed", None),
        ("notifications/resources/updated", {"uri": "note://today"}),
        ("notifications/prompts/list_changed", None),
    ]
    tools = await (await here.post({"jsonrpc": "2.0", "id": 2, "method": "tools/list"}, session)).json()
    assert "echo" not in {one["name"] for one in tools["result"]["tools"]}
    unsubscribe = {**subscribe, "method": "resources/unsubscribe"}
    assert (await here.post(unsubscribe, session)).status == 200
    here.cluster.resource_changed("note://today")
    here.cluster.offer("echo", True)
    assert (await anext(said))["method"] == "notifications/tools/list_changed"


async def test_a_session_has_one_stream_and_gets_it_back(world, mcp):
    here = await world()
    session = await here.open()
    first = await listen(here, session)
    second = await here.client.get(here.url + "/mcp", headers={**session, "Accept": "text/event-stream"})
    assert second.status == 409
    first.close()
    live = next(iter(here.kernel.sessions))
    await mcp.eventually(lambda: live.stream is None)
    (await listen(here, session)).close()


async def test_an_idle_stream_is_kept_alive(world, short):
    here = await world(limits=short)
    response = await listen(here, await here.open())
    assert b"ping" in await response.content.readline()


async def test_resources_prompts_and_completions_are_served(world):
    here = await world()
    session = await here.open()

    async def ask(method, **params):
        return await (await here.post({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}, session)).json()

    assert [one["uri"] for one in (await ask("resources/list"))["result"]["resources"]] == ["note://today"]
    templates = (await ask("resources/templates/list"))["result"]["resourceTemplates"]
    assert [one["uriTemplate"] for one in templates] == ["note://{day}/plan"]
    assert (await ask("resources/read", uri="note://friday/plan"))["result"]["contents"][0]["text"] == "plan for friday"
    assert (await ask("resources/read", uri="note://no"))["error"]["data"] == {"uri": "note://no"}
    assert (await ask("resources/subscribe", uri="note://no"))["error"]["code"] == -32602
    written = (await ask("prompts/get", name="greet", arguments={"name": "Ada"}))["result"]["messages"]
    assert written[0]["content"]["text"] == "Greet Ada."
    assert (await ask("prompts/get", name="greet"))["error"]["code"] == -32602
    completed = await ask(
        "completion/complete", ref={"type": "ref/prompt", "name": "greet"}, argument={"name": "name", "value": "m"}
    )
    assert completed["result"]["completion"]["values"] == []


async def test_a_page_that_does_not_exist_is_refused(world):
    here = await world()
    request = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"cursor": "2"}}
    reply = await (await here.post(request, await here.open())).json()
    assert reply["error"]["code"] == -32602


async def test_a_method_before_initialize_and_an_unknown_one_are_refused(world, mcp):
    here = await world()
    session = await here.open()
    reply = await (await here.post({"jsonrpc": "2.0", "id": 1, "method": "no/such"}, session)).json()
    assert reply["error"]["code"] == -32601


async def test_without_sessions_every_request_stands_for_itself(world, mcp):
    here = await world(stateless=True)
    opened = await here.post(mcp.initialize())
    assert opened.status == 200
    assert "Mcp-Session-Id" not in opened.headers
    assert (await here.post(notification("notifications/initialized"))).status == 202
    said = await mcp.messages(await here.post(mcp.call("talk", times=1), {"MCP-Protocol-Version": "2025-06-18"}))
    assert [one.get("method") for one in said] == ["notifications/message", None]
    assert (await here.call({"MCP-Protocol-Version": "2025-06-18"}, "add", a=1, b=1))["result"]["structuredContent"]
    listed = await (await here.post({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})).json()
    assert len(listed["result"]["tools"]) == 13
    assert (await here.client.get(here.url + "/mcp")).status == 405
    assert here.kernel.sessions == set()


async def test_a_correlation_id_reaches_the_log_if_it_looks_harmless(world, caplog):
    caplog.set_level("INFO", "sanctuary_host.calls")
    here = await world()
    session = await here.open()
    await here.call({**session, "X-Correlation-Id": "abc-1"}, "echo", message="x")
    await here.call({**session, "X-Correlation-Id": "a b;c"}, "echo", message="x")
    fields = [record.fields for record in caplog.records if hasattr(record, "fields")]
    assert [one.get("correlation") for one in fields] == ["abc-1", None]


async def test_the_limits_that_the_host_runs_with_are_the_documented_ones():
    assert (Limits().sessions, Limits().message, Limits().idle, Limits().keepalive) == (1000, 4 * 1024 * 1024, 1800, 15)

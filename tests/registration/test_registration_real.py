"""Servers register themselves with the real gateway, and its copy of their tools stays theirs whatever happens."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import signal
import textwrap
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from mcp import Client
from ports import free_port
from real_gateway import RealGateway, connect, real_gateway

from sanctuary_host.fleet.home import CLIENTS, SERVERS
from sanctuary_host.fleet.proof import LIMIT, prove
from sanctuary_host.testing import Served, serving

UTILS: dict[str, dict[str, Any]] = {
    "calculate": {"expression": "5 km + 300 m in miles", "precision": 20},
    "math_symbolic": {"operation": "solve", "expression": "x+y=3; x-y=1"},
    "generate_id": {"kind": "uuid5", "value": "example.com", "namespace": "dns"},
    "text_transform": {"text": "Grüße, Jürgen & Co.", "operation": "slug"},
    "text_analyze": {"text": '{"a": [1, 2, {"b": "ä"}]}', "operation": "jsonpath", "pattern": "$..b"},
    "time_now": {"zones": ["Europe/Berlin", "Tokyo"]},
    "time_convert": {"time": "2026-03-01 09:30", "zone": "Europe/Berlin", "to": ["Asia/Tokyo", "UTC"]},
    "time_parse": {"text": "next friday at noon", "now": "2026-03-02T08:00:00Z"},
}
COMPARED = ("description", "inputSchema", "outputSchema", "annotations", "title")
PATIENCE = 60
"""Seconds in which a gateway of one second's heartbeat must be right again, on a machine that is busy otherwise."""


def at_gateway(tool: str, server: str = "sanctuary_utils") -> str:
    return f"{server}_{tool}".replace("_", "-")


async def until(true: Callable[[], Awaitable[Any]]) -> Any:
    """Ask until the answer is yes, and return it."""
    async with asyncio.timeout(PATIENCE):
        while not (answer := await true()):
            await asyncio.sleep(0.1)
        return answer


async def registration(served: Served) -> dict[str, Any]:
    async with aiohttp.ClientSession() as session, session.get(f"{served.origin}/health") as reply:
        state: dict[str, Any] = (await reply.json())["registration"]
        return state


async def until_it_says(served: Served, state: str) -> dict[str, Any]:
    """Wait until a server says that of its registration."""

    async def says() -> dict[str, Any] | None:
        said = await registration(served)
        return said if said["state"] == state else None

    found: dict[str, Any] = await until(says)
    return found


async def shown(client: Client) -> dict[str, dict[str, Any]]:
    """Tools as a client sees them, without their names."""
    listed = [
        tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in (await client.list_tools()).tools
    ]
    return {tool.pop("name"): tool for tool in listed}


async def until_copy_is_right(real: RealGateway, served: Served, name: str, token: str = "") -> dict[str, str]:
    """Wait until the gateway has the server once and its copy equals the server's tools; returns their ids there."""
    async with connect(served.url, token) as client:
        ours = await shown(client)

    wanted = {tool: {key: ours[tool].get(key) for key in COMPARED} for tool in ours}
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            while True:
                entries = [entry["name"] for entry in await real.entries()]
                theirs = await real.tools(name) if entries == [name] else {}
                found = {tool: {key: theirs[tool].get(key) for key in COMPARED} for tool in theirs}
                if found == wanted and all(tool["enabled"] for tool in theirs.values()):
                    return {tool: theirs[tool]["id"] for tool in theirs}
                await asyncio.sleep(0.1)
    differing = {tool for tool in wanted.keys() | found.keys() if wanted.get(tool) != found.get(tool)}
    raise AssertionError(f"{entries} at the gateway, {differing} differ; {await registration(served)}")


@asynccontextmanager
async def virtual_server(real: RealGateway, tools: Mapping[str, str]) -> AsyncIterator[str]:
    """Offer some tools as a virtual server; yields the path of its MCP endpoint."""
    body = {"server": {"name": "offered", "associated_tools": [*tools.values()]}, "visibility": "public"}
    server = await real.ask("POST", "/v1/servers", json=body)
    yield f"/servers/{server['id']}/mcp"


async def test_every_tool_of_utils_answers_through_the_gateway_as_it_does_directly(real: RealGateway) -> None:
    async with serving("utils", **real.environment) as served, connect(served.url, "") as direct:
        tools = await until_copy_is_right(real, served, "sanctuary_utils")
        assert tools.keys() == UTILS.keys()
        async with virtual_server(real, tools) as virtual:
            for path in ("/mcp", "/sse", virtual):
                async with real.client(path) as client:
                    offered = await shown(client)
                    assert offered.keys() == {at_gateway(tool) for tool in tools}, path
                    for tool, arguments in UTILS.items():
                        ours = await direct.call_tool(tool, arguments)
                        theirs = await client.call_tool(at_gateway(tool), arguments)
                        assert not theirs.is_error, (path, tool, theirs.content)
                        assert timeless(theirs) == timeless(ours), (path, tool)


def timeless(result: Any) -> Any:
    """A result without the seconds that went by between two answers to the same question."""
    text = json.dumps([result.structured_content, [part.text for part in result.content]])
    return re.sub(r"T\d\d:\d\d:\d\d\+|\"unix\": [\d.]+", "", text) if "clocks" in text else text


async def test_an_error_of_a_tool_comes_through_the_gateway_as_it_is(real: RealGateway) -> None:
    async with serving("utils", **real.environment) as served, connect(served.url, "") as direct:
        await until_copy_is_right(real, served, "sanctuary_utils")
        async with real.client() as client:
            wrong = {"expression": "1 km + 1 kg"}
            ours, theirs = (
                await direct.call_tool("calculate", wrong),
                await client.call_tool(at_gateway("calculate"), wrong),
            )
            assert (theirs.is_error, theirs.content[0].text) == (True, ours.content[0].text)


async def test_what_time_is_it(real: RealGateway, capsys: pytest.CaptureFixture[str]) -> None:
    async with serving("utils", **real.environment) as served:
        await until_copy_is_right(real, served, "sanctuary_utils")
        token = real.home.secrets.token(CLIENTS, 600)
        proof = await prove(real.url, token, "sanctuary_utils", served.url)
    with capsys.disabled():
        print(f"\nWhat time is it? {proof.answer}: {proof.through * 1000:.0f} ms, the server {proof.server * 1000:.1f}")
    assert re.match(r"UTC: \w+day 20\d\d-", proof.answer)
    assert 0 < proof.server < LIMIT
    assert proof.server < proof.through


async def test_whatever_becomes_of_the_gateway_it_has_the_server_again_and_once(real: RealGateway) -> None:
    await asyncio.to_thread(real.stop)
    async with serving("utils", **real.environment) as served:  # the server is there before the gateway
        assert (await until_it_says(served, "unreachable"))["sentence"]
        await asyncio.to_thread(real.start)
        tools = await until_copy_is_right(real, served, "sanctuary_utils")
        async with virtual_server(real, tools) as virtual:
            await real.restart()
            assert await until_copy_is_right(real, served, "sanctuary_utils") == tools
            async with real.client(virtual) as client:
                assert len(await shown(client)) == len(tools)
        await real.restart(wipe=True)
        assert (await until_copy_is_right(real, served, "sanctuary_utils")).keys() == tools.keys()


async def test_a_server_that_was_killed_is_the_same_to_the_gateway_when_it_returns(real: RealGateway) -> None:
    port, other = free_port(), free_port()
    async with serving("utils", **real.environment, PORT=str(port)) as served:
        tools = await until_copy_is_right(real, served, "sanctuary_utils")
        served.process.send_signal(signal.SIGKILL)
        await served.process.wait()
    key = (await real.entry("sanctuary_utils"))["id"]
    async with virtual_server(real, tools) as virtual:
        for place in (port, other):
            async with serving("utils", **real.environment, PORT=str(place)) as served:
                await until_it_says(served, "registered")
                assert await until_copy_is_right(real, served, "sanctuary_utils") == tools
                entry = await real.entry("sanctuary_utils")
                assert (entry["id"], entry["url"]) == (key, f"http://localhost:{place}/mcp")
                async with real.client(virtual) as client:
                    assert len(await shown(client)) == len(tools)
                    assert not (await client.call_tool(at_gateway("time_now"), {})).is_error


CHANGING = """
    from typing import Annotated
    from pydantic import Field
    from sanctuary_host import Host, hookimpl, tool

    @tool(read_only=True)
    def stays(word: str) -> str:
        "Stay as it is."
        return word

    @tool(READ)
    def changes(SCHEMA) -> str:
        "DESCRIPTION."
        return "changed"

    @tool()
    def NAME() -> str:
        "Come or go."
        return "here"

    class Turns:
        def __init__(self, host: Host) -> None:
            self.host = host
            self.hidden = False

        @tool()
        async def turn(self) -> str:
            "Hide or show a tool."
            self.hidden = not self.hidden
            self.host.offer("NAME", offered=not self.hidden)
            return "turned"

    @hookimpl
    def register_tools(host: Host):
        return [stays, changes, NAME, Turns(host).turn]
"""


def changing(**words: str) -> str:
    source = CHANGING
    for word, text in {"NAME": "comes", "SCHEMA": "count: int", "DESCRIPTION": "Change", "READ": "", **words}.items():
        source = source.replace(word, text)
    return textwrap.dedent(source)


async def test_tools_that_come_go_and_change_do_so_at_the_gateway_and_keep_their_ids(
    real: RealGateway, distribution: Callable[..., Path]
) -> None:
    site = distribution("acme", "acme", {"tools": changing()})
    environment = {**real.environment, "PYTHONPATH": str(site), "PORT": str(free_port()), "SANCTUARY_TRUST": "acme"}
    async with serving("acme", **environment) as served, connect(served.url, "") as client:
        first = await until_copy_is_right(real, served, "sanctuary_acme")
        assert first.keys() == {"stays", "changes", "comes", "turn"}
        environment["SANCTUARY_HEARTBEAT"] = "3600"  # what is seen from here on is seen at once
        for there in (False, True):
            await client.call_tool("turn", {})
            now = await until_copy_is_right(real, served, "sanctuary_acme")
            assert ("comes" in now) == there
    async with virtual_server(real, {name: first[name] for name in ("stays", "changes", "turn")}) as virtual:
        for words in (
            {"NAME": "another"},
            {"SCHEMA": "count: int, unit: str = 'm'"},
            {"SCHEMA": "count: Annotated[int, Field(ge=1)]"},
            {"DESCRIPTION": "Change and more"},
            {"READ": "read_only=True"},
            {"READ": "destructive=False, idempotent=True"},
        ):
            (site / "acme_tools.py").write_text(changing(**words))
            async with serving("acme", **environment) as served:
                now = await until_copy_is_right(real, served, "sanctuary_acme")
                assert now.keys() == {"stays", "changes", words.get("NAME", "comes"), "turn"}
                assert all(now[name] == first[name] for name in ("stays", "changes", "turn")), words
                async with real.client(virtual) as client:
                    assert len(await shown(client)) == 3, words


READABLE = """
    from sanctuary_host import hookimpl, tool
    from sanctuary_host.prompts import prompt
    from sanctuary_host.resources import resource

    @tool()
    def brew() -> str:
        "Make tea."
        return "tea"

    @resource("note://tea", mime_type="text/plain")
    def note() -> str:
        "How tea is made."
        return "Five minutes."

    @prompt()
    def explain(reader: str = "a guest") -> str:
        "Have it explained."
        return f"Explain tea to {reader}"

    @hookimpl
    def register_tools():
        return [brew]

    @hookimpl
    def register_resources():
        return [note]

    @hookimpl
    def register_prompts():
        return [explain]
"""


async def test_resources_and_prompts_reach_clients_through_the_gateway_too(
    real: RealGateway, distribution: Callable[..., Path]
) -> None:
    site = distribution("acme", "acme", {"tools": textwrap.dedent(READABLE)})
    environment = {**real.environment, "PYTHONPATH": str(site), "SANCTUARY_TRUST": "acme"}
    async with serving("acme", **environment) as served:
        await until_it_says(served, "registered")
        token = real.home.secrets.token(None, 600)
        async with connect(f"{real.url}/mcp", token) as client:
            assert {str(one.uri) for one in (await client.list_resources()).resources} == {"note://tea"}
            assert (await client.read_resource("note://tea")).contents[0].text == "Five minutes."  # type: ignore[union-attr]
            (offered,) = (await client.list_prompts()).prompts
            got = await client.get_prompt(offered.name, {"reader": "Ada"})
            assert got.messages[0].content.text == "Explain tea to Ada"  # type: ignore[union-attr]


async def test_what_an_operator_switched_off_stays_off_until_the_operator_switches_it_on(real: RealGateway) -> None:
    async def switch(on: str) -> None:
        key = (await real.entry("sanctuary_utils"))["id"]
        await real.ask("POST", f"/v1/gateways/{key}/state?activate={on}")

    async with serving("utils", **real.environment) as served:
        tools = await until_copy_is_right(real, served, "sanctuary_utils")
        await switch("false")
        await until_it_says(served, "paused")
    async with serving("utils", **real.environment) as served:
        await until_it_says(served, "paused")
        assert (await real.entry("sanctuary_utils"))["enabled"] is False
        await switch("true")
        await until_it_says(served, "registered")
        assert await until_copy_is_right(real, served, "sanctuary_utils") == tools


async def test_a_server_that_asks_for_a_token_hands_it_to_the_gateway_and_the_next_one_too(real: RealGateway) -> None:
    ids = []
    for token in ("correct-horse-battery-staple", "another-horse-battery-staple"):
        async with serving("utils", **real.environment, SANCTUARY_TOKEN=token) as served:
            await until_it_says(served, "registered")
            ids.append(await until_copy_is_right(real, served, "sanctuary_utils", token))
            async with real.client() as client:
                assert not (await client.call_tool(at_gateway("calculate"), {"expression": "1+1"})).is_error
            told = await registration(served)
            assert token not in json.dumps(told)
            assert not [record for record in served.log if token in json.dumps(record)]
    assert ids[0] == ids[1]


async def test_a_token_that_ended_is_replaced_in_its_file_while_the_server_runs(
    real: RealGateway, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text(real.home.secrets.token(SERVERS, -60))
    environment = {name: value for name, value in real.environment.items() if name != "API_TOKEN"}
    async with serving("utils", **environment, API_TOKEN_FILE=str(file)) as served:
        assert (await until_it_says(served, "unauthorized"))["sentence"]
        file.write_text(real.home.secrets.token(SERVERS, 600))
        await until_copy_is_right(real, served, "sanctuary_utils")
        await until_it_says(served, "registered")


async def test_a_token_without_the_right_to_see_tools_registers_and_says_what_is_missing(real: RealGateway) -> None:
    few = ("gateways.create", "gateways.read", "gateways.update")
    environment = {**real.environment, "API_TOKEN": real.home.secrets.token(few, 600)}
    async with serving("utils", **environment) as served:
        await until_it_says(served, "registered")
        await until_copy_is_right(real, served, "sanctuary_utils")
    async with serving("utils", **environment) as served:  # what is there already may differ
        said = await until_it_says(served, "degraded")
        assert "tools.read" in " ".join(said["holes"])
        await until_copy_is_right(real, served, "sanctuary_utils")


async def test_a_server_over_sse_is_registered_and_answers(real: RealGateway) -> None:
    async with serving("utils", **real.environment, SANCTUARY_REGISTER_TRANSPORT="sse") as served:
        await until_copy_is_right(real, served, "sanctuary_utils")
        assert (await real.entry("sanctuary_utils"))["transport"] == "SSE"
        async with real.client() as client:
            assert not (await client.call_tool(at_gateway("calculate"), {"expression": "1+1"})).is_error


async def test_a_gateway_that_takes_its_time_is_waited_for() -> None:
    settings = {"GATEWAY_ASYNC_LIFECYCLE_ENABLED": "true", "GATEWAY_ASYNC_LIFECYCLE_POLL_INTERVAL": "0.5"}
    with real_gateway(**settings) as real:
        async with serving("utils", **real.environment) as served:
            await until_it_says(served, "registered")
            tools = await until_copy_is_right(real, served, "sanctuary_utils")
        async with serving("utils", **real.environment) as served:
            await until_it_says(served, "registered")
            assert await until_copy_is_right(real, served, "sanctuary_utils") == tools

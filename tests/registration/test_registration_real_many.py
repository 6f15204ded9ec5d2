"""A hundred and twenty servers register with one real gateway, under the limits that it has by default."""

from __future__ import annotations

import asyncio
import socket
import time
from collections import Counter
from contextlib import AsyncExitStack
from typing import Annotated

import pytest
from pydantic import Field
from real_gateway import real_gateway

from sanctuary_host import tool
from sanctuary_host.calls import Calls
from sanctuary_host.config import read_config, with_secrets
from sanctuary_host.gateway.registration import Membership
from sanctuary_host.gateway.token import Token
from sanctuary_host.plugins import Cluster
from sanctuary_host.tools import describe
from sanctuary_host.transport.web import serving

MANY = 120
SECONDS = 300.0
"""Within which all are registered; a quiet machine needs a tenth of it."""


@tool(read_only=True, runs="inline")
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@tool(read_only=True, runs="inline")
def repeat(word: str, times: Annotated[int, Field(ge=1, le=9)] = 2) -> str:
    """Say a word several times."""
    return word * times


@tool(runs="inline")
def forget() -> None:
    """Forget everything."""


async def test_120_servers_register_at_once_without_one_failure(capsys: pytest.CaptureFixture[str]) -> None:
    tools = {one.name: one for one in map(describe, (add, repeat, forget))}
    # The limits of requests are the gateway's own here, and all servers share one address, as behind a NAT.
    with real_gateway(RATE_LIMITING_ENABLED="true", HEALTH_CHECK_INTERVAL="60") as real:
        async with AsyncExitStack() as stack:
            memberships: list[Membership] = []
            for number in range(MANY):
                cluster = Cluster(f"c{number:03}", tools=dict(tools))
                sock = socket.create_server(("127.0.0.1", 0))
                port = sock.getsockname()[1]
                await stack.enter_async_context(serving(Calls(cluster), sock=sock))
                environment = {"CLUSTER": cluster.name, "PORT": str(port), "GATEWAY_URL": real.url}
                environment["API_TOKEN"] = real.environment["API_TOKEN"]
                config = with_secrets(read_config(environment), environment)
                memberships.append(Membership(cluster, config, port, Token(environment["API_TOKEN"])))
            begun = time.perf_counter()
            for membership in memberships:
                await stack.enter_async_context(membership.kept())
            async with asyncio.timeout(SECONDS):
                while Counter(one.loop.state()["state"] for one in memberships) != {"registered": MANY}:
                    await asyncio.sleep(0.1)
            took = time.perf_counter() - begun
            attempts = sum((one.loop.attempts for one in memberships), Counter[str]())
            entries = {entry["name"]: entry for entry in await real.entries()}
            copies = await real.ask("GET", "/v1/tools?limit=0&include_inactive=true")
    with capsys.disabled():
        print(f"\n{MANY} servers registered in {took:.1f} s, {attempts.total()} attempts")
    assert attempts.keys() == {"registered"}
    assert entries.keys() == {f"sanctuary_c{number:03}" for number in range(MANY)}
    assert all(entry["enabled"] and entry["reachable"] for entry in entries.values())
    found = Counter((copy["gatewayId"], copy["originalName"]) for copy in copies)
    assert found == Counter((entry["id"], name) for entry in entries.values() for name in tools)

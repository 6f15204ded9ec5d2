"""Clients that leave without a word cost nothing in the long run."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp

from sanctuary_host.testing import Served, serving

HEADERS = {"Accept": "application/json, text/event-stream"}
HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
}


def resident_kib(served: Served) -> int:
    status = Path(f"/proc/{served.process.pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0])


async def test_thousands_of_abandoned_sessions_leave_memory_as_it_was_and_newcomers_get_in() -> None:
    async with serving("utils") as served, aiohttp.ClientSession(headers=HEADERS) as client:

        async def abandon() -> None:
            async with client.post(served.url, json=HELLO) as response:
                assert response.status == 200

        await asyncio.gather(*(abandon() for _ in range(50)))
        start = resident_kib(served)
        for _ in range(500):
            await asyncio.gather(*(abandon() for _ in range(20)))
        assert resident_kib(served) - start < 10 * 1024
        async with client.get(f"{served.origin}/health") as response:
            assert (await response.json())["sessions"] == 1000


async def test_a_session_that_was_abandoned_is_no_process_of_anybody() -> None:
    async with serving("utils") as served, aiohttp.ClientSession(headers=HEADERS) as client:
        for _ in range(20):
            async with client.post(served.url, json=HELLO) as response:
                assert response.status == 200
        children = Path(f"/proc/{served.process.pid}/task/{served.process.pid}/children").read_text(encoding="ascii")
        assert len(children.split()) == 1  # the fork server alone

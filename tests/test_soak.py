"""What clients and tools leave behind costs nothing in the long run."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path
from typing import Any

import aiohttp
from sanctuary_faults import WAYS

from sanctuary_host.testing import Served, serving

HEADERS = {"Accept": "application/json, text/event-stream"}
HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
}


QUICK = [how for how, way in WAYS.items() if way.quick]


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


def processes(served: Served) -> int:
    """How many there are below the host."""

    def below(pid: int) -> int:
        try:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        except OSError:  # it ended meanwhile
            return 0
        return len(children) + sum(below(int(child)) for child in children)

    return below(served.process.pid)


async def test_thousands_of_mixed_calls_with_faults_leave_memory_and_processes_as_they_were() -> None:
    """A small one of `make soak`, which makes a hundred thousand."""
    trust = {"SANCTUARY_TRUST": "sanctuary-faults", "SANCTUARY_STATELESS": "1"}
    async with serving("faults", **trust) as served, aiohttp.ClientSession(headers=HEADERS) as client:

        async def call(name: str, **arguments: Any) -> Any:
            params = {"name": name, "arguments": arguments}
            message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
            async with client.post(served.url, json=message) as response:
                assert response.status == 200
                body = await response.read()
                return json.loads(body[body.rfind(b'{"jsonrpc"') :])["result"]  # a stream where the tool logged

        async def mix(calls: int, seed: int) -> None:
            dice = random.Random(seed)
            for number in range(calls):
                if dice.random() < 0.03:
                    await call("misbehave", how=dice.choice(QUICK))
                    assert not (await call("misbehave", how="not at all"))["isError"]
                else:
                    result = await call(dice.choice(["in_worker", "inline", "on_loop"]), text=f"{seed} {number}")
                    assert result["content"][0]["text"] == f"{seed} {number}"

        await asyncio.gather(*(mix(200, seed) for seed in range(4)))
        start = resident_kib(served)
        await asyncio.gather(*(mix(1000, seed) for seed in range(4)))
        assert resident_kib(served) - start < 8 * 1024
        async with asyncio.timeout(10):
            while processes(served) > 6:  # keeper, fork server, idle workers
                await asyncio.sleep(0.02)

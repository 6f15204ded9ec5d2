"""Every way to misbehave, in a served host: its call ends in time, and neither its siblings nor /health notice.

The ways are those of the fixture distribution in tests/fixtures/faults, which says of each how its call may end.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from sanctuary_faults import WAYS

from sanctuary_host.testing import Served, serving

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc"),
]

DEADLINE = 1.0
"""The tool's own."""
SLACK = 2.0
"""What a loaded machine may add to it; bench/siblings.py tells what is added on a quiet one."""
TRUST = {"SANCTUARY_TRUST": "sanctuary-faults"}
HEADERS = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-11-25"}
HELLO = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
}


class Caller:
    """One session with the host."""

    def __init__(self, served: Served, client: aiohttp.ClientSession) -> None:
        self._served, self._client = served, client
        self._session: dict[str, str] = {}

    async def open(self) -> Caller:
        async with self._client.post(self._served.url, json=HELLO) as response:
            self._session = {"Mcp-Session-Id": response.headers["Mcp-Session-Id"]}
        return self

    async def call(self, name: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool, asking for progress, and return its result."""
        params = {"name": name, "arguments": arguments, "_meta": {"progressToken": "p"}}
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        async with self._client.post(self._served.url, json=message, headers=self._session) as response:
            assert response.status == 200, await response.text()
            body = await response.read()
        last = body if response.content_type == "application/json" else body.rpartition(b"data: ")[2]
        result: dict[str, Any] = json.loads(last)["result"]
        return result

    async def misbehave(self, how: str) -> dict[str, Any]:
        return await self.call("misbehave", how=how)


class Neighbours:
    """Siblings of the tool, and whoever asks for /health: they never stop asking, and note what went wrong."""

    NAMES = ("in_worker", "inline", "on_loop", "health")

    def __init__(self, served: Served, client: aiohttp.ClientSession) -> None:
        self._served, self._client = served, client
        self._served_well = dict.fromkeys(self.NAMES, 0)
        self._wrong: list[str] = []
        self._answered = asyncio.Condition()
        self._tasks: list[asyncio.Task[None]] = []

    async def begin(self) -> None:
        for name in self.NAMES[:-1]:
            caller = await Caller(self._served, self._client).open()
            self._tasks.append(asyncio.create_task(self._keep_calling(name, caller)))
        self._tasks.append(asyncio.create_task(self._keep_asking()))

    async def end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)

    async def were_served(self, *, spared: bool = True) -> None:
        """Wait until each was answered once more, and check that nothing went wrong so far.

        Where they were not `spared`, calls in workers may have failed, as calls do.
        """
        before = self._served_well.copy()
        async with asyncio.timeout(10), self._answered:
            await self._answered.wait_for(lambda: all(self._served_well[name] > before[name] for name in self.NAMES))
        wrong, self._wrong = self._wrong, []
        assert [one for one in wrong if spared or "tool_failure" not in one] == []

    async def _keep_calling(self, name: str, caller: Caller) -> None:
        for number in range(10**9):
            result = await caller.call(name, text=f"{name} {number}")
            await self._note(name, result["content"] == [{"type": "text", "text": f"{name} {number}"}], result)

    async def _keep_asking(self) -> None:
        while True:
            async with self._client.get(f"{self._served.origin}/health") as response:
                answer = await response.json()
                await self._note("health", response.status == 200 and answer["status"] == "ok", answer)
            await asyncio.sleep(0.005)  # /health tells much, and whoever asks for it does not do so without pause

    async def _note(self, name: str, right: bool, answer: Any) -> None:
        async with self._answered:
            if right:
                self._served_well[name] += 1
            else:
                self._wrong.append(f"{name}: {str(answer)[:300]}")
            self._answered.notify_all()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def served() -> AsyncGenerator[Served]:
    async with serving("faults", **TRUST) as served:
        yield served


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def client() -> AsyncGenerator[aiohttp.ClientSession]:
    limits = aiohttp.ClientTimeout(30)
    async with aiohttp.ClientSession(headers=HEADERS, timeout=limits) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def caller(served: Served, client: aiohttp.ClientSession) -> Caller:
    return await Caller(served, client).open()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def around(caller: Caller) -> dict[str, Any]:
    """What a call finds in its process when nobody has misbehaved there yet."""
    found = await caller.call("look_around")
    return dict(found["structuredContent"])


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def neighbours(
    served: Served, client: aiohttp.ClientSession, around: dict[str, Any]
) -> AsyncGenerator[Neighbours]:
    neighbours = Neighbours(served, client)
    await neighbours.begin()
    yield neighbours
    await neighbours.end()


@pytest.mark.parametrize("how", WAYS)
async def test_a_fault_ends_its_own_call_and_nothing_else(
    how: str, served: Served, caller: Caller, neighbours: Neighbours, around: dict[str, Any]
) -> None:
    started = time.monotonic()
    result = await caller.misbehave(how)
    took = time.monotonic() - started
    await neighbours.were_served(spared=WAYS[how].spares)
    assert took < DEADLINE + SLACK
    ending = _ending(result)
    assert ending in WAYS[how].endings, result
    if ending == "timeout":
        assert took >= DEADLINE
    # The next call of the same tool works, and finds its process as the first one did.
    assert (await caller.misbehave("not at all"))["structuredContent"] == {"result": "not at all"}
    found = await caller.call("look_around")
    assert found.get("structuredContent") == around, found
    await _only_workers_are_left(served)
    await neighbours.were_served()


def _ending(result: dict[str, Any]) -> str:
    """How the call ended, as a caller can tell."""
    if not result["isError"]:
        return "ok"
    text = result["content"][0]["text"]
    try:
        told = json.loads(text)
    except ValueError:
        return "error"
    assert told.keys() == {"error", "tool", "status"}
    assert (told["tool"], told["status"]) == ("misbehave", "tool_failure")
    assert told["error"].isprintable()
    assert "Traceback" not in text
    sentences = {"did not answer within": "timeout", "could not finish": "crash", "misbehave failed": "failure"}
    return next(ending for sentence, ending in sentences.items() if sentence in told["error"])


def descendants(pid: int) -> list[int]:
    """The processes below one, itself not included."""
    found: list[int] = []
    try:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (thread / "children").read_text(encoding="ascii").split()):
                found += [child, *descendants(child)]
    except OSError:  # it ended meanwhile
        return []
    return found


async def _only_workers_are_left(served: Served) -> None:
    """The keeper, the fork server, the idle workers; what faults left behind is gone within seconds."""
    async with asyncio.timeout(10):
        while len(descendants(served.process.pid)) > 2 + 4 + 1:  # a sibling's worker may be busy
            await asyncio.sleep(0.02)


async def test_the_log_tells_of_each_fault_with_the_tool_and_without_a_payload(
    served: Served, caller: Caller, neighbours: Neighbours
) -> None:
    result = await caller.misbehave("segfault")
    call = json.loads(result["content"][0]["text"])["error"].rpartition("(call ")[2].rstrip(")")
    async with asyncio.timeout(10):
        while not (records := [record for record in served.log if record.get("call") == call]):
            await asyncio.sleep(0.01)
    assert [(record["tool"], record["outcome"], record["level"]) for record in records] == [
        ("misbehave", "crash", "error")
    ]
    await neighbours.were_served()


async def test_after_a_thousand_faults_nothing_is_left_over(
    served: Served, client: aiohttp.ClientSession, neighbours: Neighbours
) -> None:
    quick = [how for how, way in WAYS.items() if way.quick]
    callers = [await Caller(served, client).open() for _ in range(4)]

    async def misbehave(caller: Caller, times: int) -> None:
        for number in range(times):
            how = quick[number % len(quick)]
            assert _ending(await caller.misbehave(how)) in WAYS[how].endings
            # One good call after each: a tool that only ever fails is taken out of service for a while.
            assert not (await caller.misbehave("not at all"))["isError"]

    await asyncio.gather(*(misbehave(caller, 2 * len(quick) // 3) for caller in callers))
    before = await _held_by(served)
    await asyncio.gather(*(misbehave(caller, 250) for caller in callers))
    await neighbours.were_served()
    after = await _held_by(served)
    assert after["processes"] <= before["processes"] + 2  # workers in use are no leak
    assert after["descriptors"] <= before["descriptors"] + 6  # nor are their connections
    assert after["KiB"] - before["KiB"] < 8 * 1024


async def _held_by(served: Served) -> dict[str, int]:
    await _only_workers_are_left(served)
    pid = served.process.pid
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return {
        "processes": len(descendants(pid)),
        "descriptors": len([*Path(f"/proc/{pid}/fd").iterdir()]),
        "KiB": int(status.partition("VmRSS:")[2].split()[0]),
    }


SPOKEN = (
    *("segfault", "exit at once", "system exit", "endless c call", "closes everything", "closes standard files"),
    *("writes a message to standard output", "writes fifty megabytes to standard output", "prints for ever"),
    *("becomes another program", "leaves a daemon and dies", "reads standard input for ever", "kills its group"),
    *("progress for ever", "huge result", "surrogate", "endless list", "leaves a busy thread"),
)


async def test_over_standard_input_and_output_faults_end_their_own_calls_too() -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SANCTUARY_", "PORT"))}
    host = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sanctuary_host"),
        env={**kept, **TRUST, "CLUSTER": "faults"},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        limit=1 << 24,
    )
    assert host.stdin is not None
    assert host.stdout is not None
    answers: dict[int, asyncio.Future[Any]] = {}
    notes: list[Any] = []

    async def listen(lines: asyncio.StreamReader) -> None:
        async for line in lines:
            message = json.loads(line)  # nothing but messages is ever written there
            if "id" in message:
                answers.pop(message["id"]).set_result(message["result"])
            else:
                notes.append(message["method"])

    async def ask(number: int, method: str, **params: Any) -> Any:
        assert host.stdin is not None
        answers[number] = answer = asyncio.get_running_loop().create_future()
        message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        host.stdin.write(json.dumps(message).encode() + b"\n")
        return await asyncio.wait_for(answer, 20)

    listening = asyncio.create_task(listen(host.stdout))
    await ask(0, "initialize", **HELLO["params"])  # type: ignore[arg-type]  # an object
    for number, how in enumerate(SPOKEN, 1):
        fault = {"name": "misbehave", "arguments": {"how": how}, "_meta": {"progressToken": how}}
        sibling = {"name": "in_worker", "arguments": {"text": how}}
        failed, served, again = await asyncio.gather(
            ask(number * 10, "tools/call", **fault),
            ask(number * 10 + 1, "tools/call", **sibling),
            ask(number * 10 + 2, "tools/call", **sibling),
        )
        assert _ending(failed) in WAYS[how].endings
        assert [one["content"][0]["text"] for one in (served, again)] == [how, how]
        good = {"name": "misbehave", "arguments": {"how": "not at all"}}
        assert not (await ask(number * 10 + 3, "tools/call", **good))["isError"]
    assert set(notes) == {"notifications/progress"}
    host.stdin.close()
    assert await asyncio.wait_for(host.wait(), 20) == 0
    await listening

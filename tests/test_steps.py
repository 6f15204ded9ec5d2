"""Coroutines on the host's loop: timed without noticing, interrupted when they hold it, and never waited for in vain."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import json
import re
import signal
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from mcp import Client

from sanctuary_host import tool
from sanctuary_host.calls import Calls
from sanctuary_host.containment.steps import Watch
from sanctuary_host.plugins import Cluster
from sanctuary_host.testing import serving
from sanctuary_host.tools import describe

COLOUR: contextvars.ContextVar[str] = contextvars.ContextVar("colour", default="none")


@tool()
async def hold(how: str) -> str:
    """Hold the loop in one of several ways."""
    if how == "loop":
        while True:
            pass
    if how == "regex":
        re.match(r"(a+)+$", "a" * 64 + "b")
    if how == "sleep":
        time.sleep(60)
    if how == "swallow":
        for _ in range(3):
            try:
                while True:
                    pass
            except BaseException:  # noqa: BLE001  # the point of the case
                await asyncio.sleep(0)
        while True:
            pass
    if how == "after a while":
        await asyncio.sleep(0.01)
        while True:
            pass
    if how == "when cancelled":
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        try:
            await asyncio.sleep(1)
        finally:
            while True:
                pass
    if how == "within the loop's code":
        loop = asyncio.get_running_loop()
        while True:
            loop.time()
    return "well"


@tool(runs="inline")
def hold_inline(how: str) -> str:
    """Hold the loop, or not."""
    while how == "loop":
        pass
    return "well"


@tool(timeout=0.1)
async def stay(how: str) -> str:
    """Stay after the deadline."""
    while how == "for ever":
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        return "late"
    return "never"


@tool()
async def end_oneself() -> None:
    """Cancel the task that runs here."""
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(1)


@pytest.fixture
def calls() -> Iterator[Calls]:
    cluster = Cluster("test")
    for function in (hold, hold_inline, stay, end_oneself):
        described = describe(function)
        cluster.tools[described.name] = described
    before = signal.getsignal(signal.SIGALRM)
    with Watch(0.2) as watch:
        yield Calls(cluster, watch=watch)
    assert signal.getsignal(signal.SIGALRM) == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


async def text(calls: Calls, name: str, **arguments: Any) -> str:
    return str((await calls.call_tool(name, arguments)).content[0]["text"])


WAYS = ["loop", "regex", "sleep", "swallow", "after a while", "when cancelled", "within the loop's code"]


@pytest.mark.parametrize("how", WAYS)
async def test_a_step_that_does_not_end_is_interrupted(
    how: str, calls: Calls, caplog: pytest.LogCaptureFixture
) -> None:
    async with asyncio.timeout(20):
        told = json.loads(await text(calls, "hold", how=how))
    assert re.fullmatch(r"hold held the event loop for more than 1 s and was stopped \(call \w+\)", told["error"]), told
    assert told["status"] == "tool_failure"
    state = calls.states()["hold"]
    assert state["calls"] == {"timeout": 1}
    assert state["held_loop"]["worst_ms"] >= 200
    said = [record.getMessage() for record in caplog.records]
    assert (
        sum(re.search(r"Tool hold held the event loop for \d+ ms; move the work", one) is not None for one in said) == 1
    )
    assert sum("Tool hold failed: it held the event loop" in one for one in said) == 1
    assert await text(calls, "hold", how="") == "well"


async def test_an_inline_tool_that_does_not_end_is_interrupted(calls: Calls) -> None:
    assert "held the event loop" in await text(calls, "hold_inline", how="loop")
    assert await text(calls, "hold_inline", how="") == "well"
    assert calls.states()["hold_inline"]["calls"] == {"timeout": 1, "ok": 1}


async def test_the_timer_rings_between_steps_and_nothing_is_interrupted(calls: Calls) -> None:
    async def ours() -> int:
        count = 0
        until = time.perf_counter() + 0.5
        while time.perf_counter() < until:
            count += 1
        return count

    assert await text(calls, "hold", how="") == "well"  # the timer runs from here on
    assert await ours() > 0
    assert await text(calls, "hold", how="") == "well"
    assert "held_loop" not in calls.states()["hold"]


async def test_elsewhere_than_in_the_main_thread_steps_are_timed_and_not_interrupted() -> None:
    @tool()
    async def pause() -> str:
        """Hold the loop for a while."""
        time.sleep(0.3)
        return "well"

    said: list[Any] = []

    def serve() -> None:
        cluster = Cluster("test")
        cluster.tools["pause"] = describe(pause)
        with Watch(0.1) as watch:
            calls = Calls(cluster, watch=watch)
            said.append(asyncio.run(text(calls, "pause")))
            said.append(calls.states()["pause"]["held_loop"]["count"])

    thread = threading.Thread(target=serve)
    thread.start()
    await asyncio.to_thread(thread.join)
    assert said == ["well", 1]


@pytest.mark.parametrize("how", ["for ever", "once"])
async def test_a_coroutine_that_swallows_its_cancellation_does_not_keep_its_caller(how: str, calls: Calls) -> None:
    async with asyncio.timeout(10):
        assert "did not answer within 0.1 s" in await text(calls, "stay", how=how)
    state = calls.states()["stay"]
    assert state["calls"] == {"timeout": 1}
    assert state.get("abandoned", 0) == (how == "for ever")
    await calls.end()
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


async def test_a_caller_who_gives_up_is_not_kept_either(calls: Calls) -> None:
    calling = asyncio.ensure_future(text(calls, "stay", how="for ever"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    calling.cancel()
    async with asyncio.timeout(10):
        await asyncio.wait([calling])
    assert calling.cancelled()
    assert calls.states()["stay"] == {"runs": "loop", "calls": {"cancelled": 1}, "waiting": 0, "abandoned": 1}
    await calls.end()


async def test_a_coroutine_that_cancels_itself_fails_and_cancels_nobody_else(calls: Calls) -> None:
    assert "it raised CancelledError" in await text(calls, "end_oneself")
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


class Probe:
    """Coroutines that do what coroutines do."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    @tool()
    async def await_nested(self) -> list[int]:
        """Await tasks, futures and plain coroutines."""

        async def inner(value: int) -> int:
            await asyncio.sleep(0)
            return value

        async with asyncio.TaskGroup() as group:
            task = group.create_task(inner(2))
        future = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(future.set_result, 3)
        return [await inner(1), task.result(), await future, *await asyncio.gather(inner(4), inner(5))]

    @tool()
    async def iterate(self) -> list[int]:
        """Iterate over an asynchronous generator, and leave it half way."""

        async def numbers() -> AsyncIterator[int]:
            try:
                for number in range(10):
                    await asyncio.sleep(0)
                    yield number
            finally:
                self.seen.append("closed")

        generator = numbers()
        assert isinstance(generator, AsyncGenerator)
        found = [await anext(generator), await anext(generator)]
        await generator.aclose()
        return found

    @tool()
    async def time_out(self) -> str:
        """Run into a deadline of one's own."""
        try:
            async with asyncio.timeout(0.01):
                await asyncio.Event().wait()
        except TimeoutError:
            return "over"
        return "not over"

    @tool()
    async def remember(self) -> str:
        """Set a context variable, in a task that stays the same."""
        task = asyncio.current_task()
        COLOUR.set("red")
        await asyncio.sleep(0)
        assert asyncio.current_task() is task
        return COLOUR.get()

    @tool()
    async def clean_up(self) -> None:
        """Clean up when cancelled."""
        try:
            self.seen.append("begun")
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            self.seen.append("cleaned")
            raise


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("await_nested", {"result": [1, 2, 3, 4, 5]}),
        ("iterate", {"result": [0, 1]}),
        ("time_out", None),
        ("remember", None),
    ],
)
async def test_a_coroutine_runs_as_it_would_by_itself(name: str, result: Any) -> None:
    probe = Probe()
    cluster = Cluster("test")
    cluster.tools[name] = describe(getattr(probe, name))
    reply = await Calls(cluster).call_tool(name, {})
    assert not reply.is_error, reply
    assert reply.structured == result
    if name == "iterate":
        assert probe.seen == ["closed"]
    if result is None:
        assert reply.content[0]["text"] in {"over", "red"}
    assert COLOUR.get() == "none"


async def test_a_cancelled_coroutine_cleans_up_before_its_caller_goes_on() -> None:
    probe = Probe()
    cluster = Cluster("test")
    cluster.tools["clean_up"] = describe(probe.clean_up)
    calls = Calls(cluster)
    calling = asyncio.ensure_future(calls.call_tool("clean_up", {}))
    while not probe.seen:
        await asyncio.sleep(0)
    calling.cancel()
    await asyncio.wait([calling])
    assert calling.cancelled()
    assert probe.seen == ["begun", "cleaned"]
    assert calls.states()["clean_up"]["calls"] == {"cancelled": 1}


GUEST = '''
    import asyncio

    from sanctuary_host import hookimpl, tool

    @tool()
    async def spin() -> None:
        """Never end."""
        while True:
            pass

    @tool()
    async def leave(how: str) -> str:
        """Answer, and leave a task behind that never ends."""
        async def work() -> None:
            while True:
                try:
                    while True:
                        pass
                except BaseException:
                    if how != "stubborn":
                        raise
                    how_often.append(1)
                    if len(how_often) > 3:
                        raise
        how_often: list[int] = []
        if how == "at once" and hasattr(asyncio, "eager_task_factory"):
            asyncio.eager_task_factory(asyncio.get_running_loop(), work())
        else:
            asyncio.get_running_loop().create_task(work())
        await asyncio.sleep(0)
        return "left"

    @tool(timeout=0.2)
    async def stay() -> None:
        """Swallow every cancellation."""
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                pass

    @tool(runs="inline")
    def answer() -> str:
        """Answer."""
        return "well"

    @hookimpl
    def register_tools():
        return [spin, leave, stay, answer]
'''


async def test_a_server_survives_coroutines_that_never_end_and_stops_when_told(
    distribution: Callable[..., Path],
) -> None:
    site = distribution("acme", "acme", {"tools": GUEST})
    async with serving("acme", PYTHONPATH=str(site), SANCTUARY_TRUST="acme") as served:
        async with Client(served.url) as client, aiohttp.ClientSession() as session:
            spun = await client.call_tool("spin", {})
            stayed = await client.call_tool("stay", {})
            answered = await client.call_tool("answer", {})
            async with session.get(f"{served.origin}/health") as response:
                health = (await response.json())["tools"]
        served.process.terminate()
        async with asyncio.timeout(20):
            assert await served.process.wait() == 0
    assert "held the event loop for more than 1 s" in spun.content[0].text
    assert "did not answer within 0.2 s" in stayed.content[0].text
    assert answered.content[0].text == "well"
    assert health["spin"]["held_loop"]["count"] == 1
    assert health["stay"]["abandoned"] == 1


@pytest.mark.parametrize("how", ["plain", "stubborn", "at once"])
async def test_a_task_that_a_coroutine_left_behind_is_interrupted_too(
    how: str, distribution: Callable[..., Path]
) -> None:
    site = distribution("acme", "acme", {"tools": GUEST})
    async with (
        serving("acme", PYTHONPATH=str(site), SANCTUARY_TRUST="acme") as served,
        Client(served.url) as client,
        aiohttp.ClientSession() as session,
        asyncio.timeout(20),
    ):
        await client.call_tool("leave", {"how": how})
        assert (await client.call_tool("answer", {})).content[0].text == "well"
        async with session.get(f"{served.origin}/health") as response:
            health = (await response.json())["tools"]
    assert health["leave"]["held_loop"]["count"] >= 1


async def test_over_standard_input_and_output_a_step_is_interrupted_too(
    distribution: Callable[..., Path], run: Callable[..., Any]
) -> None:
    site = distribution("acme", "acme", {"tools": GUEST})
    meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
    params = [{"name": name, "arguments": {}, "_meta": meta} for name in ("spin", "answer")]
    lines = [
        json.dumps({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": each})
        for number, each in enumerate(params)
    ]
    ran = await run(CLUSTER="acme", PYTHONPATH=str(site), SANCTUARY_TRUST="acme", stdin="\n".join([*lines, ""]))
    answers = {(message := json.loads(line))["id"]: message["result"] for line in ran.out.splitlines()}
    assert "held the event loop" in answers[0]["content"][0]["text"]
    assert answers[1]["content"][0]["text"] == "well"
    assert ran.status == 0

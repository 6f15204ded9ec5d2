"""A tool that keeps failing is paused, one that too many want says when to come back, and its siblings never notice."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import threading
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcp import Client
from prometheus_client.parser import text_string_to_metric_families

from sanctuary_host import ToolError, tool
from sanctuary_host.calls import Calls
from sanctuary_host.containment.breaker import LONGEST, SHORTEST, TOLERATED
from sanctuary_host.containment.lanes import WAITING, FullError, Lane, Lanes
from sanctuary_host.containment.pool import SIZE, Pool
from sanctuary_host.containment.zygote import Zygote
from sanctuary_host.jobs import work_of
from sanctuary_host.plugins import Cluster
from sanctuary_host.testing import serving
from sanctuary_host.tools import UnfitError, describe


@tool()
def behave(how: str) -> str:
    """Behave in one of several ways."""
    if how == "crash":
        os._exit(7)
    if how == "refuse":
        raise ToolError("there is no such thing")
    if how == "raise":
        raise ValueError
    return "well"


@tool(timeout=0.05)
async def behave_on_loop(hang: bool) -> str:
    """Behave on the loop."""
    if hang:
        await asyncio.Event().wait()
    return "well"


@tool(read_only=True)
def sibling() -> str:
    """Work."""
    return "well"


@tool()
def hang() -> None:
    """Never answer."""
    threading.Event().wait()


@tool(timeout=0.3)
def hang_briefly() -> None:
    """Never answer, and be stopped soon."""
    threading.Event().wait()


class Gate:
    """Coroutines that wait until they are let through, and count themselves."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self.inside = 0
        self.most = 0

    @tool(concurrency=2)
    async def pass_gate(self) -> None:
        """Pass."""
        self.inside += 1
        self.most = max(self.most, self.inside)
        await self.opened.wait()
        self.inside -= 1


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
async def calls(clock: Clock, gate: Gate) -> AsyncGenerator[Calls]:
    cluster = Cluster("test")
    for function in (behave, behave_on_loop, sibling, hang, hang_briefly, gate.pass_gate):
        described = describe(function)
        cluster.tools[described.name] = described
    async with Pool(Zygote.start(work_of(cluster))) as pool:
        yield Calls(cluster, pool, clock=clock)


async def text(calls: Calls, name: str, **arguments: Any) -> str:
    return str((await calls.call_tool(name, arguments)).content[0]["text"])


async def crash(calls: Calls, times: int) -> None:
    for _ in range(times):
        assert "status 7" in await text(calls, "behave", how="crash")


async def test_five_crashes_in_a_row_pause_the_tool_and_not_its_siblings(calls: Calls) -> None:
    await crash(calls, TOLERATED)
    refused = json.loads(await text(calls, "behave", how="well"))
    assert refused.pop("error").startswith(
        "behave is paused after 5 failures in a row (last: its worker process exited with status 7); retry in 1 s (call "
    )
    assert refused == {"tool": "behave", "status": "tool_failure", "retry_after_s": 1.0}
    assert calls.states()["behave"]["breaker"] == "open"
    assert calls.states()["behave"]["calls"] == {"crash": 5, "open": 1}
    assert await text(calls, "sibling") == "well"
    assert "breaker" not in calls.states()["sibling"]


async def test_a_probe_that_succeeds_ends_the_pause(
    calls: Calls, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await crash(calls, TOLERATED)
    clock.now += SHORTEST
    assert calls.states()["behave"]["breaker"] == "half-open"
    assert await text(calls, "behave", how="well") == "well"
    assert "breaker" not in calls.states()["behave"]
    await crash(calls, TOLERATED - 1)
    assert await text(calls, "behave", how="well") == "well"
    said = [record.getMessage() for record in caplog.records if "paused" in record.getMessage()]
    assert said == [
        "Tool behave is paused for 1 s after 5 failures in a row (last: its worker process exited with status 7)",
        "Tool behave works again and is paused no more",
    ]


async def test_each_probe_that_fails_doubles_the_pause_up_to_its_limit(calls: Calls, clock: Clock) -> None:
    await crash(calls, TOLERATED)
    for pause in (1, 2, 4, 8, 16, LONGEST, LONGEST):
        clock.now += pause - 0.5
        assert json.loads(await text(calls, "behave", how="well"))["retry_after_s"] == 0.5
        clock.now += 0.5
        await crash(calls, 1)


async def test_one_call_at_a_time_is_the_probe(calls: Calls, clock: Clock) -> None:
    for _ in range(TOLERATED):
        await text(calls, "behave_on_loop", hang=True)
    clock.now += SHORTEST
    replies = await asyncio.gather(*(text(calls, "behave_on_loop", hang=False) for _ in range(5)))
    assert sorted("paused" in reply for reply in replies) == [False, True, True, True, True]
    assert await text(calls, "behave_on_loop", hang=False) == "well"


async def test_a_probe_that_is_given_up_leaves_the_next_call_to_be_one(calls: Calls, clock: Clock) -> None:
    for _ in range(TOLERATED):
        await text(calls, "behave_on_loop", hang=True)
    clock.now += SHORTEST
    probe = asyncio.ensure_future(text(calls, "behave_on_loop", hang=True))
    await asyncio.sleep(0)
    assert "paused" in await text(calls, "behave_on_loop", hang=False)
    probe.cancel()
    await asyncio.wait([probe])
    assert await text(calls, "behave_on_loop", hang=False) == "well"


@pytest.mark.parametrize("how", ["refuse", "raise", 5])
async def test_what_a_tool_or_a_caller_does_in_good_order_neither_pauses_nor_resumes(
    how: Any, calls: Calls, clock: Clock
) -> None:
    for _ in range(2 * TOLERATED):
        assert "paused" not in await text(calls, "behave", how=how)
    await crash(calls, TOLERATED - 1)
    await text(calls, "behave", how=how)
    await crash(calls, 1)
    assert calls.states()["behave"]["breaker"] == "open"
    clock.now += SHORTEST
    assert "paused" not in await text(calls, "behave", how=how)
    assert calls.states()["behave"]["breaker"] == "half-open"


@pytest.mark.parametrize("how", ["\ud800", ["x" * 9_000_000]])
async def test_arguments_that_cannot_be_handed_over_are_the_callers_fault(how: Any, calls: Calls) -> None:
    for _ in range(TOLERATED + 1):
        assert "cannot be handed over" in await text(calls, "behave", how=how)
    assert calls.states()["behave"]["calls"] == {"invalid": TOLERATED + 1}


async def test_calls_that_wait_while_their_tool_is_paused_do_not_begin(calls: Calls) -> None:
    for _ in range(2):  # or those that run at once may be too few to pause it
        await text(calls, "hang_briefly")
    replies = await asyncio.gather(*(text(calls, "hang_briefly") for _ in range(40)))
    begun = [reply for reply in replies if "did not answer" in reply]
    assert len(begun) < TOLERATED + SIZE
    assert calls.states()["hang_briefly"]["breaker"] == "open"
    assert await text(calls, "sibling") == "well"


async def test_beyond_the_bound_callers_are_told_when_to_come_back(calls: Calls) -> None:
    hanging = [asyncio.ensure_future(calls.call_tool("hang", {})) for _ in range(SIZE // 2 + WAITING)]
    await asyncio.sleep(0)
    assert calls.states()["hang"]["waiting"] == WAITING
    refused = json.loads(await text(calls, "hang"))
    assert refused.pop("error").startswith(f"hang has {WAITING} calls waiting; retry after 1 s (call ")
    assert refused == {"tool": "hang", "status": "tool_failure", "retry_after_s": 1.0}
    assert await text(calls, "sibling") == "well"
    for one in hanging:
        one.cancel()
    await asyncio.wait(hanging)
    assert calls.states()["hang"] == {"runs": "worker", "calls": {"busy": 1, "cancelled": len(hanging)}, "waiting": 0}


async def test_no_more_calls_run_at_once_than_the_tool_says(calls: Calls, gate: Gate) -> None:
    passing = [asyncio.ensure_future(calls.call_tool("pass_gate", {})) for _ in range(7)]
    while gate.inside < 2:
        await asyncio.sleep(0)
    passing.pop(0).cancel()
    passing.pop(-1).cancel()
    gate.opened.set()
    replies = await asyncio.gather(*passing)
    assert not any(reply.is_error for reply in replies)
    assert gate.most == 2
    assert calls.states()["pass_gate"]["calls"] == {"cancelled": 2, "ok": 5}


async def test_a_call_that_spends_its_time_waiting_is_told_so_and_not_held_against_the_tool() -> None:
    cluster = Cluster("test")
    turn = asyncio.Event()

    @tool(concurrency=1, timeout=0.1)
    async def hold(long: bool) -> None:
        """Hold the place, and do not let go."""
        while long and not turn.is_set():
            try:
                await turn.wait()
            except asyncio.CancelledError:
                continue

    cluster.tools["hold"] = describe(hold)
    calls = Calls(cluster)
    assert "did not answer" in await text(calls, "hold", long=True)
    assert "was not begun within 0.1 s" in json.loads(await text(calls, "hold", long=False))["error"]
    turn.set()
    while (await calls.call_tool("hold", {"long": False})).is_error:
        pass
    assert calls.states()["hold"]["calls"].keys() == {"timeout", "busy", "ok"}


@pytest.mark.parametrize("concurrency", [0, -1, 1.5, True, "2"])
def test_a_bound_that_is_none_is_refused(concurrency: Any) -> None:
    @tool(concurrency=concurrency)
    def work() -> None:
        """Work."""

    with pytest.raises(UnfitError, match=f"tool work has concurrency={concurrency!r}; it must be a whole number"):
        describe(work)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["enter", "leave", "cancel", "leave and cancel", "turn"]), st.integers(0, 2), st.integers(0, 9)
    ),
    max_size=60,
)


@settings(deadline=None, max_examples=200)
@given(size=st.integers(1, 4), bounds=st.lists(st.integers(1, 4), min_size=3, max_size=3), steps=STEPS)
def test_lanes_lose_no_call_and_starve_no_lane_whatever_comes_and_goes(
    size: int, bounds: list[int], steps: list[tuple[str, int, int]]
) -> None:
    async def play() -> None:
        lanes = Lanes(size, waiting=5)
        rows = [Lane(most) for most in bounds]
        entering: list[list[asyncio.Task[None]]] = [[] for _ in rows]
        inside = [0 for _ in rows]

        async def settle() -> None:
            for _ in range(3):
                await asyncio.sleep(0)
            for number, tasks in enumerate(entering):
                for task in [task for task in tasks if task.done()]:
                    tasks.remove(task)
                    if not task.cancelled() and not isinstance(task.exception(), FullError):
                        inside[number] += 1
            assert [row.running for row in rows] == inside
            assert lanes.running == sum(inside) <= size
            assert [row.waiting for row in rows] == [len(tasks) for tasks in entering]
            for row in rows:
                assert row.running <= row.most
                assert row.waiting <= 5
                # Nobody waits where there is room: above all, no lane without a place while one is free.
                assert not row.waiting or row.running == row.most or row.running >= size - lanes.running

        for what, number, which in steps:
            if what == "leave and cancel":  # the turn is given to one who gives up at this moment
                await settle()
            if what == "enter":
                entering[number].append(asyncio.ensure_future(lanes.enter(rows[number])))
            if what.startswith("leave") and inside[number]:
                inside[number] -= 1
                lanes.leave(rows[number])
            if what.endswith("cancel") and entering[number]:
                entering[number][which % len(entering[number])].cancel()
            if what == "turn":
                await settle()
        await settle()
        while any(inside):
            for number in [number for number, count in enumerate(inside) if count]:
                inside[number] -= 1
                lanes.leave(rows[number])
                await settle()
        assert not any(entering)
        assert lanes.running == 0

    asyncio.run(play())


async def test_free_places_go_round_among_the_lanes_that_wait() -> None:
    lanes = Lanes(1)
    first, second, third = Lane(1), Lane(1), Lane(1)
    order: list[Lane] = []

    async def pass_through(lane: Lane) -> None:
        await lanes.enter(lane)
        order.append(lane)
        lanes.leave(lane)

    await lanes.enter(first)
    passing = [asyncio.ensure_future(pass_through(lane)) for lane in (first, first, first, second, third)]
    await asyncio.sleep(0)
    lanes.leave(first)
    await asyncio.gather(*passing)
    assert order == [first, second, third, first, first]


GUEST = '''
    import os, time

    from sanctuary_host import hookimpl, tool

    @tool()
    def fall() -> None:
        """Crash."""
        os._exit(3)

    @tool()
    async def linger() -> str:
        """Hold the loop."""
        time.sleep(0.1)
        return "there"

    @hookimpl
    def register_tools():
        return [fall, linger]
'''


async def test_health_and_metrics_show_what_is_paused_and_what_held_the_loop(distribution: Callable[..., Path]) -> None:
    site = distribution("acme", "acme", {"tools": GUEST})
    async with (
        serving("acme", PYTHONPATH=str(site), SANCTUARY_TRUST="acme") as served,
        Client(served.url) as client,
        aiohttp.ClientSession() as session,
    ):
        for _ in range(TOLERATED + 1):
            reply = await client.call_tool("fall", {})
        await client.call_tool("linger", {})
        async with session.get(f"{served.origin}/health") as response:
            health = (await response.json())["tools"]
        async with session.get(f"{served.origin}/metrics") as response:
            metrics = await response.text()
    assert reply.is_error
    assert health["fall"]["calls"] == {"crash": TOLERATED, "open": 1}
    assert health["fall"]["breaker"] in {"open", "half-open"}
    assert health["fall"]["failures_in_a_row"] == TOLERATED
    assert "breaker" not in health["linger"]
    assert health["linger"]["held_loop"]["count"] == 1
    assert health["linger"]["held_loop"]["worst_ms"] >= 100
    families = {family.name: family for family in text_string_to_metric_families(metrics)}
    shown = {
        (sample.name, sample.labels["tool"]): sample.value
        for name, family in families.items()
        if name.startswith("sanctuary_tool_")
        for sample in family.samples
    }
    assert shown["sanctuary_tool_breaker_open", "fall"] == 1
    assert shown["sanctuary_tool_breaker_open", "linger"] == 0
    assert shown["sanctuary_tool_calls_waiting", "fall"] == 0
    assert shown["sanctuary_tool_held_loop_total", "linger"] == 1
    assert shown["sanctuary_tool_held_loop_worst_seconds", "linger"] >= 0.1
    records = [record for record in served.log if record.get("event") == "call"]
    assert [record["outcome"] for record in records] == ["crash"] * TOLERATED + ["open", "ok"]
    (paused,) = [record for record in served.log if record.get("event") == "breaker"]
    assert (paused["level"], paused["breaker"]) == ("warning", "open")
    assert paused["message"].startswith("Tool fall is paused for 1 s after 5 failures in a row")

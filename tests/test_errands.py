"""`Host.run`: a coroutine has a plain function run in a worker, as part of its call."""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import threading
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from mcp import Client

from sanctuary_host import Boundary, Host, RunError, ToolError, progress, tool
from sanctuary_host.calls import Calls
from sanctuary_host.containment.pool import Pool
from sanctuary_host.containment.zygote import Zygote
from sanctuary_host.jobs import work_of
from sanctuary_host.plugins import Cluster
from sanctuary_host.testing import serving
from sanctuary_host.tools import describe

HOST = Host("test", {}, Boundary())


@dataclass(frozen=True)
class Counted:
    """What was counted."""

    words: int
    process: int


def count(text: str, *more: str) -> Counted:
    progress(1, 1, "counting")
    return Counted(len(text.split()) + len(more), os.getpid())


def turn(data: bytes) -> bytes:
    return data[::-1]


def echo(value: Any) -> Any:
    return value


def fail(how: str) -> Any:
    if how == "refuse":
        raise ToolError("there is no such thing")
    if how == "raise":
        raise ValueError("the password is hunter2")
    if how == "crash":
        ctypes.string_at(0)
    if how == "memory":
        return len(bytearray(10**10))
    if how == "unsendable":
        return object()
    return threading.Event().wait()


class Holder:
    def method(self) -> None:
        """Nothing."""


async def coroutine() -> None:
    """Nothing."""


@tool()
async def count_words(text: str) -> list[Any]:
    """Count words in a worker."""
    counted = await HOST.run(count, text, "one more")
    return [counted["words"], counted["process"] != os.getpid()]


@tool()
async def carry(value: Any) -> bool:
    """Carry values there and back."""
    data = bytes(range(256))
    return await HOST.run(echo, value) == value and await HOST.run(turn, data) == data[::-1]


@tool(timeout=0.5)
async def fail_there(how: str) -> Any:
    """Fail in a worker."""
    return await HOST.run(fail, how)


@tool()
async def recover(how: str) -> str:
    """Do without what failed."""
    try:
        await HOST.run(fail, how)
    except RunError as error:
        return f"without: {error}"
    return "with"


@tool(read_only=True)
def sibling() -> str:
    """Work."""
    return "well"


@pytest.fixture
async def calls() -> AsyncGenerator[Calls]:
    cluster = Cluster("test")
    for function in (count_words, carry, fail_there, recover, sibling):
        described = describe(function)
        cluster.tools[described.name] = described
    async with Pool(Zygote.start(work_of(cluster))) as pool:
        yield Calls(cluster, pool)


async def text(calls: Calls, name: str, **arguments: Any) -> str:
    return str((await calls.call_tool(name, arguments)).content[0]["text"])


class Ear:
    def __init__(self) -> None:
        self.heard: list[Any] = []

    def progress(self, done: float, total: float | None, message: str | None) -> None:
        self.heard.append((done, total, message))

    def log(self, level: str, data: Any) -> None:
        """Nothing is logged."""


async def test_a_function_runs_in_a_worker_and_gives_plain_data(calls: Calls) -> None:
    ear = Ear()
    reply = await calls.call_tool("count_words", {"text": "a b c"}, voice=ear)
    assert reply.structured == {"result": [4, True]}
    assert ear.heard == [(1, 1, "counting")]


@pytest.mark.parametrize("value", [None, "x", [1, {"json": 2}], {"bytes": "AAAA"}, {"json": {"bytes": 1}}])
async def test_json_and_bytes_come_back_as_they_went(value: Any, calls: Calls) -> None:
    assert (await calls.call_tool("carry", {"value": value})).structured == {"result": True}


@pytest.mark.parametrize(
    ("how", "said", "ending"),
    [
        ("refuse", "there is no such thing", "error"),
        ("raise", "fail_there failed: it raised ValueError (call ", "failure"),
        ("memory", "fail_there failed: it raised MemoryError (call ", "failure"),
        ("unsendable", "fail_there failed: its result cannot be sent", "failure"),
        ("crash", "fail_there could not finish: its worker process was ended by SIGSEGV (call ", "crash"),
        ("hang", "fail_there did not answer within 0.5 s and was stopped (call ", "timeout"),
    ],
)
async def test_what_fails_there_fails_the_call_as_if_it_had_failed_here(
    how: str, said: str, ending: str, calls: Calls, caplog: pytest.LogCaptureFixture
) -> None:
    told = await text(calls, "fail_there", how=how)
    assert (told if ending == "error" else json.loads(told)["error"]).startswith(said)
    assert "hunter2" not in told
    assert calls.states()["fail_there"]["calls"] == {ending: 1}
    assert await text(calls, "sibling") == "well"
    if how == "raise":  # where it was raised is in the log
        (record,) = [record for record in caplog.records if "fail_there failed" in record.getMessage()]
        assert "in fail\n" in record.__dict__["fields"]["traceback"]


async def test_a_tool_may_do_without_what_failed(calls: Calls) -> None:
    assert await text(calls, "recover", how="raise") == "without: it raised ValueError"
    assert await text(calls, "recover", how="crash") == "without: its worker process was ended by SIGSEGV"


async def test_a_call_that_is_given_up_ends_what_it_had_run(calls: Calls) -> None:
    calling = [asyncio.ensure_future(calls.call_tool("recover", {"how": "hang"})) for _ in range(12)]
    while not calls.states()["recover"]["waiting"]:
        await asyncio.sleep(0)
    assert await text(calls, "sibling") == "well"
    for one in calling:
        one.cancel()
    await asyncio.wait(calling)
    assert calls.states()["recover"] == {"runs": "loop", "calls": {"cancelled": 12}, "waiting": 0}
    assert await text(calls, "recover", how="raise") == "without: it raised ValueError"


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda: 1, "<lambda>"),
        (Holder().method, "not Holder.method"),
        (Holder.method, "Holder.method"),
        (len, "not len"),
        (coroutine, "plain def"),
        (Counted, "not Counted"),
        (json.dumps, "the plugin's own package acme, and dumps is one of json"),
    ],
)
async def test_a_function_that_a_worker_could_not_find_is_refused_with_the_reason(function: Any, said: str) -> None:
    host = Host("test", {}, Boundary(), package="acme")
    with pytest.raises(TypeError, match=r"host\.run") as refused:
        await host.run(function)
    assert said in str(refused.value)


async def test_a_host_made_by_hand_runs_the_function_at_once_outside_of_calls() -> None:
    assert await HOST.run(count, "a b") == {"words": 2, "process": os.getpid()}
    assert await HOST.run(turn, b"ab") == b"ba"


GUEST = '''
    import os

    from sanctuary_host import Host, hookimpl, tool

    def process(data: bytes) -> list[int]:
        return [os.getpid(), *data]

    class Pack:
        def __init__(self, host: Host) -> None:
            self.host = host

        @tool()
        async def where(self) -> list[list[int]]:
            """Tell the processes."""
            return [[os.getpid()], await self.host.run(process, b"ab")]

        @tool()
        async def elsewhere(self) -> str:
            """Run what is not ours."""
            return await self.host.run(os.getcwd)

    @hookimpl
    def register_tools(host: Host):
        pack = Pack(host)
        return [pack.where, pack.elsewhere]

    @hookimpl
    async def check_ready(host: Host):
        try:
            await host.run(process, b"")
        except RuntimeError as error:
            return [str(error)]
        return []
'''


@pytest.mark.parametrize("trusted", [True, False])
async def test_a_pack_runs_its_functions_in_a_worker_and_a_guest_where_it_is(
    trusted: bool, distribution: Callable[..., Path]
) -> None:
    site = distribution("acme", "acme", {"tools": GUEST})
    trust = {"SANCTUARY_TRUST": "acme"} if trusted else {}
    async with serving("acme", PYTHONPATH=str(site), **trust) as served, Client(served.url) as client:
        reply = await client.call_tool("where", {})
        refused = await client.call_tool("elsewhere", {})
        async with aiohttp.ClientSession() as session, session.get(f"{served.origin}/ready") as response:
            reasons = (await response.json())["reasons"]
        host = served.process.pid
    assert reply.structured_content is not None, reply
    here, there = reply.structured_content["result"]
    assert there[1:] == [97, 98]
    assert (here == [host]) == trusted
    assert (there[0] == here[0]) == (not trusted)
    outside = "host.run works inside a call only; before and after, call the function itself"
    assert reasons == ([outside] if trusted else [])
    assert "it raised TypeError" in refused.content[0].text

"""Whatever a tool does, its call fails alone: the next call of the same tool works, and its siblings never notice."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import re
import signal
import socket
import sys
import threading
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sanctuary_host import ToolError, log, need_worker, progress, tool
from sanctuary_host.calls import Calls, UnknownError
from sanctuary_host.containment import wire
from sanctuary_host.containment.pool import Pool
from sanctuary_host.containment.zygote import Zygote
from sanctuary_host.jobs import work_of
from sanctuary_host.plugins import Cluster
from sanctuary_host.tools import describe


@tool(read_only=True)
def add(a: int, b: int = 0) -> int:
    """Add in a worker."""
    return a + b


@tool(read_only=True, runs="inline")
def add_inline(a: int, b: int = 0) -> int:
    """Add on the loop."""
    return a + b


@tool(runs="inline", timeout=1)
def add_where_it_fits(numbers: list[int]) -> list[int]:
    """Add on the loop, or in a worker where there are many; tell the sum and the process."""
    if len(numbers) > 3:
        try:
            need_worker()
        except Exception:  # noqa: BLE001  # as careless code does
            return []
    if not numbers:
        need_worker()
        while True:
            pass
    return [sum(numbers), os.getpid()]


@tool(timeout=1)
def fail(how: str) -> int:
    """Fail in a worker, in one of many ways."""
    if how == "loop":
        while True:
            pass
    if how == "regex":
        re.match(r"(a+)+$", "a" * 64 + "b")
    if how == "bignum":
        return (3 ** (5 * 10**7)) % 10
    if how == "segfault":
        ctypes.string_at(0)
    if how == "os._exit":
        os._exit(7)
    if how == "sys.exit":
        sys.exit(3)
    if how == "interrupt":
        raise KeyboardInterrupt
    if how == "stack":
        return fail(how)
    if how == "memory":
        return len(bytearray(10**10))
    if how == "kill itself":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "secret":
        raise ValueError("the password is hunter2")
    if how == "wrong type":
        return "five"  # type: ignore[return-value]  # the point of the case
    if how == "surrogate":
        return "\ud800"  # type: ignore[return-value]  # the point of the case
    if how == "thread":
        threading.Thread(target=threading.Event().wait, daemon=False).start()
        sys.exit(1)
    if how == "forged answer":
        frame = wire.pack({"number": 1, "outcome": ["ok", [[], None, False, None], "", ""]})
        for descriptor in range(3, 64):
            with contextlib.suppress(OSError):
                os.write(descriptor, frame)
        threading.Event().wait()
    if how == "stdout":
        print("HTTP/1.1 200 OK\r\n\r\n{}")
        raise RuntimeError
    raise AssertionError(how)


@tool(timeout=0.2)
async def fail_on_loop(how: str) -> int:
    """Fail on the host's loop, in one of several ways."""
    if how == "hang":
        await asyncio.Event().wait()
    if how == "exit":
        raise SystemExit
    if how == "interrupt":
        raise KeyboardInterrupt
    if how == "cancel itself":
        raise asyncio.CancelledError
    raise RuntimeError("the password is hunter2")


@tool()
def refuse(what: str) -> int:
    """Refuse with a sentence."""
    raise ToolError(f"there is no {what}; ask for something else")


@tool()
def talk(words: int) -> int:
    """Say a few words."""
    for word in range(words):
        progress(word + 1, words, f"word {word}")
    log("info", {"said": words})
    return words


@tool(read_only=True)
def environment() -> list[str]:
    """List the worker's environment."""
    return sorted(os.environ)


class Ear:
    def __init__(self) -> None:
        self.heard: list[Any] = []

    def progress(self, done: float, total: float | None, message: str | None) -> None:
        self.heard.append((done, total, message))

    def log(self, level: str, data: Any) -> None:
        self.heard.append((level, data))


@pytest.fixture
async def calls() -> AsyncGenerator[Calls]:
    cluster = Cluster("test")
    for function in (add, add_inline, add_where_it_fits, fail, fail_on_loop, refuse, talk, environment):
        described = describe(function)
        cluster.tools[described.name] = described
    async with Pool(Zygote.start(work_of(cluster))) as pool:
        yield Calls(cluster, pool)


WAYS = [
    ("loop", "did not answer within 1 s"),
    ("regex", "did not answer within 1 s"),
    ("bignum", "did not answer within 1 s"),
    ("segfault", "SIGSEGV"),
    ("os._exit", "exited with status 7"),
    ("sys.exit", "it raised SystemExit"),
    ("interrupt", "it raised KeyboardInterrupt"),
    ("stack", "RecursionError"),
    ("memory", "it raised MemoryError"),
    ("kill itself", "SIGKILL"),
    ("secret", "it raised ValueError"),
    ("wrong type", "returned str"),
    ("surrogate", "returned str"),
    ("thread", "it raised SystemExit"),
    ("stdout", "it raised RuntimeError"),
    ("forged answer", "what no worker says"),
]


@pytest.mark.parametrize(("how", "reason"), WAYS)
async def test_a_failing_tool_fails_its_call_alone(
    how: str, reason: str, calls: Calls, caplog: pytest.LogCaptureFixture
) -> None:
    async def siblings() -> list[Any]:
        return [(await calls.call_tool("add", {"a": number})).structured for number in range(20)]

    failed, answers = await asyncio.gather(calls.call_tool("fail", {"how": how}), siblings())
    assert failed.is_error
    assert failed.structured is None
    told = json.loads(failed.content[0]["text"])
    assert told.keys() == {"error", "tool", "status"}
    assert (told["tool"], told["status"]) == ("fail", "tool_failure")
    assert reason in told["error"]
    assert "hunter2" not in told["error"]
    assert "Traceback" not in told["error"]
    assert answers == [{"result": number} for number in range(20)]
    assert (await calls.call_tool("add", {"a": 1, "b": 1})).structured == {"result": 2}
    assert any(record.getMessage().startswith("Tool fail failed: ") for record in caplog.records)


async def test_an_inline_call_that_is_more_than_small_is_run_by_a_worker(calls: Calls) -> None:
    async def where(*numbers: int) -> tuple[int, int]:
        reply = await calls.call_tool("add_where_it_fits", {"numbers": numbers})
        assert not reply.is_error
        total, process = reply.structured["result"]
        return total, process

    assert await where(1, 2) == (3, os.getpid())
    total, process = await where(1, 2, 3, 4)
    assert total == 10
    assert process != os.getpid()
    failed = await calls.call_tool("add_where_it_fits", {"numbers": []})
    assert "did not answer within 1 s" in failed.content[0]["text"]
    assert await where(5) == (5, os.getpid())


@pytest.mark.parametrize("how", ["hang", "exit", "interrupt", "cancel itself", "raise"])
async def test_a_coroutine_that_fails_on_the_loop_leaves_the_loop_running(how: str, calls: Calls) -> None:
    failed = await calls.call_tool("fail_on_loop", {"how": how})
    assert json.loads(failed.content[0]["text"])["status"] == "tool_failure"
    assert "hunter2" not in failed.content[0]["text"]
    assert (await calls.call_tool("add_inline", {"a": 1})).structured == {"result": 1}


async def test_a_tool_error_reaches_the_caller_as_it_stands(calls: Calls) -> None:
    reply = await calls.call_tool("refuse", {"what": "moon"})
    assert reply.is_error
    assert reply.content[0]["text"] == "there is no moon; ask for something else"


@pytest.mark.parametrize("name", ["add", "add_inline"])
async def test_wrong_arguments_are_a_tool_error_with_a_sentence(name: str, calls: Calls) -> None:
    reply = await calls.call_tool(name, {"a": "correct horse"})
    assert reply.is_error
    assert reply.content[0]["text"] == "argument 'a' must be a valid integer"


async def test_an_unknown_tool_is_said_to_be_unknown(calls: Calls) -> None:
    with pytest.raises(UnknownError, match="there is no tool ad here"):
        await calls.call_tool("ad", {})


async def test_a_call_that_is_given_up_ends_its_worker_and_frees_its_place(calls: Calls) -> None:
    calling = [asyncio.ensure_future(calls.call_tool("fail", {"how": "loop"})) for _ in range(12)]
    await asyncio.sleep(0)
    for call in calling:
        call.cancel()
    assert all(
        isinstance(end, asyncio.CancelledError) for end in await asyncio.gather(*calling, return_exceptions=True)
    )
    assert (await calls.call_tool("add", {"a": 5})).structured == {"result": 5}
    assert calls.states()["fail"]["calls"] == {"cancelled": 12}


async def test_many_calls_at_once_each_get_their_own_answer(calls: Calls) -> None:
    replies = await asyncio.gather(*(calls.call_tool("add", {"a": number}) for number in range(250)))
    assert [reply.structured for reply in replies] == [{"result": number} for number in range(250)]


async def test_progress_and_logs_pass_through_in_order_before_the_answer(calls: Calls) -> None:
    ear = Ear()
    await calls.call_tool("talk", {"words": 3}, voice=ear)
    assert ear.heard == [(1, 3, "word 0"), (2, 3, "word 1"), (3, 3, "word 2"), ("info", {"said": 3})]


async def test_a_worker_sees_nothing_of_the_hosts_environment(calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANCTUARY_TOKEN", "secret")
    reply = await calls.call_tool("environment", {})
    assert reply.structured is not None
    assert set(reply.structured["result"]) <= {"HOME", "LANG", "LC_ALL", "LC_CTYPE", "PATH", "TMPDIR", "TZ"}


async def test_no_process_is_left_when_the_pool_ends() -> None:
    cluster = Cluster("test")
    described = describe(add)
    cluster.tools["add"] = described
    zygote = Zygote.start(work_of(cluster))
    async with Pool(zygote) as pool:
        calls = Calls(cluster, pool)
        await asyncio.gather(*(calls.call_tool("add", {"a": number}) for number in range(8)))
    with pytest.raises(ProcessLookupError):
        os.kill(zygote.pid, 0)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
)


@given(st.lists(JSON, max_size=5), st.lists(st.integers(1, 50), min_size=1, max_size=20))
def test_frames_survive_any_cutting_of_the_stream(messages: list[Any], cuts: list[int]) -> None:
    stream = b"".join(wire.pack(message) for message in messages)
    unpacker = wire.Unpacker()
    received: list[Any] = []
    position = 0
    for cut in [*cuts, len(stream)]:
        received += unpacker.feed(stream[position : position + cut])
        position += cut
    assert received == messages


@given(st.binary(max_size=200))
def test_a_stream_of_garbage_is_refused_and_not_waited_for_forever(garbage: bytes) -> None:
    unpacker = wire.Unpacker()
    length = (wire.LIMIT + 1).to_bytes(4, "big")
    with pytest.raises(wire.FrameError):
        list(unpacker.feed(length + garbage))


def test_a_frame_over_the_limit_is_not_sent() -> None:
    with pytest.raises(wire.FrameError, match="over the limit"):
        wire.pack("x" * (wire.LIMIT + 1))


def test_a_closed_connection_is_the_end_of_the_messages() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(wire.pack({"a": 1}) + b"\x00\x00")
        theirs.shutdown(socket.SHUT_WR)
        assert wire.receive(ours) == {"a": 1}
        assert wire.receive(ours) is None

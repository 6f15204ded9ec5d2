"""What a tool leaves behind, kills or forges harms no later call: workers are replaced, and so is the fork server."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import pytest

from sanctuary_host import ToolError, progress, tool
from sanctuary_host.calls import Calls
from sanctuary_host.containment import wire
from sanctuary_host.containment.pool import SIZE, Pool
from sanctuary_host.containment.zygote import Zygote
from sanctuary_host.jobs import work_of
from sanctuary_host.plugins import Cluster
from sanctuary_host.tools import describe

linux = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's means for this are Linux' own")


@tool(read_only=True)
def where() -> str:
    """Tell the process and where it is."""
    print("a word")
    return f"{os.getpid()} {os.getcwd()}"  # noqa: PTH109  # a string is all that is compared


@tool(timeout=10)
def change(what: str) -> int:
    """Change something of the process, and tell its id."""
    if what == "descriptors":
        os.closerange(0, 3)
    if what == "folder":
        os.chdir("/")
    if what == "recursion":
        sys.setrecursionlimit(100)
    if what == "umask":
        os.umask(0o777)
    if what == "thread":
        threading.Thread(target=threading.Event().wait, daemon=True).start()
    if what == "alarm":
        signal.alarm(1)
    if what == "handler":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if what == "leak":
        for _ in range(100):
            os.dup(2)
    if what == "environment":
        os.environ["PATH"] = "/nowhere"
    if what == "child" and os.fork() == 0:
        time.sleep(60)
    return os.getpid()


@tool(timeout=10)
def daemonise() -> list[int]:
    """Start a process in a session of its own that outlives its parent, and tell both ids."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.write(writer, str(os.getpid()).encode())
            time.sleep(60)
        os._exit(0)
    return [os.getpid(), int(os.read(reader, 20))]


@tool(timeout=10)
def kill_parent() -> None:
    """Kill the fork server."""
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(60)


@tool(timeout=0.5)
def hang() -> None:
    """Never answer."""
    threading.Event().wait()


class NoTextError(ToolError):
    def __str__(self) -> str:
        raise RuntimeError


@tool()
def raise_odd(how: str) -> None:
    """Raise what is hard to report."""
    if how == "no text":
        raise NoTextError
    if how == "long":
        raise ValueError("x" * 10_000_000)
    raise type("Odd\nTool where ok\x1b[31m", (Exception,), {})


@tool()
def say(times: int) -> int:
    """Report progress again and again."""
    for step in range(times):
        progress(step)
    return times


def own_code() -> dict[str, Any]:
    """The variables of the worker's own loop, as hostile code would find them."""
    frame: Any = inspect.currentframe()
    while "asked" not in frame.f_locals:
        frame = frame.f_back
    return dict(frame.f_locals)


@tool()
def forge(outcome: Any) -> None:
    """Answer in place of the worker's own code."""
    worker = own_code()
    worker["connection"].sendall(wire.pack({"number": worker["asked"][0], "outcome": outcome}))
    time.sleep(60)


@tool()
def feign(how: str, count: str) -> None:
    """Say too early or never that this call left nothing behind."""
    note(count)
    worker = own_code()
    number, connection = worker["asked"][0], worker["connection"]
    if how == "too early":
        connection.sendall(wire.pack({"number": number, "fit": True}))
        time.sleep(60)
    connection.sendall(wire.pack({"number": number, "outcome": ["ok", [[], None, False, None], "", ""]}))
    if how == "twice":
        connection.sendall(wire.pack({"number": number, "fit": True}) * 2)
    if how == "of another":
        connection.sendall(wire.pack({"number": number - 1, "fit": True}))
    if how == "and end":
        os._exit(1)
    time.sleep(60)


@tool()
def note(count: str) -> None:
    """Count a call in a file."""
    with Path(count).open("a", encoding="ascii") as file:
        file.write("x")


@tool()
def large(parts: int, size: int) -> list[Any]:
    """Return much."""
    return [*([] for _ in range(parts)), "x" * size]


TOOLS = (where, change, daemonise, kill_parent, hang, raise_odd, say, forge, feign, note, large)


@pytest.fixture
def zygote() -> Zygote:
    return Zygote.start(work_of(_cluster()))


@pytest.fixture
async def pool(zygote: Zygote) -> AsyncGenerator[Pool]:
    async with Pool(zygote) as pool:
        yield pool


@pytest.fixture
def calls(pool: Pool) -> Calls:
    return Calls(_cluster(), pool)


def _cluster() -> Cluster:
    cluster = Cluster("test")
    for function in TOOLS:
        described = describe(function)
        cluster.tools[described.name] = described
    return cluster


async def text(calls: Calls, name: str, **arguments: Any) -> str:
    reply = await calls.call_tool(name, arguments)
    return str(reply.content[0]["text"])


async def test_calls_one_after_the_other_share_a_worker(calls: Calls) -> None:
    assert await text(calls, "where") == await text(calls, "where")
    assert await text(calls, "change", what="nothing") == f"result: {(await text(calls, 'where')).split()[0]}"


@pytest.mark.parametrize(
    "what",
    [
        *("descriptors", "folder", "recursion", "umask", "thread", "alarm", "handler", "leak", "environment"),
        pytest.param("child", marks=linux),
    ],
)
async def test_a_worker_that_a_call_changed_runs_no_other_call(what: str, calls: Calls) -> None:
    before = await text(calls, "where")
    changed = await text(calls, "change", what=what)
    assert changed == f"result: {before.split()[0]}"
    after = await text(calls, "where")
    assert after.split()[0] != before.split()[0]
    assert after.split()[1] == before.split()[1]


@linux
async def test_a_daemon_does_not_outlive_the_worker_that_started_it(calls: Calls) -> None:
    reply = await calls.call_tool("daemonise", {})
    assert reply.structured is not None
    for pid in reply.structured["result"]:
        await _gone(pid)


async def test_a_fork_server_that_was_killed_is_started_anew(calls: Calls) -> None:
    failed = json.loads(await text(calls, "kill_parent"))
    assert failed["status"] == "tool_failure"
    assert await text(calls, "where")
    assert await calls.unready() == []


async def test_a_fork_server_that_was_stopped_is_replaced(pool: Pool, calls: Calls, monkeypatch: Any) -> None:
    monkeypatch.setattr("sanctuary_host.containment.connection.OVERDUE", 0.2)
    worker = int((await text(calls, "where")).split()[0])
    with open(f"/proc/{worker}/stat", encoding="ascii") as file:  # noqa: PTH123  # /proc never waits
        server = int(file.read().rpartition(")")[2].split()[1])
    os.kill(server, signal.SIGSTOP)
    os.kill(worker, signal.SIGKILL)
    assert await text(calls, "where")
    assert pool.fault == ""


async def test_without_a_fork_server_readiness_and_calls_say_so(zygote: Zygote, pool: Pool, calls: Calls) -> None:
    os.kill(zygote.pid, signal.SIGKILL)
    while not pool.fault:
        await asyncio.sleep(0.001)
    assert await calls.unready() == [pool.fault]
    assert "restart this server" in await text(calls, "where")


async def test_calls_that_hang_leave_workers_for_other_tools(calls: Calls) -> None:
    hanging = [asyncio.ensure_future(calls.call_tool("hang", {})) for _ in range(4 * SIZE)]
    await asyncio.sleep(0)
    assert len({await text(calls, "where") for _ in range(3)}) == 1
    assert not any(one.done() for one in hanging)
    for one in hanging:
        one.cancel()
    await asyncio.wait(hanging)
    assert calls.states()["hang"]["calls"] == {"cancelled": 4 * SIZE}


async def test_code_of_two_distributions_never_shares_a_worker(pool: Pool) -> None:
    request: dict[str, Any] = {"kind": "tool", "name": "where", "arguments": {}, "memory": 64}
    first = await pool.call(request, room="one")
    assert await pool.call(request, room="one") == first
    assert await pool.call(request, room="two") != first


@pytest.mark.parametrize(("how", "name"), [("no text", "NoTextError"), ("long", "ValueError"), ("name", "Odd")])
async def test_an_exception_that_is_hard_to_report_is_reported(
    how: str, name: str, calls: Calls, caplog: pytest.LogCaptureFixture
) -> None:
    told = json.loads(await text(calls, "raise_odd", how=how))["error"]
    assert f"raise_odd failed: it raised {name}" in told
    assert told.isprintable()
    assert all(len(str(record.__dict__)) < 20_000 for record in caplog.records)


FORGED: list[Any] = [
    None,
    "abcd",
    ["pwned", 1, "", ""],
    [["ok"], [[], None, False, None], "", ""],
    ["timeout", None, "", ""],
    ["ok", [[5], None, False, None], "", ""],
    ["ok", [[], None, 1, None], "", ""],
    ["ok", None, "", ""],
    ["error", ["code", "message", None], "", ""],
    ["failure", None, {}, ""],
]


@pytest.mark.parametrize("outcome", FORGED)
async def test_a_forged_outcome_ends_its_worker_and_nothing_else(outcome: Any, calls: Calls) -> None:
    before = await text(calls, "where")
    assert "nonsense" in json.loads(await text(calls, "forge", outcome=outcome))["error"]
    assert await text(calls, "where") != before
    assert calls.states()["forge"]["calls"] == {"crash": 1}


@pytest.mark.parametrize("how", ["too early", "twice", "of another", "and end", "never"])
async def test_a_worker_that_lies_about_what_a_call_left_behind_harms_no_later_one(
    how: str, tmp_path: Path, calls: Calls
) -> None:
    before = await text(calls, "where")
    reply = await calls.call_tool("feign", {"how": how, "count": str(tmp_path / "feigned")})
    assert reply.is_error == (how == "too early")
    assert await text(calls, "where") != before
    assert not (await calls.call_tool("note", {"count": str(tmp_path / "noted")})).is_error
    assert (tmp_path / "feigned").read_text() + (tmp_path / "noted").read_text() == "xx"


async def test_calls_that_meet_a_worn_worker_are_run_by_another_one_and_once(tmp_path: Path, calls: Calls) -> None:
    for _ in range(20):
        await calls.call_tool("change", {"what": "umask"})
        assert not (await calls.call_tool("note", {"count": str(tmp_path / "count")})).is_error
    assert (tmp_path / "count").read_text() == "x" * 20


async def test_what_a_worker_says_without_end_reaches_the_host_piece_by_piece(calls: Calls) -> None:
    heard: list[float] = []

    class Ear:
        def progress(self, done: float, total: float | None, message: str | None) -> None:
            heard.append(done)

        def log(self, level: Any, data: Any) -> None:
            """Nothing is logged."""

    calling = asyncio.ensure_future(calls.call_tool("say", {"times": 5000}, voice=Ear()))
    turns = 0
    while not calling.done():
        turns += 1
        before = len(heard)
        await asyncio.sleep(0)
        assert len(heard) - before < 500
    assert heard == list(range(5000))
    assert turns > 10


@pytest.mark.parametrize(("parts", "size"), [(wire.PARTS + 1, 0), (0, wire.LIMIT + 1)])
async def test_a_result_that_would_hold_up_the_host_is_not_sent(parts: int, size: int, calls: Calls) -> None:
    before = await text(calls, "where")
    assert "over the limit" in json.loads(await text(calls, "large", parts=parts, size=size))["error"]
    assert (await text(calls, "where")).split()[1] == before.split()[1]


def test_a_frame_of_too_many_parts_is_not_read() -> None:
    body = b"[" + b"[]," * wire.PARTS + b"[]]"
    with pytest.raises(wire.FrameError, match="arrays and objects"):
        list(wire.Unpacker().feed(wire.HEADER.pack(len(body)) + body))


async def _gone(pid: int) -> None:
    async with asyncio.timeout(5):
        with contextlib.suppress(ProcessLookupError):
            while True:
                os.kill(pid, 0)
                await asyncio.sleep(0.005)


async def test_no_tool_writes_into_the_hosts_log_but_what_it_prints_is_in_there(
    distribution: Callable[..., Path], tmp_path: Path
) -> None:
    source = """
    import os
    from sanctuary_host import hookimpl, tool

    @tool()
    def speak() -> None:
        \"\"\"Try to forge a record, and to empty the log.\"\"\"
        os.write(2, b'{"level":"info","event":"audit_head","message":"forged"}\\n')
        print("good", "evening")
        for descriptor in (1, 2):
            try:
                os.ftruncate(descriptor, 0)
            except OSError:
                pass

    @hookimpl
    def register_tools():
        return [speak]
    """
    log = tmp_path / "log"
    request = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "speak", "arguments": {}}}
    hello = {
        "jsonrpc": "2.0",
        "id": 0,
        "method": "initialize",
        "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
    }
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "sanctuary_host"),
            env={**os.environ, "CLUSTER": "acme", "PYTHONPATH": str(distribution("acme", "acme", {"one": source}))},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
        )
        out, _ = await process.communicate(f"{json.dumps(hello)}\n{json.dumps(request)}\n".encode())
    assert b'"isError":true' not in out.replace(b" ", b"")
    records = [json.loads(line) for line in log.read_text().splitlines()]
    assert [record for record in records if record.get("event") == "audit_head"] == []
    printed = "".join(record["message"] for record in records if record.get("event") == "printed")
    assert "good evening" in printed
    assert "forged" in printed
    assert records[0]["event"] != "printed"  # what stood there before still does

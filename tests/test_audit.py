"""The audit trail: each call leaves its record or is not run, and no edit of what was recorded goes unseen."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mcp import Client

from sanctuary_host.boundary import Boundary
from sanctuary_host.calls import Calls
from sanctuary_host.commands.audit import verify_files
from sanctuary_host.observe.audit import Trail, UnrecordedError
from sanctuary_host.observe.chain import LINE_LIMIT, START, Head, forge
from sanctuary_host.observe.verdict import verify
from sanctuary_host.plugins import Cluster
from sanctuary_host.testing import NotServingError, Served, serving

CANARY = "canary-7f3a9c"
STREAMS = {"Accept": "application/json, text/event-stream"}
PACK = """
import asyncio, os, threading
from pathlib import Path
from typing import Annotated, Literal
from pydantic import SecretStr
from sanctuary_host import Boundary, Mount, Recorded, Text, hookimpl, tool
from sanctuary_host.resources import resource

@tool(read_only=True, runs="inline")
def read_file(path: Annotated[str, Recorded()], lines: int = 5) -> str:
    '''Read a file.'''
    return "canary-7f3a9c"

@tool()
def write_file(path: Annotated[str, Recorded()], content: str, mode: Literal["new", "over"] = "new") -> str:
    '''Write a file.'''
    return content

@tool()
def delete_files(paths: list[Annotated[str, Recorded()]]) -> int:
    '''Delete files.'''
    return len(paths)

@tool(open_world=True)
async def push(url: Annotated[str, Recorded("url")], password: SecretStr) -> None:
    '''Push somewhere.'''

@tool(timeout=60)
def hold(path: Annotated[str, Recorded()]) -> None:
    '''Take long.'''
    Path(path).touch()
    threading.Event().wait()

@tool(read_only=True)
def open_files() -> list[int]:
    '''List what the process has open, by inode.'''
    found = []
    for one in range(256):
        try:
            found.append(os.fstat(one).st_ino)
        except OSError:
            pass
    return found

@resource("note://{name}")
def note(name: Annotated[str, Recorded()]) -> str:
    '''A note.'''
    return "canary-7f3a9c"

@hookimpl
def register_tools():
    return [read_file, write_file, delete_files, push, hold, open_files]

@hookimpl
def register_resources():
    return [note]

@hookimpl
def declare_boundary():
    return Boundary(mounts=(Mount("VAULT_ROOT", "rw"),), audit=True)
"""


@pytest.fixture
def vault(distribution: Callable[..., Path], tmp_path: Path) -> Callable[..., Any]:
    """Serve a cluster that declares an audit trail, which is `tmp_path/audit/vault.jsonl`."""
    site = distribution("acme", "vault", {"tools": PACK})

    def serve(**environment: str) -> Any:
        place = {"SANCTUARY_AUDIT": str(tmp_path / "audit" / "vault.jsonl")}
        return serving("vault", PYTHONPATH=str(site), SANCTUARY_TRUST="acme", **{**place, **environment})

    return serve


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "audit" / "vault.jsonl"


def records(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_bytes().splitlines()]


def ended(file: Path) -> list[dict[str, Any]]:
    return [record for record in records(file) if record["event"] == "call"]


async def failure(client: Client, name: str, **arguments: Any) -> str:
    """What a call is refused with."""
    reply = await client.call_tool(name, arguments)
    assert reply.is_error
    told = json.loads(reply.content[0].text)
    assert told["status"] == "tool_failure"
    return str(told["error"])


async def get(served: Served, path: str) -> Any:
    async with aiohttp.ClientSession() as session, session.get(served.origin + path) as response:
        return await response.json()


# What is recorded


async def test_each_call_leaves_its_record_and_no_content_or_secret_does(vault: Any, file: Path) -> None:
    async with vault() as served:
        async with Client(served.url) as client:
            await client.call_tool("read_file", {"path": "/srv/a.txt", "lines": 3})
            await client.call_tool("write_file", {"path": "b\n.txt", "content": CANARY, "mode": "over"})
            await client.call_tool(
                "push", {"url": f"https://me:{CANARY}@example.org/x?token={CANARY}", "password": CANARY}
            )
            await client.call_tool("write_file", {"path": [CANARY], CANARY: 1})
            with pytest.raises(Exception, match="there is no tool"):
                await client.call_tool("delete_all", {CANARY: CANARY})
            await client.read_resource("note://today")
        calls = {record["call"]: record for record in served.log if record.get("event") == "call"}
    read, write, push, invalid, unknown, note = ended(file)
    assert (read["tool"], read["outcome"]) == ("read_file", "ok")
    assert read["arguments"] == {"path": "/srv/a.txt", "lines": 3}
    assert read["bytes"] > 0
    assert read["ms"] == pytest.approx(calls[read["call"]]["ms"])
    assert "session" not in read  # the newest protocol version has none
    assert read["client"].startswith("mcp")
    assert write["arguments"] == {"path": "b\n.txt", "content": {"chars": len(CANARY)}, "mode": "over"}
    assert push["arguments"] == {"url": "https://example.org/x", "password": {"secret": True}}
    assert (invalid["outcome"], invalid["arguments"]) == ("invalid", {"path": {"items": 1}, "(unknown)": 1})
    assert (unknown["outcome"], unknown["tool"], unknown["arguments"]) == ("unknown", "delete_all", {"keys": 1})
    assert (note["resource"], note["arguments"]) == ("note://{name}", {"name": "today"})
    begun = [record for record in records(file) if record["event"] == "begin"]
    assert [record["call"] for record in begun] == [write["call"], push["call"], invalid["call"]]
    assert CANARY.encode() not in file.read_bytes()
    assert file.stat().st_mode & 0o777 == 0o600
    assert verify(file).findings == []


async def test_the_id_of_a_session_is_recorded_as_its_hash_only(vault: Any, file: Path) -> None:
    async with vault() as served, aiohttp.ClientSession(headers={"Accept": "application/json"}) as http:
        hello = {"protocolVersion": "2025-11-25", "capabilities": {}}
        hello["clientInfo"] = {"name": "odd\x1b[31m\n" + "x" * 200, "version": "1"}
        message = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}
        async with http.post(served.url, json=message) as response:
            session = response.headers["Mcp-Session-Id"]
        headers = {"Mcp-Session-Id": session, "X-Correlation-ID": "order-1"}
        params = {"name": "read_file", "arguments": {"path": "a"}}
        message = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params}
        async with http.post(served.url, json=message, headers=headers) as response:
            assert response.status == 200
    (call,) = ended(file)
    assert session not in file.read_text()
    assert len(call["session"]) == 16
    assert call["correlation"] == "order-1"
    assert call["client"].isprintable()
    assert len(call["client"]) < 100


async def test_a_stateless_caller_has_no_session_and_one_over_stdio_has_that_name(
    vault: Any, file: Path, distribution: Any, run: Any, tmp_path: Path
) -> None:
    async with vault(SANCTUARY_STATELESS="1") as served, Client(served.url) as client:
        await client.call_tool("read_file", {"path": "a"})
    assert "session" not in ended(file)[0]
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "probe", "version": "3"}}
    lines = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {
            "jsonrpc": "2.0",
            "id": 2,
            "method": "tools/call",
            "params": {"name": "read_file", "arguments": {"path": "b"}},
        },
    ]
    spoken = "".join(f"{json.dumps(line)}\n" for line in lines)
    site = str(tmp_path / "site")
    ran = await run(CLUSTER="vault", PYTHONPATH=site, SANCTUARY_TRUST="acme", SANCTUARY_AUDIT=str(file), stdin=spoken)
    assert ran.status == 0
    call = ended(file)[1]
    assert (call["session"], call["client"], call["arguments"]) == ("stdio", "probe/3", {"path": "b"})
    assert verify(file).whole


async def test_workers_have_neither_the_trail_nor_its_head_open(vault: Any, file: Path) -> None:
    async with vault() as served, Client(served.url) as client:
        reply = await client.call_tool("open_files", {})
        assert reply.structured_content["result"]
        for trail in (file, file.with_name("vault.jsonl.head")):
            assert trail.stat().st_ino not in reply.structured_content["result"]
    assert ended(file)[0]["outcome"] == "ok"


async def test_a_call_whose_arguments_no_record_holds_is_refused_and_that_is_recorded(vault: Any, file: Path) -> None:
    # What would be cut out of the record is what somebody would hide.
    async with vault() as served, Client(served.url) as client:
        assert not (await client.call_tool("delete_files", {"paths": [f"/srv/{n}" for n in range(1_000)]})).is_error
        for paths in ([f"/srv/{n}" for n in range(9_000)], ["a"] * 300_000):
            assert "too many for a record" in await failure(client, "delete_files", paths=paths)
        # A path has 4,096 characters at most; what is longer leads nowhere.
        await client.call_tool("read_file", {"path": "/x" * 5_000})
    whole, many, more, long = ended(file)
    assert whole["arguments"]["paths"][-1] == "/srv/999"
    for refused in (many, more):
        assert (refused["outcome"], refused["arguments"]) == ("unrecorded", {"keys": 1})
    assert long["arguments"]["path"] == {"chars": 10_000, "start": "/x" * 2_048}
    assert [record["event"] for record in records(file)].count("begin") == 1
    assert verify(file).whole


async def test_a_cluster_that_declares_no_trail_writes_none(run: Any, tmp_path: Path) -> None:
    ran = await run("call", "time_now", CLUSTER="utils", SANCTUARY_AUDIT=str(tmp_path / "audit.jsonl"))
    assert ran.status == 0
    assert list(tmp_path.iterdir()) == []


def test_calls_of_a_cluster_that_declares_a_trail_are_not_made_without_one() -> None:
    with pytest.raises(ValueError, match="declares an audit trail"):
        Calls(Cluster("vault", Boundary(audit=True)))


# Where nothing can be recorded, nothing is run


@contextlib.contextmanager
def small_disk(tmp_path: Path) -> Generator[Path]:
    """A file system of 64 KiB, where this user may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], check=False, capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("this user may mount nothing")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="needs root, to mount a small disk")
async def test_on_a_full_disk_tools_refuse_and_go_on_when_there_is_room_again(vault: Any, tmp_path: Path) -> None:
    with small_disk(tmp_path) as disk:
        file = disk / "vault.jsonl"
        async with vault(SANCTUARY_AUDIT=str(file)) as served, Client(served.url) as client:
            assert not (await client.call_tool("write_file", {"path": "a", "content": ""})).is_error
            filler = disk / "filler"
            with filler.open("wb", buffering=0) as full, contextlib.suppress(OSError):
                while full.write(b"x" * 512):
                    pass
            outcomes = [
                (await client.call_tool("write_file", {"path": "b" * 600, "content": ""})).is_error for _ in "1234567"
            ]
            assert outcomes[-1]
            told = await failure(client, "read_file", path="c" * 3000)
            assert told.startswith(
                "read_file refuses: the audit trail cannot be written (No space left on device); free"
            )
            ready = await get(served, "/ready")
            assert ready["status"] == "not ready"
            assert "No space left on device" in ready["reasons"][0]
            assert (await get(served, "/health"))["audit"]["fault"] == ready["reasons"][0]
            whole = verify(file)
            assert whole.findings == []
            filler.unlink()
            assert not (await client.call_tool("write_file", {"path": "d", "content": ""})).is_error
            assert (await get(served, "/ready"))["status"] == "ready"
            assert "audit_failed" in [record.get("event") for record in served.log]
        assert "resumed" in [record["event"] for record in records(file)]
        assert verify(file).findings == []


async def test_a_record_cut_by_a_limit_leaves_no_trace_and_all_goes_on_when_it_is_lifted(
    vault: Any, file: Path
) -> None:
    async with vault() as served, Client(served.url) as client:
        await client.call_tool("read_file", {"path": "a"})
        _, hard = resource.prlimit(served.process.pid, resource.RLIMIT_FSIZE)
        size = file.stat().st_size
        resource.prlimit(served.process.pid, resource.RLIMIT_FSIZE, (size + 100, hard))
        told = await failure(client, "write_file", path="b", content="")
        assert "(File too large)" in told
        assert file.stat().st_size == size
        assert "(File too large)" in await failure(client, "read_file", path="b")
        # Its beginning has room, its end has none: it was run, which the record of its beginning says.
        resource.prlimit(served.process.pid, resource.RLIMIT_FSIZE, (size + 1_000, hard))
        assert "it was run, but its result is withheld" in await failure(client, "write_file", path="c", content="")
        resource.prlimit(served.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
        assert not (await client.call_tool("read_file", {"path": "d"})).is_error
    events = [record["event"] for record in records(file)]
    assert events == ["opened", "call", "resumed", "begin", "resumed", "call"]
    assert verify(file).findings == []
    assert verify(file).unfinished == 1


@pytest.mark.parametrize("how", ["deleted", "moved", "replaced", "cut", "appended", "head deleted"])
async def test_a_trail_that_others_touch_while_it_is_written_stops_all_calls_until_a_restart(
    how: str, vault: Any, file: Path
) -> None:
    head = file.with_name("vault.jsonl.head")
    async with vault() as served, Client(served.url) as client:
        await client.call_tool("read_file", {"path": "a"})
        match how:
            case "deleted":
                file.unlink()
            case "moved":
                file.rename(file.with_name("elsewhere"))
            case "replaced":
                copy = file.with_name("copy")
                copy.write_bytes(file.read_bytes())
                copy.rename(file)
            case "cut":
                os.truncate(file, 100)
            case "appended":
                with file.open("ab") as other:
                    other.write(b"{}\n")
            case _:
                head.unlink()
        for _ in range(2):
            told = await failure(client, "write_file", path="b", content="")
            assert "the audit trail cannot be written" in told
            assert "restart" in told
        assert (await get(served, "/ready"))["reasons"]
    async with vault() as served, Client(served.url) as client:
        assert not (await client.call_tool("write_file", {"path": "b", "content": ""})).is_error
        logged = [record.get("event") for record in served.log]
    trail(file).close()
    verdict = verify(file)
    if how == "replaced":  # by a copy to the last byte, which harms nothing
        assert verdict.findings == []
    else:
        assert "audit_gap" in logged
        assert any("the host found that" in finding for finding in verdict.findings)


async def test_a_second_process_refuses_until_the_first_has_ended(vault: Any, file: Path) -> None:
    async with contextlib.AsyncExitStack() as stack:
        async with vault() as first:
            second = await stack.enter_async_context(vault())
            client = await stack.enter_async_context(Client(second.url))
            assert "another process writes it" in await failure(client, "write_file", path="a", content="")
            async with Client(first.url) as other:
                assert not (await other.call_tool("write_file", {"path": "a", "content": ""})).is_error
        assert not (await client.call_tool("write_file", {"path": "b", "content": ""})).is_error
    assert verify(file).findings == []


async def test_processes_without_a_setting_have_a_trail_each(vault: Any, tmp_path: Path) -> None:
    state = {"SANCTUARY_AUDIT": "", "XDG_STATE_HOME": str(tmp_path / "state")}
    async with vault(**state) as first, vault(**state) as second:
        for served in (first, second):
            async with Client(served.url) as client:
                assert not (await client.call_tool("read_file", {"path": "a"})).is_error
    folder = tmp_path / "state" / "sanctuary-host" / "audit"
    assert sorted(path.name for path in folder.glob("*.jsonl")) == ["vault-2.jsonl", "vault.jsonl"]
    assert all(len(ended(path)) == 1 and verify(path).whole for path in folder.glob("*.jsonl"))


@pytest.mark.parametrize("what", ["a folder", "a pipe", "a link", "in a file", "read-only"])
async def test_a_file_that_cannot_be_opened_lets_the_cluster_serve_but_no_tool_run(
    what: str, vault: Any, file: Path
) -> None:
    file.parent.mkdir()
    match what:
        case "a folder":
            file.mkdir()
        case "a pipe":
            os.mkfifo(file)
        case "a link":
            file.symlink_to(file.with_name("target"))
        case "in a file":
            file.parent.rmdir()
            file.parent.write_text("")
        case _:
            if os.geteuid() == 0:
                pytest.skip("root may write every file")
            file.touch(0o400)
    async with vault() as served, Client(served.url) as client:
        assert (await client.list_tools()).tools
        assert "the audit trail cannot be written" in await failure(client, "read_file", path="a")
        assert "the audit trail cannot be written" in (await get(served, "/ready"))["reasons"][0]


async def test_a_container_without_a_place_for_it_says_what_to_set(vault: Any, tmp_path: Path) -> None:
    async with vault(SANCTUARY_AUDIT="", SANCTUARY_CONTAINER="1", SANCTUARY_ALLOW_ANONYMOUS="1") as served:
        reasons = (await get(served, "/ready"))["reasons"]
    assert "set SANCTUARY_AUDIT to a file where no tool may write" in reasons[0]


@pytest.mark.parametrize(
    "path", ["{0}/a.jsonl", "{0}/deep/a.jsonl", "{0}/../granted/a.jsonl", "{0}-link/a.jsonl", "relative"]
)
async def test_a_trail_that_the_clusters_own_tools_could_write_is_refused_at_start(
    path: str, vault: Any, tmp_path: Path
) -> None:
    root = tmp_path / "granted"
    root.mkdir()
    (tmp_path / "granted-link").symlink_to(root)
    with pytest.raises(NotServingError, match="SANCTUARY_AUDIT"):
        async with vault(SANCTUARY_AUDIT=path.format(root), VAULT_ROOT=f"{root}:rw"):
            pass


async def test_the_default_place_avoids_folders_that_the_clusters_own_tools_may_write(
    vault: Any, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    async with vault(
        SANCTUARY_AUDIT="", SANCTUARY_DATA=str(root), VAULT_ROOT=f"{root}:rw", XDG_STATE_HOME=str(tmp_path)
    ):
        assert (tmp_path / "sanctuary-host" / "audit" / "vault.jsonl").exists()
        assert list(root.iterdir()) == []


# Crashes and restarts


async def test_a_host_killed_in_the_middle_of_calls_has_recorded_their_beginnings(
    vault: Any, file: Path, tmp_path: Path
) -> None:
    (tmp_path / "marks").mkdir()
    for round_ in range(3):
        marks = [tmp_path / "marks" / f"{round_}-{number}" for number in range(3)]
        async with vault(VAULT_ROOT=f"{marks[0].parent}:rw") as served:
            async with aiohttp.ClientSession(headers=STREAMS) as http:
                calls = [asyncio.create_task(_modern_call(http, served, "hold", path=str(mark))) for mark in marks]
                async with asyncio.timeout(20):
                    while not all(mark.exists() for mark in marks):
                        await asyncio.sleep(0.01)
                served.process.send_signal(signal.SIGKILL)
                await asyncio.gather(*calls, return_exceptions=True)
            await served.process.wait()
    verdict = verify(file)
    assert verdict.findings == []
    assert verdict.unfinished == 9
    begun = [record["arguments"]["path"] for record in records(file) if record["event"] == "begin"]
    assert sorted(begun) == sorted(str(tmp_path / "marks" / f"{one}-{two}") for one in range(3) for two in range(3))
    assert [record["n"] for record in records(file)] == list(range(12))


async def _modern_call(http: aiohttp.ClientSession, served: Served, name: str, **arguments: Any) -> None:
    meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
    params = {"name": name, "arguments": arguments, "_meta": meta}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    headers = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": name}
    async with http.post(served.url, json=message, headers=headers) as response:
        await response.read()


async def test_a_caller_who_hangs_up_is_recorded_as_cancelled(vault: Any, file: Path, tmp_path: Path) -> None:
    mark = tmp_path / "marks" / "mark"
    mark.parent.mkdir()
    async with vault(VAULT_ROOT=f"{mark.parent}:rw") as served, aiohttp.ClientSession(headers=STREAMS) as http:
        call = asyncio.create_task(_modern_call(http, served, "hold", path=str(mark)))
        async with asyncio.timeout(20):
            while not mark.exists():
                await asyncio.sleep(0.01)
            call.cancel()
            while not ended(file):
                await asyncio.sleep(0.01)
    assert [record["outcome"] for record in ended(file)] == ["cancelled"]


def trail(file: Path, calls: int = 5) -> Trail:
    """A trail with an opening and some records more, still open."""
    trail = Trail(file, {"cluster": "vault", "version": "1"})
    for number in range(calls):
        trail.write("call", call=f"c{number}", tool="read_file", arguments={"path": f"/srv/{number}"}, outcome="ok")
    return trail


def head_of(file: Path) -> Path:
    return file.with_name(f"{file.name}.head")


def test_a_crash_between_a_record_and_its_head_is_healed(file: Path) -> None:
    trail(file).close()
    head = Head.read(head_of(file).read_bytes())
    assert head is not None
    line, digest = forge(head.n + 1, "now", {"event": "call"}, head.hash)
    for written in (b"", line):  # before the record, or after it
        head_of(file).write_bytes(Head(head.n, head.hash, digest, head.boot).pack())
        file.write_bytes(file.read_bytes() + written)
        assert verify(file).findings == []
    trail(file).close()
    assert verify(file).findings == []
    assert "gap" not in [record["event"] for record in records(file)]


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (lambda file: os.truncate(file, file.stat().st_size - 10), "the last line was cut after"),
        (
            lambda file: file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:-2])),
            "records 4 to 5 are missing",
        ),
        (lambda file: file.write_bytes(file.read_bytes() + b"{}\n\n"), "the last 2 lines are no records"),
        (lambda file: head_of(file).unlink(), "its head is missing"),
        (lambda file: head_of(file).write_bytes(head_of(file).read_bytes()[:-9]), "its head was changed"),
        (lambda file: file.unlink(), "records 0 to 5 are missing"),
        (lambda file: os.truncate(file, 0), "records 0 to 5 are missing"),
    ],
)
def test_what_was_harmed_between_two_starts_is_recorded_and_told_for_ever(
    harm: Callable[[Path], Any], told: str, file: Path
) -> None:
    trail(file).close()
    harm(file)
    trail(file).close()
    trail(file).close()
    findings = "\n".join(verify(file).findings)
    assert "the host found that" in findings
    assert told in findings
    gaps = [line for line in file.read_bytes().split(b"\n") if b'"event":"gap"' in line]
    assert len(gaps) == 1


def test_a_record_appended_with_the_right_hash_is_found_by_the_head(file: Path) -> None:
    trail(file).close()
    last = records(file)[-1]
    line, _ = forge(last["n"] + 1, "now", {"event": "call"}, last["hash"])
    file.write_bytes(file.read_bytes() + line)
    assert verify(file).findings == ["record 6 was added at the end: the head knows nothing of it"]


def test_a_trail_can_be_verified_while_it_is_written(file: Path) -> None:
    open_trail = trail(file)
    for number in range(50):
        open_trail.write("call", call=f"d{number}")
        assert verify(file).findings == []
    open_trail.close()
    with pytest.raises(UnrecordedError, match="closed"):
        open_trail.write("call")


# What verify finds

harms = st.one_of(
    st.tuples(st.just("flip"), st.integers(0), st.integers(1, 255)),
    st.tuples(st.just("delete"), st.integers(0), st.just(0)),
    st.tuples(st.just("insert"), st.integers(0), st.integers(0, 255)),
    st.tuples(st.just("truncate"), st.integers(0), st.just(0)),
    st.tuples(st.just("swap"), st.integers(0), st.integers(0)),
    st.tuples(st.just("drop line"), st.integers(0), st.just(0)),
    st.tuples(st.just("repeat line"), st.integers(0), st.integers(0)),
)


def harmed(data: bytes, kind: str, at: int, what: int) -> bytes:
    at %= len(data)
    lines = data.splitlines(keepends=True)
    line, other = at % len(lines), what % len(lines)
    match kind:
        case "flip":
            return data[:at] + bytes([data[at] ^ what]) + data[at + 1 :]
        case "delete":
            return data[:at] + data[at + 1 :]
        case "insert":
            return data[:at] + bytes([what]) + data[at:]
        case "truncate":
            return data[:at]
        case "swap":
            lines[line], lines[other] = lines[other], lines[line]
        case "drop line":
            del lines[line]
        case _:
            lines.insert(other, lines[line])
    return b"".join(lines)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(harm=harms, in_head=st.booleans())
def test_no_edit_of_the_trail_or_its_head_is_called_whole(
    harm: tuple[str, int, int], in_head: bool, file: Path
) -> None:
    if not file.exists():
        trail(file).close()
        file.with_name("copy").write_bytes(file.read_bytes())
        file.with_name("copy.head").write_bytes(head_of(file).read_bytes())
    target = "copy.head" if in_head else "copy"
    before = file.with_name(target).read_bytes()
    after = harmed(before, *harm)
    # In one place a byte makes no difference: a run of equal bytes is the same with either of them doubled or gone.
    head_of(file).write_bytes(after if in_head else file.with_name("copy.head").read_bytes())
    file.write_bytes(file.with_name("copy").read_bytes() if in_head else after)
    verdict = verify(file)
    assert verdict.whole == (after == before)
    assert all(finding.isprintable() for finding in verdict.findings)


def test_every_byte_of_a_short_trail_matters(file: Path) -> None:
    trail(file, 1).close()
    for path in (file, head_of(file)):
        before = path.read_bytes()
        for at in range(len(before)):
            path.write_bytes(before[:at] + bytes([before[at] ^ 1]) + before[at + 1 :])
            assert not verify(file).whole
        path.write_bytes(before)
    assert verify(file).whole


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (lambda lines: [*lines[:2], lines[2].replace(b"/srv/1", b"/srv/9"), *lines[3:]], ["line 3 was edited"]),
        (lambda lines: [*lines[:2], *lines[3:]], ["record 2 is missing before line 3"]),
        (lambda lines: [*lines[:2], *lines[4:]], ["records 2 to 3 are missing before line 3"]),
        (lambda lines: lines[:-1], ["record 5 is missing at the end"]),
        (lambda lines: lines[:-2], ["records 4 to 5 are missing at the end"]),
        (lambda lines: lines[1:], ["record 0 is missing before line 1"]),
        (lambda lines: [*lines[:2], lines[3], lines[2], *lines[4:]], ["before line 3", "line 4 holds record 2 after"]),
        (lambda lines: [*lines[:3], lines[1], *lines[3:]], ["line 4 holds record 1 after record 2"]),
        (lambda lines: [*lines[:3], b"\n", *lines[3:]], ["line 4 is no record"]),
        (lambda lines: [*lines[:-1], lines[-1][:-1]], ["line 6 was cut"]),
        (lambda lines: [], ["records 0 to 5 are missing at the end"]),
    ],
)
def test_the_finding_names_what_happened_and_where(edit: Any, told: list[str], file: Path) -> None:
    trail(file).close()
    file.write_bytes(b"".join(edit(file.read_bytes().splitlines(keepends=True))))
    findings = verify(file).findings
    for sentence in told:
        assert any(sentence in finding for finding in findings), findings


def test_a_trail_written_anew_in_whole_is_found_by_a_hash_from_the_log(file: Path, caplog: Any) -> None:
    with caplog.at_level("INFO"):
        trail(file).close()
    anchor = [record.fields["hash"] for record in caplog.records if record.fields["event"] == "audit_head"][-1]
    assert verify(file, anchor).whole
    file.unlink()
    head_of(file).unlink()
    trail(file, 6).close()
    assert verify(file).whole
    assert "no record has the hash" in verify(file, anchor).findings[0]


HOSTILE = [
    b"\n" * 1_000,
    b"x" * (3 * LINE_LIMIT),
    b"x" * (3 * LINE_LIMIT) + b"\n",
    b"\xff\xfe\n",
    b"\0" * 100,
    b"[" * 100_000 + b"\n",
    b'{"n":1e999,"previous":"","event":"call","hash":"' + b"0" * 64 + b'"}\n',
    b'{"n":-1,"previous":"","event":"call","hash":"' + b"0" * 64 + b'"}\n',
    b'{"n":true,"previous":"","event":"call","hash":"' + b"0" * 64 + b'"}\n',
    b'{"a":' * 20_000 + b"1" + b"}" * 20_000 + b',"hash":"' + b"0" * 64 + b'"}\n',
    forge(0, "t", {"event": "gap", "reason": "\x1b[2J\n"}, START)[0],
    forge(0, "t", {"event": "call", "call": ["x"]}, START)[0],
    forge(10**30, "t", {"event": "gap"}, "x")[0],
]


@pytest.mark.parametrize("data", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("after_records", [False, True])
def test_hostile_files_are_told_of_in_printable_words(
    data: bytes, after_records: bool, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trail(file).close()
    file.write_bytes((file.read_bytes() if after_records else b"") + data)
    for _ in range(2):
        assert verify_files([str(file)], head="", as_json=False) == 1
        assert all(line.isprintable() for line in capsys.readouterr().out.splitlines())
        trail(file).close()  # nor does the host stumble over them
    assert "the host found that" in str(verify(file).findings)


async def test_verify_needs_no_cluster_and_its_status_says_the_result(file: Path, run: Any) -> None:
    trail(file).close()
    well = await run("audit", "verify", str(file))
    assert (well.status, well.err) == (0, "")
    assert "is whole: 6 records" in well.out
    anchored = await run("audit", "verify", str(file), "--json", "--head", records(file)[2]["hash"])
    assert anchored.json[0]["whole"] is True
    assert anchored.json[0]["head"] == records(file)[-1]["hash"]
    os.truncate(file, 700)
    cut = await run("audit", "verify", str(file), "--json")
    assert cut.status == 1
    assert cut.json[0]["findings"]
    for words in ([str(file) + ".no"], [str(file.parent)], [str(file), "--head", "xyz"]):
        wrong = await run("audit", "verify", *words)
        assert wrong.status == 2
        assert wrong.err.startswith("sanctuary-host: ")

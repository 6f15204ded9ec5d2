"""The command line, as a person meets it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import aiohttp.web
from mcp import Client

from sanctuary_host.testing import serving


async def test_the_version_and_the_help_say_what_a_newcomer_needs(run: Callable[..., Any]) -> None:
    version = await run("--version")
    assert re.fullmatch(r"sanctuary-host \d+\.\d+\.\d+\n", version.out)
    told = await run("--help")
    assert told.status == 0
    for word in ("CLUSTER=utils sanctuary-host", "PORT", "tools", "call", "check", "health", "up", "utils"):
        assert word in told.out


async def test_tools_are_listed_in_a_plain_table_or_as_json(run: Callable[..., Any]) -> None:
    table = await run("tools", CLUSTER="utils")
    assert table.status == 0
    assert table.out.startswith("TOOL ")
    assert "\x1b" not in table.out
    listed = await run("tools", "--json", CLUSTER="utils")
    assert [tool["name"] for tool in listed.json] == [line.split()[0] for line in table.out.splitlines()[1:]]


async def test_one_tool_is_shown_with_its_parameters_and_results(run: Callable[..., Any]) -> None:
    shown = await run("tools", "calculate", CLUSTER="utils")
    assert shown.status == 0
    assert re.search(r"^expression +string +required +", shown.out, re.MULTILINE)
    assert re.search(r"^precision +integer +15 +", shown.out, re.MULTILINE)
    assert "is_exact" in shown.out
    missed = await run("tools", "calculat", CLUSTER="utils")
    assert (missed.status, "did you mean calculate?" in missed.err) == (2, True)


async def test_a_tool_is_called_with_words_or_json(run: Callable[..., Any]) -> None:
    words = await run("call", "calculate", "expression=1/3+1/6", "--json", CLUSTER="utils")
    assert words.status == 0
    whole = await run("call", "calculate", '{"expression": "1/3+1/6"}', "--json", CLUSTER="utils")
    piped = await run("call", "calculate", "-", "--json", CLUSTER="utils", stdin='{"expression": "1/3+1/6"}')
    assert words.json == whole.json == piped.json
    assert "1/2" in words.out


async def test_a_tool_error_is_said_on_standard_error_with_status_1(run: Callable[..., Any]) -> None:
    ran = await run("call", "calculate", "expresion=1", CLUSTER="utils")
    assert ran.status == 1
    assert ran.out == ""
    assert "did you mean 'expression'?" in ran.err


async def test_a_wrong_call_is_explained_with_status_2(run: Callable[..., Any]) -> None:
    unknown = await run("call", "calculat", "expression=1", CLUSTER="utils")
    assert (unknown.status, "did you mean calculate?" in unknown.err) == (2, True)
    wordless = await run("call", "calculate", "1+1", CLUSTER="utils")
    assert (wordless.status, "write key=value" in wordless.err) == (2, True)
    broken = await run("call", "calculate", "{", CLUSTER="utils")
    assert (broken.status, "not JSON" in broken.err) == (2, True)
    nothing = await run("call", CLUSTER="utils")
    assert (nothing.status, "arguments are required: tool\n" in nothing.err) == (2, True)


async def test_utils_is_sound_and_small(run: Callable[..., Any]) -> None:
    ran = await run("check", "--json", CLUSTER="utils")
    assert (ran.status, ran.json["faults"]) == (0, [])
    assert len(ran.json["tools"]) == 8
    assert ran.json["bytes"] < 12 * 1024
    assert ran.json["boundary"] == "no files; no network"


async def test_the_health_probe_tells_a_living_server_from_none(run: Callable[..., Any]) -> None:
    async with serving("utils") as served:
        assert (await run("health", PORT=str(served.port))).out == "utils: ok\n"
        ready = await run("health", "--ready", "--json", "--port", str(served.port))
        assert (ready.status, ready.json["status"], ready.json["tools"]) == (0, "ready", 8)
    gone = await run("health", PORT=str(served.port))
    assert gone.status == 1
    assert "nothing healthy answers" in gone.err
    assert (await run("health")).status == 2


async def test_a_taken_port_is_said_in_a_sentence(run: Callable[..., Any]) -> None:
    async with serving("utils") as served:
        ran = await run(CLUSTER="utils", PORT=str(served.port))
    assert ran.status == 2
    assert f"port {served.port} on 127.0.0.1 cannot be used" in ran.err


async def test_a_server_whose_plugin_is_broken_serves_and_says_so_on_ready(distribution: Callable[..., Path]) -> None:
    site = distribution("acme", "utils", {"broken": "raise SystemExit"})
    async with serving("utils", PYTHONPATH=str(site)) as served, aiohttp.ClientSession() as session:
        async with session.get(f"{served.origin}/ready") as response:
            assert response.status == 503
            answer = await response.json()
        assert answer["status"] == "not ready"
        assert "plugin broken (from acme) was left out" in answer["reasons"][0]
        async with session.get(f"{served.origin}/health") as response:
            assert response.status == 200


async def test_an_author_asks_a_call_for_its_log_and_learns_what_the_sandbox_refused(
    distribution: Callable[..., Path], run: Callable[..., Any]
) -> None:
    source = """
    from sanctuary_host import hookimpl, tool

    @tool()
    def peek() -> str:
        "Read what is not granted."
        raise PermissionError(13, "refused", "/etc/elsewhere")

    @hookimpl
    def register_tools():
        return [peek]
    """
    site = str(distribution("acme", "acme", {"peek": source}))
    short = await run("call", "peek", CLUSTER="acme", PYTHONPATH=site)
    assert (short.status, short.err.count("\n")) == (1, 1)
    assert "/etc/elsewhere" not in short.err
    whole = await run("call", "peek", "--log", CLUSTER="acme", PYTHONPATH=site)
    assert whole.status == 1
    for words in ("in peek", "/etc/elsewhere", "The sandbox may have refused this", short.err[:40]):
        assert words in whole.err


async def test_what_a_plugin_prints_never_reaches_standard_output(
    distribution: Callable[..., Path], run: Callable[..., Any]
) -> None:
    source = """
    import os
    from sanctuary_host import hookimpl, tool
    print("at import")
    os.write(1, b"raw at import")

    @tool()
    def shout() -> str:
        "Shout."
        print("in the call")
        os.system("echo from a child")
        return "done"

    @hookimpl
    def register_tools():
        print("in the hook")
        return [shout]
    """
    site = distribution("acme", "acme", {"loud": source})
    ran = await run("call", "shout", CLUSTER="acme", PYTHONPATH=str(site))
    assert (ran.status, ran.out) == (0, "done\n")
    hello = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
    }
    call = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "shout", "arguments": {}}}
    spoken = await run(CLUSTER="acme", PYTHONPATH=str(site), stdin=f"{json.dumps(hello)}\n{json.dumps(call)}\n")
    replies = {reply["id"]: reply for reply in map(json.loads, spoken.out.splitlines())}
    assert replies[2]["result"]["content"] == [{"type": "text", "text": "done"}]
    assert spoken.status == 0


async def test_up_runs_every_cluster_shows_a_table_and_stops_on_ctrl_c(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sanctuary_host", "up"),
        env={**os.environ, "GATEWAY": "off", "SANCTUARY_LOG_LEVEL": "ERROR", "SANCTUARY_DATA": str(tmp_path)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    lines: list[str] = []
    async with asyncio.timeout(60):
        while not lines or not lines[-1].startswith("Ctrl-C"):
            line = (await process.stdout.readline()).decode()
            assert line, lines
            lines.append(line)
    assert lines[0].split() == ["CLUSTER", "URL", "TOOLS", "BOUNDARY", "STATE"]
    (utils,) = [line for line in lines if line.startswith("utils ")]
    assert "no files; no network" in utils
    assert "  ready" in utils
    async with Client(utils.split()[1]) as client:
        assert len((await client.list_tools()).tools) == 8
    process.send_signal(signal.SIGINT)
    rest = (await asyncio.wait_for(process.communicate(), 30))[0].decode()
    assert process.returncode == 0
    assert "All stopped." in rest


def _up(site: Path) -> Any:
    return asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sanctuary_host", "up"),
        env={**os.environ, "GATEWAY": "off", "SANCTUARY_LOG_LEVEL": "ERROR", "PYTHONPATH": str(site)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )


async def test_up_never_takes_another_servers_answer_for_a_clusters_own(
    distribution: Callable[..., Path],
) -> None:
    async def pretend(request: aiohttp.web.Request) -> aiohttp.web.Response:
        return aiohttp.web.json_response({"status": "ready", "tools": 1, "reasons": []})

    application = aiohttp.web.Application()
    application.router.add_get("/ready", pretend)
    runner = aiohttp.web.AppRunner(application)
    await runner.setup()
    try:
        await aiohttp.web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
        source = (
            "from sanctuary_host import Boundary, hookimpl\n\n"
            f"@hookimpl\ndef declare_boundary():\n    return Boundary(port={port})\n"
        )
        process = await _up(distribution("acme", "acme", {"one": source}))
        lines: list[str] = []
        async with asyncio.timeout(60):
            while not lines or not lines[-1].startswith("acme: "):
                lines.append((await process.stdout.readline()).decode())
                assert lines[-1]
        process.send_signal(signal.SIGINT)
        await asyncio.wait_for(process.communicate(), 30)
    finally:
        await runner.cleanup()
    (row,) = [line for line in lines if line.startswith("acme ")]
    assert f":{port}/" not in row
    assert row.endswith("  ready\n")
    assert lines[-1] == f"acme: its port {port} is taken by another process\n"
    assert process.returncode == 0


async def test_ctrl_c_while_the_clusters_start_ends_up_at_once(
    tmp_path: Path, distribution: Callable[..., Path]
) -> None:
    fifo = tmp_path / "started"
    os.mkfifo(fifo)
    source = (
        "import pathlib, signal, sys\nfrom sanctuary_host import hookimpl\n\n"
        "if 'check' not in sys.argv:\n"
        f"    pathlib.Path({str(fifo)!r}).write_text('now')\n    signal.pause()\n\n"
        "@hookimpl\ndef register_tools():\n    return []\n"
    )
    process = await _up(distribution("acme", "acme", {"one": source}))
    assert await asyncio.wait_for(asyncio.to_thread(fifo.read_text), 60) == "now"
    process.send_signal(signal.SIGINT)
    out = (await asyncio.wait_for(process.communicate(), 15))[0].decode()
    assert "STATE" not in out
    assert "stopped." in out.lower()

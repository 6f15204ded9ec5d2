"""What presses on the process from outside: readers that never read, arguments that are all wrong, silent connections."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from sanctuary_host import tool
from sanctuary_host.arguments import FAULTS
from sanctuary_host.observe import logs
from sanctuary_host.tools import ArgumentsError, describe
from sanctuary_host.transport.messages import PARTS, RefusedError, decode

CHATTY = '''
    from sanctuary_host import hookimpl, tool

    @tool()
    def chat() -> int:
        """Print a long line."""
        print("x" * 4000)
        return 1

    @hookimpl
    def register_tools():
        return [chat]
'''
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
}


@tool(read_only=True, runs="inline")
def total(numbers: list[int], start: int = 0) -> int:
    """Add numbers."""
    return sum(numbers, start)


@pytest.mark.parametrize(
    "arguments",
    [{f"unknown{number}": 1 for number in range(100_000)}, {"numbers": ["one"] * (FAULTS + 1)}],
)
def test_of_many_faulty_arguments_only_the_number_is_told(arguments: dict[str, Any]) -> None:
    with pytest.raises(ArgumentsError) as refused:
        describe(total).keywords(arguments)
    assert len(str(refused.value)) < 200
    assert "one" not in str(refused.value)


def test_of_few_faulty_arguments_each_is_told() -> None:
    with pytest.raises(ArgumentsError, match=r"numbers\[0\].*start"):
        describe(total).keywords({"numbers": ["one"], "start": "two"})


def test_a_message_of_too_many_parts_is_refused_unread() -> None:
    body = b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":{"a":[' + b"[]," * PARTS + b"[]]}}}"
    with pytest.raises(RefusedError, match="brackets"):
        decode(body)


def test_what_a_record_is_filled_with_cannot_forge_another_or_command_the_terminal() -> None:
    stream = StringIO()
    root = logging.getLogger()
    before = root.handlers[:], root.level
    try:
        logs.configure(level="INFO", cluster="test", stream=stream, pretty=True)
        fields = {"fields": {"tool": "a\nb", "traceback": "Boom\n12:00:00 info forged"}}
        logging.getLogger("test").info("Tool %s failed", "a\n12:00:00 info forged\x1b[2J", extra=fields)
    finally:
        root.handlers[:], root.level = before
    first, *others = stream.getvalue().splitlines()
    assert "forged\\x1b[2J" in first
    assert all(line.startswith("  ") for line in others)


async def test_a_client_that_never_reads_standard_error_is_served_all_the_same(
    distribution: Callable[..., Path],
) -> None:
    site = distribution("chatty", "chat", {"tools": CHATTY})
    reader, writer = os.pipe()  # never read
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sanctuary_host"),
        env={"PATH": os.environ["PATH"], "CLUSTER": "chat", "PYTHONPATH": str(site)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=writer,
    )
    assert server.stdin is not None
    assert server.stdout is not None
    try:
        server.stdin.write(json.dumps(INITIALIZE).encode() + b"\n")
        await server.stdout.readline()
        call: dict[str, Any] = {"jsonrpc": "2.0", "method": "tools/call", "params": {"name": "chat", "arguments": {}}}
        for number in range(500):
            server.stdin.write(json.dumps({**call, "id": number}).encode() + b"\n")
            reply = json.loads(await asyncio.wait_for(server.stdout.readline(), 20))
            assert reply["result"]["structuredContent"] == {"result": 1}
        server.stdin.close()
        assert await asyncio.wait_for(server.wait(), 20) == 0
    finally:
        os.close(reader)
        os.close(writer)
        if server.returncode is None:
            server.kill()


MOUNTING = """
    from sanctuary_host import Boundary, Mount, hookimpl, tool

    @tool()
    def answer() -> str:
        \"\"\"Answer.\"\"\"
        return "well"

    @hookimpl
    def declare_boundary():
        return Boundary(mounts=(Mount("FOLDER"),))

    @hookimpl
    def register_tools():
        return [answer]
"""


@pytest.mark.parametrize("closed", ["0<&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_closed_standard_descriptors_do_not_keep_it_from_starting_and_ending(closed: str) -> None:
    command = f"printf '%s\\n' '{json.dumps(INITIALIZE)}' | {sys.executable} -m sanctuary_host {closed}"
    environment = {"PATH": os.environ["PATH"], "CLUSTER": "utils"}
    ran = subprocess.run(
        command, shell=True, env=environment, capture_output=True, timeout=30, check=False
    )  # of our own making
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert (b'"id":0' in ran.stdout) == (closed == "2>&-")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a folder that is in use may not be removed")
@pytest.mark.parametrize("folder", ["/" + "x" * 5000, "/\udcff"], ids=["too long a path", "a path of other bytes"])
def test_a_working_folder_that_is_gone_and_odd_folders_do_not_keep_it_from_starting(
    folder: str, tmp_path: Path, distribution: Callable[..., Path]
) -> None:
    site = distribution("acme", "acme", {"tools": MOUNTING})
    inside = tmp_path / "inside"
    inside.mkdir()
    ran = subprocess.run(
        ["sh", "-c", 'rmdir "$PWD" && exec "$0" -m sanctuary_host', sys.executable],
        cwd=inside,
        env={"PATH": os.environ["PATH"], "CLUSTER": "acme", "PYTHONPATH": str(site), "FOLDER": folder},
        input=f"{json.dumps(INITIALIZE)}\n",
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["result"]["serverInfo"]
    said = [json.loads(line)["message"] for line in ran.stderr.splitlines()]
    assert any("FOLDER names /" in one and "which is not there" in one for one in said)

"""Other people's clients call our tools, each over every transport that it speaks, alone and many at once.

The clients are installed by tests/interop/install; without it these tests are skipped, and fail where CI is set.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncGenerator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from sanctuary_host.testing import serving
from sanctuary_host.tools import ToolError, describe
from sanctuary_utils import time as time_tools

pytestmark = pytest.mark.asyncio(loop_scope="module")

HERE = Path(__file__).parent / "interop"
CACHE = HERE.parents[1] / ".cache" / "interop"
NODE = CACHE / "node/bin/node"
PROGRAMS = CACHE / "node_modules/.bin"
PYTHONS: dict[str, str | Path] = {
    "mcp2": sys.executable,
    "mcp1": CACHE / "mcp1/bin/python",
    "fastmcp": CACHE / "fastmcp/bin/python",
}
STDIO = [sys.executable, "-m", "sanctuary_host"]
OLD, NEW = "2025-11-25", "2026-07-28"

Call = tuple[str, dict[str, Any]]
CONVERT: Call = (
    "time_convert",
    {"time": "2026-03-29 02:30", "zone": "Europe/Berlin", "to": ["UTC", "America/New_York"]},
)
REFUSED: Call = ("time_now", {"zones": ["Nowhere/At_All"]})
NOW: Call = ("time_now", {"zones": ["Europe/Berlin", "Asia/Kolkata"]})

# client, transport, how it negotiates, and the version that must come of it (None: the client does not tell)
MATRIX = [
    ("mcp2", "streamable", "auto", NEW),
    ("mcp2", "streamable", "legacy", OLD),
    ("mcp2", "streamable", NEW, NEW),
    ("mcp2", "stateless", "legacy", OLD),
    ("mcp2", "sse", "legacy", OLD),
    ("mcp2", "sse", "auto", None),
    ("mcp2", "stdio", "auto", NEW),
    ("mcp2", "stdio", "legacy", OLD),
    ("mcp2", "stdio", NEW, NEW),
    ("mcp2", "mcp-remote", "auto", NEW),
    ("mcp2", "supergateway", "legacy", OLD),
    ("mcp1", "streamable", "legacy", OLD),
    ("mcp1", "stateless", "legacy", OLD),
    ("mcp1", "sse", "legacy", OLD),
    ("mcp1", "stdio", "legacy", OLD),
    ("fastmcp", "streamable", "auto", NEW),
    ("fastmcp", "streamable", "legacy", OLD),
    ("fastmcp", "sse", "legacy", OLD),
    ("fastmcp", "stdio", "auto", NEW),
    ("typescript1", "streamable", "legacy", OLD),
    ("typescript1", "stateless", "legacy", OLD),
    ("typescript1", "sse", "legacy", None),
    ("typescript1", "stdio", "legacy", None),
    ("typescript2", "streamable", "auto", NEW),
    ("typescript2", "streamable", "legacy", OLD),
    ("typescript2", "streamable", NEW, NEW),
    ("typescript2", "sse", "legacy", OLD),
    ("typescript2", "stdio", "auto", NEW),
]

Servers = dict[str, Any]
"""What a client connects to: a URL or a command for each transport, and `env` for the commands."""


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    check = subprocess.run(
        [sys.executable, HERE / "install", "--check"], stderr=subprocess.PIPE, text=True, check=False
    )
    if check.returncode:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(check.stderr)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def utils(installed: None) -> AsyncGenerator[Servers]:
    """The cluster utils, with and without sessions, over standard streams, and behind two bridges from these to HTTP."""
    async with serving("utils") as served, serving("utils", SANCTUARY_STATELESS="1") as stateless:
        yield {
            "streamable": served.url,
            "stateless": stateless.url,
            "sse": f"{served.origin}/sse",
            "stdio": STDIO,
            "mcp-remote": [str(PROGRAMS / "mcp-remote"), served.url, "--allow-http", "--transport", "http-only"],
            "supergateway": [str(PROGRAMS / "supergateway"), "--sse", f"{served.origin}/sse", "--logLevel", "none"],
            "env": {"CLUSTER": "utils", "PATH": f"{NODE.parent}:{os.environ['PATH']}", "HOME": str(CACHE)},
        }


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def echo(installed: None) -> AsyncGenerator[Servers]:
    """The fixture cluster, whose tool test_echo answers after a delay."""
    trust = {"SANCTUARY_TRUST": "sanctuary-conformance"}
    async with serving("conformance", **trust) as served:
        kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
        environment = {"CLUSTER": "conformance", **kept, **trust}
        yield {"streamable": served.url, "sse": f"{served.origin}/sse", "stdio": STDIO, "env": environment}


async def run_client(name: str, servers: Servers, transport: str, mode: str, calls: list[Call]) -> dict[str, Any]:
    """Have a client list the tools and make all calls at once."""
    target = servers[transport]
    kind = "stdio" if isinstance(target, list) else "sse" if transport == "sse" else "streamable"
    job = json.dumps({"transport": kind, "target": target, "env": servers["env"], "mode": mode, "calls": calls})
    if name in PYTHONS:
        return await run(PYTHONS[name], HERE / f"client_{name}.py", job)
    # From standard input, so that node looks for packages in the working directory and not beside the script.
    return await run(NODE, "--input-type=module", "-", job, script=(HERE / f"client_{name}.mjs").read_bytes())


async def run(*command: str | Path, script: bytes = b"") -> dict[str, Any]:
    pipe = asyncio.subprocess.PIPE
    environment = {**os.environ, "HOME": str(CACHE)}  # some clients write there
    process = await asyncio.create_subprocess_exec(
        *command, cwd=CACHE, env=environment, stdin=pipe, stdout=pipe, stderr=pipe
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(script), 120)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, err.decode()[-4000:]
    found: dict[str, Any] = json.loads(out)
    return found


def direct(call: Call) -> dict[str, Any]:
    """The result of a call without any transport."""
    name, arguments = call
    tool = describe(getattr(time_tools, name))
    return tool.result(tool.function(**tool.keywords(arguments))).wire()


def essence(result: dict[str, Any]) -> tuple[Any, ...]:
    return result.get("isError", False), result["content"], result.get("structuredContent")


@pytest.mark.parametrize(("client", "transport", "mode", "version"), MATRIX)
async def test_a_client_gets_the_same_tools_and_answers_as_a_direct_call(
    client: str, transport: str, mode: str, version: str | None, utils: Servers
) -> None:
    got = await run_client(client, utils, transport, mode, [CONVERT, NOW, REFUSED])
    converted, now, refused = got["answers"]

    assert version in {got["version"], None}
    shown = {tool["name"]: tool for tool in got["tools"]}
    for function in time_tools.register_tools():
        wire = describe(function).wire()
        assert {key: shown[wire["name"]][key] for key in wire} == wire
    assert essence(converted) == essence(direct(CONVERT))
    present = now["structuredContent"]
    assert [clock["zone"] for clock in present["clocks"]] == NOW[1]["zones"]
    assert {datetime.fromisoformat(clock["iso"]).timestamp() for clock in present["clocks"]} == {present["unix"]}
    with pytest.raises(ToolError) as failure:
        direct(REFUSED)
    assert refused["isError"]
    assert str(failure.value) in refused["content"][0]["text"]


@pytest.mark.parametrize("transport", ["streamable", "sse", "stdio"])
async def test_the_inspector_calls_a_tool(transport: str, utils: Servers) -> None:
    name, arguments = CONVERT
    options = ["--transport", {"streamable": "http"}.get(transport, transport), "--method", "tools/call"]
    options += ["--tool-name", name]
    for key, value in arguments.items():
        options += ["--tool-arg", f"{key}={value if isinstance(value, str) else json.dumps(value)}"]
    for key, value in utils["env"].items() if transport == "stdio" else ():
        options += ["-e", f"{key}={value}"]
    target = STDIO if transport == "stdio" else [utils[transport]]

    assert essence(await run(NODE, PROGRAMS / "mcp-inspector", "--cli", *target, *options)) == essence(direct(CONVERT))


@pytest.mark.parametrize(
    ("transport", "clients"),
    [
        ("streamable", [("mcp2", "legacy"), ("mcp2", NEW), ("mcp1", "legacy"), ("typescript1", "legacy")]),
        ("sse", [("mcp2", "legacy"), ("mcp1", "legacy"), ("typescript1", "legacy")]),
        ("stdio", [("mcp2", "auto"), ("typescript1", "legacy")]),
    ],
)
async def test_of_many_calls_at_once_none_is_lost_and_none_gets_anothers_answer(
    transport: str, clients: list[tuple[str, str]], echo: Servers
) -> None:
    sent = [[f"client {number} call {index}" for index in range(120)] for number in range(len(clients))]
    # Delays of 0 to 40 ms, so that answers come in another order than the calls.
    jobs = [
        run_client(
            *(client, echo, transport, mode),
            [("test_echo", {"text": text, "delay": index * 7 % 5 / 100}) for index, text in enumerate(texts)],
        )
        for (client, mode), texts in zip(clients, sent, strict=True)
    ]
    received = [[answer["content"][0]["text"] for answer in got["answers"]] for got in await asyncio.gather(*jobs)]

    assert received == sent

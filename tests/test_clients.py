"""Other people's clients call our tools, each over every transport that it speaks, alone and many at once.

Installed by tests/interop/install; without it these tests are skipped, and fail where CI is set.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from sanctuary_host.tools import ToolError, describe
from sanctuary_utils import time as time_tools

HERE = Path(__file__).parent / "interop"
CACHE = HERE.parents[1] / ".cache" / "interop"
HOST = str(Path(sys.executable).with_name("sanctuary-host"))
NODE = CACHE / "node/bin/node"
PROGRAMS = CACHE / "node_modules/.bin"
PYTHONS = {"mcp2": sys.executable, "mcp1": CACHE / "mcp1/bin/python", "fastmcp": CACHE / "fastmcp/bin/python"}
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


@contextmanager
def serving(**settings: str) -> Generator[str]:
    """A host in a process of its own, and its URL."""
    environment = {"PATH": os.environ["PATH"], "PORT": "0", **settings}
    with subprocess.Popen([HOST], env=environment, stderr=subprocess.PIPE, text=True) as host:
        assert host.stderr is not None
        found = next(filter(None, (re.search(r"http://127\.0\.0\.1:\d+", line) for line in host.stderr)), None)
        assert found, "the host ended without saying where it listens"
        rest = threading.Thread(target=deque, args=(host.stderr, 0))  # a full pipe would stop the host
        rest.start()
        yield found[0]
        host.terminate()
        rest.join()


@pytest.fixture(scope="module")
def utils() -> Iterator[dict[str, Any]]:
    """The cluster utils over each transport: what a client connects to."""
    require_installed()
    with serving(CLUSTER="utils") as url, serving(CLUSTER="utils", SANCTUARY_STATELESS="1") as stateless:
        yield {
            "streamable": f"{url}/mcp",
            "stateless": f"{stateless}/mcp",
            "sse": f"{url}/sse",
            "stdio": [HOST],
            # Bridges, which speak stdio to their client and HTTP to us.
            "mcp-remote": [str(PROGRAMS / "mcp-remote"), f"{url}/mcp", "--allow-http", "--transport", "http-only"],
            "supergateway": [str(PROGRAMS / "supergateway"), "--sse", f"{url}/sse", "--logLevel", "none"],
            "env": {"CLUSTER": "utils", "PATH": f"{NODE.parent}:{os.environ['PATH']}", "HOME": str(CACHE)},
        }


@pytest.fixture(scope="module")
def echo() -> Iterator[dict[str, Any]]:
    """The fixture cluster, whose tool test_echo answers after a delay."""
    require_installed()
    settings = {"CLUSTER": "conformance", "SANCTUARY_TRUST": "sanctuary-conformance"}
    with serving(**settings) as url:
        yield {
            "streamable": f"{url}/mcp",
            "sse": f"{url}/sse",
            "stdio": [HOST],
            "env": {**settings, "PATH": os.environ["PATH"]},
        }


def require_installed() -> None:
    check = subprocess.run(
        [sys.executable, HERE / "install", "--check"], stderr=subprocess.PIPE, text=True, check=False
    )
    missing = check.stderr.strip()
    if not entry_points(group="sanctuary_host.conformance"):
        missing += " pip install -e tests/fixtures/conformance"
    if missing:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)


def run_client(name: str, servers: dict[str, Any], transport: str, mode: str, calls: list[Call]) -> dict[str, Any]:
    """Have a client list the tools and make all calls at once."""
    target = servers[transport]
    kind = "stdio" if isinstance(target, list) else "sse" if transport == "sse" else "streamable"
    job = json.dumps({"transport": kind, "target": target, "env": servers["env"], "mode": mode, "calls": calls})
    if name in PYTHONS:
        return run([PYTHONS[name], HERE / f"client_{name}.py", job])
    # From standard input, so that node looks for packages in the working directory and not beside the script.
    return run([NODE, "--input-type=module", "-", job], script=(HERE / f"client_{name}.mjs").read_text())


def run(command: list[Any], script: str = "") -> dict[str, Any]:
    done = subprocess.run(command, input=script, cwd=CACHE, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def direct(call: Call) -> dict[str, Any]:
    """The result of a call without any transport."""
    name, arguments = call
    tool = describe(getattr(time_tools, name))
    return tool.result(tool.function(**tool.keywords(arguments))).wire()


def assert_answers_are_right(convert: dict[str, Any], now: dict[str, Any], refused: dict[str, Any]) -> None:
    assert essence(convert) == essence(direct(CONVERT))
    present = now["structuredContent"]
    assert [clock["zone"] for clock in present["clocks"]] == NOW[1]["zones"]
    assert {datetime.fromisoformat(clock["iso"]).timestamp() for clock in present["clocks"]} == {present["unix"]}
    with pytest.raises(ToolError) as failure:
        direct(REFUSED)
    assert refused["isError"]
    assert str(failure.value) in refused["content"][0]["text"]


def essence(result: dict[str, Any]) -> tuple[Any, ...]:
    return result.get("isError", False), result["content"], result.get("structuredContent")


@pytest.mark.parametrize(("client", "transport", "mode", "version"), MATRIX)
def test_a_client_gets_the_same_tools_and_answers_as_a_direct_call(
    client: str, transport: str, mode: str, version: str | None, utils: dict[str, Any]
) -> None:
    got = run_client(client, utils, transport, mode, [CONVERT, NOW, REFUSED])

    assert version in {got["version"], None}
    shown = {tool["name"]: tool for tool in got["tools"]}
    for function in time_tools.register_tools():
        wire = describe(function).wire()
        assert {key: shown[wire["name"]][key] for key in wire} == wire
    assert_answers_are_right(*got["answers"])


@pytest.mark.parametrize("transport", ["streamable", "sse", "stdio"])
def test_the_inspector_calls_a_tool(transport: str, utils: dict[str, Any]) -> None:
    options = ["--transport", {"streamable": "http"}.get(transport, transport), "--method", "tools/call"]
    options += ["--tool-name", CONVERT[0]]
    for key, value in CONVERT[1].items():
        options += ["--tool-arg", f"{key}={value if isinstance(value, str) else json.dumps(value)}"]
    target = utils[transport]
    if transport == "stdio":
        options += [part for key, value in utils["env"].items() for part in ("-e", f"{key}={value}")]
    got = run(
        [NODE, PROGRAMS / "mcp-inspector", "--cli", *(target if isinstance(target, list) else [target]), *options]
    )

    assert essence(got) == essence(direct(CONVERT))


@pytest.mark.parametrize(
    ("transport", "clients"),
    [
        ("streamable", [("mcp2", "legacy"), ("mcp2", NEW), ("mcp1", "legacy"), ("typescript1", "legacy")]),
        ("sse", [("mcp2", "legacy"), ("mcp1", "legacy"), ("typescript1", "legacy")]),
        ("stdio", [("mcp2", "auto"), ("typescript1", "legacy")]),
    ],
)
def test_of_many_calls_at_once_none_is_lost_and_none_gets_anothers_answer(
    transport: str, clients: list[tuple[str, str]], echo: dict[str, Any]
) -> None:
    def call(number: int) -> tuple[list[str], list[str]]:
        name, mode = clients[number]
        texts = [f"client {number} call {index}" for index in range(120)]
        # Delays of 0 to 40 ms, so that answers come in another order than the calls.
        calls = [("test_echo", {"text": text, "delay": index * 7 % 5 / 100}) for index, text in enumerate(texts)]
        answers = run_client(name, echo, transport, mode, calls)["answers"]
        return texts, [answer["content"][0]["text"] for answer in answers]

    with ThreadPoolExecutor(len(clients)) as pool:
        for sent, received in pool.map(call, range(len(clients))):
            assert received == sent

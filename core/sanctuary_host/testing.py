"""For the tests of tool packs: a real server process with a real client, in three lines.

async with connected("domain", SANCTUARY_DATA=str(tmp_path)) as client:
    reply = await client.call_tool("create_adr", {"title": "Use Markdown"})
assert reply.structured_content["number"] == 1
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from mcp import Client

from sanctuary_host.plugins import load

START_SECONDS: Final = 30.0
"""How long a server may take to listen; it takes less than one on a quiet machine."""


class NotServingError(Exception):
    """The server ended before it listened; the message holds what it wrote to standard error."""


@dataclass(frozen=True, slots=True)
class Served:
    """A running server.

    Attributes:
        port: where it listens on loopback.
        process: its process.
        log: the records of its log so far, as parsed JSON.
    """

    port: int
    process: asyncio.subprocess.Process
    log: list[dict[str, Any]]

    @property
    def origin(self) -> str:
        """The URL without a path, such as `http://127.0.0.1:40123`."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Where its clients connect."""
        return f"{self.origin}/mcp"


@asynccontextmanager
async def serving(cluster: str, **environment: str) -> AsyncGenerator[Served]:
    """Serve a cluster on a free port of loopback, in a process of its own, until the block ends.

    Args:
        cluster: its name.
        environment: its settings, such as `SANCTUARY_DATA=str(tmp_path)`.

    Raises:
        NotServingError: it did not come up.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sanctuary_host"),
        env={**_neutral(os.environ), "CLUSTER": cluster, "PORT": "0", **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        limit=1 << 24,
    )
    log: list[dict[str, Any]] = []
    listening: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    reader = asyncio.create_task(_read_log(process, log, listening))
    try:
        async with asyncio.timeout(START_SECONDS):
            port = await listening
        yield Served(port, process, log)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        await reader


@asynccontextmanager
async def connected(cluster: str, **environment: str) -> AsyncGenerator[Client]:
    """Serve a cluster as `serving` does, with the official client connected to it.

    Raises:
        NotServingError: the server did not come up.
    """
    async with serving(cluster, **environment) as served, Client(served.url) as client:
        yield client


def faults_of(cluster: str, environment: Mapping[str, str] | None = None) -> list[str]:
    """What `sanctuary-host check` says is wrong with a cluster; an empty list means nothing.

    Raises:
        UnknownClusterError: no plugin of the cluster is installed.
    """
    return load(cluster, environment).faults


def _neutral(environment: Mapping[str, str]) -> dict[str, str]:
    """The present environment without what would configure the server otherwise than its test says."""
    ours = ("SANCTUARY_", "GATEWAY_URL", "API_TOKEN", "OTEL_")
    return {name: value for name, value in environment.items() if not name.startswith(ours)}


async def _read_log(
    process: asyncio.subprocess.Process, log: list[dict[str, Any]], listening: asyncio.Future[int]
) -> None:
    """Collect the server's log; the record that tells its port completes `listening`."""
    assert process.stderr is not None
    other: list[str] = []
    async for line in process.stderr:
        try:
            record = json.loads(line)
        except ValueError:
            other.append(line.decode(errors="replace"))
            continue
        log.append(record)
        if record.get("event") == "listening" and not listening.done():
            listening.set_result(record["port"])
    if not listening.done():
        said = "".join(other) or "\n".join(str(record.get("message")) for record in log)
        listening.set_exception(NotServingError(f"the server ended with: {said.strip() or 'no word'}"))

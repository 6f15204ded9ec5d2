"""The fleet as local processes: every installed cluster on its port, until Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import ClientError, ClientSession, ClientTimeout

from sanctuary_host.commands.table import paint, table
from sanctuary_host.plugins import installed

START_SECONDS: Final = 20.0
"""How long a cluster may take until it answers."""
STOP_SECONDS: Final = 15.0
"""How long it may take to finish its calls when asked to stop."""
COMMAND: Final = (sys.executable, "-m", "sanctuary_host")


@dataclass
class Member:
    """One cluster of the running fleet."""

    cluster: str
    port: int
    boundary: str
    process: asyncio.subprocess.Process
    note: str = ""
    tools: int = 0
    state: str = "starting"

    @property
    def ended_well(self) -> bool:
        """Whether it ran, and ended because it was asked to: a signal that comes before it listens kills it."""
        return self.process.returncode in {0, -signal.SIGTERM}

    @property
    def url(self) -> str:
        """Where its clients connect."""
        return f"http://127.0.0.1:{self.port}/mcp"


def up(environment: Mapping[str, str]) -> int:
    """Run every installed cluster until SIGINT or SIGTERM; exit status 1 where one did not stay up."""
    names = installed()
    if not names:
        print("sanctuary-host: no cluster is installed", file=sys.stderr)
        return 1
    return asyncio.run(_up(names, dict(environment)))


async def _up(names: list[str], environment: dict[str, str]) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    reports = await asyncio.gather(*(_report(name, environment) for name in names))
    members: list[Member] = []
    try:
        if not stop.is_set():
            for name, report in zip(names, reports, strict=True):
                members.append(await _start(name, report, environment, {member.port for member in members}))
            await _unless(stop, asyncio.gather(*(_watch_start(member) for member in members)))
        if not stop.is_set():
            _print_table(members)
        if any(member.process.returncode is None for member in members):
            if not stop.is_set():
                print(paint("Ctrl-C stops them all.", "dim"), flush=True)
            await _until(stop, members)
    finally:
        await asyncio.gather(*(_stop(member) for member in members))
    well = all(member.ended_well for member in members)
    print("All stopped." if well else "Stopped.", flush=True)
    return 0 if well else 1


async def _unless(stop: asyncio.Event, work: asyncio.Future[Any]) -> None:
    """Wait for `work`, or give it up as soon as the signal comes."""
    asked = asyncio.ensure_future(stop.wait())
    await asyncio.wait([asked, work], return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    if not work.done():
        work.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await work


async def _report(name: str, environment: dict[str, str]) -> dict[str, Any]:
    """What `check` says of a cluster, asked in a process of its own: no process imports two clusters."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        "check",
        "--json",
        env={**environment, "CLUSTER": name, "PORT": ""},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    output, _ = await process.communicate()
    try:
        report: dict[str, Any] = json.loads(output)
    except ValueError:
        return {}
    return report


async def _start(name: str, report: Mapping[str, Any], environment: dict[str, str], used: set[int]) -> Member:
    wanted = report.get("port") or 0
    # Not left to the member: while it finds out, whoever has the port would answer in its name.
    port = wanted if wanted and wanted not in used and _is_free(wanted) else _free_port()
    note = f" (its port {wanted} is taken by another process)" if wanted and port != wanted else ""
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        env={**environment, "CLUSTER": name, "PORT": str(port)},
        stdin=asyncio.subprocess.DEVNULL,
        # A session of its own: Ctrl-C reaches this process, which then stops the members in order.
        start_new_session=True,
    )
    return Member(name, port, report.get("boundary", "unknown"), process, note)


async def _watch_start(member: Member) -> None:
    """Ask a member whether it is ready until it is, or gives up."""
    answer: dict[str, Any] = {}
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(START_SECONDS), ClientSession(timeout=ClientTimeout(total=START_SECONDS)) as session:
            while member.process.returncode is None:
                with contextlib.suppress(ClientError, ValueError, TimeoutError):
                    async with session.get(f"http://127.0.0.1:{member.port}/ready") as response:
                        answer = await response.json()
                    break
                await asyncio.sleep(0.05)
    member.tools = answer.get("tools", 0)
    if member.process.returncode is not None:
        member.state = f"exited with status {member.process.returncode}; its reason stands above"
    elif not answer:
        member.state = f"no answer within {START_SECONDS:g} s"
    else:
        member.state = "; ".join([str(answer.get("status", "unknown")), *answer.get("reasons", ())]) + member.note


def _print_table(members: list[Member]) -> None:
    rows: list[list[str]] = []
    for member in members:
        colour = "green" if member.state.startswith("ready") else "red"
        tools = str(member.tools) if member.tools else "-"
        rows.append([member.cluster, member.url, tools, member.boundary, paint(member.state, colour)])
    print(table(["CLUSTER", "URL", "TOOLS", "BOUNDARY", "STATE"], rows), flush=True)


async def _until(stop: asyncio.Event, members: list[Member]) -> None:
    """Wait for the signal; say so when a member ends by itself, and return when none is left."""
    asked = asyncio.ensure_future(stop.wait())
    ends = {asyncio.ensure_future(member.process.wait()): member for member in members}
    while ends and not asked.done():
        done, _ = await asyncio.wait([asked, *ends], return_when=asyncio.FIRST_COMPLETED)
        for end in done - {asked}:
            member = ends.pop(end)
            print(paint(f"{member.cluster} ended with status {end.result()}", "red"), flush=True)
    for task in (asked, *ends):
        task.cancel()


async def _stop(member: Member) -> None:
    if member.process.returncode is not None:
        return
    member.process.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await member.process.wait()
    except TimeoutError:
        member.process.kill()
        await member.process.wait()


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

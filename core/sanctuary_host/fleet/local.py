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
from sanctuary_host.fleet import child
from sanctuary_host.fleet.attached import Attached, attached
from sanctuary_host.fleet.gateway import PORT
from sanctuary_host.fleet.home import Home
from sanctuary_host.plugins import installed
from sanctuary_host.settings import read_secret
from sanctuary_host.shapes import is_object

ASKED: Final = "utils"
"""The cluster whose tool tells the time."""
START_SECONDS: Final = 60.0
"""How long a cluster may take until it answers."""
STOP_SECONDS: Final = 15.0
"""How long it may take to finish its calls when asked to stop."""
REGISTER_SECONDS: Final = 60.0
"""How long it may take until the gateway knows it, from when both answer."""
WELL: Final = frozenset({"registered", "degraded", "paused"})
LOST: Final = frozenset({"unauthorized", "rejected", "conflict"})
"""States of a registration that change by somebody's hand only."""
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
    registration: str = "-"
    gateway_name: str = ""
    reason: str = ""

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
    async with attached(environment) as gateway:
        members: list[Member] = []
        try:
            reports = asyncio.gather(*(_report(name, environment) for name in names))
            await _unless(stop, asyncio.gather(reports, gateway.start(environment)))
            if not stop.is_set():
                told = {**environment, **gateway.variables()}
                for name, report in zip(names, reports.result(), strict=True):
                    members.append(await _start(name, report, told, {member.port for member in members}))
                await _unless(stop, asyncio.gather(gateway.answer(), *(_watch_start(member) for member in members)))
            if not stop.is_set() and gateway.url and not gateway.trouble:
                await _unless(stop, asyncio.gather(*(_watch_registration(member) for member in members)))
            if not stop.is_set():
                _print_table(members, gateway)
                await _unless(stop, asyncio.ensure_future(_print_gateway(members, gateway, environment)))
            if any(member.process.returncode is None for member in members):
                if not stop.is_set():
                    print(paint("Ctrl-C stops them all.", "dim"), flush=True)
                await _until(stop, members, gateway)
        finally:
            await asyncio.gather(*(child.stop(member.process, STOP_SECONDS) for member in members))
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
    # In a session of its own: Ctrl-C reaches this process, which then stops the members in order.
    own = {**environment, "CLUSTER": name, "PORT": str(port)}
    process = await child.start(COMMAND, own, death=signal.SIGTERM)
    return Member(name, port, report.get("boundary", "unknown"), process, note)


async def _watch_start(member: Member) -> None:
    """Ask a member whether it is ready until it is, or gives up."""
    answer: dict[str, Any] = {}
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(START_SECONDS), ClientSession(timeout=ClientTimeout(total=START_SECONDS)) as session:
            while member.process.returncode is None and not answer:
                answer = await _ask(member, session)
    member.tools = answer.get("tools", 0)
    if member.process.returncode is not None:
        member.state = f"exited with status {member.process.returncode}; its reason stands above"
    elif not answer:
        member.state = f"no answer within {START_SECONDS:g} s"
    else:
        member.state = "; ".join([str(answer.get("status", "unknown")), *answer.get("reasons", ())]) + member.note


async def _watch_registration(member: Member) -> None:
    """Ask a member how it stands with the gateway, until it is registered or somebody would have to help."""
    with contextlib.suppress(TimeoutError):
        async with (
            asyncio.timeout(REGISTER_SECONDS),
            ClientSession(timeout=ClientTimeout(total=REGISTER_SECONDS)) as session,
        ):
            while member.process.returncode is None and member.registration not in WELL | LOST:
                block = (await _ask(member, session)).get("registration")
                if is_object(block):
                    member.registration = str(block.get("state", "-"))
                    member.gateway_name = str(block.get("name", ""))
                    member.reason = str(block.get("sentence", ""))


async def _ask(member: Member, session: ClientSession) -> dict[str, Any]:
    """What a member says of itself; nothing where it does not answer yet."""
    with contextlib.suppress(ClientError, ValueError, TimeoutError):
        async with session.get(f"http://127.0.0.1:{member.port}/ready") as response:
            answer: Any = await response.json()
            if is_object(answer):
                return dict(answer)
    await asyncio.sleep(0.05)
    return {}


def _print_table(members: list[Member], gateway: Attached) -> None:
    rows: list[list[str]] = []
    for member in members:
        colour = "green" if member.state.startswith("ready") else "red"
        tools = str(member.tools) if member.tools else "-"
        known = [member.registration] if gateway.url else []
        rows.append([member.cluster, member.url, tools, member.boundary, *known, paint(member.state, colour)])
    headings = ["CLUSTER", "URL", "TOOLS", "BOUNDARY", *(["GATEWAY"] if gateway.url else []), "STATE"]
    print(table(headings, rows), flush=True)
    for member in members:
        if gateway.url and member.reason:
            print(paint(f"{member.cluster} at the gateway: {member.reason}", "yellow"), flush=True)
    if gateway.trouble:
        print(paint(f"There is no gateway: {gateway.trouble}. The clusters serve without it.", "yellow"), flush=True)


async def _print_gateway(members: list[Member], gateway: Attached, environment: Mapping[str, str]) -> None:
    """Show that a client reaches the fleet through the gateway, and how another one does."""
    if gateway.home is None or gateway.gateway is None or gateway.trouble:
        return
    for member in members:
        if member.cluster == ASKED and member.registration in WELL:
            await _prove(member, gateway.url, gateway.home, environment)
    taken = "" if gateway.url.endswith(f":{PORT}") else f" (port {PORT} is taken by another process)"
    print(f"\nGateway  {gateway.url}/mcp{taken}", flush=True)
    print(f"Token    in {gateway.home.client_token}", flush=True)
    print("Clients  sanctuary-host config --mode gateway --client claude-code", flush=True)


async def _prove(member: Member, url: str, home: Home, environment: Mapping[str, str]) -> None:
    from sanctuary_host.fleet import proof  # noqa: PLC0415  # for start-up cost: where no gateway is, nobody asks

    token = home.client_token.read_text(encoding="ascii")
    own = read_secret("SANCTUARY_TOKEN", environment) or ""
    print(f"\n{paint('What time is it?', 'bold')}", flush=True)
    try:
        proved = await proof.prove(url, token, member.gateway_name, member.url, own)
    except proof.ProofError as error:
        print(paint(f"The gateway does not tell: {error}", "red"), flush=True)
        return
    print(paint(proved.answer, "green"))
    part = f"{proved.server * 1000:.1f} ms of it are the server's"
    print(
        f"Asked by an MCP client through the gateway: {proved.through * 1000:.0f} ms; "
        f"{paint(part, 'green' if proved.server < proof.LIMIT else 'red')} (medians of {proof.TIMES}).",
        flush=True,
    )


async def _until(stop: asyncio.Event, members: list[Member], gateway: Attached) -> None:
    """Wait for the signal; say so when a process ends by itself, and return when no member is left."""
    asked = asyncio.ensure_future(stop.wait())
    ends = {asyncio.ensure_future(member.process.wait()): member.cluster for member in members}
    left = set(ends)
    if gateway.gateway is not None and not gateway.trouble:
        ends[asyncio.ensure_future(gateway.gateway.process.wait())] = "the gateway"
    while left and not asked.done():
        done, _ = await asyncio.wait([asked, *ends], return_when=asyncio.FIRST_COMPLETED)
        for end in done - {asked}:
            left.discard(end)
            print(paint(f"{ends.pop(end)} ended with status {end.result()}", "red"), flush=True)
    for task in (asked, *ends):
        task.cancel()


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

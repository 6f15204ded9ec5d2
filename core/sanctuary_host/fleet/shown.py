"""What `sanctuary-host up` shows: the table, a question put through the gateway, and how clients connect."""

from __future__ import annotations

import asyncio
import shlex
import sys
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final

from sanctuary_host.commands.table import Painted, broken_table, paint, printable
from sanctuary_host.fleet.attached import Attached
from sanctuary_host.fleet.clients import TOKEN
from sanctuary_host.fleet.configure import GATEWAY, own_command
from sanctuary_host.fleet.gateway import PORT
from sanctuary_host.fleet.home import Home
from sanctuary_host.fleet.member import Member
from sanctuary_host.gateway.reconcile import WELL
from sanctuary_host.settings import read_secret

ASKED: Final = "utils"
"""The cluster whose tool tells the time."""
TICK_SECONDS: Final = 1.0


def print_table(members: Sequence[Member], idle: Mapping[str, Sequence[str]], gateway: Attached) -> None:
    """Show each cluster in a line, and below them what is not as it should be.

    Args:
        members: the clusters that run.
        idle: those that do not, with the settings that would give them folders to work on.
        gateway: where they are registered.
    """
    rows: list[list[str | Painted]] = []
    for member in members:
        tools = str(member.tools) if member.tools else "-"
        known = [member.registration] if gateway.url else []
        state = Painted(member.state, "green" if member.state == "ready" else "red")
        rows.append([member.cluster, member.url, tools, member.boundary, *known, state])
    headings = ["CLUSTER", "URL", "TOOLS", "BOUNDARY", *(["GATEWAY"] if gateway.url else []), "STATE"]
    print(broken_table(headings, rows), flush=True)
    for member in members:
        for sentence in member.sentences:
            print(paint(f"{member.cluster}: {printable(sentence)}", "yellow"), flush=True)
        if gateway.url and member.reason:
            print(paint(f"{member.cluster} at the gateway: {printable(member.reason)}", "yellow"), flush=True)
    for cluster, settings in idle.items():
        print(f"{cluster} is not run; set {settings[0]}=/path to give it a folder.", flush=True)
    if gateway.trouble:
        print(paint(f"There is no gateway: {gateway.trouble}. The clusters serve without it.", "yellow"), flush=True)


async def print_gateway(members: Sequence[Member], gateway: Attached, environment: Mapping[str, str]) -> None:
    """Show that a client reaches the fleet through a gateway of our own, and how another one does."""
    if gateway.home is None or gateway.gateway is None or gateway.trouble:
        return
    for member in members:
        if member.cluster == ASKED and member.registration in WELL:
            await _prove(member, gateway.url, gateway.home, environment)
    taken = "" if gateway.url.endswith(f":{PORT}") else f" (port {PORT} is taken by another process)"
    named = "" if gateway.url == GATEWAY else f"GATEWAY_URL={gateway.url} "
    token = str(gateway.home.client_token)
    print(f"\nGateway  {gateway.url}/mcp{taken}", flush=True)
    print(f"Token    in {token}", flush=True)
    print(f'Clients  export {TOKEN}="$(cat {shlex.quote(token)})"', flush=True)
    print(f"         {named}{shlex.join(own_command())} config --client claude-code", flush=True)


async def _prove(member: Member, url: str, home: Home, environment: Mapping[str, str]) -> None:
    from sanctuary_host.fleet import proof  # noqa: PLC0415  # for start-up cost: where no gateway is, nobody asks

    token = home.client_token.read_text(encoding="ascii")
    own = read_secret("SANCTUARY_TOKEN", environment) or ""
    try:
        proved = await proof.prove(url, token, member.gateway_name, member.url, own)
    except proof.ProofError as error:
        answer = paint(f"The gateway does not tell: {printable(str(error))}", "red")
    else:
        part = f"{proved.server * 1000:.1f} ms"
        answer = (
            f"{paint(printable(proved.answer), 'green')}\nAsked through the gateway: {proved.through * 1000:.0f} ms; "
            f"the server's part: {paint(part, 'green' if proved.server < proof.LIMIT else 'red')} "
            f"(medians of {proof.TIMES})."
        )
    # Only now: the servers' records of the calls would stand between question and answer.
    print(f"\n{paint('What time is it?', 'bold')}\n{answer}", flush=True)


@asynccontextmanager
async def progress(text: str) -> AsyncGenerator[None]:
    """Say what takes a while: with the seconds on a terminal, in one line elsewhere."""
    if not sys.stdout.isatty():
        print(f"{text} …", flush=True)
        yield
        return
    ticking = asyncio.create_task(_tick(text))
    try:
        yield
    finally:
        ticking.cancel()
        print("\x1b[K", end="", flush=True)


async def _tick(text: str) -> None:
    begun = time.monotonic()
    with suppress(OSError):  # whoever prints next finds out that the terminal is gone
        while True:
            # Back to the beginning of the line, so that whatever else is printed stands there in its place.
            print(f"\x1b[K{text} … {time.monotonic() - begun:.0f} s", end="\r", flush=True)
            await asyncio.sleep(TICK_SECONDS)

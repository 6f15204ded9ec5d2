"""One cluster of the local fleet: started as a process, and asked how it is."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import ClientError, ClientSession, ClientTimeout

from sanctuary_host.fleet import child
from sanctuary_host.fleet.ports import bound
from sanctuary_host.gateway.reconcile import WELL
from sanctuary_host.shapes import is_array, is_object

START_SECONDS: Final = 60.0
"""How long a cluster may take until it answers: 3 s where little else runs, 20 s where a gateway starts beside many."""
STOP_SECONDS: Final = 15.0
"""How long it may take to finish its calls when asked to stop."""
REGISTER_SECONDS: Final = 60.0
"""How long it may take until the gateway knows it, from when both answer."""
LOST: Final = frozenset({"unauthorized", "rejected", "conflict"})
"""States of a registration that change by somebody's hand only."""
COMMAND: Final = (sys.executable, "-m", "sanctuary_host")


@dataclass
class Member:
    """One cluster of the running fleet.

    Attributes:
        state: a word or two.
        sentences: what else is to be said of it.
        registration: its state at the gateway, a word.
        gateway_name: its name there.
        reason: why it is not well there.
    """

    cluster: str
    port: int
    boundary: str
    process: asyncio.subprocess.Process
    sentences: list[str]
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

    async def stop(self) -> None:
        """Have it finish its calls, and end it."""
        await child.stop(self.process, STOP_SECONDS)

    async def watch_start(self) -> None:
        """Ask it whether it is ready until it is, or gives up."""
        answer: dict[str, Any] = {}
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_SECONDS), _session(START_SECONDS) as session:
                while self.process.returncode is None and not answer:
                    answer = await self._ask(session)
        if self.process.returncode is not None:
            self.state = "ended"
            self.sentences.append(f"it {how(self.process.returncode)}; its reason stands above")
        elif not answer:
            self.state = "silent"
            self.sentences.append(f"it gave no answer within {START_SECONDS:g} s")
        else:
            self.tools = answer.get("tools", 0)
            self.state = str(answer.get("status", "unknown"))
            reasons = answer.get("reasons")
            self.sentences += [str(reason) for reason in reasons] if is_array(reasons) else []

    async def watch_registration(self, final: AbstractSet[str]) -> None:
        """Ask it how it stands with the gateway, until it is registered or in one of the states that are final."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(REGISTER_SECONDS), _session(REGISTER_SECONDS) as session:
                while self.process.returncode is None and self.registration not in WELL | final:
                    block = (await self._ask(session)).get("registration")
                    if is_object(block):
                        self.registration = str(block.get("state", "-"))
                        self.gateway_name = str(block.get("name", ""))
                        self.reason = str(block.get("sentence", ""))

    async def _ask(self, session: ClientSession) -> dict[str, Any]:
        """What it says of itself; nothing where it does not answer yet."""
        with contextlib.suppress(ClientError, ValueError, TimeoutError):
            async with session.get(f"http://127.0.0.1:{self.port}/ready") as response:
                answer: Any = await response.json()
                if is_object(answer):
                    return dict(answer)
        await asyncio.sleep(0.05)
        return {}


async def report(name: str, environment: Mapping[str, str]) -> dict[str, Any]:
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
        said: dict[str, Any] = json.loads(output)
    except ValueError:
        return {}
    return said


async def start(name: str, said: Mapping[str, Any], environment: Mapping[str, str], used: AbstractSet[int]) -> Member:
    """Start a cluster.

    Args:
        name: its own.
        said: what `report` returned.
        environment: what it is to know.
        used: ports that others of the fleet have.
    """
    wanted = said.get("port") or 0
    # Not left to the member: while it finds out, whoever has the port would answer in its name.
    with bound(0 if wanted in used else wanted) as holder:
        port: int = holder.getsockname()[1]
    note = [f"its port {wanted} is taken by another process"] if wanted and port != wanted else []
    # In a session of its own: Ctrl-C reaches this process, which then stops the members in order.
    own = {**environment, "CLUSTER": name, "PORT": str(port)}
    process = await child.start(COMMAND, own, death=signal.SIGTERM)
    return Member(name, port, said.get("boundary", "unknown"), process, note)


def how(status: int) -> str:
    """How a process ended, after "it"."""
    try:
        return f"was killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"ended with status {status}"


def _session(seconds: float) -> ClientSession:
    return ClientSession(timeout=ClientTimeout(total=seconds))

"""One process put together: plugins, workers, the calls between them and a transport, and all of it ended in order."""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import resource
import signal
import socket
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sanctuary_host.audited import Audit
from sanctuary_host.calls import Calls
from sanctuary_host.config import Config
from sanctuary_host.containment.orphans import bury
from sanctuary_host.containment.pool import Pool
from sanctuary_host.containment.steps import Watch
from sanctuary_host.containment.witness import Witness
from sanctuary_host.containment.zygote import Zygote
from sanctuary_host.jobs import MEMORY
from sanctuary_host.observe import traces
from sanctuary_host.observe.audit import Trail
from sanctuary_host.plugins import Cluster
from sanctuary_host.transport import stdio, web
from sanctuary_host.transport.limits import DEFAULTS

if TYPE_CHECKING:
    from sanctuary_host.gateway.registration import Membership

logger = logging.getLogger(__name__)

DESCRIPTORS: Final = 8192
"""Open files that the process asks to be allowed."""
OWN: Final = 48
"""Open files that are no connections of clients: workers, libraries, packs."""


async def serve_http(
    config: Config,
    cluster: Cluster,
    zygote: Zygote,
    listener: socket.socket,
    environment: Mapping[str, str],
    witness: Witness,
    trail: Trail | None = None,
    membership: Membership | None = None,
) -> None:
    """Serve a cluster over HTTP until SIGTERM or SIGINT, then finish what is in flight.

    Args:
        config: the process's settings.
        cluster: what is served.
        zygote: the fork server, made before the loop.
        listener: a bound socket.
        environment: where OpenTelemetry's variables are read from.
        witness: who finds out what confines the process.
        trail: the audit trail, where the cluster declares one.
        membership: its registration with a gateway; `None` where there is none.
    """
    stop = _stop_on_signals()
    tracing = traces.configure(environment, cluster.name, cluster.version)
    port = int(listener.getsockname()[1])
    token = config.token.get_secret_value() if config.token is not None else None
    async with (
        _calls(cluster, zygote, witness, trail) as calls,
        web.serving(
            calls,
            sock=listener,
            allowed_hosts=config.allowed_hosts(),
            token=token,
            stateless=config.stateless,
            tracing=tracing,
            limits=replace(DEFAULTS, connections=_connections()),
            witness=witness,
            registration=membership.loop if membership is not None else None,
            advertised=config.advertise_url,
            publish_as=config.publish_as,
        ),
    ):
        fields = {
            "event": "listening",
            "url": f"{config.url(port)}/mcp",
            "port": port,
            "tools": len(cluster.listed_tools()),
            "boundary": str(cluster.boundary),
        }
        logger.info("Serving cluster %s at %s", cluster.name, fields["url"], extra={"fields": fields})
        # Only now: a gateway looks at the server before it takes it.
        async with membership.kept() if membership is not None else nullcontext():
            await stop.wait()
            logger.info("Stopping cluster %s", cluster.name, extra={"fields": {"event": "stopping"}})


async def serve_stdio(
    cluster: Cluster,
    zygote: Zygote,
    descriptors: tuple[int, int],
    environment: Mapping[str, str],
    witness: Witness,
    trail: Trail | None = None,
) -> None:
    """Serve a cluster over two file descriptors, in and out, until the input ends or a signal asks for the end."""
    stop = _stop_on_signals()
    tracing = traces.configure(environment, cluster.name, cluster.version)
    async with _calls(cluster, zygote, witness, trail, "stdio") as calls:
        if os.isatty(descriptors[0]):
            logger.info("Speaking MCP over standard input and output; set PORT=8100 to serve HTTP instead")
        await stdio.serve(calls, *descriptors, stop=stop, tracing=tracing)


@asynccontextmanager
async def _calls(
    cluster: Cluster, zygote: Zygote, witness: Witness, trail: Trail | None, session: str = ""
) -> AsyncGenerator[Calls]:
    audit = Audit(cluster, trail, session) if trail is not None else None
    bury(zygote.pid)
    async with trail.kept() if trail is not None else nullcontext(), Pool(zygote) as pool:
        # In the background: nobody waits for a server that is busy with itself.
        room = cluster.plugins[0].distribution if cluster.plugins else ""
        asking = asyncio.create_task(witness.ask(pool, room, MEMORY))
        with Watch() as watch:
            calls = Calls(cluster, pool, audit=audit, watch=watch, alone=session == "stdio")
            try:
                yield calls
            finally:
                asking.cancel()
                await calls.end()
                await _end_plugins(cluster)


async def _end_plugins(cluster: Cluster) -> None:
    for ending in (ending for plugin in cluster.plugins for ending in plugin.host.endings):
        try:
            ended = ending()
            if inspect.isawaitable(ended):
                await ended
        except Exception:
            logger.exception("a plugin's shutdown callback failed")


def _connections() -> int:
    """How many connections the process's descriptors suffice for, after asking for more of them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):  # some platforms have a lower limit of their own
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    return max(8, min(DEFAULTS.connections, soft - OWN)) if soft != resource.RLIM_INFINITY else DEFAULTS.connections


def _stop_on_signals() -> asyncio.Event:
    """An event that the first SIGTERM, SIGINT or SIGHUP sets; a second one ends the process at once."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def first(number: signal.Signals) -> None:
        loop.remove_signal_handler(number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN:
            continue  # as nohup asks for
        loop.add_signal_handler(number, first, number)
    return stop

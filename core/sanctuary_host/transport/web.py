"""The HTTP server: all endpoints in one application, from the first connection to the last answer."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable

from aiohttp import web
from mcp_types import INTERNAL_ERROR

from sanctuary_host.calls import Calls
from sanctuary_host.containment.witness import Witness
from sanctuary_host.gateway.card import CARD_PATH
from sanctuary_host.transport.cards import Cards
from sanctuary_host.transport.connections import Connections
from sanctuary_host.transport.exchange import refusal
from sanctuary_host.transport.guard import Guard
from sanctuary_host.transport.health import Health, Registering
from sanctuary_host.transport.kernel import Kernel
from sanctuary_host.transport.limits import DEFAULTS, Limits
from sanctuary_host.transport.messages import RefusedError
from sanctuary_host.transport.modern import Modern
from sanctuary_host.transport.sse import Sse
from sanctuary_host.transport.streamable import Streamable

logger = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

GRACE = 1.0
"""Seconds for writing the answers of what was stopped."""


class Endpoints:
    """What is served over HTTP.

    Args:
        kernel: what handles the messages.
        token: what callers must present as a bearer token; `None` lets everybody in.
        allowed_hosts: names under which clients may call this server, besides those of the loopback interface.
        stateless: serve the handshake era without sessions.
        limits: how many and for how long.
        witness: who knows what confines the process, for /health; `None` where nobody looked.
        registration: who knows how the gateway knows this server, for /health; `None` where there is no gateway.
        advertised: the base URL under which others reach the server; see `Cards`.
        publish_as: the server's reverse-DNS name in its card; empty takes it from its URL.
    """

    def __init__(
        self,
        kernel: Kernel,
        *,
        token: str | None = None,
        allowed_hosts: Iterable[str] = (),
        stateless: bool = False,
        limits: Limits = DEFAULTS,
        witness: Witness | None = None,
        registration: Registering | None = None,
        advertised: str = "",
        publish_as: str = "",
    ) -> None:
        self.kernel = kernel
        self.limits = limits
        guard = Guard(token, allowed_hosts, limits)
        self.connections = Connections(limits)
        modern = Modern(kernel, guard, limits)
        self.streamable = Streamable(kernel, guard, limits, modern, self.connections, stateless=stateless)
        self.sse = Sse(kernel, guard, limits)
        self.health = Health(kernel, guard, lambda: len(self.streamable.table) + len(self.sse), witness, registration)
        self.cards = Cards(kernel.cluster, guard, token=token is not None, advertised=advertised, publish_as=publish_as)

    def application(self) -> web.Application:
        """The application. It may be mounted in another one; then its owner sees to `drain`."""
        application = web.Application(client_max_size=self.limits.message)
        application.cleanup_ctx.append(self._living)
        for path, handler in (
            ("/mcp", self.streamable.handle),
            ("/mcp/", self.streamable.handle),
            ("/sse", self.sse.listen),
            ("/messages", self.sse.post),
            ("/messages/", self.sse.post),
            ("/health", self.health.health),
            ("/ready", self.health.ready),
            ("/metrics", self.health.metrics),
            (CARD_PATH, self.cards.card),
            ("/.well-known/mcp/server-card.json", self.cards.card),
            ("/.well-known/ai-catalog.json", self.cards.catalog),
            ("/{path:.*}", _nothing),
        ):
            application.router.add_route("*", path, self._refusing(handler))
        return application

    async def drain(self) -> None:
        """Take up nothing new, let what is in flight come to its end, and end every stream."""
        self.kernel.draining = True
        self.streamable.end_streams()
        self.kernel.end_listening()
        answered = asyncio.ensure_future(asyncio.gather(self._settled(), self.sse.drain()))
        done, _ = await asyncio.wait([answered], timeout=self.limits.shutdown)
        if not done:
            logger.warning("stopped %d calls that were still running", len(self.kernel.running))
            for dispatch in list(self.kernel.running):
                dispatch.cancel()
            await asyncio.wait([answered], timeout=GRACE)
            answered.cancel()

    def _refusing(self, handler: Handler) -> Handler:
        """The handler, with refusals as responses."""

        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                with self.connections.asking(request):
                    return await handler(request)
            except RefusedError as error:
                return refusal(error)
            except ConnectionError:
                raise
            except Exception:
                logger.exception("an HTTP request could not be answered")
                return refusal(
                    RefusedError("the request failed; the host's log has the details", code=INTERNAL_ERROR, status=500)
                )

        return handle

    async def _settled(self) -> None:
        while tasks := {one.task for one in self.kernel.running if one.task is not None}:
            await asyncio.wait(tasks)

    async def _living(self, _: web.Application) -> AsyncIterator[None]:
        async with self.health.measured(), self.streamable.table.swept(), self.connections.watched():
            yield


@contextlib.asynccontextmanager
async def serving(
    calls: Calls,
    *,
    sock: socket.socket,
    allowed_hosts: Iterable[str] = (),
    token: str | None = None,
    stateless: bool = False,
    tracing: bool = False,
    limits: Limits = DEFAULTS,
    witness: Witness | None = None,
    registration: Registering | None = None,
    advertised: str = "",
    publish_as: str = "",
) -> AsyncGenerator[Endpoints]:
    """Serve a cluster over HTTP meanwhile, and at the end let what is in flight come to its end first.

    Args:
        calls: the cluster and the place where its code runs.
        sock: a bound socket.
        allowed_hosts: names under which clients may call this server, besides those of the loopback interface.
        token: what callers must present as a bearer token; `None` lets everybody in.
        stateless: serve the handshake era without sessions.
        tracing: keep the SDK's OpenTelemetry spans.
        limits: how many and for how long.
        witness: who knows what confines the process, for /health; `None` where nobody looked.
        registration: who knows how the gateway knows this server, for /health; `None` where there is no gateway.
        advertised: the base URL under which others reach the server; see `Cards`.
        publish_as: the server's reverse-DNS name in its card; empty takes it from its URL.
    """
    kernel = Kernel(calls, tracing=tracing)
    endpoints = Endpoints(
        kernel,
        token=token,
        allowed_hosts=allowed_hosts,
        stateless=stateless,
        limits=limits,
        witness=witness,
        registration=registration,
        advertised=advertised,
        publish_as=publish_as,
    )
    runner = web.AppRunner(endpoints.application(), access_log=None, shutdown_timeout=GRACE)
    await runner.setup()
    try:
        server = runner.server
        assert server is not None, "it was set up"
        listening = await asyncio.get_running_loop().create_server(
            # So many are accepted at once, before any can be refused.
            lambda: endpoints.connections.accepted(server),
            sock=sock,
            backlog=min(1024, max(8, limits.connections // 2)),
        )
        try:
            yield endpoints
        finally:
            # What comes now is answered with 503, which says more than a refused connection would.
            await endpoints.drain()
            listening.close()
    finally:
        await runner.cleanup()


async def _nothing(request: web.Request) -> web.StreamResponse:
    del request  # its path is the caller's, and not repeated
    raise RefusedError(
        "nothing is served here; MCP is at /mcp and /sse, the rest at /health, /ready, /metrics and /mcp/server-card",
        status=404,
    )

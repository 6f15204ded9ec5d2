"""What operators ask: `/health`, is the process alive; `/ready`, can the cluster serve; `/metrics`, how it goes."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any, Final, Protocol

from aiohttp import hdrs, web

from sanctuary_host.containment.witness import Witness
from sanctuary_host.transport.exchange import json_response
from sanctuary_host.transport.guard import Guard
from sanctuary_host.transport.kernel import Kernel
from sanctuary_host.transport.messages import RefusedError, encode

BEAT: Final = 0.5
"""Seconds between two measurements of the loop's lag."""
BEATS: Final = 20
"""Measurements of which the worst is shown."""
READY_SECONDS: Final = 5.0


class Registering(Protocol):
    """How the gateway knows this server; see `gateway.reconcile`."""

    @property
    def attempts(self) -> Mapping[Any, int]:
        """How many requests ended in which way."""
        ...

    @property
    def is_registered(self) -> bool:
        """Whether it does."""
        ...

    def state(self) -> dict[str, Any]:
        """The whole of it."""
        ...


class Health:
    """The answers, for which nobody needs a token.

    Args:
        kernel: what is asked about.
        guard: whose names for this server count here too.
        sessions: how many sessions there are.
        witness: who knows what confines the process; `None` where nobody looked.
        registration: who knows how the gateway knows this server; `None` where there is no gateway.
    """

    def __init__(
        self,
        kernel: Kernel,
        guard: Guard,
        sessions: Callable[[], int],
        witness: Witness | None,
        registration: Registering | None = None,
    ) -> None:
        self._kernel = kernel
        self._guard = guard
        self._sessions = sessions
        self._witness = witness
        self._registration = registration
        if registration is not None:
            kernel.calls.metrics.follow_registration(lambda: (registration.is_registered, registration.attempts))
        self._started: float | None = None
        self._lags: deque[float] = deque(maxlen=BEATS)

    async def health(self, request: web.Request) -> web.StreamResponse:
        """Answer `GET /health`, without waiting for anything.

        Raises:
            RefusedError: it was asked in a wrong way.
        """
        self._check(request)
        loop = asyncio.get_running_loop()
        kernel = self._kernel
        state: dict[str, Any] = {
            "status": "draining" if kernel.draining else "ok",
            "cluster": kernel.cluster.name,
            "version": kernel.cluster.version,
            "uptime_s": round(loop.time() - self._started, 1) if self._started is not None else 0.0,
            "loop_lag_ms": round(max(self._lags, default=0.0) * 1000, 1),
            "sessions": self._sessions(),
            "in_flight": len(kernel.running),
            "faults": list(kernel.cluster.faults),
            "tools": kernel.calls.states(),
        }
        if kernel.calls.audit is not None:
            trail = kernel.calls.audit.trail
            state["audit"] = {"records": trail.written, **({"fault": trail.fault} if trail.fault else {})}
        if self._witness is not None:
            state["confinement"] = self._witness.wire()
        if self._registration is not None:
            state["registration"] = self._registration.state()
        return json_response(encode(state))

    async def metrics(self, request: web.Request) -> web.StreamResponse:
        """Answer `GET /metrics` in Prometheus' text format.

        Raises:
            RefusedError: it was asked in a wrong way.
        """
        self._check(request)
        headers = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        return web.Response(body=self._kernel.calls.metrics.text(), headers=headers)

    async def ready(self, request: web.Request) -> web.StreamResponse:
        """Answer `GET /ready`: 200, or 503 with a sentence for each reason.

        Raises:
            RefusedError: it was asked in a wrong way.
        """
        self._check(request)
        reasons = ["the server is stopping"] if self._kernel.draining else await self._reasons()
        cluster = self._kernel.cluster
        state: dict[str, Any] = {
            "status": "not ready" if reasons else "ready",
            "cluster": cluster.name,
            "tools": len(cluster.listed_tools()),
            "reasons": reasons,
        }
        if self._registration is not None:
            # No reason not to be ready: a server that is taken out of the network for it would never be registered.
            state["registration"] = self._registration.state()
        return json_response(encode(state), 503 if reasons else 200)

    @contextlib.asynccontextmanager
    async def measured(self) -> AsyncGenerator[None]:
        """Measure the loop's lag meanwhile."""
        self._started = asyncio.get_running_loop().time()
        task = asyncio.create_task(self._measure())
        try:
            yield
        finally:
            task.cancel()

    async def _measure(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + BEAT
            await asyncio.sleep(BEAT)
            self._lags.append(max(0.0, loop.time() - due))

    async def _reasons(self) -> list[str]:
        try:
            async with asyncio.timeout(READY_SECONDS):
                holes = await self._witness.unready() if self._witness is not None else []
                return [*holes, *await self._kernel.calls.unready()]
        except TimeoutError:
            return [f"the cluster did not say within {READY_SECONDS:g} s whether it is ready"]

    def _check(self, request: web.Request) -> None:
        self._guard.check_host(request)
        if request.method not in {hdrs.METH_GET, hdrs.METH_HEAD}:
            raise RefusedError("this address takes GET", status=405, headers={hdrs.ALLOW: "GET, HEAD"})

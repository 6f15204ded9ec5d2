"""The connections of one server: who says nothing is cut after a while, and who hangs up has no answer made for it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any, Final

from aiohttp import web

from sanctuary_host.transport.limits import Limits

logger = logging.getLogger(__name__)

SWEEP: Final = 5.0
"""Seconds between two looks at how long connections have been silent."""


class Connections:
    """The connections of one server.

    A request's body and the reading of its answer have limits of their own; these are for whoever connects and says
    nothing, or a header a minute, and would keep all descriptors of the process busy.

    Args:
        limits: how many there may be, and how long they may be silent.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._asking: dict[Any, int] = {}
        self._silent: dict[Any, float] = {}
        self._lost: dict[Any, Callable[[], object]] = {}

    @contextlib.contextmanager
    def asking(self, request: web.Request) -> Generator[None]:
        """The connection of `request` is not silent meanwhile; losing it cancels the task that answers."""
        connection = request.protocol
        self._silent.pop(connection, None)
        self._asking[connection] = self._asking.get(connection, 0) + 1
        if (task := asyncio.current_task()) is not None:
            self._lost[connection] = task.cancel
        try:
            yield
        finally:
            self._lost.pop(connection, None)
            if connection in self._asking:
                self._asking[connection] -= 1
                if not self._asking[connection]:
                    del self._asking[connection]
                    if connection.transport is not None:
                        self._silent[connection] = asyncio.get_running_loop().time()

    def outlive(self, request: web.Request, lost: Callable[[], object]) -> None:
        """Have the task that answers `request` go on though the connection is lost, which calls `lost` alone."""
        self._lost[request.protocol] = lost

    def accepted(self, server: web.Server) -> asyncio.BaseProtocol:
        """The protocol of a connection that was just accepted; the one that is silent for longest makes room."""
        if len(self._asking) + len(self._silent) >= self._limits.connections:
            self._forget()
        while len(self._asking) + len(self._silent) >= self._limits.connections and self._silent:
            logger.info("cut off a silent connection to make room for another one")
            self._cut(next(iter(self._silent)))
        connection = server()
        self._silent[connection] = asyncio.get_running_loop().time()
        return _Line(connection, self._hung_up)

    @contextlib.asynccontextmanager
    async def watched(self) -> AsyncGenerator[None]:
        """Cut off meanwhile what is silent for too long."""
        task = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            task.cancel()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(min(SWEEP, self._limits.silence / 4))
            self._forget()
            horizon = asyncio.get_running_loop().time() - self._limits.silence
            for connection in [one for one, since in self._silent.items() if since < horizon]:
                self._cut(connection)

    def _forget(self) -> None:
        now = asyncio.get_running_loop().time()
        for connection in [one for one, since in self._silent.items() if _is_closed(one, now - since)]:
            del self._silent[connection]

    def _hung_up(self, connection: Any) -> None:
        self._asking.pop(connection, None)
        if (lost := self._lost.pop(connection, None)) is not None:
            lost()

    def _cut(self, connection: Any) -> None:
        self._silent.pop(connection, None)
        if connection.transport is not None:
            connection.transport.abort()


class _Line(asyncio.Protocol):
    """Hands everything on to aiohttp, and tells when the connection is lost.

    By itself, aiohttp can only cancel all that it answers or nothing.
    """

    def __init__(self, connection: web.RequestHandler, lost: Callable[[Any], None]) -> None:
        self._connection = connection
        self._lost = lost
        # Straight on, without a method in between: they come so often.
        self.data_received = connection.data_received  # type: ignore[method-assign]  # as above
        self.pause_writing = connection.pause_writing  # type: ignore[method-assign]  # as above
        self.resume_writing = connection.resume_writing  # type: ignore[method-assign]  # as above

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._connection.connection_made(transport)

    def eof_received(self) -> None:
        self._connection.eof_received()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._connection.connection_lost(exc)
        self._lost(self._connection)


def _is_closed(connection: Any, silent: float) -> bool:
    if connection.transport is None:
        return silent > 1.0  # before that, it may not have been made yet
    return bool(connection.transport.is_closing())

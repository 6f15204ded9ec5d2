"""Connections that ask nothing: cut after a while, and the first to go where there are too many."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Generator
from typing import Any, Final

from aiohttp import web

from sanctuary_host.transport.limits import Limits

logger = logging.getLogger(__name__)

SWEEP: Final = 5.0
"""Seconds between two looks at how long connections have been silent."""


class Connections:
    """The connections of one server.

    A request's body and the reading of its answer have limits of their own; this is for whoever connects and says
    nothing, or a header a minute, and would keep all descriptors of the process busy.

    Args:
        limits: how many there may be, and how long they may be silent.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._asking: dict[Any, int] = {}
        self._silent: dict[Any, float] = {}

    @contextlib.contextmanager
    def asking(self, request: web.Request) -> Generator[None]:
        """The connection of `request` is not silent meanwhile."""
        connection = request.protocol
        self._silent.pop(connection, None)
        self._asking[connection] = self._asking.get(connection, 0) + 1
        try:
            yield
        finally:
            self._asking[connection] -= 1
            if not self._asking[connection]:
                del self._asking[connection]
                if connection.transport is not None:
                    self._silent[connection] = asyncio.get_running_loop().time()

    def accepted(self, server: web.Server) -> asyncio.BaseProtocol:
        """The protocol of a connection that was just accepted; the one that is silent for longest makes room."""
        if len(self._asking) + len(self._silent) >= self._limits.connections:
            self._forget()
        while len(self._asking) + len(self._silent) >= self._limits.connections and self._silent:
            logger.info("cut off a silent connection to make room for another one")
            self._cut(next(iter(self._silent)))
        connection: asyncio.BaseProtocol = server()
        self._silent[connection] = asyncio.get_running_loop().time()
        return connection

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

    def _cut(self, connection: Any) -> None:
        self._silent.pop(connection, None)
        if connection.transport is not None:
            connection.transport.abort()


def _is_closed(connection: Any, silent: float) -> bool:
    if connection.transport is None:
        return silent > 1.0  # before that, it may not have been made yet
    return bool(connection.transport.is_closing())

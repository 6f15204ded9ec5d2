"""The streamable HTTP sessions: found by id and credential, bounded in number and age."""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import AsyncGenerator, Iterator

from sanctuary_host.transport.limits import Limits
from sanctuary_host.transport.messages import RefusedError
from sanctuary_host.transport.session import Session


class Table:
    """Sessions in the order of their last use, the longest idle first."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._sessions: OrderedDict[str, Session] = OrderedDict()

    def __len__(self) -> int:
        """How many there are."""
        return len(self._sessions)

    def __iter__(self) -> Iterator[Session]:
        """The sessions, the longest idle first."""
        return iter(list(self._sessions.values()))

    async def add(self, session: Session) -> None:
        """Take a session in; the longest idle one makes room for it where there is none left.

        Raises:
            RefusedError: there is no room, and every session is busy.
        """
        if len(self._sessions) >= self._limits.sessions:
            idle = next((one for one in self._sessions.values() if not one.busy), None)
            if idle is None:
                raise RefusedError("all sessions of this server are busy; try again later", status=503)
            await self.drop(idle)
        session.used = asyncio.get_running_loop().time()
        self._sessions[session.id] = session

    def find(self, session_id: str | None, owner: bytes) -> Session:
        """A session of that caller's.

        Raises:
            RefusedError: no id was given, or the caller has no such session.
        """
        if session_id is None:
            raise RefusedError("no session: send initialize first, and then the Mcp-Session-Id that its answer names")
        session = self._sessions.get(session_id)
        if session is None or session.owner != owner:
            # Clients initialize anew when they see 404.
            raise RefusedError("this session has ended, or never was; send initialize again", status=404)
        session.used = asyncio.get_running_loop().time()
        self._sessions.move_to_end(session_id)
        return session

    async def drop(self, session: Session) -> None:
        """End a session."""
        self._sessions.pop(session.id, None)
        await session.close()

    async def sweep(self) -> None:
        """End the sessions that were idle for too long."""
        horizon = asyncio.get_running_loop().time() - self._limits.idle
        for session in self:
            if session.used > horizon:
                break
            if not session.busy:
                await self.drop(session)

    @contextlib.asynccontextmanager
    async def swept(self) -> AsyncGenerator[None]:
        """Sweep from time to time, and end all sessions at the end."""
        task = asyncio.create_task(self._keep_sweeping())
        try:
            yield
        finally:
            task.cancel()
            for session in self:
                await self.drop(session)

    async def _keep_sweeping(self) -> None:
        while True:
            await asyncio.sleep(min(30.0, max(1.0, self._limits.idle / 4)))
            await self.sweep()

"""HTTP with server-sent events, protocol version 2024-11-05: GET /sse opens a stream, POST /messages feeds it."""

from __future__ import annotations

import asyncio
import re
import uuid
from typing import Final

from aiohttp import hdrs, web
from multidict import istr

from sanctuary_host.transport.duplex import Duplex
from sanctuary_host.transport.guard import CORRELATION_ID, Guard, accepts
from sanctuary_host.transport.kernel import Kernel
from sanctuary_host.transport.limits import Limits
from sanctuary_host.transport.messages import RefusedError, correlation_of
from sanctuary_host.transport.session import Session
from sanctuary_host.transport.streams import Stream, stream_events

PREFIX: Final = istr("X-Forwarded-Prefix")
PATH: Final = re.compile(r"(/[A-Za-z0-9._~-]{1,64}){1,8}")


class Sse:
    """The endpoints `/sse` and `/messages`."""

    def __init__(self, kernel: Kernel, guard: Guard, limits: Limits) -> None:
        self._kernel = kernel
        self._guard = guard
        self._limits = limits
        self._open: dict[str, Duplex] = {}

    def __len__(self) -> int:
        """How many clients are connected."""
        return len(self._open)

    async def listen(self, request: web.Request) -> web.StreamResponse:
        """Answer `GET /sse`: the stream of one client.

        Raises:
            RefusedError: it is not served.
        """
        self._guard.admit(request)
        if request.method != hdrs.METH_GET:
            raise RefusedError(
                "this address takes GET; messages go to the address that its stream names",
                status=405,
                headers={hdrs.ALLOW: hdrs.METH_GET},
            )
        if not accepts(request)[1]:
            raise RefusedError("the answer is a stream; send Accept: text/event-stream", status=406)
        if len(self._open) >= self._limits.sessions:
            raise RefusedError("this server has as many SSE connections as it takes; try again later", status=503)
        self._kernel.check_serving()
        stream = Stream(self._limits)
        session = Session(self._kernel, uuid.uuid4().hex, self._guard.owner(request))
        duplex = self._open[session.id] = Duplex(self._kernel, session, stream, self._limits)
        endpoint = f"{_prefix(request)}/messages?session_id={session.id}"
        stream.push(f"event: endpoint\r\ndata: {endpoint}\r\n\r\n".encode())
        try:
            return await stream_events(request, stream, {}, self._limits)
        finally:
            del self._open[session.id]
            await duplex.close()

    async def post(self, request: web.Request) -> web.StreamResponse:
        """Answer `POST /messages`: one message of a client; what it is answered comes on the stream.

        Raises:
            RefusedError: it is not served.
        """
        self._guard.admit(request)
        if request.method != hdrs.METH_POST:
            raise RefusedError("this address takes POST", status=405, headers={hdrs.ALLOW: hdrs.METH_POST})
        duplex = self._open.get(request.query.get("session_id", ""))
        if duplex is None or duplex.session.owner != self._guard.owner(request):
            raise RefusedError("this session has ended, or never was; open the stream again", status=404)
        message = await self._guard.read(request)
        await duplex.take(message, correlation_of(request.headers.get(CORRELATION_ID)))
        return web.Response(status=202, text="Accepted")

    async def drain(self) -> None:
        """End the streams, each once what is in flight on it is answered."""
        await asyncio.gather(*(duplex.drain() for duplex in self._open.values()))


def _prefix(request: web.Request) -> str:
    """The path under which a proxy, or an application around this one, mounted us."""
    forwarded = request.headers.get(PREFIX, "").rstrip("/")
    return (forwarded if PATH.fullmatch(forwarded) else "") + request.path.rstrip("/").removesuffix("/sse")

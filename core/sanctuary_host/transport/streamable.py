"""`/mcp` for the protocol versions 2025-03-26 to 2025-11-25: POST, GET and DELETE, with sessions or without."""

from __future__ import annotations

import asyncio
import uuid

from aiohttp import hdrs, web
from mcp_types import DEFAULT_NEGOTIATED_VERSION
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS

from sanctuary_host.transport.connections import Connections
from sanctuary_host.transport.dispatch import Dispatch
from sanctuary_host.transport.exchange import Exchange
from sanctuary_host.transport.guard import CORRELATION_ID, PROTOCOL_VERSION, SESSION_ID, Guard, accepts
from sanctuary_host.transport.kernel import Kernel, is_self_contained
from sanctuary_host.transport.limits import Limits
from sanctuary_host.transport.messages import Message, RefusedError, correlation_of, encode_reply, spliced_reply
from sanctuary_host.transport.modern import Modern
from sanctuary_host.transport.session import Session
from sanctuary_host.transport.streams import Stream, stream_events
from sanctuary_host.transport.table import Table

ACCEPTED = 202


class Streamable:
    """The endpoint `/mcp`; requests of newer protocol versions it hands over to `Modern`.

    Args:
        kernel: what handles the messages.
        guard: who may send them.
        limits: how many and for how long.
        modern: where requests of newer versions go.
        connections: who tells when a client hangs up.
        stateless: without sessions; each request then stands for itself.
    """

    def __init__(
        self,
        kernel: Kernel,
        guard: Guard,
        limits: Limits,
        modern: Modern,
        connections: Connections,
        *,
        stateless: bool,
    ) -> None:
        self.table = Table(limits)
        self._kernel = kernel
        self._guard = guard
        self._limits = limits
        self._modern = modern
        self._connections = connections
        self._stateless = stateless

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one HTTP request.

        Raises:
            RefusedError: it is not served.
        """
        self._guard.admit(request)
        version = request.headers.get(PROTOCOL_VERSION)
        if version is not None and version not in HANDSHAKE_PROTOCOL_VERSIONS:
            return await self._modern.handle(request, version)
        if request.method == hdrs.METH_POST:
            return await self._post(request, version)
        if request.method == hdrs.METH_GET and not self._stateless:
            return await self._get(request)
        if request.method == hdrs.METH_DELETE and not self._stateless:
            return await self._delete(request)
        allow = "POST" if self._stateless else "GET, POST, DELETE"
        raise RefusedError(f"this address takes {allow}", status=405, headers={hdrs.ALLOW: allow})

    async def _post(self, request: web.Request, version: str | None) -> web.StreamResponse:
        takes_json, takes_events = accepts(request)
        if not takes_json:
            raise RefusedError("the answer is JSON; send Accept: application/json, text/event-stream", status=406)
        message = await self._guard.read(request)
        session_id = request.headers.get(SESSION_ID)
        if version is None and session_id is None and "id" in message and is_self_contained(message):
            # Refused there, with a word on the header that is missing.
            return await self._modern.answer(request, message, streams=takes_events)
        if self._stateless:
            return await self._alone(request, message, version or DEFAULT_NEGOTIATED_VERSION, streams=takes_events)
        if session_id is None and message.get("method") == "initialize" and "id" in message:
            return await self._initialize(request, message)
        session = self._table_find(request)
        if "method" not in message or "id" not in message:
            await session.hear(message, correlation_of(request.headers.get(CORRELATION_ID)))
            return web.Response(status=ACCEPTED)
        if message["method"] == "tools/list" and session.is_open:
            result = await self._kernel.tools_list(session.version, message)
            if result is not None:
                body = spliced_reply(message["id"], result)
                return await Exchange(request, {SESSION_ID: session.id}, self._limits, streams=False).reply(body)
        return await self._call(request, message, session, streams=takes_events)

    async def _initialize(self, request: web.Request, message: Message) -> web.StreamResponse:
        self._kernel.check_serving()
        session = Session(self._kernel, uuid.uuid4().hex, self._guard.owner(request))
        exchange = Exchange(request, {SESSION_ID: session.id}, self._limits, streams=False)
        try:
            reply = await session.serve(session.begin(message, exchange), message)
            if "error" not in reply:
                await self.table.add(session)
        except BaseException:
            await session.close()
            raise
        if "error" in reply:
            await session.close()
            return web.Response(body=encode_reply(reply), status=400, content_type="application/json")
        return await exchange.reply(reply)

    async def _call(
        self, request: web.Request, message: Message, session: Session, *, streams: bool
    ) -> web.StreamResponse:
        self._kernel.check_serving()
        if self._kernel.is_instant(message):
            exchange = Exchange(request, {SESSION_ID: session.id}, self._limits, streams=False)
            dispatch = session.begin(message, exchange, correlation_of(request.headers.get(CORRELATION_ID)))
            return await exchange.reply(await session.serve(dispatch, message))
        exchange = Exchange(request, {SESSION_ID: session.id}, self._limits, streams=streams)
        dispatch = session.begin(message, exchange, correlation_of(request.headers.get(CORRELATION_ID)))
        session.holds += 1
        holds = True

        def let_go() -> None:
            nonlocal holds
            exchange.abandon()
            session.holds -= holds
            session.used = asyncio.get_running_loop().time()
            holds = False

        # A client that is gone has not cancelled anything in these versions.
        self._connections.outlive(request, let_go)
        try:
            return await exchange.reply(await session.serve(dispatch, message))
        finally:
            let_go()

    async def _alone(
        self, request: web.Request, message: Message, version: str, *, streams: bool
    ) -> web.StreamResponse:
        if "method" not in message or "id" not in message:
            return web.Response(status=ACCEPTED)
        if message["method"] == "tools/list":
            result = await self._kernel.tools_list(version, message)
            if result is not None:
                body = spliced_reply(message["id"], result)
                return await Exchange(request, {}, self._limits, streams=False).reply(body)
        self._kernel.check_serving()
        instant = self._kernel.is_instant(message)
        exchange = Exchange(request, {}, self._limits, streams=streams and not instant)
        dispatch = Dispatch(message, exchange, correlation=correlation_of(request.headers.get(CORRELATION_ID)))
        if instant:
            return await exchange.reply(await self._kernel.stateless(dispatch, message, version))
        self._connections.outlive(request, exchange.abandon)
        try:
            return await exchange.reply(await self._kernel.stateless(dispatch, message, version))
        finally:
            exchange.abandon()

    async def _get(self, request: web.Request) -> web.StreamResponse:
        if not accepts(request)[1]:
            raise RefusedError("the answer is a stream; send Accept: text/event-stream", status=406)
        session = self._table_find(request)
        self._kernel.check_serving()
        if session.stream is not None:
            raise RefusedError("this session is listened to already, and one stream is all it has", status=409)
        stream = session.stream = Stream(self._limits)
        try:
            return await stream_events(request, stream, {SESSION_ID: session.id}, self._limits)
        finally:
            session.stream = None
            session.used = asyncio.get_running_loop().time()

    async def _delete(self, request: web.Request) -> web.StreamResponse:
        session = self._table_find(request)
        await self.table.drop(session)
        return web.Response(status=200)

    def end_streams(self) -> None:
        """End the streams on which clients only listen."""
        for session in self.table:
            if session.stream is not None:
                session.stream.end()

    def _table_find(self, request: web.Request) -> Session:
        return self.table.find(request.headers.get(SESSION_ID), self._guard.owner(request))

"""`/mcp` for protocol version 2026-07-28: each POST says all that there is to know, and hanging up cancels it."""

from __future__ import annotations

from aiohttp import hdrs, web

from sanctuary_host.transport.dispatch import Dispatch
from sanctuary_host.transport.exchange import Exchange
from sanctuary_host.transport.guard import CORRELATION_ID, Guard, accepts
from sanctuary_host.transport.kernel import Kernel, http_status, is_self_contained
from sanctuary_host.transport.limits import Limits
from sanctuary_host.transport.messages import Message, RefusedError, correlation_of, spliced_reply


class Modern:
    """Requests without sessions."""

    def __init__(self, kernel: Kernel, guard: Guard, limits: Limits) -> None:
        self._kernel = kernel
        self._guard = guard
        self._limits = limits

    async def handle(self, request: web.Request, version: str) -> web.StreamResponse:
        """Answer one HTTP request that names `version` in its header.

        Raises:
            RefusedError: it is not served.
        """
        if request.method != hdrs.METH_POST:
            raise RefusedError(
                "this protocol version knows POST only", status=405, headers={hdrs.ALLOW: hdrs.METH_POST}
            )
        takes_json, takes_events = accepts(request)
        if not takes_json:
            raise RefusedError("the answer is JSON; send Accept: application/json, text/event-stream", status=406)
        message = await self._guard.read(request)
        if "method" not in message:
            raise RefusedError("this protocol version asks clients nothing, so there is nothing to respond to")
        if "id" not in message:
            self._kernel.check_version(version)
            return web.Response(status=202)
        if not is_self_contained(message):
            # First of all it is the version that is wrong, and not what that version would ask for.
            self._kernel.check_version(version)
        return await self.answer(request, message, streams=takes_events)

    async def answer(self, request: web.Request, message: Message, *, streams: bool) -> web.StreamResponse:
        """Answer the request `message`.

        Raises:
            RefusedError: its envelope is not sound.
        """
        if message["method"] == "subscriptions/listen" and not streams:
            raise RefusedError(
                "the answer is a stream; send Accept: application/json, text/event-stream",
                status=406,
                request_id=message["id"],
            )
        route = self._kernel.route(message, request.headers)
        if message["method"] == "tools/list":
            result = await self._kernel.tools_list(route.protocol_version, message)
            if result is not None:
                body = spliced_reply(message["id"], result)
                return await Exchange(request, {}, self._limits, streams=False).reply(body)
        self._kernel.check_serving()
        exchange = Exchange(request, {}, self._limits, streams=streams)
        dispatch = Dispatch(message, exchange, correlation=correlation_of(request.headers.get(CORRELATION_ID)))
        try:
            # In the request's own task, which is cancelled when the client hangs up.
            reply = await self._kernel.exchange(dispatch, message, route)
            return await exchange.reply(reply, http_status(reply))
        finally:
            exchange.abandon()

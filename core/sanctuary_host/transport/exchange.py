"""The answer to one POST: JSON, unless something must be streamed first or the client has waited for long."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from aiohttp import hdrs, web

from sanctuary_host.transport.guard import JSON
from sanctuary_host.transport.limits import Limits
from sanctuary_host.transport.messages import Message, RefusedError, encode_reply
from sanctuary_host.transport.streams import Stream, send_large, stream_events

LARGE: Final = 256 * 1024
"""Bytes from which on a body is written with an eye on whether the client reads it."""


class Exchange:
    """An HTTP request and its response. The reply goes out here and nowhere else, whatever its id is.

    Attributes:
        streams: whether the client takes, and still waits for, anything but the reply.
    """

    __slots__ = ("_headers", "_limits", "_request", "_stream", "_timer", "_writer", "streams")

    def __init__(self, request: web.Request, headers: Mapping[str, str], limits: Limits, *, streams: bool) -> None:
        self.streams = streams
        self._request = request
        self._headers = headers
        self._limits = limits
        self._stream: Stream | None = None
        self._writer: asyncio.Task[web.StreamResponse] | None = None
        self._timer: asyncio.TimerHandle | None = None
        if streams:
            self._timer = asyncio.get_running_loop().call_later(limits.keepalive, self._open)

    def offer(self, message: Message) -> None:
        """Send a notification before the reply, if there is room for it."""
        if self.streams:
            self._open().offer(message)

    async def send(self, message: Message) -> None:
        """Send a message before the reply, as soon as there is room for it."""
        if self.streams:
            await self._open().send(message)

    async def reply(self, reply: Message | bytes, status: int = 200) -> web.StreamResponse:
        """Answer the request.

        Args:
            reply: the reply, or its JSON.
            status: the HTTP status, unless the answer is a stream already.

        Raises:
            ConnectionError: the client is gone.
        """
        if self._timer is not None:
            self._timer.cancel()
        body = reply if isinstance(reply, bytes) else encode_reply(reply)
        if self._stream is not None and self._writer is not None:
            self._stream.put(body)
            self._stream.end()
            return await self._writer
        if len(body) > LARGE:
            headers = {**self._headers, hdrs.CONTENT_TYPE: JSON}
            return await send_large(self._request, body, status, headers, self._limits)
        return json_response(body, status, self._headers)

    def abandon(self) -> None:
        """The response is done, or the client is gone: nothing more goes out."""
        self.streams = False
        if self._timer is not None:
            self._timer.cancel()
        if self._writer is not None and not self._writer.done():
            self._writer.cancel()

    def _open(self) -> Stream:
        if self._stream is None:
            self._stream = Stream(self._limits)
            self._writer = asyncio.create_task(stream_events(self._request, self._stream, self._headers, self._limits))
            self._writer.add_done_callback(_seen)
        return self._stream


def json_response(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """A JSON body as a response."""
    return web.Response(body=body, status=status, headers=headers, content_type=JSON)


def refusal(error: RefusedError) -> web.Response:
    """The response to a request that is refused."""
    return json_response(encode_reply(error.reply()), error.status, error.headers)


def _seen(task: asyncio.Task[web.StreamResponse]) -> None:
    """A client that left is no news, and its task's exception not worth a report."""
    if not task.cancelled():
        task.exception()

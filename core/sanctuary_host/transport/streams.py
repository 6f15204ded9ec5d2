"""What is on its way to one reader: bounded, in order, and given up when the reader stops reading."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from aiohttp import web
from aiohttp_sse import EventSourceResponse

from sanctuary_host.transport.limits import Limits
from sanctuary_host.transport.messages import Message, encode

logger = logging.getLogger(__name__)

CHUNK: Final = 64 * 1024
"""Bytes that are written at once; a reader must take each within `Limits.stall`."""


def event(data: bytes) -> bytes:
    """A message as a server-sent event; JSON as we write it has no line breaks."""
    return b"event: message\r\ndata: " + data + b"\r\n\r\n"


def line(data: bytes) -> bytes:
    """A message as a line."""
    return data + b"\n"


class Stream:
    """Messages for one reader, in order.

    Attributes:
        gone: the reader is gone or the stream has ended; what is sent now goes nowhere.
    """

    __slots__ = ("_ended", "_frame", "_frames", "_limits", "_ready", "_room", "_size", "_waiting", "gone")

    def __init__(self, limits: Limits, frame: Callable[[bytes], bytes] = event) -> None:
        self.gone = False
        self._limits = limits
        self._frame = frame
        self._frames: deque[bytes] = deque()
        self._size = 0
        self._waiting = 0
        self._ended = False
        self._ready = asyncio.Event()
        self._room = asyncio.Event()

    @property
    def streams(self) -> bool:
        """Whether anything that is sent still goes somewhere."""
        return not self.gone

    def offer(self, message: Message) -> None:
        """Send a message if there is room for it; otherwise it is dropped."""
        if self._size <= self._limits.buffer:
            self.put(encode(message))
        elif not self.gone:
            logger.debug("dropped a notification: its reader is too slow")

    async def send(self, message: Message) -> None:
        """Send a message as soon as there is room for it."""
        await self.deliver(encode(message))

    async def deliver(self, data: bytes) -> None:
        """Send an encoded message as soon as there is room for it."""
        if self._size > self._limits.buffer and not self.gone:
            self._waiting += len(data)
            if self._waiting > self._limits.hopeless:
                self.abandon()
            try:
                while self._size > self._limits.buffer and not self.gone:
                    self._room.clear()
                    await self._room.wait()
            finally:
                self._waiting -= len(data)
        self.put(data)

    def put(self, data: bytes) -> None:
        """Send an encoded message, whether there is room for it or not."""
        if not self.gone and not self._ended:
            self.push(self._frame(data))

    def push(self, frame: bytes) -> None:
        """Send bytes as they are."""
        self._frames.append(frame)
        self._size += len(frame)
        self._ready.set()

    def end(self) -> None:
        """End the stream once all that was sent is written."""
        self._ended = True
        self._ready.set()

    def abandon(self) -> None:
        """End the stream now; what was not written is dropped."""
        self.gone = True
        self._frames.clear()
        self._size = 0
        self._ready.set()
        self._room.set()

    async def run(self, write: Callable[[bytes], Awaitable[None]]) -> None:
        """Write what is sent, until the stream ends.

        Raises:
            TimeoutError: the reader did not take a chunk in time.
            ConnectionError: the reader is gone.
        """
        try:
            while not self.gone:
                if self._frames:
                    await self._write(write)
                elif self._ended:
                    return
                else:
                    self._ready.clear()
                    await self._ready.wait()
        finally:
            self.abandon()

    async def _write(self, write: Callable[[bytes], Awaitable[None]]) -> None:
        batch = [self._frames.popleft()]
        size = len(batch[0])
        while self._frames and size < CHUNK:
            batch.append(self._frames.popleft())
            size += len(batch[-1])
        await write_all(batch[0] if len(batch) == 1 else b"".join(batch), write, self._limits.stall)
        if not self.gone:
            self._size -= size
            self._room.set()


async def write_all(data: bytes, write: Callable[[bytes], Awaitable[None]], stall: float | None) -> None:
    """Write `data` in chunks, each of which the reader must take within `stall` seconds.

    Raises:
        TimeoutError: it did not.
    """
    for start in range(0, len(data), CHUNK):
        async with asyncio.timeout(stall):
            await write(data[start : start + CHUNK])


async def stream_events(
    request: web.Request, stream: Stream, headers: Mapping[str, str], limits: Limits
) -> web.StreamResponse:
    """Answer `request` with what is sent on `stream`, as server-sent events, until it ends or the client is gone.

    Raises:
        ConnectionError: the client is gone.
    """
    response = EventSourceResponse(
        headers=headers, allow_all_methods=True, ping_interval=limits.keepalive, send_timeout=limits.stall
    )
    try:
        if request.transport is None:
            raise ConnectionResetError("the client is gone")
        await response.prepare(request)
        await stream.run(response.write)
    except TimeoutError:
        logger.info("cut off a client that does not read its stream")
        cut(request)
    finally:
        stream.abandon()
        if response.prepared:
            response.stop_streaming()
    return response


async def send_large(
    request: web.Request, body: bytes, status: int, headers: Mapping[str, str], limits: Limits
) -> web.StreamResponse:
    """Answer `request` with a large body, cutting the client off if it does not read it.

    Raises:
        ConnectionError: the client is gone.
    """
    response = web.StreamResponse(status=status, headers=headers)
    response.content_length = len(body)
    await response.prepare(request)
    try:
        await write_all(body, response.write, limits.stall)
    except TimeoutError:
        logger.info("cut off a client that does not read its answer")
        cut(request)
    return response


def cut(request: web.Request) -> None:
    """Cut the client's connection; a graceful close would wait for the reader."""
    if request.transport is not None:
        request.transport.abort()

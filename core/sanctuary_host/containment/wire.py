"""Frames between the host and its workers: a length of four bytes, then that many bytes of JSON.

Only JSON crosses, never pickles: what a worker sends is data from a process that may have been taken over.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from typing import Any, Final

from pydantic_core import from_json, to_json

HEADER: Final = struct.Struct(">I")
LIMIT: Final = 8 * 1024 * 1024
"""Bytes of one frame; a longer one ends the worker that sends it. Reading one must not hold up the loop."""
CHUNK: Final = 64 * 1024
"""Bytes that are asked of a blocking socket at once."""
TALK: Final = 64 * 1024
"""Bytes of one frame that is no answer: what a worker says meanwhile."""
PARTS: Final = 200_000
"""Arrays and objects in one frame, of which a few bytes of JSON can state so many that they fill the host's memory."""


class FrameError(Exception):
    """What arrived is not a frame, or a longer one than is allowed."""


def pack(message: Any, limit: int = LIMIT) -> bytes:
    """One message as a frame.

    Raises:
        FrameError: the message is over the limit, or no JSON.
    """
    try:
        body = to_json(message, inf_nan_mode="null")
    except ValueError as error:
        raise FrameError(str(error)[:200]) from None
    if len(body) > limit:
        raise FrameError(f"a message of {len(body):,} bytes is over the limit of {limit:,}")
    if has_too_many_parts(body):
        raise FrameError(f"a message of more than {PARTS:,} arrays and objects is over the limit")
    return HEADER.pack(len(body)) + body


class Unpacker:
    """Puts the bytes of a stream back together into messages.

    Attributes:
        length: bytes of the message that was yielded last.
    """

    def __init__(self) -> None:
        self.length = 0
        self._buffer = bytearray()
        self._counted = 0
        self._parts = 0

    def feed(self, data: bytes | memoryview) -> Iterator[Any]:
        """Take bytes and yield each message that is complete.

        Raises:
            FrameError: the stream holds something else than frames within the limit.
        """
        buffer = self._buffer
        buffer += data
        while len(buffer) >= HEADER.size:
            (length,) = HEADER.unpack_from(buffer)
            if length > LIMIT:
                raise FrameError(f"a frame of {length:,} bytes is over the limit of {LIMIT:,}")
            end = HEADER.size + length
            if length > PARTS:
                self._count(end)
            if len(buffer) < end:
                return
            body = bytes(memoryview(buffer)[HEADER.size : end])
            del buffer[:end]
            self._counted = self._parts = 0
            try:
                message = from_json(body)
            except ValueError:
                raise FrameError("a frame holds no JSON") from None
            self.length = length
            yield message

    def _count(self, end: int) -> None:
        """Count parts as they arrive: in a long frame that takes milliseconds, which the loop has better uses for."""
        arrived = self._buffer[self._counted : end]
        self._counted += len(arrived)
        self._parts += arrived.count(b"[") + arrived.count(b"{")
        if self._parts > PARTS:
            raise FrameError(f"a frame of more than {PARTS:,} arrays and objects")


def has_too_many_parts(body: bytes) -> bool:
    """Whether JSON may state more arrays and objects than are taken; brackets within strings count too."""
    return len(body) > PARTS and body.count(b"[") + body.count(b"{") > PARTS


def receive(connection: socket.socket) -> Any | None:
    """The next message of a blocking socket, on which nothing follows it until it is answered; `None` at its end.

    Raises:
        FrameError: as in `Unpacker.feed`.
    """
    unpacker = Unpacker()
    while chunk := connection.recv(CHUNK):
        for message in unpacker.feed(chunk):
            return message
    return None

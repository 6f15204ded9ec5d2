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
PARTS: Final = 200_000
"""Arrays and objects in one frame, of which a few bytes of JSON can state so many that they fill the host's memory."""


class FrameError(Exception):
    """What arrived is not a frame, or a longer one than is allowed."""


def pack(message: Any) -> bytes:
    """One message as a frame.

    Raises:
        FrameError: the message is over the limit, or no JSON.
    """
    try:
        body = to_json(message, inf_nan_mode="null")
    except ValueError as error:
        raise FrameError(str(error)[:200]) from None
    if len(body) > LIMIT:
        raise FrameError(f"a message of {len(body):,} bytes is over the limit of {LIMIT:,}")
    if has_too_many_parts(body):
        raise FrameError(f"a message of more than {PARTS:,} arrays and objects is over the limit")
    return HEADER.pack(len(body)) + body


class Unpacker:
    """Puts the bytes of a stream back together into messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()

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
            if len(buffer) < end:
                return
            body = bytes(memoryview(buffer)[HEADER.size : end])
            del buffer[:end]
            if has_too_many_parts(body):
                raise FrameError(f"a frame of more than {PARTS:,} arrays and objects")
            try:
                message = from_json(body)
            except ValueError:
                raise FrameError("a frame holds no JSON") from None
            yield message


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

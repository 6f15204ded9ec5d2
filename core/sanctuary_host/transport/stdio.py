"""The protocol over a pair of file descriptors, one message a line, in every protocol version."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import queue
import select
import socket
import stat
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any, Final

from sanctuary_host.calls import Calls
from sanctuary_host.transport.duplex import Duplex
from sanctuary_host.transport.kernel import Kernel
from sanctuary_host.transport.limits import DEFAULTS, Limits
from sanctuary_host.transport.messages import Message, RefusedError, decode
from sanctuary_host.transport.session import Session
from sanctuary_host.transport.streams import Stream, line

logger = logging.getLogger(__name__)

GRACE: Final = 1.0
"""Seconds for what was stopped to be answered."""
PIECE: Final = 64 * 1024
"""Bytes that are read at once."""
AHEAD: Final = 16
"""Pieces that are read before they are asked for."""


async def serve(
    calls: Calls,
    source: int,
    sink: int,
    *,
    stop: asyncio.Event | None = None,
    tracing: bool = False,
    limits: Limits = DEFAULTS,
) -> None:
    """Serve the client at the other end until it closes its side and everything in flight is answered.

    Args:
        calls: the cluster and the place where its code runs.
        source: the descriptor to read from.
        sink: the descriptor to write to. Nothing else may write to it: give the original standard output, of which
            descriptor 1 is no longer a copy.
        stop: ends the service when it is set: what is in flight may finish, within `Limits.shutdown`.
        tracing: keep the SDK's OpenTelemetry spans.
        limits: how long a line may be, and how much may wait.
    """
    # A client that pauses, in a debugger say, is alive all the same: descriptors know no timeouts.
    limits = replace(limits, stall=None)
    kernel = Kernel(calls, tracing=tracing)
    reader = _Reader(source)
    stream = Stream(limits, line)
    duplex = Duplex(kernel, Session(kernel), stream, limits, self_contained=True)
    sinking = _Writer(sink)
    writer = asyncio.create_task(stream.run(sinking.write))
    writer.add_done_callback(lambda _: reader.stop())
    waits = False  # somebody does not let us come to an end
    stopper = asyncio.create_task(_stop_with(stop, reader)) if stop is not None else None
    try:
        async for text in _lines(reader, limits.message):
            try:
                message = decode(text) if text is not None else _too_long(limits)
            except RefusedError as error:
                await stream.send(error.reply())
            else:
                await duplex.take(message)
        duplex.session.hang_up()
        kernel.end_listening()
        waits = not await _patiently(asyncio.ensure_future(duplex.finish()), stop, sinking, kernel, limits)
    finally:
        if stopper is not None:
            stopper.cancel()
        await duplex.close()
        await duplex.finish(GRACE)
        stream.end()
        if waits:
            await asyncio.wait({writer}, timeout=GRACE)
            writer.cancel()
        else:
            await _patiently(writer, stop, sinking, kernel, limits)
        with contextlib.suppress(OSError, asyncio.CancelledError):  # the client closed its end of the pipe
            await writer


async def _patiently(
    work: asyncio.Future[None], stop: asyncio.Event | None, writer: _Writer, kernel: Kernel, limits: Limits
) -> bool:
    """Wait for `work` as long as it goes on, and cancel it when it does not; says whether it came to its end.

    Once the service is to stop, it has `Limits.shutdown` seconds. Before, it may take its time as long as a call
    runs, or the client reads.
    """
    stopping = asyncio.ensure_future(stop.wait()) if stop is not None else None
    watched: set[asyncio.Future[Any]] = {work, stopping} if stopping is not None else {work}
    while not work.done():
        written = writer.written
        stopped = stopping is not None and stopping.done()
        await asyncio.wait({work} if stopped else watched, timeout=limits.shutdown, return_when=asyncio.FIRST_COMPLETED)
        idle = not kernel.running and writer.written == written
        if not work.done() and (stopped or (idle and not (stopping is not None and stopping.done()))):
            logger.warning("gave up on what was still running, or on a client that does not read")
            work.cancel()
            break
    if stopping is not None:
        stopping.cancel()
    return work.done()


async def _stop_with(stop: asyncio.Event, reader: _Reader) -> None:
    await stop.wait()
    reader.stop()


def _too_long(limits: Limits) -> Message:
    raise RefusedError(f"a line may have {limits.message} bytes, and this one had more")


async def _lines(reader: _Reader, limit: int) -> AsyncIterator[bytes | None]:
    """The lines that are not blank; `None` for one that is longer than `limit` bytes."""
    rest = bytearray()
    too_long = False
    while piece := await reader.read():
        *ends, tail = piece.split(b"\n")
        for end in ends:
            rest += end
            if too_long or len(rest) > limit:
                yield None
            elif rest.strip():
                yield bytes(rest)
            rest.clear()
            too_long = False
        rest += tail
        if len(rest) > limit:
            too_long = True
            rest.clear()
    if too_long:
        yield None
    elif rest.strip():
        yield bytes(rest)


class _Reader:
    """Reads a descriptor when the loop finds that there is something; one that it cannot wait for, in a thread.

    Such are files. Descriptors are not made non-blocking: whoever started us shares them, terminals above all.
    """

    def __init__(self, source: int) -> None:
        self._source = source
        self._loop = asyncio.get_running_loop()
        self._pieces: asyncio.Queue[bytes] = asyncio.Queue()
        self._ahead = threading.Semaphore(AHEAD)
        self._waits = True
        try:
            self._loop.add_reader(source, self._take)
        except (OSError, NotImplementedError):
            self._waits = False
            threading.Thread(target=self._pump, name="stdin", daemon=True).start()

    async def read(self) -> bytes:
        """The next piece; nothing at the end."""
        piece = await self._pieces.get()
        self._ahead.release()
        if self._waits and piece and self._pieces.qsize() == AHEAD - 1:
            self._loop.add_reader(self._source, self._take)
        return piece

    def stop(self) -> None:
        """Pretend that the end has come."""
        self._end()
        self._pieces.put_nowait(b"")

    def _take(self) -> None:
        try:
            piece = os.read(self._source, PIECE)
        except OSError:
            piece = b""
        self._pieces.put_nowait(piece)
        if not piece:
            self._end()
        elif self._pieces.qsize() >= AHEAD:
            self._loop.remove_reader(self._source)

    def _end(self) -> None:
        if self._waits:
            self._waits = False
            self._loop.remove_reader(self._source)

    def _pump(self) -> None:
        piece = b"-"
        while piece:
            self._ahead.acquire()
            try:
                piece = os.read(self._source, PIECE)
            except OSError:
                piece = b""
            try:
                self._loop.call_soon_threadsafe(self._pieces.put_nowait, piece)
            except RuntimeError:  # the loop is closed
                return


class _Writer:
    """Writes a descriptor at once as far as it takes it without waiting, and the rest in a thread.

    So a client that does not read keeps nobody but itself waiting.
    """

    def __init__(self, sink: int) -> None:
        self.written = 0
        self._sink = sink
        self._loop = asyncio.get_running_loop()
        self._work: queue.SimpleQueue[tuple[memoryview, asyncio.Future[None]]] = queue.SimpleQueue()
        self._write_some = _without_waiting(sink)
        self._thread: threading.Thread | None = None

    async def write(self, data: bytes) -> None:
        """Write all of `data`, after what was to be written before.

        Raises:
            OSError: nobody reads it any more.
        """
        rest = memoryview(data)
        while rest and (count := self._write_some(rest)):
            self.written += count
            rest = rest[count:]
        if not rest:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._pump, name="stdout", daemon=True)
            self._thread.start()
        written = self._loop.create_future()
        self._work.put((rest, written))
        await written

    def _pump(self) -> None:
        while True:
            rest, written = self._work.get()
            error: OSError | None = None
            try:
                while rest:
                    count = os.write(self._sink, rest)
                    self.written += count
                    rest = rest[count:]
            except OSError as failed:
                error = failed
            try:
                self._loop.call_soon_threadsafe(_settle, written, error)
            except RuntimeError:  # the loop is closed
                return


def _without_waiting(sink: int) -> Callable[[memoryview], int]:
    """What writes the beginning of something and never waits; gives how many bytes it wrote, 0 where it would wait."""
    kind = os.fstat(sink).st_mode
    if stat.S_ISFIFO(kind) and hasattr(select, "poll"):
        ready = select.poll()
        ready.register(sink, select.POLLOUT)

        def write_pipe(rest: memoryview) -> int:
            # A pipe that takes anything takes as much as this at once (pipe(7)).
            return os.write(sink, rest[: select.PIPE_BUF]) if ready.poll(0) else 0

        return write_pipe
    if stat.S_ISSOCK(kind):
        connection = socket.socket(fileno=os.dup(sink))

        def write_socket(rest: memoryview) -> int:
            try:
                return connection.send(rest, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return 0

        return write_socket
    return lambda _rest: 0


def _settle(written: asyncio.Future[None], error: OSError | None) -> None:
    if written.done():
        return
    if error is None:
        written.set_result(None)
    else:
        written.set_exception(error)

"""Workers on demand: each runs one call at a time and is killed when the call overruns, is given up, or crashes it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import socket
from collections import deque
from collections.abc import Mapping
from typing import Any, Final, Self

from sanctuary_host.calling import Voice
from sanctuary_host.containment import wire
from sanctuary_host.containment.zygote import Zygote

SIZE: Final = 4
"""Workers at most; the calls beyond wait, within their deadlines."""


class CrashError(Exception):
    """The worker ended in the middle of the call; the message says how."""


class Pool:
    """The workers of one process."""

    def __init__(self, zygote: Zygote, size: int = SIZE) -> None:
        self._zygote = zygote
        self._size = size
        self._idle: list[_Worker] = []
        self._count = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._alive: dict[int, _Worker] = {}
        self._news = wire.Unpacker()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __aenter__(self) -> Self:
        """Begin to follow the fork server's reports."""
        self._loop = asyncio.get_running_loop()
        self._zygote.control.setblocking(False)  # noqa: FBT003  # the standard library's own order
        self._loop.add_reader(self._zygote.control.fileno(), self._read_news)
        return self

    async def __aexit__(self, *_exception: object) -> None:
        """End every worker and the fork server."""
        if self._loop is not None:
            self._loop.remove_reader(self._zygote.control.fileno())
        for worker in self._idle:
            worker.end()
        self._zygote.stop()

    @property
    def workers(self) -> int:
        """How many there are."""
        return self._count

    async def call(self, request: Mapping[str, Any], voice: Voice | None = None) -> Any:
        """Have a worker run `request`, and return the outcome.

        Beside what the work reads, the request says in `memory` how many MiB it may add to the worker.

        The caller bounds the time: when this coroutine is cancelled, the worker is killed.

        Raises:
            CrashError: the worker ended before it had answered.
        """
        worker = await self._take()
        try:
            answer = await worker.ask(request, voice)
        except CrashError:
            status = await _status_of(worker)
            self._lose(worker)
            raise CrashError(_how(status)) from None
        except BaseException:
            self._lose(worker)
            raise
        self._give_back(worker)
        if "unsendable" in answer:
            raise CrashError(f"its result cannot be sent: {answer['unsendable']}")
        return answer["outcome"]

    async def _take(self) -> _Worker:
        while not self._idle:
            if self._count < self._size:
                self._count += 1
                try:
                    return await self._spawn()
                except BaseException:
                    self._count -= 1
                    self._wake()
                    raise
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except BaseException:
                if turn.done() and not turn.cancelled():
                    self._wake()  # the turn was ours already: pass it on
                raise
        return self._idle.pop()

    def _give_back(self, worker: _Worker) -> None:
        if worker.is_closing():
            self._lose(worker)
            return
        self._idle.append(worker)
        self._wake()

    def _lose(self, worker: _Worker) -> None:
        worker.end()
        self._count -= 1
        self._wake()

    def _wake(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    async def _spawn(self) -> _Worker:
        ours, theirs = socket.socketpair()
        try:
            self._zygote.spawn(theirs)
        except OSError as error:
            ours.close()
            raise CrashError(f"no worker can be started: {error.strerror}") from None
        finally:
            theirs.close()
        _, worker = await asyncio.get_running_loop().create_connection(_Worker, sock=ours)
        try:
            await worker.born
        except BaseException:
            worker.end()
            raise
        self._alive[worker.pid] = worker
        return worker

    def _read_news(self) -> None:
        try:
            data = self._zygote.control.recv(65_536)
        except BlockingIOError:
            return
        if not data and self._loop is not None:
            self._loop.remove_reader(self._zygote.control.fileno())
        for message in self._news.feed(data):
            worker = self._alive.pop(message["died"], None)
            if worker is None:
                continue
            worker.died(message["status"])
            if worker in self._idle:
                self._idle.remove(worker)
                self._lose(worker)


class _Worker(asyncio.Protocol):
    """The connection to one worker."""

    def __init__(self) -> None:
        self.pid = 0
        self.born: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.death: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport | None = None
        self._frames = wire.Unpacker()
        self._number = 0
        self._answer: asyncio.Future[Any] | None = None
        self._voice: Voice | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            for message in self._frames.feed(data):
                self._take(message)
        except (wire.FrameError, KeyError, TypeError, ValueError):
            self.end()  # it does not keep to the protocol: whatever it is now, it is no worker of ours

    def _take(self, message: Any) -> None:
        if "ready" in message and not self.born.done():
            self.pid = int(message["ready"])
            self.born.set_result(None)
        elif "progress" in message:
            if self._voice is not None:
                self._voice.progress(*message["progress"])
        elif "log" in message:
            if self._voice is not None:
                self._voice.log(*message["log"])
        elif self._answer is None or self._answer.done() or message["number"] != self._number:
            raise ValueError("an answer that nobody asked for")
        else:
            self._answer.set_result(message)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        for future in (self.born, self._answer):
            if future is not None and not future.done():
                future.set_exception(CrashError("its worker ended"))

    def died(self, status: int) -> None:
        """Note how the process ended: its exit status, or the negative number of the signal."""
        if not self.death.done():
            self.death.set_result(status)

    def is_closing(self) -> bool:
        """Whether the connection is on its way out."""
        return self._transport is None or self._transport.is_closing()

    async def ask(self, request: Mapping[str, Any], voice: Voice | None) -> Any:
        """Send a request and await the message that answers it.

        Raises:
            CrashError: the connection ended first.
            FrameError: the request is too long.
        """
        # The number cannot be guessed, so a worker that hostile code took over cannot answer the next call beforehand.
        self._number = secrets.randbits(63)
        frame = wire.pack([self._number, request])
        if self._transport is None or self._transport.is_closing():
            raise CrashError("its worker ended")
        self._voice = voice
        self._answer = asyncio.get_running_loop().create_future()
        try:
            self._transport.write(frame)
            return await self._answer
        finally:
            self._answer = self._voice = None

    def end(self) -> None:
        """Kill the worker with everything that it started."""
        if self._transport is not None:
            self._transport.abort()
        if self.pid:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)


async def _status_of(worker: _Worker) -> int | None:
    """How a worker ended whose connection just did; the fork server's report follows at once."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1.0):
            return await asyncio.shield(worker.death)
    return None


def _how(status: int | None) -> str:
    if status is None:
        return "its worker process ended"
    if status < 0:
        with contextlib.suppress(ValueError):
            return f"its worker process was ended by {signal.Signals(-status).name}"
        return f"its worker process was ended by signal {-status}"
    return f"its worker process exited with status {status}"

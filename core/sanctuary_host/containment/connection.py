"""The host's side of one worker: its birth, the one question at a time, and its end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
from collections.abc import Callable, Mapping
from typing import Any, Final

from sanctuary_host.calling import Voice, checked_level, checked_progress
from sanctuary_host.containment import wire

PIECE: Final = 16 * 1024
"""Bytes that are read at once, so that a worker which talks without end keeps the loop for a few milliseconds only."""
TALK: Final = 100
"""Messages in one piece from which on the worker is not listened to for a while; one longer than a piece will do."""
SILENCE: Final = 0.02
"""Seconds for which it is not."""
SETTLING: Final = 0.25
"""Seconds within which a worker has seen what a call left behind, which takes it 100 µs."""
OVERDUE: Final = 5.0
"""Seconds within which a worker is born."""


Room = tuple[str, int]
"""The distribution whose code runs in a worker, and the MiB that its calls may add to it."""


class CrashError(Exception):
    """The worker ended in the middle of the call; the message says how."""


class WornError(Exception):
    """The worker was not asked, since the call before it left something behind."""


class Worker(asyncio.BufferedProtocol):
    """The connection to one worker.

    Args:
        room: whose code runs in it, with how much memory.
        overdue: called when it was not born in time.

    Attributes:
        pid: its process id; 0 until it is born.
    """

    def __init__(self, room: Room, overdue: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        self.room = room
        self.pid = 0
        self.born: asyncio.Future[None] = loop.create_future()
        self.death: asyncio.Future[int | None] = loop.create_future()
        self._birth = loop.call_later(OVERDUE, overdue)
        self._loop = loop
        self._piece = memoryview(bytearray(PIECE))
        self._transport: asyncio.Transport | None = None
        self._frames = wire.Unpacker()
        self._number = 0
        self._fit: asyncio.Future[None] | None = None
        self._answer: asyncio.Future[Any] | None = None
        self._voice: Voice | None = None
        self._unwanted = False
        self._astray = False
        self._much = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where to put what arrives."""
        del sizehint
        return self._piece

    def buffer_updated(self, nbytes: int) -> None:
        """Take what arrived."""
        count = 0
        try:
            for count, message in enumerate(self._frames.feed(self._piece[:nbytes]), 1):  # noqa: B007  # used below
                self._take(message)
        except (wire.FrameError, AttributeError, LookupError, TypeError, ValueError):
            self._astray = True
            self.end()  # it does not keep to the protocol: whatever it is now, it is no worker of ours
        if (count >= TALK or self._much) and self._transport is not None and not self._transport.is_closing():
            self._much = False
            self._transport.pause_reading()
            self._loop.call_later(SILENCE, self._listen)

    def connection_lost(self, exc: Exception | None) -> None:
        """Whoever waits for it waits in vain."""
        del exc
        self._birth.cancel()
        if self._unwanted:
            self.born.cancel()  # nobody waits, so nobody would fetch the error
        for future in (self.born, self._answer):
            if future is not None and not future.done():
                future.set_exception(CrashError("its worker ended"))
                future.exception()  # who waited for it may be gone, and that is nothing to report
        if self._fit is not None and not self._fit.done():
            self._fit.set_result(None)

    def died(self, status: int | None) -> None:
        """Note how the process ended: its exit status, the negative number of the signal, or `None` where unknown."""
        if not self.death.done():
            self.death.set_result(status)

    @property
    def is_fit(self) -> bool:
        """Whether it has seen that the call before left nothing behind."""
        return self._fit is None or self._fit.done()

    def is_closing(self) -> bool:
        """Whether the connection is on its way out."""
        return self._transport is None or self._transport.is_closing()

    async def ask(self, request: Mapping[str, Any], voice: Voice | None) -> Any:
        """Send a request and await the message that answers it.

        Raises:
            CrashError: the connection ended first.
            FrameError: the request is too long.
            WornError: nothing was sent, and another worker must be asked.
        """
        if self._fit is not None:
            await self._settle(self._fit)
        # The number cannot be guessed, so a worker that hostile code took over cannot answer the next call beforehand.
        self._number = secrets.randbits(63)
        frame = wire.pack([self._number, request])
        if self._transport is None or self._transport.is_closing():
            raise CrashError("its worker ended")
        self._voice = voice
        self._answer = self._loop.create_future()
        try:
            self._transport.write(frame)
            return await self._answer
        finally:
            self._answer = self._voice = None

    async def _settle(self, fit: asyncio.Future[None]) -> None:
        """Wait until the worker has seen that the call before left nothing behind."""
        if not fit.done() and not self.is_closing():
            timer = self._loop.call_later(SETTLING, self.end)
            await fit
            timer.cancel()
        if self.is_closing():
            raise WornError

    async def how(self) -> str:
        """How a worker ended whose connection just did; the fork server's report follows at once."""
        if self._astray:
            return "its worker process said what no worker says, and was ended"
        status: int | None = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                status = await asyncio.shield(self.death)
        if status is None:
            return "its worker process ended"
        if status < 0:
            with contextlib.suppress(ValueError):
                return f"its worker process was ended by {signal.Signals(-status).name}"
            return f"its worker process was ended by signal {-status}"
        return f"its worker process exited with status {status}"

    def give_up(self) -> None:
        """Nobody waits for its birth any more: end it as soon as it is there to be ended."""
        self._unwanted = True
        if self.pid or self.is_closing():
            self.end()

    def end(self) -> None:
        """Kill the worker with everything that it started."""
        if self._transport is not None:
            self._transport.abort()
        if self.pid:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)

    def _listen(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def _take(self, message: Any) -> None:
        if not self.born.done():
            self.pid = int(message["ready"])
            self._birth.cancel()
            self.born.set_result(None)
            if self._unwanted:
                self.end()
            return
        if "fit" in message:
            if self._fit is None or self._fit.done() or message["number"] != self._number:
                raise ValueError("it is fit at the wrong time")
            self._fit.set_result(None)
            return
        answers = bool(message.keys() & {"outcome", "unsendable"})
        if not answers and self._frames.length > wire.TALK:
            raise ValueError("it talks too much at once")
        self._much |= not answers and self._frames.length > PIECE
        if self._answer is None or self._answer.done() or message["number"] != self._number:
            # A thread that a call left behind may still speak; an answer that nobody asked for is another matter.
            if answers:
                raise ValueError("an answer that nobody asked for")
        elif answers:
            self._fit = self._loop.create_future()
            self._answer.set_result(message)
        else:
            self._pass_on(message, self._voice)

    def _pass_on(self, message: Any, voice: Voice | None) -> None:
        if "progress" in message:
            done, total, text = message["progress"]
            said = checked_progress(done, total, text)
            if voice is not None:
                voice.progress(*said)
        else:
            level, data = message["log"]
            checked_level(level)
            if voice is not None:
                voice.log(level, data)

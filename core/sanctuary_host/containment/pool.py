"""Workers on demand: each runs one call at a time and is killed when the call overruns, is given up, or crashes it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Self, TypeVar

from sanctuary_host.calling import Voice
from sanctuary_host.containment import wire
from sanctuary_host.containment.connection import CrashError, Room, Worker, WornError
from sanctuary_host.containment.echo import Echo, Teller, note
from sanctuary_host.containment.lanes import Lane, Lanes
from sanctuary_host.containment.zygote import Zygote

__all__ = ["CrashError", "Pool", "UnsendableError"]

logger = logging.getLogger(__name__)

SIZE: Final = 8
"""Workers at most; the calls beyond wait, within their deadlines."""
KEPT: Final = 4
"""Idle workers that are kept for later calls."""
LAST_WORDS: Final = 0.25
"""Seconds in which what a worker wrote before its end is read."""
BROKEN: Final = "no worker process can be started any more, because the fork server was killed; restart this server"
T = TypeVar("T")


class UnsendableError(Exception):
    """The worker answered, but its result cannot be sent; the message says why."""


class Pool:
    """The workers of one process.

    Args:
        zygote: the fork server.
        size: how many there are at most.
        tell: hears what tools print in them; by default it is logged.

    Workers have rooms, one for each distribution and each amount of memory: nobody's code runs where somebody else's
    ran before, and the limit that a worker is born with is that of all its calls.

    Attributes:
        lanes: where calls wait for a worker.
        fault: a sentence that says why there are no workers any more; empty as long as there are.
    """

    def __init__(self, zygote: Zygote, size: int = SIZE, tell: Teller = note) -> None:
        self.fault = ""
        self._tell = tell
        self._echo: Echo | None = None
        self._zygote = zygote
        self._size = size
        self.lanes = Lanes(size)
        self._lane = Lane(size)
        self._idle: list[Worker] = []
        self._alive: dict[int, Worker] = {}
        self._news = wire.Unpacker()
        self._server = 0
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __aenter__(self) -> Self:
        """Begin to follow the fork server's reports."""
        self._loop = asyncio.get_running_loop()
        self._zygote.control.setblocking(False)  # noqa: FBT003  # the standard library's own order
        self._loop.add_reader(self._zygote.control.fileno(), self._read_news)
        self._echo = Echo(self._zygote.printed, self._tell)
        return self

    async def __aexit__(self, *_exception: object) -> None:
        """End every worker and the fork server."""
        if self._loop is not None:
            self._loop.remove_reader(self._zygote.control.fileno())
        for worker in [*self._idle, *self._alive.values()]:
            worker.end()
        self._zygote.stop()
        if self._echo is not None:
            self._echo.end()

    @property
    def workers(self) -> int:
        """How many there are, those that are about to be born included."""
        return len(self._idle) + self.lanes.running

    async def call(
        self,
        request: Mapping[str, Any],
        voice: Voice | None = None,
        *,
        lane: Lane | None = None,
        room: str = "",
        begin: Callable[[], None] | None = None,
        read: Callable[[Any], T] = lambda outcome: outcome,
    ) -> T:
        """Have a worker run `request`, and return the outcome.

        Beside what the work reads, the request says in `memory` how many MiB it may add to the worker.

        The caller bounds the time: when this coroutine is cancelled, the worker is killed.

        Args:
            request: what to run.
            voice: who hears what it says meanwhile.
            lane: which calls it waits in line with.
            room: whose code it is.
            begin: called when its turn has come; what it raises ends the call before it has begun.
            read: takes the outcome, and raises ValueError where it is none.

        Raises:
            CrashError: the worker ended before it had answered, or answered nonsense.
            FrameError: the request cannot be sent.
            FullError: too many calls wait in the lane.
            UnsendableError: the result cannot be sent.
        """
        lane = lane or self._lane
        await self.lanes.enter(lane)
        began: float | None = None
        try:
            if begin is not None:
                begin()
            began = time.monotonic()
            place = (room, request["memory"])
            worker = await self._worker(place)
            while True:
                try:
                    answer = await worker.ask(request, voice)
                    unsendable = "unsendable" in answer
                    outcome = None if unsendable else read(answer["outcome"])
                    break
                except WornError:
                    self._lose(worker)
                except CrashError:
                    worker.end()
                    how = await worker.how()
                    self._lose(worker)
                    raise CrashError(how) from None
                except wire.FrameError:  # nothing of it was sent
                    self._give_back(worker)
                    raise
                except (LookupError, TypeError, ValueError):
                    self._lose(worker)
                    raise CrashError("its worker process answered nonsense and was ended") from None
                except BaseException:
                    self._lose(worker)
                    raise
                worker = await self._spawn(place)  # which cannot be worn, and nothing was asked of the other
            self._give_back(worker)
        finally:
            self.lanes.leave(lane, None if began is None else time.monotonic() - began)
        if outcome is None:
            raise UnsendableError(f"its result cannot be sent: {str(answer['unsendable'])[:200]}")
        return outcome

    async def _worker(self, room: Room) -> Worker:
        ours = [worker for worker in reversed(self._idle) if worker.room == room and not worker.is_closing()]
        if ours:
            worker = next((one for one in ours if one.is_fit), ours[0])
            self._idle.remove(worker)
            return worker
        while self._idle and self.workers > self._size:
            self._lose(self._idle.pop(0))
        return await self._spawn(room)

    def _give_back(self, worker: Worker) -> None:
        if worker.is_closing():
            self._lose(worker)
            return
        self._idle.append(worker)
        if len(self._idle) > KEPT:
            self._lose(self._idle.pop(0))

    def _lose(self, worker: Worker) -> None:
        worker.end()
        self._alive.pop(worker.pid, None)

    async def _spawn(self, room: Room) -> Worker:
        if self.fault:
            raise CrashError(self.fault)
        ours, theirs = socket.socketpair()
        try:
            self._zygote.spawn(theirs, room[1])
        except OSError as error:
            ours.close()
            raise CrashError(f"no worker can be started: {error.strerror}") from None
        finally:
            theirs.close()
        _, worker = await asyncio.get_running_loop().create_connection(lambda: Worker(room, self._overdue), sock=ours)
        try:
            await asyncio.shield(worker.born)
        except BaseException:
            worker.give_up()
            raise
        self._alive[worker.pid] = worker
        return worker

    def _overdue(self) -> None:
        """A fork server that forks no more, such as one that a tool stopped, is replaced."""
        logger.error("The fork server does not answer and is replaced")
        for pid, number in ((self._zygote.pid, signal.SIGCONT), (self._server, signal.SIGKILL)):
            if pid:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, number)

    def _read_news(self) -> None:
        try:
            data = self._zygote.control.recv(65_536)
        except BlockingIOError:
            return
        except ConnectionError:
            data = b""
        if not data and self._loop is not None:
            self._loop.remove_reader(self._zygote.control.fileno())
            self.fault = BROKEN
            logger.critical("The fork server was killed: %s", BROKEN)
            self._forget_all()
        for message in self._news.feed(data):
            if "server" in message:
                if self._server:
                    logger.error("The fork server was killed; it is started anew, and calls that were running fail")
                self._server = message["server"]
                self._forget_all()
                continue
            worker = self._alive.pop(message["died"], None)
            if worker is not None:
                worker.died(message["status"])
                if worker in self._idle:
                    self._idle.remove(worker)
                    self._lose(worker)
                elif self._loop is not None:
                    # Its last words may be unread yet; but what it forked may hold the connection open for ever.
                    self._loop.call_later(LAST_WORDS, worker.end)

    def _forget_all(self) -> None:
        """All workers died with their fork server, which cannot report it any more."""
        for worker in self._alive.values():
            worker.died(None)
            worker.end()
        self._alive.clear()
        self._idle.clear()

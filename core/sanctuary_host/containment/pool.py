"""Workers on demand: each runs one call at a time and is killed when the call overruns, is given up, or crashes it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Any, Final, Self, TypeVar

from sanctuary_host.calling import Voice
from sanctuary_host.containment import wire
from sanctuary_host.containment.connection import CrashError, Room, Worker
from sanctuary_host.containment.zygote import Zygote

__all__ = ["CrashError", "Pool"]

logger = logging.getLogger(__name__)

SIZE: Final = 8
"""Workers at most; the calls beyond wait, within their deadlines."""
KEPT: Final = 4
"""Idle workers that are kept for later calls."""
LAST_WORDS: Final = 0.25
"""Seconds in which what a worker wrote before its end is read."""
BROKEN: Final = "no worker process can be started any more, because the fork server was killed; restart this server"
T = TypeVar("T")


class Pool:
    """The workers of one process.

    Calls come in lanes, one for each tool. A lane gets no more workers than would remain free for the others, so calls
    that hang hold up calls of their own kind, and never the whole pool.

    Workers have rooms, one for each distribution and each amount of memory: nobody's code runs where somebody else's
    ran before, and the limit that a worker is born with is that of all its calls.

    Attributes:
        fault: a sentence that says why there are no workers any more; empty as long as there are.
    """

    def __init__(self, zygote: Zygote, size: int = SIZE) -> None:
        self.fault = ""
        self._zygote = zygote
        self._size = size
        self._idle: list[Worker] = []
        self._busy: Counter[str] = Counter()
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        self._alive: dict[int, Worker] = {}
        self._news = wire.Unpacker()
        self._server = 0
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
        for worker in [*self._idle, *self._alive.values()]:
            worker.end()
        self._zygote.stop()

    @property
    def workers(self) -> int:
        """How many there are, those that are about to be born included."""
        return len(self._idle) + self._busy.total()

    async def call(
        self,
        request: Mapping[str, Any],
        voice: Voice | None = None,
        *,
        lane: str = "",
        room: str = "",
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
            read: takes the outcome, and raises ValueError where it is none.

        Raises:
            CrashError: the worker ended before it had answered, or answered nonsense.
        """
        await self._enter(lane)
        try:
            worker = await self._worker((room, request["memory"]))
            try:
                answer = await worker.ask(request, voice)
                unsendable = "unsendable" in answer
                outcome = None if unsendable else read(answer["outcome"])
            except CrashError:
                worker.end()
                how = await worker.how()
                self._lose(worker)
                raise CrashError(how) from None
            except (LookupError, TypeError, ValueError):
                self._lose(worker)
                raise CrashError("its worker process answered nonsense and was ended") from None
            except BaseException:
                self._lose(worker)
                raise
            self._give_back(worker, worn=bool(answer.get("worn")))
        finally:
            self._leave(lane)
        if outcome is None:
            raise CrashError(f"its result cannot be sent: {str(answer['unsendable'])[:200]}")
        return outcome

    async def _enter(self, lane: str) -> None:
        if lane not in self._waiting and self._has_room(lane):
            self._busy[lane] += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(lane, deque()).append(turn)
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled():
                self._leave(lane)  # the turn was ours already: pass it on
            raise

    def _has_room(self, lane: str) -> bool:
        return self._busy[lane] < self._size - self._busy.total()

    def _leave(self, lane: str) -> None:
        self._busy[lane] -= 1
        if not self._busy[lane]:
            del self._busy[lane]
        for name in [*self._waiting]:
            turns = self._waiting.pop(name)
            while turns and turns[0].done():
                turns.popleft()
            if turns and self._has_room(name):
                self._busy[name] += 1
                turns.popleft().set_result(None)
            if turns:
                self._waiting[name] = turns

    async def _worker(self, room: Room) -> Worker:
        for worker in reversed(self._idle):
            if worker.room == room:
                self._idle.remove(worker)
                return worker
        while self._idle and self.workers > self._size:
            self._lose(self._idle.pop(0))
        return await self._spawn(room)

    def _give_back(self, worker: Worker, *, worn: bool) -> None:
        if worn or worker.is_closing():
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

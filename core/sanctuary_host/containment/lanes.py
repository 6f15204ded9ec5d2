"""Who may run now: calls wait in lanes, one for each tool, and no lane takes the places of all the others."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

WAITING: Final = 256
"""Calls that wait in one lane at most. Each may hold arguments of some MiB, and behind so many a caller of a tool that
takes a second waits for longer than the default deadline; while a gateway's burst of quick calls still fits."""
LEAST: Final = 1.0
"""Seconds after which one who was turned away is told to come back, at the soonest,"""
MOST: Final = 60.0
"""and at the latest."""
WEIGHT: Final = 0.2
"""How much the latest call counts in what a lane's calls take on average."""


class FullError(Exception):
    """As many calls wait as may.

    Attributes:
        waiting: how many.
        seconds: after how long it may be worth trying again.
    """

    def __init__(self, waiting: int, seconds: float) -> None:
        super().__init__(f"{waiting} calls wait already")
        self.waiting, self.seconds = waiting, seconds


class Lane:
    """The calls of one kind.

    Attributes:
        most: how many of them run at once, at most.
        running: how many run now.
        seconds: what one takes, of late.
    """

    __slots__ = ("most", "running", "seconds", "turns")

    def __init__(self, most: int) -> None:
        self.most = most
        self.running = 0
        self.seconds = 0.0
        self.turns: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        """How many calls wait."""
        return len(self.turns)

    @property
    def patience(self) -> float:
        """Seconds until the calls that wait now will have had their turn, if they take as long as those before."""
        expected = self.seconds * (len(self.turns) + 1) / max(self.running, 1)
        return round(min(max(LEAST, expected), MOST), 1)


class Lanes:
    """Some places for the calls of many lanes.

    A lane gets no more places than would remain free for the others, so calls that hang hold up calls of their own
    kind, and never all. Places that become free go round among the lanes that wait.

    Args:
        size: how many places there are.
        waiting: calls that may wait in one lane.
    """

    def __init__(self, size: int, waiting: int = WAITING) -> None:
        self.size = size
        self.running = 0
        self._most_waiting = waiting
        self._waiting: dict[Lane, None] = {}

    def enter_now(self, lane: Lane) -> bool:
        """Take a place for a call, if it need not wait."""
        if lane.turns or not self._has_room(lane):
            return False
        self._take(lane)
        return True

    async def enter(self, lane: Lane) -> None:
        """Take a place for a call as soon as it is its turn.

        Raises:
            FullError: too many wait already.
        """
        if self.enter_now(lane):
            return
        if lane.waiting >= self._most_waiting:
            raise FullError(lane.waiting, lane.patience)
        turn = asyncio.get_running_loop().create_future()
        lane.turns.append(turn)
        self._waiting[lane] = None
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled():
                self.leave(lane)  # the turn was ours already: pass it on
            elif turn in lane.turns:
                lane.turns.remove(turn)
                if not lane.turns:
                    del self._waiting[lane]
            raise

    def leave(self, lane: Lane, seconds: float | None = None) -> None:
        """Give a place back.

        Args:
            lane: whose place it was.
            seconds: how long the call took, where that tells anything.
        """
        lane.running -= 1
        self.running -= 1
        if seconds is not None:
            lane.seconds = seconds if not lane.seconds else lane.seconds + WEIGHT * (seconds - lane.seconds)
        if self._waiting:
            self._pass_on()

    def _pass_on(self) -> None:
        while (lane := next((lane for lane in self._waiting if self._has_room(lane)), None)) is not None:
            turn = lane.turns.popleft()
            del self._waiting[lane]
            if lane.turns:
                self._waiting[lane] = None  # at the end: the others come first
            if not turn.done():  # a call that was given up leaves by itself
                self._take(lane)
                turn.set_result(None)

    def _has_room(self, lane: Lane) -> bool:
        return lane.running < lane.most and lane.running < self.size - self.running

    def _take(self, lane: Lane) -> None:
        lane.running += 1
        self.running += 1

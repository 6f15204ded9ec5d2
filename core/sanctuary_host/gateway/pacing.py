"""Giving way to a gateway that labours, before it is asked for what takes it long.

ContextForge 1.0.7 on SQLite has 60 connections to its database, and holds one for as long as it reads a server's
tools. Sixty such requests at once, and it answers nobody any more until they have given up. So servers that start
together must come one after the other, and how fast only the gateway's own pace can tell them.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

LABOURS: Final = 0.7
"""Seconds for a small answer, from which on the gateway labours. One that rests needs 0.05 to 0.2, and one that reads
the tools of ten servers at once about this."""
SPARED: Final = 3.0
"""Seconds for an answer up to which one pause is enough, and another look would only be one request more: an address
may make 500 a minute, and a hundred servers behind it need 300 to register."""
STARTED: Final = 5.0
"""Seconds for the first answer from which on it tells nothing of the pace: the gateway may have started meanwhile."""
STRETCH: Final = 3.0
"""Times the splay to wait at most, for each second that a small answer took."""
LONGEST: Final = 90.0
"""Seconds of one pause."""
ENOUGH: Final = 300.0
"""Seconds of pauses after which the gateway is taken to be one that is always so slow."""


class Pace:
    """How fast the gateway answers what is small.

    Args:
        splay: seconds within which as many servers start as there may be; 0 where they are too few to give way.
        uniform: a random number between two.
    """

    def __init__(self, splay: float, uniform: Callable[[float, float], float] = random.uniform) -> None:
        self._splay = splay
        self._uniform = uniform
        self._took = 0.0

    @asynccontextmanager
    async def measured(self) -> AsyncGenerator[None]:
        """Take the time of a request for something small."""
        begun = asyncio.get_running_loop().time()
        yield
        self._took = asyncio.get_running_loop().time() - begun

    async def give_way(self, look: Callable[[], Awaitable[object]]) -> None:
        """Wait until the gateway answers fast, at random, so that those who wait do not come together either.

        Args:
            look: asks it for something small, and is measured.
        """
        if not self._splay:
            return
        if self._took > STARTED:
            await look()
        left = ENOUGH
        while self._took > LABOURS and left > 0:
            pause = min(left, self._uniform(0, min(LONGEST, STRETCH * self._splay * self._took)))
            await asyncio.sleep(pause)
            if self._took < SPARED:
                return
            left -= pause
            await look()

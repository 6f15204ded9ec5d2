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

LABOURS: Final = 1.0
"""Seconds for a small answer, from which on the gateway labours. One that rests needs 0.05 to 0.2, and one that reads
the tools of ten servers at once about this."""
STRETCH: Final = 20.0
"""Seconds to wait at most, for each second that a small answer took: so that some hundred that wait do not come sooner
than it can serve them, nor use up what it permits an address in a minute by looking again."""
LONGEST: Final = 60.0
"""Seconds of one pause."""
ENOUGH: Final = 90.0
"""Seconds of pauses after which the gateway is taken to be one that is always so slow."""


class Pace:
    """How fast the gateway answers what is small.

    Args:
        uniform: a random number between two.
    """

    def __init__(self, uniform: Callable[[float, float], float] = random.uniform) -> None:
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
        left = ENOUGH
        while self._took > LABOURS and left > 0:
            pause = min(left, self._uniform(0, min(LONGEST, STRETCH * self._took)))
            await asyncio.sleep(pause)
            left -= pause
            await look()

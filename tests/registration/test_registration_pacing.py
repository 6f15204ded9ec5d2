"""Servers that start together give way to a gateway that labours, and wait no longer than that takes."""

from __future__ import annotations

import asyncio
import random
from contextlib import nullcontext

import pytest
from jumping import jumping

from sanctuary_host.gateway.pacing import ENOUGH, LABOURS, LONGEST, Pace

SLICE = 0.05
"""Seconds that a gateway with one core works for a request before it turns to the next."""
ROOM = 60
"""Entries that it can work on at once, before it answers nobody any more."""


class Gateway:
    """A gateway that works for all at once, and so for each the slower."""

    def __init__(self) -> None:
        self._core = asyncio.Lock()
        self.looks = self.entries = self.most = 0

    async def work(self, slices: int) -> None:
        for _ in range(slices):
            async with self._core:
                await asyncio.sleep(SLICE)

    async def look(self) -> None:
        self.looks += 1
        await self.work(1)

    async def take(self) -> None:
        self.entries += 1
        self.most = max(self.most, self.entries)
        await self.work(6)
        self.entries -= 1


async def register(gateway: Gateway, late: float, pace: Pace | None) -> None:
    async def look() -> None:
        async with pace.measured() if pace is not None else nullcontext():
            await gateway.look()

    await asyncio.sleep(late)
    await look()
    if pace is not None:
        await pace.give_way(look)
    await gateway.take()


@pytest.mark.parametrize("seed", range(5))
@jumping
async def test_servers_that_start_together_do_not_wear_the_gateway_out(seed: int) -> None:
    chance, gateway = random.Random(seed), Gateway()
    starts = [chance.uniform(0, 10) for _ in range(120)]
    await asyncio.gather(*(register(gateway, late, Pace(chance.uniform)) for late in starts))
    assert gateway.most < ROOM / 2
    assert gateway.looks < 500, "more than it permits an address in a minute"
    herd = Gateway()
    await asyncio.gather(*(register(herd, late, None) for late in starts))
    assert herd.most > ROOM, "it would not have been worn out in any case"


async def paused(pace: Pace, *answers: float) -> tuple[float, int]:
    """Seconds that a server waits for a gateway whose answers take so long, the last one for ever; and its looks."""
    loop, looks = asyncio.get_running_loop(), list(answers)

    async def look() -> None:
        async with pace.measured():
            await asyncio.sleep(looks.pop(0) if len(looks) > 1 else looks[0])

    await look()
    left, begun = len(looks), loop.time()
    await pace.give_way(look)
    return loop.time() - begun, left - len(looks)


def longest(_low: float, high: float) -> float:
    return high


@jumping
async def test_a_gateway_that_answers_fast_is_not_waited_for() -> None:
    assert await paused(Pace(longest), LABOURS, LABOURS) == (0, 0)


@jumping
async def test_a_gateway_that_was_slow_once_costs_one_pause() -> None:
    waited, looks = await paused(Pace(longest), 2.0, 0.1, 0.1)
    assert (round(waited, 3), looks) == (40.1, 1)


@jumping
async def test_a_gateway_that_is_always_slow_is_not_waited_for_without_end() -> None:
    waited, _ = await paused(Pace(longest), 5.0)
    assert ENOUGH < waited <= ENOUGH + 3 * 5.0
    assert LONGEST < ENOUGH


@jumping
async def test_what_fails_counts_for_nothing() -> None:
    pace = Pace(longest)

    async def fail() -> None:
        async with pace.measured():
            await asyncio.sleep(90)
            raise TimeoutError

    with pytest.raises(TimeoutError):
        await fail()
    assert await paused(pace, 0.1, 0.1) == (0, 0)

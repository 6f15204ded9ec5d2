"""Servers that start together give way to a gateway that labours, and wait no longer than that takes."""

from __future__ import annotations

import asyncio
import random
from contextlib import nullcontext

import pytest
from jumping import jumping

from sanctuary_host.gateway.pacing import ENOUGH, LABOURS, LONGEST, Pace

ROOM = 60
"""Entries that a gateway can work on at once, before it answers nobody any more."""
PERMITTED = 500
"""Requests of one address in a minute."""


class Gateway:
    """A gateway that works for all at once, and so for each the slower.

    Args:
        turn: seconds that it works for a request before it turns to the next.
    """

    def __init__(self, turn: float) -> None:
        self._turn = turn
        self._core = asyncio.Lock()
        self.asked: list[float] = []
        self.entries = self.most = 0

    async def look(self) -> None:
        await self._work(1)

    async def take(self) -> None:
        self.entries += 1
        self.most = max(self.most, self.entries)
        await self._work(6)
        self.entries -= 1

    async def _work(self, slices: int) -> None:
        self.asked.append(asyncio.get_running_loop().time())
        for _ in range(slices):
            async with self._core:
                await asyncio.sleep(self._turn)


async def register(gateway: Gateway, late: float, pace: Pace | None) -> None:
    async def look() -> None:
        async with pace.measured() if pace is not None else nullcontext():
            await gateway.look()

    await asyncio.sleep(late)
    await look()
    if pace is not None:
        await pace.give_way(look)
    await gateway.take()
    await gateway.look()


@pytest.mark.parametrize("turn", [0.02, 0.05, 0.1, 0.2])
@pytest.mark.parametrize("seed", range(3))
@jumping
async def test_servers_that_start_together_do_not_wear_the_gateway_out(turn: float, seed: int) -> None:
    chance, gateway = random.Random(seed), Gateway(turn)
    starts = [chance.uniform(0, 10) for _ in range(120)]
    await asyncio.gather(*(register(gateway, late, Pace(10, chance.uniform)) for late in starts))
    assert gateway.most < ROOM * 2 / 3
    assert all(sum(begun <= at < begun + 60 for at in gateway.asked) < PERMITTED for begun in gateway.asked)
    herd = Gateway(turn)
    await asyncio.gather(*(register(herd, late, None) for late in starts))
    assert herd.most > ROOM or turn < 0.05, "it would not have been worn out in any case"


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
    assert await paused(Pace(10, longest), LABOURS, LABOURS) == (0, 0)


@jumping
async def test_a_gateway_that_was_slow_once_costs_one_pause() -> None:
    assert await paused(Pace(10, longest), 2.0, 9.0) == (60, 0)
    waited, looks = await paused(Pace(10, longest), 3.0, 0.1, 9.0)
    assert (round(waited, 3), looks) == (90.1, 1)


@jumping
async def test_a_gateway_that_is_always_slow_is_not_waited_for_without_end() -> None:
    for slow in (3.0, 30.0):
        waited, _ = await paused(Pace(10, longest), slow)
        assert ENOUGH <= waited <= ENOUGH + 5 * slow
    assert LONGEST < ENOUGH


@jumping
async def test_a_gateway_that_was_still_starting_is_looked_at_again_at_once() -> None:
    waited, looks = await paused(Pace(10, longest), 13.0, 0.1, 0.1)
    assert (round(waited, 3), looks) == (0.1, 1)


@jumping
async def test_where_servers_are_few_none_gives_way() -> None:
    assert await paused(Pace(0, longest), 3.0) == (0, 0)


@jumping
async def test_what_fails_counts_for_nothing() -> None:
    pace = Pace(10, longest)

    async def fail() -> None:
        async with pace.measured():
            await asyncio.sleep(90)
            raise TimeoutError

    with pytest.raises(TimeoutError):
        await fail()
    assert await paused(pace, 0.1, 0.1) == (0, 0)

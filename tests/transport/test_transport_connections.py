"""Whoever connects and says nothing keeps nobody else from being served."""

from __future__ import annotations

import asyncio
from typing import Any

from sanctuary_host.transport.limits import Limits

HALF = b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-"


async def test_a_connection_that_asks_nothing_is_cut_after_a_while(world: Any) -> None:
    here = await world(limits=Limits(silence=0.1))
    reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
    writer.write(HALF)
    async with asyncio.timeout(5):
        assert await _rest(reader) == b""
    writer.close()


async def test_the_longest_silent_connection_makes_room_for_a_new_one(world: Any) -> None:
    here = await world(limits=Limits(connections=4))
    silent = [await asyncio.open_connection("127.0.0.1", here.port) for _ in range(12)]
    async with asyncio.timeout(5):
        assert await _rest(silent[0][0]) == b""
        reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
        writer.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 200")
    for _, one in [*silent, (reader, writer)]:
        one.close()


async def _rest(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""

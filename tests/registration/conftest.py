"""A gateway and a small MCP server for each test; test files import their classes from `fake_gateway`, `small_server`."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from fake_gateway import FakeGateway
from small_server import SmallServer


@pytest.fixture
async def fake() -> AsyncIterator[FakeGateway]:
    """A gateway like ContextForge, listening."""
    async with FakeGateway() as gateway:
        yield gateway


@pytest.fixture
async def small() -> AsyncIterator[SmallServer]:
    """A server of two tools, listening."""
    async with SmallServer("add", "str.upper") as server:
        yield server

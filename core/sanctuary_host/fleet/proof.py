"""The proof that the fleet can be used: a client asks the gateway what time it is, and the clock is held against it."""

from __future__ import annotations

import asyncio
import statistics
import time
from dataclasses import dataclass
from typing import Any, Final, cast

import httpx2
from aiohttp import ClientError, ClientSession, ClientTimeout
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp_types import TextContent

from sanctuary_host.gateway.lint import slug_of

SECONDS: Final = 20.0
"""How long a proof may take in all; it takes one."""
TIMES: Final = 5
"""Questions of which the median counts: the first of a new gateway takes it several times as long as any other."""
LIMIT: Final = 0.1
"""Seconds that the server's own part may take."""
HELLO: Final[dict[str, Any]] = {
    "protocolVersion": "2025-11-25",  # the gateway's
    "capabilities": {},
    "clientInfo": {"name": "sanctuary-host up", "version": "1"},
}


class ProofError(Exception):
    """Nobody told the time; the message is the reason, to stand after a colon."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What came of asking.

    Attributes:
        answer: what the tool said.
        through: seconds from question to answer, through the gateway.
        server: seconds that the server needs for all that the gateway asks it meanwhile.
    """

    answer: str
    through: float
    server: float


async def prove(gateway: str, token: str, name: str, server: str, server_token: str = "") -> Proof:
    """Ask "What time is it?" through the gateway, as any client would, and then put the gateway's questions directly.

    Args:
        gateway: its URL.
        token: a client's.
        name: the server's at the gateway.
        server: its URL.
        server_token: what it asks for, if anything.

    Raises:
        ProofError: it cannot be done.
    """
    tool = slug_of(f"{name}_time_now")
    try:
        async with asyncio.timeout(SECONDS):
            answer, through = await _through(gateway, token, tool)
            return Proof(answer, through, await _directly(server, server_token))
    except TimeoutError:
        raise ProofError(f"no answer within {SECONDS:g} s") from None
    except (MCPError, httpx2.HTTPError, ClientError, OSError, ExceptionGroup) as error:
        reason = _first(error)
        raise ProofError(str(reason) or type(reason).__name__) from None


def _first(error: BaseException) -> BaseException:
    """What the client's task groups wrap."""
    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    return error


async def _through(gateway: str, token: str, tool: str) -> tuple[str, float]:
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=SECONDS, trust_env=False) as http,
        Client(streamable_http_client(f"{gateway}/mcp", http_client=http)) as client,
    ):
        await client.list_tools()
        answer, took = "", list[float]()
        for _ in range(TIMES):
            begun = time.perf_counter()
            reply = await client.call_tool(tool, {})
            took.append(time.perf_counter() - begun)
            answer = " ".join(part.text for part in reply.content if isinstance(part, TextContent))
            if reply.is_error:
                raise ProofError(answer)
        return answer, statistics.median(took)


async def _directly(server: str, token: str) -> float:
    """Seconds for what the gateway asks for one call: a session begun, a tool called, the tools listed, it ended."""
    headers = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-11-25"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    took: list[float] = []
    async with ClientSession(headers=headers, timeout=ClientTimeout(total=SECONDS), trust_env=False) as http:

        async def post(session: dict[str, str], method: str, params: dict[str, Any], number: int | None) -> str:
            message = {"jsonrpc": "2.0", "method": method, "params": params}
            body = message if number is None else {**message, "id": number}
            async with http.post(server, json=body, headers=session, raise_for_status=True) as reply:
                await reply.read()
                return reply.headers.get("Mcp-Session-Id", "")

        for _ in range(TIMES):
            begun = time.perf_counter()
            number = await post({}, "initialize", HELLO, 0)
            session = {"Mcp-Session-Id": number} if number else {}
            await post(session, "notifications/initialized", {}, None)
            await post(session, "tools/call", {"name": "time_now", "arguments": {}}, 1)
            await post(session, "tools/list", {}, 2)
            if session:
                async with http.delete(server, headers=session):
                    pass
            took.append(time.perf_counter() - begun)
    return statistics.median(took)

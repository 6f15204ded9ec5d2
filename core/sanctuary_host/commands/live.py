"""The running server at its advertised URL, asked as the gateway asks it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any, Final, Self

import aiohttp

from sanctuary_host.shapes import is_array, is_object

VERSION: Final = "2025-11-25"
"""Of the protocol; the one that ContextForge offers."""
TIMEOUT: Final = aiohttp.ClientTimeout(total=10, sock_connect=3)
LIMIT: Final = 16 * 1024 * 1024
"""Bytes of an answer that are read."""


class NotServedError(Exception):
    """No server of this cluster answers there as it should; the message says what does, and the remedy."""


class Live:
    """A running server.

    Args:
        base: its URL without a path.
        cluster: what it should serve.
        token: what it asks its callers for; empty where it asks for nothing.
    """

    def __init__(self, base: str, cluster: str, token: str) -> None:
        self.base = base
        self._cluster = cluster
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    async def __aenter__(self) -> Self:
        """The server itself; nobody is asked yet."""
        self._session = aiohttp.ClientSession(timeout=TIMEOUT)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self._session.close()

    async def check(self) -> None:
        """Make sure that it listens and serves the cluster.

        Raises:
            NotServedError: it does not listen, or something else does.
        """
        try:
            async with self._session.get(f"{self.base}/health", allow_redirects=False) as response:
                health = json.loads(await _body(response))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise NotServedError(
                f"no server answers at {self.base}/health ({_reason(error)}); start it first, or set "
                "SANCTUARY_ADVERTISE_URL (or PORT) to where it listens"
            ) from None
        except (ValueError, RecursionError):
            health = None
        if not is_object(health) or "cluster" not in health:
            raise NotServedError(
                f"what answers at {self.base}/health is no sanctuary-host; set SANCTUARY_ADVERTISE_URL (or PORT) to "
                "where the server listens"
            )
        if health["cluster"] != self._cluster:
            raise NotServedError(
                f"what answers at {self.base}/health serves the cluster {str(health['cluster'])[:64]!r} and not "
                f"{self._cluster!r}; set SANCTUARY_ADVERTISE_URL (or PORT) to where this one listens"
            )

    async def tools(self) -> Sequence[Mapping[str, Any]]:
        """Its tools, as `tools/list` shows them.

        Raises:
            NotServedError: it does not list them.
        """
        session = ""
        try:
            _, session = await self._ask(
                "initialize",
                {
                    "protocolVersion": VERSION,
                    "capabilities": {},
                    "clientInfo": {"name": "sanctuary-host", "version": "1"},
                },
            )
            result, _ = await self._ask("tools/list", {}, session)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError, RecursionError) as error:
            raise NotServedError(f"{self.base}/mcp does not list its tools ({_reason(error)})") from None
        finally:
            if session:
                await self._leave(session)
        tools = result.get("tools")
        if not is_array(tools) or not all(is_object(tool) and isinstance(tool.get("name"), str) for tool in tools):
            raise NotServedError(f"{self.base}/mcp does not list its tools in the form of MCP")
        return tools

    async def _ask(self, method: str, params: Mapping[str, Any], session: str = "") -> tuple[Mapping[str, Any], str]:
        headers = {**self._headers, "Accept": "application/json, text/event-stream"}
        if session:
            headers |= {"Mcp-Session-Id": session, "MCP-Protocol-Version": VERSION}
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        async with self._session.post(
            f"{self.base}/mcp", json=message, headers=headers, allow_redirects=False
        ) as response:
            if response.status in {401, 403}:
                raise NotServedError(
                    f"the server at {self.base} asks for another token; set SANCTUARY_TOKEN or SANCTUARY_TOKEN_FILE to "
                    "its own"
                )
            answer = json.loads(await _body(response))
            result = answer.get("result") if is_object(answer) else None
            if not is_object(result):
                raise NotServedError(f"the server at {self.base} answers {method} with HTTP {response.status}")
            return result, response.headers.get("Mcp-Session-Id", "")

    async def _leave(self, session: str) -> None:
        headers = {**self._headers, "Mcp-Session-Id": session}
        try:
            async with self._session.delete(f"{self.base}/mcp", headers=headers, allow_redirects=False):
                pass
        except (aiohttp.ClientError, TimeoutError, OSError):
            pass  # it forgets sessions by itself


async def _body(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > LIMIT:
            raise ValueError(f"more than {LIMIT} bytes")
    return bytes(body)


def _reason(error: Exception) -> str:
    """Why, without what was sent or what came."""
    if isinstance(error, TimeoutError):
        return f"it took longer than {TIMEOUT.total:g} s"
    if isinstance(error, aiohttp.ClientSSLError):
        return "no TLS connection that is trusted here"
    if isinstance(error, aiohttp.ClientConnectorError):
        cause = error.os_error
        return os.strerror(cause.errno) if cause.errno and cause.errno > 0 else cause.strerror or str(cause)
    return "its answer is no JSON" if isinstance(error, (ValueError, RecursionError)) else type(error).__name__

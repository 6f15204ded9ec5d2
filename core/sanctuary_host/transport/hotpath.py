"""Plain tool calls without the SDK's kernel: the same answers for a fraction of its cost.

The kernel turns each message into models and each result back into JSON, several times over. A call that has nothing
but a name, arguments and well-known metadata needs none of it: the tool's own schema is checked in `calls` anyway. What
is not plain goes to the kernel, and a differential test holds the two against each other.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from mcp.server.context import ServerRequestContext
from mcp.server.session import ServerSession
from mcp.shared.exceptions import MCPError
from mcp_types import (
    CLIENT_CAPABILITIES_META_KEY,
    CLIENT_INFO_META_KEY,
    CORE_RESULT_TYPES,
    INTERNAL_ERROR,
    LOG_LEVEL_META_KEY,
    PROTOCOL_VERSION_META_KEY,
    SERVER_INFO_META_KEY,
    RequestParams,
)
from mcp_types.methods import serialize_server_result
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError

from sanctuary_host.results import Reply
from sanctuary_host.shapes import is_object
from sanctuary_host.transport.dispatch import LEVELS, Dispatch
from sanctuary_host.transport.handlers import STRUCTURED, Handlers
from sanctuary_host.transport.messages import Message, is_id

PARAMS: Final = frozenset({"name", "arguments", "_meta"})
TOKEN: Final = "progressToken"  # noqa: S105  # the protocol's name for what progress is reported under
META: Final = frozenset({TOKEN})
ENVELOPE: Final = frozenset(
    {TOKEN, PROTOCOL_VERSION_META_KEY, CLIENT_CAPABILITIES_META_KEY, CLIENT_INFO_META_KEY, LOG_LEVEL_META_KEY}
)


class HotPath:
    """Calls tools as the kernel would.

    Args:
        handlers: the methods that the kernel calls.
        stamp: what the kernel writes into results to name the server, in versions that have it.
    """

    def __init__(self, handlers: Handlers, stamp: Mapping[str, Any]) -> None:
        self._handlers = handlers
        self._stamp = {SERVER_INFO_META_KEY: dict(stamp)}

    def handler(self, dispatch: Dispatch, message: Message, connection: Any) -> Callable[[], Awaitable[dict[str, Any]]]:
        """What handles a call that `is_plain`.

        Args:
            dispatch: the call.
            message: the same as JSON.
            connection: the SDK's connection that it came on.
        """
        return lambda: self._call(dispatch, message["params"], connection)

    async def _call(self, dispatch: Dispatch, params: dict[str, Any], connection: Any) -> dict[str, Any]:
        name: str = params["name"]
        version: str = connection.protocol_version
        tool = self._handlers.tools.get(name)
        context = _context(dispatch, params, connection) if tool is not None and tool.runs == "loop" else None
        caller = self._handlers.caller(dispatch, connection)
        reply = await self._handlers.call(dispatch, name, params.get("arguments") or {}, context, caller)
        result = reply.wire(structured=version >= STRUCTURED)
        if not _is_text(reply):
            result = _shaped(result, version)
        if version in MODERN_PROTOCOL_VERSIONS:
            result.setdefault("resultType", "complete")
            meta = result.get("_meta")
            result["_meta"] = {**(meta if is_object(meta) else {}), **self._stamp}
        return result


def is_plain(message: Message, *, envelope: bool) -> bool:
    """Whether a request is a tool call in which nothing needs the kernel.

    Args:
        message: the request.
        envelope: whether it is of a version in which the metadata hold an envelope; that must have been checked.
    """
    params = message.get("params")
    if message["method"] != "tools/call" or not params or not params.keys() <= PARAMS:
        return False
    if not isinstance(params.get("name"), str) or not is_object(params.get("arguments", {})):
        return False
    if "_meta" not in params:
        return True
    meta = params["_meta"]
    return (
        is_object(meta)
        and meta.keys() <= (ENVELOPE if envelope else META)
        and is_id(meta.get(TOKEN, 0))
        and meta.get(LOG_LEVEL_META_KEY, "info") in LEVELS
    )


def _context(dispatch: Dispatch, params: dict[str, Any], connection: Any) -> ServerRequestContext[Any, Any]:
    """The SDK's context, for tools on the loop, which may ask for it."""
    meta = RequestParams.model_validate({"_meta": params["_meta"]}, by_name=False).meta if "_meta" in params else None
    return ServerRequestContext(
        session=ServerSession(dispatch, connection, request_meta=meta),
        lifespan_context={},
        protocol_version=connection.protocol_version,
        method="tools/call",
        params=params,
        request_id=dispatch.request_id,
        meta=meta,
        request=dispatch,
    )


def _is_text(reply: Reply) -> bool:
    """Whether a result has nothing in it that the protocol's schema could object to."""
    return reply.verbatim is None and all(block["type"] == "text" for block in reply.content)


def _shaped(result: dict[str, Any], version: str) -> dict[str, Any]:
    """The result as the protocol version has it."""
    if version in MODERN_PROTOCOL_VERSIONS:
        kind = result.setdefault("resultType", "complete")
        if isinstance(kind, str) and kind not in CORE_RESULT_TYPES:
            return result  # an extension's, which no schema of the protocol describes
    try:
        return serialize_server_result("tools/call", version, result)
    except ValidationError:
        raise MCPError(INTERNAL_ERROR, "Handler returned an invalid result") from None

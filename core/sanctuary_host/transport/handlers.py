"""What the protocol's methods do with a cluster: handlers from the SDK's context and typed params to a result."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Any, Final, Protocol, TypeVar, cast

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from sanctuary_host.audited import NOBODY, Caller
from sanctuary_host.calling import ProtocolError
from sanctuary_host.calls import Calls, FailedError, UnknownError
from sanctuary_host.results import Reply
from sanctuary_host.transport.dispatch import LEVELS, Dispatch
from sanctuary_host.transport.session import Session

STRUCTURED: Final = "2025-06-18"
"""The first protocol version with structured content and output schemas; versions are dates and compare as text."""

Context = ServerRequestContext[Any, Any]
Result = dict[str, Any]
T = TypeVar("T")


class Introduced(Protocol):
    """A client that may have said who it is."""

    @property
    def client_params(self) -> types.InitializeRequestParams | None:
        """What it said."""
        ...


class Handlers:
    """The methods of one cluster."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._cluster = calls.cluster
        self.tools = calls.cluster.tools

    async def list_tools(self, ctx: Context, params: types.PaginatedRequestParams | None) -> Result:
        """All tools on one page: a gateway in use reads no second one."""
        tools = [tool.wire() for tool in self._cluster.listed_tools()]
        if ctx.protocol_version < STRUCTURED:
            # Clients of these versions that know output schemas all the same would miss the structured content.
            for entry in tools:
                entry.pop("outputSchema", None)
        return _page(ctx, params, "tools", tools)

    async def call_tool(self, ctx: Context, params: types.CallToolRequestParams) -> Any:
        """Call a tool."""
        dispatch = _dispatch(ctx)
        caller = self.caller(dispatch, ctx.session)
        reply = await self.call(dispatch, params.name, params.arguments or {}, ctx, caller)
        return _complete(ctx, reply.wire(structured=ctx.protocol_version >= STRUCTURED))

    async def call(
        self, dispatch: Dispatch, name: str, arguments: Mapping[str, Any], context: Context | None, caller: Caller
    ) -> Reply:
        """Call a tool, with its refusals as the protocol's."""
        try:
            return await self._calls.call_tool(
                name,
                arguments,
                voice=dispatch.voice(),
                protocol=context,
                correlation=dispatch.correlation,
                caller=caller,
            )
        except UnknownError as error:
            raise MCPError(types.INVALID_PARAMS, str(error)) from None
        except ProtocolError as error:
            raise MCPError(error.code, error.message, error.data) from None

    def caller(self, dispatch: Dispatch, connection: Introduced) -> Caller:
        """Who calls, where that is recorded.

        Args:
            dispatch: the call.
            connection: the SDK's session or connection that it came on.
        """
        if self._calls.audit is None:
            return NOBODY
        params = connection.client_params
        client = (params.client_info.name, params.client_info.version) if params is not None else ("", "")
        return Caller(dispatch.peer.id if isinstance(dispatch.peer, Session) else "", client)

    async def list_resources(self, ctx: Context, params: types.PaginatedRequestParams | None) -> Result:
        """All resources that are not templates."""
        plain = [resource.wire() for resource in self._cluster.resources if not resource.is_template]
        return _page(ctx, params, "resources", plain)

    async def list_resource_templates(self, ctx: Context, params: types.PaginatedRequestParams | None) -> Result:
        """All resource templates."""
        templates = [resource.wire() for resource in self._cluster.resources if resource.is_template]
        return _page(ctx, params, "resourceTemplates", templates)

    async def read_resource(self, ctx: Context, params: types.ReadResourceRequestParams) -> Any:
        """Read a resource."""
        dispatch = _dispatch(ctx)
        uri = str(params.uri)
        reading = self._calls.read_resource(
            uri,
            voice=dispatch.voice(),
            protocol=ctx,
            correlation=dispatch.correlation,
            caller=self.caller(dispatch, ctx.session),
        )
        contents = await _asked(reading, {"uri": uri})
        if len(contents) == 1 and "resultType" in contents[0]:
            return contents[0]
        return _complete(ctx, {"contents": contents})

    async def subscribe(self, ctx: Context, params: types.SubscribeRequestParams) -> Result:
        """Tell the session from now on when a resource changes."""
        uri = str(params.uri)
        if not any(resource.uri == uri or resource.match(uri) is not None for resource in self._cluster.resources):
            raise MCPError(types.INVALID_PARAMS, "no resource has this URI", {"uri": uri})
        _session(ctx).subscribe(uri)
        return {}

    async def unsubscribe(self, ctx: Context, params: types.UnsubscribeRequestParams) -> Result:
        """Tell the session no more."""
        _session(ctx).unsubscribe(str(params.uri))
        return {}

    async def list_prompts(self, ctx: Context, params: types.PaginatedRequestParams | None) -> Result:
        """All prompts."""
        return _page(ctx, params, "prompts", [prompt.wire() for prompt in self._cluster.listed_prompts()])

    async def get_prompt(self, ctx: Context, params: types.GetPromptRequestParams) -> Any:
        """Have a prompt written."""
        dispatch = _dispatch(ctx)
        writing = self._calls.get_prompt(
            params.name,
            params.arguments or {},
            voice=dispatch.voice(),
            protocol=ctx,
            correlation=dispatch.correlation,
            caller=self.caller(dispatch, ctx.session),
        )
        return _complete(ctx, await _asked(writing))

    async def complete(self, ctx: Context, params: types.CompleteRequestParams) -> Result:
        """Complete an argument of a prompt or a resource template."""
        of_prompt = isinstance(params.ref, types.PromptReference)
        name = params.ref.name if isinstance(params.ref, types.PromptReference) else params.ref.uri
        completing = self._calls.complete(
            "prompt" if of_prompt else "resource", name, params.argument.name, params.argument.value
        )
        values = await _asked(completing)
        return _complete(ctx, {"completion": {"values": values, "total": len(values), "hasMore": False}})

    async def set_level(self, ctx: Context, params: types.SetLevelRequestParams) -> Result:
        """Send the session logs of this level and above only."""
        session = _dispatch(ctx).peer
        if session is not None:
            session.level = LEVELS[params.level]
        return {}


async def _asked(answer: Awaitable[T], data: Mapping[str, Any] | None = None) -> T:
    """What `Calls` gives, with its refusals as the protocol's."""
    try:
        return await answer
    except UnknownError as error:
        raise MCPError(types.INVALID_PARAMS, str(error), data) from None
    except ProtocolError as error:
        raise MCPError(error.code, error.message, error.data) from None
    except FailedError as error:
        raise MCPError(types.INTERNAL_ERROR, str(error), data) from None


def _dispatch(ctx: Context) -> Dispatch:
    return cast("Dispatch", ctx.request)


def _session(ctx: Context) -> Session:
    session = _dispatch(ctx).peer
    if not isinstance(session, Session):
        raise MCPError(types.INVALID_REQUEST, "subscriptions need a session, and this server runs without")
    return session


def _complete(ctx: Context, result: Result) -> Result:
    """The result with the type that newer protocol versions require."""
    if ctx.protocol_version in MODERN_PROTOCOL_VERSIONS and "resultType" not in result:
        result["resultType"] = "complete"
    return result


def _page(ctx: Context, params: types.PaginatedRequestParams | None, key: str, entries: list[Any]) -> Result:
    if params is not None and params.cursor is not None:
        raise MCPError(types.INVALID_PARAMS, "there is only one page; leave the cursor out")
    return _complete(ctx, {key: entries})

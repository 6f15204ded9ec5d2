"""The SDK's handler kernel around our cluster: the one module that knows it, name by name pinned by a contract test."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, get_args

from mcp.server.caching import CacheHint
from mcp.server.connection import Connection
from mcp.server.lowlevel import NotificationOptions, Server
from mcp.server.runner import ServerRunner, aclose_shielded, serve_one
from mcp.server.subscriptions import (
    ListenHandler,
    PromptsListChanged,
    ResourceUpdated,
    ServerEvent,
    ToolsListChanged,
)
from mcp.shared.exceptions import MCPDeprecationWarning
from mcp.shared.inbound import (
    ERROR_CODE_HTTP_STATUS,
    MCP_METHOD_HEADER,
    MCP_NAME_HEADER,
    MCP_PROTOCOL_VERSION_HEADER,
    InboundLadderRejection,
    InboundModernRoute,
    classify_inbound_request,
    unsupported_protocol_version_rejection,
    validate_mcp_param_headers,
    x_mcp_header_map,
)
from mcp_types import HEADER_MISMATCH, INTERNAL_ERROR, PROTOCOL_VERSION_META_KEY
from mcp_types.methods import CacheableMethod, validate_client_request
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, LATEST_HANDSHAKE_VERSION
from multidict import MultiMapping
from pydantic import ValidationError

from sanctuary_host.calls import Calls
from sanctuary_host.transport.dispatch import Dispatch, answer
from sanctuary_host.transport.handlers import Handlers
from sanctuary_host.transport.hotpath import HotPath, is_plain
from sanctuary_host.transport.messages import Message, RefusedError, RequestId, encode, object_of
from sanctuary_host.transport.session import Nowhere, Session

logger = logging.getLogger(__name__)

Route = InboundModernRoute
ROUTING = (MCP_PROTOCOL_VERSION_HEADER, MCP_METHOD_HEADER, MCP_NAME_HEADER)
"""The headers that must agree with the body, and may come once only."""
INSTANT: Final = frozenset(
    {"ping", "tools/list", "prompts/list", "resources/list", "resources/templates/list", "logging/setLevel"}
)
"""Methods whose handlers never wait."""
ENVELOPES: Final = 256
"""Envelopes that are remembered: most clients send one and the same with each request."""
ENVELOPE_LIMIT: Final = 4096
"""Bytes of an envelope that is remembered."""


class Kernel:
    """Handles messages of every protocol version for one cluster.

    Args:
        calls: the cluster and the place where its code runs.
        instructions: what clients are told of the server as a whole.
        tracing: keep the SDK's OpenTelemetry spans; they cost 7 to 20 µs a request even with no exporter, and every
            call goes through the SDK then.

    Attributes:
        running: what is being handled now.
        sessions: the handshake-era clients that are connected now.
        draining: the server stops, and takes up nothing new.
    """

    def __init__(self, calls: Calls, *, instructions: str | None = None, tracing: bool = False) -> None:
        self.calls = calls
        self.cluster = calls.cluster
        self.running: set[Dispatch] = set()
        self.sessions: set[Session] = set()
        self.draining = False
        self._bus = _Bus()
        self._listen = ListenHandler(self._bus)
        handlers = Handlers(calls)
        self._server = _server(calls, handlers, self._listen, instructions)
        self._hot = None if tracing else HotPath(handlers, self._server.server_info_stamp)
        self._envelopes: dict[bytes, Connection] = {}
        self._strangers = {one: Connection.from_envelope(one, None, None) for one in HANDSHAKE_PROTOCOL_VERSIONS}
        if not tracing:
            self._server.middleware.clear()
        self._options = self._server.create_initialization_options(
            NotificationOptions(tools_changed=True, prompts_changed=bool(self.cluster.prompts))
        )
        # Only what a client would mirror into headers is checked against them.
        schemas = {tool.name: tool.arguments.schema for tool in self.cluster.tools.values()}
        self._mirrored = {name: schema for name, schema in schemas.items() if x_mcp_header_map(schema)}
        self._lists: dict[str, bytes] = {}
        self._no_channel = Connection.from_envelope(LATEST_HANDSHAKE_VERSION, None, None).outbound
        self.cluster.watch(self._changed)

    def runner(self, session: Session, session_id: str | None) -> ServerRunner[Any]:
        """The kernel's side of a handshake-era session."""
        connection = Connection.for_loop(session, session_id=session_id)
        return ServerRunner(self._server, connection, {}, init_options=self._options)

    async def release(self, runner: ServerRunner[Any]) -> None:
        """Give back what a session's handlers hold."""
        await aclose_shielded(runner.connection)
        # The circle of session, runner and connection is cut, so that a session's memory is free now and not at some
        # collection: clients abandon sessions by the thousand.
        runner.connection.outbound = self._no_channel
        vars(runner).pop("on_request", None)
        vars(runner).pop("on_notify", None)

    def handler(
        self, session: Session, dispatch: Dispatch, message: Message
    ) -> Callable[[], Awaitable[dict[str, Any]]]:
        """What handles a request of a handshake-era session."""
        runner = session.runner
        if self._hot is not None and runner.connection.initialize_accepted and is_plain(message, envelope=False):
            return self._hot.handler(dispatch, message, runner.connection)
        return lambda: runner.on_request(dispatch, message["method"], message.get("params"))

    def is_instant(self, message: Message) -> bool:
        """Whether a request is surely answered without waiting for anything."""
        if message["method"] != "tools/call":
            return message["method"] in INSTANT
        if self._hot is None or not is_plain(message, envelope=False):
            return False
        tool = self.cluster.tools.get(message["params"]["name"])
        return tool is not None and tool.runs == "inline"

    async def exchange(self, dispatch: Dispatch, message: Message, route: Route) -> Message:
        """Answer a self-contained request of protocol version 2026-07-28 or later."""
        if self._hot is not None and is_plain(message, envelope=True):
            known = self._known(message["params"], route)
            if known is not None:
                return await answer(dispatch, self.running, self._hot.handler(dispatch, message, known))
        connection = Connection.from_envelope(route.protocol_version, route.client_info, route.client_capabilities)
        return await self._once(dispatch, message, connection)

    def _known(self, params: Mapping[str, Any], route: Route) -> Connection | None:
        """The connection for an envelope that was checked in whole once; `None` where it is not sound."""
        envelope = encode({"": [route.protocol_version, route.client_info, route.client_capabilities]})
        connection = self._envelopes.get(envelope)
        if connection is None:
            try:
                validate_client_request("tools/call", route.protocol_version, params)
            except ValidationError:
                return None
            connection = Connection.from_envelope(route.protocol_version, route.client_info, route.client_capabilities)
            if len(envelope) <= ENVELOPE_LIMIT:
                if len(self._envelopes) >= ENVELOPES:
                    self._envelopes.clear()
                self._envelopes[envelope] = connection
        return connection

    async def stateless(self, dispatch: Dispatch, message: Message, version: str) -> Message:
        """Answer a request of the handshake era that stands for itself."""
        dispatch.level = 0
        if self._hot is not None and is_plain(message, envelope=False):
            return await answer(dispatch, self.running, self._hot.handler(dispatch, message, self._strangers[version]))
        return await self._once(dispatch, message, Connection.from_envelope(version, None, None))

    async def _once(self, dispatch: Dispatch, message: Message, connection: Connection) -> Message:
        return await answer(
            dispatch,
            self.running,
            lambda: serve_one(
                self._server,
                dispatch,
                message["method"],
                message.get("params"),
                connection=connection,
                lifespan_state={},
            ),
        )

    async def tools_list(self, version: str, message: Message) -> bytes | None:
        """The result of `tools/list` as JSON, made once for each protocol version and list.

        Returns:
            The result; `None` where the request is special, and must go through the kernel.
        """
        params = message.get("params")
        if params and (params.keys() - {"_meta"}):
            return None
        try:
            validate_client_request("tools/list", version, params)
        except (ValidationError, KeyError):
            return None
        if version not in self._lists:
            dispatch = Dispatch({"id": 0}, Nowhere())
            connection = Connection.from_envelope(version, None, None)
            reply = await self._once(dispatch, {"method": "tools/list", "params": params}, connection)
            if "result" not in reply:
                return None
            self._lists[version] = encode(reply["result"])
        return self._lists[version]

    def route(self, message: Message, headers: MultiMapping[str] | None = None) -> Route:
        """Check the envelope of a self-contained request.

        Args:
            message: the request.
            headers: HTTP headers as they came, duplicates among them, which must agree with the body; `None` off HTTP.

        Raises:
            RefusedError: the envelope is incomplete, contradicts the headers, or names a version that is not spoken.
        """
        request_id = message["id"]
        if headers is None:
            verdict = classify_inbound_request(message)
        else:
            found = {name: headers.getall(name) for name in ROUTING if name in headers}
            twice = next((name for name, values in found.items() if len(values) > 1), None)
            if twice is not None:
                verdict = InboundLadderRejection(HEADER_MISMATCH, f"the header {twice} came twice")
            else:
                routing = {name: values[0].strip() for name, values in found.items()}
                verdict = classify_inbound_request(message, headers=routing)
        if isinstance(verdict, InboundLadderRejection):
            raise _refused(verdict, request_id)
        if headers is not None and self._mirrored and message["method"] == "tools/call":
            self._check_mirrored(message, headers)
        return verdict

    def check_version(self, version: str) -> None:
        """Refuse a protocol version of the self-contained era that is not spoken.

        Raises:
            RefusedError: it is not.
        """
        if (rejection := unsupported_protocol_version_rejection(version)) is not None:
            raise _refused(rejection, None)

    def check_serving(self) -> None:
        """Refuse what is new while the server stops.

        Raises:
            RefusedError: it stops.
        """
        if self.draining:
            raise RefusedError(
                "this server is stopping; try again in a moment",
                code=INTERNAL_ERROR,
                status=503,
                headers={"Retry-After": "1"},
            )

    def end_listening(self) -> None:
        """End the streams on which clients listen for changes, as the protocol says good-bye."""
        self._listen.close()

    def _check_mirrored(self, message: Message, headers: Mapping[str, str]) -> None:
        schema = self._mirrored.get(str(message["params"].get("name")))
        arguments = object_of(message["params"].get("arguments"))
        if schema is None:
            return
        if (rejection := validate_mcp_param_headers(schema, arguments, headers)) is not None:
            raise _refused(rejection, message["id"])

    def _changed(self, kind: str, name: str) -> None:
        if kind == "tools":
            self._lists.clear()
        for session in list(self.sessions):
            session.changed(kind, name)
        self._bus.tell(_event(kind, name))


class _Bus:
    """Tells the listening clients of the self-contained era of changes: the SDK's `SubscriptionBus`, at once."""

    def __init__(self) -> None:
        self._listeners: dict[object, Callable[[ServerEvent], None]] = {}

    def tell(self, event: ServerEvent) -> None:
        for listener in list(self._listeners.values()):
            listener(event)

    async def publish(self, event: ServerEvent) -> None:
        self.tell(event)

    def subscribe(self, listener: Callable[[ServerEvent], None]) -> Callable[[], None]:
        token = object()
        self._listeners[token] = listener
        return lambda: self._listeners.pop(token, None) and None


def _server(calls: Calls, handlers: Handlers, listen: ListenHandler, instructions: str | None) -> Server[Any]:
    """The SDK's server; what the cluster does not have is not registered, and so not among the capabilities."""
    cluster = calls.cluster
    on: dict[str, Any] = {
        "on_list_tools": handlers.list_tools,
        "on_call_tool": handlers.call_tool,
        "on_subscriptions_listen": listen,
        "on_set_logging_level": handlers.set_level,
    }
    if cluster.resources:
        on["on_list_resources"] = handlers.list_resources
        on["on_list_resource_templates"] = handlers.list_resource_templates
        on["on_read_resource"] = handlers.read_resource
        on["on_subscribe_resource"] = handlers.subscribe
        on["on_unsubscribe_resource"] = handlers.unsubscribe
    if cluster.prompts:
        on["on_list_prompts"] = handlers.list_prompts
        on["on_get_prompt"] = handlers.get_prompt
    completers = [one.completers for one in cluster.resources] + [one.completers for one in cluster.prompts.values()]
    if any(completers):
        on["on_completion"] = handlers.complete
    with warnings.catch_warnings():
        # Older clients still set a logging level; that newer versions of the protocol dropped it is no news to us.
        warnings.simplefilter("ignore", MCPDeprecationWarning)
        return Server(
            f"sanctuary_{cluster.name}",
            version=cluster.version,
            instructions=instructions,
            cache_hints=dict.fromkeys(get_args(CacheableMethod), CacheHint()),
            **on,
        )


def is_self_contained(message: Message) -> bool:
    """Whether a request carries the envelope of protocol version 2026-07-28 and later; only those have its key."""
    params = message.get("params")
    meta = object_of(params.get("_meta")) if params else object_of(None)
    return PROTOCOL_VERSION_META_KEY in meta and message.get("method") != "initialize"


def http_status(reply: Message) -> int:
    """The HTTP status of a reply in the self-contained era."""
    return ERROR_CODE_HTTP_STATUS.get(reply["error"]["code"], 200) if "error" in reply else 200


def _refused(rejection: InboundLadderRejection, request_id: RequestId | None) -> RefusedError:
    return RefusedError(
        rejection.message,
        code=rejection.code,
        status=ERROR_CODE_HTTP_STATUS.get(rejection.code, 400),
        data=rejection.data,
        request_id=request_id,
    )


def _event(kind: str, name: str) -> ServerEvent:
    if kind == "tools":
        return ToolsListChanged()
    if kind == "prompts":
        return PromptsListChanged()
    return ResourceUpdated(name)

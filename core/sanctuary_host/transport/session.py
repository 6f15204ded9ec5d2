"""A client that opened with `initialize`: what is in flight for it, what it was asked, what it wants to hear of."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from mcp.shared.dispatcher import CallOptions
from mcp.shared.exceptions import MCPError, NoBackChannelError
from mcp_types import CONNECTION_CLOSED, INTERNAL_ERROR, REQUEST_TIMEOUT

from sanctuary_host.transport.dispatch import Dispatch, Outlet, answer
from sanctuary_host.transport.messages import Message, RequestId, id_key, is_id, notification, object_of
from sanctuary_host.transport.streams import Stream

if TYPE_CHECKING:  # the kernel's handlers know sessions, and sessions the kernel
    from sanctuary_host.transport.kernel import Kernel

NOTICES = {"tools": "notifications/tools/list_changed", "prompts": "notifications/prompts/list_changed"}


class Session:
    """One handshake-era connection, over whatever transport.

    Attributes:
        id: what the client calls it; empty where the transport needs no name for it.
        owner: whose it is, as `Guard.owner` says; nobody else finds it.
        stream: where messages go that belong to no request, while the client listens.
        level: rank of the least severe log level that the client wants.
        used: when it was last used, on the loop's clock.
        holds: HTTP requests that are being answered in it.
    """

    __slots__ = (
        "_asked",
        "_kernel",
        "_numbers",
        "_subscribed",
        "holds",
        "id",
        "in_flight",
        "level",
        "owner",
        "runner",
        "stream",
        "used",
    )

    def __init__(self, kernel: Kernel, session_id: str = "", owner: bytes = b"") -> None:
        self.id = session_id
        self.owner = owner
        self.stream: Stream | None = None
        self.level = 0
        self.used = 0.0
        self.holds = 0
        self.in_flight: set[Dispatch] = set()
        self._kernel = kernel
        self._asked: dict[RequestId, asyncio.Future[dict[str, Any]]] | None = None
        self._numbers: itertools.count[int] | None = None
        self._subscribed: set[str] | None = None
        self.runner = kernel.runner(self, session_id or None)
        kernel.sessions.add(self)

    @property
    def busy(self) -> bool:
        """Whether dropping it now would cut something off."""
        return bool(self.holds or self.in_flight or self.stream is not None)

    @property
    def version(self) -> str:
        """The protocol version that was agreed on."""
        return self.runner.connection.protocol_version

    @property
    def is_open(self) -> bool:
        """Whether the client has introduced itself."""
        return self.runner.connection.initialize_accepted

    def begin(self, message: Message, outlet: Outlet, correlation: str = "") -> Dispatch:
        """Take a request up; from now on it can be cancelled."""
        dispatch = Dispatch(message, outlet, peer=self, correlation=correlation)
        self.in_flight.add(dispatch)
        return dispatch

    async def serve(self, dispatch: Dispatch, message: Message) -> Message:
        """Handle a request that `begin` took up, and give its reply."""
        try:
            return await answer(dispatch, self._kernel.running, self._kernel.handler(self, dispatch, message))
        finally:
            self.in_flight.discard(dispatch)

    async def hear(self, message: Message, correlation: str = "") -> None:
        """Take a notification or a response."""
        if "method" not in message:
            self._settle(message)
            return
        method, params = message["method"], message.get("params")
        if method == "notifications/cancelled":
            cancel(self.in_flight, params)
        dispatch = Dispatch({"params": params}, self.stream or _NOWHERE, peer=self, correlation=correlation)
        await self.runner.on_notify(dispatch, method, params)

    def subscribe(self, uri: str) -> None:
        """Tell the client when that resource changes."""
        if self._subscribed is None:
            self._subscribed = set()
        self._subscribed.add(uri)

    def unsubscribe(self, uri: str) -> None:
        """Tell it no more."""
        if self._subscribed is not None:
            self._subscribed.discard(uri)

    def changed(self, kind: str, name: str) -> None:
        """Tell the client of a change in the cluster, if it listens and wants to know."""
        if self.stream is None or not self.is_open:
            return
        if kind in NOTICES:
            self.stream.offer(notification(NOTICES[kind]))
        elif self._subscribed is not None and name in self._subscribed:
            self.stream.offer(notification("notifications/resources/updated", {"uri": name}))

    async def notify(self, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None = None) -> None:
        """Send a notification that belongs to no request; it is dropped while the client does not listen."""
        del opts  # nothing that it may hold concerns a notification
        if self.stream is not None:
            self.stream.offer(notification(method, params))

    async def send_raw_request(
        self, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None = None
    ) -> dict[str, Any]:
        """Ask the client something that belongs to no request.

        Raises:
            NoBackChannelError: it does not listen.
        """
        if self.stream is None:
            raise NoBackChannelError(method)
        return await self.ask(self.stream, method, params, opts)

    async def ask(
        self, outlet: Outlet, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None
    ) -> dict[str, Any]:
        """Send a request over `outlet` and wait for the client's response.

        Raises:
            MCPError: the client answered with an error, or not in time, or is gone.
        """
        if self._asked is None or self._numbers is None:
            self._asked, self._numbers = {}, itertools.count(1)
        number = next(self._numbers)
        response: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._asked[number] = response
        try:
            async with asyncio.timeout((opts or {}).get("timeout")):
                await outlet.send({**notification(method, params), "id": number})
                return await response
        except TimeoutError:
            raise MCPError(REQUEST_TIMEOUT, f"the client did not answer {method} in time") from None
        finally:
            del self._asked[number]

    def hang_up(self) -> None:
        """The client says nothing more: whoever waits for its response gets an error."""
        for response in (self._asked or {}).values():
            if not response.done():
                response.set_exception(MCPError(CONNECTION_CLOSED, "the client is gone"))

    async def close(self) -> None:
        """End the session: what is in flight is answered with an error, and nothing that was asked is awaited."""
        self._kernel.sessions.discard(self)
        for dispatch in list(self.in_flight):
            dispatch.cancel()
        self.hang_up()
        if self.stream is not None:
            self.stream.end()
        await self._kernel.release(self.runner)

    def _settle(self, message: Message) -> None:
        response = (self._asked or {}).get(id_key(message["id"]))
        if response is None or response.done():
            return
        if "error" in message:
            error = object_of(message["error"])
            code = error.get("code")
            code = code if isinstance(code, int) else INTERNAL_ERROR
            response.set_exception(MCPError(code, str(error.get("message", "")), error.get("data")))
        else:
            response.set_result(dict(object_of(message["result"])))


class Nowhere:
    """An outlet that leads nowhere."""

    streams = False

    def offer(self, message: Message) -> None:
        """Drop it."""

    async def send(self, message: Message) -> None:
        """Drop it."""


_NOWHERE = Nowhere()


def cancel(in_flight: Iterable[Dispatch], params: Mapping[str, Any] | None) -> None:
    """Do as `notifications/cancelled` asks.

    Some clients give all their requests one id. Where it is not certain which one is meant, none is cancelled: all but
    one of them are somebody's who still waits.
    """
    request_id = (params or {}).get("requestId")
    if not is_id(request_id):
        return
    key = id_key(request_id)
    meant = [one for one in in_flight if one.request_id is not None and id_key(one.request_id) == key]
    if len(meant) == 1:
        meant[0].cancel()

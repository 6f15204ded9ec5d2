"""One message on its way through the kernel: what its handler may say meanwhile, and the one reply it ends in."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol, get_args

import anyio
from mcp.shared.dispatcher import CallOptions
from mcp.shared.exceptions import MCPError, NoBackChannelError
from mcp.shared.message import ServerMessageMetadata
from mcp.shared.transport_context import TransportContext
from mcp_types import INTERNAL_ERROR, INVALID_PARAMS, LOG_LEVEL_META_KEY, LoggingLevel
from pydantic import ValidationError

from sanctuary_host.calling import LogLevel
from sanctuary_host.transport.messages import (
    REQUEST_CANCELLED,
    Message,
    RequestId,
    failure,
    is_id,
    notification,
    object_of,
)

logger = logging.getLogger(__name__)

LEVELS: Final[Mapping[str, int]] = {level: rank for rank, level in enumerate(get_args(LoggingLevel))}
"""Ranks of the log levels, least severe first."""
SILENT: Final = len(LEVELS)
"""The rank above all levels: nothing is wanted."""

_ASKING: Final = TransportContext(kind="sanctuary", can_send_request=True)
_ANSWERING: Final = TransportContext(kind="sanctuary", can_send_request=False)


class Outlet(Protocol):
    """Where what belongs to a message goes out before its reply."""

    @property
    def streams(self) -> bool:
        """Whether anything but the reply can go out."""
        ...

    def offer(self, message: Message) -> None:
        """Send `message` if there is room for it; otherwise it is dropped."""
        ...

    async def send(self, message: Message) -> None:
        """Send `message` as soon as there is room for it."""
        ...


class Peer(Protocol):
    """A client that the server may ask something, and that says once for all which logs it wants."""

    level: int

    async def ask(
        self, outlet: Outlet, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None
    ) -> dict[str, Any]:
        """Send a request over `outlet` and wait for the client's response."""
        ...


class Dispatch:
    """The SDK's `DispatchContext` for one message.

    It is also what handlers find as `request` in the SDK's own context.
    """

    __slots__ = (
        "_event",
        "cancelled",
        "correlation",
        "ended",
        "level",
        "outlet",
        "peer",
        "progress_token",
        "request_id",
        "task",
    )

    def __init__(
        self,
        message: Mapping[str, Any],
        outlet: Outlet,
        *,
        peer: Peer | None = None,
        correlation: str = "",
    ) -> None:
        self.request_id: RequestId | None = message.get("id")
        self.outlet = outlet
        self.peer = peer
        self.correlation = correlation
        self.task: asyncio.Task[Any] | None = None
        self.cancelled = False
        self.ended = False
        self.progress_token: RequestId | None = None
        self.level: int | None = None
        self._event: anyio.Event | None = None
        params = message.get("params")
        if params and (meta := object_of(params.get("_meta"))):
            token = meta.get("progressToken")
            self.progress_token = token if is_id(token) else None
            self.level = LEVELS.get(str(meta.get(LOG_LEVEL_META_KEY)))

    @property
    def transport(self) -> TransportContext:
        """What the SDK wants to know of the way that the message came."""
        return _ASKING if self.can_send_request else _ANSWERING

    @property
    def can_send_request(self) -> bool:
        """Whether the client can be asked something while the message is handled."""
        return self.peer is not None and self.outlet.streams and not self.ended

    @property
    def message_metadata(self) -> ServerMessageMetadata:
        """Carries this object to the handlers."""
        return ServerMessageMetadata(request_context=self)

    @property
    def cancel_requested(self) -> anyio.Event:
        """Set once the request is cancelled."""
        if self._event is None:
            self._event = anyio.Event()
            if self.cancelled:
                self._event.set()
        return self._event

    async def send_raw_request(
        self, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None = None
    ) -> dict[str, Any]:
        """Ask the client something.

        Raises:
            NoBackChannelError: this client, or this way to it, takes no requests.
        """
        if self.peer is None or not self.can_send_request:
            raise NoBackChannelError(method)
        return await self.peer.ask(self.outlet, method, params, opts)

    async def notify(self, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None = None) -> None:
        """Send a notification that belongs to this message, waiting while its reader is slow."""
        del opts  # nothing that it may hold concerns a notification
        if self.outlet.streams and not self.ended and self._wants(method, params):
            await self.outlet.send(notification(method, params))

    async def progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        """Report progress, if the client asked for it."""
        if self.progress_token is not None:
            await self.notify("notifications/progress", _progress(self.progress_token, progress, total, message))

    def voice(self) -> Speaker | None:
        """How plugin code speaks while it handles this message; `None` where nobody could hear it."""
        return Speaker(self) if self.outlet.streams else None

    def wants(self, level: str) -> bool:
        """Whether the client wants logs of that level: as its session says, or else as this request says."""
        wanted = self.peer.level if self.peer is not None else self.level
        return LEVELS.get(level, SILENT) >= (SILENT + 1 if wanted is None else wanted)

    def cancel(self) -> None:
        """Stop handling the message; it is answered with an error that says so."""
        if self.ended or self.cancelled:
            return
        self.cancelled = True
        if self._event is not None:
            self._event.set()
        if self.task is not None:
            self.task.cancel()

    def _wants(self, method: str, params: Mapping[str, Any] | None) -> bool:
        return method != "notifications/message" or self.wants(str((params or {}).get("level")))


class Speaker:
    """The `Voice` of a call: what it says goes out in order and before the reply, or is dropped if nobody reads."""

    __slots__ = ("_dispatch",)

    def __init__(self, dispatch: Dispatch) -> None:
        self._dispatch = dispatch

    def progress(self, done: float, total: float | None, message: str | None) -> None:
        """Pass a progress notification on."""
        dispatch = self._dispatch
        if dispatch.progress_token is not None and not dispatch.ended:
            params = _progress(dispatch.progress_token, done, total, message)
            dispatch.outlet.offer(notification("notifications/progress", params))

    def log(self, level: LogLevel, data: Any) -> None:
        """Pass a log notification on."""
        if not self._dispatch.ended and self._dispatch.wants(level):
            self._dispatch.outlet.offer(notification("notifications/message", {"level": level, "data": data}))


def _progress(token: RequestId, done: float, total: float | None, message: str | None) -> dict[str, Any]:
    params: dict[str, Any] = {"progressToken": token, "progress": done}
    if total is not None:
        params["total"] = total
    if message is not None:
        params["message"] = message
    return params


async def answer(
    dispatch: Dispatch, running: set[Dispatch], handle: Callable[[], Awaitable[dict[str, Any]]]
) -> Message:
    """Have a request handled and give its one reply, whatever happens.

    Args:
        dispatch: the request.
        running: holds the request while it is handled.
        handle: gives the result.

    Raises:
        asyncio.CancelledError: the task was cancelled, and not by `Dispatch.cancel`.
    """
    request_id = dispatch.request_id
    if dispatch.cancelled:
        return failure(request_id, REQUEST_CANCELLED, "the request was cancelled")
    dispatch.task = asyncio.current_task()
    running.add(dispatch)
    try:
        return {"jsonrpc": "2.0", "id": request_id, "result": await handle()}
    except asyncio.CancelledError:
        if not dispatch.cancelled or dispatch.task is None:
            raise
        dispatch.task.uncancel()
        return failure(request_id, REQUEST_CANCELLED, "the request was cancelled")
    except MCPError as error:
        return failure(request_id, error.code, error.message, error.data)
    except ValidationError:
        # What pydantic says would repeat what the client sent.
        return failure(request_id, INVALID_PARAMS, "the request's params do not fit its method")
    except (Exception, SystemExit):
        logger.exception("a request could not be handled")
        return failure(request_id, INTERNAL_ERROR, "the request failed; the host's log has the details")
    finally:
        dispatch.ended = True
        running.discard(dispatch)

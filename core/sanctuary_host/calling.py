"""The call that runs now, and what code inside it may say to its caller while it runs."""

from __future__ import annotations

import math
from contextvars import ContextVar
from typing import Any, Final, Literal, Protocol, cast, get_args

LogLevel = Literal["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]
LEVELS: Final[frozenset[Any]] = frozenset(get_args(LogLevel))
MESSAGE_LIMIT: Final = 1_000
"""Characters of a progress message; the rest is cut off."""


class ProtocolError(Exception):
    """Answers a call with a JSON-RPC error in place of a result, where the protocol asks for just that.

    Args:
        code: the JSON-RPC error code, such as -32602.
        message: a sentence for the caller.
        data: what the protocol defines for this code; JSON.
    """

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.code, self.message, self.data = code, message, data


class Voice(Protocol):
    """How a running call reaches its caller; each place where tools run has its own."""

    def progress(self, done: float, total: float | None, message: str | None) -> None:
        """Pass a progress notification on."""

    def log(self, level: LogLevel, data: Any) -> None:
        """Pass a log notification on."""


class WorkerNeededError(BaseException):
    """Leaves an inline tool, to have its call run in a worker; no `except Exception` of a pack takes it for its own."""


voice: ContextVar[Voice | None] = ContextVar("voice", default=None)
inline: ContextVar[bool] = ContextVar("inline", default=False)
"""Whether the call that runs here holds the event loop, and a worker could take it over."""
alone: ContextVar[bool] = ContextVar("alone", default=False)
"""Whether nobody but the caller waits for the event loop."""
protocol: ContextVar[Any] = ContextVar("protocol", default=None)


def progress(done: float, total: float | None = None, message: str | None = None) -> None:
    """Tell the caller how far the running call is. Outside a call, or where nobody asked for it, nothing happens.

    Args:
        done: how much is done, rising from call to call.
        total: how much there is to do in all, in the same unit, where that is known.
        message: a few words on the present step, 1,000 characters at most.

    Raises:
        TypeError: `done` or `total` is no number, or `message` no text.
        ValueError: `done` or `total` is no finite number.
    """
    if (speaker := voice.get()) is not None:
        speaker.progress(*checked_progress(done, total, message))


def log(level: LogLevel, data: Any) -> None:
    """Send the caller a log message, for what a person watching the client would like to know.

    Args:
        level: the severity, as in RFC 5424.
        data: a string, or anything that JSON can state; from a worker, 64 KiB at most.

    Raises:
        ValueError: there is no such level.
    """
    if (speaker := voice.get()) is not None:
        speaker.log(checked_level(level), data)


def need_worker(*, unless_alone: bool = False) -> None:
    """Leave the event loop: a call whose work turns out to be more than small begins anew in a worker process.

    For tools with `runs="inline"`, before they have changed anything. In a worker nothing happens.

    Args:
        unless_alone: whether to stay where one client only is served, over standard input and output: for what is
            small, but may have to wait for a disk.

    Raises:
        WorkerNeededError: the tool runs on the event loop; let it pass.
    """
    if inline.get() and not (unless_alone and alone.get()):
        raise WorkerNeededError


def checked_progress(done: Any, total: Any, message: Any) -> tuple[float, float | None, str | None]:
    """The same, if a progress notification can state it; a message that is too long is cut.

    Raises:
        TypeError: as `progress` says.
        ValueError: as `progress` says.
    """
    if message is not None and not isinstance(message, str):
        raise TypeError(f"a progress message is text, not {type(message).__name__}")
    text = None if message is None else message[:MESSAGE_LIMIT]
    return _number(done), None if total is None else _number(total), text


def checked_level(level: Any) -> LogLevel:
    """The same, if it is a level.

    Raises:
        ValueError: it is not.
    """
    if not isinstance(level, str) or level not in LEVELS:
        raise ValueError(f"there is no such log level; there are {', '.join(get_args(LogLevel))}")
    return cast("LogLevel", level)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"progress is a number, not {type(value).__name__}")
    try:
        finite = math.isfinite(value)
    except OverflowError:  # an integer beyond all that clients can hold
        finite = False
    if not finite:
        raise ValueError("progress is a finite number")
    return value


def protocol_context() -> Any:
    """The protocol's own request context, for what this package does not name: sampling, elicitation, roots.

    Its type is `mcp.server.context.ServerRequestContext`.

    It exists for coroutine tools on the host's loop only; elsewhere this is `None`.
    """
    return protocol.get()

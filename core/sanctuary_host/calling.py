"""The call that runs now, and what code inside it may say to its caller while it runs."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, Literal, Protocol

LogLevel = Literal["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]


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


voice: ContextVar[Voice | None] = ContextVar("voice", default=None)
protocol: ContextVar[Any] = ContextVar("protocol", default=None)


def progress(done: float, total: float | None = None, message: str | None = None) -> None:
    """Tell the caller how far the running call is. Outside a call, or where nobody asked for it, nothing happens.

    Args:
        done: how much is done, rising from call to call.
        total: how much there is to do in all, in the same unit, where that is known.
        message: a few words on the present step.
    """
    if (speaker := voice.get()) is not None:
        speaker.progress(done, total, message)


def log(level: LogLevel, data: Any) -> None:
    """Send the caller a log message, for what a person watching the client would like to know.

    Args:
        level: the severity, as in RFC 5424.
        data: a string, or anything that JSON can state.
    """
    if (speaker := voice.get()) is not None:
        speaker.log(level, data)


def protocol_context() -> Any:
    """The protocol's own request context, for what this package does not name: sampling, elicitation, roots.

    Its type is `mcp.server.context.ServerRequestContext`.

    It exists for coroutine tools on the host's loop only; elsewhere this is `None`.
    """
    return protocol.get()

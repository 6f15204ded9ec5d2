"""What a transport allows before it says no."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of memory and time, with the defaults that the host runs with.

    Attributes:
        message: bytes of one message from a client, HTTP body or line.
        sessions: streamable HTTP sessions, of which the longest idle one makes room for a new one; and SSE connections.
        idle: seconds after which a session without a stream or call is dropped.
        keepalive: seconds of silence after which a waiting client is sent something.
        stall: seconds that a client may leave what was sent unread before its connection is cut, and that it may
            take to send a message's body; `None` for ever.
        buffer: bytes of notifications that wait for one reader; what does not fit is dropped, replies never are.
        hopeless: bytes of replies that wait for one reader before its connection is cut at once.
        pending: calls in flight on one connection whose answers share a stream.
        connections: HTTP connections, of which the one that is silent for longest makes room for a new one.
        silence: seconds for which an HTTP connection may be open without a request on it.
        shutdown: seconds that calls in flight get when the server stops.
    """

    message: int = 4 * 1024 * 1024
    sessions: int = 1000
    idle: float = 1800.0
    keepalive: float = 15.0
    stall: float | None = 30.0
    buffer: int = 1024 * 1024
    hopeless: int = 64 * 1024 * 1024
    pending: int = 1024
    connections: int = 2048
    silence: float = 75.0
    shutdown: float = 10.0


DEFAULTS = Limits()

"""Ports on loopback that the local fleet takes for itself."""

from __future__ import annotations

import socket


def bound(port: int) -> socket.socket:
    """A socket on loopback that holds a port, and does not listen yet.

    Args:
        port: the one wanted, 0 for any; where it is taken, it is any.
    """
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        holder.bind(("127.0.0.1", port))
    except OSError:
        holder.bind(("127.0.0.1", 0))
    return holder

"""What any worker process costs on this machine: a message to another process and back, with nothing around it."""

import contextlib
import os
import socket
import time
from collections.abc import Iterator

MESSAGE = b"x" * 200
"""About as long as a small call."""


class Echo:
    """The near end of a socket pair whose far end, in a process of its own, sends back what it gets."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def wait(self) -> float:
        """Seconds that one message takes there and back."""
        started = time.perf_counter()
        self._connection.sendall(MESSAGE)
        rest = len(MESSAGE)
        while rest:
            rest -= len(self._connection.recv(rest))
        return time.perf_counter() - started


@contextlib.contextmanager
def echo() -> Iterator[Echo]:
    """Have the other process meanwhile."""
    near, far = socket.socketpair()
    pid = os.fork()
    if not pid:
        near.close()
        while data := far.recv(len(MESSAGE)):
            far.sendall(data)
        os._exit(0)
    far.close()
    with near:
        yield Echo(near)
    os.waitpid(pid, 0)

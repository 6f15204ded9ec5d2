"""Lines to a descriptor, without ever waiting for whoever reads it.

Many clients start a server with a pipe as its standard error and never read it. Once such a pipe is full, an ordinary
write waits for ever, and the server with it.
"""

from __future__ import annotations

import contextlib
import os
import select
from collections import deque
from typing import Final

CHUNK: Final = 4096
"""Bytes that a pipe takes at once when it says that it takes any (PIPE_BUF on Linux; POSIX asks for 512)."""
ROOM: Final = 1 << 20
"""Bytes that are kept while nobody reads; what comes then is dropped and counted."""


class Lines:
    """Writes lines as long as they are read, keeps some while they are not, and counts the rest.

    Args:
        descriptor: where to write.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._kept: deque[bytes] = deque()
        self._size = 0
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)
        self.dropped = 0

    def write(self, text: str) -> None:
        """Write a line, or keep it for later, or drop it; this takes no time in either case."""
        data = text.encode("utf-8", "backslashreplace")
        if self._size + len(data) > ROOM:
            self.dropped += 1
        else:
            self._kept.append(data)
            self._size += len(data)
        self.drain()

    def drain(self, milliseconds: int = 0) -> None:
        """Write what is kept, as far as it is read.

        Args:
            milliseconds: how long to wait for the reader before each piece.
        """
        while self._kept:
            data = self._kept[0]
            try:
                if not self._poll.poll(milliseconds):
                    return
                written = os.write(self._descriptor, data[:CHUNK])
            except BlockingIOError:
                return
            except OSError:  # nobody will ever read it
                self._kept.clear()
                self._size = 0
                return
            self._size -= written
            if written < len(data):
                self._kept[0] = data[written:]
                continue
            self._kept.popleft()
            if self.dropped and not self._kept:
                count, self.dropped = self.dropped, 0
                self.write(
                    f'{{"level":"warning","message":"{count} log records were dropped, since nobody read them"}}\n'
                )

    def close(self) -> None:
        """Give the reader a last moment for what is kept."""
        with contextlib.suppress(ValueError):
            self.drain(200)

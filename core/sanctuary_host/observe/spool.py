"""Standard error without waiting for its reader: many clients start a server with a pipe for it and never read that."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Generator
from typing import Final

from sanctuary_host.observe import logs

LIMIT: Final = 1024 * 1024
"""Characters that wait to be written; what comes beyond is lost, and counted."""
GATHER: Final = 0.01
"""Seconds for which lines are gathered, so that a busy server writes many at once."""
FAREWELL: Final = 1.0
"""Seconds that the last lines get at the end."""


class Spool(io.TextIOBase):
    """Takes text at once, and writes it to a descriptor in a thread of its own.

    Args:
        descriptor: where to write.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._pieces: deque[str] = deque()
        self._size = 0
        self._lost = 0
        self._news = threading.Event()
        self._writing = False
        threading.Thread(target=self._pump, name="stderr", daemon=True).start()

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, text: str) -> int:
        """Take `text`; it never waits."""
        if self._size > LIMIT:
            self._lost += 1
        elif text:
            self._size += len(text)
            self._pieces.append(text)
            self._news.set()
        return len(text)

    def drained(self, seconds: float) -> bool:
        """Wait until all is written, for `seconds` at most; says whether it is."""
        deadline = time.monotonic() + seconds
        while self._pieces or self._writing:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.005)
        return True

    def _pump(self) -> None:
        while True:
            self._news.wait()
            self._news.clear()
            self._writing = True
            pieces: list[str] = []
            with contextlib.suppress(IndexError):
                while True:
                    pieces.append(self._pieces.popleft())
            text = "".join(pieces)
            if self._lost:
                lost, self._lost = self._lost, 0
                text += f"({lost} pieces of output were lost, since nobody read standard error)\n"
            rest = memoryview(text.encode("utf-8", "backslashreplace"))
            with contextlib.suppress(OSError):  # nobody reads it any more
                while rest:
                    rest = rest[os.write(self._descriptor, rest) :]
            self._size -= sum(map(len, pieces))
            self._writing = False
            time.sleep(GATHER)


@contextlib.contextmanager
def unblocked() -> Generator[None]:
    """Let nothing that this process logs or prints wait for a reader meanwhile."""
    spool = Spool(2)
    before = sys.stdout, sys.stderr
    logs.redirect(before[1], spool)
    sys.stdout = sys.stderr = spool
    try:
        yield
    finally:
        if spool.drained(FAREWELL):
            sys.stdout, sys.stderr = before
            logs.redirect(spool, before[1])

"""What tools print in workers, repeated in the host's own records: no worker writes where the host writes its log."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import sys
from collections.abc import Callable
from typing import Final

logger = logging.getLogger(__name__)

SHOWN: Final = 8 * 1024
"""Bytes that make one record; what else was printed with them is dropped."""
ROOM: Final = 1024 * 1024
"""Bytes that the pipe holds, where the kernel allows it: programs that print much wait for nobody."""
PAUSE: Final = 0.02
"""Seconds between two records, which cost the loop a fraction of a millisecond each."""
Teller = Callable[[str], None]


def note(text: str) -> None:
    """Log what was printed."""
    logger.info("A tool printed: %s", text, extra={"fields": {"event": "printed"}})


class Echo:
    """Reads what workers print.

    Args:
        descriptor: the end of a pipe that all of them write to; it is closed at the end.
        tell: takes it, in pieces.
    """

    def __init__(self, descriptor: int, tell: Teller) -> None:
        self._descriptor = descriptor
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._pause: asyncio.TimerHandle | None = None
        os.set_blocking(descriptor, False)
        if sys.platform == "linux":
            with contextlib.suppress(OSError):  # all pipes of a user may hold so much and no more
                fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, ROOM)
        self._listen()

    def end(self) -> None:
        """Repeat what is left, and close."""
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(self._descriptor)
        self._read()
        os.close(self._descriptor)

    def _listen(self) -> None:
        self._loop.add_reader(self._descriptor, self._hear)

    def _hear(self) -> None:
        self._loop.remove_reader(self._descriptor)
        if self._read():
            self._pause = self._loop.call_later(PAUSE, self._listen)

    def _read(self) -> bool:
        """Repeat one piece; whether there may be more."""
        data = b""
        with contextlib.suppress(BlockingIOError):
            data = os.read(self._descriptor, ROOM)
        if text := data[:SHOWN].decode("utf-8", "replace").strip():
            self._tell(f"{text} … and {len(data) - SHOWN:,} bytes more" if len(data) > SHOWN else text)
        return bool(data)

"""What foreign code prints: passed on as long as somebody reads it, and never waited for."""

from __future__ import annotations

import contextlib
import io
import os
import select
from typing import Final

PIECE: Final = 512
"""Bytes that a pipe which is ready takes without waiting: POSIX' least PIPE_BUF."""


class Output(io.TextIOBase):
    """Writes to a descriptor what it takes at once, and drops the rest.

    Args:
        descriptor: where to write.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor

    def writable(self) -> bool:
        """It is."""
        return True

    def fileno(self) -> int:
        """The descriptor."""
        return self._descriptor

    def write(self, text: str) -> int:
        """Write `text`, or as much of it as goes without waiting."""
        data = text.encode("utf-8", "backslashreplace")
        with contextlib.suppress(OSError, ValueError):
            for start in range(0, len(data), PIECE):
                if not select.select([], [self._descriptor], [], 0)[1]:
                    break
                os.write(self._descriptor, data[start : start + PIECE])
        return len(text)

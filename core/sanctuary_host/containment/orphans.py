"""As the first process of a container the host inherits every orphan there, and so has to bury them."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Final

GRACE: Final = 1.0
"""Seconds in which whoever started a process here may ask how it ended; after that, nobody will."""


def bury(own: int) -> None:
    """Free what the kernel keeps of processes that ended and that nobody of this process started.

    It does nothing where this is not process 1. Without it, each health check that leaves a child behind would use up
    a place among the processes that the container may have.

    Args:
        own: the child that ends with this process, and is waited for elsewhere.
    """
    if os.getpid() == 1:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGCHLD, loop.call_later, GRACE, _look, own, 0)


def _look(own: int, before: int) -> None:
    """Bury the first child that ended, if it was so a while ago already."""
    while (ended := _first_that_ended()) not in {0, own}:
        if ended != before:
            asyncio.get_running_loop().call_later(GRACE, _look, own, ended)
            return
        os.waitpid(ended, os.WNOHANG)


def _first_that_ended() -> int:
    try:
        found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return 0
    return found.si_pid if found is not None else 0

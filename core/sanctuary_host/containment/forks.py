"""How a process begins that is forked from the host: it stays out of its parent's code, and keeps what it needs."""

from __future__ import annotations

import itertools
import os
import resource
import sys
import traceback
from collections.abc import Callable, Collection
from typing import Final

from sanctuary_host.containment.output import Output

MOST: Final = 1 << 20
"""Descriptors that a process can have open at most, as kernels are set up."""


def fork(child: Callable[[], None]) -> int:
    """Fork a process that runs `child` and never returns into the code of its parent."""
    pid = os.fork()
    if pid:
        return pid
    try:
        child()
        os._exit(0)
    except BaseException:  # noqa: BLE001  # as the first line says
        traceback.print_exc()
    finally:
        os._exit(1)


def only_standard_files(printing: int, kept: Collection[int]) -> None:
    """Close every inherited descriptor but `kept`, give standard input nothing to read, and send what is printed along.

    Not even standard error is the host's own: what is written there is the host's log, which no tool may forge or cut.
    """
    os.dup2(printing, 1)
    os.dup2(printing, 2)
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    end = MOST if soft == resource.RLIM_INFINITY else min(soft, MOST)
    for below, above in itertools.pairwise([2, *sorted(kept), end]):
        os.closerange(below + 1, above)  # one system call, however many may be open
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    # Whoever replaced these objects in the host did so for the host; here they are the descriptors again.
    sys.stdin = os.fdopen(0, "r", closefd=False)
    sys.stdout, sys.stderr = Output(1), Output(2)

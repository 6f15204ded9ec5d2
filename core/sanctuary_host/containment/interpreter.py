"""What of the interpreter a call can change for those that come after it in the same process."""

from __future__ import annotations

import builtins
import decimal
import gc
import os
import resource
import signal
import socket
import sys
import threading
from typing import Final

LIMITS: Final = (resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE, resource.RLIMIT_CPU)
"""The limits of resources that a call must leave as they were."""
MODULES: Final = ("os", "sys", "io", "re", "time", "json", "socket", "threading", "decimal", "random", "asyncio")
"""Modules that nearly every call needs, and that must stay the ones they were."""


def interpreter() -> tuple[object, ...]:
    """What can be looked at in a few microseconds; what modules and classes hold is not."""
    numbers = decimal.getcontext()
    return (
        *vars(builtins).values(),
        *sys.path,
        *(sys.modules.get(name) for name in MODULES),
        *(sys.stdin, sys.stdout, sys.stderr, sys.excepthook, sys.unraisablehook, threading.excepthook),
        *(sys.gettrace(), sys.getprofile(), threading.gettrace(), threading.getprofile()),
        *(gc.isenabled(), gc.get_threshold(), sys.getswitchinterval(), sys.get_int_max_str_digits()),
        *(numbers.prec, numbers.rounding, *numbers.traps.values()),
        *(socket.getdefaulttimeout(), signal.pthread_sigmask(signal.SIG_BLOCK, ())),
        *(os.getpriority(os.PRIO_PROCESS, 0), _processors()),
        *(resource.getrlimit(limit) for limit in LIMITS),
    )


def _processors() -> object:
    """Where the process may run; nothing where the platform does not tell."""
    return os.sched_getaffinity(0) if sys.platform == "linux" else None

"""Functions of the C library, whose failures are errors."""

from __future__ import annotations

import ctypes
import errno
import os
from typing import Any, Final

_library: Final = ctypes.CDLL(None, use_errno=True)


def call(name: str, *arguments: Any) -> int:
    """Call a function of the C library that answers below 0 where it fails; arguments as ctypes passes them.

    Raises:
        OSError: it failed, or this C library has no such function.
    """
    function = getattr(_library, name, None)
    if function is None:
        raise OSError(errno.EOPNOTSUPP, f"this C library has no {name}")
    result = int(function(*arguments))
    if result < 0:
        number = ctypes.get_errno() or errno.EIO
        raise OSError(number, os.strerror(number))
    return result


def call_kernel(number: int, *arguments: Any) -> int:
    """Make a system call that the C library has no function for.

    Raises:
        OSError: it failed.
    """
    return call("syscall", ctypes.c_long(number), *arguments)

"""Modes and times of files, changed by a descriptor: the kernel's sandbox lets nobody change them by a path.

Landlock watches over what is opened, and not over chmod and utime: by their paths a worker could change the modes of
all of its user's files. What it can open, it may change; so `os.chmod` and `os.utime` open first.
"""

from __future__ import annotations

import errno
import os
from typing import Any, Final

FLAGS: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY

_chmod = os.chmod
_utime = os.utime


def go_by_descriptors() -> None:
    """Have `os.chmod` and `os.utime`, and whatever of the standard library uses them, open a file and change that."""
    os.chmod = chmod
    os.utime = utime


def chmod(path: Any, mode: int, *, dir_fd: int | None = None, follow_symlinks: bool = True) -> None:
    """Change a file's mode, as `os.chmod` does.

    Raises:
        OSError: the file cannot be opened, or the mode is not allowed: nobody sets setuid, setgid or write for all.
    """
    if isinstance(path, int):
        _chmod(path, mode)
        return
    descriptor = _opened(path, dir_fd, follow_symlinks=follow_symlinks)
    try:
        os.fchmod(descriptor, mode)
    finally:
        os.close(descriptor)


def utime(
    path: Any,
    times: tuple[float, float] | None = None,
    *,
    ns: tuple[int, int] | None = None,
    dir_fd: int | None = None,
    follow_symlinks: bool = True,
) -> None:
    """Change a file's times, as `os.utime` does.

    Raises:
        OSError: the file cannot be opened.
        ValueError: both `times` and `ns` are given.
    """
    given: dict[str, Any] = {"times": times} if ns is None else {"ns": ns}
    if times is not None and ns is not None:
        raise ValueError("utime: you may specify either 'times' or 'ns' but not both")
    if isinstance(path, int):
        _utime(path, **given)
        return
    descriptor = _opened(path, dir_fd, follow_symlinks=follow_symlinks)
    try:
        _utime(descriptor, **given)
    finally:
        os.close(descriptor)


def _opened(path: Any, folder: int | None, *, follow_symlinks: bool) -> int:
    try:
        return os.open(path, FLAGS | (0 if follow_symlinks else os.O_NOFOLLOW), dir_fd=folder)
    except OSError as error:
        if error.errno != errno.ELOOP or follow_symlinks:
            raise
        # The standard library takes this for a system that cannot change links, and goes on without.
        raise NotImplementedError("the modes and times of symbolic links cannot be changed here") from None

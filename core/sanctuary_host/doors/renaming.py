"""Give files other names without ever replacing one, or have two files change their names."""

from __future__ import annotations

import ctypes
import errno
import os
from typing import Final

from sanctuary_host.containment.libc import call

NOREPLACE: Final = 1
EXCHANGE: Final = 2
"""RENAME_NOREPLACE and RENAME_EXCHANGE of linux/fs.h."""
UNKNOWN: Final = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM})
"""What kernels, C libraries and file systems answer that do not know them."""


def rename(folder: int, name: str, to_folder: int, to_name: str) -> None:
    """Give a file or folder another name, where nothing has that name.

    Args:
        folder: a descriptor of the folder that it is in.
        name: its name there.
        to_folder: a descriptor of the folder that it is to be in.
        to_name: its name there.

    Raises:
        OSError: EEXIST, where something has that name; else as rename(2).
    """
    try:
        _rename(folder, name, to_folder, to_name, NOREPLACE)
    except OSError as error:
        if error.errno not in UNKNOWN:
            raise
        _rename_after_a_look(folder, name, to_folder, to_name)


def _rename_after_a_look(folder: int, name: str, to_folder: int, to_name: str) -> None:
    """Where there is no better way: what gets the name in between is replaced."""
    try:
        os.stat(to_name, dir_fd=to_folder, follow_symlinks=False)
    except FileNotFoundError:
        os.rename(name, to_name, src_dir_fd=folder, dst_dir_fd=to_folder)
    else:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))


def exchange(folder: int, name: str, to_folder: int, to_name: str) -> None:
    """Have two files change their names, which both keep existing all the while.

    Raises:
        OSError: EXDEV, where they are on two file systems; EOPNOTSUPP, where this one cannot; else as rename(2).
    """
    try:
        _rename(folder, name, to_folder, to_name, EXCHANGE)
    except OSError as error:
        if error.errno in UNKNOWN - {errno.EPERM}:
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP)) from None
        raise


def _rename(folder: int, name: str, to_folder: int, to_name: str, flags: int) -> None:
    names = [ctypes.c_char_p(os.fsencode(one)) for one in (name, to_name)]
    call("renameat2", ctypes.c_int(folder), names[0], ctypes.c_int(to_folder), names[1], ctypes.c_uint(flags))

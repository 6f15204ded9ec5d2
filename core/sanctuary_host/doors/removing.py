"""Remove files and folders for good, however deep they are, without following a link or entering another mount."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from typing import Final

FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
NOT_EMPTY: Final = frozenset({errno.ENOTEMPTY, errno.EEXIST})


def remove(folder: int, name: str) -> None:
    """Remove a file, or a folder with all that is in it.

    A folder that is not empty is moved up before it is emptied, so that depth costs neither descriptors nor recursion;
    what is mounted cannot be moved, and so is never emptied.

    Args:
        folder: a descriptor of the folder that it is in, in which others may appear meanwhile.
        name: its name.

    Raises:
        OSError: it cannot be removed; some of what was in it may be gone.
    """
    left = [name]
    while left:
        name = left.pop()
        if not _remove_one(folder, name):
            left += _empty(folder, name)
            os.rmdir(name, dir_fd=folder)


def _empty(folder: int, name: str) -> list[str]:
    """Remove what is in a folder; folders in it that are not empty are moved beside it, under the names given back."""
    inner = os.open(name, FOLDER, dir_fd=folder)
    try:
        with contextlib.suppress(OSError):  # what follows says it better
            os.fchmod(inner, 0o700)
        moved: list[str] = []
        for entry in os.listdir(inner):  # noqa: PTH208  # a descriptor
            if not _remove_one(inner, entry):
                moved.append(f".{secrets.token_hex(8)}")
                os.rename(entry, moved[-1], src_dir_fd=inner, dst_dir_fd=folder)
        return moved
    finally:
        os.close(inner)


def _remove_one(folder: int, name: str) -> bool:
    """Remove a file or an empty folder; whether it was one."""
    try:
        os.unlink(name, dir_fd=folder)
    except (IsADirectoryError, PermissionError):  # the second of them is what POSIX has for folders
        try:
            os.rmdir(name, dir_fd=folder)
        except NotADirectoryError:
            os.unlink(name, dir_fd=folder)  # it is not permitted
        except OSError as error:
            if error.errno in NOT_EMPTY:
                return False
            raise
    return True

"""Write the contents of files: of new ones that are to take the place of others, and over those that must stay."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from typing import Final

BLOCK: Final = 1 << 20
"""Bytes that are copied at once."""
SHARED: Final = 0o6002
"""Bits of a mode that hand on rights (setuid, setgid, write for all), which a confined process cannot set."""
OVER: Final = os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def make(folder: int, name: str, content: bytes, mode: int) -> int:
    """Make a file; gives its inode. Its contents are on their way to the disk then, and nobody waits for them.

    Args:
        folder: a descriptor of the folder.
        name: its name, which nothing has.
        content: what is in it.
        mode: less what the process's mask takes away.

    Raises:
        OSError: it failed; there is no such file then.
    """
    descriptor = os.open(name, NEW, mode, dir_fd=folder)
    try:
        _write(descriptor, content)
        if hasattr(os, "posix_fadvise"):  # which begins to write dirty pages, and drops none of them
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        return os.fstat(descriptor).st_ino
    except BaseException:
        os.unlink(name, dir_fd=folder)
        raise
    finally:
        os.close(descriptor)


def resemble(folder: int, name: str, model: int, mode: int) -> bool:
    """Give a file what belongs to another one beside its contents: owner, group, mode and extended attributes.

    Args:
        folder: a descriptor of the folder that it is in.
        name: its name.
        model: a descriptor of the other one.
        mode: what mode it is to have.

    Returns:
        Whether it has all of it now; it may not be permitted.
    """
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        with contextlib.suppress(OSError):
            _resemble(descriptor, model, mode)
        mine, its = os.fstat(descriptor), os.fstat(model)
        return (
            (mine.st_uid, mine.st_gid, stat.S_IMODE(mine.st_mode)) == (its.st_uid, its.st_gid, mode)
            and _attributes(descriptor) == _attributes(model)
        )  # fmt: skip
    finally:
        os.close(descriptor)


def _resemble(descriptor: int, model: int, mode: int) -> None:
    mine, its = os.fstat(descriptor), os.fstat(model)
    if (mine.st_uid, mine.st_gid) != (its.st_uid, its.st_gid):
        os.fchown(descriptor, its.st_uid, its.st_gid)
    has = _attributes(descriptor)
    for name, value in _attributes(model).items():
        if has.get(name) != value:
            os.setxattr(descriptor, name, value)
    if stat.S_IMODE(os.fstat(descriptor).st_mode) != mode:
        os.fchmod(descriptor, mode)


def _attributes(descriptor: int) -> dict[str, bytes]:
    if not hasattr(os, "listxattr"):
        return {}
    try:
        return {name: os.getxattr(descriptor, name) for name in os.listxattr(descriptor)}
    except OSError as error:
        if error.errno in {errno.ENOTSUP, errno.ENOSYS}:
            return {}
        raise


def copy(folder: int, name: str, to_folder: int, to_name: str) -> None:
    """Copy the contents of a file into a new one, which takes the place of one of that name, and have it on the disk.

    Raises:
        OSError: it failed.
    """
    source = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    begun = f"{to_name}.begun"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(begun, dir_fd=to_folder)
    try:
        target = os.open(begun, NEW, 0o600, dir_fd=to_folder)
        try:
            while block := os.read(source, BLOCK):
                _write(target, block)
            os.fsync(target)
        finally:
            os.close(target)
    finally:
        os.close(source)
    os.rename(begun, to_name, src_dir_fd=to_folder, dst_dir_fd=to_folder)


def write_over(folder: int, name: str, to_folder: int, to_name: str) -> None:
    """Give a file the contents of another one; all else that belongs to it stays.

    Room for them is taken first, so that a full disk is known before anything is lost.

    Raises:
        OSError: it failed.
    """
    source = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        target = os.open(to_name, OVER, dir_fd=to_folder)
        try:
            size = os.fstat(source).st_size
            if size and hasattr(os, "posix_fallocate"):
                _take_room(target, size)
            place = 0
            while block := os.pread(source, BLOCK, place):
                view = memoryview(block)
                while view:
                    written = os.pwrite(target, view, place)
                    view, place = view[written:], place + written
            os.ftruncate(target, size)
            os.fsync(target)
        finally:
            os.close(target)
    finally:
        os.close(source)


def _take_room(descriptor: int, size: int) -> None:
    before = os.fstat(descriptor).st_size
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        if error.errno in {errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS}:
            return
        os.ftruncate(descriptor, before)
        raise


def sync(folder: int, name: str) -> None:
    """Wait until the contents of a file are on the disk; of what is no file nothing is waited for.

    Raises:
        OSError: they cannot be written.
    """
    if not stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
        return
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]

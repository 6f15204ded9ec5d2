"""Open what lies beneath a directory and nothing else, whatever the path says and whatever links and races do to it."""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from typing import Final

from sanctuary_host.containment.libc import call_kernel

NUMBER: Final = 437
"""Of openat2(2), on every architecture that Python runs on but Alpha."""
NO_MAGIC_LINKS: Final = 0x02
BENEATH: Final = 0x08
"""RESOLVE_NO_MAGICLINKS and RESOLVE_BENEATH of linux/openat2.h."""
TRIES: Final = 64
"""The kernel gives up with EAGAIN where something was renamed while it went through `..`."""
LINKS: Final = 40
"""Symbolic links within one path, as the kernel has it (MAXSYMLINKS of linux/namei.h)."""
LONGEST: Final = 4096
"""Bytes of a path (PATH_MAX of linux/limits.h), the NUL at its end included."""
ABSENT: Final = frozenset({errno.ENOSYS, errno.EPERM, errno.EOPNOTSUPP})
"""What a kernel before 5.6 answers, and filters of system calls that do not know openat2."""


class _How(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def open_beneath(directory: int, path: str, flags: int, mode: int = 0) -> int:
    """Open a path that leads from a directory to something beneath it; symbolic links may lead within it.

    Args:
        directory: a descriptor.
        path: relative; where it, or a link on its way, leaves the directory, even to come back, it is refused.
        flags: of open(2); O_CLOEXEC is added, and, where it is opened for its contents, O_NONBLOCK and O_NOCTTY.
        mode: of a file that is made.

    Raises:
        OSError: EXDEV, where it would leave the directory; else as open(2).
    """
    name = os.fsencode(path)
    if not name:
        raise _failure(errno.ENOENT)
    if len(name) >= LONGEST:
        raise _failure(errno.ENAMETOOLONG)
    if b"\0" in name:
        raise _failure(errno.EINVAL)
    flags |= os.O_CLOEXEC | (0 if flags & os.O_PATH else os.O_NONBLOCK | os.O_NOCTTY)
    if not flags & (os.O_CREAT | getattr(os, "O_TMPFILE", 0)):
        mode = 0  # openat2 takes none then
    global _has_openat2  # noqa: PLW0603  # what the kernel can do is the process's
    if _has_openat2:
        try:
            return _in_one_step(directory, name, flags, mode)
        except OSError as error:
            # EPERM is also said of a file that may not be opened so; only then does the other way say it too.
            if error.errno not in ABSENT:
                raise
            _has_openat2 = error.errno == errno.EPERM and _answers(directory)
    return _step_by_step(directory, name, flags, mode)


_has_openat2 = os.uname().sysname == "Linux"


def _answers(directory: int) -> bool:
    try:
        os.close(_in_one_step(directory, b".", os.O_PATH | os.O_CLOEXEC, 0))
    except OSError:
        return False
    return True


def _in_one_step(directory: int, name: bytes, flags: int, mode: int) -> int:
    how = _How(flags, mode, BENEATH | NO_MAGIC_LINKS)
    size = ctypes.c_size_t(ctypes.sizeof(how))
    for left in reversed(range(TRIES)):
        try:
            return call_kernel(NUMBER, ctypes.c_int(directory), ctypes.c_char_p(name), ctypes.byref(how), size)
        except OSError as error:
            if error.errno not in {errno.EAGAIN, errno.EINTR} or not left:
                raise
    raise AssertionError


def _step_by_step(directory: int, name: bytes, flags: int, mode: int) -> int:
    """Open each part of a path from the one before; what is a link is read, and its parts take its place."""
    if name.startswith(b"/"):
        raise _failure(errno.EXDEV)
    way = [os.dup(directory)]
    parts = _parts(name)
    links = 0
    try:
        while parts:
            part = parts.pop()
            if part == b".":
                continue
            if part == b"..":
                if len(way) == 1:
                    raise _failure(errno.EXDEV)
                os.close(way.pop())
                continue
            last = not any(one != b"." for one in parts) and not name.endswith((b"/", b"/."))
            try:
                if last:
                    return _last(part, flags, mode, way[-1])
                way.append(os.open(part, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=way[-1]))
            except OSError as error:
                target = _target(way[-1], part) if error.errno in {errno.ELOOP, errno.ENOTDIR} else None
                if target is None or (last and flags & os.O_NOFOLLOW):
                    raise
                links += 1
                if links > LINKS:
                    raise _failure(errno.ELOOP) from None
                if target.startswith(b"/"):
                    raise _failure(errno.EXDEV) from None
                parts += _parts(target)
        return os.open(b".", flags | os.O_NOFOLLOW, mode, dir_fd=way[-1])
    finally:
        for descriptor in way:
            os.close(descriptor)


def _last(part: bytes, flags: int, mode: int, directory: int) -> int:
    """Open the last part of a path, which may not be a link unless it is links that are asked for."""
    descriptor = os.open(part, flags | os.O_NOFOLLOW, mode, dir_fd=directory)
    if flags & os.O_PATH and not flags & os.O_NOFOLLOW and stat.S_ISLNK(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _failure(errno.ELOOP)
    return descriptor


def _parts(name: bytes) -> list[bytes]:
    """Parts of a path, the first one last."""
    return [part for part in name.split(b"/") if part][::-1]


def _target(directory: int, part: bytes) -> bytes | None:
    """Where a link leads; `None` where it is none."""
    try:
        return os.readlink(part, dir_fd=directory)
    except OSError:
        return None


def split(path: str) -> tuple[str, str]:
    """The folder that a path's last part is in, `.` for the top, and that part."""
    rest, slash, name = path.rpartition("/")
    return rest or ("/" if slash else "."), name


def _failure(number: int) -> OSError:
    return OSError(number, os.strerror(number))

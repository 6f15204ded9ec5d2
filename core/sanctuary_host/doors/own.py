"""The folder `.sanctuary` at the top of a writable tree: what is ours there, and whose turn it is to change a tree."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from sanctuary_host.calling import need_worker
from sanctuary_host.doors.beneath import open_beneath, split
from sanctuary_host.doors.removing import remove

NAME: Final = ".sanctuary"
LOCK: Final = "lock"
WORK: Final = "work"
ELSEWHERE: Final = "elsewhere"
"""In it stand the paths of what was begun in other folders than this one, each ended by a NUL."""
BEGUN: Final = ".sanctuary-"
"""How the names of these begin."""
IGNORED: Final = b"*\n"
"""For git, in `.gitignore`: nothing here is anybody's work."""
NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
FLAGS: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
LONGEST: Final = 16 << 20
"""Bytes of those paths that are read."""
NOT_MADE_HERE: Final = frozenset({errno.ENOTDIR, errno.ELOOP, errno.EISDIR, errno.ENXIO})
"""What the kernel says where a file stands for a folder, a link for either, or a folder for a file."""


class ForeignError(OSError):
    """What stands in the folder's place, or in it, is none that was made here for this user."""


@dataclass(frozen=True, slots=True)
class Own:
    """The folder, while it is ours alone.

    Attributes:
        top: a descriptor of the tree.
        folder: a descriptor of the folder.
        work: a descriptor of the folder in it for what is being made; at the beginning and at the end it is empty.
    """

    top: int
    folder: int
    work: int

    def begin_elsewhere(self, path: str) -> None:
        """Note that something is begun under a path elsewhere, so that it is removed if it is left there."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(ELSEWHERE, flags, 0o600, dir_fd=self.folder)
        try:
            os.write(descriptor, os.fsencode(path) + b"\0")
        finally:
            os.close(descriptor)

    def clear(self) -> None:
        """Remove what was begun and is not needed any more."""
        for name in os.listdir(self.work):  # noqa: PTH208  # a descriptor
            with contextlib.suppress(OSError):  # what cannot be removed is in nobody's way
                remove(self.work, name)
        try:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            descriptor = os.open(ELSEWHERE, flags, dir_fd=self.folder)
        except FileNotFoundError:
            return
        except OSError:  # a link, which was not made here
            os.unlink(ELSEWHERE, dir_fd=self.folder)
            return
        try:
            is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
            content = os.pread(descriptor, LONGEST, 0) if is_file else b""
        finally:
            os.close(descriptor)
        for path in [os.fsdecode(path) for path in content.split(b"\0") if path]:
            rest, name = split(path)
            if name.startswith(BEGUN):
                with contextlib.suppress(OSError), _opened(self.top, rest) as folder:
                    remove(folder, name)
        remove(self.folder, ELSEWHERE)


@contextmanager
def owned(top: int) -> Generator[Own]:
    """Have the folder, and with it the tree, to oneself among all processes that go through this door.

    Args:
        top: a descriptor of the tree, whose folder is made if it is not there.

    Raises:
        ForeignError: it is somebody else's, or no such folder.
        OSError: it cannot be made.
    """
    with contextlib.ExitStack() as open_ones:
        try:
            own = _locked(top, open_ones)
        except OSError as error:
            if error.errno in NOT_MADE_HERE:
                raise ForeignError(error.errno, os.strerror(error.errno)) from None
            raise
        yield own


def _locked(top: int, open_ones: contextlib.ExitStack) -> Own:
    folder = _folder(top)
    open_ones.callback(os.close, folder)
    lock = os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)
    open_ones.callback(os.close, lock)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        need_worker()  # nobody knows how long it takes
        fcntl.flock(lock, fcntl.LOCK_EX)
    work = _made(folder, WORK)
    open_ones.callback(os.close, work)
    return Own(top, folder, work)


def _folder(top: int) -> int:
    try:
        folder = os.open(NAME, FLAGS, dir_fd=top)
    except FileNotFoundError:
        folder = _made(top, NAME)
        with (
            contextlib.suppress(FileExistsError),
            os.fdopen(os.open(".gitignore", NEW, 0o600, dir_fd=folder), "wb") as file,
        ):
            file.write(IGNORED)
    if os.fstat(folder).st_uid != os.geteuid():
        os.close(folder)
        raise ForeignError(errno.EPERM, os.strerror(errno.EPERM))
    return folder


def _made(folder: int, name: str) -> int:
    try:
        return os.open(name, FLAGS, dir_fd=folder)
    except FileNotFoundError:
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=folder)
        return os.open(name, FLAGS, dir_fd=folder)


@contextmanager
def _opened(top: int, path: str) -> Generator[int]:
    descriptor = open_beneath(top, path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)

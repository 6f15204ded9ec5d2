"""Copy files, links and whole folders by descriptors, however deep they are: nothing outside is ever reached."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
import time
from dataclasses import dataclass, field
from typing import Final

from sanctuary_host import ToolError, progress
from sanctuary_host.doors import kind_of, shown

BLOCK: Final = 8 << 20
"""Bytes that are copied before it is looked at the clock."""
FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
SOURCE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
TARGET: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
CANNOT: Final = frozenset({errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM, errno.ETXTBSY})
"""What copy_file_range(2) answers where a file system has no such thing."""
OFTEN: Final = 0.5
"""Seconds between two words on how far it is."""


@dataclass(slots=True)
class _Level:
    """A folder that is being copied."""

    status: os.stat_result
    made: os.stat_result
    names: list[str]


@dataclass(slots=True)
class Copier:
    """Copies into a folder.

    Args:
        seconds: how long it may take.
        durable: whether it is on the disk before it is done, so that the source may be removed then.

    Attributes:
        entries: how many files, links and folders there are.
        size: their bytes.
        notes: what could not be kept.
    """

    seconds: float
    durable: bool = False
    entries: int = 0
    size: int = 0
    notes: dict[str, None] = field(default_factory=dict[str, None])
    _seen: hashlib.blake2b = field(default_factory=hashlib.blake2b)
    _begun: float = field(default_factory=time.monotonic)
    _told: float = 0.0

    @property
    def digest(self) -> bytes:
        """Of what the source was: other contents, another digest."""
        return self._seen.digest()

    def copy(self, folder: int, name: str, to_folder: int, to_name: str) -> None:
        """Copy what has a name in a folder.

        Raises:
            ToolError: it holds what is no file, link or folder, lies on several file systems, changes meanwhile, or
                there is no time left.
            OSError: it failed.
        """
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if not stat.S_ISDIR(status.st_mode):
            self._entry(folder, name, to_folder, to_name, status)
            return
        source, target, level = self._enter(folder, name, to_folder, to_name, status.st_dev)
        above: list[_Level] = []
        try:
            while True:
                if level.names:
                    one = level.names.pop()
                    status = os.stat(one, dir_fd=source, follow_symlinks=False)
                    if stat.S_ISDIR(status.st_mode):
                        inner = self._enter(source, one, target, one, level.status.st_dev)
                        above.append(level)
                        source, target, level = _gone_to(source, inner[0]), _gone_to(target, inner[1]), inner[2]
                    else:
                        self._entry(source, one, target, one, status)
                    continue
                if not above:
                    # Without write permission to itself a folder cannot be moved to its place.
                    self._finish(target, level.status, needed=0o700)
                    return
                self._finish(target, level.status)
                level = above.pop()
                # No more than two folders are open at a time, so that depth costs nothing.
                source = _gone_to(source, _parent(source, level.status))
                target = _gone_to(target, _parent(target, level.made))
        finally:
            os.close(source)
            os.close(target)

    def _enter(self, folder: int, name: str, to_folder: int, to_name: str, device: int) -> tuple[int, int, _Level]:
        with contextlib.ExitStack() as opened:
            source = os.open(name, FOLDER, dir_fd=folder)
            opened.callback(os.close, source)
            status = os.fstat(source)
            if status.st_dev != device:
                raise ToolError(f"{shown(name)} is another file system; copy what is in it by itself")
            os.mkdir(to_name, 0o700, dir_fd=to_folder)
            target = os.open(to_name, FOLDER, dir_fd=to_folder)
            opened.callback(os.close, target)
            level = _Level(status, os.fstat(target), _names(source))
            self._count(status)
            opened.pop_all()
            return source, target, level

    def _entry(self, folder: int, name: str, to_folder: int, to_name: str, status: os.stat_result) -> None:
        self._count(status)
        if stat.S_ISLNK(status.st_mode):
            os.symlink(os.readlink(name, dir_fd=folder), to_name, dir_fd=to_folder)
        elif stat.S_ISREG(status.st_mode):
            self._file(folder, name, to_folder, to_name)
        else:
            raise ToolError(f"{shown(name)} is {kind_of(status.st_mode)}, which cannot be copied; nothing was changed")

    def _file(self, folder: int, name: str, to_folder: int, to_name: str) -> None:
        source = os.open(name, SOURCE, dir_fd=folder)
        try:
            status = os.fstat(source)
            if not stat.S_ISREG(status.st_mode):
                raise _changing(name)
            target = os.open(to_name, TARGET, 0o600, dir_fd=to_folder)
            try:
                self._contents(source, target, status.st_size)
                self._finish(target, status)
                _copy_attributes(source, target, self.notes)
                if self.durable:
                    os.fsync(target)
            finally:
                os.close(target)
            if _version(os.fstat(source)) != _version(status):
                raise _changing(name)
        finally:
            os.close(source)

    def _contents(self, source: int, target: int, size: int) -> None:
        """Copy what is written, and leave holes as they are."""
        at = 0
        while at < size:
            try:
                at = os.lseek(source, at, os.SEEK_DATA)
                end = min(os.lseek(source, at, os.SEEK_HOLE), size)
            except OSError as error:
                if error.errno == errno.ENXIO:  # nothing but a hole is left
                    break
                end = size
            while at < end:
                self._look_at_the_clock()
                copied = _copy_block(source, target, at, min(BLOCK, end - at))
                if not copied:
                    end = size = at
                at += copied
        os.ftruncate(target, size)

    def _finish(self, target: int, status: os.stat_result, *, needed: int = 0) -> None:
        """Give a copy the mode and the times of what it is a copy of."""
        before = stat.S_IMODE(status.st_mode)
        mode = before & 0o1777 | needed
        try:
            os.fchmod(target, mode)
        except OSError:  # what all may write is not made in a confined process
            mode &= 0o1775
            os.fchmod(target, mode)
        if mode != before:
            self.notes[f"mode {before:04o} became {mode:04o}"] = None
        os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))

    def _count(self, status: os.stat_result) -> None:
        self._look_at_the_clock()
        self.entries += 1
        if not stat.S_ISDIR(status.st_mode):
            self.size += status.st_size
        self._seen.update(_version(status))

    def _look_at_the_clock(self) -> None:
        now = time.monotonic()
        if now > self._begun + self.seconds:
            raise ToolError(
                f"copying takes longer than {self.seconds:g} s, and nothing was changed; copy its parts one by one"
            )
        if now > self._told + OFTEN:
            self._told = now
            progress(self.entries, None, f"{self.size:,} bytes")


def digest_of(folder: int, name: str) -> bytes:
    """The digest of what is under a name now, made in the order in which it is copied."""
    seen = hashlib.blake2b()
    status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    seen.update(_version(status))
    if not stat.S_ISDIR(status.st_mode):
        return seen.digest()
    at = os.open(name, FOLDER, dir_fd=folder)
    levels = [(status, _names(at))]
    try:
        while levels:
            if names := levels[-1][1]:
                one = names.pop()
                status = os.stat(one, dir_fd=at, follow_symlinks=False)
                seen.update(_version(status))
                if stat.S_ISDIR(status.st_mode):
                    at = _gone_to(at, os.open(one, FOLDER, dir_fd=at))
                    levels.append((status, _names(at)))
                continue
            levels.pop()
            if levels:
                at = _gone_to(at, _parent(at, levels[-1][0]))
    finally:
        os.close(at)
    return seen.digest()


def _names(folder: int) -> list[str]:
    return sorted(os.listdir(folder))  # a descriptor


def _gone_to(here: int, there: int) -> int:
    os.close(here)
    return there


def _parent(folder: int, status: os.stat_result) -> int:
    """The folder that one is in, which must be the one that was come from."""
    above = os.open("..", FOLDER, dir_fd=folder)
    now = os.fstat(above)
    if (now.st_dev, now.st_ino) != (status.st_dev, status.st_ino):
        os.close(above)
        raise ToolError("a folder was moved away while it was copied; nothing was changed. Try again")
    return above


def _copy_block(source: int, target: int, at: int, count: int) -> int:
    if hasattr(os, "copy_file_range"):
        try:
            return os.copy_file_range(source, target, count, at, at)
        except OSError as error:
            if error.errno not in CANNOT:
                raise
    block = memoryview(os.pread(source, min(count, 1 << 20), at))
    done = 0
    while done < len(block):
        done += os.pwrite(target, block[done:], at + done)
    return done


def _copy_attributes(source: int, target: int, notes: dict[str, None]) -> None:
    """Copy the extended attributes that users give."""
    if not hasattr(os, "listxattr"):
        return
    try:
        names = [name for name in os.listxattr(source) if name.startswith("user.")]
    except OSError:
        return
    for name in names:
        try:
            os.setxattr(target, name, os.getxattr(source, name))
        except OSError:
            notes["extended attributes were not copied"] = None


def _version(status: os.stat_result) -> bytes:
    """What no change leaves as it is; a folder's and a link's times tell nothing of what is in them."""
    known = [status.st_ino, status.st_mode]
    if stat.S_ISREG(status.st_mode):
        known += [status.st_size, status.st_mtime_ns]
    return repr(known).encode()


def _changing(name: str) -> ToolError:
    return ToolError(f"{shown(name)} was changed while it was copied; nothing was changed. Try again")

"""How much disk a folder takes with all that is in it, however deep, wide or busy it is."""

from __future__ import annotations

import heapq
import os
import stat
import time
from dataclasses import dataclass, field
from typing import Final

from sanctuary_host import progress

MOST: Final = 300_000
"""Entries that are counted."""
OPEN: Final = 64
"""Folders on the way down that are kept open; those above are opened anew on the way back."""
SHOWN: Final = 8
"""Entries of the folder itself that are told as the largest."""
BLOCK: Final = 512
"""Bytes of the blocks that stat(2) counts."""
STEP: Final = 1024
FLAGS: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(slots=True)
class Usage:
    """What was counted.

    Attributes:
        files: files, of which each counts once however many names it has.
        folders: folders within.
        others: links, pipes and whatever else.
        size: bytes in files.
        allocated: bytes on disk, of folders too.
        mounts: folders on which other disks are mounted, which are not entered.
        unread: folders that could not be read.
        largest: the entries with the most bytes on disk, each with all that is in it.
        entries: entries that were met.
        is_whole: whether these are all.
    """

    files: int = 0
    folders: int = 0
    others: int = 0
    size: int = 0
    allocated: int = 0
    mounts: int = 0
    unread: int = 0
    largest: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    entries: int = 0
    is_whole: bool = True


@dataclass(slots=True)
class _Level:
    """A folder on the way down; `descriptor` is -1 while it is closed."""

    descriptor: int
    identity: tuple[int, int]
    names: list[str]


class Survey:
    """Counts what is in a folder.

    No link is followed; each folder is opened by its name in the one before, and on the way back it is known again.

    Args:
        descriptor: of the folder, which stays open.
        deadline: when it ends, as `time.monotonic` has it.
    """

    def __init__(self, descriptor: int, deadline: float) -> None:
        status = os.fstat(descriptor)
        self.usage = Usage(allocated=status.st_blocks * BLOCK)
        self._deadline = deadline
        self._device = status.st_dev
        self._seen: set[int | tuple[int, int]] = set()
        self._branch = ("", 0)
        self._way = [_Level(os.dup(descriptor), (status.st_dev, status.st_ino), [])]

    def run(self) -> Usage:
        """Count."""
        try:
            self._count(self._way[0])
            while self.usage.is_whole and self._step():
                pass
            self._end_branch()
        finally:
            for level in self._way:
                if level.descriptor >= 0:
                    os.close(level.descriptor)
        return self.usage

    def _step(self) -> bool:
        """Enter the next folder, or leave the last one; gives whether there is more to do."""
        level = self._way[-1]
        if level.names:
            self._enter(level, level.names.pop())
            return True
        if len(self._way) == 1:
            return False
        above = self._way[-2]
        if above.descriptor < 0 and not self._reopen(above, level):
            self.usage.is_whole = False
            return False
        self._way.pop()
        os.close(level.descriptor)
        return True

    def _enter(self, level: _Level, name: str) -> None:
        if len(self._way) == 1:
            self._end_branch()
            self._branch = (name, self.usage.allocated)
        try:
            descriptor = os.open(name, FLAGS, dir_fd=level.descriptor)
        except OSError:  # not permitted, or gone by now
            self.usage.unread += 1
            return
        status = os.fstat(descriptor)
        self.usage.allocated += status.st_blocks * BLOCK
        if status.st_dev != self._device:
            self.usage.mounts += 1
            os.close(descriptor)
            return
        below = _Level(descriptor, (status.st_dev, status.st_ino), [])
        self._way.append(below)
        if len(self._way) > OPEN:
            far = self._way[-OPEN]
            os.close(far.descriptor)
            far.descriptor = -1
        self._count(below)

    def _reopen(self, above: _Level, level: _Level) -> bool:
        """Open the folder above again, if it is still the one that it was."""
        try:
            above.descriptor = os.open("..", FLAGS, dir_fd=level.descriptor)
        except OSError:
            return False
        status = os.fstat(above.descriptor)
        return (status.st_dev, status.st_ino) == above.identity

    def _count(self, level: _Level) -> None:
        """Count the entries of an open folder, and note its folders."""
        try:
            with os.scandir(level.descriptor) as entries:
                for entry in entries:
                    self.usage.entries += 1
                    if self.usage.entries > MOST or (self.usage.entries % STEP == 0 and self._is_late()):
                        self.usage.is_whole = False
                        return
                    try:
                        status = entry.stat(follow_symlinks=False)
                    except OSError:  # gone by now
                        continue
                    self._add(entry.name, status, level.names)
        except OSError:
            self.usage.unread += 1

    def _add(self, name: str, status: os.stat_result, names: list[str]) -> None:
        usage = self.usage
        if stat.S_ISDIR(status.st_mode):
            usage.folders += 1
            names.append(name)
            return
        if status.st_nlink > 1:
            key = status.st_ino if status.st_dev == self._device else (status.st_dev, status.st_ino)
            if key in self._seen:
                return
            self._seen.add(key)
        if stat.S_ISREG(status.st_mode):
            usage.files += 1
            usage.size += status.st_size
        else:
            usage.others += 1
        usage.allocated += status.st_blocks * BLOCK
        if len(self._way) == 1:
            self._note(status.st_blocks * BLOCK, name)

    def _end_branch(self) -> None:
        name, before = self._branch
        if name:
            self._note(self.usage.allocated - before, f"{name}/")
        self._branch = ("", 0)

    def _note(self, allocated: int, name: str) -> None:
        if len(self.usage.largest) < SHOWN:
            heapq.heappush(self.usage.largest, (allocated, name))
        else:
            heapq.heappushpop(self.usage.largest, (allocated, name))

    def _is_late(self) -> bool:
        progress(self.usage.entries, None, "entries")
        return time.monotonic() > self._deadline

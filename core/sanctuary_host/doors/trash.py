"""What was deleted from a tree, kept in the tree's own folder for thirty days, from where it can be had back."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import stat
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Final

from sanctuary_host.doors.beneath import open_beneath
from sanctuary_host.doors.changes import Changes
from sanctuary_host.doors.own import NAME
from sanctuary_host.doors.removing import remove
from sanctuary_host.doors.trees import PathError, Tree, kind_of, shown

TRASH: Final = f"{NAME}/trash"
RECORD: Final = "record"
ITEM: Final = "item"
GOING: Final = "~"
"""Stands before the name of what is being removed for good."""
KEPT: Final = 30 * 24 * 3600
"""Seconds after which the next deletion removes something for good."""
LATEST: Final = 253_402_300_799
"""The last second of the year 9999."""
LONGEST: Final = 1 << 15
"""Bytes of a record."""
MEASURED: Final = 2_000
"""Entries of a folder that are looked at to tell its size."""
FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
OLD: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Trashed:
    """Something that was deleted.

    Attributes:
        id: by which it is named.
        path: where it was.
        kind: what it is.
        size: its bytes; of a folder those of its files, below 0 where there are too many to count.
        time: when it was deleted, in seconds since 1970.
    """

    id: str
    path: str
    kind: str
    size: int
    time: int


def discard(tree: Tree, changes: Changes, path: str) -> Trashed:
    """Plan to move something to the trash, after what is there for more than thirty days was removed for good.

    Raises:
        PathError: there is nothing, it is a mount point or our own, or the trash cannot be written.
    """
    status = tree.status(path, follow=False)
    with tree.parent(path) as (folder, name):
        if os.fstat(folder).st_dev != status.st_dev:
            raise PathError(f"{shown(path)} is a mount point; unmount it first, or delete what is in it")
        if tree.is_own(path):
            raise PathError(f"{NAME} is this server's own folder; action=purge removes what is in its trash")
        size = _size(folder, name, status)
    now, milliseconds = divmod(time.time_ns() // 1_000_000, 1000)
    identity = f"{_stamp(now)}-{milliseconds:03}{secrets.token_hex(1)}"
    item = Trashed(identity, _plain(path), kind_of(status.st_mode), size, now)
    with _told(tree), _opened(tree, make=True) as trash:
        _sweep(trash, now)
        os.mkdir(identity, 0o700, dir_fd=trash)
        record = json.dumps(asdict(item)).encode()
        with _inner(trash, identity) as own, os.fdopen(os.open(RECORD, NEW, 0o600, dir_fd=own), "wb") as file:
            file.write(record)
            file.flush()
            os.fsync(file.fileno())
    changes.move(path, f"{TRASH}/{identity}/{ITEM}", ours=True)
    return item


def trashed(tree: Tree) -> list[Trashed]:
    """What is in the trash, the newest first."""
    try:
        with _opened(tree) as trash:
            found = [item for name in os.listdir(trash) if (item := _read(trash, name)) is not None]  # noqa: PTH208  # a descriptor
    except OSError:
        return []
    return sorted(found, key=lambda item: item.id, reverse=True)


def find(tree: Tree, which: str) -> Trashed:
    """What is meant by an id, or by the path where it was; the newest, where several were there.

    Raises:
        PathError: nothing is.
    """
    items = trashed(tree)
    plain = _plain(which)
    for item in items:
        if item.id == which:
            return item
    for item in items:
        if item.path == plain:
            return item
    raise PathError(f"there is no {shown(which)} in the trash of {tree.name}; list it with action=list")


def restore(tree: Tree, changes: Changes, which: str) -> Trashed:
    """Plan to move something back to where it was, where nothing may be now.

    Raises:
        PathError: it is not in the trash, or something is there.
    """
    item = find(tree, which)
    if changes.exists(item.path):
        raise PathError(f"there is something at {shown(item.path)} now; move it away, then restore {item.id}")
    changes.move(f"{TRASH}/{item.id}/{ITEM}", item.path, ours=True)
    return item


def purge(tree: Tree, items: Sequence[Trashed]) -> None:
    """Remove things from the trash for good; to be called while nobody else changes the tree.

    Raises:
        PathError: something cannot be removed.
    """
    for item in items:
        with _told(tree, item.path), _opened(tree) as trash:
            _remove(trash, item.id)


def _sweep(trash: int, now: int) -> None:
    """Remove what is old, what was restored, and what was being removed when its process was killed."""
    oldest = _stamp(now - KEPT)
    for name in os.listdir(trash):  # a descriptor
        if name.startswith(GOING) or name < oldest or not _holds(trash, name):
            with contextlib.suppress(OSError):  # it is tried again the next time
                _remove(trash, name)


def _holds(trash: int, name: str) -> bool:
    try:
        os.stat(f"{name}/{ITEM}", dir_fd=trash, follow_symlinks=False)
    except OSError:
        return False
    return True


def _stamp(now: int) -> str:
    return time.strftime("%Y%m%d-%H%M%S", time.gmtime(now))


def _remove(trash: int, name: str) -> None:
    """Remove an entry of the trash, which at once cannot be restored any more."""
    going = name
    if not name.startswith(GOING):
        going = f"{GOING}{secrets.token_hex(8)}"
        os.rename(name, going, src_dir_fd=trash, dst_dir_fd=trash)
    remove(trash, going)


def _read(trash: int, name: str) -> Trashed | None:
    """The record of an entry that can be restored."""
    if name.startswith(GOING):
        return None
    try:
        with _inner(trash, name) as own:
            os.stat(ITEM, dir_fd=own, follow_symlinks=False)
            with os.fdopen(os.open(RECORD, OLD, dir_fd=own), "rb") as file:
                item = Trashed(**json.loads(file.read(LONGEST)))
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    # Somebody may have put it there, such as by a checkout; then it is none of ours unless it says what ours say.
    kinds = [type(value) for value in (item.id, item.path, item.kind, item.size, item.time)]
    is_ours = kinds == [str, str, str, int, int] and item.id == name and item.kind.isprintable()
    return item if is_ours and 0 <= item.time <= LATEST else None


def _size(folder: int, name: str, status: os.stat_result) -> int:
    """The bytes of a file, or of the files in a folder; -1 where there are too many."""
    if not stat.S_ISDIR(status.st_mode):
        return status.st_size
    total, left = 0, MEASURED
    levels = [os.open(name, FOLDER, dir_fd=folder)]
    waiting = [os.listdir(levels[0])]  # noqa: PTH208  # a descriptor
    try:
        while levels:
            if not waiting[-1]:
                waiting.pop()
                os.close(levels.pop())
                continue
            left -= 1
            entry = waiting[-1].pop()
            inner = os.stat(entry, dir_fd=levels[-1], follow_symlinks=False)
            if left < 0 or len(levels) > 32:
                return -1
            if stat.S_ISDIR(inner.st_mode):
                levels.append(os.open(entry, FOLDER, dir_fd=levels[-1]))
                waiting.append(os.listdir(levels[-1]))  # noqa: PTH208  # a descriptor
            elif stat.S_ISREG(inner.st_mode):
                total += inner.st_size
    except OSError:
        return -1
    finally:
        for level in levels:
            os.close(level)
    return total


def _plain(path: str) -> str:
    """A path without what does not matter in it; `..` does, behind a link."""
    return "/".join(part for part in path.split("/") if part not in {"", "."})


@contextmanager
def _opened(tree: Tree, *, make: bool = False) -> Generator[int]:
    own = open_beneath(tree.top, NAME, FOLDER)
    try:
        if make:
            with contextlib.suppress(FileExistsError):
                os.mkdir("trash", 0o700, dir_fd=own)
        trash = os.open("trash", FOLDER, dir_fd=own)
    finally:
        os.close(own)
    try:
        yield trash
    finally:
        os.close(trash)


@contextmanager
def _inner(folder: int, name: str) -> Generator[int]:
    descriptor = os.open(name, FOLDER, dir_fd=folder)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _told(tree: Tree, path: str = TRASH) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise tree.failure(path, error) from None

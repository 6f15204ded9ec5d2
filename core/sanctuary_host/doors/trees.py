"""Folders in which callers name paths: what is in them is reached, and what is outside does not exist."""

from __future__ import annotations

import errno
import os
import posixpath
import re
import stat
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from sanctuary_host.calling import need_worker
from sanctuary_host.doors import journal
from sanctuary_host.doors.beneath import LINKS, LONGEST, open_beneath, split
from sanctuary_host.doors.likeness import path_like
from sanctuary_host.doors.own import NAME, ForeignError
from sanctuary_host.folders import Folder
from sanctuary_host.tools import ToolError

SHOWN: Final = 200
"""Characters of a path that an error repeats."""
NOWHERE: Final = frozenset({errno.ENOENT, errno.EXDEV, errno.ELOOP, errno.ENOTDIR, errno.ENXIO, errno.ENODEV})
"""What the kernel says of paths that lead nowhere, or out: told alike, for the difference would tell what is there."""
DRIVE: Final = re.compile(r"[A-Za-z]:[\\/]")
KINDS: Final = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class PathError(ToolError):
    """A path leads to nothing that can be used so; the message is a sentence with the remedy."""


class Tree:
    """One folder.

    It stays the one that it was at the start, whatever is put in its place.

    Args:
        folder: as the operator grants it.

    Raises:
        OSError: it cannot be opened.

    Attributes:
        name: how callers name it.
        path: its absolute path, as the setting has it.
        writable: whether it may be written.
    """

    def __init__(self, folder: Folder) -> None:
        self.name, self.path, self.writable = folder.name, folder.path.rstrip("/"), folder.writable
        self._descriptor = os.open(folder.path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)

    def close(self) -> None:
        """Let go of it."""
        os.close(self._descriptor)

    @property
    def top(self) -> int:
        """Its descriptor, for the other doors."""
        return self._descriptor

    @contextmanager
    def file(self, path: str) -> Generator[int]:
        """A descriptor of a file, to be read; it is a regular one, and no folder, pipe or device.

        Raises:
            PathError: there is none.
        """
        descriptor = self._open(path, os.O_RDONLY, telling=True)
        try:
            mode = os.fstat(descriptor).st_mode
            if not stat.S_ISREG(mode):
                raise PathError(f"{shown(path)} is {kind_of(mode)}, not a file")
            os.set_blocking(descriptor, True)
            yield descriptor
        finally:
            os.close(descriptor)

    @contextmanager
    def folder(self, path: str) -> Generator[int]:
        """A descriptor of a folder, to be listed, and for what is done within it.

        Raises:
            PathError: there is none.
        """
        descriptor = self._open(path or ".", os.O_RDONLY | os.O_DIRECTORY, telling=True)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    @contextmanager
    def parent(self, path: str) -> Generator[tuple[int, str]]:
        """A descriptor of the folder that a path's last part is in, and that part, which need not be there.

        Raises:
            PathError: there is no such folder, or the last part is no name.
        """
        rest, last = split(path.rstrip("/"))
        if last in {"", ".", ".."}:
            raise PathError(f"{shown(path)} names no file in a folder; write its name at the end")
        if "\0" in last:
            raise self.failure(path, OSError(errno.EINVAL, ""))
        with self.folder(rest) as descriptor:
            yield descriptor, last

    def status(self, path: str, *, follow: bool = True) -> os.stat_result:
        """What stat(2) says of a path; of a link itself where it is not to be followed.

        Raises:
            PathError: there is nothing.
        """
        descriptor = self._open(path or ".", os.O_PATH | (0 if follow else os.O_NOFOLLOW))
        try:
            return os.fstat(descriptor)
        finally:
            os.close(descriptor)

    def around(self, path: str) -> list[tuple[int, int]]:
        """The folders that a path lies in, as device and inode, from the nearest that is there up to the tree itself.

        Raises:
            PathError: it leads out.
        """
        rest = split(path.rstrip("/"))[0]
        while True:
            try:
                at = self._open(rest, os.O_PATH | os.O_DIRECTORY)
                break
            except PathError:
                if rest in {".", "/"}:
                    raise
                rest = split(rest)[0]
        top = _known(os.fstat(self._descriptor))
        found = [_known(os.fstat(at))]
        try:
            while found[-1] != top:
                above = os.open("..", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=at)
                os.close(at)
                at = above
                if (here := _known(os.fstat(at))) == found[-1]:  # moved out of the tree meanwhile
                    break
                found.append(here)
        finally:
            os.close(at)
        return found

    def is_own(self, path: str) -> bool:
        """Whether a path leads to our own folder in the tree, or into it, by whichever way."""
        if posixpath.normpath(path).partition("/")[0] == NAME:
            return True
        try:
            ours = _known(os.stat(NAME, dir_fd=self._descriptor, follow_symlinks=False))
        except FileNotFoundError:
            return False
        try:
            return ours in self.around(path) or ours == _known(self.status(path, follow=False))
        except PathError:
            return False

    def settle(self) -> None:
        """Finish, or undo, what a process has left that was killed while it changed several files.

        Raises:
            PathError: it can be neither now.
        """
        if not self.writable or not journal.is_left(self.top):
            return
        need_worker()
        try:
            journal.settle(self.top)
        except ForeignError:
            raise self.foreign() from None
        except OSError as error:
            raise self.failure(NAME, error) from None
        except journal.StepError as error:
            raise PathError(
                f"a change of several files was interrupted and cannot be ended: {shown(error.path)} cannot be used:"
                f" {os.strerror(error.cause.errno or errno.EIO).lower()}. Put that right, and try again"
            ) from None

    def moment(self) -> int | None:
        """A number that stays the same while no change of several files is made; `None` while one is."""
        if journal.is_left(self.top):
            return None
        try:
            return os.stat(NAME, dir_fd=self.top, follow_symlinks=False).st_mtime_ns
        except OSError:
            return 0

    def real(self, path: str) -> str:
        """The path of the file itself where the last part of `path` is a link, and one that leads somewhere within.

        Raises:
            PathError: it leads nowhere.
        """
        way = path
        for _ in range(LINKS):
            try:
                with self.parent(way) as (folder, name):
                    target = os.readlink(name, dir_fd=folder)
            except OSError:  # it is no link, or nothing at all
                return way
            except PathError:
                if way == path:
                    raise
                break
            way = target if target.startswith("/") else f"{split(way.rstrip('/'))[0]}/{target}"
        raise self.failure(path, OSError(errno.ENOENT, ""))

    def _open(self, path: str, flags: int, *, telling: bool = False) -> int:
        """Open what a path leads to; where that is nothing, `telling` what else there is that is called nearly so."""
        try:
            return open_beneath(self._descriptor, path, flags)
        except OSError as error:
            failure = self.failure(path, error)
            if telling and error.errno in NOWHERE and (alike := path_like(self._descriptor, path)):
                failure = PathError(f"{failure}; there is {shown(alike)}")
            raise failure from None

    def foreign(self) -> PathError:
        """What is said where our own folder is none of ours."""
        return PathError(
            f"{NAME} in {self.name} was not made by this server and its user, and so nothing can be changed;"
            " look into it, move it away, and try again"
        )

    def failure(self, path: str, error: OSError) -> PathError:
        """What a failed operation on a path means."""
        match error.errno:
            case errno.EACCES | errno.EPERM:
                why = f"{shown(path)} is not permitted to the user that this server runs as"
            case errno.ENAMETOOLONG:
                why = f"{shown(path)} is longer than {LONGEST - 1} bytes, or a name in it is too long"
            case errno.EINVAL:
                why = f"{shown(path)} is no path"
            case errno.ENOSPC | errno.EDQUOT:
                why = f"the disk that {self.name} is on is full; nothing was changed"
            case errno.EROFS:
                why = f"{self.name} is read-only; nothing was changed"
            case number if number in NOWHERE:
                why = f"there is no {shown(path)} in {self.name}{self._remedy(path)}"
            case number:
                why = f"{shown(path)} cannot be used: {os.strerror(number or errno.EIO).lower()}"
        return PathError(why)

    def _remedy(self, path: str) -> str:
        """What to write instead of a path that leads nowhere, as far as its spelling alone tells."""
        if path.startswith(("/", "~")) or DRIVE.match(path):
            return "; paths start at its top, which is ., and not with / or ~"
        if "\\" in path:
            return "; write / between names, not \\"
        if path.startswith(f"{self.name}/") or path == self.name:
            return f"; paths start within {self.name}: leave it out, or write . for all of it"
        return ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a caller's path leads.

    Attributes:
        tree: the folder.
        path: within it.
    """

    tree: Tree
    path: str

    def __str__(self) -> str:
        """As callers name it."""
        return f"{self.tree.name}:{self.path}"


class Trees:
    """All folders.

    Args:
        trees: the first one is meant where a path names none.
        none: what is said where there is none at all.
    """

    def __init__(self, trees: Sequence[Tree], none: str = "no folder is granted") -> None:
        self._trees = {tree.name: tree for tree in trees}
        self._none = none

    def __iter__(self) -> Iterator[Tree]:
        """Each, in order."""
        return iter(self._trees.values())

    def close(self) -> None:
        """Let go of all."""
        for tree in self:
            tree.close()

    def place(self, path: str) -> Place:
        """Where a path leads: `name:path`, one in the first folder, or an absolute one that begins with one's own.

        Raises:
            PathError: it leads to no folder, or an interrupted change there can be neither finished nor undone.
        """
        place = self._find(path)
        place.tree.settle()
        return place

    def _find(self, path: str) -> Place:
        name, colon, rest = path.partition(":")
        if colon and name in self._trees:
            return Place(self._trees[name], rest.lstrip("/") or ".")
        if path.startswith("/"):
            for tree in sorted(self._trees.values(), key=lambda one: -len(one.path)):
                if path == tree.path or path.startswith(f"{tree.path}/"):
                    return Place(tree, path[len(tree.path) :].lstrip("/") or ".")
        first = next(iter(self._trees.values()), None)
        if first is None:
            raise PathError(self._none)
        return Place(first, path or ".")


def _known(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def check_name(name: str) -> None:
    """Refuse a name for something new that nobody could read in a list.

    Raises:
        PathError: it holds control characters and their like, is none, or means something else to whoever writes it.
    """
    if name in {"", ".", ".."}:
        raise PathError("a path must end with the name of the new file or folder")
    if not name.isprintable():
        raise PathError(f"the name {shown(name)} holds characters that cannot be shown; choose another one")
    if "\\" in name or name == "~":
        raise PathError(f"a new file or folder is not named {shown(name)}; write / between names, and no ~ for a home")


def kind_of(mode: int) -> str:
    """What a file's mode says that it is, with its article."""
    return next((name for is_it, name in KINDS if is_it(mode)), "a file")


def shown(path: str) -> str:
    """A path for a sentence: on one line, printable, and cut."""
    text = "".join(one if one.isprintable() else "�" for one in path)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"

"""Changes to the files of a tree: all of them or none, whoever is killed in between, and nothing changed beside."""

from __future__ import annotations

import contextlib
import errno
import os
import posixpath
import stat
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from sanctuary_host.calling import need_worker
from sanctuary_host.doors import journal
from sanctuary_host.doors.beneath import split
from sanctuary_host.doors.etags import HASHED, etag_of_content, etag_of_status
from sanctuary_host.doors.journal import ChangedError, Spot, Step, StepError
from sanctuary_host.doors.own import BEGUN, NAME, ForeignError, Own, owned
from sanctuary_host.doors.trees import PathError, Tree, check_name, shown
from sanctuary_host.doors.writing import make, resemble

LIMIT: Final = 32 << 20
"""Bytes of a file that is read to be changed."""
DEPTH: Final = 500
"""Folders that one path may lead through, so that other programs can still walk where we have been."""
SMALL: Final = 1 << 18
"""Bytes of a file that may be read where others wait."""
MODEL: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
ORDER: Final = ("delete", "folder", "move", "replace", "create")


@dataclass(frozen=True, slots=True)
class Held:
    """A file as it was read, which nobody has changed by the time it is replaced.

    Attributes:
        path: of the file itself, where a link led to it.
        content: what is in it.
        status: what stat(2) says of it.
        etag: of this version.
    """

    path: str
    content: bytes
    status: os.stat_result
    etag: str

    @property
    def version(self) -> tuple[int, ...]:
        """What no change leaves as it is."""
        return _version(self.status)


class Changes:
    """What is to be changed in a tree, in one go.

    Args:
        tree: which one.
        own: its own folder, which is ours alone meanwhile.

    Attributes:
        staging: a descriptor of an empty folder on the tree's file system, for what is built before it is put in place.
        is_clean: whether they are made, and nothing is left that was needed for it.
    """

    def __init__(self, tree: Tree, own: Own) -> None:
        self._tree = tree
        self._own = own
        self._steps: dict[str, list[Step]] = {kind: [] for kind in ORDER}
        self._folders: set[str] = set()
        self._held: list[Held] = []
        self._token = os.urandom(6).hex()  # so that no name is one of what an earlier process left
        self._number = 0
        self.staging = own.work
        self.is_clean = False

    def read(self, path: str) -> Held:
        """Read a file that is to be changed.

        Raises:
            PathError: there is none, or it is longer than 32 MiB.
        """
        named, path = path, self._tree.real(path)
        if path != named and not self.exists(path):  # a link that leads nowhere has a name that may be told
            raise self._tree.failure(named, FileNotFoundError(errno.ENOENT, ""))
        with self._tree.file(path) as descriptor:
            status = os.fstat(descriptor)
            if status.st_size > SMALL:
                need_worker()
            if status.st_size > LIMIT:
                raise PathError(f"{shown(path)} has {status.st_size:,} bytes; at most {LIMIT:,} can be changed")
            content = _all(descriptor, status.st_size)
            after = os.fstat(descriptor)
        if _version(after) != _version(status) or len(content) != status.st_size:
            raise PathError(f"{shown(path)} is being written by somebody else; try again")
        etag = etag_of_content(content) if len(content) <= HASHED else etag_of_status(status)
        return Held(path, content, status, etag)

    def exists(self, path: str) -> bool:
        """Whether there is anything under a path, be it a link that leads nowhere."""
        try:
            self._tree.status(path, follow=False)
        except PathError:
            return False
        return True

    def write(self, path: str, content: bytes, over: Held | None = None, *, executable: bool | None = None) -> None:
        """Write a file.

        Args:
            path: a new file, whose parents are made if they are missing; not looked at where `over` is given.
            content: what is to be in it.
            over: the file to replace, as it was read. Its mode, owner, group and extended attributes stay; other names
                of the same inode (hard links) keep the old contents.
            executable: whether it may be run by those who may read it; `None` leaves that as it is.

        Raises:
            PathError: it cannot be written.
        """
        if over is None:
            self._create(path, content, executable=bool(executable))
        else:
            self._replace(over, content, executable=executable)

    def folder(self, path: str) -> None:
        """Make a folder, and those above it that are missing; one that is there stays as it is.

        Raises:
            PathError: it cannot be made.
        """
        self._refuse_own(path)
        self._make_parents(f"{path.rstrip('/')}/-")

    def delete(self, path: str, over: Held) -> None:
        """Delete a file for good.

        Raises:
            PathError: it cannot be deleted.
        """
        self._refuse_own(path)
        self._held.append(over)
        folder, _ = split(over.path)
        spot = self._spare(folder, self._tree.status(folder))
        self._steps["delete"].append(Step("rename", Spot(over.path), spot, over.status.st_ino))

    def move(self, source: str, target: str, *, ours: bool = False) -> None:
        """Give a file, link or folder another path, at which nothing is; missing parents of it are made.

        Args:
            source: its path; a link at its end is moved itself.
            target: the new path.
            ours: whether one of the two may be in our own folder.

        Raises:
            PathError: it cannot be moved.
        """
        if not ours:
            self._refuse_own(source)
            self._refuse_own(target)
        plain = [posixpath.normpath(one) for one in (source, target)]
        if plain[1].startswith(f"{plain[0]}/"):
            raise PathError(f"{shown(source)} cannot be moved into itself")
        status = self._tree.status(source, follow=False)
        with self._tree.parent(source):
            pass
        self._make_parents(target, is_new=not ours)
        self._steps["move"].append(Step("rename", Spot(source.rstrip("/")), Spot(target.rstrip("/")), status.st_ino))

    def put(self, name: str, path: str) -> None:
        """Move what was built in the staging folder to a path at which nothing is; missing parents of it are made.

        Args:
            name: its name in the staging folder.
            path: the new path.

        Raises:
            PathError: it cannot be put there.
        """
        self._refuse_own(path)
        self._make_parents(path)
        inode = os.stat(name, dir_fd=self.staging, follow_symlinks=False).st_ino
        self._steps["create"].append(Step("rename", Spot(name, work=True), Spot(path.rstrip("/")), inode))

    def carry_out(self) -> None:
        """Make all changes, or none.

        Raises:
            PathError: they cannot be made; nothing was changed.
        """
        for held in self._held:
            if _version(self._tree.status(held.path, follow=False)) != held.version:
                raise ChangedError(held.path)
        if steps := [step for kind in ORDER for step in self._steps[kind]]:
            journal.carry_out(self._own, steps)
            # The one file that was staged is in its place.
            self.is_clean = len(steps) == 1 and steps[0].kind == "exchange" and steps[0].source.work

    def _create(self, path: str, content: bytes, *, executable: bool) -> None:
        self._refuse_own(path)
        path = path.rstrip("/")
        nearest = self._make_parents(path)
        leaving = {step.source.path for step in (*self._steps["delete"], *self._steps["move"])}
        if path not in leaving and self.exists(path):
            raise _there_is(path)
        spot = self._spare(nearest, self._tree.status(nearest), for_new=True)
        inode = self._make(spot, content, 0o777 if executable else 0o666)
        self._steps["create"].append(Step("rename", spot, Spot(path), inode))

    def _replace(self, over: Held, content: bytes, *, executable: bool | None) -> None:
        self._refuse_own(over.path)
        mode = before = stat.S_IMODE(over.status.st_mode)
        if executable is not None:
            mode = mode | (mode & 0o444) >> 2 if executable else mode & ~0o111
        with self._tree.parent(over.path) as (beside, target):
            real = os.access in os.supports_effective_ids
            # Not of what a link leads to, which it may have become by now.
            if not os.access(target, os.W_OK, dir_fd=beside, effective_ids=real, follow_symlinks=False):
                raise self._tree.failure(over.path, PermissionError(errno.EACCES, ""))
            spot = self._spare(split(over.path)[0], os.fstat(beside))
            inode = self._make(spot, content, 0o600)
            model = os.open(target, MODEL, dir_fd=beside)
            try:
                if _version(os.fstat(model)) != over.version:
                    raise ChangedError(over.path)
                with self._within(spot) as (folder, name):
                    is_alike = resemble(folder, name, model, mode)
            finally:
                os.close(model)
        self._held.append(over)
        kept = f"{self._token}.{self._number}.kept"
        if is_alike:
            step = Step("exchange", spot, Spot(over.path), inode, over.status.st_ino, kept)
        elif over.status.st_nlink > 1 or mode != before:
            raise PathError(
                f"{shown(over.path)} belongs to another user, or has attributes that this server may not set, and so "
                "can be neither replaced nor, with its hard links and mode, be written over; nothing was changed"
            )
        else:
            step = Step("refill", spot, Spot(over.path), over.status.st_ino, kept=kept)
        self._steps["replace"].append(step)

    def _make_parents(self, path: str, *, is_new: bool = True) -> str:
        """Plan the folders that a path lacks; gives the nearest one that is there."""
        rest, name = split(path.rstrip("/"))
        if is_new:  # what comes out of the trash keeps the name that it had
            check_name(name)
        if is_new and path.count("/") > DEPTH:
            raise PathError(f"{shown(path)} is more than {DEPTH} folders deep; choose a shorter path")
        missing: list[str] = []
        while rest not in {".", "/", ""}:
            if rest not in self._folders and not self.exists(rest):
                missing.append(rest)
            elif rest not in self._folders:
                break
            rest, _ = split(rest)
        with self._tree.folder(rest):  # else a file, or a link that leads out, is in the way
            pass
        for folder in reversed(missing):
            if (part := split(folder)[1]) == "..":
                raise self._tree.failure(path, FileNotFoundError(errno.ENOENT, ""))
            check_name(part)
            self._folders.add(folder)
            self._steps["folder"].append(Step("folder", Spot(folder), Spot(folder)))
        return rest

    def _spare(self, folder: str, status: os.stat_result, *, for_new: bool = False) -> Spot:
        """Where something may be before, or after, it is in a folder: in work, or there if that makes a difference."""
        self._number += 1
        name = f"{self._token}.{self._number}"
        if status.st_dev == os.fstat(self._own.work).st_dev and not (for_new and _hands_on(self._tree, folder, status)):
            return Spot(name, work=True)
        path = f"{folder}/{BEGUN}{name}"
        self._own.begin_elsewhere(path)
        return Spot(path)

    def _make(self, spot: Spot, content: bytes, mode: int) -> int:
        with self._within(spot) as (folder, name):
            return make(folder, name, content, mode)

    @contextmanager
    def _within(self, spot: Spot) -> Generator[tuple[int, str]]:
        if spot.work:
            yield self._own.work, spot.path
        else:
            with self._tree.parent(spot.path) as place:
                yield place

    def _refuse_own(self, path: str) -> None:
        if self._tree.is_own(path):
            raise PathError(f"{NAME} is this server's own folder; what is in it cannot be changed so")


@contextmanager
def changing(tree: Tree) -> Generator[Changes]:
    """Change files of a tree while nobody else does: at the end of the block all that was planned is done, or nothing.

    Raises:
        PathError: the tree is read-only, a file was changed meanwhile, or it cannot be done; nothing was changed.
    """
    with _told(tree), _mine(tree) as own:
        changes = Changes(tree, own)
        try:
            yield changes
            changes.carry_out()
        finally:
            if not changes.is_clean and not journal.is_kept(own):
                with contextlib.suppress(OSError):  # whoever comes next clears up
                    own.clear()


@contextmanager
def _mine(tree: Tree) -> Generator[Own]:
    if not tree.writable:
        raise PathError(f"{tree.name} is read-only; nothing was changed")
    with owned(tree.top) as own:
        journal.recover(own)
        yield own


@contextmanager
def _told(tree: Tree) -> Generator[None]:
    """Say what went wrong in a sentence."""
    try:
        yield
    except ChangedError as error:
        raise PathError(
            f"{shown(error.path)} was changed by somebody else meanwhile; read it again. Nothing was changed"
        ) from None
    except StepError as error:
        if isinstance(error.cause, FileExistsError):
            raise _there_is(error.path) from None
        if error.cause.errno == errno.EXDEV:
            raise PathError(
                f"{shown(error.path)} is on another file system; copy it there, and delete it here then"
            ) from None
        raise tree.failure(error.path, error.cause) from None
    except ForeignError:
        raise tree.foreign() from None
    except OSError as error:
        raise tree.failure(NAME, error) from None


def _all(descriptor: int, size: int) -> bytes:
    """What is in a file of that size, and a byte more where it has grown."""
    content = os.pread(descriptor, size + 1, 0)
    while len(content) < size and (more := os.pread(descriptor, size + 1 - len(content), len(content))):
        content += more
    return content


def _there_is(path: str) -> PathError:
    return PathError(f"there is something at {shown(path)} already; nothing was changed")


def _version(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _hands_on(tree: Tree, folder: str, status: os.stat_result) -> bool:
    """Whether a folder hands its group, or access rights, on to what is made in it."""
    if status.st_mode & stat.S_ISGID:
        return True
    if not hasattr(os, "getxattr"):
        return False
    with tree.folder(folder) as descriptor:
        try:
            return bool(os.getxattr(descriptor, "system.posix_acl_default"))
        except OSError:
            return False

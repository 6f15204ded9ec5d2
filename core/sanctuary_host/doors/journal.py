"""Steps that change a tree, each done or undone whoever looks again, and the journal that outlives who began them."""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Final, Literal

from sanctuary_host.calling import need_worker
from sanctuary_host.doors.beneath import open_beneath, split
from sanctuary_host.doors.own import FLAGS, NAME, NEW, WORK, Own, owned
from sanctuary_host.doors.removing import remove
from sanctuary_host.doors.renaming import exchange, rename
from sanctuary_host.doors.writing import copy, sync, write_over

JOURNAL: Final = "journal"
BEGUN: Final = "journal.begun"
UNDOING: Final = "journal.undoing"
"""What a journal is called once its change has failed: whoever is told so may not find it made later."""
FORMAT: Final = 1
LONGEST: Final = 16 << 20
"""Bytes of a journal; some 50,000 steps."""
SAVED: Final = "saved."
"""Stands before the names of old contents that cannot be put back, since somebody has changed the place meanwhile."""
GONE: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
"""What the kernel says where a folder is not there any more."""

Kind = Literal["rename", "exchange", "refill", "folder"]


class ChangedError(Exception):
    """Something is not as it was when a step was planned.

    Attributes:
        path: where.
    """

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


class StepError(Exception):
    """A step failed.

    Attributes:
        path: where.
        cause: how.
    """

    def __init__(self, path: str, cause: OSError) -> None:
        super().__init__(path)
        self.path, self.cause = path, cause


@dataclass(frozen=True, slots=True)
class Spot:
    """Where something is.

    Attributes:
        path: within the tree, or the name of something that is in work.
        work: whether it is in work.
    """

    path: str
    work: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One change, which is known by the inodes of what it moves, so that it can be told whether it was done.

    Attributes:
        kind: `rename` gives what is at `source` the name `target`, where nothing is; `exchange` has both change places;
            `refill` gives the file at `target` the contents of the one at `source`;
            `folder` makes a folder at `target`.
        source: where what is moved is.
        target: where it goes.
        inode: what is moved; of `refill`, the file that is filled.
        other: what is exchanged for it.
        kept: a name in work for what was there before.
    """

    kind: Kind
    source: Spot
    target: Spot
    inode: int = 0
    other: int = 0
    kept: str = ""


def do(own: Own, step: Step) -> None:
    """Do a step that may be done already.

    Raises:
        ChangedError: something is not as it was.
        StepError: it failed.
    """
    with _told(step):
        if step.kind == "folder":
            with _at(own, step.target) as (folder, name), contextlib.suppress(FileExistsError):
                os.mkdir(name, dir_fd=folder)
            return
        with _at(own, step.source) as (folder, name), _at(own, step.target) as (to_folder, to_name):
            here, there = _inode(folder, name), _inode(to_folder, to_name)
            if step.kind == "refill":
                if there != step.inode:
                    raise ChangedError(step.target.path)
                if not _inode(own.work, step.kept):  # else it is half written by now
                    copy(to_folder, to_name, own.work, step.kept)
                write_over(folder, name, to_folder, to_name)
            elif there == step.inode and here in {0, step.other}:
                return  # it was done
            elif here != step.inode or there != step.other:
                if there and not step.other:
                    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
                raise ChangedError(step.target.path if here == step.inode else step.source.path)
            elif step.kind == "exchange":
                _exchange(own, step, (folder, name), (to_folder, to_name))
            else:
                rename(folder, name, to_folder, to_name)


def _exchange(own: Own, step: Step, here: tuple[int, str], there: tuple[int, str]) -> None:
    try:
        exchange(*here, *there)
    except OSError as error:
        if error.errno != errno.EOPNOTSUPP:
            raise
        with contextlib.suppress(FileExistsError):
            os.link(there[1], step.kept, src_dir_fd=there[0], dst_dir_fd=own.work, follow_symlinks=False)
        os.rename(here[1], there[1], src_dir_fd=here[0], dst_dir_fd=there[0])


def undo(own: Own, step: Step) -> None:
    """Undo a step that may not have been done; what others have changed meanwhile stays as they left it.

    Raises:
        StepError: it failed.
    """
    with _told(step):
        if step.kind == "folder":
            with _at(own, step.target) as (folder, name), contextlib.suppress(OSError):  # it may hold others' files
                os.rmdir(name, dir_fd=folder)
            return
        with _at(own, step.source) as (folder, name), _at(own, step.target) as (to_folder, to_name):
            here, there = _inode(folder, name), _inode(to_folder, to_name)
            if there != step.inode:
                _save(own, step, there)
            elif step.kind == "refill":
                if _inode(own.work, step.kept):
                    write_over(own.work, step.kept, to_folder, to_name)
            elif step.kind == "exchange" and here == step.other:
                exchange(folder, name, to_folder, to_name)
            elif step.kind == "exchange" and not here and _inode(own.work, step.kept) == step.other:
                os.rename(step.kept, to_name, src_dir_fd=own.work, dst_dir_fd=to_folder)
            elif step.kind == "rename" and not here:
                rename(to_folder, to_name, folder, name)
            else:
                _save(own, step, there)


def carry_out(own: Own, steps: Sequence[Step]) -> None:
    """Do all steps or none, whatever fails and whoever is killed.

    Raises:
        ChangedError: something is not as it was; nothing was changed.
        StepError: one failed; nothing was changed.
    """
    if len(steps) == 1 and steps[0].kind == "exchange":
        _replace(own, steps[0])
        return
    if len(steps) > 1 or any(step.kind == "refill" for step in steps):
        _write(own, steps)
    done: list[Step] = []
    try:
        for step in steps:
            done.append(step)
            do(own, step)
    except BaseException:
        with contextlib.suppress(OSError):  # there is none, of a single step
            os.rename(JOURNAL, UNDOING, src_dir_fd=own.folder, dst_dir_fd=own.folder)
        _undo_all(own, done)  # if this fails too, the journal stays for who comes next
        _forget(own)
        raise
    _forget(own)


def _undo_all(own: Own, steps: Sequence[Step]) -> None:
    """Undo steps; in a folder that somebody has taken away there is nothing to undo, and nothing to wait for."""
    for step in reversed(steps):
        try:
            undo(own, step)
        except StepError as error:
            if error.cause.errno not in GONE:
                raise
            with _told(step):
                _save(own, step)


def _save(own: Own, step: Step, there: int = 0) -> None:
    """Keep old contents that are in work and cannot be put back, for else they would be cleared away."""
    names = [step.kept] if there != step.other or step.kind == "refill" else []
    names += [
        spot.path for spot, inode in ((step.source, step.other), (step.target, step.inode))
        if spot.work and inode and _inode(own.work, spot.path) == inode
    ]  # fmt: skip
    for name in filter(None, names):
        with contextlib.suppress(FileNotFoundError):
            os.rename(name, f"{SAVED}{name}", src_dir_fd=own.work, dst_dir_fd=own.folder)


def _replace(own: Own, step: Step) -> None:
    """Put one file in the place of another, which every file system can do at once."""
    with _told(step), _at(own, step.source) as (folder, name), _at(own, step.target) as (to_folder, to_name):
        if _inode(to_folder, to_name) != step.other:
            raise ChangedError(step.target.path)
        os.rename(name, to_name, src_dir_fd=folder, dst_dir_fd=to_folder)


def is_left(top: int) -> bool:
    """Whether a tree holds a journal that was written here: of a change that goes on now, or that was interrupted."""
    try:
        folder = os.open(NAME, FLAGS, dir_fd=top)
    except OSError:
        return False
    try:
        return any(_inode(folder, name) and _is_left(top, folder, name) for name in (JOURNAL, UNDOING))
    finally:
        os.close(folder)


def _is_left(top: int, folder: int, name: str) -> bool:
    with contextlib.ExitStack() as opened:
        try:
            journal = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
            opened.callback(os.close, journal)
            work = os.open(WORK, FLAGS, dir_fd=folder)
            opened.callback(os.close, work)
            head = _head(_inodes(Own(top, folder, work), journal))
            return os.pread(journal, len(head), 0) == head
        except OSError:
            return False


def is_kept(own: Own) -> bool:
    """Whether there is anything that looks like a journal."""
    return any(_inode(own.folder, name) for name in (JOURNAL, UNDOING))


def recover(own: Own) -> None:
    """Finish what an interrupted process has left, or undo it where it cannot be finished, and clear up.

    Raises:
        StepError: it can be neither finished nor undone now.
    """
    if is_kept(own):
        need_worker()
        if steps := _read(own, UNDOING):
            _undo_all(own, steps)
        elif steps := _read(own, JOURNAL):
            try:
                for step in steps:
                    do(own, step)
            except (ChangedError, StepError):
                _undo_all(own, steps)
        _forget(own)
    own.clear()


def settle(top: int) -> None:
    """Finish, or undo, what an interrupted process has left in a tree.

    Args:
        top: a descriptor of the tree.

    Raises:
        OSError: the tree's own folder cannot be used.
        StepError: it can be neither now.
    """
    with owned(top) as own:
        recover(own)


def _write(own: Own, steps: Sequence[Step]) -> None:
    """Write the journal: from the moment on at which it has its name, the change is made.

    What it would have finished after a power failure is on the disk before it is.
    """
    for step in steps:
        if step.kind in {"exchange", "refill"} or (step.kind == "rename" and not step.target.work and step.source.work):
            with _told(step), _at(own, step.source) as (folder, name):
                sync(folder, name)
    with contextlib.suppress(FileNotFoundError):
        remove(own.folder, BEGUN)  # never written over: it may be another name of something else
    with os.fdopen(
        os.open(BEGUN, NEW, 0o600, dir_fd=own.folder), "w", encoding="utf-8", errors="surrogateescape"
    ) as file:
        record = {"format": FORMAT, "inodes": _inodes(own, file.fileno()), "steps": [asdict(step) for step in steps]}
        json.dump(record, file)
        file.flush()
        os.fsync(file.fileno())
    os.rename(BEGUN, JOURNAL, src_dir_fd=own.folder, dst_dir_fd=own.folder)
    os.fsync(own.folder)


def _read(own: Own, name: str) -> list[Step]:
    """The steps of a journal; none where there is none, or one that was not written here, such as one in a checkout."""
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=own.folder)
    except OSError:
        return []
    try:
        inodes = _inodes(own, descriptor)
        with os.fdopen(descriptor, encoding="utf-8", errors="surrogateescape", closefd=False) as file:
            record = json.loads(file.read(LONGEST + 1))
        # Nobody can know in advance which inodes files will get that are made from a checkout or an archive.
        if record["format"] != FORMAT or record["inodes"] != inodes:
            return []
        return [_step(**each) for each in record["steps"]]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return []
    finally:
        os.close(descriptor)


def _head(inodes: list[int]) -> bytes:
    """How a journal begins."""
    return json.dumps({"format": FORMAT, "inodes": inodes})[:-1].encode()


def _step(kind: Kind, source: dict[str, str | bool], target: dict[str, str | bool], **more: int | str) -> Step:
    return Step(kind, Spot(**source), Spot(**target), **more)  # type: ignore[arg-type]  # as it was written here


def _forget(own: Own) -> None:
    for name in (JOURNAL, UNDOING):
        with contextlib.suppress(FileNotFoundError):
            remove(own.folder, name)


def _inodes(own: Own, journal: int) -> list[int]:
    return [os.fstat(each).st_ino for each in (own.folder, own.work, journal)]


def _inode(folder: int, name: str) -> int:
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False).st_ino
    except FileNotFoundError:
        return 0


@contextmanager
def _at(own: Own, spot: Spot) -> Generator[tuple[int, str]]:
    if spot.work:
        yield own.work, spot.path
        return
    rest, name = split(spot.path)
    try:
        folder = open_beneath(own.top, rest, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        if error.errno == errno.EXDEV:  # a link leads out: whatever is there, is not
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)) from None
        raise
    try:
        yield folder, name
    finally:
        os.close(folder)


@contextmanager
def _told(step: Step) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise StepError((step.source if step.target.work else step.target).path, error) from None

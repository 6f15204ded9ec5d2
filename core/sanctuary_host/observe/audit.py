"""The audit trail of one process: records appended one by one, each kept before anything goes on, or nothing does."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import logging
import os
import stat
import time
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Any, Final, NoReturn

from sanctuary_host.observe.chain import HEAD_SIZE, HEAD_SUFFIX, LINE_LIMIT, START, Head, Link, forge, read_link
from sanctuary_host.observe.logs import timestamp

logger = logging.getLogger(__name__)

PERIOD: Final = 1.0
"""Seconds between two times that what was written is put on disk, and that a trail that fails is tried again."""
ANCHOR: Final = 1_000
"""Records from one log of the trail's head to the next."""
TAIL: Final = 8 * LINE_LIMIT
"""Bytes at a trail's end in which its last record is looked for."""
FLAGS: Final = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY

REMEDIES: Final[Mapping[int, str]] = {
    errno.ENOSPC: "free space on its disk",
    errno.EDQUOT: "free space on its disk",
    errno.EFBIG: "raise the limit on the size of files",
    errno.ELOOP: "set SANCTUARY_AUDIT to a file that is no symbolic link",
    errno.EISDIR: "set SANCTUARY_AUDIT to a file",
    errno.ENOTDIR: "set SANCTUARY_AUDIT to a file in a folder",
}
"""What helps against an error of the system; for others `REMEDY`."""
NOWHERE: Final = (
    "no place for it is known; set SANCTUARY_AUDIT to a file where no tool may write, in a container on a volume "
    "that outlives it"
)
REMEDY: Final = "let this process write it, or set SANCTUARY_AUDIT to a file that it can write, and restart"


class UnrecordedError(Exception):
    """A record could not be written; the message says why, and what helps."""


class Trail:
    """An append-only file of records, and its head. It keeps the files open: once sealed, the process finds no path.

    Args:
        path: the file; its folder is made if it is missing. `None` where no place for it is known.
        opening: what is recorded each time that the process opens it.

    Attributes:
        fault: why nothing can be recorded at present, and what helps; empty while all is well.
        written: records that this process wrote.
        taken: whether another process writes it.
    """

    def __init__(self, path: Path | None, opening: Mapping[str, Any]) -> None:
        self.path = path or Path()
        self.fault = ""
        self.written = 0
        self.taken = False
        self._opening = opening
        self._files: tuple[int, int] | None = None
        self._paths = (str(self.path), f"{self.path}{HEAD_SUFFIX}")
        self._identities: list[tuple[int, int]] = []
        self._opened = False
        self._broken = NOWHERE if path is None else ""
        self._end = 0
        self._torn = False
        self._head = Head(boot=_boot())
        self._missed = 0
        self._since = ""
        self._unsynced = False
        self._heal()

    def write(self, event: str, **fields: Any) -> None:
        """Append a record.

        Raises:
            UnrecordedError: it could not be written. The chain is as it was.
        """
        try:
            self._make_ready()
            self._append(event, fields)
        except UnrecordedError:
            self._missed += 1
            raise
        if not self.written % ANCHOR:
            self._log_head()

    def check(self) -> str:
        """Why nothing can be recorded, after another try; empty where all is well."""
        if self.fault:
            self._heal()
        return self.fault

    @contextlib.asynccontextmanager
    async def kept(self) -> AsyncGenerator[None]:
        """Put the records on disk meanwhile, about once a second and at the end, and close the trail then."""
        task = asyncio.create_task(self._keep())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])
            self.close()

    def close(self) -> None:
        """Put the records on disk and close the files."""
        if self._files is None:
            return
        self._sync(*self._files)
        if self._opened:
            self._log_head()
        for descriptor in self._files:
            os.close(descriptor)
        self._files, self._opened = None, False
        self._broken = "it is closed; wait for the next server"

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(PERIOD)
            self.check()
            if self._unsynced and self._files is not None:
                self._unsynced = False
                await self._sync_aside(*self._files)

    async def _sync_aside(self, log: int, head: int) -> None:
        """Put on disk what was written, in a thread: disks may take their time."""
        try:
            copies = (os.dup(log), os.dup(head))  # close() may come first
        except OSError:  # so many files are open that the next time will do
            self._unsynced = True
            return
        try:
            await asyncio.to_thread(self._sync, *copies, end=True)
        except RuntimeError:  # no thread is to be had
            self._sync(*copies, end=True)

    def _sync(self, log: int, head: int, *, end: bool = False) -> None:
        """Put what was written on disk: records before the head that speaks of them."""
        try:
            for descriptor in (log, head):
                os.fdatasync(descriptor)
        except OSError as error:
            if error.errno not in {errno.EINVAL, errno.EROFS}:  # a file system that has nothing to put anywhere
                self._broken = f"{error.strerror} when it was put on disk; check the disk, and restart"
                self._failed(self._broken)
        finally:
            if end:
                os.close(log)
                os.close(head)

    def _heal(self) -> None:
        with contextlib.suppress(UnrecordedError):
            self._make_ready()

    def _make_ready(self) -> None:
        """Make sure that a record can be appended, and tell of those that could not be meanwhile."""
        if self._broken:
            raise self._failed(self._broken)
        try:
            if not self._opened:
                self._open()
            else:
                self._look()
        except OSError as error:
            raise self._failed(_told(error)) from None
        if self.fault:
            self._append("resumed", {"unrecorded": self._missed, "since": self._since, "reason": self.fault})
            logger.warning("The audit trail is written again", extra={"fields": {"event": "audit_resumed"}})
            self.fault, self._missed = "", 0

    def _open(self) -> None:
        if self._files is None:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._files = _open_both(*self._paths)
        log, head = self._files
        try:
            # Locks belong to open files: a second process has its own, and gets none.
            fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.taken = True
            raise self._failed(
                "another process writes it; end that one, or set SANCTUARY_AUDIT to a file of this process's own"
            ) from None
        self.taken = False
        self._identities = [_identity(os.fstat(descriptor)) for descriptor in self._files]
        gap = self._recover(os.fstat(log).st_size, os.pread(head, HEAD_SIZE + 1, 0))
        if gap:
            reasons = "; ".join(gap.pop("reasons"))
            self._append("gap", {"reason": reasons, **gap})
            logger.error("The audit trail has a gap: %s", reasons, extra={"fields": {"event": "audit_gap"}})
        self._append("opened", {**self._opening, "pid": os.getpid(), "boot": self._head.boot})
        self._opened = True
        self._log_head()

    def _recover(self, size: int, head_data: bytes) -> dict[str, Any]:
        """Find where the chain goes on; gives what is wrong with it there, if anything is."""
        assert self._files is not None
        last, spoiled, torn = _last_link(self._files[0], size)
        head = Head.read(head_data)
        self._end, self._torn = size, bool(torn)
        boot = self._head.boot
        if not size and not head_data:
            self._head = Head(boot=boot)
            return {}
        reasons: list[str] = []
        at = (last.n, last.hash) if last is not None else (-1, START)
        known = head or Head()
        if torn:
            reasons.append(f"the last line was cut after {torn} bytes")
        if spoiled:
            reasons.append(f"the last {spoiled} lines are no records of this trail")
        if head is None:
            reasons.append("its head is missing" if not head_data else "its head was changed")
        elif at[0] < known.n:
            reasons.append(f"the records {at[0] + 1} to {known.n} are missing")
        elif at != (known.n, known.hash) and not _is_pending(last, known):
            reasons.append(f"its head knows of the records up to {known.n}, and no other {at[0]}")
        # The gap's own number tells how many are missing, whatever else is said of it.
        self._head = Head(max(at[0], known.n), at[1], boot=boot)
        if not reasons:
            return {}
        restarted = bool(boot) and boot != known.boot
        return {"reasons": reasons, "expected": known.hash, "machine_restarted": restarted}

    def _look(self) -> None:
        """Notice what others did to the files.

        Raises:
            UnrecordedError: they are no longer what was opened.
        """
        assert self._files is not None
        if os.fstat(self._files[0]).st_size != self._end:
            self._broken = "something else changed the file; find out what, and restart"
        for identity, path in zip(self._identities, self._paths, strict=True):
            try:
                if _identity(os.stat(path)) != identity:  # noqa: PTH116  # a third of pathlib's cost, for each record
                    self._broken = "another file stands in its place; find out why, and restart"
            except (FileNotFoundError, NotADirectoryError):
                self._broken = "its file was moved or deleted; find out why, and restart"
            except PermissionError:  # nothing that others could have done to the file itself
                continue
        if self._broken:
            raise self._failed(self._broken)

    def _append(self, event: str, fields: Mapping[str, Any]) -> None:
        assert self._files is not None
        log = self._files[0]
        head = self._head
        try:
            line, digest = forge(head.n + 1, timestamp(time.time()), {"event": event, **fields}, head.hash)
        except ValueError as error:  # what cannot be said in JSON, which nothing of ours is
            raise self._failed(f"a record cannot be written as JSON: {type(error).__name__}") from None
        if self._torn:
            line = b"\n" + line
        try:
            self._put_head(Head(head.n, head.hash, digest, head.boot))
            self._put(log, line)
            self._head = Head(head.n + 1, digest, boot=head.boot)
            self._put_head(self._head)
        except OSError as error:
            raise self._failed(_told(error)) from None
        self.written += 1
        self._unsynced = True

    def _put(self, log: int, line: bytes) -> None:
        """Append a line in whole, or nothing."""
        written = 0
        try:
            written = os.write(log, line)
            if written < len(line):
                # The rest says why there is no room for it.
                written += os.write(log, line[written:])
            if written < len(line):
                _raise_full()
        except OSError:
            if (size := os.fstat(log).st_size) != self._end:
                self._cut(log, size)
            raise
        self._end += written
        self._torn = False

    def _cut(self, log: int, size: int) -> None:
        """Take back a part of a line; where the file only grows, it is found anew, and told of in a gap."""
        try:
            os.ftruncate(log, self._end)
        except OSError:
            self._end, self._opened = size, False

    def _put_head(self, head: Head) -> None:
        assert self._files is not None
        if os.pwrite(self._files[1], head.pack(), 0) < HEAD_SIZE:
            if not self._end:
                os.ftruncate(self._files[1], 0)  # or this first part of a head would look like one that was changed
            _raise_full()

    def _failed(self, reason: str) -> UnrecordedError:
        why, _, remedy = reason.partition("; ")
        sentence = f"the audit trail cannot be written ({why}); {remedy}"
        if not self.fault:
            self._since = timestamp(time.time())
        if sentence != self.fault:
            self.fault = sentence
            fields = {"event": "audit_failed", "file": str(self.path)}
            logger.error("No tool is run: %s", sentence, extra={"fields": fields})
        return UnrecordedError(sentence)

    def _log_head(self) -> None:
        fields = {"event": "audit_head", "n": self._head.n, "hash": self._head.hash}
        logger.info("The audit trail holds %d records", self._head.n + 1, extra={"fields": fields})


def _open_both(path: str, head_path: str) -> tuple[int, int]:
    log = _open_file(path, FLAGS | os.O_APPEND)
    try:
        return log, _open_file(head_path, FLAGS)
    except OSError:
        os.close(log)
        raise


def _open_file(path: str, flags: int) -> int:
    descriptor = os.open(path, flags, 0o600)
    state = os.fstat(descriptor)
    if not stat.S_ISREG(state.st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no ordinary file")
    if state.st_mode & 0o022:
        with contextlib.suppress(PermissionError):  # its owner may let others read, but nobody else writes
            os.fchmod(descriptor, stat.S_IMODE(state.st_mode) & ~0o022)
    return descriptor


def _last_link(log: int, size: int) -> tuple[Link | None, int, int]:
    """The last sound record, how many lines after it are none, and the bytes of a line without an end."""
    start = max(0, size - TAIL)
    *lines, rest = os.pread(log, size - start, start).split(b"\n")
    if start and lines:
        del lines[0]  # a part of a line
    for spoiled, line in enumerate(reversed(lines)):
        link = read_link(line + b"\n")
        if link is not None and link.sound:
            return link, spoiled, len(rest)
    return None, len(lines), len(rest)


def _is_pending(last: Link | None, head: Head) -> bool:
    """Whether the process ended between a record and the head that would have spoken of it."""
    return last is not None and last.n == head.n + 1 and last.previous == head.hash and last.hash == head.pending


def _raise_full() -> NoReturn:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _identity(state: os.stat_result) -> tuple[int, int]:
    return state.st_dev, state.st_ino


def _told(error: OSError) -> str:
    return f"{error.strerror or type(error).__name__}; {REMEDIES.get(error.errno or 0, REMEDY)}"


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""

"""The one door to the records' files: nothing outside the folder is read or written, and no change is lost.

Every path is one name below an open directory, and no link is followed, so that there is no path to trick. Writers
hold an exclusive `flock` on the folder itself: worker processes of any number of hosts take turns, a process that dies
lets go, and no lock file can be planted, forgotten or committed. Files appear and change whole, by link and rename.
"""

import fcntl
import os
import stat
import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sanctuary_host import ToolError

from sanctuary_domain.wording import shown

MAX_BYTES: Final = 128 * 1024
"""Size of the largest record."""
MAX_FILES: Final = 5_000
"""Files that a shelf may hold, records or not."""

_DRAFT: Final = ".draft"
_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# Without O_NONBLOCK, opening a named pipe would wait for somebody to write to it.
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Folder:
    """The folder that the operator names. It may be a link itself; below it none is followed.

    Attributes:
        path: where it is.
        patience: seconds that a call waits for its turn: a third of a tool's time, hundreds of times a change's.
    """

    path: Path
    patience: float = 10.0

    @contextmanager
    def shelf(self, name: str, *, change: bool = False) -> Generator["Shelf"]:
        """Open the subfolder `name`; with `change`, alone among all processes until the block ends.

        Raises:
            ToolError: the folder or the subfolder cannot be used, or stayed locked.
        """
        try:
            root = os.open(self.path, _DIRECTORY)
            try:
                if change:
                    _lock(root, fcntl.LOCK_EX, self.patience)
                    with suppress(FileExistsError):
                        os.mkdir(name, dir_fd=root)
                directory = _open_subfolder(name, root)
                try:
                    yield Shelf(name, root, directory, None if change else self.patience)
                finally:
                    if directory is not None:
                        os.close(directory)
            finally:
                os.close(root)
        except OSError as error:
            raise ToolError(f"the records' folder (SANCTUARY_DATA) cannot be used: {error.strerror}") from None

    def problems(self, shelves: Iterable[str]) -> list[str]:
        """A sentence for each reason why records cannot be kept in these subfolders."""
        try:
            root = os.open(self.path, _DIRECTORY)
        except OSError as error:
            return [f"SANCTUARY_DATA names a folder that cannot be opened: {error.strerror}"]
        try:
            if not os.access(".", os.R_OK | os.W_OK | os.X_OK, dir_fd=root):
                return ["SANCTUARY_DATA names a folder that this process may not write to"]
            with suppress(BlockingIOError):  # somebody holds the lock, so locks work
                fcntl.flock(root, fcntl.LOCK_EX | fcntl.LOCK_NB)
            problems: list[str] = []
            for name in shelves:
                try:
                    if (directory := _open_subfolder(name, root)) is not None:
                        os.close(directory)
                except ToolError as error:
                    problems.append(str(error))
        except OSError as error:
            return [f"SANCTUARY_DATA names a folder that cannot be locked: {error.strerror}"]
        else:
            return problems
        finally:
            os.close(root)


@dataclass(frozen=True, slots=True)
class Shelf:
    """An open subfolder. `directory` is `None` where there is none yet, which is as good as empty."""

    name: str
    root: int
    directory: int | None
    patience: float | None
    """Seconds to wait for a shared lock; `None` where the lock is held alone already."""

    def names(self) -> list[str]:
        """The names of all that lies on the shelf, sorted.

        Raises:
            ToolError: there is more than `MAX_FILES`.
        """
        if self.directory is None:
            return []
        # A rename beside an unlocked scan may hide a name from it on some file systems.
        if self.patience is not None:
            _lock(self.root, fcntl.LOCK_SH, self.patience)
        names: list[str] = []
        try:
            with os.scandir(self.directory) as entries:
                for entry in entries:
                    if len(names) == MAX_FILES:
                        raise ToolError(f"{self.name}/ holds more than {MAX_FILES} files; move some of them elsewhere")
                    names.append(entry.name)
        finally:
            if self.patience is not None:
                fcntl.flock(self.root, fcntl.LOCK_UN)
        return sorted(names)

    def read(self, name: str) -> bytes:
        """A record's bytes.

        Raises:
            FileNotFoundError: it is gone.
            ToolError: it is a link or another thing than a file, too large, or not readable.
        """
        return self._read(name)[0]

    def add(self, name: str, data: bytes) -> None:
        """Write a new record, whole or not at all.

        Raises:
            ToolError: there is one of that name, or the disk does not take it.
        """
        with self._draft(name, data) as directory:
            # A link never replaces what is there, not even what somebody put there this moment.
            os.link(_DRAFT, name, src_dir_fd=directory, dst_dir_fd=directory, follow_symlinks=False)

    def replace(self, name: str, data: bytes) -> None:
        """Write a record anew, whole or not at all, with the permissions that it had.

        Raises:
            ToolError: it is no longer a plain file, or the disk does not take it.
        """
        mode = self._read(name)[1]
        with self._draft(name, data, mode) as directory:
            os.rename(_DRAFT, name, src_dir_fd=directory, dst_dir_fd=directory)

    def _read(self, name: str) -> tuple[bytes, int]:
        label = f"{self.name}/{shown(name)}"
        try:
            file = os.open(name, _READ, dir_fd=self.directory)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise ToolError(f"{label} is a link or cannot be opened: {error.strerror}") from None
        try:
            status = os.fstat(file)
            if not stat.S_ISREG(status.st_mode):
                raise ToolError(f"{label} is not a plain file")
            data = b""
            while len(data) <= MAX_BYTES and (part := os.read(file, MAX_BYTES + 1 - len(data))):
                data += part
        except OSError as error:
            raise ToolError(f"{label} cannot be read: {error.strerror}") from None
        finally:
            os.close(file)
        if len(data) > MAX_BYTES:
            raise ToolError(f"{label} is larger than {MAX_BYTES // 1024} KiB")
        return data, stat.S_IMODE(status.st_mode)

    @contextmanager
    def _draft(self, name: str, data: bytes, mode: int | None = None) -> Generator[int]:
        """The data in a file beside the record, safe on the disk; its writer holds the lock, so one name is enough."""
        if self.directory is None or self.patience is not None:
            raise ValueError("a shelf is written to only when it was opened for a change")
        try:
            self._discard_draft()  # a writer that was killed leaves one
            file = os.open(_DRAFT, _CREATE, 0o666 if mode is None else 0o600, dir_fd=self.directory)
            try:
                if mode is not None:
                    os.fchmod(file, mode)
                rest = memoryview(data)
                while rest:
                    rest = rest[os.write(file, rest) :]
                os.fsync(file)
            finally:
                os.close(file)
            yield self.directory
            os.fsync(self.directory)
        except OSError as error:
            raise ToolError(f"{self.name}/{shown(name)} cannot be written: {error.strerror}") from None
        finally:
            with suppress(OSError):  # what matters has been said
                self._discard_draft()

    def _discard_draft(self) -> None:
        with suppress(FileNotFoundError):
            os.unlink(_DRAFT, dir_fd=self.directory)


def _open_subfolder(name: str, root: int) -> int | None:
    try:
        return os.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=root)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ToolError(f"{name}/ in the records' folder is a link or no folder: {error.strerror}") from None


def _lock(directory: int, operation: int, patience: float) -> None:
    # Not a blocking lock: whoever holds it may be stopped, and the caller deserves a sentence rather than a timeout.
    until = time.monotonic() + patience
    while True:
        try:
            return fcntl.flock(directory, operation | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise ToolError("another process is changing the records and does not finish; try again") from None
            time.sleep(0.005)

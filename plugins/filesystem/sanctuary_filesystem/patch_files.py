"""The files that a patch changes: read once, changed diff by diff, and written when the last diff has had them."""

from __future__ import annotations

import contextlib
import errno
import os
import posixpath
import stat
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sanctuary_host import ToolError
from sanctuary_host.doors import Changes, Held, Tree, shown

LONGEST: Final = 8 << 20
"""Bytes of a file that is patched."""
KEPT: Final = 16 << 20
"""Bytes of files that are kept because several diffs change them."""


@dataclass(slots=True)
class Sheet:
    """A file, as it is with the diffs so far.

    Attributes:
        path: within the tree.
        held: what is on the disk; `None` where there is nothing.
        content: what is in it now; `None` where it is no file now.
        executable: whether it is to be executable; `None` where that stays as it is.
        like: the file whose mode and attributes it takes, which was renamed to it, or copied.
    """

    path: str
    held: Held | None
    content: bytes | None
    executable: bool | None = None
    like: Held | None = None


class PatchFiles:
    """The files of a tree that a patch names.

    Args:
        tree: the tree.
        changes: where what is changed is planned; nothing is written here before.
        dry_run: whether nothing is to be planned either.
    """

    def __init__(self, tree: Tree, changes: Changes, *, dry_run: bool) -> None:
        self._tree, self._changes, self._dry_run = tree, changes, dry_run
        self._sheets: dict[str, Sheet] = {}
        self._uses: Counter[str] = Counter()
        self._number = 0

    def expect(self, paths: Iterable[str]) -> None:
        """Know that a diff will use paths, so that its files are kept until then."""
        self._uses.update(paths)

    def open(self, path: str) -> Sheet:
        """A file, or the place of one that is not there.

        Raises:
            PathError: it cannot be changed, such as a folder.
            ToolError: it is too long.
        """
        if path not in self._sheets:
            held = self._read(path) if self._changes.exists(path) else None
            self._sheets[path] = Sheet(path, held, held.content if held else None)
            if sum(len(sheet.held.content) for sheet in self._sheets.values() if sheet.held) > KEPT:
                raise ToolError(
                    f"the patch changes more than {KEPT >> 20} MiB of files several times; apply it in parts"
                )
        return self._sheets[path]

    def content(self, sheet: Sheet) -> bytes:
        """What is in a file now.

        Raises:
            PathError: there is none.
        """
        if sheet.content is None:
            raise self._tree.failure(sheet.path, OSError(errno.ENOENT, ""))
        return sheet.content

    def close(self, paths: Sequence[str]) -> None:
        """Plan what has become of files that no other diff uses."""
        for path in paths:
            self._uses[path] -= 1
        sheets = [self._sheets.pop(path) for path in paths if not self._uses[path]]
        if self._dry_run:
            return
        if len(sheets) == 2 and (pair := _renamed(*sheets)):
            self._changes.move(*pair)
            return
        for sheet in sheets:
            self._plan(sheet)

    def _read(self, path: str) -> Held:
        size = self._tree.status(path).st_size
        if size > LONGEST:
            raise ToolError(f"{shown(path)} has {size:,} bytes; files of at most {LONGEST >> 20} MiB are patched")
        return self._changes.read(path)

    def _plan(self, sheet: Sheet) -> None:
        held, content = sheet.held, sheet.content
        if held is None and content is not None:
            if sheet.like is None:
                self._changes.write(sheet.path, content, executable=bool(sheet.executable))
            else:
                self._put(sheet, content, sheet.like)
        elif held is not None and content is None:
            self._changes.delete(sheet.path, over=held)
        elif held is not None and content is not None and (content != held.content or sheet.executable is not None):
            self._changes.write(sheet.path, content, over=held, executable=sheet.executable)

    def _put(self, sheet: Sheet, content: bytes, like: Held) -> None:
        """Make a file like another one, which may be more private than new files are."""
        self._number += 1
        name = f"patched{self._number}"
        mode = stat.S_IMODE(like.status.st_mode) & 0o777
        if sheet.executable is not None:
            mode = mode | (mode & 0o444) >> 2 if sheet.executable else mode & ~0o111
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(name, flags, 0o600, dir_fd=self._changes.staging), "wb") as file:
            file.write(content)
            file.flush()
            with contextlib.suppress(OSError):  # it belongs to us then, as every new file does
                os.fchown(file.fileno(), like.status.st_uid, like.status.st_gid)
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        self._changes.put(name, sheet.path)


def _renamed(source: Sheet, target: Sheet) -> tuple[str, str] | None:
    """From where to where a file is moved as it is; `None` where more than that is done."""
    moved = source.held
    if moved is None or source.content is not None or target.held is not None or target.like is not moved:
        return None
    is_same = target.content == moved.content and target.executable is None
    return (source.path, target.path) if is_same else None


def is_linked(sheet: Sheet) -> bool:
    """Whether a path is a link to the file."""
    return sheet.held is not None and posixpath.normpath(sheet.held.path) != posixpath.normpath(sheet.path)

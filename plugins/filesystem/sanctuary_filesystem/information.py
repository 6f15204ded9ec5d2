"""What is known of a file or folder: its facts, its hash, the disk that it takes, and how it differs from another."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from sanctuary_filesystem.comparing import difference_of
from sanctuary_filesystem.names import plain
from sanctuary_filesystem.roots import open_roots, told
from sanctuary_filesystem.texts import read_at
from sanctuary_filesystem.usage import MOST, Survey
from sanctuary_host import Host, Recorded, ToolError, Tools, hookimpl, need_worker, progress, tool
from sanctuary_host.doors import PathError, Place, Trees, etag_of, kind_of

BLOCK: Final = 1 << 20
STEP: Final = 64 * BLOCK
"""Bytes after which progress is told."""
PATIENCE: Final = 110.0
"""Seconds for what takes long; the call has ten more. To hash 10 GB took 25 to 60, on two shared cores."""
LARGEST: Final = "largest"
ALWAYS: Final = frozenset({"bytes", "bytes on disk", "files"})
"""Counts that are told even where they are zero."""
Hash = Literal["", "sha256", "sha512", "sha1", "md5"]


@dataclass(frozen=True, slots=True)
class FileInfo:
    """What is known of a file or folder.

    Attributes:
        path: as callers name it.
        kind: `file`, `folder`, `named pipe` and so on; `link to a file` where the path's last part is a link.
        size: bytes.
        facts: mode, owner, links and times.
        etag: what edits take as proof that the file was seen.
        hash: its name and its digits.
        disk_use: counts, and under `largest` the bytes on disk of the largest entries.
        comparison: `equal`, or where the other file differs, and how.
    """

    path: str
    kind: str
    size: int
    facts: dict[str, Any]
    etag: str = ""
    hash: str = ""
    disk_use: dict[str, Any] = field(default_factory=dict[str, Any])
    comparison: str = ""

    def __str__(self) -> str:
        """In a few lines."""
        etag = f", etag {self.etag}" if self.etag else ""
        lines = [f"{self.path}: {self.kind}, {self.size:,} bytes{etag}"]
        lines.append(", ".join(f"{what} {fact}" for what, fact in self.facts.items()))
        if self.hash:
            lines.append(self.hash)
        if self.disk_use:
            lines.append(", ".join(f"{name} {count:,}" for name, count in self.disk_use.items() if name != LARGEST))
            lines += [f"  {count:,} {name}" for name, count in self.disk_use[LARGEST].items()]
        if self.comparison:
            lines.append(self.comparison)  # short, and for clients that show a model nothing but this
        return "\n".join(lines)


class Information:
    """The tool, around the folders."""

    def __init__(self, trees: Trees) -> None:
        self._trees = trees

    @tool(read_only=True, open_world=False, timeout=120, memory=64, runs="inline")
    def file_info(
        self,
        path: Annotated[str, Recorded()],
        hash: Hash = "",  # noqa: A002  # the word that callers know
        compare: Annotated[str, Field(description="Another file"), Recorded()] = "",
        *,
        disk_use: bool = False,
    ) -> FileInfo:
        """Tell kind, size, mode, times (UTC), etag; on request hash, disk use of a folder, first difference, diff."""
        place = self._trees.place(path)
        status = place.tree.status(place.path)
        name = told(self._trees, place)
        if hash or compare or disk_use:
            need_worker()
        if disk_use and not stat.S_ISDIR(status.st_mode):
            raise ToolError(f"{name} is {kind_of(status.st_mode)}; disk_use is for folders")
        deadline = time.monotonic() + PATIENCE
        return FileInfo(
            path=name,
            kind=_kind(place, status),
            size=status.st_size,
            facts={
                "mode": f"{stat.filemode(status.st_mode)} ({stat.S_IMODE(status.st_mode):04o})",
                "owner": f"{status.st_uid}:{status.st_gid}",
                "links": status.st_nlink,
                "modified": _moment(status.st_mtime_ns),
                "changed": _moment(status.st_ctime_ns),
                "accessed": _moment(status.st_atime_ns),
            },
            etag=_etag(place) if stat.S_ISREG(status.st_mode) else "",
            hash=f"{hash} {_hash(place, name, hash, deadline)}" if hash else "",
            disk_use=_use(place, deadline) if disk_use else {},
            comparison=self._comparison(place, compare, deadline) if compare else "",
        )

    def _comparison(self, place: Place, path: str, deadline: float) -> str:
        other = self._trees.place(path)
        names = told(self._trees, place), told(self._trees, other)
        with place.tree.file(place.path) as one, other.tree.file(other.path) as another:
            try:
                return difference_of(one, another, names, deadline)
            except OSError as error:
                raise place.tree.failure(place.path, error) from None


def _kind(place: Place, status: os.stat_result) -> str:
    kind = kind_of(status.st_mode).partition(" ")[2]
    itself = place.tree.status(place.path, follow=False)
    return f"link to a {kind}" if stat.S_ISLNK(itself.st_mode) else kind


def _etag(place: Place) -> str:
    try:
        with place.tree.file(place.path) as descriptor:
            return etag_of(descriptor)
    except (PathError, OSError):  # it may be looked at, though not read
        return ""


def _hash(place: Place, name: str, kind: str, deadline: float) -> str:
    """The hash of a file's contents.

    Raises:
        PathError: it is no file that can be read.
        ToolError: it takes too long.
    """
    digest = hashlib.new(kind, usedforsecurity=False)
    with place.tree.file(place.path) as descriptor:
        size = os.fstat(descriptor).st_size
        done = 0
        try:
            while block := read_at(descriptor, BLOCK, done):
                digest.update(block)
                done += len(block)
                if done % STEP == 0:
                    progress(done, max(size, done), "bytes hashed")
                if time.monotonic() > deadline:
                    raise ToolError(f"{name} has {size:,} bytes, too many to be hashed in {PATIENCE:.0f} s")
        except OSError as error:
            raise place.tree.failure(place.path, error) from None
    return digest.hexdigest()


def _use(place: Place, deadline: float) -> dict[str, Any]:
    """What a folder takes on disk, and its largest entries.

    Raises:
        PathError: it is no folder that can be read.
    """
    with place.tree.folder(place.path) as descriptor:
        usage = Survey(descriptor, deadline).run()
    counts = {
        "bytes": usage.size,
        "bytes on disk": usage.allocated,
        "files": usage.files,
        "folders": usage.folders,
        "links and others": usage.others,
        "folders on other disks, not entered": usage.mounts,
        "folders not readable": usage.unread,
    }
    said: dict[str, Any] = {name: count for name, count in counts.items() if count or name in ALWAYS}
    if not usage.is_whole:
        said[f"truncated after this many entries, of {MOST:,} at most"] = usage.entries
    return {**said, LARGEST: {plain(name): size for size, name in sorted(usage.largest, reverse=True)}}


def _moment(nanoseconds: int) -> str:
    """A time in ISO 8601; seconds since 1970 where it is in no year that a calendar has."""
    try:
        return f"{datetime.fromtimestamp(nanoseconds // 10**9, UTC):%Y-%m-%dT%H:%M:%SZ}"
    except (ValueError, OverflowError, OSError):
        return f"@{nanoseconds // 10**9}"


@hookimpl
def register_tools(host: Host) -> Tools:
    """The tools of this plugin."""
    return [Information(open_roots(host)).file_info]

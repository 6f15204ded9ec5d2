"""What surrounds the process: the container, its limits and mounts, read before the process can read no more."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final, Literal

from sanctuary_host.containment import probe

Kind = Literal["podman", "docker", "kubernetes", "another"]

MIB: Final = 1024 * 1024
BOUNDLESS: Final = 1 << 60
"""Bytes from which on a memory limit is how the first kind of cgroups writes that there is none."""
PSEUDO: Final = frozenset(
    {"autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs", "fusectl"}
    | {"hugetlbfs", "mqueue", "nsfs", "proc", "pstore", "securityfs", "sysfs", "tracefs"}
)
"""Kinds of file systems that keep nobody's files."""
LIMITING: Final = frozenset({"cpu", "memory", "pids"})
"""The cgroup controllers whose limits are read."""
MOUNTS: Final = 100
"""Mounts that are looked at."""


@dataclass(frozen=True, slots=True)
class MountPoint:
    """A mounted file system.

    Attributes:
        path: where.
        kind: such as `ext4`, `overlay` or `tmpfs`.
        writable: whether it was mounted for writing.
    """

    path: str
    kind: str
    writable: bool


@dataclass(frozen=True, slots=True)
class Limits:
    """What the cgroup lets the process and its workers use; `None` where there is no limit.

    Attributes:
        memory: MiB.
        cpus: processors.
        processes: how many at once.
    """

    memory: int | None
    cpus: float | None
    processes: int | None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What confines the process from outside.

    Attributes:
        container: whose container it is in, by its marks; `None` where there are none.
        limits: what it may use of the machine.
        read_only: whether the root file system is.
        mounts: the mounts that keep files.
        no_new_privileges: set before this process set it itself.
        seccomp: a filter was on before this process put on its own.
        capabilities: how many are in effect.
        user: the effective user id.
        route: whether packets find a way out of the machine, or of the container.
        landlock: the version of the kernel's Landlock; 0 where it has none.
    """

    container: Kind | None
    limits: Limits
    read_only: bool
    mounts: tuple[MountPoint, ...]
    no_new_privileges: bool | None
    seccomp: bool | None
    capabilities: int | None
    user: int
    route: bool | None
    landlock: int

    @classmethod
    def gather(cls, environment: Mapping[str, str], landlock: int) -> Surroundings:
        """Look around."""
        mounts = _mounts(_text("/proc/self/mountinfo"))
        return cls(
            container=_container(environment, mounts),
            limits=read_limits(_text("/proc/self/cgroup"), _text("/proc/self/mountinfo")),
            read_only=bool(os.statvfs("/").f_flag & os.ST_RDONLY),
            mounts=mounts,
            no_new_privileges=probe.no_new_privileges(),
            seccomp=probe.seccomp(),
            capabilities=probe.capabilities(),
            user=os.geteuid(),
            route=_has_route(),
            landlock=landlock,
        )

    def mount_of(self, path: str) -> MountPoint | None:
        """The mount on which a path lies."""
        above = [mount for mount in self.mounts if PurePosixPath(path).is_relative_to(mount.path)]
        return max(above, key=lambda mount: len(mount.path), default=None)


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _container(environment: Mapping[str, str], mounts: tuple[MountPoint, ...]) -> Kind | None:
    if environment.get("KUBERNETES_SERVICE_HOST"):
        return "kubernetes"
    if Path("/run/.containerenv").exists() or environment.get("container") == "podman":
        return "podman"
    if Path("/.dockerenv").exists():
        return "docker"
    # Other engines leave no mark of their own, but the root of nearly every container is an overlay of its image.
    root = next((mount for mount in mounts if mount.path == "/"), None)
    marked = environment.get("container") or (root is not None and root.kind in {"overlay", "fuse.fuse-overlayfs"})
    return "another" if marked else None


def _mounts(text: str) -> tuple[MountPoint, ...]:
    """The mounts of /proc/self/mountinfo (proc(5)) that keep files."""
    found: dict[str, MountPoint] = {}
    for line in text.splitlines():
        fields, _, rest = line.partition(" - ")
        words, (kind, *_) = fields.split(" "), [*rest.split(" "), ""]
        if len(words) < 6 or not kind:  # as the manual counts them
            continue
        path = _unescaped(words[4])
        found.pop(path, None)  # the latest mount covers those before it
        if kind not in PSEUDO:
            found[path] = MountPoint(path, kind, "rw" in words[5].split(","))
    return tuple(found.values())[:MOUNTS]


def _unescaped(path: str) -> str:
    for code, sign in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        path = path.replace(code, sign)
    return path


def read_limits(groups: str, mounts: str) -> Limits:
    """The narrowest limits of a process's cgroups, of the first kind or the second, and of those above them.

    Args:
        groups: its /proc/self/cgroup, as cgroups(7) describes it.
        mounts: its /proc/self/mountinfo.
    """
    memory: list[float] = []
    cpus: list[float] = []
    processes: list[float] = []
    for folder in _group_folders(groups, mounts):
        memory += _numbers(folder, "memory.max") or _numbers(folder, "memory.limit_in_bytes")
        processes += _numbers(folder, "pids.max")
        two = _numbers(folder, "cpu.max") or _numbers(folder, "cpu.cfs_quota_us") + _numbers(
            folder, "cpu.cfs_period_us"
        )
        if len(two) == 2 and two[0] > 0 and two[1] > 0:  # quota and period; a quota of -1 is none
            cpus.append(two[0] / two[1])
    memory = [one for one in memory if one < BOUNDLESS]
    return Limits(
        memory=int(min(memory)) // MIB if memory else None,
        cpus=round(min(cpus), 3) if cpus else None,
        processes=int(min(processes)) if processes else None,
    )


def _group_folders(groups: str, mounts: str) -> Iterator[Path]:
    """The folders of this process's cgroups, and those above them, whose limits bind it too."""
    paths: dict[str, str] = {}
    for line in groups.splitlines():
        _, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        paths.update(dict.fromkeys(names.split(","), path))
    for line in mounts.splitlines():
        fields, _, rest = line.partition(" - ")
        words, (kind, _, options, *_) = fields.split(" "), [*rest.split(" "), "", "", ""]
        if kind not in {"cgroup", "cgroup2"} or len(words) < 6:  # as in _mounts
            continue
        controllers = [""] if kind == "cgroup2" else [word for word in options.split(",") if word in LIMITING]
        root, top = _unescaped(words[3]), Path(_unescaped(words[4]))
        for controller in controllers:
            inside = PurePosixPath(paths.get(controller, "/"))
            # In a container the mount may begin at the process's own group, which the kernel names from outside.
            below = inside.relative_to(root) if inside.is_relative_to(root) else PurePosixPath()
            folder = top / below
            if not folder.is_dir():
                folder = top
            while True:
                yield folder
                if folder == top:
                    break
                folder = folder.parent


def _numbers(folder: Path, name: str) -> list[float]:
    """The numbers in a file; none where there is none, or where it says `max` instead of a limit."""
    words: list[float] = []
    with contextlib.suppress(ValueError):
        words = [float(word) for word in _text(str(folder / name)).split()]
    return words


def _has_route() -> bool | None:
    """Whether there is a default route that does not end at once."""
    if sys.platform != "linux":
        return None
    four, six = _text("/proc/net/route"), _text("/proc/net/ipv6_route")
    if not four:
        return None
    lines = [line.split() for line in four.splitlines()[1:]]
    if any(len(words) > 7 and words[1] == words[7] == "00000000" for words in lines):  # destination and mask
        return True
    lines = [line.split() for line in six.splitlines()]
    # Destination, its length and the interface; the kernel keeps a default route to nowhere on the loopback interface.
    return any(len(words) > 9 and set(words[0]) == {"0"} and words[1] == "00" and words[9] != "lo" for words in lines)

"""Landlock and seccomp from grants: made ready once, put on by each process in well under a millisecond."""

from __future__ import annotations

import errno
import os
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Self

from sanctuary_host.containment import bpf, landlock, libc, modes, seccomp
from sanctuary_host.containment.grants import Grants
from sanctuary_host.containment.syscalls import SECCOMP

PR_SET_NO_NEW_PRIVS: Final = 38


class SandboxError(Exception):
    """The kernel cannot confine the process as `SANCTUARY_SANDBOX=require` asks; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """What the kernel that runs can enforce.

    Attributes:
        system: its name, as `sys.platform` has it.
        machine: the processor, as `uname -m` has it.
        landlock: the version of Landlock; 0 for none.
        reason: the error number that says why there is none.
        seccomp: whether it filters system calls, and their numbers are known here.
    """

    system: str
    machine: str
    landlock: int
    reason: int
    seccomp: bool

    @classmethod
    def running(cls) -> Self:
        """The one that runs."""
        machine = os.uname().machine if struct.calcsize("P") == 8 else "32 bits"  # as this process calls it
        if sys.platform != "linux":
            return cls(sys.platform, machine, 0, errno.ENOSYS, seccomp=False)
        try:
            version, reason = landlock.version(), 0
        except OSError as error:
            version, reason = 0, error.errno or errno.ENOSYS
        return cls(sys.platform, machine, version, reason, bpf.is_available(machine))


class Sandbox:
    """A confinement that is made ready, and that a process can put on for good.

    Args:
        grants: what it lets through.
        kernel: what can be enforced; by default what the running kernel can.

    Attributes:
        grants: what it lets through.
        kernel: what enforces it.
        descriptors: what it keeps open; whoever puts it on inherits them.
        missing: a sentence for each part of it that this kernel cannot enforce.

    Raises:
        SandboxError: the kernel refuses what it said that it can do.
    """

    def __init__(self, grants: Grants, kernel: Kernel | None = None) -> None:
        self.grants = grants
        self.kernel = kernel or Kernel.running()
        self.missing = tuple(_missing(grants, self.kernel))
        self._ruleset = -1
        # A rule for a folder in /proc holds as long as the kernel does not forget the folder and make it anew.
        self._pins = [os.open(path, os.O_PATH | os.O_CLOEXEC) for path in grants.read if path.startswith("/proc/")]
        self._filter: bpf.Filter | None = None
        if self.kernel.landlock:
            try:
                self._ruleset = landlock.make_ruleset(grants, self.kernel.landlock)
            except OSError as error:
                raise SandboxError(f"Landlock does not take this cluster's boundary: {error.strerror}") from None
        if self.kernel.seccomp:
            truncation = self.kernel.landlock < landlock.TRUNCATES
            self._filter = seccomp.make_filter(grants, self.kernel.machine, truncation=truncation)
        self.descriptors = (self._ruleset,) if self._ruleset >= 0 else ()

    def seal(self) -> None:
        """Put it on: this process and its children to come, for good. Threads that exist already are not all bound.

        Raises:
            SandboxError: the kernel refuses; what was put on before stays on.
        """
        if self._ruleset < 0 and self._filter is None:
            return
        part = "no_new_privs"
        try:
            # Without it the kernel takes neither from an ordinary user; and no program gets more rights than this one.
            libc.call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
            if self._ruleset >= 0:
                part = "Landlock"
                landlock.restrict(self._ruleset)
                os.close(self._ruleset)
            if self._filter is not None:
                part = "seccomp"
                self._filter.restrict(self.kernel.machine)
                if self.grants.changes:
                    modes.go_by_descriptors()
        except OSError as error:
            raise SandboxError(f"this process cannot be confined, as {part} fails: {error.strerror}") from None


ABSENT: Final = {
    errno.EOPNOTSUPP: "Landlock is switched off; add landlock to lsm= on the kernel's command line",
    errno.EPERM: "the container's seccomp profile keeps Landlock away; update the container runtime",
}
"""Why there is no Landlock; by default because the kernel was built without it."""


def _missing(grants: Grants, kernel: Kernel) -> Iterator[str]:
    """A sentence for each part of `grants` that is wider than it says."""
    if kernel.system != "linux":
        yield (
            f"nothing confines this process: only Linux can, and this is {kernel.system}; "
            "run the cluster in a container for that"
        )
        return
    version = kernel.landlock
    if not version:
        why = ABSENT.get(kernel.reason, "this kernel has no Landlock; use Linux 5.13 or newer, built with it")
        yield f"files outside of the cluster's folders can be opened: {why}"
    if not kernel.seccomp:
        why = (
            "this kernel has no seccomp filters; use one that is built with CONFIG_SECCOMP_FILTER"
            if kernel.machine in SECCOMP
            else f"system calls of {kernel.machine} are not known; use a 64-bit x86_64 or aarch64"
        )
        yield f"processes, sockets and dangerous system calls are not confined: {why}"
    if 0 < version < landlock.TRUNCATES and (grants.changes or not kernel.seccomp):
        yield "files that may not be written can be emptied: Landlock is too old; use Linux 6.2 or newer"
    if version < landlock.NETWORK and grants.ports:
        ports = ", ".join(map(str, sorted(grants.ports)))
        yield f"connections are not limited to the TCP ports {ports}: Landlock is too old; use Linux 6.7 or newer"
    if version < landlock.SCOPES and grants.execute and not grants.signals:
        yield "programs may signal the user's other processes: Landlock is too old; use Linux 6.12 or newer"

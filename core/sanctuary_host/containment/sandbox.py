"""Landlock and seccomp from grants: made ready once, put on by each process in well under a millisecond."""

from __future__ import annotations

from sanctuary_host.containment.grants import Grants


class SandboxError(Exception):
    """The kernel cannot confine the process as `SANCTUARY_SANDBOX=require` asks; the message says what is missing."""


class Sandbox:
    """A confinement that is made ready, and that a process can put on for good.

    Attributes:
        grants: what it lets through.
        descriptors: what it keeps open; whoever puts it on inherits them.
        missing: a sentence for each part of it that this kernel cannot enforce.
    """

    def __init__(self, grants: Grants) -> None:
        self.grants = grants
        self.descriptors: tuple[int, ...] = ()
        self.missing: tuple[str, ...] = ()

    def seal(self) -> None:
        """Put it on: this process and its children to come, for good. Threads that exist already are not all bound."""

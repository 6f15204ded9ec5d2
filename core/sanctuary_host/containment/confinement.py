"""The confinement of one process and its workers: prepared from the boundary before the fork, put on after it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from sanctuary_host.boundary import Boundary
from sanctuary_host.config import Sandbox as Level
from sanctuary_host.containment.grants import Grants
from sanctuary_host.containment.sandbox import Sandbox


class Confinement:
    """What confines the host and its workers.

    Attributes:
        boundary: the declaration that it follows.
        level: what the operator asks for.
        worker: what each worker puts on; `None` where nothing does.
        host: what the host puts on; `None` where nothing does.
    """

    def __init__(self, boundary: Boundary, level: Level, worker: Sandbox | None, host: Sandbox | None) -> None:
        self.boundary = boundary
        self.level: Level = level
        self.worker = worker
        self.host = host

    @classmethod
    def prepare(cls, boundary: Boundary, environment: Mapping[str, str], level: Level) -> Self:
        """Make it ready, before the workers' fork.

        Raises:
            SandboxError: `level` is `require`, and the kernel cannot enforce all of it.
            SettingsError: a mount's or backend's setting does not fit.
        """
        del environment
        return cls(boundary, level, Sandbox(Grants()), Sandbox(Grants()))

    def seal_host(self) -> None:
        """Confine this process, before it has threads."""
        if self.host is not None:
            self.host.seal()

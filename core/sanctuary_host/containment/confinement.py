"""The confinement of one process and its workers: prepared from the boundary before the fork, put on after it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final, Self

from sanctuary_host.boundary import Boundary
from sanctuary_host.config import Sandbox as Level
from sanctuary_host.containment import grants, libc
from sanctuary_host.containment.probe import threads
from sanctuary_host.containment.sandbox import Sandbox, SandboxError

logger = logging.getLogger(__name__)

PR_SET_DUMPABLE: Final = 4


class Confinement:
    """What confines the host and its workers.

    Attributes:
        boundary: the declaration that it follows.
        level: what the operator asks for.
        worker: what each worker puts on; `None` where nothing does.
        host: what the host puts on; `None` where nothing does.
        missing: a sentence for each part of the boundary that the kernel cannot enforce.
        notes: a sentence for each thing that the boundary names and that is not there, or is wider than it looks.
    """

    def __init__(self, boundary: Boundary, level: Level, worker: Sandbox | None, host: Sandbox | None) -> None:
        self.boundary = boundary
        self.level: Level = level
        self.worker = worker
        self.host = host
        sandboxes = [sandbox for sandbox in (worker, host) if sandbox is not None]
        self.missing = tuple(dict.fromkeys(sentence for sandbox in sandboxes for sentence in sandbox.missing))
        self.notes = tuple(dict.fromkeys(note for sandbox in sandboxes for note in sandbox.grants.notes))

    @classmethod
    def prepare(cls, boundary: Boundary, environment: Mapping[str, str], level: Level) -> Self:
        """Make it ready, before the workers' fork.

        Raises:
            SandboxError: `level` is `require`, and the kernel cannot enforce all of it.
            SettingsError: a mount's or server's setting does not fit.
        """
        if level == "off":
            return cls(boundary, level, None, None)
        worker = Sandbox(grants.of_worker(boundary, environment))
        made = cls(boundary, level, worker, Sandbox(grants.of_host(boundary, environment, worker.grants)))
        for sentence in made.notes:
            logger.warning("The boundary: %s", sentence, extra={"fields": {"event": "boundary"}})
        made._lack(*made.missing)
        return made

    def seal_host(self) -> None:
        """Confine this process, before it has threads.

        Raises:
            SandboxError: the kernel refuses; or it has threads, and `level` is `require`.
        """
        if self.host is None:
            return
        # From here on, other processes of the same user can neither read its memory nor trace it.
        if self.host.kernel.system == "linux":
            libc.call("prctl", PR_SET_DUMPABLE, 0, 0, 0, 0)
        if self.host.kernel.landlock and (others := threads() - 1) > 0:
            self._lack(
                f"{others} threads that a library started at import may open any file; start them when they are "
                "first needed (OPENBLAS_NUM_THREADS=1 keeps OpenBLAS from it)"
            )
        self.host.seal()

    def _lack(self, *sentences: str) -> None:
        if sentences and self.level == "require":
            raise SandboxError(
                f"SANCTUARY_SANDBOX=require cannot be kept: {'; '.join(sentences)}; "
                "or set SANCTUARY_SANDBOX=best-effort to run without that"
            )
        for sentence in sentences:
            logger.warning("Not confined: %s", sentence, extra={"fields": {"event": "sandbox"}})

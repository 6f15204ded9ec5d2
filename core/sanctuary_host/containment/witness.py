"""The measuring itself: look around before sealing, try as the host after it, ask a worker, and keep what was found."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from sanctuary_host.boundary import Boundary
from sanctuary_host.containment import grants, probe
from sanctuary_host.containment.attest import NAMED, Attestation, Side, is_inside
from sanctuary_host.containment.confinement import Confinement
from sanctuary_host.containment.grants import Grants
from sanctuary_host.containment.lanes import FullError
from sanctuary_host.containment.pool import CrashError, Pool, UnsendableError
from sanctuary_host.containment.probe import Facts, Question
from sanctuary_host.containment.sandbox import Kernel, Sandbox
from sanctuary_host.containment.surroundings import Surroundings
from sanctuary_host.containment.wire import FrameError
from sanctuary_host.folders import read_folders

logger = logging.getLogger(__name__)

SECONDS: Final = 10.0
"""How long a worker may take to answer; it takes milliseconds on a quiet machine."""
FILES: Final = ("/etc/passwd", "/etc/group", "/etc/hosts", "/etc/os-release", "/usr/bin/env", "/proc/version")
"""Files that nearly every system has, and lets everybody read."""
PROGRAMS: Final = ("/bin/true", "/usr/bin/true", sys.executable)
"""Programs that do nothing, or nothing unasked."""
FOLDERS: Final = ("/", "/tmp", "/var/tmp", "/dev/shm", "/run")  # noqa: S108  # where others write, and this must not
"""Folders that many systems let everybody write."""
TRIED: Final = 128
"""Folders in which writing is tried, at most."""


class Witness:
    """What is known of what confines this process: part of it at start, all of it once a worker was asked.

    It is made before the process is sealed.

    Args:
        confinement: what should confine it.
        environment: where the declared folders are named.
        contained: whether the process should be in a container of its own.

    Attributes:
        attestation: what was found; `None` until a worker was asked.
    """

    def __init__(self, confinement: Confinement, environment: Mapping[str, str], *, contained: bool) -> None:
        self.attestation: Attestation | None = None
        self._confinement = confinement
        self._contained = contained
        self._around = Surroundings.gather(environment, Kernel.running().landlock)
        boundary = confinement.boundary
        self._names = _names(boundary, environment)
        writable = [mount.path for mount in self._around.mounts if mount.writable]
        self._folders = list(dict.fromkeys(_folders([*self._names, *FOLDERS, *writable])))[:TRIED]
        host, worker = confinement.host, confinement.worker
        self._host_grants = host.grants if host is not None else grants.of_host(boundary, environment)
        self._worker_grants = worker.grants if worker is not None else grants.of_worker(boundary, environment)
        # What is outside is looked for now: afterwards everything is out of sight.
        self._host_question = self._question(self._host_grants, neighbour=0, serves=True)
        self._worker_question = self._question(self._worker_grants, neighbour=os.getpid(), serves=False)
        self._host_facts: Facts | None = None
        self._shown: dict[str, Any] = {"verdict": "pending", "sandbox": confinement.level}
        self._done = asyncio.Event()

    @property
    def readable(self) -> tuple[str, ...]:
        """Files and folders that the cluster's tools may read."""
        return self._worker_grants.readable

    def look(self, neighbour: int) -> None:
        """Try what the host's process can do; called once it is sealed.

        Args:
            neighbour: the id of a process outside of its confinement, such as its fork server's keeper.
        """
        self._host_facts = probe.answer(replace(self._host_question, neighbour=neighbour))

    async def ask(self, pool: Pool, room: str, memory: int) -> Attestation:
        """Have a worker try what workers can do, and log what all of it comes to.

        Args:
            pool: whose workers are meant.
            room: in which room it works; it is the first one there, so nobody's calls were in it before.
            memory: MiB that it may add, as those may for which it is kept afterwards.
        """
        request = {"kind": "probe", "name": "", "arguments": self._worker_question.wire(), "memory": memory}
        question = self._worker_question
        facts: Facts | None = None
        try:
            async with asyncio.timeout(SECONDS):
                facts = await pool.call(request, room=room, read=lambda sent: Facts.read(question, sent))
        except (CrashError, FrameError, FullError, TimeoutError, UnsendableError) as error:
            reason = str(error) or f"it took more than {SECONDS:g} s"
            logger.warning("A worker could not be asked what confines it: %s", reason)
        self.attestation = Attestation(
            boundary=self._confinement.boundary,
            level=self._confinement.level,
            contained=self._contained,
            around=self._around,
            host=_side(self._confinement.host, self._host_grants, self._host_facts),
            workers=_side(self._confinement.worker, self._worker_grants, facts),
            names=self._names,
            remarks=self._confinement.notes,
        )
        self._log(self.attestation)
        self._done.set()
        return self.attestation

    def wire(self) -> dict[str, Any]:
        """What `/health` shows: made once, for it is asked often."""
        return self._shown

    async def unready(self) -> list[str]:
        """Sentences for why the cluster must not serve: where the operator requires the sandbox, and it has a hole."""
        if self._confinement.level != "require":
            return []
        await self._done.wait()
        assert self.attestation is not None, "it is done"
        if self.attestation.workers.facts is None:
            return ["what confines its workers could not be measured, and SANCTUARY_SANDBOX=require asks for certainty"]
        return [finding.what for finding in self.attestation.contradictions]

    def _question(self, grants: Grants, *, neighbour: int, serves: bool) -> Question:
        execute = _real(grants.execute)
        granted = (*_real(grants.read), *_real(grants.write), *execute)
        files = [path for path in FILES if not is_inside(os.path.realpath(path), granted) and _opens(path)]
        programs = [path for path in PROGRAMS if not is_inside(os.path.realpath(path), execute)]
        return Question(
            files=tuple(files[:3]),  # more would tell no more
            root="/" not in granted,
            folders=tuple(self._folders),
            ports=tuple(sorted(grants.ports or ())[:64]),
            program=next((path for path in programs if os.access(path, os.X_OK)), ""),
            neighbour=neighbour,
            serves=serves,
        )

    def _log(self, attestation: Attestation) -> None:
        self._shown = attestation.wire()
        missing = [finding.what for finding in attestation.missing]
        fields: dict[str, Any] = {"event": "confinement", "verdict": attestation.verdict, "missing": missing}
        fields["landlock_abi"] = self._around.landlock
        sentence = {
            "confined": "Confined: host and workers keep to what is declared",
            "partly": "Confined in part only: %s; `sanctuary-host doctor` has the remedies",
            "unconfined": "Not confined: %s; `sanctuary-host doctor` has the remedies",
        }[attestation.verdict]
        level = logging.INFO if attestation.verdict == "confined" else logging.WARNING
        if attestation.contradictions:
            level = logging.ERROR
        off = attestation.verdict == "unconfined" and attestation.level == "off"
        why = "SANCTUARY_SANDBOX is off" if off else "; ".join(missing)  # it was asked for: one reason says all
        logger.log(level, sentence, *([why] if "%s" in sentence else []), extra={"fields": fields})


def _side(sandbox: Sandbox | None, grants: Grants, facts: Facts | None) -> Side:
    grants = replace(grants, write=_real(grants.write))  # as the folders that are tried
    return Side(grants, sandbox is not None, sandbox.missing if sandbox is not None else (), facts)


def _names(boundary: Boundary, environment: Mapping[str, str]) -> dict[str, str]:
    """What to call folders where anybody may read it; the narrowest come first."""
    names = {
        os.path.realpath(folder.path): mount.setting
        for mount in boundary.mounts
        for folder in read_folders(mount, environment)
    }
    names.setdefault(str(Path(__file__).resolve().parents[2]), "the installed packages")
    for path, name in ((".", "the working folder"), (environment.get("HOME", "/"), "the home folder")):
        with contextlib.suppress(FileNotFoundError):  # the working folder is gone
            if os.path.realpath(path) not in NAMED:
                names.setdefault(os.path.realpath(path), name)
    return dict(sorted(names.items(), key=lambda item: -len(item[0])))


def _folders(paths: list[str]) -> Iterator[str]:
    return (real for path in paths if os.path.isdir(real := os.path.realpath(path)))  # noqa: PTH112  # a path too long is none


def _real(paths: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(os.path.realpath(path) for path in paths)


def _opens(path: str) -> bool:
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    except OSError:
        return False
    return True

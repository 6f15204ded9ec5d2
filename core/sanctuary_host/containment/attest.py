"""What host and workers are really confined by, compared with what is declared: the verdict, and what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from sanctuary_host.boundary import Boundary
from sanctuary_host.config import Sandbox as Level
from sanctuary_host.containment.grants import Grants
from sanctuary_host.containment.probe import Can, Facts
from sanctuary_host.containment.surroundings import Surroundings

Verdict = Literal["confined", "partly", "unconfined"]
Part = Literal["files", "writing", "network", "listening", "programs", "processes", "neighbours"]

SHOWN: Final = 6
"""Folders that one sentence names."""
NAMED: Final = frozenset({"/", "/dev/null", "/dev/shm", "/run", "/tmp", "/var/tmp"})  # noqa: S108  # names to show, nothing is made there
"""Paths that may be shown to anybody: every system has them."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it is declared, or that is worth knowing.

    Attributes:
        what: a sentence.
        remedy: what to do about it; empty where there is nothing to do.
        contradicts: whether the kernel was told to refuse it and does not.
    """

    what: str
    remedy: str
    contradicts: bool = False


@dataclass(frozen=True, slots=True)
class Side:
    """The host's process, or the workers, of which one speaks for all.

    Attributes:
        grants: what it may do.
        sealed: whether a sandbox was made for it.
        lacking: what of that sandbox the kernel cannot enforce, in sentences.
        facts: what it can do; `None` where it could not be asked.
    """

    grants: Grants
    sealed: bool
    lacking: tuple[str, ...]
    facts: Facts | None

    def can(self, part: Part) -> Can:
        """Whether it can do in that part what is not granted."""
        facts, grants = self.facts, self.grants
        if facts is None:
            return None
        signals = False if grants.signals else facts.signals
        fork = False if grants.execute else facts.fork
        network = [facts.tcp if grants.ports is not None else False, False if grants.udp else facts.udp, facts.raw]
        measured: dict[Part, tuple[Can, ...]] = {
            "files": (facts.files,),
            "writing": (bool(self.strays()),),
            "network": (*network, facts.other if grants.ports is not None else False),
            "listening": (facts.listen,),
            "programs": (facts.programs, fork),
            "processes": (signals,),
            "neighbours": (facts.neighbours,),
        }
        results = measured[part]
        return True if True in results else (False if False in results else None)

    def strays(self) -> tuple[str, ...]:
        """The folders in which it can make files, and should not."""
        written = self.facts.writable if self.facts is not None else []
        return tuple(path for path in written if not is_inside(path, self.grants.write))

    @property
    def outbound(self) -> str:
        """Where it can connect to: `none`, `ports 8000, 11434`, `any`, or `unknown`."""
        facts = self.facts
        if facts is None or facts.tcp is None:
            return "unknown"
        if facts.tcp or facts.raw or facts.other or (facts.udp and not self.grants.udp):
            return "any"
        ports = f"ports {', '.join(map(str, facts.ports))}" if facts.ports else ""
        return ", ".join(filter(None, [ports, "UDP" if facts.udp else ""])) or "none"

    @property
    def is_free(self) -> bool:
        """Whether nothing shows that the kernel confines it."""
        return self.facts is None or (self.facts.files is not False and not self.facts.seccomp)


@dataclass(frozen=True, slots=True)
class Attestation:
    """What confines a process, measured and compared with its declaration.

    Attributes:
        boundary: the declaration.
        level: what the operator asked for.
        contained: whether it should be in a container of its own, as SANCTUARY_CONTAINER says.
        around: what confines it from outside.
        host: the host's process.
        workers: its workers.
        names: what to call a folder where anybody may read it: the setting that grants it, or no more than its kind.
        remarks: sentences about what is declared and not there, or wider than it looks; for the operator alone.
    """

    boundary: Boundary
    level: Level
    contained: bool
    around: Surroundings
    host: Side
    workers: Side
    names: Mapping[str, str]
    remarks: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """`confined` where all of the declaration is enforced, `unconfined` where nothing confines the process."""
        if self.host.is_free and self.workers.is_free and not (self.contained and self.around.container):
            return "unconfined"
        return "partly" if self.missing else "confined"

    @property
    def missing(self) -> tuple[Finding, ...]:
        """What is declared and not enforced."""
        found = [*self._unmeasured(), *self._measured()]
        if self.host.sealed and self.host.facts is not None and self.host.facts.threads:
            what = f"{self.host.facts.threads} threads of the host are older than its confinement, and not bound by it"
            found.append(Finding(what, "have plugins start threads when they are first needed, not at import"))
        if not found:
            lacking = dict.fromkeys([*self.host.lacking, *self.workers.lacking])
            found = [Finding(sentence, "use a newer kernel, or a container") for sentence in lacking]
        return (*found, *(self._container() if self.contained else ()))

    @property
    def contradictions(self) -> tuple[Finding, ...]:
        """What the kernel was told to refuse, and does not."""
        return tuple(finding for finding in self.missing if finding.contradicts)

    @property
    def notes(self) -> tuple[Finding, ...]:
        """What is no fault, and worth knowing."""
        return tuple(self._notes())

    def can(self, side: Side, part: Part) -> Can:
        """Whether a side can do in that part what is not granted, and might do harm."""
        can = side.can(part)
        return False if can and part == "writing" and self._is_harmless(side.strays()) else can

    def name(self, path: str) -> str:
        """What to call a folder where anybody may read it."""
        for granted, name in self.names.items():
            if is_inside(path, (granted,)):
                return name
        return path if path in NAMED else "another mount"

    def wire(self) -> dict[str, Any]:
        """The attestation for `/health`, which anybody may ask: without paths of the user's own."""
        around, caps = self.around, self.boundary.caps
        return {
            "verdict": self.verdict,
            "sandbox": self.level,
            "missing": [{"what": finding.what, "remedy": finding.remedy} for finding in self.missing],
            "notes": [finding.what for finding in self.notes],
            "kernel": {
                "landlock_abi": around.landlock,
                "seccomp": bool(self.workers.facts is not None and self.workers.facts.seccomp),
            },
            "host": self._side(self.host),
            "workers": self._side(self.workers),
            "container": {
                "kind": around.container,
                "limits": asdict(around.limits),
                "read_only": around.read_only,
                "capabilities": around.capabilities,
                "no_new_privileges": around.no_new_privileges,
                "user": around.user,
                "route_out": around.route,
            },
            "declared": {
                "network": self.boundary.network,
                "folders": {mount.setting: mount.mode for mount in self.boundary.mounts},
                "backends": list(self.boundary.backends),
                "programs": list(self.boundary.programs),
                "caps": {"memory": caps.memory, "cpus": caps.cpus},
            },
        }

    def _side(self, side: Side) -> dict[str, Any]:
        grants, facts = side.grants, side.facts
        return {
            "rules": {
                "read": len(grants.read),
                "write": sorted({self.name(path) for path in grants.write}),
                "programs": len(grants.execute),
                "ports": sorted(grants.ports) if grants.ports is not None else "any",
            },
            "outbound": side.outbound,
            "writable": sorted({self.name(path) for path in facts.writable}) if facts is not None else None,
            "seccomp": facts.seccomp if facts is not None else None,
            "can": [part for part in SENTENCES if self.can(side, part)],
        }

    def _unmeasured(self) -> Iterator[Finding]:
        if self.workers.facts is None:
            remedy = "look for the reason in the log, and restart the server"
            yield Finding("What workers can do could not be measured", remedy)

    def _measured(self) -> Iterator[Finding]:
        for part, sentence in SENTENCES.items():
            sides = [side for side in (self.host, self.workers) if self.can(side, part)]
            if not sides:
                continue
            who = (
                "The host and its workers" if len(sides) == 2 else "The host" if self.host in sides else "Workers"
            )  # two sides
            contradicts = any(side.sealed and not side.lacking for side in sides)
            folders = dict.fromkeys(self.name(path) for side in sides for path in side.strays())
            where = f": {self._list(folders)}" if part == "writing" else ""
            yield Finding(f"{who} {sentence}{where}", self._remedy(part, contradicts=contradicts), contradicts)

    def _is_harmless(self, folders: tuple[str, ...]) -> bool:
        """Whether all of them are memory of a container's own, which is gone when it ends."""
        mounts = [self.around.mount_of(folder) for folder in folders]
        return self.contained and all(mount is not None and mount.kind == "tmpfs" for mount in mounts)

    def _remedy(self, part: Part, *, contradicts: bool) -> str:
        if contradicts:
            return "the kernel was told to refuse this: please report what `sanctuary-host doctor --json` prints"
        if self.level == "off":
            return "set SANCTUARY_SANDBOX=require, or leave it out"
        needed, kernel = KERNELS.get(part, (0, ""))
        if self.around.landlock == 0:
            return f"use a Linux kernel from {kernel or '5.13'} on with Landlock switched on (lsm=landlock,… at boot)"
        if self.around.landlock < needed:
            return f"use a Linux kernel from {kernel} on"
        return "use a Linux kernel with seccomp filters on x86_64 or aarch64"

    def _container(self) -> Iterator[Finding]:
        around, caps = self.around, self.boundary.caps
        limits = around.limits
        if around.container is None:
            remedy = "leave SANCTUARY_CONTAINER out, or run the server in a container"
            yield Finding("SANCTUARY_CONTAINER is set, but nothing shows a container", remedy)
        if limits.memory is None or limits.memory > caps.memory:
            has = "no memory limit" if limits.memory is None else f"a memory limit of {limits.memory} MiB"
            yield Finding(
                f"The container has {has}; {caps.memory} MiB are declared", f"run it with memory={caps.memory}m"
            )
        if limits.cpus is None or limits.cpus > caps.cpus:
            has = "no processor limit" if limits.cpus is None else f"a limit of {limits.cpus:g} processors"
            yield Finding(f"The container has {has}; {caps.cpus:g} are declared", f"run it with cpus={caps.cpus:g}")
        if not around.read_only:
            yield Finding("The container's root file system can be written", "run it with read_only: true")
        if around.capabilities:
            what = f"The container has {around.capabilities} capabilities"
            yield Finding(what, "run it with cap_drop: [ALL], and as an ordinary user")
        if around.no_new_privileges is False:
            what = "The container lets programs gain privileges"
            yield Finding(what, "run it with security_opt: [no-new-privileges]")
        if around.user == 0:
            yield Finding("It runs as root in the container", "run it with user: 10001, or another but 0")

    def _notes(self) -> Iterator[Finding]:
        around, limits = self.around, self.around.limits
        strays = [path for side in (self.host, self.workers) for path in side.strays() if self._is_harmless((path,))]
        if strays:
            names = dict.fromkeys(map(self.name, strays))
            yield Finding(f"Memory of the container's own can be written: {self._list(names)}", "")
        if not self.contained and around.user == 0:
            yield Finding("It runs as root", "run it as a user of its own")
        if not self.contained and limits.memory is None:
            yield Finding(
                "Nothing limits its memory as a whole", "run it in a container, or under systemd-run -p MemoryMax="
            )
        if limits.processes is None and self.contained:
            yield Finding("Nothing limits how many processes the container starts", "run it with pids: 64")
        host, workers = self.host.grants, self.workers.grants
        more = [f"port {port}" for port in sorted((host.ports or frozenset()) - (workers.ports or frozenset()))]
        more += ["name servers"] if host.udp and not workers.udp else []
        if more:
            what = f"The host, not its workers, may reach {', '.join(more)}: settings such as GATEWAY_URL ask for it"
            yield Finding(what, "")
        ports = sorted({*(self.host.grants.ports or ()), *(self.workers.grants.ports or ())})
        if ports and not self.contained:
            numbers = ", ".join(map(str, ports))
            what = f"The kernel tells ports apart, not addresses: port {numbers} of any machine can be reached"
            yield Finding(what, "run it in a container on a network with its servers only")
        for part in SENTENCES:
            if any(side.facts is not None and side.can(part) is None for side in (self.host, self.workers)):
                yield Finding(f"It could not be told here whether {UNTOLD[part]} is possible", "")

    @staticmethod
    def _list(names: Mapping[str, Any]) -> str:
        shown = list(names)[:SHOWN]
        return ", ".join(shown) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def is_inside(path: str, folders: tuple[str, ...]) -> bool:
    """Whether a path is one of `folders`, or in one of them."""
    return any(path == folder or path.startswith(f"{folder.rstrip('/')}/") for folder in folders)


SENTENCES: Final[Mapping[Part, str]] = {
    "files": "can read files outside of what is declared",
    "writing": "can write where nothing is declared",
    "network": "can reach the network beyond what is declared",
    "listening": "can accept connections on ports of their own",
    "programs": "can start programs or processes",
    "processes": "can send signals to other processes",
    "neighbours": "can read the memory or environment of other processes",
}
"""What it means when a part of the declaration is not kept, in the order of reports."""
UNTOLD: Final[Mapping[Part, str]] = {
    "files": "reading other files",
    "writing": "writing elsewhere",
    "network": "reaching the network",
    "listening": "accepting connections",
    "programs": "starting programs",
    "processes": "sending signals to other processes",
    "neighbours": "reading other processes' memory",
}
"""The same where nothing is known."""
KERNELS: Final[Mapping[Part, tuple[int, str]]] = {
    "files": (1, "5.13"),
    "writing": (1, "5.13"),
    "neighbours": (1, "5.13"),
    "network": (4, "6.7"),
    "listening": (4, "6.7"),
    "processes": (6, "6.12"),
}
"""The version of Landlock that refuses each, and the kernel it came with (landlock(7)); seccomp refuses the others."""

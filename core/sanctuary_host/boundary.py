"""What a cluster may touch: declared once by its pack, read by everything that enforces or shows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Literal, cast, get_args

Network = Literal["none", "gateway", "backends", "internet"]
Mode = Literal["ro", "rw"]
Kind = Literal["bind", "volume"]


@dataclass(frozen=True, slots=True)
class Mount:
    """A folder that the cluster may use.

    Attributes:
        setting: the environment variable that names the folder, such as `SANCTUARY_DATA`.
        mode: `ro` to read, `rw` to write too.
        kind: `bind` for folders of the user's, `volume` for one in which the cluster keeps what is its own.
    """

    setting: str
    mode: Mode = "ro"
    kind: Kind = "bind"

    def __post_init__(self) -> None:
        """Refuse what no enforcement could follow."""
        if not isinstance(self.setting, str) or not self.setting:  # pyright: ignore[reportUnnecessaryIsInstance]  # packs may be untyped
            raise ValueError("a Mount's setting must be the name of an environment variable")
        _one_of("a Mount's mode", self.mode, Mode)
        _one_of("a Mount's kind", self.kind, Kind)


@dataclass(frozen=True, slots=True)
class Caps:
    """What the cluster's container may use of the machine, and what is kept free for it.

    Attributes:
        cpus: processors at most, above 0.
        memory: MiB at most, from 64.
        reserved_cpus: processors that are reserved, not above `cpus`.
        reserved_memory: MiB that are reserved, not above `memory`.
    """

    cpus: float = 0.5
    memory: int = 256
    reserved_cpus: float = 0.25
    reserved_memory: int = 128

    def __post_init__(self) -> None:
        """Refuse what no runtime could keep."""
        numbers = (self.cpus, self.memory, self.reserved_cpus, self.reserved_memory)
        if not all(isinstance(number, int | float) for number in numbers) or not self.cpus > 0 or self.memory < 64:  # pyright: ignore[reportUnnecessaryIsInstance]  # packs may be untyped
            raise ValueError("Caps must be numbers: cpus above 0, memory of at least 64 MiB")
        if not (0 <= self.reserved_cpus <= self.cpus and 0 <= self.reserved_memory <= self.memory):
            raise ValueError("Caps cannot reserve more than they allow, nor less than nothing")


@dataclass(frozen=True, slots=True)
class Boundary:
    """What a cluster may touch besides answering its callers. The default is the tightest: pure computation.

    Attributes:
        network: `none`, `gateway` (the MCP gateway only), `backends` (the servers that `backends` names only) or
            `internet`.
        mounts: the folders it may use.
        secrets: names of the environment variables (or their `_FILE` twins) that it may read.
        port: the host port on which the fleet publishes it, 1 to 65535.
        backends: names of the environment variables that hold the URLs of its servers, such as `VECTOR_DB_URL`.
        programs: programs that it may run, as absolute paths, or as names that are looked up in PATH at start.
        caps: what its container may use of the machine.
        audit: whether each call leaves a record in the audit trail, without which no tool runs.
    """

    network: Network = "none"
    mounts: tuple[Mount, ...] = ()
    secrets: tuple[str, ...] = ()
    port: int | None = None
    backends: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    caps: Caps = field(default_factory=Caps)
    audit: bool = False

    def __post_init__(self) -> None:
        """Refuse what no enforcement could follow."""
        _one_of("a Boundary's network", self.network, Network)
        _all_are("a Boundary's mounts", self.mounts, Mount)
        for name in ("secrets", "backends", "programs"):
            _all_are(f"a Boundary's {name}", getattr(self, name), str)
        if self.port is not None and not (isinstance(self.port, int) and 1 <= self.port <= 65535):  # pyright: ignore[reportUnnecessaryIsInstance]  # packs may be untyped
            raise ValueError("a Boundary's port must be from 1 to 65535")
        if not isinstance(self.caps, Caps) or not isinstance(self.audit, bool):  # pyright: ignore[reportUnnecessaryIsInstance]  # as above
            raise ValueError("a Boundary's caps must be Caps(...), and its audit True or False")  # noqa: TRY004  # as the others
        if self.backends and self.network in {"none", "gateway"}:
            raise ValueError(f"a Boundary that names backends must have network='backends', not {self.network!r}")
        if self.network == "backends" and not self.backends:
            raise ValueError("a Boundary with network='backends' must name the settings of their URLs in backends=")

    def __str__(self) -> str:
        """The boundary in a few words, for tables."""
        files = ", ".join(f"{mount.setting}:{mount.mode}" for mount in self.mounts) or "no files"
        network = {"none": "no network", "gateway": "gateway only", "internet": "internet"}.get(self.network)
        more = [f"{len(self.secrets)} secrets"] if self.secrets else []
        more += [f"may run {', '.join(PurePosixPath(name).name for name in self.programs)}"] if self.programs else []
        return "; ".join([files, network or f"{', '.join(self.backends)} only", *more])


def _one_of(what: str, value: object, words: object) -> None:
    if value not in get_args(words):
        raise ValueError(f"{what} must be {' or '.join(repr(word) for word in get_args(words))}")


def _all_are(what: str, values: object, kind: type) -> None:
    """Refuse what is no tuple of `kind`; a comma forgotten in `(one)` leaves no tuple."""
    if not isinstance(values, tuple) or not all(
        isinstance(value, kind) for value in cast("tuple[object, ...]", values)
    ):
        raise ValueError(f"{what} must be a tuple of {kind.__name__}; a tuple of one is written (one,)")

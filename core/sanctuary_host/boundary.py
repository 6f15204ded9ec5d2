"""What a cluster may touch: declared once by its pack, read by everything that enforces or shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast, get_args

Network = Literal["none", "backends", "internet"]
Mode = Literal["ro", "rw"]
Kind = Literal["bind", "volume"]


@dataclass(frozen=True, slots=True)
class Mount:
    """A folder that the cluster may use.

    Attributes:
        setting: the environment variable that names the folder, such as `SANCTUARY_DATA`.
        mode: `ro` to read, `rw` to write too.
        kind: `bind` for a folder of the user's, `volume` for what the cluster keeps for itself.
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
class Boundary:
    """What a cluster may touch besides answering its callers. The default is the tightest: pure computation.

    Attributes:
        network: `none`, `backends` (the named servers of the fleet only) or `internet`.
        mounts: the folders it may use.
        secrets: names of the environment variables (or their `_FILE` twins) that it may read.
        port: the host port on which the fleet publishes it, 1 to 65535.
    """

    network: Network = "none"
    mounts: tuple[Mount, ...] = ()
    secrets: tuple[str, ...] = ()
    port: int | None = None

    def __post_init__(self) -> None:
        """Refuse what no enforcement could follow."""
        _one_of("a Boundary's network", self.network, Network)
        _all_are("a Boundary's mounts", self.mounts, Mount)
        _all_are("a Boundary's secrets", self.secrets, str)
        if self.port is not None and not (isinstance(self.port, int) and 1 <= self.port <= 65535):  # pyright: ignore[reportUnnecessaryIsInstance]  # packs may be untyped
            raise ValueError("a Boundary's port must be from 1 to 65535")

    def __str__(self) -> str:
        """The boundary in a few words, for tables."""
        files = ", ".join(f"{mount.setting}:{mount.mode}" for mount in self.mounts) or "no files"
        network = {"none": "no network", "backends": "backends only", "internet": "internet"}[self.network]
        return f"{files}; {network}" + (f"; {len(self.secrets)} secrets" if self.secrets else "")


def _one_of(what: str, value: object, words: object) -> None:
    if value not in get_args(words):
        raise ValueError(f"{what} must be {' or '.join(repr(word) for word in get_args(words))}")


def _all_are(what: str, values: object, kind: type) -> None:
    """Refuse what is no tuple of `kind`; a comma forgotten in `(one)` leaves no tuple."""
    if not isinstance(values, tuple) or not all(
        isinstance(value, kind) for value in cast("tuple[object, ...]", values)
    ):
        raise ValueError(f"{what} must be a tuple of {kind.__name__}; a tuple of one is written (one,)")

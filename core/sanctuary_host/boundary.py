"""What a cluster may touch: declared once by its pack, read by everything that enforces or shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Network = Literal["none", "backends", "internet"]


@dataclass(frozen=True, slots=True)
class Mount:
    """A folder that the cluster may use.

    Attributes:
        setting: the environment variable that names the folder, such as `SANCTUARY_DATA`.
        mode: `ro` to read, `rw` to write too.
        kind: `bind` for a folder of the user's, `volume` for what the cluster keeps for itself.
    """

    setting: str
    mode: Literal["ro", "rw"] = "ro"
    kind: Literal["bind", "volume"] = "bind"


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

    def __str__(self) -> str:
        """The boundary in a few words, for tables."""
        files = ", ".join(f"{mount.setting}:{mount.mode}" for mount in self.mounts) or "no files"
        network = {"none": "no network", "backends": "backends only", "internet": "internet"}[self.network]
        return f"{files}; {network}" + (f"; {len(self.secrets)} secrets" if self.secrets else "")

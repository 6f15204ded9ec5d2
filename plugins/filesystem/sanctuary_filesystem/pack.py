"""What the filesystem cluster may touch: the granted folders, and the one program that searches them."""

from __future__ import annotations

from collections.abc import Sequence

from sanctuary_filesystem.ripgrep import PROGRAM
from sanctuary_filesystem.roots import SETTING, UNSET
from sanctuary_host import Boundary, Host, Mount, hookimpl


@hookimpl
def declare_boundary() -> Boundary:
    """No network; every call is recorded."""
    return Boundary(port=8101, mounts=(Mount(SETTING, "rw"),), programs=(PROGRAM,), audit=True)


@hookimpl
async def check_ready(host: Host) -> Sequence[str]:
    """Tell what is missing."""
    return [] if host.folders(SETTING) else [UNSET]

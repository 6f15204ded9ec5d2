"""What the filesystem cluster may touch: the granted folders, and the one program that searches them."""

from __future__ import annotations

from sanctuary_filesystem.ripgrep import PROGRAM
from sanctuary_filesystem.roots import SETTING
from sanctuary_host import Boundary, Mount, hookimpl


@hookimpl
def declare_boundary() -> Boundary:
    """No network; every call is recorded."""
    return Boundary(port=8101, mounts=(Mount(SETTING, "rw"),), programs=(PROGRAM,), audit=True)

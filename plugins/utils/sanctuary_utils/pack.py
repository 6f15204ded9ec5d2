"""What the utils cluster may touch: nothing."""

from __future__ import annotations

from sanctuary_host import Boundary, hookimpl


@hookimpl
def declare_boundary() -> Boundary:
    """Pure computation: no folder, no network, no secret."""
    return Boundary(port=8100)

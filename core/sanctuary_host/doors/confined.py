"""Whether the kernel keeps this process in, so that a program which it starts cannot be led astray either."""

from __future__ import annotations

import os


def is_confined() -> bool:
    """Whether this process may not even list `/`, which is granted to nobody."""
    try:
        os.close(os.open("/", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
    except OSError:
        return True
    return False

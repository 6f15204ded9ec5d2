"""Names that somebody may have meant who wrote another one: in other letters, or in another normal form."""

from __future__ import annotations

import os
import unicodedata
from itertools import islice
from typing import Final

from sanctuary_host.doors.beneath import open_beneath, split

LOOKED_AT: Final = 2_000
"""Entries of a folder that are compared."""


def path_like(top: int, path: str) -> str:
    """A path that differs in the case of its last part, or in how its characters are composed; empty if there is none.

    Args:
        top: a descriptor of the tree.
        path: within it, where there is nothing.
    """
    rest, name = split(path.rstrip("/"))
    wanted = _plain(name)
    try:
        folder = open_beneath(top, rest, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return ""
    try:
        with os.scandir(folder) as entries:
            names = (entry.name for entry in islice(entries, LOOKED_AT))
            alike = next((one for one in names if one != name and _plain(one) == wanted), "")
    except OSError:
        return ""
    finally:
        os.close(folder)
    return f"{rest}/{alike}" if alike and rest != "." else alike


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()

"""The folders that the operator grants, opened at the start."""

from __future__ import annotations

from typing import Final

from sanctuary_filesystem.names import plain
from sanctuary_host import Host
from sanctuary_host.doors import Place, Trees, open_trees

SETTING: Final = "SANCTUARY_WORKSPACE"
UNSET: Final = f"no folder is granted; set {SETTING} to /path, or /path:rw to write too, and start again"


def open_roots(host: Host) -> Trees:
    """Open the granted folders; they stay open until the host ends.

    Raises:
        SettingsError: the setting does not fit, or a folder cannot be opened.
    """
    return open_trees(host, SETTING, none=UNSET)


def told(trees: Trees, place: Place) -> str:
    """How an answer names a place: its path, on one line, with the folder's name where there are several."""
    path = plain(place.path)
    return path if len(list(trees)) == 1 else f"{place.tree.name}:{path}"

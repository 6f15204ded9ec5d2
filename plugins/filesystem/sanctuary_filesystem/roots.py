"""The folders that the operator grants, opened at the start."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from sanctuary_filesystem.names import plain
from sanctuary_host import Folder, Host, SettingsError
from sanctuary_host.doors import PathError, Place, Tree, Trees

SETTING: Final = "SANCTUARY_WORKSPACE"
UNSET: Final = f"no folder is granted; set {SETTING} to /path, or /path:rw to write too, and start again"


def open_roots(host: Host) -> Trees:
    """Open the granted folders; they stay open until the host ends.

    Raises:
        SettingsError: the setting does not fit, or a folder cannot be opened.
    """
    trees = Trees([_open(folder) for folder in host.folders(SETTING)], none=UNSET)
    for tree in trees:
        host.keep_open(tree.top)
        with suppress(PathError):  # which callers are told, and can be put right without a new start
            tree.settle()
    host.on_shutdown(trees.close)
    return trees


def told(trees: Trees, place: Place) -> str:
    """How an answer names a place: its path, on one line, with the folder's name where there are several."""
    path = plain(place.path)
    return path if len(list(trees)) == 1 else f"{place.tree.name}:{path}"


def _open(folder: Folder) -> Tree:
    try:
        return Tree(folder)
    except OSError as error:
        why = (error.strerror or "it failed").lower()
        raise SettingsError(
            f"{SETTING} names {folder.path}, which cannot be opened: {why}; name a folder that is there and that the "
            "server's user may open, as /path or /path:rw"
        ) from None

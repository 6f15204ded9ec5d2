"""Open the folders that the operator grants, for as long as the host runs and in every worker."""

from __future__ import annotations

from contextlib import suppress

from sanctuary_host.doors.trees import PathError, Tree, Trees
from sanctuary_host.folders import Folder
from sanctuary_host.host import Host
from sanctuary_host.settings import SettingsError


def open_trees(host: Host, setting: str, *, none: str = "") -> Trees:
    """Open the folders that a setting names, which the boundary declares as a mount.

    Args:
        host: whose folders they are.
        setting: the environment variable.
        none: what callers are told where it is not set.

    Raises:
        SettingsError: the setting does not fit, or a folder cannot be opened.
    """
    trees = Trees([_open(folder, setting) for folder in host.folders(setting)], none or f"{setting} names no folder")
    for tree in trees:
        host.keep_open(tree.top)
        with suppress(PathError):  # which callers are told, and can be put right without a new start
            tree.settle()
    host.on_shutdown(trees.close)
    return trees


def _open(folder: Folder, setting: str) -> Tree:
    try:
        return Tree(folder)
    except OSError as error:
        why = (error.strerror or "it failed").lower()
        raise SettingsError(
            f"{setting} names {folder.path}, which cannot be opened: {why}; name a folder that is there and that the "
            "server's user may open, as /path or /path:rw"
        ) from None

"""Folders that the operator grants, as a mount's setting names them: `/path[:ro|rw][,name=/path…]`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Final

from sanctuary_host.boundary import Boundary, Mount
from sanctuary_host.settings import SettingsError

NO_MODE: Final = re.compile(r":[rwxo]{0,3}$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that the operator grants to the cluster.

    Attributes:
        name: how callers name it; by default the last part of its path.
        path: its absolute path, as the setting has it.
        writable: whether it may be written.
    """

    name: str
    path: str
    writable: bool


def read_folders(mount: Mount, environment: Mapping[str, str]) -> tuple[Folder, ...]:
    """The folders that a mount's setting names; none where it is not set.

    A `volume` is one folder, and the setting is its path. A `bind` may be several, separated by commas, each with a
    mode (`ro` by default) and, after the first, a name of its own.

    Raises:
        SettingsError: a path is not absolute, or is the machine's own (`/`, `/dev`, `/proc`, `/sys`); a mode is none or
            wider than the mount declares; or two names are alike.
    """
    text = environment.get(mount.setting, "").strip()
    if not text:
        return ()
    words = [text] if mount.kind == "volume" else [word.strip() for word in text.split(",") if word.strip()]
    folders = [_folder(mount, word) for word in words]
    names = [folder.name for folder in folders]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise SettingsError(f"{mount.setting} has two folders named {twice[0][:60]}; write name=/path to name one")
    return tuple(folders)


def as_granted(boundary: Boundary, environment: Mapping[str, str]) -> Boundary:
    """A boundary with each mount as the operator grants it: to read only, where no folder of it may be written.

    Raises:
        SettingsError: as `read_folders`.
    """
    mounts = tuple(
        replace(mount, mode="ro") if folders and not any(folder.writable for folder in folders) else mount
        for mount in boundary.mounts
        for folders in [read_folders(mount, environment)]
    )
    return replace(boundary, mounts=mounts)


def unset_folders(boundary: Boundary, environment: Mapping[str, str]) -> tuple[str, ...]:
    """The settings that name the user's folders, where a cluster works on such and none of them is set."""
    settings = tuple(mount.setting for mount in boundary.mounts if mount.kind == "bind")
    return () if any(environment.get(setting, "").strip() for setting in settings) else settings


def _folder(mount: Mount, word: str) -> Folder:
    name, path, mode = "", word, "rw" if mount.kind == "volume" and mount.mode == "rw" else "ro"
    if mount.kind == "bind" and not word.startswith("/") and "=" in word:
        name, _, path = word.partition("=")
    if path.endswith((":ro", ":rw")):
        path, mode = path[:-3], path[-2:]
    elif mount.kind == "bind" and NO_MODE.search(path):
        raise SettingsError(f"{mount.setting} has a mode that is neither :ro nor :rw; end the path with one of them")
    if not path.startswith("/"):
        what = "be an absolute path, such as /srv/work"
        if mount.kind == "bind":
            what = "hold absolute paths, such as /srv/work" + (", or /srv/work:rw to write too" * (mount.mode == "rw"))
        raise SettingsError(f"{mount.setting} must {what}")
    if mode == "rw" and mount.mode == "ro":
        raise SettingsError(f"{mount.setting} asks for rw, but this cluster only reads there; leave :rw out")
    pure = PurePosixPath(path)
    if not pure.name or pure.parts[1] in {"dev", "proc", "sys"}:
        raise SettingsError(f"{mount.setting} names the machine itself; name a folder, such as /srv/work")
    return Folder(name.strip() or pure.name, str(pure), mode == "rw")

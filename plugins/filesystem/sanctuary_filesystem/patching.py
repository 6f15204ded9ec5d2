"""The tool that applies patches."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field, WithJsonSchema

from sanctuary_filesystem.diffs import read_diffs
from sanctuary_filesystem.patch_files import PatchFiles
from sanctuary_filesystem.patch_names import name_files
from sanctuary_filesystem.patch_steps import PatchedFile, apply_diffs
from sanctuary_filesystem.roots import open_roots, told
from sanctuary_host import Host, Recorded, ToolError, Tools, hookimpl, tool
from sanctuary_host.doors import Place, Trees, changing

__all__ = ["Patched", "Patching", "register_tools"]

LONGEST: Final = 4 << 20
"""Bytes of a patch."""
LISTED: Final = 50
"""Files in the readable text."""


@dataclass(frozen=True, slots=True)
class Patched:
    """What a patch changed, or would change."""

    dry_run: bool
    # What each holds is known when it is there; in the list of tools it would take more room than all parameters.
    files: list[Annotated[PatchedFile, WithJsonSchema({"type": "object"})]]

    def __str__(self) -> str:
        """A line a file."""
        count = f"{len(self.files)} file{'s' * (len(self.files) != 1)}"
        head = f"would change {count}; nothing was changed" if self.dry_run else f"changed {count}"
        more = [f"… and {len(self.files) - LISTED} more"] if len(self.files) > LISTED else []
        return "\n".join([head, *map(str, self.files[:LISTED]), *more])


class Patching:
    """The tool, around the folders.

    Args:
        trees: the granted folders.
    """

    def __init__(self, trees: Trees) -> None:
        self.trees = trees

    @tool(destructive=True, idempotent=False, open_world=False, timeout=60, memory=192, concurrency=2)
    def apply_patch(
        self,
        patch: Annotated[str, Recorded("diff")],
        path: Annotated[str, Field(description="Folder that names start from"), Recorded()] = "",
        *,
        strip: Annotated[int, Field(description="Name parts to drop; -1: find out")] = -1,
        fuzz: Annotated[int, Field(description="Context that may differ", ge=0, le=2)] = 2,
        reverse: bool = False,
        dry_run: bool = False,
    ) -> Patched:
        """Apply a unified or git diff: edit, create, delete, rename files; all of it or nothing.

        Line numbers and counts may be wrong. For one change use edit_file.
        """
        place = self.trees.place(path)
        if stat.S_ISREG(place.tree.status(place.path).st_mode):
            raise ToolError(f"{told(self.trees, place)} is a file; give the folder that names in the patch start from")
        with place.tree.folder(place.path):
            pass
        try:
            text = patch.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            raise ToolError("the patch holds half a character (a lone surrogate); give it as text") from None
        if len(text) > LONGEST:
            raise ToolError(f"the patch has {len(text):,} bytes; apply it in parts of at most {LONGEST >> 20} MiB")
        diffs = read_diffs(text)
        if reverse:
            diffs = [diff.reversed() for diff in diffs[::-1]]
        with changing(place.tree) as changes:
            named = name_files(diffs, self.trees, place, changes, strip)
            files = PatchFiles(place.tree, changes, dry_run=dry_run)
            done = apply_diffs(named, files, lambda one: told(self.trees, Place(place.tree, one)), fuzz)
        return Patched(dry_run, done)


@hookimpl
def register_tools(host: Host) -> Tools:
    """The tools of this plugin, where there is a folder that may be written."""
    trees = open_roots(host)
    return [Patching(trees).apply_patch] if any(tree.writable for tree in trees) else []

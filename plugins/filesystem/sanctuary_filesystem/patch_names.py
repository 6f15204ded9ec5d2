"""Which files of a tree the names in a patch mean."""

from __future__ import annotations

import errno
import itertools
import os
import posixpath
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sanctuary_filesystem.diff_names import stripped
from sanctuary_filesystem.diffs import FileDiff
from sanctuary_host import ToolError
from sanctuary_host.doors import OWN, Changes, PathError, Place, Tree, Trees

DEEPEST: Final = 10
"""Parts of names that are left out, where that is found out."""


@dataclass(frozen=True, slots=True)
class Named:
    """A diff with the paths that it means.

    Attributes:
        diff: the diff.
        old: the path before, within the tree; `None` where there was no file.
        new: the path after.
        note: what is to be said of them.
    """

    diff: FileDiff
    old: str | None
    new: str | None
    note: str = ""

    @property
    def paths(self) -> list[str]:
        """All of them, each once."""
        return list(dict.fromkeys(path for path in (self.old, self.new) if path is not None))


def name_files(diffs: Sequence[FileDiff], trees: Trees, place: Place, changes: Changes, strip: int) -> list[Named]:
    """Find out which files diffs mean.

    Args:
        diffs: those of a patch, in order.
        trees: the granted folders.
        place: the folder that names start from.
        changes: tells what is there.
        strip: how many parts at the start of names are left out; -1 to find it out.

    Raises:
        PathError: a name leads out of the folder.
        ToolError: a name has no more parts than are to be left out.
    """
    names = _Names(trees, place, changes, finds_out=strip < 0)
    return names.all_of(diffs, names.strip_of(diffs) if strip < 0 else strip)


class _ShortError(ToolError):
    """A name has too few parts."""


class _Names:
    """Turns names into paths."""

    def __init__(self, trees: Trees, place: Place, changes: Changes, *, finds_out: bool) -> None:
        self.trees, self.place, self.changes, self.finds_out = trees, place, changes, finds_out

    def path(self, name: bytes, strip: int) -> str:
        """The path that a name means."""
        if name.startswith(b"/") and (strip == 0 or self.finds_out):
            return self._absolute(os.fsdecode(name))
        tree, colon, _ = os.fsdecode(name).partition(":")
        if b".." in name.split(b"/") or (colon and tree in {one.name for one in self.trees}):
            raise _nothing(self.place.tree, os.fsdecode(name))
        rest = stripped(name, strip)
        if rest is None:
            raise _ShortError(f"a name in the patch has no {strip + 1} parts; give another strip")
        return self._within(os.fsdecode(rest))

    def _absolute(self, name: str) -> str:
        """Absolute names are those of this folder, as everywhere else."""
        found = self.trees.place(name)
        if found.tree is not self.place.tree or found.path.startswith("/"):
            raise _nothing(self.place.tree, name)
        return self._within(found.path, base=".")

    def _within(self, name: str, base: str | None = None) -> str:
        parts = [part for part in name.split("/") if part not in {"", "."}]
        if ".." in parts or not parts:
            raise _nothing(self.place.tree, name)
        path = posixpath.normpath(posixpath.join(base or self.place.path, *parts))
        if path.partition("/")[0] == OWN:
            raise PathError(f"{OWN} is this server's own folder, which no patch can change")
        return path

    def strip_of(self, diffs: Sequence[FileDiff]) -> int:
        """How many parts are left out so that all files are there which must be."""
        prefixed = all(_is_prefixed(diff) for diff in diffs)
        first, second = (1, 0) if prefixed else (0, 1)
        for strip in itertools.chain((first, second), range(2, DEEPEST + 1)):
            try:
                if self._are_there(self.all_of(diffs, strip)):
                    return strip
            except _ShortError:
                continue
        return first

    def _are_there(self, named: Sequence[Named]) -> bool:
        made: set[str] = set()
        for one in named:
            makes = one.diff.action == "create" or (
                one.diff.action == "edit" and not any(h.old for h in one.diff.hunks)
            )
            if one.old and not makes and one.old not in made and not self.changes.exists(one.old):
                return False
            if one.new:
                made.add(one.new)
        return True

    def all_of(self, diffs: Sequence[FileDiff], strip: int) -> list[Named]:
        named: list[Named] = []
        made: set[str] = set()
        for diff in diffs:
            old, new = (self.path(name, strip) if name is not None else None for name in (diff.old, diff.new))
            one = Named(diff, old, new)
            if diff.action == "edit" and old and new and old != new:
                one = self._one_of(diff, old, new, made)
            named.append(one)
            made.update(path for path in (one.new,) if path)
        return named

    def _one_of(self, diff: FileDiff, old: str, new: str, made: set[str]) -> Named:
        """The file that is meant by two names, such as `a.txt.orig` and `a.txt`, where none is said to be renamed."""
        if new in made or self.changes.exists(new) or not (old in made or self.changes.exists(old)):
            return Named(diff, new, new)
        note = f"not renamed to {new}: that takes the lines 'rename from' and 'rename to'"
        return Named(diff, old, old, note)


def _is_prefixed(diff: FileDiff) -> bool:
    """Whether names begin as git has it, with `a/` and `b/` or two other letters."""
    first, second = (name.partition(b"/") if name else None for name in (diff.old, diff.new))
    if first and second:
        return first[0] != second[0] and len(first[0]) == len(second[0]) == 1
    one = first or second
    return one is not None and one[0] in {b"a", b"b"} and bool(one[1])


def _nothing(tree: Tree, name: str) -> PathError:
    return tree.failure(name, OSError(errno.ENOENT, ""))

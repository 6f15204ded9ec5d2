"""Move, copy and delete: two tools after which nothing is lost, for what is replaced or deleted goes to the trash."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from pydantic import Field

from sanctuary_filesystem.copying import Copier, digest_of
from sanctuary_filesystem.roots import open_roots, told
from sanctuary_host import Host, Recorded, ToolError, Tools, hookimpl, tool
from sanctuary_host.doors import (
    OWN,
    Changes,
    Place,
    Trashed,
    Tree,
    Trees,
    changing,
    discard,
    find,
    kind_of,
    purge,
    restore,
    trashed,
)

TIMEOUT: Final = 120
PATIENCE: Final = 100
"""Seconds for copying; what is left of the deadline is for clearing up."""
LISTED: Final = 100
"""Things in the trash that are listed."""
COPY: Final = "copy"
"""What a copy is called before it is in its place."""


@dataclass(frozen=True, slots=True)
class Moved:
    """Where something is now, and the id in the trash of what was there."""

    path: str
    trashed: str
    note: str

    def __str__(self) -> str:
        """In a line, and one for each other thing."""
        trashed = f"what was there is in the trash as {self.trashed}" if self.trashed else ""
        return "\n".join(line for line in (f"now at {self.path}", self.note, trashed) if line)


@dataclass(frozen=True, slots=True)
class Deleted:
    """What was done, and with which things: their ids in the trash, and what they are."""

    done: str
    items: dict[str, str]

    def __str__(self) -> str:
        """A line, and one for each thing."""
        return "\n".join([self.done, *(f"{key}  {item}" for key, item in self.items.items())])


class Moving:
    """The tools, around the folders."""

    def __init__(self, trees: Trees) -> None:
        self.trees = trees

    @tool(open_world=False, timeout=TIMEOUT, memory=64)
    def move_path(
        self,
        source: Annotated[str, Field(description="File, link or folder"), Recorded()],
        target: Annotated[str, Field(description="Its whole new path"), Recorded()],
        *,
        copy: bool = False,
        overwrite: Annotated[bool, Field(description="What is at target goes to the trash")] = False,
    ) -> Moved:
        """Rename, move or copy; makes missing parents, never replaces unasked. Links stay links."""
        start, end = self.trees.place(source), self.trees.place(target)
        status = start.tree.status(start.path, follow=False)
        with start.tree.parent(start.path):  # else it is the folder that was granted
            pass
        if start.tree is not end.tree and not copy and not start.tree.writable:
            raise ToolError(f"{start.tree.name} is read-only: copy=true leaves the source")
        if not copy and start.tree.is_own(start.path):
            raise ToolError(f"{OWN} is this server's own folder; delete_path restores what is in its trash")
        copier = Copier(PATIENCE, durable=not copy)
        with changing(end.tree) as changes:
            replaced = self._make_way(changes, start, end, status, overwrite=overwrite)
            if copy or start.tree is not end.tree:
                _copy(copier, changes, start)
                changes.put(COPY, end.path)
            else:
                changes.move(start.path, end.path)
        notes = [f"copied {copier.entries:,} entries, {copier.size:,} bytes"] if copier.entries else []
        notes += copier.notes
        if not copy and start.tree is not end.tree:
            notes.append(self._remove_source(start, copier))
        identity = replaced.id if replaced else ""
        return Moved(told(self.trees, end), identity, "; ".join(filter(None, notes)))

    @tool(open_world=False, timeout=TIMEOUT, memory=64)
    def delete_path(
        self,
        path: Annotated[
            str,
            Field(description="To restore or purge: its id or old path; to list or purge all: ."),
            Recorded(),
        ],
        action: Annotated[
            Literal["trash", "restore", "list", "purge"],
            Field(description="list: show the trash; purge: for good"),
        ] = "trash",
    ) -> Deleted:
        """Delete a file, link or folder to the trash, from where it can be restored for 30 days."""
        place = self.trees.place(path)
        if action in {"restore", "purge"}:
            place = self._by_id(path) or place
        tree = place.tree
        if action == "list":
            return self._told(tree, "in the trash", trashed(tree))
        with changing(tree) as changes:
            if action == "trash":
                items = [discard(tree, changes, place.path)]
            elif action == "restore":
                items = [restore(tree, changes, place.path)]
            else:
                items = trashed(tree) if place.path == "." else [find(tree, place.path)]
                purge(tree, items)
        done = {"trash": "moved to the trash", "restore": "restored", "purge": "deleted for good"}[action]
        return self._told(tree, done, items)

    def _by_id(self, path: str) -> Place | None:
        """Where the trash is that holds something by that id, which is no other's."""
        for tree in self.trees:
            if any(item.id == path for item in trashed(tree)):
                return Place(tree, path)
        return None

    def _make_way(
        self, changes: Changes, start: Place, end: Place, status: os.stat_result, *, overwrite: bool
    ) -> Trashed | None:
        """See to it that nothing is at the target.

        Raises:
            ToolError: something is, and may not be replaced, or is a folder around the source, or in it.
        """
        known = (status.st_dev, status.st_ino)
        if known in end.tree.around(end.path):
            raise ToolError(
                f"{told(self.trees, end)} lies in {told(self.trees, start)}; a folder cannot go into itself"
            )
        if not changes.exists(end.path):
            return None
        there = end.tree.status(end.path, follow=False)
        name = told(self.trees, end)
        if (there.st_dev, there.st_ino) == known:
            raise ToolError(f"{name} and {told(self.trees, start)} are the same; nothing was changed")
        if not overwrite:
            inside = f"to put it inside, write {name.rstrip('/')}/NAME, " if stat.S_ISDIR(there.st_mode) else ""
            raise ToolError(
                f"there is {kind_of(there.st_mode)} at {name} already; {inside}to replace that one set overwrite"
            )
        if (there.st_dev, there.st_ino) in start.tree.around(start.path):
            raise ToolError(f"{name} holds {told(self.trees, start)}, and so cannot be replaced by it")
        return discard(end.tree, changes, end.path)

    def _remove_source(self, start: Place, copier: Copier) -> str:
        """Remove what was copied to another folder if it is as it was then; else say that it is still there."""
        try:
            with start.tree.parent(start.path) as (folder, name):
                if digest_of(folder, name) != copier.digest:
                    return f"{told(self.trees, start)} was changed meanwhile, and so was not removed"
            with changing(start.tree) as changes:
                item = discard(start.tree, changes, start.path)
            with changing(start.tree):
                purge(start.tree, [item])
        except (ToolError, OSError) as error:
            why = error if isinstance(error, ToolError) else "it cannot be read"
            return f"it was copied, but {told(self.trees, start)} was not wholly removed: {why}"
        return ""

    def _told(self, tree: Tree, done: str, items: Sequence[Trashed]) -> Deleted:
        more = f", of which the newest {LISTED} are listed" if len(items) > LISTED else ""
        return Deleted(f"{len(items):,} {done}{more}", {one.id: self._line(tree, one) for one in items[:LISTED]})

    def _line(self, tree: Tree, item: Trashed) -> str:
        size = "" if item.size < 0 else f", {item.size:,} bytes"
        time = datetime.fromtimestamp(item.time, UTC).strftime("%Y-%m-%d %H:%MZ")
        return f"{told(self.trees, Place(tree, item.path))} ({item.kind}{size}, deleted {time})"


def _copy(copier: Copier, changes: Changes, start: Place) -> None:
    """Copy into the staging folder.

    Raises:
        ToolError: it cannot be copied.
    """
    with start.tree.parent(start.path) as (folder, name):
        try:
            copier.copy(folder, name, changes.staging, COPY)
        except OSError as error:
            raise start.tree.failure(start.path, error) from None


@hookimpl
def register_tools(host: Host) -> Tools:
    """The tools of this plugin, if there is anything that they may change."""
    trees = open_roots(host)
    if not any(tree.writable for tree in trees):
        return []
    moving = Moving(trees)
    return [moving.move_path, moving.delete_path]

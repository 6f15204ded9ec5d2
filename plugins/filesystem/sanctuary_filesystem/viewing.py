"""How one folder is shown, in any order, with what is in its folders or without."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from itertools import islice
from typing import Final

from sanctuary_filesystem.cursors import Position
from sanctuary_filesystem.finding import Order
from sanctuary_filesystem.ignores import NAME, Ignores
from sanctuary_filesystem.lines import LONGEST, facts, mark
from sanctuary_filesystem.names import plain
from sanctuary_filesystem.walking import GIT, Contents, contents_of, measures_of
from sanctuary_host.doors import PathError, Tree

BENEATH: Final = 20
"""Entries that a tree view shows of each folder beneath the first."""


class View:
    """A folder, open and read.

    Args:
        tree: where it is.
        path: of it there; empty for the tree itself.
        descriptor: of it.
        contents: of it.
        order: of its entries; by name, folders come first.
        details: whether sizes and times are shown.
        ignores: what a tree view does not look into.

    Attributes:
        before: how many entries were on earlier pages.
        shown: how many are on this one.
        position: where the next page begins; `None` where there is none.
        is_cut: whether a folder below is shown in part.
    """

    def __init__(
        self,
        tree: Tree,
        path: str,
        descriptor: int,
        contents: Contents,
        *,
        order: Order,
        details: bool,
        ignores: Ignores,
    ) -> None:
        self._tree, self._path = tree, f"{path}/" if path else ""
        self._descriptor, self._kinds = descriptor, contents.kinds
        self._order, self._details, self._ignores = order, details, ignores
        self.before = self.shown = 0
        self.position: Position | None = None
        self.is_cut = False

    def lines(self, position: Position, *, limit: int, depth: int) -> list[str]:
        """A page.

        Args:
            position: where it begins; empty for the first one.
            limit: lines that it has at most; twice as many where a folder's contents make them.
            depth: 1 for the folder itself.
        """
        if depth == 1 and self._order == "name" and not position and len(self._kinds) <= limit:
            usual = "".join(self._kinds)
            if usual.isprintable() and "\\" not in usual and len(usual) < LONGEST:
                return self._usual()
        lines: list[str] = []
        length = 0
        ranked = self._ranked(tuple(position))
        few = len(self._kinds) <= limit  # then sorting is three times as fast as choosing
        for rank, name in sorted(ranked) if few else heapq.nsmallest(limit + 1, ranked):
            if len(lines) >= limit or length > LONGEST:
                return lines
            lines.append(self._line(name))
            length += len(lines[-1])
            if depth > 1 and self._kinds[name] == "folder":
                inner = list(islice(self._inside(name, depth), limit + 1))
                if len(inner) > limit:
                    inner[-1] = "  … more; list it by itself"
                    self.is_cut = True
                lines += inner
                length += sum(map(len, inner))
            self.shown += 1
            self.position = (rank, name)
        self.position = None
        return lines

    def _usual(self) -> list[str]:
        """All of it, by name, where it is short and nothing in it has to be escaped; as quick as can be."""
        kinds = self._kinds
        self.shown = len(kinds)
        folders = sorted(name for name in kinds if kinds[name] == "folder")
        others = sorted(name for name in kinds if kinds[name] != "folder")
        return [
            *(f"{name}/" for name in folders),
            *(name if kinds[name] == "file" else self._line(name) for name in others),
        ]

    def _ranked(self, after: tuple[str | int, ...]) -> Iterator[tuple[int, str]]:
        """What is on later pages, each with what it is ordered by."""
        for name, kind in self._kinds.items():
            if self._order == "name":
                rank = int(kind != "folder")
            else:
                measures = measures_of(self._descriptor, name)
                if measures is None:
                    continue
                rank = -measures[0 if self._order == "largest" else 1]
            if after and (rank, name) <= after:
                self.before += 1
            else:
                yield rank, name

    def _line(self, name: str) -> str:
        kind = self._kinds[name]
        line = f"{plain(name)}{mark(self._tree, self._path + name, kind)}"
        return f"{facts(measures_of(self._descriptor, name), kind)} {line}" if self._details else line

    def _inside(self, name: str, depth: int) -> Iterator[str]:
        path = self._path + name
        if name == GIT:
            return
        if self._ignores.leave_out(name, path, folder=True):
            yield "  … ignored; list it by itself"
            return
        yield from self._beneath(f"{path}/", depth - 1, "  ", self._ignores)

    def _beneath(self, path: str, levels: int, indent: str, ignores: Ignores) -> Iterator[str]:
        """What is in a folder that a tree view shows."""
        try:
            with self._tree.folder(path) as descriptor:
                contents = contents_of(descriptor)
                ignores = ignores.within(descriptor, path) if NAME in contents.kinds else ignores
        except (PathError, OSError):
            yield f"{indent}… cannot be read"
            return
        kinds = contents.kinds
        first = heapq.nsmallest(BENEATH, ((kind != "folder", name) for name, kind in kinds.items()))
        for _, name in first:
            yield f"{indent}{plain(name)}{mark(self._tree, path + name, kinds[name])}"
            if kinds[name] != "folder" or levels == 1 or name == GIT:
                continue
            if ignores.leave_out(name, path + name, folder=True):
                yield f"{indent}  … ignored; list it by itself"
            else:
                yield from self._beneath(f"{path}{name}/", levels - 1, f"{indent}  ", ignores)
        if len(first) < len(kinds):
            self.is_cut = True
            yield f"{indent}… {len(kinds) - len(first):,} more"

"""What is in folders: names and kinds of one, and a walk through all beneath one."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Generator, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final, Literal, NamedTuple

from sanctuary_filesystem.globs import Glob
from sanctuary_filesystem.ignores import NAME, Ignores
from sanctuary_host.doors import OWN, PathError, Tree

Kind = Literal["file", "folder", "link", "other"]
Measures = tuple[int, int]
"""Bytes, and when it was changed in nanoseconds since 1970."""

GIT: Final = ".git"
MOST: Final = 300_000
"""Entries of one folder that are read; their names fill some 35 MB."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in one folder.

    Attributes:
        kinds: of its entries, by name.
        complete: whether these are all.
    """

    kinds: dict[str, Kind]
    complete: bool


class Entry(NamedTuple):
    """Something that a walk found; a tuple, as there are very many of them.

    Attributes:
        folder: the path of what it is in, from where the walk began, ending with a slash; empty for that itself.
        name: its name there.
        kind: what it is.
        measures: its size and time, where they were asked for.
    """

    folder: str
    name: str
    kind: Kind
    measures: Measures | None

    @property
    def path(self) -> str:
        """From where the walk began."""
        return self.folder + self.name


def contents_of(
    descriptor: int, *, top_of: Tree | None = None, many: tuple[int, Callable[[], None]] | None = None
) -> Contents:
    """Names and kinds in an open folder.

    Args:
        descriptor: of the folder.
        top_of: the tree whose topmost folder it is.
        many: a number of entries, and what to do where there are more.

    Raises:
        OSError: it cannot be read.
    """
    bound, beyond = many or (MOST, None)
    with os.scandir(descriptor) as entries:
        kinds: dict[str, Kind] = {
            # Most are files, and a call for each would take half as long again.
            entry.name: "file" if entry.is_file(follow_symlinks=False) else _kind(entry)
            for entry in islice(entries, bound)
        }
        more = next(entries, None)
        if more is not None and beyond is not None:
            beyond()
            kinds[more.name] = _kind(more)
            kinds |= {entry.name: _kind(entry) for entry in islice(entries, MOST - len(kinds))}
            more = next(entries, None)
    if top_of is not None and top_of.writable:
        kinds.pop(OWN, None)  # what is ours is nobody's work
    return Contents(kinds, complete=more is None)


def _kind(entry: os.DirEntry[str]) -> Kind:
    if entry.is_file(follow_symlinks=False):
        return "file"
    if entry.is_dir(follow_symlinks=False):
        return "folder"
    return "link" if entry.is_symlink() else "other"


def clean(path: str) -> str:
    """A path without what says nothing, such as `./`; empty for the tree itself."""
    return path if path.startswith("/") else "/".join(part for part in path.split("/") if part not in {"", "."})


class Walk:
    """A walk through what is beneath a folder: what is in it by name, then each of its folders in turn.

    No link is followed, and each folder is opened through the door, so whatever is moved meanwhile, nothing outside of
    the tree is ever read.

    Args:
        tree: where.
        top: the path of the folder.
        glob: what is wanted.
        kinds: of what is wanted.
        hidden: whether names that begin with a dot are met. A folder `.git` never is.
        ignored: whether what .gitignore files leave out is met.
        seconds: after them the walk stops before the next folder.

    Attributes:
        unread: folders that could not be read, or not to their end.
        stopped: the folder before which time was up, as in `Entry`.
    """

    def __init__(
        self,
        tree: Tree,
        top: str,
        glob: Glob,
        kinds: Collection[Kind],
        *,
        hidden: bool,
        ignored: bool,
        seconds: float,
    ) -> None:
        top = clean(top)
        self._tree, self._top = tree, f"{top}/" if top else ""
        self._glob, self._kinds = glob, kinds
        self._hidden, self._ignored = hidden, ignored
        self._end = time.monotonic() + seconds
        self.unread = 0
        self.stopped: str | None = None

    def entries(self, *, measure: bool, after: tuple[str, str] = ("", "")) -> Generator[Entry]:
        """What is wanted, in order.

        Args:
            measure: whether sizes and times are needed.
            after: folder and name after which to begin, as in `Entry`.

        Raises:
            PathError: the folder itself cannot be read.
        """
        rules = Ignores() if self._ignored else ignores_above(self._tree, self._top.rstrip("/"))
        way: list[tuple[str, Iterator[str], Ignores]] = [("", iter([""]), rules)]
        while way:
            above, left, ignores = way[-1]
            name = next(left, None)
            if name is None:
                way.pop()
                continue
            folder = f"{above}{name}/" if name else ""
            if time.monotonic() > self._end:
                self.stopped = folder
                return
            try:
                with self._tree.folder(f"{self._top}{folder}") as descriptor:
                    kinds = self._contents(descriptor, folder)
                    if not self._ignored and NAME in kinds:
                        ignores = ignores.within(descriptor, f"{self._top}{folder}")
                    for name in self._wanted(folder, kinds, ignores, after):
                        found = measures_of(descriptor, name) if measure else None
                        if found or not measure:
                            yield Entry(folder, name, kinds[name], found)
            except PathError:
                if not folder:
                    raise
                self.unread += 1  # or gone by now
                continue
            way.append((folder, iter(self._entered(folder, kinds, ignores, after[0])), ignores))

    def _contents(self, descriptor: int, folder: str) -> dict[str, Kind]:
        try:
            contents = contents_of(descriptor, top_of=None if self._top or folder else self._tree)
        except OSError as error:
            raise self._tree.failure(f"{self._top}{folder}", error) from None
        self.unread += not contents.complete
        return contents.kinds

    def _wanted(self, folder: str, kinds: dict[str, Kind], ignores: Ignores, after: tuple[str, str]) -> Iterator[str]:
        """What is wanted in one folder."""
        if after[0] != folder and after[0].startswith(folder):
            return  # it was on earlier pages, which ended further down
        match, wanted = self._glob.pattern.fullmatch, self._kinds
        if self._glob.by_name:
            names = [name for name, kind in kinds.items() if match(name) and kind in wanted]
        else:
            names = [name for name, kind in kinds.items() if match(folder + name) and kind in wanted]
        last = after[1] if after[0] == folder else ""
        for name in sorted(names):
            if name > last and self._is_met(folder, name, kinds[name], ignores):
                yield name

    def _entered(self, folder: str, kinds: dict[str, Kind], ignores: Ignores, after: str) -> list[str]:
        """Those of its folders in which the walk goes on."""
        first = after[len(folder) :].partition("/")[0] if after.startswith(folder) else ""
        enter = self._glob.may_hold
        names = sorted(name for name, kind in kinds.items() if kind == "folder")
        return [
            name
            for name in names
            if name >= first and enter(f"{folder}{name}/") and self._is_met(folder, name, "folder", ignores)
        ]

    def _is_met(self, folder: str, name: str, kind: Kind, ignores: Ignores) -> bool:
        if name[0] == "." and (name == GIT or not self._hidden):
            return False
        return self._ignored or not ignores.leave_out(name, self._top + folder + name, folder=kind == "folder")


def ignores_above(tree: Tree, path: str) -> Ignores:
    """The rules of the folders above one, which a path with `..` cannot tell.

    Args:
        tree: where it is.
        path: of the folder, clean; empty for the tree itself.
    """
    ignores = Ignores()
    names = path.split("/") if path else []
    if ".." in names:
        return ignores
    for depth in range(len(names)):
        above = "".join(f"{name}/" for name in names[:depth])
        try:
            with tree.folder(above) as descriptor:
                ignores = ignores.within(descriptor, above)
        except PathError:
            break  # what is wrong with it is told by whoever opens the folder itself
    return ignores


def measures_of(descriptor: int, name: str) -> Measures | None:
    """Size and time of an entry of an open folder, of a link itself; `None` where it is gone."""
    try:
        status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns

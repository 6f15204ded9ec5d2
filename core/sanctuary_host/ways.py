"""The way that a path takes through links, and whether it leads by or into a folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

STEPS: Final = 4096
"""Parts of a path that are followed, links' targets among them; the kernel follows 40 links."""


def is_within(path: Path, folders: Iterable[Path]) -> bool:
    """Whether an absolute path is in one of the folders: by its name, by where its links lead, or on the way there."""
    forms = {path, Path(*_plain(path)), *_way(path)}
    return any(
        form.is_relative_to(within) for folder in folders for within in {folder, folder.resolve()} for form in forms
    )


def _plain(path: Path) -> list[str]:
    """The parts of a path without `..`."""
    parts: list[str] = []
    for part in path.parts:
        if part == ".." and len(parts) > 1:
            parts.pop()
        elif part != "..":
            parts.append(part)
    return parts


def _way(path: Path) -> Iterator[Path]:
    """Each place that the kernel comes by from the root to the file, which need not be there."""
    place = Path("/")
    ahead = [*reversed(path.parts[1:])]
    for _ in range(STEPS):
        if not ahead:
            return
        part = ahead.pop()
        if part == "..":
            place = place.parent
            continue
        place /= part
        yield place
        try:
            target = place.readlink()
        except OSError:  # it is no link, or not there
            continue
        place = Path("/") if target.is_absolute() else place.parent
        ahead += reversed(target.parts[1:] if target.is_absolute() else target.parts)

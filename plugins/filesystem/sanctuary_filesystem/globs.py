"""Globs as git and ripgrep have them, as regular expressions that never take long."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from sanctuary_host import ToolError

ALTERNATIVES: Final = 100
"""Patterns that braces may stand for."""
LONGEST: Final = 1000
"""Characters of a caller's pattern."""
SPECIAL: Final = frozenset("*?[\\")


@dataclass(frozen=True, slots=True)
class Glob:
    """What a caller searches for.

    Attributes:
        pattern: to be matched with a whole name, or a whole path.
        by_name: which of them: a glob without a slash matches names, in whatever folder they are.
        below: the folder, ending with a slash, outside of which no path matches; empty for the topmost.
        levels: folders that a matching path has at most; `None` where there is no bound.
        folders_only: it ends with a slash.
    """

    pattern: re.Pattern[str]
    by_name: bool
    below: str
    levels: int | None
    folders_only: bool

    def may_hold(self, folder: str) -> bool:
        """Whether something beneath a folder, whose path ends with a slash, may match."""
        if self.levels is not None and folder.count("/") > self.levels:
            return False
        return folder.startswith(self.below) or self.below.startswith(folder)


def read_glob(glob: str) -> Glob:
    """Read what a caller wrote: `*`, `?`, `[a-z]`, `{a,b}`, and `**` for any number of folders.

    Square brackets also match themselves, as in the folder `[id]`, which web frameworks have.

    Raises:
        ToolError: it can match nothing.
    """
    if len(glob) > LONGEST:
        raise ToolError(f"the pattern is longer than {LONGEST:,} characters; search for less at once")
    patterns = [
        "/".join(part for part in one.split("/") if part not in {"", "."}) for one in _without_braces(glob.strip())
    ]
    if not all(patterns):
        raise ToolError("the pattern is empty; write one such as *.py")
    if any(".." in one.split("/") for one in patterns):
        raise ToolError("the pattern leads above its folder; give that folder as path, and a pattern without '..'")
    bare = [one.removeprefix("**/") for one in patterns]
    anchored = "/" in glob.strip().rstrip("/") and not all(one.startswith("**/") for one in patterns)
    by_name = not anchored and not any("/" in one for one in bare)
    patterns = bare if by_name else patterns
    patterns += [one.replace("[", "\\[") for one in patterns if "[" in one and "\\" not in one]
    pattern = re.compile("|".join(expression(one) for one in patterns), re.DOTALL)
    fixed = _fixed(patterns[0]) if len(patterns) == 1 and not by_name else ""
    endless = by_name or any("**" in one for one in patterns)
    levels = None if endless else max(one.count("/") for one in patterns)
    return Glob(pattern, by_name, fixed, levels, glob.strip().endswith("/"))


def expression(glob: str) -> str:
    """A regular expression for whole paths; with DOTALL, as names may hold line breaks.

    Whatever could be matched in several ways is matched in the first one for good, which loses nothing: what follows
    a star, or two, does so wherever that one ends.
    """
    blocks: list[list[str]] = [[]]
    for part in glob.split("/"):
        if part != "**":
            blocks[-1].append(_of_name(part))
        elif blocks[-1] or len(blocks) == 1:
            blocks.append([])
    first, *middle = ["/".join(block) for block in blocks]
    if not middle:
        return first
    *middle, last = middle
    return "".join(
        [
            f"{first}/" if first else "",
            *(f"(?>(?:[^/]+/)*?{block}/)" for block in middle),
            f"(?:.*/)?{last}" if last else ".+",
        ]
    )


def _of_name(part: str) -> str:
    """A regular expression for one part of a path."""
    pieces = [""]
    place = 0
    while place < len(part):
        character, place = part[place], place + 1
        if character == "*":
            pieces += [""] if pieces[-1] or len(pieces) == 1 else []
            continue
        if character == "?":
            piece = "[^/]"
        elif character == "[" and (found := _set_of(part, place)):
            piece, place = found
        else:
            if character == "\\" and place < len(part):
                character, place = part[place], place + 1
            piece = re.escape(character)
        pieces[-1] += piece
    first, *middle = pieces
    if not middle:
        return first
    *middle, last = middle
    return "".join([first, *(f"(?>[^/]*?{piece})" for piece in middle), f"[^/]*{last}"])


def _set_of(part: str, place: int) -> tuple[str, int] | None:
    """The set of characters whose bracket is before a place, and the place after it; `None` where none closes it."""
    negated = part[place : place + 1] in {"!", "^"}
    begin = place = place + negated
    items: list[str] = []
    while place < len(part):
        if part[place] == "]" and place > begin:
            inside = "".join(items)
            return (f"[^/{inside}]" if negated else f"(?!/)[{inside}]" if inside else "(?!)"), place + 1
        low, place = _member(part, place)
        high = low
        if part[place : place + 1] == "-" and part[place + 1 : place + 2] not in {"", "]"}:
            high, place = _member(part, place + 1)
        if low <= high:
            items.append(f"{re.escape(low)}-{re.escape(high)}")
    return None


def _member(part: str, place: int) -> tuple[str, int]:
    if part[place] == "\\" and place + 1 < len(part):
        place += 1
    return part[place], place + 1


def _fixed(pattern: str) -> str:
    """The folders at its beginning that it names in full, each with its slash."""
    names: list[str] = []
    for part in pattern.split("/")[:-1]:
        if SPECIAL & set(part):
            break
        names.append(f"{part}/")
    return "".join(names)


def _without_braces(glob: str) -> list[str]:
    """Each pattern that it stands for."""
    done: list[str] = []
    waiting = [glob]
    while waiting:
        one = waiting.pop()
        found = _braces(one)
        if found is None:
            done.append(one)
        else:
            begin, cuts = found
            ends = pairwise(cuts)
            waiting += [one[:begin] + one[left + 1 : right] + one[cuts[-1] + 1 :] for left, right in ends]
        if len(done) + len(waiting) > ALTERNATIVES:
            raise ToolError(f"the braces stand for more than {ALTERNATIVES} patterns; search for fewer at once")
    return done


def _braces(glob: str) -> tuple[int, list[int]] | None:
    """Where braces with a comma in them open, and where they and their commas are."""
    for begin in (place for place, character in _unescaped(glob) if character == "{"):
        depth = 0
        cuts = [begin]
        for place, character in _unescaped(glob):
            if place < begin:
                continue
            depth += (character == "{") - (character == "}")
            if depth == 0:
                if len(cuts) > 1:
                    return begin, [*cuts, place]
                break
            if depth == 1 and character == ",":
                cuts.append(place)
    return None


def _unescaped(glob: str) -> Iterator[tuple[int, str]]:
    place = 0
    while place < len(glob):
        if glob[place] != "\\":
            yield place, glob[place]
        place += 1 + (glob[place] == "\\")

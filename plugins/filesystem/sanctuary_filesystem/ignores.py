"""What .gitignore files leave out, as gitignore(5) has it."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from sanctuary_filesystem.globs import SPECIAL, expression

NAME: Final = ".gitignore"
LONGEST: Final = 1 << 18
"""Bytes of such a file that are read."""
MOST: Final = 2000
"""Rules of such a file that are kept."""


@dataclass(frozen=True, slots=True)
class _Rule:
    glob: str
    negated: bool
    folders_only: bool
    by_name: bool


class _Table:
    """Rules, each with its number, by how they are looked up."""

    def __init__(self, rules: Sequence[tuple[int, _Rule]]) -> None:
        names: dict[str, int] = {}
        of_names: list[tuple[int, str]] = []
        of_paths: list[tuple[int, str]] = []
        for number, rule in rules:
            if rule.by_name and not SPECIAL & set(rule.glob):
                names[rule.glob] = number
            else:
                (of_names if rule.by_name else of_paths).append((number, expression(rule.glob)))
        globs = _any_of(of_names)
        self._paths = _any_of(of_paths)

        def by_name(name: str) -> int:
            return max(names.get(name, -1), _number(globs, name))

        # Trees repeat their names, and looking one up is much faster than matching it.
        self._by_name = lru_cache(maxsize=4096)(by_name)

    def last(self, name: str, path: str) -> int:
        """The number of the last rule that fits; -1 for none."""
        last = self._by_name(name)
        return max(last, _number(self._paths, path)) if self._paths[1] else last


class Rules:
    """The rules of one .gitignore."""

    def __init__(self, content: bytes) -> None:
        lines = os.fsdecode(content.removeprefix(b"\xef\xbb\xbf")).split("\n")
        rules = [rule for rule in map(_read, lines) if rule][:MOST]
        self._negated = [rule.negated for rule in rules]
        numbered = list(enumerate(rules))
        self._folders = _Table(numbered)
        self._others = _Table([(number, rule) for number, rule in numbered if not rule.folders_only])

    def verdict(self, name: str, path: str, *, folder: bool) -> bool | None:
        """Whether something is left out; `None` where no rule fits.

        Args:
            name: its name.
            path: from the folder that the file is in.
            folder: whether it is one.
        """
        number = (self._folders if folder else self._others).last(name, path)
        return None if number < 0 else not self._negated[number]


@dataclass(frozen=True, slots=True)
class Ignores:
    """The rules that hold in a folder.

    Attributes:
        levels: of it and those above, the innermost first, each with the length of its folder's path.
    """

    levels: tuple[tuple[int, Rules], ...] = ()

    def within(self, descriptor: int, path: str) -> Ignores:
        """With those of a folder that has a .gitignore, which is not followed where it is a link, as git does not.

        Args:
            descriptor: of the folder.
            path: of it, ending with a slash; empty for the topmost.
        """
        try:
            file = os.open(NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=descriptor)
        except OSError:
            return self
        try:
            content = os.pread(file, LONGEST, 0) if stat.S_ISREG(os.fstat(file).st_mode) else b""
        except OSError:
            content = b""
        finally:
            os.close(file)
        return Ignores(((len(path), _rules_of(content)), *self.levels)) if content else self

    def leave_out(self, name: str, path: str, *, folder: bool) -> bool:
        """Whether they leave out something whose folder they do not leave out."""
        for length, rules in self.levels:
            verdict = rules.verdict(name, path[length:], folder=folder)
            if verdict is not None:
                return verdict
        return False


_rules_of = lru_cache(maxsize=64)(Rules)
"""The same files are read in every call."""


def _read(line: str) -> _Rule | None:
    line = line.removesuffix("\r")
    glob = line.rstrip(" ")
    if len(glob) < len(line) and (len(glob) - len(glob.rstrip("\\"))) % 2:
        glob += " "
    if glob.startswith("#"):
        return None
    negated = glob.startswith("!")
    glob = glob.removeprefix("!")
    folders_only = glob.endswith("/")
    by_name = "/" not in glob.rstrip("/")
    glob = glob.strip("/")
    return _Rule(glob, negated, folders_only, by_name) if glob else None


_Patterns = tuple[re.Pattern[str], list[int]]
"""A pattern whose groups are rules, the last one first, and the groups' numbers."""


def _any_of(numbered: Sequence[tuple[int, str]]) -> _Patterns:
    backwards = numbered[::-1]
    pattern = re.compile("|".join(f"({rule})" for _, rule in backwards), re.DOTALL)
    return pattern, [number for number, _ in backwards]


def _number(patterns: _Patterns, text: str) -> int:
    """The number of the last rule that fits a text; -1 for none."""
    pattern, numbers = patterns
    if numbers and (found := pattern.fullmatch(text)) and found.lastindex:
        return numbers[found.lastindex - 1]
    return -1

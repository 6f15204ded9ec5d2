"""Patterns of code: `$A` stands for one node, `$$$A` for any number; what they match, capture, and are replaced by."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ast_grep_py import Pattern, SgNode

from sanctuary_filesystem.source import grammar

VARIABLE: Final = re.compile(r"\$(?:\$\$)?([A-Z_][A-Z0-9_]*)")
MULTIPLE: Final = re.compile(r"\$\$\$([A-Z_][A-Z0-9_]*)?")
WORD: Final = re.compile(r"\w+")
LIST_END: Final = re.compile(r",\s*$")
LIST_START: Final = re.compile(r"\s*,\s*")


CONTEXTS: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "c": (("void f() { ", "; }"), ("void f() { ", " }"), ("", ""), ("struct s { ", " };")),
    "cpp": (("void f() { ", "; }"), ("void f() { ", " }"), ("", ""), ("class C { ", " };")),
    "csharp": (
        ("class C { void f() { x = ", "; } }"),
        ("class C { void f() { ", " } }"),
        ("", ""),
        ("class C { ", " }"),
    ),
    "css": (("", ""), ("a { ", " }")),
    "dart": (("", ""), ("f() { x = ", "; }"), ("f() { ", "; }"), ("f() { ", " }"), ("class C { ", " }")),
    "go": (("", ""), ("func f() { ", " }"), ("func f() { x = ", " }"), ("type T struct { ", " }")),
    "haskell": (("", ""), ("x = ", "")),
    "java": (("class C { void f() { x = ", "; } }"), ("class C { void f() { ", " } }"), ("", ""), ("class C { ", " }")),
    "javascript": (("", ""), ("class C { ", " }"), ("x = { ", " }")),
    "json": (("", ""), ("{ ", " }")),
    "kotlin": (("", ""), ("fun f() { ", " }"), ("class C { ", " }")),
    "nix": (("", ""), ("{ ", " }")),
    "php": (("", ""), ("", ";"), ("class C { ", " }")),
    "rust": (("", ""), ("fn f() { ", " }"), ("fn f() { match x { ", " } }"), ("struct S { ", " }")),
    "scala": (("", ""), ("class C { ", " }")),
    "solidity": (
        *(("", ""), ("contract C { function f() { x = ", "; } }"), ("contract C { function f() { ", " } }")),
        ("contract C { ", " }"),
    ),
    "swift": (("", ""), ("class C { ", " }")),
    "tsx": (("", ""), ("class C { ", " }"), ("x = { ", " }")),
    "typescript": (("", ""), ("class C { ", " }"), ("x = { ", " }")),
    "zig": (("", ""), ("fn f() void { x = ", "; }"), ("fn f() void { ", " }")),
}
"""What may have to stand around a pattern to make it code; the first one that does is taken."""
PLAIN: Final = (("", ""),)


class UnboundError(Exception):
    """A replacement has a variable that its pattern does not have; the message is its name."""


@dataclass(frozen=True, slots=True)
class Match:
    """Where a pattern matches.

    Attributes:
        start, end: in characters.
        captured: for each variable of the pattern, where what it stands for begins and ends; `None` for nothing.
        fixed: starts of lines within what is captured that begin in the middle of a token, such as a text.
    """

    start: int
    end: int
    captured: dict[str, tuple[int, int] | None]
    fixed: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Replacement:
    """What is to stand in place of a match."""

    start: int
    end: int
    text: str


def words_of(pattern: str) -> list[str]:
    """The words that stand in whatever a pattern matches."""
    return WORD.findall(MULTIPLE.sub(" ", VARIABLE.sub(" ", pattern)))


def read(pattern: str, language: str) -> tuple[Pattern, bool]:
    """A pattern within whatever makes it code in a language, and whether there is such a thing."""
    pattern = pattern.strip()
    stand_in = VARIABLE.sub(lambda one: one[1], MULTIPLE.sub(lambda one: one[1] or "ANY", pattern))
    for before, after in CONTEXTS.get(language, PLAIN):
        root = grammar.parse(f"{before}{stand_in}{after}", language)
        if not grammar.is_sound(root):
            continue
        inner = _spanning(root, len(before), len(before) + len(stand_in))
        if inner is None:
            continue
        if not before and not after:
            return {"context": pattern, "selector": None, "strictness": "smart"}, True
        return {"context": f"{before}{pattern}{after}", "selector": inner.kind(), "strictness": "smart"}, True
    return {"context": pattern, "selector": None, "strictness": "smart"}, False


def _spanning(root: SgNode, start: int, end: int) -> SgNode | None:
    """The innermost node from one place to another."""
    found: SgNode | None = None
    node: SgNode | None = root
    while node is not None:
        place = node.range()
        if (place.start.index, place.end.index) == (start, end):
            found = node
        node = next(
            (one for one in node.children() if one.range().start.index <= start and one.range().end.index >= end), None
        )
    return found


def matches_of(root: SgNode, pattern: str, language: str, *, with_fixed: bool = False) -> list[Match]:
    """Where a pattern matches, in the order of the text.

    Raises:
        grammar.PatternError: it is none in that language.
    """
    multiple = {name for name in MULTIPLE.findall(pattern) if name}
    single = set(VARIABLE.findall(pattern)) - multiple
    found: list[Match] = []
    for node in grammar.matches(root, read(pattern, language)[0]):
        captured: dict[str, tuple[int, int] | None] = {}
        fixed: set[int] = set()
        for name in sorted(single | multiple):
            if name.startswith("_"):
                continue
            if name in multiple:
                nodes = node.get_multiple_matches(name)
            else:
                one = node.get_match(name)
                nodes = [one] if one is not None else []
            captured[name] = (nodes[0].range().start.index, nodes[-1].range().end.index) if nodes else None
            if with_fixed:
                for one in nodes:
                    fixed |= _fixed(one)
        place = node.range()
        found.append(Match(place.start.index, place.end.index, captured, frozenset(fixed)))
    return found


def outermost(matches: Sequence[Match]) -> list[Match]:
    """Those matches that are in no other one."""
    found: list[Match] = []
    for one in sorted(matches, key=lambda match: (match.start, -match.end)):
        if not found or one.start >= found[-1].end:
            found.append(one)
    return found


def check(pattern: str, replacement: str) -> None:
    """See whether a replacement can be made of what a pattern captures.

    Raises:
        UnboundError: it cannot.
    """
    bound = {name for name in VARIABLE.findall(pattern) if not name.startswith("_")}
    for name in VARIABLE.findall(replacement):
        if name not in bound:
            raise UnboundError(name)


def replaced(text: str, match: Match, replacement: str) -> Replacement:
    """What stands in place of a match: lines are indented as it is, and what was captured as the variable is."""
    outer = _indent(text, match.start)
    pieces: list[str] = []
    last = 0
    for variable in VARIABLE.finditer(replacement):
        before = replacement[last : variable.start()]
        last = variable.end()
        span = match.captured.get(variable[1])
        if span is not None and span[0] < span[1]:
            inner = replacement[replacement.rfind("\n", 0, variable.start()) + 1 : variable.start()]
            indent = outer + inner[: len(inner) - len(inner.lstrip())] if "\n" in replacement else outer
            pieces += [_indented(before, outer), _moved(text, span, indent, match.fixed)]
            continue
        # Of a list's items that are none, the comma goes too.
        without = LIST_END.sub("", before)
        if without == before and (comma := LIST_START.match(replacement, last)):
            last = comma.end()
        pieces.append(_indented(without, outer))
    pieces.append(_indented(replacement[last:], outer))
    return Replacement(match.start, match.end, "".join(pieces))


def _indent(text: str, place: int) -> str:
    """The white space that the line of a place begins with."""
    start = text.rfind("\n", 0, place) + 1
    line = text[start:place]
    return line[: len(line) - len(line.lstrip())]


def _indented(text: str, indent: str) -> str:
    return text.replace("\n", f"\n{indent}") if indent else text


def _moved(text: str, span: tuple[int, int], indent: str, fixed: frozenset[int]) -> str:
    """What was captured, its lines after the first with another indentation; none within a token is touched."""
    start, end = span
    old = _indent(text, start)
    if old == indent or "\n" not in text[start:end]:
        return text[start:end]
    lines = text[start:end].split("\n")
    moved = [lines[0]]
    place = start + len(lines[0]) + 1
    for line in lines[1:]:
        touch = place not in fixed and line.strip() and line.startswith(old)
        moved.append(f"{indent}{line[len(old) :]}" if touch else line)
        place += len(line) + 1
    return "\n".join(moved)


def _fixed(node: SgNode) -> set[int]:
    """Starts of lines that are in the middle of a token."""
    found: set[int] = set()
    for leaf in grammar.find(node, [{"regex": "\n"}]):
        if leaf.is_leaf():
            start = leaf.range().start.index
            found.update(start + one.end() for one in re.finditer("\n", leaf.text()))
    return found

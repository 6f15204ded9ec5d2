"""How large and how tangled a file is: its lines, its functions, their branches and how deep they are nested."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Final

from ast_grep_py import SgNode

from sanctuary_filesystem.source import grammar
from sanctuary_filesystem.source.outline import CALLABLE, Symbol

IF: Final = ("if_statement", "for_statement", "while_statement")
C: Final = (*IF, "do_statement", "case_statement", "conditional_expression")
SCRIPT: Final = (*IF, "do_statement", "for_in_statement", "switch_case", "catch_clause", "ternary_expression")
BRANCHES: Final[dict[str, tuple[str, ...]]] = {
    "bash": (*IF, "elif_clause", "case_item", "c_style_for_statement"),
    "c": C,
    "cpp": (*C, "catch_clause", "for_range_loop"),
    "csharp": (
        *(*IF, "do_statement", "foreach_statement", "switch_section", "catch_clause", "conditional_expression"),
        "switch_expression_arm",
    ),
    "dart": (*IF, "do_statement", "switch_statement_case", "catch_clause", "conditional_expression"),
    "go": ("if_statement", "for_statement", "expression_case", "type_case", "communication_case"),
    "haskell": ("conditional", "alternative", "guards"),
    "java": (
        *(*IF, "do_statement", "enhanced_for_statement", "catch_clause", "ternary_expression"),
        *("switch_block_statement_group", "switch_rule"),
    ),
    "javascript": SCRIPT,
    "kotlin": ("if_expression", "for_statement", "while_statement", "do_while_statement", "when_entry", "catch_block"),
    "lua": ("if_statement", "elseif_statement", "for_statement", "while_statement", "repeat_statement"),
    "nix": ("if_expression",),
    "php": (
        *(*IF, "else_if_clause", "do_statement", "foreach_statement", "case_statement", "catch_clause"),
        *("conditional_expression", "match_conditional_expression"),
    ),
    "python": (
        *IF,
        "elif_clause",
        "except_clause",
        "case_clause",
        "conditional_expression",
        "if_clause",
        "for_in_clause",
    ),
    "ruby": (
        *("if", "unless", "elsif", "while", "until", "for", "when", "in_clause", "rescue", "conditional"),
        *("if_modifier", "unless_modifier", "while_modifier", "until_modifier", "rescue_modifier"),
    ),
    "rust": ("if_expression", "for_expression", "while_expression", "match_arm"),
    "scala": ("if_expression", "for_expression", "while_expression", "case_clause", "catch_clause"),
    "solidity": (*IF, "do_while_statement", "catch_clause", "ternary_expression"),
    "swift": (
        *(*IF, "guard_statement", "repeat_while_statement", "switch_entry", "catch_block", "ternary_expression"),
    ),
    "tsx": SCRIPT,
    "typescript": SCRIPT,
    "zig": ("if_statement", "if_expression", "for_statement", "while_statement", "switch_case", "catch_expression"),
}
"""Kinds of nodes at which a function's way may part. Each adds one to its complexity, as McCabe (1976) counts."""
NESTING: Final = frozenset({
    *("if_statement", "for_statement", "while_statement", "do_statement", "for_in_statement", "for_range_loop"),
    *("foreach_statement", "enhanced_for_statement", "if_expression", "for_expression", "while_expression"),
    "match_arm",
    *("if", "unless", "while", "until", "for", "guard_statement", "repeat_statement", "repeat_while_statement"),
    *("c_style_for_statement", "do_while_statement", "conditional"),
})  # fmt: skip
LOGIC: Final = r"^(&&|\|\||and|or|\?\?)$"
COMMENTS: Final[dict[str, tuple[str, ...]]] = {
    "dart": ("comment", "block_comment"), "java": ("line_comment", "block_comment"),
    "kotlin": ("line_comment", "multiline_comment"), "rust": ("line_comment", "block_comment"),
    "scala": ("comment", "block_comment"), "swift": ("comment", "multiline_comment"), "haskell": ("comment", "haddock"),
    "json": ("comment",), "markdown": (),
}  # fmt: skip
"""Kinds of comments, by language; elsewhere just `comment`."""


@dataclass(slots=True)
class Measures:
    """Of one file, or the sum of several.

    Attributes:
        lines: all of them.
        code: those with anything but a comment.
        comment: those with nothing but a comment; texts that document Python count as comments.
        blank: those with nothing.
        functions: how many.
        complexity: the sum over the functions, 1 each and 1 more for every branch and every `and` or `or`.
        depth: how deep branches and loops are nested at most.
        worst: the most complex functions: complexity, lines, first line, name.
    """

    lines: int = 0
    code: int = 0
    comment: int = 0
    blank: int = 0
    functions: int = 0
    complexity: int = 0
    depth: int = 0
    worst: list[tuple[int, int, int, str]] = field(default_factory=list[tuple[int, int, int, str]])

    def counts(self) -> dict[str, int]:
        """All but the worst."""
        return {name: count for name, count in asdict(self).items() if name != "worst"}


WORST: Final = 5
"""Functions that are told of a file."""


def measures_of(root: SgNode | None, text: str, language: str, symbols: Sequence[Symbol]) -> Measures:
    """Measure a file; without a tree only its lines."""
    lines = text.splitlines() if "\r" in text else text.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    found = Measures(lines=len(lines), blank=sum(not line.strip() for line in lines))
    if root is None:
        marks = ("#",)
        found.comment = sum(line.lstrip().startswith(marks) for line in lines)
        found.code = found.lines - found.blank - found.comment
        return found
    found.comment = _comments(root, text, language)
    found.code = found.lines - found.blank - found.comment
    functions = [one for one in symbols if one.word in CALLABLE]
    branches, found.depth = _branches(root, text, language)
    counts = _share(functions, branches)
    found.functions = len(functions)
    found.complexity = sum(counts)
    rows = [(count, one.end - one.start + 1, one.start, one.name) for count, one in zip(counts, functions, strict=True)]
    found.worst = sorted(rows, key=lambda row: (-row[0], -row[1], row[2]))[:WORST]
    return found


def _comments(root: SgNode, text: str, language: str) -> int:
    """Lines on which there is a comment and nothing else."""
    nodes = grammar.of_kinds(root, COMMENTS.get(language, ("comment",)))
    if language == "python":
        nodes += grammar.find(root, [{"kind": "expression_statement", "has": {"kind": "string", "nthChild": 1}}])
        nodes.sort(key=lambda node: node.range().start.index)
    bare: set[int] = set()
    mixed: set[int] = set()
    for node in nodes:
        place = node.range()
        start, end = place.start.index, place.end.index
        said = text[start:end]
        begin = text.rfind("\n", 0, start) + 1
        close = text.find("\n", end)
        behind = text[end : len(text) if close == -1 else close]
        number = place.start.line
        for offset, line in enumerate(said.rstrip("\n").split("\n")):
            if line.strip():
                bare.add(number + offset)
        if text[begin:start].strip():
            mixed.add(number)
        if behind.strip() and not said.endswith("\n"):
            mixed.add(number + said.count("\n"))
    return len(bare - mixed)


def _branches(root: SgNode, text: str, language: str) -> tuple[list[int], int]:
    """Where ways part, in characters, and how deep such places are nested."""
    places: list[int] = []
    deepest = 0
    open_: list[int] = []
    for node in grammar.of_kinds(root, BRANCHES.get(language, ())):
        place = node.range()
        start, end = place.start.index, place.end.index
        kind = node.kind()
        if kind == "case_statement" and text.startswith("default", start):
            continue
        places.append(start)
        while open_ and open_[-1] <= start:
            open_.pop()
        if kind in NESTING and not text[max(0, start - 20) : start].rstrip().endswith("else"):
            open_.append(end)
            deepest = max(deepest, len(open_))
    if language in BRANCHES:
        places += [node.range().start.index for node in grammar.find(root, [{"regex": LOGIC}]) if not node.is_named()]
    return sorted(places), deepest


def _share(functions: Sequence[Symbol], places: Sequence[int]) -> list[int]:
    """The complexity of each function: what is in a function within it is that one's."""
    counts = [1] * len(functions)
    open_: list[int] = []
    following = 0
    for place in places:
        while following < len(functions) and functions[following].span[0] <= place:
            while open_ and functions[open_[-1]].span[1] <= functions[following].span[0]:
                open_.pop()
            open_.append(following)
            following += 1
        while open_ and functions[open_[-1]].span[1] <= place:
            open_.pop()
        if open_:
            counts[open_[-1]] += 1
    return counts

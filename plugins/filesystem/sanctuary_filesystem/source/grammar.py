"""The one way to ast-grep: text becomes a tree of nodes, and whatever goes wrong in there becomes an error of ours."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from ast_grep_py import Pattern, Rule, SgNode, SgRoot

CAUSE: Final = re.compile(r"^\s+\d+: (.+)$", re.MULTILINE)
"""A line of what it gives as the causes of an error; the last one before the backtrace says most."""


class PatternError(Exception):
    """It is no pattern in that language; the message is why."""


def parse(text: str, language: str) -> SgNode:
    """The root of a text's tree.

    Raises:
        ValueError: there is no tree, as ast-grep has no such grammar or panics.
    """
    try:
        return SgRoot(text, language).root()
    except BaseException as error:  # noqa: BLE001  # its panics are no Exception; `_ours` gives back all else
        raise _ours(error, "it cannot be parsed") from None


def find(root: SgNode, rules: Sequence[Rule]) -> list[SgNode]:
    """The nodes that satisfy one of some rules, in the order of the text."""
    if not rules:
        return []
    try:
        return root.find_all(any=list(rules))
    except BaseException as error:  # noqa: BLE001  # its panics are no Exception; `_ours` gives back all else
        raise _ours(error, "it cannot be searched") from None


def of_kinds(root: SgNode, kinds: Iterable[str]) -> list[SgNode]:
    """The nodes of some kinds, in the order of the text; kinds that the grammar does not have are passed over."""
    wanted = list(kinds)
    try:
        return root.find_all(any=[{"kind": kind} for kind in wanted]) if wanted else []
    except RuntimeError:  # grammars change their words from release to release
        known = [kind for kind in wanted if has_kind(root, kind)]
        return root.find_all(any=[{"kind": kind} for kind in known]) if known else []


def has_kind(root: SgNode, kind: str) -> bool:
    """Whether a grammar has nodes of a kind."""
    try:
        root.find(kind=kind)
    except RuntimeError:
        return False
    return True


def matches(root: SgNode, pattern: Pattern) -> list[SgNode]:
    """The nodes that match a pattern, in the order of the text, those within others too.

    Raises:
        PatternError: it is no pattern in that language.
    """
    try:
        return root.find_all({"rule": {"pattern": pattern}})
    except BaseException as error:  # noqa: BLE001  # its panics are no Exception; `_ours` gives back all else
        raise _ours(error, "it cannot be searched") from None


def is_sound(root: SgNode) -> bool:
    """Whether a text has no error of syntax."""
    if of_kinds(root, ["ERROR"]):
        return False
    return not any(node.is_leaf() and node.parent() for node in find(root, [{"regex": "^$"}]))


def _ours(error: BaseException, otherwise: str) -> BaseException:
    """What an error of ast-grep is to us; its panics are no `Exception`."""
    if isinstance(error, RuntimeError):
        causes = CAUSE.findall(str(error).partition("Stack backtrace")[0])
        return PatternError(causes[-1] if causes else "it cannot be read")
    if isinstance(error, Exception) or type(error).__name__ == "PanicException":
        return ValueError(otherwise)
    return error

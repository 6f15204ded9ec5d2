"""What a definition's node defines: a word for its kind, and its names with their places in the text."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

from ast_grep_py import SgNode

Name = tuple[str, int]
"""A name and where it begins, counted in characters."""
Namer = Callable[[SgNode], "Found | None"]
"""Tells what a node defines; `None` where it defines nothing, but things within it are no longer at the top."""

PLAIN: Final = frozenset({
    *("identifier", "field_identifier", "type_identifier", "property_identifier", "simple_identifier", "name"),
    *("operator_name", "destructor_name", "qualified_identifier", "template_function", "private_property_identifier"),
})  # fmt: skip
"""Kinds of nodes in C and C++ that a declarator leads to."""
DECLARATORS: Final = 200
"""Declarators within each other, such as of a pointer to a pointer, that are gone through."""
WORD: Final = re.compile(r"[\w$]+")
SCOPES: Final = re.compile(r"::(?![^<]*>)")
"""Between the parts of a qualified name, and not within the arguments of a template."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a node defines.

    Attributes:
        word: what kind of thing.
        names: its names; several where one declaration has several.
        owner: what it belongs to where it does not stand within that, such as the receiver of a method in Go.
    """

    word: str
    names: tuple[Name, ...]
    owner: str = ""


def start_of(node: SgNode) -> int:
    """Where a node begins."""
    return node.range().start.index


def name_of(node: SgNode) -> Name:
    """A node's text as a name; of a qualified one all of it."""
    return node.text(), start_of(node)


def scope(_node: SgNode) -> None:
    """A function or block without a name."""


def field(word: str, name: str = "name") -> Namer:
    """What names itself in one field."""

    def namer(node: SgNode) -> Found | None:
        found = node.field(name)
        return Found(word, (name_of(found),)) if found is not None and found.text() else None

    return namer


def fields(word: str, name: str = "name") -> Namer:
    """What has several names in fields of one kind."""

    def namer(node: SgNode) -> Found | None:
        found = tuple(name_of(one) for one in node.field_children(name) if one.is_named())
        return Found(word, found) if found else None

    return namer


def child(word: str, *kinds: str) -> Namer:
    """What names itself in its first child of some kinds."""

    def namer(node: SgNode) -> Found | None:
        found = first(node, kinds)
        return Found(word, (name_of(found),)) if found is not None else None

    return namer


def called(word: str, name: str = "") -> Namer:
    """What has always the same name, such as a constructor."""

    def namer(node: SgNode) -> Found | None:
        return Found(word, ((name or word, start_of(node)),))

    return namer


def itself(word: str) -> Namer:
    """What is nothing but its name."""

    def namer(node: SgNode) -> Found | None:
        return Found(word, (name_of(node),))

    return namer


def keyword(namer: Namer, words: Collection[str]) -> Namer:
    """What is of the kind that a keyword in its text tells; the keywords are looked for up to its name."""

    def telling(node: SgNode) -> Found | None:
        found = namer(node)
        if found is None:
            return None
        before = node.text()[: max(found.names[0][1] - start_of(node), 0)]
        word = next((word for word in reversed(WORD.findall(before)) if word in words), found.word)
        return Found(word, found.names)

    return telling


def first(node: SgNode, kinds: Collection[str]) -> SgNode | None:
    """A node's first child of some kinds."""
    return next((one for one in node.children() if one.kind() in kinds), None)


def declared(word: str) -> Namer:
    """What has declarators, as in C; one with parameters is a function."""

    def namer(node: SgNode) -> Found | None:
        names: list[Name] = []
        kind, owner = word, ""
        for declarator in node.field_children("declarator"):
            target, is_function = _declared(declarator)
            if target is not None:
                kind = "function" if is_function else kind
                owner, name = _qualified(target)
                names.append(name)
        return Found(kind, tuple(names), owner) if names else None

    return namer


def _qualified(target: SgNode) -> tuple[str, Name]:
    """The owner and the name of what may be written as `Box<T>::area`."""
    text, start = name_of(target)
    if target.kind() == "operator_cast":
        return "", (text.partition("(")[0].strip(), start)
    *owners, name = SCOPES.split(text) if target.kind() == "qualified_identifier" else [text]
    return ".".join(one.partition("<")[0] for one in owners if one), (name, start + len(text) - len(name))


def _declared(declarator: SgNode) -> tuple[SgNode | None, bool]:
    """The name within a declarator, and whether it is the name of a function (and not of a pointer to one)."""
    node: SgNode | None = declarator
    is_function = False
    for _ in range(DECLARATORS):
        if node is None:
            break
        kind = node.kind()
        if kind in PLAIN or kind == "operator_cast":
            return node, is_function or kind == "operator_cast"
        if kind == "function_declarator":
            is_function = True
        elif kind in {"parenthesized_declarator", "pointer_declarator", "array_declarator"} and is_function:
            is_function = kind == "parenthesized_declarator"
        inner = node.field("declarator")
        if kind == "parenthesized_declarator" and is_function:
            is_function = first(node, {"pointer_declarator", "reference_declarator"}) is None
        if inner is None:
            inner = next((one for one in node.children() if one.kind() in PLAIN or "declarator" in one.kind()), None)
        node = inner
    return None, False


def typed(word: str, kinds: Collection[str] = ("field_declaration_list", "enumerator_list")) -> Namer:
    """A struct, union or enum of C: a definition where it has a body, else a mention; without a name only a scope."""

    def namer(node: SgNode) -> Found | None:
        name = node.field("name")
        if name is None or first(node, kinds) is None:
            return None
        return Found(word, (name_of(name),))

    return namer

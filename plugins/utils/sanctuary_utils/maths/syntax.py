"""The tree that an expression is parsed into: what was written, before anybody decides what it means."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

Rational = int | Fraction


@dataclass(frozen=True, slots=True)
class Number:
    """A literal, exact as written: `0.1` is one tenth."""

    value: Rational


@dataclass(frozen=True, slots=True)
class Name:
    """A variable, constant or unit."""

    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function with its arguments."""

    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """A list; a matrix is a list of lists of one length."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Something in parentheses of its own: it leaves no doubt about what belongs together."""

    inner: Node


@dataclass(frozen=True, slots=True)
class Negative:
    """A minus sign before an operand."""

    operand: Node


@dataclass(frozen=True, slots=True)
class Sum:
    """Terms with their signs, `+` or `-`; the first one's is always `+`."""

    terms: tuple[tuple[str, Node], ...]


@dataclass(frozen=True, slots=True)
class Product:
    """Factors with their operators `*`, `/`, `//`, `%` or `of`, from left to right; the first one's is always `*`."""

    factors: tuple[tuple[str, Node], ...]


@dataclass(frozen=True, slots=True)
class Beside:
    """Things written side by side with no operator: `2 pi`, `3(4+5)`, `5 km`, `3 ft 2 in`."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Power:
    """`base ^ exponent`."""

    base: Node
    exponent: Node


@dataclass(frozen=True, slots=True)
class Factorial:
    """`operand !`."""

    operand: Node


@dataclass(frozen=True, slots=True)
class Percent:
    """`operand %`: a hundredth of it."""

    operand: Node


@dataclass(frozen=True, slots=True)
class Comparison:
    """A chain such as `1 < x <= 5`; each operator stands before its operand, the first one's is empty."""

    operands: tuple[tuple[str, Node], ...]


@dataclass(frozen=True, slots=True)
class Logic:
    """`and`, `or` over operands, or `not` over one."""

    operator: str
    operands: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Conversion:
    """`value to target`."""

    value: Node
    target: Node


Node = (
    Number
    | Name
    | Call
    | Listing
    | Group
    | Negative
    | Sum
    | Product
    | Beside
    | Power
    | Factorial
    | Percent
    | Comparison
    | Logic
    | Conversion
)


@dataclass(frozen=True, slots=True)
class Statement:
    """One line: an expression, or a name that is given its value, or (in algebra) an equation."""

    text: str
    value: Node
    name: str | None = None


def children(node: Node) -> tuple[Node, ...]:  # noqa: C901  # one case a kind of node is the plainest form
    """The nodes directly below a node."""
    match node:
        case Number() | Name():
            return ()
        case Call():
            return node.arguments
        case Listing():
            return node.items
        case Group():
            return (node.inner,)
        case Negative() | Factorial() | Percent():
            return (node.operand,)
        case Sum():
            return tuple(term for _, term in node.terms)
        case Product():
            return tuple(factor for _, factor in node.factors)
        case Beside():
            return node.parts
        case Power():
            return (node.base, node.exponent)
        case Comparison():
            return tuple(operand for _, operand in node.operands)
        case Logic():
            return node.operands
        case Conversion():
            return (node.value, node.target)


def ungrouped(node: Node) -> Node:
    """The node inside any parentheses."""
    while isinstance(node, Group):
        node = node.inner
    return node

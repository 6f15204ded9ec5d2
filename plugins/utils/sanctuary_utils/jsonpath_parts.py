"""The parts that a JSONPath query (RFC 9535) is made of, evaluated under a budget."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Final, TypeAlias

from sanctuary_host import ToolError
from sanctuary_utils.documents import Value
from sanctuary_utils.search import Expression, compiled

__all__ = [
    "Node", "Nothing", "Operand", "Path", "Query", "Run", "Selector", "Term", "Test", "compare", "constant",
    "filter_by", "index_of", "length", "member", "number_of", "query_of", "regex", "single", "slice_of", "wildcard",
]  # fmt: skip  # one glance

STEPS: Final = 300_000
"""Values that a query may look at."""

Path: TypeAlias = "tuple[Path, str | int] | None"
Node: TypeAlias = tuple[Path, Value]


class Nothing:
    """The result of a query or function that finds no value."""


class Run:
    """One evaluation: the document, and what it may still spend."""

    def __init__(self, root: Value) -> None:
        """Start on a document."""
        self.root, self.left = root, STEPS
        self.patterns: dict[str, Expression | None] = {}

    def spend(self, steps: int = 1) -> None:
        """Count looks at values.

        Raises:
            ToolError: there were too many.
        """
        self.left -= steps
        if self.left < 0:
            raise ToolError(f"the query takes more than {STEPS:,} steps; narrow it, or query a part")


Operand: TypeAlias = "Value | Nothing"
Selector: TypeAlias = Callable[[Run, Node], Iterator[Node]]
Query: TypeAlias = Callable[[Run, Value], Iterator[Node]]
Test: TypeAlias = Callable[[Run, Value], bool]
Term: TypeAlias = Callable[[Run, Value], Operand]


def query_of(segments: Sequence[tuple[bool, list[Selector]]], *, absolute: bool) -> Query:
    """A query of segments, each with its selectors and whether it descends, from the root or the current value."""

    def query(run: Run, current: Value) -> Iterator[Node]:
        start: Node = (None, run.root if absolute else current)
        nodes: Iterator[Node] = iter([start])
        for descends, selectors in segments:
            nodes = _segment(run, nodes, selectors, descends=descends)
        return nodes

    return query


def _segment(run: Run, nodes: Iterator[Node], selectors: list[Selector], *, descends: bool) -> Iterator[Node]:
    for node in nodes:
        for start in _descendants(run, node) if descends else (node,):
            for selector in selectors:
                run.spend()
                yield from selector(run, start)


def _children(run: Run, node: Node) -> Iterator[Node]:
    path, value = node
    if isinstance(value, dict):
        for name, item in value.items():
            run.spend()
            yield (path, name), item
    elif isinstance(value, list):
        for index, item in enumerate(value):
            run.spend()
            yield (path, index), item


def _descendants(run: Run, node: Node) -> Iterator[Node]:
    stack = [node]
    while stack:
        current = stack.pop()
        yield current
        stack += reversed(list(_children(run, current)))


def wildcard(run: Run, node: Node) -> Iterator[Node]:
    """Every child."""
    return _children(run, node)


def member(name: str) -> Selector:
    """The member of a name."""

    def select(run: Run, node: Node) -> Iterator[Node]:
        run.spend()
        path, value = node
        if isinstance(value, dict) and name in value:
            yield (path, name), value[name]

    return select


def index_of(index: int) -> Selector:
    """The element at an index; negative ones count from the end."""

    def select(run: Run, node: Node) -> Iterator[Node]:
        run.spend()
        path, value = node
        if isinstance(value, list) and -len(value) <= index < len(value):
            at = index % len(value)
            yield (path, at), value[at]

    return select


def slice_of(start: int | None, end: int | None, step: int) -> Selector:
    """The elements of a slice."""

    def select(run: Run, node: Node) -> Iterator[Node]:
        run.spend()
        path, value = node
        if isinstance(value, list) and step:
            for index in range(*slice(start, end, step).indices(len(value))):
                run.spend()
                yield (path, index), value[index]

    return select


def filter_by(test: Test) -> Selector:
    """The children that pass a test."""
    return lambda run, node: (child for child in _children(run, node) if test(run, child[1]))


def constant(value: Value) -> Term:
    """A literal."""
    return lambda _run, _value: value


def single(query: Query) -> Term:
    """The value of the one node that a query gives; nothing where it gives none or several."""

    def term(run: Run, value: Value) -> Operand:
        nodes = query(run, value)
        first = next(nodes, None)
        return Nothing() if first is None or next(nodes, None) is not None else first[1]

    return term


def length(term: Term) -> Term:
    """The number of characters, elements or members."""

    def value_of(run: Run, value: Value) -> Operand:
        found = term(run, value)
        return len(found) if isinstance(found, (str, list, dict)) else Nothing()

    return value_of


def number_of(query: Query) -> Term:
    """How many values a query finds."""
    return lambda run, value: sum(1 for _ in query(run, value))


def regex(text: Term, pattern: Term, *, whole: bool) -> Test:
    """Whether a regular expression matches a text, or finds something in it."""

    def test(run: Run, value: Value) -> bool:
        subject, form = text(run, value), pattern(run, value)
        if not isinstance(subject, str) or not isinstance(form, str):
            return False
        if form not in run.patterns:
            run.spend(1_000)
            run.patterns[form] = _compiled(form)
        expression = run.patterns[form]
        if expression is None:
            return False
        run.spend(1 + len(subject) * expression.programsize // 300)
        return (expression.fullmatch(subject) if whole else expression.search(subject)) is not None

    return test


def _compiled(pattern: str) -> Expression | None:
    try:
        return compiled(pattern[:1_000])
    except ToolError:
        # An invalid pattern matches nothing (RFC 9535, 2.4.6).
        return None


def compare(sign: str, left: Term, right: Term) -> Test:
    """A comparison: of any values for equality, of two numbers or two strings for order."""

    def test(run: Run, value: Value) -> bool:
        one, other = left(run, value), right(run, value)
        if sign == "==":
            return _equal(run, one, other)
        if sign == "!=":
            return not _equal(run, one, other)
        low, high = (one, other) if sign[0] == "<" else (other, one)
        return _less(low, high) or (len(sign) == 2 and _equal(run, one, other))

    return test


def _equal(run: Run, one: Operand, other: Operand) -> bool:
    run.spend()
    if isinstance(one, Nothing) or isinstance(other, Nothing):
        return isinstance(one, Nothing) and isinstance(other, Nothing)
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(_equal(run, *pair) for pair in zip(one, other, strict=True))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(run, item, other[name]) for name, item in one.items())
    return one == other


def _less(low: Operand, high: Operand) -> bool:
    if isinstance(low, bool) or isinstance(high, bool):
        return False
    if isinstance(low, (int, float, Decimal)) and isinstance(high, (int, float, Decimal)):
        return low < high
    return isinstance(low, str) and isinstance(high, str) and low < high

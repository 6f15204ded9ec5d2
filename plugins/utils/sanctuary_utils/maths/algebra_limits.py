"""How large an algebraic expression may become, estimated on the parsed tree before any algebra is loaded."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from sanctuary_host import ToolError
from sanctuary_utils.maths.syntax import (
    Beside,
    Call,
    Factorial,
    Group,
    Name,
    Negative,
    Node,
    Number,
    Percent,
    Power,
    Product,
    Sum,
    children,
    ungrouped,
)

MAX_NODES: Final = 400
MAX_BITS: Final = 16_000
"""Bits of a number (about 4,800 digits), and of the size of any number."""
MAX_EXPONENT: Final = 1_000
MAX_DEGREE: Final = 120
"""Degree of a polynomial that is factored, solved or integrated."""
MAX_TERMS: Final = 2_000
"""Terms of a product or power that is multiplied out."""
MAX_FACTORIAL: Final = 1_000
NUMBERS: Final = frozenset({"pi", "π", "e", "tau", "τ", "phi", "φ", "i", "j"})
GROWING: Final = frozenset({"exp", "sinh", "cosh"})
COUNTING: Final = frozenset({"factorial", "gamma", "binomial"})


@dataclass(frozen=True, slots=True)
class Size:
    """An upper bound of what a part of an expression can become.

    Attributes:
        bits: of a number without variables, the length of its digits or of its size; `None` with variables.
        degree: the total degree in all variables.
        terms: when everything is multiplied out.
        tower: how many powers with variables in the exponent stand in each other's exponents.
    """

    bits: float | None
    degree: float = 0
    terms: float = 1
    tower: int = 0


def check_count(node: Node) -> None:
    """Refuse an expression of too many parts."""
    pending, count = [node], 0
    while pending:
        count += 1
        if count > MAX_NODES:
            raise ToolError(f"the expression has more than {MAX_NODES} parts; split it")
        pending += children(pending.pop())


def measure(node: Node, known: Mapping[str, Size] | None = None) -> Size:
    """The size of an expression, with `known` sizes for names that are given values.

    Raises:
        ToolError: a number, power or factorial in it is too large.
    """
    known = known or {}
    match node:
        case Number():
            return _number(max(node.value.numerator.bit_length(), node.value.denominator.bit_length()))
        case Name():
            return known.get(node.name) or (Size(2.0) if node.name in NUMBERS else Size(None, 1.0))
        case Sum():
            return _sum([measure(term, known) for _, term in node.terms])
        case Product() | Beside():
            return _product([measure(part, known) for part in children(node)])
        case Group() | Negative() | Percent():
            return measure(children(node)[0], known)
        case Power():
            return _power(measure(node.base, known), measure(node.exponent, known), constant(node.exponent))
        case Factorial():
            return _factorial(measure(node.operand, known), constant(node.operand))
        case Call():
            return _call(node, [measure(argument, known) for argument in node.arguments])
        case _:
            return _sum([measure(part, known) for part in children(node)])


def _number(bits: float) -> Size:
    if bits > MAX_BITS:
        raise ToolError("a number in the expression is too large for algebra (more than about 4,800 digits)")
    return Size(bits)


def _sum(sizes: list[Size]) -> Size:
    numeric = [size.bits for size in sizes if size.bits is not None]
    bits = sum(numeric) if len(numeric) == len(sizes) else None
    if bits is not None:
        return _number(bits)
    return Size(None, max(size.degree for size in sizes), sum(size.terms for size in sizes), _tower(sizes))


def _tower(sizes: list[Size]) -> int:
    return max(size.tower for size in sizes)


def _product(sizes: list[Size]) -> Size:
    numeric = [size.bits for size in sizes if size.bits is not None]
    if len(numeric) == len(sizes):
        return _number(sum(numeric))
    return Size(
        None, sum(size.degree for size in sizes), min(math.prod(size.terms for size in sizes), 1e30), _tower(sizes)
    )


def _power(base: Size, exponent: Size, value: Fraction | None) -> Size:
    if value is None:
        if base.bits is not None and exponent.bits is not None:
            if exponent.bits > 40:
                raise ToolError("a power in the expression is too large for algebra")
            return _number(max(base.bits, 1) * 2**exponent.bits)
        if exponent.tower > 1:
            raise ToolError("powers with variables in the exponent's exponent are not dealt with")
        return Size(None, base.degree + exponent.degree, 1, exponent.tower + 1)
    many = float(abs(value.numerator)) if value.numerator.bit_length() < 1_000 else math.inf
    if base.bits is not None:
        return _number(max(base.bits, 1) * many if many else 1)
    if many > MAX_EXPONENT:
        raise ToolError(f"an exponent in the expression is too large: variables are raised to at most {MAX_EXPONENT:,}")
    if value.denominator != 1:
        return Size(None, base.degree * many, 1)
    return Size(None, base.degree * many, _power_terms(base.terms, many))


def _power_terms(terms: float, many: float) -> float:
    """The number of monomials of degree `many` in so many terms."""
    if terms <= 1:
        return 1
    logarithm = math.lgamma(many + terms) - math.lgamma(many + 1) - math.lgamma(terms)
    return math.exp(min(logarithm, 69))


def _factorial(operand: Size, value: Fraction | None) -> Size:
    if operand.bits is None:
        return Size(None, operand.degree, 1)
    if value is None or abs(value) > MAX_FACTORIAL:
        raise ToolError(f"factorials in algebra go up to {MAX_FACTORIAL:,}; the tool calculate does larger ones")
    return _number(math.lgamma(abs(float(value)) + 1) / math.log(2) + 1)


def _call(node: Call, sizes: list[Size]) -> Size:
    bits = [size.bits for size in sizes]
    numeric = [one for one in bits if one is not None]
    if node.name in COUNTING and numeric:
        for argument, size in zip(node.arguments, sizes, strict=True):
            if size.bits is not None:
                _factorial(size, constant(argument))
        return Size(float(MAX_BITS) if len(numeric) == len(bits) else None, 1, 1)
    if len(numeric) == len(bits):
        if node.name in GROWING and max(numeric, default=0) > 40:
            raise ToolError("an exponential in the expression is too large for algebra")
        return _number(1.5 * 2 ** max(numeric, default=0) if node.name in GROWING else max(numeric, default=1) + 2)
    return Size(None, max(size.degree for size in sizes), 1, _tower(sizes))


def constant(node: Node) -> Fraction | None:
    """The value of an exponent that is a plain rational number; `None` where it is something else."""
    node = ungrouped(node)
    match node:
        case Number():
            return Fraction(node.value)
        case Negative():
            value = constant(node.operand)
            return None if value is None else -value
        case Product() if [operator for operator, _ in node.factors] == ["*", "/"]:
            top, bottom = (constant(factor) for _, factor in node.factors)
            return None if top is None or not bottom else top / bottom
        case Sum() | Product():
            values = [constant(part) for part in children(node)]
            if any(value is None for value in values):
                return None
            return _folded(node, [value for value in values if value is not None])
        case Power():
            base, exponent = constant(node.base), constant(node.exponent)
            if base is None or exponent is None or exponent.denominator != 1:
                return None
            if abs(exponent) > 64 or base.numerator.bit_length() + base.denominator.bit_length() > 256 or not base:
                return Fraction(10**400) if base not in {0, 1, -1} else None
            return base**exponent.numerator
        case _:
            return None


def _folded(node: Sum | Product, values: list[Fraction]) -> Fraction | None:
    if isinstance(node, Sum):
        signs = [1 if sign == "+" else -1 for sign, _ in node.terms]
        return sum((sign * value for sign, value in zip(signs, values, strict=True)), Fraction(0))
    if any(operator != "*" for operator, _ in node.factors):
        return None
    return math.prod(values, start=Fraction(1))


def check_terms(size: Size) -> None:
    """Refuse to multiply out what has too many terms."""
    if size.terms > MAX_TERMS:
        amount = f"about {size.terms:,.0f}" if size.terms < 1e15 else "far too many"
        raise ToolError(f"multiplied out this would have {amount} terms; at most {MAX_TERMS:,} are computed")


def check_degree(size: Size) -> None:
    """Refuse a polynomial of too high a degree for factoring and solving."""
    if size.degree > MAX_DEGREE:
        raise ToolError(f"the degree is about {size.degree:,.0f}; this operation takes degrees up to {MAX_DEGREE}")

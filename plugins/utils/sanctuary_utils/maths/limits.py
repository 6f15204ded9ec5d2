"""What one calculation may cost, decided before the work is done."""

from __future__ import annotations

import math
from typing import Final, cast

from sanctuary_host import ToolError

MAX_EXPRESSION: Final = 10_000
"""Characters of an expression."""
MAX_DEPTH: Final = 80
"""Levels of nesting; the recursion of the parser and of the evaluation stays far below the interpreter's limit."""
MAX_DIGITS: Final = 50_000
"""Decimal digits of an exact integer. Two such numbers multiply in about 12 ms."""
MAX_BITS: Final = math.ceil(MAX_DIGITS * math.log2(10))
MAX_FRACTION_BITS: Final = math.ceil(10_000 * math.log2(10))
"""Bits of a fraction's numerator and denominator: reducing one takes a common divisor, which is quadratic."""
MAX_PRECISION: Final = 1_000
"""Digits that a caller may ask for."""
MAX_MAGNITUDE: Final = 10**15
"""Decimal exponent of an approximate number."""
MAX_ITEMS: Final = 10_000
"""Numbers in a list."""
MAX_SIZE: Final = 40
"""Rows and columns of a matrix."""
MAX_FUNCTION_BITS: Final = 10_000
"""Bits before the point that a trigonometric function reduces by pi."""
ALLOWANCE: Final = 600_000
"""Microseconds of work, by the estimates below, of one call."""


class Budget:
    """Counts the work of one call, in microseconds on a slow core, and stops it before it is too much."""

    def __init__(self, allowance: int = ALLOWANCE) -> None:
        """Start with so many microseconds."""
        self.left = allowance

    def charge(self, cost: float) -> None:
        """Account for work about to be done.

        Raises:
            ToolError: it exceeds what is left.
        """
        self.left -= 2 + int(min(cost, 1e12))
        if self.left < 0:
            raise ToolError(
                "this takes more work than one call may do; use smaller numbers or fewer digits, or split it"
            )

    def multiply(self, left: int, right: int) -> None:
        """Account for a product of numbers of so many bits (Karatsuba's exponent; measured)."""
        self.charge(1 + max(left, right) * min(left, right) ** 0.585 / 20_000)

    def divide(self, left: int, right: int) -> None:
        """Account for a quotient, a remainder or a common divisor of numbers of so many bits (quadratic; measured)."""
        self.charge(1 + left * right / 400_000)

    def function(self, digits: int, weight: int = 1) -> None:
        """Account for an elementary function at so many digits (measured; `weight` for the slower ones)."""
        self.charge(weight * (20 + digits * digits / 800))


def check_bits(bits: float, what: str) -> None:
    """Refuse an exact integer that would be too long.

    Raises:
        ToolError: it names the number of digits, and how to get an approximate answer.
    """
    if bits > MAX_BITS:
        raise ToolError(
            f"{what} has {digits_of(bits)} digits, more than the {MAX_DIGITS:,} that are computed exactly; "
            "for an approximate value write approx(...) around a number in it, "
            "for a remainder powmod(base, exponent, modulus)"
        )


def digits_of(bits: float) -> str:
    """About how many decimal digits so many bits are, in words."""
    digits = bits * math.log10(2)
    if digits < 1e15:
        return f"about {math.ceil(digits):,}"
    return f"about 10^{math.log10(digits):.0f}" if math.isfinite(digits) else "far too many"


def check_size(count: int, limit: int, what: str) -> None:
    """Refuse more than `limit` of something."""
    if count > limit:
        amount = f"{count:,}" if count.bit_length() < 64 else "far too many"
        raise ToolError(f"{amount} {what} are too many; at most {limit:,} are allowed")


def cells(items: tuple[object, ...], limit: int) -> int:
    """How many things a list holds, whatever they are nested in; counted to a little beyond `limit` and no further."""
    count = 0
    left: list[object] = [items]
    while left and count <= limit:
        item = left.pop()
        if isinstance(item, tuple):
            left.extend(cast("tuple[object, ...]", item))
        else:
            count += 1
    return count

"""The operations on numbers, each of which accounts for its cost before it starts."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Final

from sanctuary_host import ToolError
from sanctuary_utils.maths.limits import MAX_BITS, MAX_FRACTION_BITS, MAX_MAGNITUDE, check_bits
from sanctuary_utils.maths.scalars import (
    Approx,
    Gaussian,
    Pi,
    Scalar,
    Workspace,
    bits,
    is_rational,
    is_real,
    is_zero,
    parts,
)
from sanctuary_utils.maths.syntax import Rational
from sanctuary_utils.maths.tokens import simple

DIVISION_BY_ZERO: Final = "division by zero has no value"
GUARD: Final = 10
"""Digits by which two rounded numbers may differ and still count as equal."""


def add(work: Workspace, left: Scalar, right: Scalar) -> Scalar:
    """The sum."""
    match left, right:
        case (int() | Fraction(), int() | Fraction()):
            return _add_rationals(work, left, right)
        case (Pi(), Pi()):
            factor = work.exact(simple(left.factor + right.factor))
            return multiply(work, factor, Pi(1))
        case (Pi(), 0):
            return left
        case (0, Pi()):
            return right
        case (int() | Fraction() | Gaussian(), int() | Fraction() | Gaussian()):
            (a, b), (c, d) = parts(left), parts(right)
            _charge_pair(work, max(_bits(a), _bits(b)), max(_bits(c), _bits(d)))
            return work.gaussian(a + c, b + d)
        case _:
            work.budget.charge(work.digits / 50)
            return work.approx(work.rounded(left) + work.rounded(right))


def _add_rationals(work: Workspace, left: Rational, right: Rational) -> Scalar:
    if isinstance(left, int) and isinstance(right, int):
        work.budget.charge(max(bits(left), bits(right)) / 10_000)
        check_bits(max(bits(left), bits(right)), "the sum")
        return left + right
    _charge_pair(work, _bits(left), _bits(right))
    return work.exact(left + right)


def _bits(value: Rational) -> int:
    return max(bits(value.numerator), bits(value.denominator))


def _charge_pair(work: Workspace, left: int, right: int) -> None:
    """Account for a product of fractions with the common divisors that it takes."""
    work.budget.multiply(left, right)
    work.budget.divide(2 * left, 2 * right)


def negate(work: Workspace, value: Scalar) -> Scalar:
    """The number with the opposite sign."""
    return multiply(work, -1, value)


def subtract(work: Workspace, left: Scalar, right: Scalar) -> Scalar:
    """The difference."""
    return add(work, left, negate(work, right))


def multiply(work: Workspace, left: Scalar, right: Scalar) -> Scalar:
    """The product."""
    match left, right:
        case (int(), int()):
            check_bits(bits(left) + bits(right) - 2, "the product")
            work.budget.multiply(bits(left), bits(right))
            return left * right
        case (int() | Fraction(), int() | Fraction()):
            _charge_pair(work, _bits(left), _bits(right))
            return work.exact(left * right)
        case (0, _) | (_, 0):
            return 0
        case (Pi(), int() | Fraction()) | (int() | Fraction(), Pi()):
            other, factor = (left.factor, right) if isinstance(left, Pi) else (left, _factor(right))
            product = multiply(work, other, factor)
            if isinstance(product, (int, Fraction)):
                return Pi(product)
            return work.approx(work.rounded(product) * work.mp.pi)
        case (int() | Fraction() | Gaussian(), int() | Fraction() | Gaussian()):
            (a, b), (c, d) = parts(left), parts(right)
            for _ in range(4):
                _charge_pair(work, max(_bits(a), _bits(b)), max(_bits(c), _bits(d)))
            return work.gaussian(a * c - b * d, a * d + b * c)
        case _:
            work.budget.charge(work.digits**1.585 / 1_000)
            return work.approx(work.rounded(left) * work.rounded(right))


def _factor(value: Scalar) -> Scalar:
    return value.factor if isinstance(value, Pi) else value


def divide(work: Workspace, left: Scalar, right: Scalar) -> Scalar:
    """The quotient.

    Raises:
        ToolError: the divisor is 0.
    """
    if is_zero(right):
        raise ToolError(DIVISION_BY_ZERO)
    match left, right:
        case (int() | Fraction(), int() | Fraction()):
            _charge_pair(work, _bits(left), _bits(right))
            return work.exact(Fraction(left) / right)
        case (Pi(), Pi()):
            return divide(work, left.factor, right.factor)
        case (Pi(), int() | Fraction()):
            return multiply(work, left, Fraction(1) / right)
        case (0, _):
            return 0
        case (int() | Fraction() | Gaussian(), Gaussian()):
            norm = _norm(work, right)
            conjugate = Gaussian(right.re, -right.im)
            return divide(work, multiply(work, left, conjugate), norm)
        case (Gaussian(), int() | Fraction()):
            _charge_pair(work, max(_bits(left.re), _bits(left.im)), _bits(right))
            return work.gaussian(Fraction(left.re) / right, Fraction(left.im) / right)
        case _:
            work.budget.charge(work.digits**1.7 / 1_000)
            return work.approx(work.rounded(left) / work.rounded(right))


def _norm(work: Workspace, value: Gaussian) -> Rational:
    size = max(_bits(value.re), _bits(value.im))
    _charge_pair(work, size, size)
    return simple(value.re * value.re + value.im * value.im)


def power(work: Workspace, base: Scalar, exponent: Scalar) -> Scalar:
    """The power; of several values the principal one.

    Raises:
        ToolError: it does not exist, or it is too large.
    """
    if is_zero(base):
        return _power_of_zero(work, exponent)
    if base == 1 and isinstance(base, int):
        return 1
    if isinstance(exponent, int):
        if isinstance(base, (int, Fraction)):
            return _rational_power(work, base, exponent)
        if isinstance(base, Gaussian):
            return _gaussian_power(work, base, exponent)
        if exponent in {0, 1}:
            return base if exponent else 1
    if isinstance(exponent, Fraction) and isinstance(base, (int, Fraction)):
        root = _exact_root(work, base, exponent)
        if root is not None:
            return root
        if base < 0 and exponent.denominator % 2 and exponent.denominator > 1:
            work.note("this is the principal complex root; the real one is root(x, n)")
    return _rounded_power(work, base, exponent)


def _power_of_zero(work: Workspace, exponent: Scalar) -> Scalar:
    if is_zero(exponent):
        work.note("0^0 is taken as 1")
        return 1
    if not is_real(exponent):
        raise ToolError("0 to a complex power has no value")
    if compare(work, exponent, 0) < 0:
        raise ToolError(DIVISION_BY_ZERO + " (0 to a negative power)")
    return 0


def _rational_power(work: Workspace, base: Rational, exponent: int) -> Scalar:
    if base == -1:
        return -1 if exponent % 2 else 1
    top, bottom = abs(base.numerator), base.denominator
    count = float(abs(exponent)) if bits(exponent) < 1_000 else math.inf
    size = count * math.log2(max(top, bottom))
    whole = bottom == 1 and exponent >= 0
    if whole:
        check_bits(size, "this power")
    elif size > MAX_FRACTION_BITS:
        work.note("the exact fraction would be too long, so the result is rounded")
        return _rounded_power(work, base, exponent)
    for _ in range(3):
        work.budget.multiply(int(size), int(size))
    return simple(Fraction(base) ** exponent) if not whole else int(base) ** exponent


def _gaussian_power(work: Workspace, base: Gaussian, exponent: int) -> Scalar:
    if bits(exponent) > 64:
        return _gaussian_power(work, base, exponent % 4) if _is_unit(base) else _rounded_power(work, base, exponent)
    size = abs(exponent) * max(_bits(base.re), _bits(base.im)) * 2
    if size > MAX_FRACTION_BITS and not _is_unit(base):
        work.note("the exact value would be too long, so the result is rounded")
        return _rounded_power(work, base, exponent)
    result: Scalar = 1
    square: Scalar = base
    for digit in reversed(f"{abs(exponent):b}"):
        if digit == "1":
            result = multiply(work, result, square)
        square = multiply(work, square, square)
    return result if exponent >= 0 else divide(work, 1, result)


def _is_unit(value: Gaussian) -> bool:
    return value.re == 0 and abs(value.im) == 1


def _exact_root(work: Workspace, base: Rational, exponent: Fraction) -> Scalar | None:
    """`base ^ exponent` where that is rational, or an exact square root of a negative number."""
    degree = exponent.denominator
    if bits(degree) > 20 or (base < 0 and degree != 2):
        return None
    top, bottom = whole_root(work, abs(base.numerator), degree), whole_root(work, base.denominator, degree)
    if top is None or bottom is None:
        return None
    root = simple(Fraction(top, bottom))
    return power(work, Gaussian(0, root) if base < 0 else root, exponent.numerator)


def whole_root(work: Workspace, value: int, degree: int) -> int | None:
    """The root of an integer of at least 0 where it is an integer too."""
    if value < 2:
        return value
    if bits(value) <= degree:
        return None
    work.budget.divide(bits(value), bits(value))
    if degree == 2:
        root = math.isqrt(value)
        return root if root * root == value else None
    if bits(value) < 50 * degree:
        near = round(2 ** (math.log2(value) / degree))
        return next((root for root in (near - 1, near, near + 1) if root**degree == value), None)
    root = 1 << -(-bits(value) // degree)
    while True:  # Newton's method from above falls until it has reached the root
        work.budget.multiply(bits(value), bits(value))
        following = ((degree - 1) * root + value // root ** (degree - 1)) // degree
        if following >= root:
            return root if root**degree == value else None
        root = following


def _rounded_power(work: Workspace, base: Scalar, exponent: Scalar) -> Scalar:
    mp = work.mp
    x, y = work.rounded(base), work.rounded(exponent)
    work.budget.function(work.digits, 3)
    log = mp.log(x)
    if abs(mp.re(y * log)) > 2.3 * MAX_MAGNITUDE or abs(mp.im(y * log)) > 1e300:
        raise ToolError("this power is out of range, even as an approximate number")
    if isinstance(exponent, int) and isinstance(base, (int, Fraction)) and bits(exponent) < 64:
        return work.approx(x**exponent)
    # The digits before the point of y log x are lost after it, so as many more are carried.
    with mp.extradps(20):
        return work.approx(mp.power(x, y))


def compare(work: Workspace, left: Scalar, right: Scalar) -> int:
    """-1, 0 or 1: whether the left number is below, equal to or above the right one.

    Raises:
        ToolError: one of them is complex.
    """
    if not is_real(left) or not is_real(right):
        raise ToolError("complex numbers have no order; compare abs(...) or re(...) of them")
    if isinstance(left, Pi) and isinstance(right, Pi):
        left, right = left.factor, right.factor
    if isinstance(left, (int, Fraction)) and isinstance(right, (int, Fraction)):
        work.budget.multiply(_bits(left), _bits(right))
        return (left > right) - (left < right)
    x, y = work.rounded(left), work.rounded(right)
    if abs(x - y) <= max(abs(x), abs(y)) * work.mp.mpf(10) ** (GUARD - work.digits):
        work.note("two rounded numbers that agree in all computed digits count as equal")
        work.margins.append(None)
        return 0
    work.margins.append(x - y)
    return 1 if x > y else -1


def equal(work: Workspace, left: Scalar, right: Scalar) -> bool:
    """Whether two numbers are the same as far as is known."""
    if is_real(left) and is_real(right):
        return compare(work, left, right) == 0
    if isinstance(left, Approx) or isinstance(right, Approx):
        x, y = work.rounded(left), work.rounded(right)
        return bool(abs(x - y) <= max(abs(x), abs(y)) * work.mp.mpf(10) ** (GUARD - work.digits))
    return left == right


def floor(work: Workspace, value: Scalar) -> int:
    """The largest integer that is not above the number.

    Raises:
        ToolError: the number is complex, or too large for an integer.
    """
    if isinstance(value, (int, Fraction)):
        work.budget.divide(_bits(value), _bits(value))
        return math.floor(value)
    if not is_real(value):
        raise ToolError("a complex number cannot be rounded to an integer")
    x = work.rounded(value)
    if abs(x) > work.mp.mpf(2) ** MAX_BITS:
        check_bits(2.0 * MAX_BITS, "this integer")
    if abs(x) > work.mp.mpf(10) ** (work.digits - GUARD):
        raise ToolError("this number is too large to be rounded to an integer at this precision; ask for more digits")
    nearest = work.mp.nint(x)
    if abs(x - nearest) <= max(abs(x), 1) * work.mp.mpf(10) ** (GUARD - work.digits):
        work.note("a rounded number that agrees with an integer in all computed digits counts as that integer")
        return int(nearest)
    return int(work.mp.floor(x))


def floor_divide(work: Workspace, left: Scalar, right: Scalar) -> Scalar:
    """The quotient rounded down."""
    if is_zero(right):
        raise ToolError(DIVISION_BY_ZERO)
    if isinstance(left, int) and isinstance(right, int):
        work.budget.divide(bits(left), bits(right))
        return left // right
    return floor(work, divide(work, left, right))


def modulo(work: Workspace, left: Scalar, right: Scalar) -> Scalar:
    """The remainder with the sign of the divisor: `left - right * floor(left / right)`."""
    if is_zero(right):
        raise ToolError("the remainder of a division by zero has no value")
    if isinstance(left, int) and isinstance(right, int):
        work.budget.divide(bits(left), bits(right))
        return left % right
    return subtract(work, left, multiply(work, right, floor_divide(work, left, right)))


def integer(value: object, what: str) -> int:
    """An argument that must be a whole number.

    Raises:
        ToolError: it is none.
    """
    if is_rational(value) and isinstance(value, int):
        return value
    raise ToolError(f"{what}: a whole number is needed, given exactly")

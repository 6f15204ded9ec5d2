"""Elementary functions: roots, exponentials, trigonometry, rounding, complex parts; exact where they can be."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Final

from sanctuary_host import ToolError
from sanctuary_utils.maths import arithmetic, operations, quantities
from sanctuary_utils.maths.angles import HALF, atan2, cos, rounded, sin
from sanctuary_utils.maths.limits import MAX_FUNCTION_BITS, MAX_MAGNITUDE
from sanctuary_utils.maths.operations import Value, scalar
from sanctuary_utils.maths.quantities import Quantity, Temperature
from sanctuary_utils.maths.scalars import Approx, Gaussian, Scalar, Workspace, bits, is_real, is_zero
from sanctuary_utils.maths.tokens import simple

MAX_SPECIAL_DIGITS: Final = 100
"""Digits to which gamma, erf and zeta are computed: their cost grows with the third power."""


def sqrt(work: Workspace, value: Value) -> Value:
    """The square root."""
    if isinstance(value, Quantity):
        return operations.power(work, value, HALF)
    number = scalar(value, "sqrt")
    if isinstance(number, (int, Fraction)) and number < 0:
        work.note("the square root of a negative number is imaginary; i is the imaginary unit")
        positive = arithmetic.power(work, -number, HALF)
        return arithmetic.multiply(work, Gaussian(0, 1), positive)
    return arithmetic.power(work, number, HALF)


def cbrt(work: Workspace, value: Value) -> Value:
    """The real cube root."""
    return root(work, value, 3)


def root(work: Workspace, value: Value, degree: Value) -> Value:
    """The real n-th root where there is one."""
    many = arithmetic.integer(degree, "the degree of a root")
    if many < 1 or many > 10_000:
        raise ToolError("the degree of a root must be a whole number from 1 to 10,000")
    if isinstance(value, Quantity):
        return operations.power(work, value, simple(Fraction(1, many)))
    number = scalar(value, "root")
    if is_real(number) and many % 2 and arithmetic.compare(work, number, 0) < 0:
        positive = arithmetic.power(work, arithmetic.negate(work, number), simple(Fraction(1, many)))
        return arithmetic.negate(work, positive)
    return arithmetic.power(work, number, simple(Fraction(1, many)))


def exp(work: Workspace, value: Value) -> Value:
    """E to the power x."""
    number = scalar(value, "exp")
    if is_zero(number):
        return 1
    if abs(work.rounded(number)) > 2.3 * MAX_MAGNITUDE:
        raise ToolError(
            "exp of so large a number is out of range: the result's exponent would have more than 15 digits"
        )
    return rounded(work, "exp", number, weight=2)


def ln(work: Workspace, value: Value) -> Value:
    """The natural logarithm."""
    number = scalar(value, "ln")
    if is_zero(number):
        raise ToolError("the logarithm of 0 has no value (it falls without bound)")
    if number == 1 and not isinstance(number, Approx):
        return 0
    if is_real(number) and arithmetic.compare(work, number, 0) < 0:
        work.note("the logarithm of a negative number is complex; this is its principal value")
    return rounded(work, "log", number)


def log(work: Workspace, value: Value, base: Value | None = None) -> Value:
    """The logarithm; with no base the natural one."""
    if base is None:
        work.note("log(x) is the natural logarithm here; base 10 is log10(x) or log(x, 10)")
        return ln(work, value)
    number, to = scalar(value, "log"), scalar(base, "log")
    if isinstance(to, (int, Fraction)) and (to <= 0 or to == 1):
        raise ToolError("the base of a logarithm must be above 0 and other than 1")
    found = _exact_log(work, number, to)
    return found if found is not None else operations.divide(work, ln(work, number), ln(work, to))


def _exact_log(work: Workspace, number: Scalar, base: Scalar) -> Scalar | None:
    """p/q where number^q = base^p, if there are such whole numbers."""
    if not isinstance(number, (int, Fraction)) or not isinstance(base, (int, Fraction)) or number <= 0:
        return None
    if number == 1:
        return 0
    guess = Fraction(_log2(number) / _log2(base)).limit_denominator(64)
    if not guess or abs(float(guess) - _log2(number) / _log2(base)) > 1e-9:
        return None
    size = abs(guess.numerator) * max(bits(base.numerator), bits(base.denominator))
    if size > 2 * MAX_FUNCTION_BITS:
        return None
    work.budget.multiply(size, size)
    fits = Fraction(number) ** guess.denominator == Fraction(base) ** guess.numerator
    return simple(guess) if fits else None


def _log2(value: int | Fraction) -> float:
    return math.log2(value.numerator) - math.log2(value.denominator)


def log2(work: Workspace, value: Value) -> Value:
    """The logarithm to base 2."""
    return log(work, value, 2)


def log10(work: Workspace, value: Value) -> Value:
    """The logarithm to base 10."""
    return log(work, value, 10)


def _special(name: str, of: str) -> Callable[[Workspace, Value], Value]:
    def function(work: Workspace, value: Value) -> Value:
        number = scalar(value, of)
        if work.digits > 3 * MAX_SPECIAL_DIGITS:
            raise ToolError(f"{of} is computed to at most {MAX_SPECIAL_DIGITS} digits")
        if abs(work.rounded(number)) > 10**12:
            raise ToolError(f"{of} of so large a number is out of range")
        if abs(work.mp.im(work.rounded(number))) > 1_000:
            raise ToolError(f"{of} of a number with so large an imaginary part is out of range")
        work.budget.charge(work.digits**2.7 / 400)
        return rounded(work, name, number, weight=3)

    return function


def absolute(work: Workspace, value: Value) -> Value:
    """The absolute value."""
    if isinstance(value, Quantity):
        return Quantity(_absolute(work, value.value), value.dimensions, value.shown)
    return _absolute(work, scalar(value, "abs"))


def _absolute(work: Workspace, number: Scalar) -> Scalar:
    if isinstance(number, Gaussian):
        square = arithmetic.add(work, arithmetic.power(work, number.re, 2), arithmetic.power(work, number.im, 2))
        return arithmetic.power(work, square, HALF)
    if isinstance(number, Approx):
        return work.approx(abs(number.value))
    return arithmetic.negate(work, number) if arithmetic.compare(work, number, 0) < 0 else number


def sign(work: Workspace, value: Value) -> Value:
    """-1, 0 or 1."""
    number = value.value if isinstance(value, Quantity) else scalar(value, "sign")
    return arithmetic.compare(work, number, 0)


def _whole(name: str, to: Callable[[Workspace, Scalar], int]) -> Callable[[Workspace, Value], Value]:
    def function(work: Workspace, value: Value) -> Value:
        return _in_shown_unit(work, value, name, lambda number: to(work, number))

    return function


def _in_shown_unit(work: Workspace, value: Value, name: str, change: Callable[[Scalar], Scalar]) -> Value:
    """Apply a rounding to a number, or to a quantity's number in the unit in which it is written."""
    if isinstance(value, Quantity):
        number = change(quantities.measure(work, value))
        factor = quantities.factor_of(work, value.shown)
        return Quantity(arithmetic.multiply(work, number, factor), value.dimensions, value.shown)
    if isinstance(value, Temperature):
        return Temperature(change(value.value), value.unit)
    return change(scalar(value, name))


def _ceil(work: Workspace, number: Scalar) -> int:
    return -arithmetic.floor(work, arithmetic.negate(work, number))


def _trunc(work: Workspace, number: Scalar) -> int:
    if is_real(number) and arithmetic.compare(work, number, 0) < 0:
        return _ceil(work, number)
    return arithmetic.floor(work, number)


def round_to(work: Workspace, value: Value, digits: Value = 0) -> Value:
    """To so many decimals; halves go away from zero."""
    many = arithmetic.integer(digits, "the number of decimals")
    if abs(many) > 1_000:
        raise ToolError("round takes a number of decimals from -1000 to 1000")

    def change(number: Scalar) -> Scalar:
        scaled = arithmetic.multiply(work, number, simple(Fraction(10) ** many))
        if not is_real(scaled):
            raise ToolError("a complex number cannot be rounded; round re(...) and im(...)")
        negative = arithmetic.compare(work, scaled, 0) < 0
        distance = arithmetic.negate(work, scaled) if negative else scaled
        whole = arithmetic.floor(work, arithmetic.add(work, distance, HALF))
        return arithmetic.multiply(work, -whole if negative else whole, simple(Fraction(1, 10) ** many))

    return _in_shown_unit(work, value, "round", change)


def frac(work: Workspace, value: Value) -> Value:
    """What is left above the floor."""
    number = scalar(value, "frac")
    return arithmetic.subtract(work, number, arithmetic.floor(work, number))


def hypot(work: Workspace, *values: Value) -> Value:
    """The square root of the sum of the squares."""
    squares = tuple(operations.multiply(work, absolute(work, value), absolute(work, value)) for value in values)
    return sqrt(work, operations.total(work, squares))


def re(work: Workspace, value: Value) -> Value:
    """The real part."""
    number = scalar(value, "re")
    if isinstance(number, Gaussian):
        return number.re
    return work.approx(work.mp.re(number.value)) if isinstance(number, Approx) else number


def im(work: Workspace, value: Value) -> Value:
    """The imaginary part."""
    number = scalar(value, "im")
    if isinstance(number, Gaussian):
        return number.im
    return work.approx(work.mp.im(number.value)) if isinstance(number, Approx) and not number.is_real else 0


def conj(work: Workspace, value: Value) -> Value:
    """The complex conjugate."""
    number = scalar(value, "conj")
    if isinstance(number, Gaussian):
        return Gaussian(number.re, -number.im)
    return work.approx(work.mp.conj(number.value)) if isinstance(number, Approx) else number


def arg(work: Workspace, value: Value) -> Value:
    """The angle of a complex number, in radians."""
    number = scalar(value, "arg")
    if is_zero(number):
        raise ToolError("the angle of 0 has no value")
    return atan2(work, im(work, number), re(work, number))


def polar(work: Workspace, value: Value) -> Value:
    """[absolute value, angle in radians]."""
    return absolute(work, value), arg(work, value)


def rect(work: Workspace, radius: Value, angle: Value) -> Value:
    """The complex number of that absolute value and angle."""
    turned = operations.multiply(work, Gaussian(0, 1), scalar(sin(work, angle), "rect"))
    return operations.multiply(work, radius, operations.add(work, cos(work, angle), turned))


def approx(work: Workspace, value: Value) -> Value:
    """X rounded, so that what follows is computed with rounded numbers."""
    return work.approx(work.rounded(scalar(value, "approx")))


def numerator(work: Workspace, value: Value) -> Value:
    """Of a fraction in lowest terms."""
    return _fraction(work, value, "numerator").numerator


def denominator(work: Workspace, value: Value) -> Value:
    """Of a fraction in lowest terms."""
    return _fraction(work, value, "denominator").denominator


def _fraction(work: Workspace, value: Value, name: str) -> int | Fraction:
    number = scalar(value, name)
    work.budget.charge(1)
    if isinstance(number, (int, Fraction)):
        return number
    raise ToolError(f"{name} takes an exact rational number")


FUNCTIONS: Final[dict[str, Callable[..., Value]]] = {
    "sqrt": sqrt, "cbrt": cbrt, "root": root, "exp": exp, "ln": ln, "log": log, "log2": log2, "log10": log10,
    "lg": log10,
"gamma": _special("gamma", "gamma"), "lgamma": _special("loggamma", "lgamma"), "erf": _special("erf", "erf"),
    "erfc": _special("erfc", "erfc"), "zeta": _special("zeta", "zeta"),
    "abs": absolute, "sign": sign, "sgn": sign, "round": round_to, "frac": frac, "hypot": hypot,
    "floor": _whole("floor", arithmetic.floor), "ceil": _whole("ceil", _ceil), "trunc": _whole("trunc", _trunc),
    "re": re, "im": im, "conj": conj, "arg": arg, "polar": polar, "rect": rect, "approx": approx,
    "numerator": numerator, "denominator": denominator,
}  # fmt: skip  # a dictionary of names is read in groups, not one a line

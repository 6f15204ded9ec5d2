"""Angles: trigonometric and hyperbolic functions and their inverses, exact where they are rational."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Final

from sanctuary_host import ToolError
from sanctuary_utils.maths import arithmetic, operations
from sanctuary_utils.maths.limits import MAX_FUNCTION_BITS, MAX_MAGNITUDE
from sanctuary_utils.maths.operations import Value, scalar
from sanctuary_utils.maths.quantities import Quantity
from sanctuary_utils.maths.scalars import Approx, Gaussian, Pi, Scalar, Workspace, bits, is_real, is_zero
from sanctuary_utils.maths.syntax import Rational
from sanctuary_utils.maths.tokens import simple
from sanctuary_utils.maths.units import BASES

ANGLE: Final = tuple(int(base == "angle") for base in BASES)
HALF: Final = Fraction(1, 2)


def rounded(work: Workspace, name: str, value: Scalar, *, weight: int = 1, before: int = 0) -> Scalar:
    """Mpmath's function of that name; `before` is how many bits the argument has before the point."""
    work.budget.function(work.digits + before * 3 // 10, weight)
    try:
        with work.mp.extraprec(max(before, 0)):
            result = getattr(work.mp, name)(work.rounded(value))
    except (ValueError, ZeroDivisionError, ArithmeticError):
        raise ToolError(f"{name} has no value at this point (a pole, or outside its range)") from None
    return work.approx(result)


def _angle(work: Workspace, value: Value, name: str) -> Scalar:
    if isinstance(value, Quantity):
        if value.dimensions != ANGLE:
            raise ToolError(f"{name} takes an angle or a plain number in radians, not {operations.kind_of(value)}")
        number = value.value
    else:
        number = scalar(value, name)
    if not isinstance(number, Pi) and not is_zero(number):
        if _whole_bits(number) > MAX_FUNCTION_BITS:
            raise ToolError(f"{name} of so large a number is not computed: it would have to be reduced by pi")
        if not is_real(number) and abs(work.mp.im(work.rounded(number))) > MAX_MAGNITUDE:
            raise ToolError(f"{name} of a number with so large an imaginary part is out of range")
    return number


def _whole_bits(number: Scalar) -> int:
    """About how many bits a number has before the point."""
    match number:
        case int() | Fraction():
            return max(bits(number.numerator) - bits(number.denominator) + 1, 0)
        case Gaussian():
            return max(_whole_bits(number.re), _whole_bits(number.im))
        case Approx():
            found = number.value.context.mag(number.value)
            return max(int(found), 0) if number.value != 0 else 0
        case Pi():
            return 0


COSINES: Final[dict[Fraction, Rational]] = {
    Fraction(0): 1,
    Fraction(1, 3): HALF,
    HALF: 0,
    Fraction(2, 3): -HALF,
    Fraction(1): -1,
}
TANGENTS: Final = {Fraction(0): 0, Fraction(1, 4): 1, Fraction(3, 4): -1}


def _exact_cos(number: Scalar) -> Scalar | None:
    """The cosine where it is rational: by Niven's theorem at multiples of 60 and 90 degrees alone."""
    if is_zero(number) and not isinstance(number, Approx):
        return 1
    if not isinstance(number, Pi):
        return None
    turn = Fraction(number.factor) % 2
    found = COSINES.get(min(turn, 2 - turn))
    return None if found is None else simple(found)


def cos(work: Workspace, value: Value) -> Value:
    """The cosine; x in radians, or an angle such as 60 deg."""
    return _cos(work, _angle(work, value, "cos"), "cos")


def _cos(work: Workspace, number: Scalar, name: str) -> Scalar:
    exact = _exact_cos(number)
    return exact if exact is not None else _turned(work, name, number)


def _turned(work: Workspace, name: str, number: Scalar) -> Scalar:
    """A trigonometric function after whole turns are taken off."""
    if isinstance(number, Pi) and number.factor % 2:
        number = Pi(simple(Fraction(number.factor) % 2))
    return rounded(work, name, number, before=_whole_bits(number))


def sin(work: Workspace, value: Value) -> Value:
    """The sine; x in radians, or an angle such as 30 deg."""
    number = _angle(work, value, "sin")
    if is_zero(number) and not isinstance(number, Approx):
        return 0
    if isinstance(number, Pi):
        exact = _exact_cos(arithmetic.subtract(work, number, Pi(HALF)))
        if exact is not None:
            return exact
    return _turned(work, "sin", number)


def tan(work: Workspace, value: Value) -> Value:
    """The tangent; x in radians, or an angle such as 45 deg."""
    number = _angle(work, value, "tan")
    if is_zero(number) and not isinstance(number, Approx):
        return 0
    if isinstance(number, Pi):
        turn = Fraction(number.factor) % 1
        if turn == HALF:
            raise ToolError("the tangent has no value at 90 degrees (a pole)")
        if turn in TANGENTS:
            return TANGENTS[turn]
    return _turned(work, "tan", number)


def _reciprocal(
    function: Callable[[Workspace, Value], Value], name: str, of: str
) -> Callable[[Workspace, Value], Value]:
    def reciprocal(work: Workspace, value: Value) -> Value:
        number = function(work, value)
        if is_zero(scalar(number, name)):
            raise ToolError(f"{name} has no value where {of} is 0 (a pole)")
        return operations.divide(work, 1, number)

    return reciprocal


def _in_degrees(function: Callable[[Workspace, Value], Value], name: str) -> Callable[[Workspace, Value], Value]:
    def of_degrees(work: Workspace, value: Value) -> Value:
        number = scalar(value, name)
        return function(work, arithmetic.multiply(work, number, Pi(Fraction(1, 180))))

    return of_degrees


def _to_degrees(function: Callable[[Workspace, Value], Value], name: str) -> Callable[[Workspace, Value], Value]:
    def degrees_of(work: Workspace, value: Value) -> Value:
        angle = scalar(function(work, value), name)
        return arithmetic.divide(work, arithmetic.multiply(work, angle, 180), Pi(1))

    return degrees_of


ARCS: Final[dict[str, dict[Fraction | int, Fraction]]] = {
    "asin": {1: HALF, -1: -HALF, HALF: Fraction(1, 6), -HALF: Fraction(-1, 6)},
    "acos": {-1: Fraction(1), 0: HALF, HALF: Fraction(1, 3), -HALF: Fraction(2, 3)},
    "atan": {1: Fraction(1, 4), -1: Fraction(-1, 4)},
}
AT_ONE: Final = {"acos": 1, "acosh": 1}


def _inverse(name: str) -> Callable[[Workspace, Value], Value]:
    def arc(work: Workspace, value: Value) -> Value:
        number = scalar(value, name)
        if isinstance(number, (int, Fraction)):
            if number in ARCS.get(name, {}):
                return Pi(simple(ARCS[name][number]))
            if number == AT_ONE.get(name, 0):
                return 0
            if name in {"asin", "acos"} and not -1 <= number <= 1:
                work.note(f"{name} of a number beyond 1 is complex; this is its principal value")
        return rounded(work, name, number, weight=2)

    return arc


def atan2(work: Workspace, y: Value, x: Value) -> Value:
    """The angle of the point (x, y), in radians."""
    a, b = scalar(y, "atan2"), scalar(x, "atan2")
    if is_zero(a) and is_zero(b):
        raise ToolError("atan2(0, 0) has no value")
    if not is_real(a) or not is_real(b):
        raise ToolError("atan2 takes real numbers")
    below, left = arithmetic.compare(work, a, 0), arithmetic.compare(work, b, 0)
    if left == 0:
        return Pi(HALF * below)
    if below == 0:
        return 0 if left > 0 else Pi(1)
    angle = _inverse("atan")(work, arithmetic.divide(work, a, b))
    return angle if left > 0 else operations.add(work, angle, Pi(below))


def _hyperbolic(name: str) -> Callable[[Workspace, Value], Value]:
    def function(work: Workspace, value: Value) -> Value:
        number = scalar(value, name)
        if is_zero(number):
            return int(name == "cosh")
        if name != "tanh" and abs(work.rounded(number)) > 2.3 * MAX_MAGNITUDE:
            raise ToolError(f"{name} of so large a number is out of range")
        if name == "tanh" and abs(work.rounded(number)) > 10 * MAX_FUNCTION_BITS:
            raise ToolError("tanh of so large a number differs from 1 or -1 by less than any digit shown")
        return rounded(work, name, number, weight=2)

    return function


FUNCTIONS: Final[dict[str, Callable[..., Value]]] = {
    "sin": sin, "cos": cos, "tan": tan, "atan2": atan2,
    "sec": _reciprocal(cos, "sec", "cos"), "csc": _reciprocal(sin, "csc", "sin"),
    "cot": _reciprocal(tan, "cot", "tan"),
    "sind": _in_degrees(sin, "sind"), "cosd": _in_degrees(cos, "cosd"), "tand": _in_degrees(tan, "tand"),
    **{name: _inverse(name) for name in ("asin", "acos", "atan", "asinh", "acosh", "atanh")},
    **{"arc" + name[1:]: _inverse(name) for name in ("asin", "acos", "atan")},
    **{name + "d": _to_degrees(_inverse(name), name + "d") for name in ("asin", "acos", "atan")},
    **{name: _hyperbolic(name) for name in ("sinh", "cosh", "tanh")},
}  # fmt: skip  # a dictionary of names is read in groups, not one a line

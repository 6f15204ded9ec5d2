"""The kinds of numbers: exact ones as long as that is possible, else approximate ones of any precision."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

from sanctuary_host import ToolError
from sanctuary_utils.maths.limits import MAX_FRACTION_BITS, MAX_MAGNITUDE, Budget
from sanctuary_utils.maths.syntax import Rational
from sanctuary_utils.maths.tokens import simple


@dataclass(frozen=True, slots=True)
class Gaussian:
    """An exact complex number; its imaginary part is not 0."""

    re: Rational
    im: Rational


@dataclass(frozen=True, slots=True)
class Pi:
    """A rational multiple of pi, not 0: what keeps angles exact."""

    factor: Rational


@dataclass(frozen=True, slots=True)
class Approx:
    """A rounded number: an `mpf`, or an `mpc` whose imaginary part is not 0, of `Workspace.mp`."""

    value: Any

    @property
    def is_real(self) -> bool:
        """Whether it has no imaginary part."""
        return hasattr(self.value, "_mpf_")


Scalar = int | Fraction | Gaussian | Pi | Approx


class Workspace:
    """What one evaluation works with: its precision, its budget, and the notes for the caller."""

    def __init__(self, digits: int, budget: Budget, notes: dict[str, None]) -> None:
        """Work with so many digits."""
        self.digits = digits
        self.budget = budget
        self.notes = notes
        self.margins: list[Any] = []
        """By how much the sides of comparisons differed (`None`: they counted as equal).

        What shrinks as the precision rises was no difference.
        """

    @cached_property
    def mp(self) -> Any:
        """A context of mpmath of our own, so that no global precision is touched."""
        # Imported here for start-up cost: half a second that exact arithmetic never needs.
        context = importlib.import_module("mpmath").MPContext()
        context.dps = self.digits
        return context

    def note(self, text: str) -> None:
        """Tell the caller something about the answer, once."""
        self.notes[text] = None

    def rounded(self, value: Scalar) -> Any:
        """The number as mpmath's."""
        match value:
            case Approx():
                return value.value
            case Fraction():
                return self.mp.mpf(value.numerator) / value.denominator
            case Gaussian():
                return self.mp.mpc(self.rounded(value.re), self.rounded(value.im))
            case Pi():
                return self.mp.pi * self.rounded(value.factor)
            case _:
                return self.mp.mpf(int(value))

    def approx(self, value: Any) -> Approx:
        """A number of mpmath's as ours, if its size can be written.

        Raises:
            ToolError: it is infinite, undefined, or beyond every sensible size.
        """
        if hasattr(value, "_mpc_") and value.imag == 0:
            value = value.real
        parts = (value.real, value.imag) if hasattr(value, "_mpc_") else (value,)
        for part in parts:
            _, mantissa, exponent, bits = part._mpf_  # mpmath's own documented tuple (sign, man, exp, bc)
            if not mantissa and exponent:
                raise ToolError("the result is infinite or undefined at this point (a pole, or a division by zero)")
            if abs(exponent + bits) > 3.33 * MAX_MAGNITUDE:
                raise ToolError("a number is out of range: its exponent of ten has more than 15 digits")
        return Approx(value)

    def exact(self, value: Rational) -> Scalar:
        """A rational number, rounded if writing it exactly takes too many digits."""
        value = simple(value)
        if isinstance(value, int) or max(bits(value.numerator), bits(value.denominator)) <= MAX_FRACTION_BITS:
            return value
        self.note("the exact fraction would be too long, so the result is rounded")
        return self.approx(self.rounded(value))

    def gaussian(self, re: Rational, im: Rational) -> Scalar:
        """An exact complex number, or a real one where the imaginary part is 0."""
        if im == 0:
            return self.exact(re)
        if max(_size(re), _size(im)) > MAX_FRACTION_BITS:
            return self.approx(self.mp.mpc(self.rounded(re), self.rounded(im)))
        return Gaussian(simple(re), simple(im))


def bits(value: int) -> int:
    """The length of an integer."""
    return value.bit_length()


def _size(value: Rational) -> int:
    return max(bits(value.numerator), bits(value.denominator))


def is_rational(value: object) -> bool:
    """Whether a value is an integer or a fraction, and not a truth value."""
    return isinstance(value, (int, Fraction)) and not isinstance(value, bool)


def is_real(value: Scalar) -> bool:
    """Whether a number has no imaginary part."""
    return not isinstance(value, Gaussian) and (not isinstance(value, Approx) or value.is_real)


def is_zero(value: Scalar) -> bool:
    """Whether a number is 0 as far as is known."""
    return value == 0 if not isinstance(value, Approx) else bool(value.value == 0)


def parts(value: Rational | Gaussian) -> tuple[Rational, Rational]:
    """Real and imaginary part of an exact number."""
    return (value.re, value.im) if isinstance(value, Gaussian) else (value, 0)

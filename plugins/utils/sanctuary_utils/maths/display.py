"""Write results: the exact form, and decimals to a number of significant digits."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, Final

from sanctuary_utils.maths import quantities
from sanctuary_utils.maths.operations import Value, Written
from sanctuary_utils.maths.quantities import Quantity, Temperature
from sanctuary_utils.maths.scalars import Approx, Gaussian, Pi, Scalar, Workspace
from sanctuary_utils.maths.syntax import Rational

MAX_INTEGER_TEXT: Final = 4_000
"""Digits of an integer that is written in full (the interpreter converts 4,300 at once)."""
MAX_FRACTION_TEXT: Final = 120
"""Characters of a fraction that is written out; longer ones tell a reader nothing."""
FIXED: Final = range(-6, 21)
"""Exponents of ten that are written as zeros."""


def digits_in(value: int) -> int:
    """The number of decimal digits."""
    value = abs(value)
    estimate = int((value.bit_length() - 1) * math.log10(2)) if value else 0
    return estimate + (2 if value >= 10 ** (estimate + 1) else 1)


def rational_digits(value: Rational, count: int) -> tuple[str, int, bool]:
    """Significant digits of a rational number above 0, the exponent of ten of the first, and whether they are all."""
    top, bottom = value.numerator, value.denominator
    exponent = digits_in(top) - digits_in(bottom)
    if _scaled(top, bottom, -exponent)[0] < _scaled(top, bottom, -exponent)[1]:
        exponent -= 1
    over, under = _scaled(top, bottom, count - 1 - exponent)
    whole, rest = divmod(over, under)
    exact = rest == 0
    if 2 * rest > under or (2 * rest == under and whole & 1):
        whole += 1
        if whole == 10**count:
            whole, exponent = whole // 10, exponent + 1
    return str(whole), exponent, exact


def _scaled(top: int, bottom: int, power: int) -> tuple[int, int]:
    return (top * 10**power, bottom) if power >= 0 else (top, bottom * 10**-power)


def decimal(work: Workspace, value: Scalar, count: int) -> str:
    """A number to `count` significant digits; trailing zeros are left out."""
    match value:
        case int() | Fraction():
            if value == 0:
                return "0"
            if isinstance(value, int) and digits_in(value) <= max(count, FIXED.stop):
                return str(value)
            digits, exponent, _ = rational_digits(max(value, -value), count)
            return ("-" if value < 0 else "") + _placed(digits, exponent)
        case Gaussian():
            return _complex(decimal(work, value.re, count), decimal(work, value.im, count))
        case Pi():
            return _real(work, work.rounded(value), count)
        case Approx():
            if value.is_real:
                return _real(work, value.value, count)
            return _complex(_real(work, value.value.real, count), _real(work, value.value.imag, count))


def _real(work: Workspace, value: Any, count: int) -> str:
    if value == 0:
        return "0"
    # With min_fixed above max_fixed mpmath writes an exponent always: 1.41421e+0.
    text: str = work.mp.nstr(abs(value), count, min_fixed=1, max_fixed=0, strip_zeros=False)
    mantissa, _, exponent = text.partition("e")
    return ("-" if value < 0 else "") + _placed(mantissa.replace(".", ""), int(exponent or 0))


def _placed(digits: str, exponent: int) -> str:
    """Digits with the point, or with an exponent of ten where many zeros would be needed."""
    fixed = FIXED.start <= exponent < len(digits)
    digits = digits.rstrip("0") or "0"
    if not fixed:
        return f"{digits[0]}{'.' + digits[1:] if len(digits) > 1 else ''}e{exponent}"
    if exponent < 0:
        return "0." + "0" * (-exponent - 1) + digits
    if len(digits) <= exponent + 1:
        return digits + "0" * (exponent + 1 - len(digits))
    return f"{digits[: exponent + 1]}.{digits[exponent + 1 :]}"


def _complex(re: str, im: str) -> str:
    sign, size = ("-", im[1:]) if im.startswith("-") else ("+", im)
    size = "" if size == "1" else f"({size})" if "/" in size or "e" in size else size
    if re == "0":
        return f"{'-' if sign == '-' else ''}{size}i"
    return f"{re} {sign} {size}i"


def exact(work: Workspace, value: Scalar) -> str | None:
    """The exact form of a number; `None` where there is none, or where it is too long to be of use."""
    match value:
        case int():
            if (many := digits_in(value)) > MAX_INTEGER_TEXT:
                start, end = abs(value) // 10 ** (many - 20), abs(value) % 10**20
                work.note(f"the exact integer has {many:,} digits, from {start}... to ...{end:020}")
                return None
            return str(value)
        case Fraction():
            long = digits_in(value.numerator), digits_in(value.denominator)
            if sum(long) > MAX_FRACTION_TEXT:
                work.note(
                    f"the exact fraction has {long[0]:,} digits over {long[1]:,}; see numerator(...), denominator(...)"
                )
                return None
            return f"{value.numerator}/{value.denominator}"
        case Pi():
            factor = value.factor
            if digits_in(factor.numerator) + digits_in(factor.denominator) > MAX_FRACTION_TEXT:
                return None
            start = {1: "", -1: "-"}.get(factor.numerator, f"{factor.numerator}*")
            return f"{start}pi" + (f"/{factor.denominator}" if factor.denominator != 1 else "")
        case Gaussian():
            re, im = exact(work, value.re), exact(work, value.im)
            return None if re is None or im is None else _complex(re, im)
        case Approx():
            return None


def is_exact(value: Value) -> bool:
    """Whether nothing was rounded on the way to a value."""
    match value:
        case tuple():
            return all(is_exact(item) for item in value)
        case Quantity() | Temperature():
            return not isinstance(value.value, Approx)
        case Approx():
            return False
        case _:
            return True


def is_complete(work: Workspace, value: Value, count: int) -> bool:
    """Whether the decimals of a value are all that it has."""
    match value:
        case tuple():
            return all(is_complete(work, item, count) for item in value)
        case int() | Fraction() if not isinstance(value, bool):
            return Fraction(decimal(work, value, count)) == value
        case Gaussian():
            return is_complete(work, value.re, count) and is_complete(work, value.im, count)
        case _:
            return isinstance(value, (bool, Written))


def number_and_unit(work: Workspace, value: Value) -> tuple[Value, str]:
    """A quantity as the number of its written units, and their text; other values with no unit."""
    match value:
        case Quantity():
            return quantities.measure(work, value), quantities.unit_text(value.shown)
        case Temperature():
            return value.value, value.unit.name
        case _:
            return value, ""


def decimal_text(work: Workspace, value: Value, count: int) -> str:
    """Any value with its numbers in decimals."""
    match value:
        case bool():
            return str(value).lower()
        case tuple():
            return f"[{', '.join(decimal_text(work, item, count) for item in value)}]"
        case Written():
            return value.text
        case Quantity() | Temperature():
            number, unit = number_and_unit(work, value)
            return f"{decimal_text(work, number, count)} {unit}"
        case _:
            return decimal(work, value, count)


def exact_text(work: Workspace, value: Value) -> str | None:
    """Any value with its numbers in exact form; `None` where one of them has none."""
    match value:
        case bool():
            return str(value).lower()
        case tuple():
            parts = [exact_text(work, item) for item in value]
            return f"[{', '.join(part for part in parts if part)}]" if all(part is not None for part in parts) else None
        case Written():
            return value.text
        case Quantity() | Temperature():
            number, unit = number_and_unit(work, value)
            text = exact_text(work, number)
            return f"{text} {unit}" if text is not None else None
        case _:
            return exact(work, value)

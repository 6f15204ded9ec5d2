"""Numbers with units: products, sums, conversions, and temperatures whose scale has a zero of its own."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from sanctuary_host import ToolError
from sanctuary_utils.maths import arithmetic, units
from sanctuary_utils.maths.scalars import Pi, Scalar, Workspace
from sanctuary_utils.maths.tokens import simple
from sanctuary_utils.maths.units import PLAIN, Dimensions, Unit, describe_dimensions

Shown = tuple[tuple[Unit, int], ...]
"""The units in which a quantity is written, with their exponents."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number of coherent SI units, and the units in which it is written."""

    value: Scalar
    dimensions: Dimensions
    shown: Shown


@dataclass(frozen=True, slots=True)
class Temperature:
    """A point on a temperature scale such as degC, in that scale's own degrees."""

    value: Scalar
    unit: Unit


def factor_of(work: Workspace, shown: Shown) -> Scalar:
    """How many coherent SI units the written units are."""
    factor: Scalar = 1
    for unit, exponent in shown:
        one = arithmetic.power(work, simple(unit.factor), exponent)
        factor = arithmetic.multiply(work, factor, one)
        if unit.pi:
            pi = arithmetic.power(work, Pi(1), unit.pi * exponent)
            factor = arithmetic.multiply(work, factor, pi)
    return factor


def one(work: Workspace, unit: Unit) -> Quantity:
    """One of a unit."""
    shown = ((unit, 1),)
    return Quantity(factor_of(work, shown), unit.dimensions, shown)


def measure(work: Workspace, quantity: Quantity) -> Scalar:
    """How many of the written units the quantity is."""
    return arithmetic.divide(work, quantity.value, factor_of(work, quantity.shown))


def unit_text(shown: Shown) -> str:
    """Written units as text that the calculator reads again: `kg m/s^2`."""
    over = [unit.name + (f"^{power}" if power != 1 else "") for unit, power in shown if power > 0]
    under = [unit.name + (f"^{-power}" if power != -1 else "") for unit, power in shown if power < 0]
    if not under:
        return " ".join(over)
    return f"{' '.join(over) or '1'}/{under[0] if len(under) == 1 else '(' + ' '.join(under) + ')'}"


def quantity(value: Scalar, dimensions: Dimensions, shown: Shown) -> Quantity | Scalar:
    """A quantity, or the plain number where the dimensions cancel."""
    return Quantity(value, dimensions, shown) if dimensions != PLAIN else value


def multiply(work: Workspace, left: Quantity | Scalar, right: Quantity | Scalar, sign: int = 1) -> Quantity | Scalar:
    """The product, or with `sign` -1 the quotient."""
    a, dimensions_a, shown_a = _taken_apart(left)
    b, dimensions_b, shown_b = _taken_apart(right)
    value = arithmetic.multiply(work, a, b) if sign > 0 else arithmetic.divide(work, a, b)
    dimensions = tuple(x + sign * y for x, y in zip(dimensions_a, dimensions_b, strict=True))
    return quantity(value, dimensions, _merged((*shown_a, *((unit, sign * power) for unit, power in shown_b))))


def _taken_apart(value: Quantity | Scalar) -> tuple[Scalar, Dimensions, Shown]:
    return (value.value, value.dimensions, value.shown) if isinstance(value, Quantity) else (value, PLAIN, ())


def _merged(shown: Shown) -> Shown:
    """One unit for each dimension: of `MB/s h` the hour goes into the second, which cancels."""
    powers: dict[Unit, int] = {}
    for unit, power in shown:
        kept = next((known for known in powers if known.dimensions == unit.dimensions), unit)
        powers[kept] = powers.get(kept, 0) + power
    return tuple((unit, power) for unit, power in powers.items() if power)


def power(work: Workspace, base: Quantity, exponent: Scalar) -> Quantity | Scalar:
    """A power whose dimensions stay whole."""
    if not isinstance(exponent, (int, Fraction)):
        raise ToolError("a quantity with a unit can only be raised to a plain rational number, such as 2 or 1/2")
    if (
        any(Fraction(dimension * exponent).denominator != 1 for dimension in base.dimensions)
        or not -50 <= exponent <= 50
    ):
        raise ToolError(
            f"this power of {describe_dimensions(base.dimensions)} has no unit; exponents of units are whole"
        )
    dimensions = tuple(int(dimension * exponent) for dimension in base.dimensions)
    shown = tuple((unit, simple(Fraction(many) * exponent)) for unit, many in base.shown)
    whole = tuple((unit, many) for unit, many in shown if isinstance(many, int))
    if len(whole) != len(shown):
        whole = _coherent(dimensions)
    return quantity(arithmetic.power(work, base.value, exponent), dimensions, whole)


def _coherent(dimensions: Dimensions) -> Shown:
    names = ("m", "kg", "s", "A", "K", "mol", "cd", "bit", "rad")
    known = ((units.find(name), power) for name, power in zip(names, dimensions, strict=True) if power)
    return tuple((unit, power) for unit, power in known if unit is not None)


def add(work: Workspace, left: Quantity, right: Quantity, sign: int = 1) -> Quantity:
    """The sum (or with `sign` -1 the difference), in the left one's units."""
    check_same(left, right, "added" if sign > 0 else "subtracted")
    operation = arithmetic.add if sign > 0 else arithmetic.subtract
    return Quantity(operation(work, left.value, right.value), left.dimensions, left.shown)


def check_same(left: Quantity, right: Quantity, verb: str) -> None:
    """Refuse to bring quantities of different dimensions together.

    Raises:
        ToolError: it names both dimensions.
    """
    if left.dimensions != right.dimensions:
        raise ToolError(
            f"{unit_text(left.shown)} is {describe_dimensions(left.dimensions)}, but {unit_text(right.shown)} is "
            f"{describe_dimensions(right.dimensions)}: they cannot be {verb}{_hint(left, right)}"
        )


def _hint(left: Quantity, right: Quantity) -> str:
    names = {unit.name for unit, _ in (*left.shown, *right.shown)}
    if names == {"F", "C"} or (names & {"F", "C"} and names & {"K", "degC", "degF"}):
        return " (F is farad and C coulomb; temperatures are degF and degC)"
    if left.dimensions == tuple(-power for power in right.dimensions):
        return "; they are reciprocal, so convert 1/(...) instead"
    angle = tuple(x - y for x, y in zip(left.dimensions, right.dimensions, strict=True))
    if not any(angle[:-1]):
        return "; angles count as a dimension here, so multiply or divide by rad"
    return ""


def convert(work: Workspace, value: Quantity | Temperature, target: Quantity | Temperature) -> Quantity | Temperature:
    """The same quantity in the units of `target`."""
    if isinstance(target, Temperature):
        kelvin = absolute(work, value)
        degrees = arithmetic.divide(work, kelvin.value, simple(target.unit.factor))
        return Temperature(arithmetic.subtract(work, degrees, _zero(target.unit)), target.unit)
    if isinstance(value, Temperature):
        value = absolute(work, value)
    check_same(value, target, "converted")
    return Quantity(value.value, value.dimensions, target.shown)


def absolute(work: Workspace, value: Quantity | Temperature) -> Quantity:
    """A temperature in kelvin from absolute zero."""
    kelvin = units.find("K")
    assert kelvin is not None
    if isinstance(value, Quantity):
        check_same(value, one(work, kelvin), "converted")
        return value
    degrees = arithmetic.add(work, value.value, _zero(value.unit))
    return Quantity(arithmetic.multiply(work, degrees, simple(value.unit.factor)), kelvin.dimensions, ((kelvin, 1),))


def _zero(unit: Unit) -> Scalar:
    """Where a scale's 0 lies, in its own degrees above absolute zero."""
    return simple((unit.zero or Fraction(0)) / unit.factor)


def check_physical(work: Workspace, value: Temperature) -> None:
    """Note a temperature below absolute zero."""
    if arithmetic.compare(work, absolute(work, value).value, 0) < 0:
        work.note("this temperature is below absolute zero")

"""The operators over everything that an expression can hold: numbers, quantities, temperatures, lists and matrices."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import cast

from sanctuary_host import ToolError
from sanctuary_utils.maths import arithmetic, quantities
from sanctuary_utils.maths.limits import MAX_ITEMS, MAX_SIZE, check_size
from sanctuary_utils.maths.quantities import Quantity, Temperature
from sanctuary_utils.maths.scalars import Approx, Gaussian, Pi, Scalar, Workspace, is_real
from sanctuary_utils.maths.units import describe_dimensions


@dataclass(frozen=True, slots=True)
class Written:
    """A result that is text: a number in another base, or a factorization. `value` is the number that it writes."""

    text: str
    value: int | None = None


Value = Scalar | bool | Quantity | Temperature | Written | tuple["Value", ...]
Items = tuple[Value, ...]


def kind_of(value: Value) -> str:
    """What a value is, in words for an error."""
    match value:
        case bool():
            return "a truth value"
        case tuple():
            return "a matrix" if value and isinstance(value[0], tuple) else "a list"
        case Quantity():
            return f"a quantity in {quantities.unit_text(value.shown)}"
        case Temperature():
            return f"a temperature in {value.unit.name}"
        case Written():
            return "text"
        case _:
            return "a number"


def is_scalar(value: object) -> bool:
    """Whether a value is a plain number."""
    return isinstance(value, (int, Fraction, Gaussian, Pi, Approx)) and not isinstance(value, bool)


def scalar(value: Value, what: str) -> Scalar:
    """A value that must be a plain number.

    Args:
        value: what was given.
        what: the place it was given for, as the error names it: `sin`, `the exponent`.

    Raises:
        ToolError: it is something else.
    """
    if is_scalar(value):
        return cast("Scalar", value)
    if isinstance(value, Written) and value.value is not None:
        return value.value
    remedy = "; divide by the unit or convert first" if isinstance(value, (Quantity, Temperature)) else ""
    raise ToolError(f"{what} takes a plain number, not {kind_of(value)}{remedy}")


def items(value: Value, what: str) -> Items:
    """A value that must be a list."""
    if isinstance(value, tuple):
        return value
    raise ToolError(f"{what} takes a list such as [1, 2, 3], not {kind_of(value)}")


def _measurable(value: Value, verb: str) -> Quantity | Scalar:
    if isinstance(value, Quantity):
        return value
    if isinstance(value, Temperature):
        raise ToolError(
            f"a temperature in {value.unit.name} cannot be {verb}; convert it to K first, or write the difference "
            f"as delta_{value.unit.name}"
        )
    if isinstance(value, bool):
        raise ToolError("a truth value (true, false) is no number")
    return scalar(value, "arithmetic")


def add(work: Workspace, left: Value, right: Value, sign: int = 1) -> Value:
    """The sum, or with `sign` -1 the difference."""
    if is_scalar(left) and is_scalar(right):
        operation = arithmetic.add if sign > 0 else arithmetic.subtract
        return operation(work, cast("Scalar", left), cast("Scalar", right))
    if isinstance(left, tuple) and isinstance(right, tuple):
        if len(left) != len(right):
            raise ToolError(f"lists of {len(left)} and {len(right)} items cannot be added or subtracted")
        work.budget.charge(3.0 * len(left))
        return tuple(add(work, a, b, sign) for a, b in zip(left, right, strict=True))
    if isinstance(left, tuple) or isinstance(right, tuple):
        raise ToolError("a list and a number cannot be added or subtracted; make both lists of the same length")
    if isinstance(left, Temperature) or isinstance(right, Temperature):
        return _add_temperatures(work, left, right, sign)
    a, b = _measurable(left, "added"), _measurable(right, "added")
    if isinstance(a, Quantity) and isinstance(b, Quantity):
        return quantities.add(work, a, b, sign)
    if isinstance(a, Quantity) or isinstance(b, Quantity):
        measured = a if isinstance(a, Quantity) else cast("Quantity", b)
        where = describe_dimensions(measured.dimensions)
        raise ToolError(
            f"{quantities.unit_text(measured.shown)} is {where}, but the other operand is a plain number: "
            "they cannot be added or subtracted; give it a unit"
        )
    return arithmetic.add(work, a, b) if sign > 0 else arithmetic.subtract(work, a, b)


def _add_temperatures(work: Workspace, left: Value, right: Value, sign: int) -> Value:
    """Two temperatures have a difference; a temperature and a difference have a sum. Nothing else has a meaning."""
    if isinstance(left, Temperature) and isinstance(right, Temperature) and sign < 0:
        a, b = quantities.absolute(work, left), quantities.absolute(work, right)
        return quantities.add(work, a, b, -1)
    if isinstance(left, Temperature) and isinstance(right, Quantity):
        total = quantities.add(work, quantities.absolute(work, left), right, sign)
        return quantities.convert(work, total, left)
    raise ToolError(
        "temperatures in degC or degF can be subtracted from each other, or have a difference in K added "
        "(20 degC + 5 K); for anything else convert them to K first"
    )


def multiply(work: Workspace, left: Value, right: Value) -> Value:
    """The product; of matrices the matrix product."""
    if is_scalar(left) and is_scalar(right):
        return arithmetic.multiply(work, cast("Scalar", left), cast("Scalar", right))
    if isinstance(left, tuple) or isinstance(right, tuple):
        return _product(work, left, right)
    return quantities.multiply(work, _measurable(left, "multiplied"), _measurable(right, "multiplied"))


def divide(work: Workspace, left: Value, right: Value) -> Value:
    """The quotient."""
    if isinstance(right, tuple):
        raise ToolError("division by a list or matrix has no meaning; use inverse(A), or solve(A, b)")
    if isinstance(left, tuple):
        return tuple(divide(work, item, right) for item in left)
    return quantities.multiply(work, _measurable(left, "divided"), _measurable(right, "divided"), -1)


Matrix = tuple[tuple[Value, ...], ...]


def matrix(value: Value, what: str, *, square: bool = False) -> Matrix:
    """A value that must be a matrix: a list of lists of one length.

    Raises:
        ToolError: it is none, is too large, or is not square where it must be.
    """
    rows = items(value, what)
    if not rows or not all(isinstance(row, tuple) and row for row in rows):
        raise ToolError(f"{what} takes a matrix such as [[1, 2], [3, 4]]")
    result = tuple(row for row in rows if isinstance(row, tuple))
    width = len(result[0])
    if any(len(row) != width or any(isinstance(item, tuple) for item in row) for row in result):
        raise ToolError("the rows of a matrix must have the same length")
    check_size(max(len(result), width), MAX_SIZE, "rows or columns of a matrix")
    if square and len(result) != width:
        raise ToolError(f"{what} takes a square matrix, not one of {len(result)} rows and {width} columns")
    return result


def is_matrix(value: Value) -> bool:
    """Whether a value is a list of lists."""
    return isinstance(value, tuple) and bool(value) and isinstance(value[0], tuple)


def _product(work: Workspace, left: Value, right: Value) -> Value:
    if not isinstance(left, tuple):
        return tuple(multiply(work, left, item) for item in items(right, "a product"))
    if not isinstance(right, tuple):
        return tuple(multiply(work, item, right) for item in left)
    if not is_matrix(left) and not is_matrix(right):
        raise ToolError("the product of two lists can mean several things; write dot(a, b) or cross(a, b)")
    a = matrix(left, "a product") if is_matrix(left) else (left,)
    b = matrix(right, "a product") if is_matrix(right) else tuple((item,) for item in right)
    if len(a[0]) != len(b):
        raise ToolError(
            f"a matrix of {len(a[0])} columns cannot be multiplied by one of {len(b)} rows; both must be the same"
        )
    columns = tuple(zip(*b, strict=True))
    rows = tuple(tuple(dot(work, row, column) for column in columns) for row in a)
    if not is_matrix(left):
        return rows[0]
    return rows if is_matrix(right) else tuple(row[0] for row in rows)


def dot(work: Workspace, left: Items, right: Items) -> Value:
    """The sum of the products of two lists' items."""
    if len(left) != len(right):
        raise ToolError(f"lists of {len(left)} and {len(right)} items have no dot product")
    return total(work, tuple(multiply(work, a, b) for a, b in zip(left, right, strict=True)))


def _matrix_power(work: Workspace, base: Value, exponent: Value) -> Value:
    result: Value | None = None
    square: Value = matrix(base, "a power", square=True)
    many = arithmetic.integer(exponent, "the exponent of a matrix")
    if many < 1:
        raise ToolError("a matrix can be raised to whole powers from 1 on; for negative ones use inverse(A)")
    check_size(many, 10**6, "factors of a matrix power")
    for digit in reversed(f"{many:b}"):
        if digit == "1":
            result = square if result is None else multiply(work, result, square)
        many >>= 1
        if many:
            square = multiply(work, square, square)
    assert result is not None
    return result


def negate(work: Workspace, value: Value) -> Value:
    """The value with the opposite sign."""
    if isinstance(value, tuple):
        return tuple(negate(work, item) for item in value)
    return multiply(work, -1, value)


def power(work: Workspace, base: Value, exponent: Value) -> Value:
    """The power; of a square matrix with a whole exponent the matrix power."""
    if isinstance(base, tuple):
        return _matrix_power(work, base, exponent)
    exponent = scalar(exponent, "an exponent")
    measured = _measurable(base, "raised to a power")
    if isinstance(measured, Quantity):
        return quantities.power(work, measured, exponent)
    return arithmetic.power(work, measured, exponent)


def modulo(work: Workspace, left: Value, right: Value) -> Value:
    """The remainder, with the divisor's sign."""
    if isinstance(left, Quantity) and isinstance(right, Quantity):
        quantities.check_same(left, right, "divided with remainder")
        value = arithmetic.modulo(work, left.value, right.value)
        return Quantity(value, left.dimensions, left.shown)
    a, b = scalar(left, "the remainder"), scalar(right, "the remainder")
    if is_real(a) and is_real(b) and (_below(work, a) or _below(work, b)):
        work.note("the remainder has the sign of the divisor, as in Python: -7 % 3 = 2")
    return arithmetic.modulo(work, a, b)


def _below(work: Workspace, value: Scalar) -> bool:
    return arithmetic.compare(work, value, 0) < 0


def compare(work: Workspace, left: Value, right: Value) -> int:
    """-1, 0 or 1: whether the left value is below, equal to or above the right one."""
    if isinstance(left, Temperature) and isinstance(right, (Quantity, Temperature)):
        left = quantities.absolute(work, left)
    if isinstance(right, Temperature) and isinstance(left, Quantity):
        right = quantities.absolute(work, right)
    if isinstance(left, Quantity) and isinstance(right, Quantity):
        quantities.check_same(left, right, "compared")
        return arithmetic.compare(work, left.value, right.value)
    if isinstance(left, (Quantity, Temperature)) or isinstance(right, (Quantity, Temperature)):
        raise ToolError(f"{kind_of(left)} and {kind_of(right)} cannot be compared; give both a unit")
    return arithmetic.compare(work, scalar(left, "a comparison"), scalar(right, "a comparison"))


def equal(work: Workspace, left: Value, right: Value) -> bool:
    """Whether two values are the same as far as is known."""
    if isinstance(left, tuple) and isinstance(right, tuple):
        return len(left) == len(right) and all(equal(work, a, b) for a, b in zip(left, right, strict=True))
    if isinstance(left, bool) and isinstance(right, bool):
        return left is right
    if is_scalar(left) and is_scalar(right):
        return arithmetic.equal(work, cast("Scalar", left), cast("Scalar", right))
    return compare(work, left, right) == 0


def total(work: Workspace, values: Items) -> Value:
    """The sum of a list, 0 where it is empty."""
    check_size(len(values), MAX_ITEMS, "items of a list")
    # Halves before the whole: fractions stay short as long as possible.
    if len(values) > 2:
        middle = len(values) // 2
        return add(work, total(work, values[:middle]), total(work, values[middle:]))
    return 0 if not values else values[0] if len(values) == 1 else add(work, values[0], values[1])

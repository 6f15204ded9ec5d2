"""Linear algebra on nested lists, exact where the entries are."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import reduce
from typing import Any, Final, cast

from sanctuary_host import ToolError
from sanctuary_utils.maths import arithmetic, operations
from sanctuary_utils.maths.limits import MAX_SIZE, check_size
from sanctuary_utils.maths.operations import Matrix, Value, dot, is_matrix, items, matrix, scalar
from sanctuary_utils.maths.scalars import Approx, Pi, Scalar, Workspace, is_rational, is_real, is_zero
from sanctuary_utils.maths.syntax import Rational
from sanctuary_utils.maths.tokens import simple

MAX_EIGEN: Final = 10
"""Rows of a matrix whose eigenvalues are computed: the roots of a polynomial of that degree."""

Rows = list[list[Scalar]]


def _rows(value: Value, what: str, *, square: bool = False) -> Rows:
    return [[scalar(item, what) for item in row] for row in matrix(value, what, square=square)]


def _reduce(work: Workspace, rows: Rows, width: int) -> tuple[Scalar, list[int]]:
    """Bring rows to reduced echelon form in place; the determinant of the part reduced, and the pivots' columns."""
    determinant: Scalar = 1
    pivots: list[int] = []
    rounded = any(isinstance(item, Approx) for row in rows for item in row)
    for column in range(width):
        done = len(pivots)
        below = range(done, len(rows))
        found = _pivot(work, rows, column, below, rounded=rounded)
        if found is None:
            determinant = 0
            continue
        if found != done:
            rows[found], rows[done] = rows[done], rows[found]
            determinant = arithmetic.negate(work, determinant)
        pivot = rows[done][column]
        determinant = arithmetic.multiply(work, determinant, pivot)
        rows[done] = [arithmetic.divide(work, item, pivot) for item in rows[done]]
        for index, row in enumerate(rows):
            factor = row[column]
            if index != done and not is_zero(factor):
                scaled = (arithmetic.multiply(work, factor, item) for item in rows[done])
                rows[index] = [arithmetic.subtract(work, a, b) for a, b in zip(row, scaled, strict=True)]
        pivots.append(column)
        if len(pivots) == len(rows):
            break
    return determinant if len(pivots) == len(rows) else 0, pivots


def _pivot(work: Workspace, rows: Rows, column: int, below: range, *, rounded: bool) -> int | None:
    candidates = [index for index in below if not is_zero(rows[index][column])]
    if not candidates:
        return None
    if not rounded:
        return candidates[0]
    best = max(candidates, key=lambda index: abs(work.rounded(rows[index][column])))
    largest = max(abs(work.rounded(item)) for row in rows for item in row)
    if abs(work.rounded(rows[best][column])) <= largest * work.mp.mpf(10) ** (arithmetic.GUARD - work.digits):
        raise ToolError(
            "this matrix of rounded numbers is singular as far as can be told; give its entries exactly, as fractions"
        )
    return best


def det(work: Workspace, value: Value) -> Value:
    """The determinant."""
    rows = _rows(value, "det", square=True)
    rounded = any(isinstance(item, Approx) for row in rows for item in row)
    found = _reduce(work, rows, len(rows))[0]
    return work.approx(work.rounded(found)) if rounded else found


def inverse(work: Workspace, value: Value) -> Value:
    """The inverse matrix."""
    rows = _rows(value, "inverse", square=True)
    size = len(rows)
    wide = [row + [int(index == column) for column in range(size)] for index, row in enumerate(rows)]
    if _reduce(work, wide, size)[1] != list(range(size)):
        raise ToolError("this matrix has no inverse: its determinant is 0")
    return tuple(tuple(row[size:]) for row in wide)


def rank(work: Workspace, value: Value) -> Value:
    """The number of independent rows."""
    rows = _rows(value, "rank")
    return len(_reduce(work, rows, len(rows[0]))[1])


def rref(work: Workspace, value: Value) -> Value:
    """The reduced row echelon form."""
    rows = _rows(value, "rref")
    _reduce(work, rows, len(rows[0]))
    return tuple(tuple(row) for row in rows)


def solve(work: Workspace, value: Value, right: Value) -> Value:
    """X with A x = b."""
    rows = _rows(value, "solve", square=True)
    columns = matrix(right, "solve") if is_matrix(right) else tuple((item,) for item in items(right, "solve"))
    if len(columns) != len(rows):
        raise ToolError(f"solve takes as many right-hand sides as rows: {len(rows)}, not {len(columns)}")
    wide = [row + [scalar(item, "solve") for item in side] for row, side in zip(rows, columns, strict=True)]
    if _reduce(work, wide, len(rows))[1] != list(range(len(rows))):
        raise ToolError("this system has no single solution: its determinant is 0")
    solution = tuple(tuple(row[len(rows) :]) for row in wide)
    return solution if is_matrix(right) else tuple(row[0] for row in solution)


def transpose(work: Workspace, value: Value) -> Value:
    """Rows become columns."""
    del work
    return tuple(zip(*matrix(value, "transpose"), strict=True))


def trace(work: Workspace, value: Value) -> Value:
    """The sum of the diagonal."""
    rows = matrix(value, "trace", square=True)
    return operations.total(work, tuple(row[index] for index, row in enumerate(rows)))


def identity(work: Workspace, size: Value) -> Value:
    """The unit matrix."""
    many = arithmetic.integer(size, "the size of a matrix")
    check_size(many, MAX_SIZE, "rows or columns of a matrix")
    work.budget.charge(many)
    return tuple(tuple(int(row == column) for column in range(many)) for row in range(max(many, 1)))


def dot_product(work: Workspace, left: Value, right: Value) -> Value:
    """The scalar product of two lists."""
    return dot(work, items(left, "dot"), items(right, "dot"))


def cross(work: Workspace, left: Value, right: Value) -> Value:
    """The vector product of two lists of three."""
    a, b = items(left, "cross"), items(right, "cross")
    if len(a) != 3 or len(b) != 3:
        raise ToolError("cross takes two lists of three numbers")

    def minor(i: int, j: int) -> Value:
        return operations.add(work, operations.multiply(work, a[i], b[j]), operations.multiply(work, a[j], b[i]), -1)

    return minor(1, 2), minor(2, 0), minor(0, 1)


def eigenvalues(work: Workspace, value: Value) -> Value:
    """The roots of the characteristic polynomial, each as often as it counts.

    The polynomial of an exact matrix is exact, so multiple roots are told from close ones.
    """
    rows = _rows(value, "eigenvalues", square=True)
    check_size(len(rows), MAX_EIGEN, "rows of a matrix whose eigenvalues are sought")
    if not all(is_rational(item) for row in rows for item in row):
        if any(isinstance(item, Pi) or not is_real(item) for row in rows for item in row):
            raise ToolError("eigenvalues takes a matrix of real rational numbers")
        raise ToolError("eigenvalues takes a matrix of exact numbers; write its entries as decimals or fractions")
    polynomial = _characteristic(work, rows)
    found: list[Scalar] = []
    for part, many in _square_free(work, polynomial):
        found += [root for root in _roots(work, part) for _ in range(many)]
    if not all(is_real(root) for root in found):
        work.note("some eigenvalues are complex")
    ordered: list[Scalar] = sorted(found, key=lambda number: _order(work, number))
    return tuple(ordered)


def _order(work: Workspace, value: Scalar) -> tuple[Any, Any]:
    number = work.rounded(value)
    return work.mp.re(number), work.mp.im(number)


def _characteristic(work: Workspace, rows: Rows) -> list[Rational]:
    """Coefficients of det(x - A), the highest first, by the method of Faddeev and LeVerrier."""
    size = len(rows)
    coefficients: list[Rational] = [1]
    start = cast("Matrix", tuple(tuple(row) for row in rows))
    current: Value = start
    for step in range(1, size + 1):
        mean = operations.divide(work, trace(work, current), step)
        coefficient = simple(-Fraction(_rational(mean)))
        coefficients.append(coefficient)
        shift = operations.multiply(work, coefficient, identity(work, size))
        current = operations.multiply(work, start, operations.add(work, current, shift))
    return coefficients


def _rational(value: Value) -> Rational:
    if isinstance(value, (int, Fraction)):
        return value
    raise ToolError("the numbers of this matrix are too long; give fewer digits")


def _square_free(work: Workspace, polynomial: list[Rational]) -> list[tuple[list[Rational], int]]:
    """The factors without multiple roots, each with its multiplicity (Yun's algorithm)."""
    slope = _derivative(polynomial)
    common = _gcd(work, polynomial, slope)
    rest, other = _divide(work, polynomial, common)[0], _divide(work, slope, common)[0]
    parts: list[tuple[list[Rational], int]] = []
    many = 1
    while len(rest) > 1:
        difference = _minus(other, _derivative(rest))
        common = _gcd(work, rest, difference)
        if len(common) > 1:
            parts.append((common, many))
        rest, other = _divide(work, rest, common)[0], _divide(work, difference, common)[0]
        many += 1
    return parts


def _derivative(polynomial: list[Rational]) -> list[Rational]:
    degree = len(polynomial) - 1
    return [factor * (degree - index) for index, factor in enumerate(polynomial[:-1])] or [0]


def _minus(left: list[Rational], right: list[Rational]) -> list[Rational]:
    size = max(len(left), len(right))
    padded = zip([0] * (size - len(left)) + left, [0] * (size - len(right)) + right, strict=True)
    return _trimmed([a - b for a, b in padded])


def _trimmed(polynomial: list[Rational]) -> list[Rational]:
    start = next((index for index, factor in enumerate(polynomial) if factor), len(polynomial) - 1)
    return polynomial[start:]


def _divide(work: Workspace, left: list[Rational], right: list[Rational]) -> tuple[list[Rational], list[Rational]]:
    rest, quotient = list(left), list[Rational]()
    while len(rest) >= len(right):
        factor = simple(Fraction(rest[0]) / right[0])
        size = sum(item.numerator.bit_length() for item in rest) + factor.numerator.bit_length()
        work.budget.divide(size, size)
        quotient.append(factor)
        rest = [a - factor * b for a, b in zip(rest, right + [0] * (len(rest) - len(right)), strict=True)][1:]
    return quotient or [0], _trimmed(rest) if rest else [0]


def _gcd(work: Workspace, left: list[Rational], right: list[Rational]) -> list[Rational]:
    while any(right):
        left, right = right, _divide(work, left, right)[1]
    return [simple(Fraction(factor) / left[0]) for factor in left]


def _roots(work: Workspace, polynomial: list[Rational]) -> list[Scalar]:
    """The roots of a polynomial with no multiple ones, exact where they are rational."""
    if len(polynomial) == 2:
        return [simple(Fraction(-polynomial[1]) / polynomial[0])]
    if len(polynomial) == 3:
        b, c = polynomial[1], polynomial[2]
        root = arithmetic.power(work, simple(Fraction(b * b) / 4 - c), Fraction(1, 2))
        middle = simple(Fraction(-b) / 2)
        return [arithmetic.subtract(work, middle, root), arithmetic.add(work, middle, root)]
    mp = work.mp
    for _ in range(len(polynomial) * 20):
        work.budget.function(work.digits, len(polynomial))
    coefficients = [work.rounded(factor) for factor in polynomial]
    try:
        raw = mp.polyroots(coefficients, maxsteps=200, extraprec=4 * mp.prec)
    except mp.NoConvergence:
        raise ToolError("the eigenvalues of this matrix could not be separated at this precision") from None
    return [_snapped(work, polynomial, root) for root in raw]


def _snapped(work: Workspace, polynomial: list[Rational], root: Any) -> Scalar:
    tiny = work.mp.mpf(10) ** (arithmetic.GUARD - work.digits)
    if abs(work.mp.im(root)) > tiny * (1 + abs(root)):
        return work.approx(work.mp.mpc(root))
    near = int(work.mp.nint(work.mp.re(root)))
    close = abs(root - near) <= tiny * (1 + abs(root))
    if close and reduce(lambda value, factor: value * near + factor, polynomial, Fraction(0)) == 0:
        return near
    return work.approx(work.mp.re(root))


FUNCTIONS: Final[dict[str, Callable[..., Value]]] = {
    "det": det, "inverse": inverse, "inv": inverse, "rank": rank, "rref": rref, "solve": solve,
    "transpose": transpose, "trace": trace, "identity": identity, "dot": dot_product, "cross": cross,
    "eigenvalues": eigenvalues, "eigvals": eigenvalues,
}  # fmt: skip  # a dictionary of names is read in groups, not one a line

"""Statistics and other functions of lists, exact where the numbers are."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import cmp_to_key
from typing import Final, cast

from sanctuary_host import ToolError
from sanctuary_utils.maths import elementary, operations
from sanctuary_utils.maths.operations import Items, Value, dot, items, scalar
from sanctuary_utils.maths.scalars import Workspace
from sanctuary_utils.maths.tokens import simple


def _numbers(name: str, values: Items, least: int = 1) -> Items:
    """The items of one list argument, or the arguments themselves."""
    found = values[0] if len(values) == 1 and isinstance(values[0], tuple) else values
    if any(isinstance(item, tuple) for item in found):
        raise ToolError(f"{name} takes one flat list of numbers, such as {name}([1, 2, 3])")
    if len(found) < least:
        raise ToolError(f"{name} takes at least {least} number{'s' if least > 1 else ''}")
    return found


def _sorted(work: Workspace, values: Items) -> Items:
    work.budget.charge(5.0 * len(values))

    def order(left: Value, right: Value) -> int:
        return operations.compare(work, left, right)

    return tuple(sorted(values, key=cmp_to_key(order)))


def total(work: Workspace, *values: Value) -> Value:
    """The sum."""
    return operations.total(work, _numbers("sum", values, 0))


def product(work: Workspace, *values: Value) -> Value:
    """The product."""
    return _product(work, _numbers("product", values, 0))


def _product(work: Workspace, values: Items) -> Value:
    if len(values) > 2:
        middle = len(values) // 2
        return operations.multiply(work, _product(work, values[:middle]), _product(work, values[middle:]))
    return 1 if not values else values[0] if len(values) == 1 else operations.multiply(work, values[0], values[1])


def mean(work: Workspace, *values: Value) -> Value:
    """The arithmetic mean."""
    numbers = _numbers("mean", values)
    return operations.divide(work, operations.total(work, numbers), len(numbers))


def median(work: Workspace, *values: Value) -> Value:
    """The middle, or the mean of the two middle ones."""
    numbers = _sorted(work, _numbers("median", values))
    middle = len(numbers) // 2
    return numbers[middle] if len(numbers) % 2 else mean(work, numbers[middle - 1], numbers[middle])


def mode(work: Workspace, *values: Value) -> Value:
    """The most frequent item; of several with the same frequency a list."""
    numbers = _sorted(work, _numbers("mode", values))
    runs: list[tuple[Value, int]] = []
    for number in numbers:
        if runs and operations.equal(work, runs[-1][0], number):
            runs[-1] = (number, runs[-1][1] + 1)
        else:
            runs.append((number, 1))
    most = max(many for _, many in runs)
    modes = tuple(number for number, many in runs if many == most)
    return modes[0] if len(modes) == 1 else modes


def _squares(work: Workspace, numbers: Items) -> Value:
    """The sum of the squared deviations from the mean."""
    middle = mean(work, *numbers)
    deviations = tuple(operations.add(work, number, middle, -1) for number in numbers)
    return dot(work, deviations, deviations)


def variance(work: Workspace, *values: Value) -> Value:
    """Of a sample, with n - 1."""
    numbers = _numbers("variance", values, 2)
    return operations.divide(work, _squares(work, numbers), len(numbers) - 1)


def pvariance(work: Workspace, *values: Value) -> Value:
    """Of a whole population, with n."""
    numbers = _numbers("pvariance", values)
    return operations.divide(work, _squares(work, numbers), len(numbers))


def stdev(work: Workspace, *values: Value) -> Value:
    """The standard deviation of a sample, with n - 1."""
    return elementary.sqrt(work, variance(work, *_numbers("stdev", values, 2)))


def pstdev(work: Workspace, *values: Value) -> Value:
    """The standard deviation of a whole population, with n."""
    return elementary.sqrt(work, pvariance(work, *_numbers("pstdev", values)))


def geometric_mean(work: Workspace, *values: Value) -> Value:
    """The n-th root of the product."""
    numbers = _numbers("geometric_mean", values)
    return operations.power(work, _product(work, numbers), simple(Fraction(1, len(numbers))))


def harmonic_mean(work: Workspace, *values: Value) -> Value:
    """N over the sum of the reciprocals."""
    numbers = _numbers("harmonic_mean", values)
    reciprocals = tuple(operations.divide(work, 1, number) for number in numbers)
    return operations.divide(work, len(numbers), operations.total(work, reciprocals))


def percentile(work: Workspace, values: Value, percent: Value) -> Value:
    """P from 0 to 100, interpolated linearly between neighbours."""
    numbers = _sorted(work, _numbers("percentile", (items(values, "percentile"),)))
    share = scalar(percent, "percentile")
    if not isinstance(share, (int, Fraction)) or not 0 <= share <= 100:
        raise ToolError("percentile takes a list and a percentage from 0 to 100")
    work.note("percentile: linear interpolation between neighbours, lowest item 0 %, highest 100 %")
    place = Fraction(share) * (len(numbers) - 1) / 100
    below = int(place)
    above = min(below + 1, len(numbers) - 1)
    step = operations.add(work, numbers[above], numbers[below], -1)
    return operations.add(work, numbers[below], operations.multiply(work, simple(place - below), step))


def _pairs(work: Workspace, left: Value, right: Value, name: str) -> tuple[Value, Value, Value, Value, Value]:
    """Means of x and y, and the sums of squares and products of the deviations: xx, yy, xy."""
    xs, ys = items(left, name), items(right, name)
    if len(xs) != len(ys) or len(xs) < 2:
        raise ToolError(f"{name} takes two lists of the same length, at least 2")
    x, y = mean(work, xs), mean(work, ys)
    dx = tuple(operations.add(work, item, x, -1) for item in xs)
    dy = tuple(operations.add(work, item, y, -1) for item in ys)
    return x, y, dot(work, dx, dx), dot(work, dy, dy), dot(work, dx, dy)


def correlation(work: Workspace, left: Value, right: Value) -> Value:
    """Pearson's coefficient of two lists."""
    _, _, xx, yy, xy = _pairs(work, left, right, "correlation")
    spread = elementary.sqrt(work, operations.multiply(work, xx, yy))
    if operations.equal(work, operations.multiply(work, spread, 0), spread):
        raise ToolError("the correlation has no value: all items of a list are the same")
    return operations.divide(work, xy, spread)


def linear_regression(work: Workspace, left: Value, right: Value) -> Value:
    """[slope, intercept] of the line with the least squares."""
    x, y, xx, _, xy = _pairs(work, left, right, "linear_regression")
    if operations.equal(work, operations.multiply(work, xx, 0), xx):
        raise ToolError("there is no regression line: all items of x are the same")
    slope = operations.divide(work, xy, xx)
    work.note("[slope, intercept] of y = slope * x + intercept")
    return slope, operations.add(work, y, operations.multiply(work, slope, x), -1)


def _extreme(name: str, sign: int) -> Callable[..., Value]:
    def function(work: Workspace, *values: Value) -> Value:
        numbers = _numbers(name, values)
        best = numbers[0]
        for number in numbers[1:]:
            if operations.compare(work, number, best) == sign:
                best = number
        return best

    return function


minimum, maximum = _extreme("min", -1), _extreme("max", 1)


def clamp(work: Workspace, value: Value, low: Value, high: Value) -> Value:
    """X, but not below low and not above high."""
    if operations.compare(work, low, high) > 0:
        raise ToolError("clamp takes the lower bound before the upper one")
    return minimum(work, maximum(work, value, low), high)


def spread(work: Workspace, *values: Value) -> Value:
    """The difference between the largest and the smallest item."""
    numbers = _numbers("spread", values)
    return operations.add(work, maximum(work, *numbers), minimum(work, *numbers), -1)


def in_order(work: Workspace, *values: Value) -> Value:
    """From the smallest to the largest."""
    return _sorted(work, _numbers("sort", values))


def norm(work: Workspace, value: Value) -> Value:
    """The length of a vector."""
    flat = tuple(part for item in items(value, "norm") for part in (item if isinstance(item, tuple) else (item,)))
    return elementary.hypot(work, *flat)


def cumulative(work: Workspace, *values: Value) -> Value:
    """The running totals."""
    running: list[Value] = []
    for number in _numbers("cumsum", values):
        running.append(operations.add(work, running[-1], number) if running else number)
    return tuple(running)


FUNCTIONS: Final = cast(
    "dict[str, Callable[..., Value]]",
    {
        "sum": total, "product": product, "prod": product, "mean": mean, "average": mean, "avg": mean, "median": median,
        "mode": mode, "variance": variance, "var": variance, "pvariance": pvariance, "stdev": stdev, "std": stdev,
        "pstdev": pstdev, "geometric_mean": geometric_mean, "harmonic_mean": harmonic_mean, "percentile": percentile,
        "correlation": correlation, "linear_regression": linear_regression, "linreg": linear_regression,
        "min": minimum, "max": maximum, "clamp": clamp, "spread": spread, "sort": in_order, "norm": norm,
        "cumsum": cumulative,
    },
)  # fmt: skip  # a dictionary of names is read in groups, not one a line

"""Find real roots of an equation by numbers alone, with the calculator's own arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from sanctuary_host import ToolError
from sanctuary_utils.maths.display import decimal
from sanctuary_utils.maths.evaluate import evaluate
from sanctuary_utils.maths.limits import Budget
from sanctuary_utils.maths.scalars import Approx, Workspace
from sanctuary_utils.maths.syntax import Comparison, Node, Statement, Sum

SCAN: Final = 50
"""Roots are sought from minus to plus this number."""
STEPS: Final = 8_001
"""An odd number, so that 0 and other likely poles are not met."""
DIGITS: Final = 30
MAX_ROOTS: Final = 40
ALLOWANCE: Final = 3_000_000
"""Microseconds of work."""


def numeric_roots(node: Node, name: str, *, positive: bool) -> list[str]:
    """Where an expression, or the difference of an equation's sides, changes its sign.

    Raises:
        ToolError: it is 0 on a whole interval.
    """
    if isinstance(node, Comparison):
        node = Sum((("+", node.operands[0][1]), ("-", node.operands[1][1])))
    work = Workspace(DIGITS, Budget(ALLOWANCE), {})

    def at(point: Any) -> Any:
        try:
            (step,) = evaluate(work, [Statement("", node)], {name: Approx(point)})
        except ToolError:
            return None
        value = step.value
        if isinstance(value, Approx):
            return value.value if value.is_real else None
        return work.rounded(value) if isinstance(value, int) and not isinstance(value, bool) else None

    points = [work.mp.mpf(2 * SCAN * index) / STEPS - SCAN for index in range(STEPS + 1)]
    points = [point for point in points if point > 0 or not positive]
    values = [at(point) for point in points]
    roots: list[str] = []
    for place in range(1, len(points)):
        a, b = values[place - 1], values[place]
        if a == 0 == b:
            raise ToolError("the solutions fill whole intervals, such as those of a step function; solve an inequality")
        if a is not None and b is not None and a * b <= 0 and len(roots) < MAX_ROOTS:
            root = _bisect(at, points[place - 1], points[place], a)
            if root is not None:
                roots.append("0" if abs(root) < 1e-20 else decimal(work, Approx(root), 15))
    return list(dict.fromkeys(roots))


def _bisect(at: Callable[[Any], Any], low: Any, high: Any, first: Any) -> Any:
    """The root between two points of opposite signs; `None` where there is a jump or a pole."""
    start = abs(first)
    for _ in range(90):
        middle = (low + high) / 2
        value = at(middle)
        if value is None or value == 0:
            return None if value is None else middle
        low, high = (middle, high) if value * first > 0 else (low, middle)
    end = at(low)
    return low if end is not None and abs(end) <= 1e-6 * (1 + start) else None

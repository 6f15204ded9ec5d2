"""Calculate to a number of correct digits: evaluate at rising precision until they agree."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from sanctuary_host import ToolError
from sanctuary_utils.maths import display
from sanctuary_utils.maths.evaluate import Step, evaluate
from sanctuary_utils.maths.limits import Budget
from sanctuary_utils.maths.operations import Value
from sanctuary_utils.maths.parser import parse
from sanctuary_utils.maths.quantities import Quantity, Temperature
from sanctuary_utils.maths.scalars import Approx, Pi, Workspace
from sanctuary_utils.maths.syntax import Statement

RESERVE = 15
"""Digits computed beyond those asked for, at the first attempt."""
SHRUNK = 1e-8
"""A number that falls by this factor from one attempt to the next is rounding noise where 0 belongs."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The steps of a calculation with the workspace that their numbers belong to."""

    work: Workspace
    steps: list[Step]
    notes: dict[str, None]


def calculate(text: str, precision: int) -> Outcome:
    """Evaluate statements so that all digits asked for are right.

    Raises:
        ToolError: a sentence on what cannot be read, has no value, costs too much, or does not settle.
    """
    statements = parse(text)
    budget = Budget()
    digits = precision + RESERVE
    outcomes = [_attempt(statements, digits, budget)]
    if all(display.is_exact(step.value) for step in outcomes[0].steps) and not _tolerant(outcomes[0]):
        return outcomes[0]
    for _ in range(4 if precision <= 300 else 3):
        digits = 2 * digits + RESERVE
        outcomes.append(_attempt(statements, digits, budget))
        settled = _settled(outcomes, precision)
        if settled is not None:
            return settled
    raise ToolError(
        "the result does not settle as the precision rises: two large numbers nearly cancel, or the point is a pole "
        "or a jump; rearrange the expression, or use math_symbolic"
    )


def _attempt(statements: list[Statement], digits: int, budget: Budget) -> Outcome:
    notes: dict[str, None] = {}
    work = Workspace(digits, budget, notes)
    return Outcome(work, evaluate(work, statements), notes)


def _tolerant(outcome: Outcome) -> bool:
    """Whether an exact-looking answer (a truth value, a floor) rests on rounded numbers."""
    return "mp" in vars(outcome.work)


def _settled(outcomes: Sequence[Outcome], precision: int) -> Outcome | None:
    """The last outcome, if its digits are confirmed by the one before; noise around 0 becomes 0."""
    last = outcomes[-1]
    trees = [[_leaves(outcome.work, step.value) for step in outcome.steps] for outcome in outcomes]
    if any([len(leaves) for leaves in tree] != [len(leaves) for leaves in trees[-1]] for tree in trees):
        return None
    if not _decided(outcomes):
        return None
    zeros: list[set[int]] = []
    for index, leaves in enumerate(trees[-1]):
        vanishing: set[int] = set()
        for place, leaf in enumerate(leaves):
            history = [tree[index][place] for tree in trees]
            if _agree(last.work, history[-2], leaf, precision):
                continue
            if not _vanishes(history):
                return None
            vanishing.add(place)
        zeros.append(vanishing)
    steps = [
        replace(step, value=_cleared(last.work, step.value, iter(range(10**9)), places)) if places else step
        for step, places in zip(last.steps, zeros, strict=True)
    ]
    if any(zeros):
        last.notes[f"what is 0 to within {last.work.digits // 2} digits is given as 0"] = None
    return Outcome(last.work, steps, last.notes)


def _decided(outcomes: Sequence[Outcome]) -> bool:
    """Whether no comparison rests on rounding noise.

    Raises:
        ToolError: one does.
    """
    work = outcomes[-1].work
    zero = work.mp.mpf(0)
    histories = [
        [zero if margin is None else margin for margin in history]
        for history in zip(*(outcome.work.margins for outcome in outcomes), strict=False)
        if any(margin is not None for margin in history[-2:])
    ]
    shrinking = [history for history in histories if abs(history[-1]) <= abs(history[-2]) * SHRUNK]
    if any(_vanishes(history) for history in shrinking):
        raise ToolError(
            f"a comparison in it cannot be decided: its sides agree to within {work.digits // 2} digits; "
            "compare with a tolerance instead"
        )
    return not shrinking


def _leaves(work: Workspace, value: Value) -> list[Any]:
    """The parts of a value that must agree: mpmath's reals where it is rounded, else what it is."""
    match value:
        case tuple():
            return [leaf for item in value for leaf in _leaves(work, item)]
        case Quantity() | Temperature():
            return _leaves(work, value.value)
        case Approx():
            return [work.mp.re(value.value), work.mp.im(value.value)]
        case _:
            return [value, None]


def _agree(work: Workspace, before: Any, now: Any, precision: int) -> bool:
    if not hasattr(now, "_mpf_") or not hasattr(before, "_mpf_"):
        return bool(before == now)
    difference = abs(work.mp.mpf(before) - now)
    return bool(difference <= abs(now) * work.mp.mpf(10) ** -(precision + 2))


def _vanishes(history: list[Any]) -> bool:
    """Whether a number shrank with each rise of the precision: rounding noise where 0 belongs."""
    if len(history) < 3 or not all(hasattr(leaf, "_mpf_") for leaf in history):
        return False
    pairs = itertools.pairwise(history)
    return all(abs(now) <= abs(before) * SHRUNK for before, now in pairs if before or now)


def _cleared(work: Workspace, value: Value, places: Any, zeros: set[int]) -> Value:
    """The value with its vanishing parts put to 0."""
    match value:
        case tuple():
            return tuple(_cleared(work, item, places, zeros) for item in value)
        case Quantity():
            number = _cleared(work, value.value, places, zeros)
            return replace(value, value=number if isinstance(number, (int, Fraction, Pi, Approx)) else value.value)
        case Approx():
            re, im = (work.mp.mpf(0) if next(places) in zeros else part for part in _leaves(work, value))
            return work.approx(work.mp.mpc(re, im))
        case _:
            next(places)
            next(places)
            return value

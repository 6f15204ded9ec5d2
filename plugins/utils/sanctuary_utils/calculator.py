"""The calculator: exact arithmetic with units, and algebra."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Final

from pydantic import Field

from sanctuary_host import ToolError, Tools, hookimpl, tool
from sanctuary_utils.maths import algebra, display
from sanctuary_utils.maths.algebra import Domain, Operation
from sanctuary_utils.maths.algebra_text import latex_of, text_of
from sanctuary_utils.maths.calculation import Outcome
from sanctuary_utils.maths.calculation import calculate as run
from sanctuary_utils.maths.limits import MAX_EXPRESSION, MAX_PRECISION

MAX_LATEX: Final = 4_000
MAX_ANSWER: Final = 20_000
"""Characters of an answer."""
NUMBERS: Final = re.compile(r"\d+/\d+|\d+(?:\.\d+)?(?:e-?\d+)?")


@dataclass(frozen=True, slots=True)
class Calculation:
    """The value of the last line."""

    decimal: Annotated[str, Field(description="To precision digits, without unit")]
    exact: Annotated[str | None, Field(description="Such as 1/3 or pi/6")]
    is_exact: Annotated[bool, Field(description="Nothing was rounded on the way")]
    unit: str
    steps: Annotated[list[str], Field(description="Values of earlier lines")]
    notes: list[str]

    def __str__(self) -> str:
        """The answer in a line, and what is to be said about it."""
        unit = f" {self.unit}" if self.unit else ""
        answer = f"{self.decimal}{unit}"
        if self.exact is None:
            answer = f"≈ {answer}"
        elif self.exact != self.decimal:
            answer = f"{self.exact}{unit} {'=' if _same_numbers(self.exact, self.decimal) else '≈'} {answer}"
        return "\n".join([*self.steps, answer, *(f"({note})" for note in self.notes)])


@tool(read_only=True, timeout=5)
def calculate(
    expression: Annotated[
        str,
        Field(description="'20% of 150', '5 km + 300 m in miles', 'r=3; pi*r^2'", max_length=MAX_EXPRESSION),
    ],
    precision: Annotated[int, Field(description="Significant digits", ge=1, le=MAX_PRECISION)] = 15,
) -> Calculation:
    """Calculate exactly, with units; lines split by ; may name values.

    + - * / // % ^ ! and or not, comparisons; i, pi, e; lists [1,2], matrices [[1,2],[3,4]]; 'to' converts units.
    Functions: sqrt root exp ln log(x,base) sin sind asin round floor abs min max binomial gcd lcm is_prime factor
    powmod fibonacci sum mean median stdev percentile correlation linear_regression det inverse solve(A,b) eigenvalues
    hex to_base and more. For algebra use math_symbolic.
    """
    if not 1 <= precision <= MAX_PRECISION:
        raise ToolError(f"precision must be from 1 to {MAX_PRECISION:,} digits")
    try:
        return _answer(run(expression, precision), precision)
    except RecursionError:
        raise ToolError("the expression is nested too deeply; name parts of it with x = ...") from None
    except (ArithmeticError, ValueError, MemoryError):
        raise ToolError("a number in this calculation is out of range, or the function has no value there") from None


def _answer(outcome: Outcome, precision: int) -> Calculation:
    work = outcome.work
    *earlier, last = outcome.steps
    steps = [
        f"{step.name or step.text} = {_limited(display.decimal_text(work, step.value, precision))}" for step in earlier
    ]
    number, unit = display.number_and_unit(work, last.value)
    return Calculation(
        decimal=_limited(display.decimal_text(work, number, precision)),
        exact=display.exact_text(work, number),
        is_exact=display.is_exact(last.value),
        unit=unit,
        steps=steps,
        notes=list(outcome.notes),
    )


def _same_numbers(left: str, right: str) -> bool:
    """Whether two texts hold the same rational numbers, so that one does not round the other."""
    if "pi" in left:
        return False
    a, b = ([Fraction(number) for number in NUMBERS.findall(text)] for text in (left, right))
    return a == b


def _limited(text: str) -> str:
    if len(text) > MAX_ANSWER:
        raise ToolError(f"the answer would have {len(text):,} characters, more than {MAX_ANSWER:,}; ask for less of it")
    return text


@dataclass(frozen=True, slots=True)
class Algebra:
    """An answer of algebra."""

    result: str
    latex: str
    numeric: Annotated[list[str], Field(description="Approximations")]
    assumptions: str
    notes: list[str]

    def __str__(self) -> str:
        """The answer in a line, and what is to be said about it."""
        numeric = [text for text in self.numeric if text not in self.result]
        lines = [self.result, *([f"≈ {'; '.join(numeric)}"] if numeric else [])]
        return "\n".join([*lines, *(f"({note})" for note in (self.assumptions, *self.notes) if note)])


@tool(read_only=True, timeout=10)
def math_symbolic(  # a tool's parameters are passed by name
    operation: Operation,
    expression: Annotated[str, Field(description="x^2-4; solve: also 'x+y=3; x-y=1', 'x^2<4'", max_length=2000)],
    variable: Annotated[str, Field(description="If there are several")] = "",
    at: Annotated[
        str,
        Field(
            description="limit, series: point '0+', 'oo'; integrate: bounds '0, pi'; substitute, evaluate: 'x=2, y=1/3'"
        ),
    ] = "",
    order: Annotated[int, Field(description="derivative, series", ge=0, le=20)] = 0,
    domain: Annotated[Domain, Field(description="Of the variables")] = "real",
) -> Algebra:
    """Algebra: exact result, LaTeX. For numbers use calculate."""
    try:
        answer = algebra.ask(operation, expression, variable, at, order, domain)
        result = answer.text or text_of(answer.value)
        latex = "" if answer.value is None or len(result) > MAX_ANSWER else latex_of(answer.value)
    except ToolError:
        raise
    except RecursionError:
        raise ToolError("the expression is nested too deeply for algebra") from None
    except Exception:  # noqa: BLE001  # sympy raises whatever went wrong inside it
        raise ToolError(f"{operation} found no answer for this expression; try another form or operation") from None
    if len(result) > MAX_ANSWER:
        raise ToolError(f"the answer would have {len(result):,} characters; ask for less of it")
    return Algebra(
        result=result,
        latex=latex if len(latex) <= MAX_LATEX else "",
        numeric=answer.numeric,
        assumptions=answer.assumptions,
        notes=answer.notes,
    )


@hookimpl
def register_tools() -> Tools:
    """The calculator's tools."""
    return [calculate, math_symbolic]

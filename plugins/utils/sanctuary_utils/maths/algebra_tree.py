"""Build sympy's objects node by node from our own tree; no text ever reaches sympy."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from functools import reduce
from typing import Any, Final

from sanctuary_host import ToolError
from sanctuary_utils.maths import functions
from sanctuary_utils.maths.syntax import (
    Beside,
    Call,
    Comparison,
    Factorial,
    Group,
    Name,
    Negative,
    Node,
    Number,
    Percent,
    Power,
    Product,
    Sum,
    children,
)
from sanctuary_utils.maths.tokens import shown

NAMES: Final = {
    "pi": "pi", "π": "pi", "e": "E", "i": "I", "j": "I", "phi": "GoldenRatio", "φ": "GoldenRatio",
    "oo": "oo", "inf": "oo", "infinity": "oo", "∞": "oo",
}  # fmt: skip  # a dictionary of names is read in groups, not one a line
INFINITE: Final = frozenset({"oo", "inf", "infinity", "∞"})
ONE_ARGUMENT: Final = {
    **{name: name for name in ("sin", "cos", "tan", "cot", "sec", "csc", "asin", "acos", "atan", "acot")},
    **{name: name for name in ("sinh", "cosh", "tanh", "coth", "asinh", "acosh", "atanh", "exp", "sqrt", "cbrt")},
    **{name: name for name in ("sign", "floor", "factorial", "gamma", "erf", "erfc", "zeta", "re", "im", "arg", "log")},
    "arcsin": "asin",
    "arccos": "acos",
    "arctan": "atan",
    "ln": "log",
    "abs": "Abs",
    "Abs": "Abs",
    "ceil": "ceiling",
    "ceiling": "ceiling",
    "conj": "conjugate",
    "conjugate": "conjugate",
    "lgamma": "loggamma",
    "LambertW": "LambertW",
}
TWO_ARGUMENTS: Final = {"atan2": "atan2", "binomial": "binomial", "root": "root", "log": "log"}
BASES: Final = {"log2": 2, "log10": 10, "lg": 10}
SEVERAL: Final = {"min": "Min", "max": "Max", "Min": "Min", "Max": "Max"}
OPERATIONS: Final = frozenset({"diff", "differentiate", "integrate", "limit", "series", "simplify", "expand", "solve"})


def sympy() -> Any:
    """The algebra system."""
    # Imported here for start-up cost: it takes 1.6 s of CPU time and 58 MB, which only algebra needs.
    return importlib.import_module("sympy")


def names_in(node: Node) -> list[str]:
    """The variables of an expression, in the order in which they appear."""
    found: dict[str, None] = {}
    pending = [node]
    while pending:
        part = pending.pop()
        if isinstance(part, Name) and part.name not in NAMES and part.name not in {"tau", "τ"}:
            found[part.name] = None
        pending += reversed(children(part))
    return list(found)


class Builder:
    """Turns trees into sympy's objects; variables are symbols with the assumptions given."""

    def __init__(self, assumptions: Mapping[str, bool]) -> None:
        """Load sympy."""
        self.sympy = sympy()
        self.assumptions = dict(assumptions)
        self.values: dict[str, Any] = {}

    def symbol(self, name: str) -> Any:
        """The symbol of a variable."""
        return self.sympy.Symbol(name, **self.assumptions)

    def build(self, node: Node) -> Any:  # noqa: C901, PLR0912  # one case a kind of node is the plainest form
        """The object of a tree.

        Raises:
            ToolError: it holds what algebra here does not deal with.
        """
        match node:
            case Number():
                return self.sympy.Rational(node.value.numerator, node.value.denominator)
            case Name():
                return self._name(node.name)
            case Group():
                return self.build(node.inner)
            case Negative():
                return -self.build(node.operand)
            case Sum():
                signed = [(sign, self.build(term)) for sign, term in node.terms]
                return self.sympy.Add(*(term if sign == "+" else -term for sign, term in signed))
            case Product():
                return self._product(node)
            case Beside():
                return self._beside(node)
            case Power():
                return self.sympy.Pow(self.build(node.base), self.build(node.exponent))
            case Factorial():
                return self.sympy.factorial(self.build(node.operand))
            case Percent():
                return self.build(node.operand) / 100
            case Call():
                return self._call(node)
            case Comparison():
                raise ToolError("an equation where a plain expression is needed; only solve and latex take equations")
            case _:
                raise ToolError("lists, conversions and and/or mean nothing in algebra; the tool calculate knows them")

    def _name(self, name: str) -> Any:
        if name in self.values:
            return self.values[name]
        if name in NAMES:
            return getattr(self.sympy, NAMES[name])
        if name in {"tau", "τ"}:
            return 2 * self.sympy.pi
        if name in ONE_ARGUMENT or name in OPERATIONS:
            raise ToolError(f"{shown(name)} is a function; write its argument in parentheses, as in {name}(x)")
        return self.symbol(name)

    def _product(self, node: Product) -> Any:
        result = self.build(node.factors[0][1])
        for operator, factor in node.factors[1:]:
            if operator in {"//", "%"}:
                raise ToolError("// and % mean nothing in algebra; write floor(a/b)")
            if operator == "/" and isinstance(factor, Beside):
                raise ToolError(
                    "a product without * after a division can be read in two ways, 1/(2 x) or (1/2) x; "
                    "write the parentheses"
                )
            value = self.build(factor)
            if operator == "/" and value == 0:
                raise ToolError("division by zero has no value")
            result = result / value if operator == "/" else result * value
        return result

    def _beside(self, node: Beside) -> Any:
        if any(isinstance(part, Number) for part in node.parts[1:]):
            raise ToolError("an operator is missing before a number; write * for a product")
        return reduce(lambda left, right: left * right, [self.build(part) for part in node.parts])

    def _call(self, node: Call) -> Any:
        arguments = [self.build(argument) for argument in node.arguments]
        match len(arguments):
            case 1 if node.name in ONE_ARGUMENT:
                return getattr(self.sympy, ONE_ARGUMENT[node.name])(arguments[0])
            case 1 if node.name in BASES:
                return self.sympy.log(arguments[0], BASES[node.name])
            case 1 if node.name in {"sind", "cosd", "tand"}:
                return getattr(self.sympy, node.name[:-1])(arguments[0] * self.sympy.pi / 180)
            case 2 if node.name in TWO_ARGUMENTS:
                return getattr(self.sympy, TWO_ARGUMENTS[node.name])(*arguments)
            case many if many and node.name in SEVERAL:
                return getattr(self.sympy, SEVERAL[node.name])(*arguments)
            case _:
                raise _wrong_call(node.name, len(arguments))


def _wrong_call(name: str, given: int) -> ToolError:
    if name in ONE_ARGUMENT or name in TWO_ARGUMENTS or name in BASES or name in SEVERAL:
        return ToolError(f"{name} does not take {given} argument{'' if given == 1 else 's'}")
    if name in OPERATIONS:
        return ToolError(f"{shown(name)} is an operation: pass operation='{name}' and the plain expression")
    if len(name) == 1:
        return ToolError(f"{shown(name)} is no known function; for a product write {name}*(...)")
    known = {*ONE_ARGUMENT, *TWO_ARGUMENTS, *BASES, *SEVERAL}
    more = "; the tool calculate knows it" if name in functions.FUNCTIONS else functions.suggestions(name, known)
    return ToolError(f"there is no function {shown(name)} in algebra{more}")

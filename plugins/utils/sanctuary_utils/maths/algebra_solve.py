"""Solve equations, systems of equations, and inequalities."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import Any, Final

from sanctuary_host import ToolError
from sanctuary_utils.maths.algebra_limits import constant
from sanctuary_utils.maths.algebra_text import numeric_text, text_of
from sanctuary_utils.maths.algebra_tree import Builder, names_in
from sanctuary_utils.maths.roots import SCAN, numeric_roots
from sanctuary_utils.maths.syntax import Comparison, Node, Power, Product, children

MAX_COMPLEX_DEGREE: Final = 40
RELATIONS: Final = {"<": "Lt", "<=": "Le", ">": "Gt", ">=": "Ge"}


@dataclass
class Solutions:
    """Solutions in words, sympy's object where it is one, and numbers."""

    text: str
    value: Any = None
    numeric: list[str] = field(default_factory=list[str])
    notes: list[str] = field(default_factory=list[str])


def solve(builder: Builder, nodes: list[Node], variables: list[str], domain: str) -> Solutions:
    """The solutions of equations or inequalities.

    Raises:
        ToolError: there is no variable, or the kind of problem is not dealt with.
    """
    if not variables:
        raise ToolError("there is no variable to solve for")
    pairs = [pair for node in nodes for pair in _pairs(builder, node)]
    if any(operator in RELATIONS for operator, _, _ in pairs):
        below = [part for node in nodes for part in denominators(node)]
        return _inequalities(builder, pairs, variables, domain, below)
    equations = [left - right for operator, left, right in pairs if operator == "="]
    symbols = [builder.symbol(name) for name in variables]
    if len(equations) != len(pairs):
        raise ToolError("solve takes equations (=) and inequalities (<, <=, >, >=)")
    below = [builder.build(part) for node in nodes for part in denominators(node)]
    if len(equations) == 1 and len(symbols) == 1:
        return _equation(_Problem(builder, nodes[0], below, domain), equations[0], symbols[0])
    if len(equations) == 1:
        listed = ", ".join(variables)
        raise ToolError(f"name the variable to solve for, one of: {listed}; or give as many equations as variables")
    return _system(builder, equations, symbols, below)


def _pairs(builder: Builder, node: Node) -> list[tuple[str, Any, Any]]:
    """Relations as (operator, left, right); an expression alone is set equal to 0."""
    if not isinstance(node, Comparison):
        return [("=", builder.build(node), builder.sympy.Integer(0))]
    sides = [builder.build(operand) for _, operand in node.operands]
    operators = [operator.replace("==", "=") for operator, _ in node.operands[1:]]
    return list(zip(operators, sides, sides[1:], strict=False))


def denominators(node: Node) -> list[Node]:
    """The parts of an expression that must not be 0, because something is divided by them.

    sympy cancels `x^2/x` as it is built, and would then offer 0 as a solution of `x^2/x = 0`.
    """
    found: list[Node] = []
    if isinstance(node, Product):
        found += [factor for operator, factor in node.factors if operator == "/"]
    if isinstance(node, Power):
        exponent = constant(node.exponent)
        found += [node.base] if exponent is not None and exponent < 0 else []
    return [part for part in found if names_in(part)] + [
        part for child in children(node) for part in denominators(child)
    ]


@dataclass(frozen=True)
class _Problem:
    builder: Builder
    node: Node
    below: list[Any]
    domain: str

    def allows(self, symbol: Any, value: Any) -> bool:
        """Whether a solution makes no denominator 0."""
        return not any(part.subs(symbol, value).equals(0) for part in self.below)


def _equation(problem: _Problem, equation: Any, symbol: Any) -> Solutions:
    builder, domain, sympy = problem.builder, problem.domain, problem.builder.sympy
    where = ", except where a denominator is 0" if problem.below else ""
    if symbol not in equation.free_symbols:
        holds = sympy.simplify(equation) == 0
        return Solutions(f"every {symbol} is a solution{where}" if holds else "no solution")
    space = sympy.S.Complexes if domain == "complex" else sympy.S.Reals
    if domain == "positive":
        space = sympy.Interval.open(0, sympy.oo)
    # With assumptions on the symbol itself sympy drops conditions; the set says the same.
    bare = sympy.Dummy(str(symbol))
    known = _polynomial_roots(builder, equation.subs(symbol, bare), bare, real=domain != "complex")
    found = sympy.solveset(equation.subs(symbol, bare), bare, space) if known is None else known & space
    if isinstance(found, sympy.FiniteSet):
        tested = [value for value in found if known is not None or _holds(builder, equation, symbol, value)]
        allowed = [value for value in tested if problem.allows(symbol, value)]
        if not allowed:
            return Solutions("no solution", notes=["what seems to solve it makes a denominator 0 or fails the test"])
        return _listed(builder, allowed, symbol)
    if found is sympy.S.EmptySet:
        return _no_solution(builder, equation, symbol, domain)
    if found == space:
        return Solutions(f"every {symbol} is a solution{where}")
    described = _describe(builder, found, symbol)
    if described is not None:
        return Solutions(described + where)
    return _by_other_means(problem, equation, symbol)


def _polynomial_roots(builder: Builder, equation: Any, symbol: Any, *, real: bool) -> Any:
    """The roots of a polynomial with rational coefficients, all of them; `None` where it is something else."""
    sympy = builder.sympy
    if not equation.is_polynomial(symbol):
        return None
    polynomial = sympy.Poly(equation, symbol)
    if not all(factor.is_Rational for factor in polynomial.all_coeffs()) or polynomial.degree() < 3:
        return None
    if not real and polynomial.degree() > MAX_COMPLEX_DEGREE:
        raise ToolError(
            f"complex solutions are computed for degrees up to {MAX_COMPLEX_DEGREE}; domain real takes more"
        )
    if real:
        return sympy.FiniteSet(*(_radical(builder, root) for root in sympy.real_roots(polynomial)))
    found: list[Any] = []
    for factor, _ in polynomial.factor_list()[1]:
        exact = sympy.roots(factor, cubics=False, quartics=False)
        found += exact if len(exact) == factor.degree() else factor.nroots(n=20, maxsteps=200)
    return sympy.FiniteSet(*found)


def _radical(builder: Builder, root: Any) -> Any:
    """A real root of `a x^n + b` as a radical; others as they are."""
    if not root.has(builder.sympy.CRootOf) or len(root.poly.terms()) != 2 or root.poly.nth(0) == 0:
        return root
    ratio = -root.poly.nth(0) / root.poly.LC()
    size = builder.sympy.root(abs(ratio), root.poly.degree())
    return size if root.is_positive else -size


def _holds(builder: Builder, equation: Any, symbol: Any, value: Any) -> bool:
    """Whether a solution passes the test with numbers; those that hold other variables are not tested."""
    sympy = builder.sympy
    if value.free_symbols or equation.free_symbols != {symbol}:
        return True
    point = sympy.N(value, 40)
    rest = sympy.N(equation.subs(symbol, point), 20)
    scale = sum(abs(sympy.N(term.subs(symbol, point), 10)) for term in sympy.Add.make_args(equation))
    return not rest.is_number or not rest.is_finite or bool(abs(rest) <= 1e-12 * (1 + scale))


def _listed(builder: Builder, solutions: list[Any], symbol: Any) -> Solutions:
    sympy = builder.sympy
    ordered = sorted(solutions, key=sympy.default_sort_key)
    if all(not value.free_symbols for value in ordered):
        ordered.sort(key=lambda value: tuple(float(part) for part in sympy.N(value).as_real_imag()))
    lines, numeric = list[str](), list[str]()
    for value in ordered:
        implicit = value.has(sympy.CRootOf, sympy.Float)
        shown = numeric_text(value) if implicit else text_of(value)
        lines.append(f"{symbol} {'≈' if implicit else '='} {shown}")
        if not value.free_symbols:
            numeric.append(numeric_text(value))
    notes = (
        ["these roots are given as numbers: their forms in radicals are long, or there are none"]
        if any(value.has(sympy.CRootOf, sympy.Float) for value in ordered)
        else list[str]()
    )
    return Solutions("; ".join(lines), None if notes else sympy.FiniteSet(*ordered), numeric, notes)


def _no_solution(builder: Builder, equation: Any, symbol: Any, domain: str) -> Solutions:
    sympy = builder.sympy
    notes: list[str] = []
    if domain != "complex" and equation.is_polynomial(symbol) and equation.free_symbols == {symbol}:
        bare = sympy.Dummy(str(symbol))
        bare_equation = equation.subs(symbol, bare)
        if sympy.degree(bare_equation, bare) > 10:
            return Solutions(f"no {domain} solution")
        roots = _polynomial_roots(builder, bare_equation, bare, real=False)
        if roots is None:
            roots = sympy.solveset(bare_equation, bare, sympy.S.Complexes)
        if isinstance(roots, sympy.FiniteSet) and roots:
            notes.append("complex solutions: " + _listed(builder, list(roots), symbol).text)
    word = {"real": "real ", "positive": "positive "}.get(domain, "")
    return Solutions(f"no {word}solution", notes=notes)


def _describe(builder: Builder, found: Any, symbol: Any) -> str | None:
    """A set of numbers in words; `None` where it holds more than that."""
    sympy = builder.sympy
    if isinstance(found, sympy.FiniteSet):
        return " or ".join(f"{symbol} = {text_of(value)}" for value in sorted(found, key=sympy.default_sort_key))
    if isinstance(found, sympy.Union):
        parts = [_describe(builder, part, symbol) for part in sorted(found.args, key=_order)]
        return " or ".join(part for part in parts if part) if all(parts) else None
    if isinstance(found, sympy.Interval):
        return _interval(builder, found, symbol)
    if isinstance(found, sympy.ImageSet) and found.base_sets == (sympy.S.Integers,):
        (parameter,) = found.lamda.variables
        body = found.lamda.expr.subs(parameter, sympy.Symbol("n"))
        return f"{symbol} = {text_of(sympy.expand(body))} for every integer n"
    return None


def _order(part: Any) -> tuple[float, str]:
    try:
        return float(part.inf), str(part)
    except (TypeError, AttributeError, ValueError, NotImplementedError):
        return 0.0, str(part)


def _interval(builder: Builder, found: Any, symbol: Any) -> str:
    sympy = builder.sympy
    low, high = text_of(found.start), text_of(found.end)
    below, above = "<" if found.left_open else "<=", "<" if found.right_open else "<="
    if found.start == -sympy.oo and found.end == sympy.oo:
        return f"every real {symbol}"
    if found.start == -sympy.oo:
        return f"{symbol} {above} {high}"
    if found.end == sympy.oo:
        return f"{symbol} {below.replace('<', '>')} {low}"
    return f"{low} {below} {symbol} {above} {high}"


def _by_other_means(problem: _Problem, equation: Any, symbol: Any) -> Solutions:
    """Where the set of solutions is not known: some solutions in closed form, else numeric ones."""
    sympy, domain = problem.builder.sympy, problem.domain
    alone = equation.free_symbols == {symbol}
    found: list[Any] = []
    # Among sines and cosines the search for a closed form takes long and ends in nothing.
    if not (alone and domain != "complex" and equation.has(sympy.sin, sympy.cos, sympy.tan)):
        with contextlib.suppress(NotImplementedError):
            found = [value for value in sympy.solve(equation, symbol) if not value.has(sympy.Integral, sympy.RootOf)]
    found = [value for value in found if problem.allows(symbol, value)]
    found = [value for value in found if _holds(problem.builder, equation, symbol, value)]
    if found:
        solutions = _listed(problem.builder, found, symbol)
        solutions.notes.append("these solve it; there may be others")
        return solutions
    if not alone or domain == "complex":
        raise ToolError("no closed form was found for the solutions")
    roots = numeric_roots(problem.node, str(symbol), positive=domain == "positive")
    if not roots:
        raise ToolError(f"no closed form was found, and no change of sign between -{SCAN} and {SCAN} shows a real one")
    text = "; ".join(f"{symbol} ≈ {root}" for root in roots)
    note = f"no closed form was found; these are sign changes between -{SCAN} and {SCAN}, there may be other solutions"
    return Solutions(text, numeric=roots, notes=[note])


def _system(builder: Builder, equations: list[Any], symbols: list[Any], below: list[Any]) -> Solutions:
    sympy = builder.sympy
    try:
        found: list[dict[Any, Any]] = sympy.solve(equations, symbols, dict=True)
    except NotImplementedError:
        raise ToolError("no closed form was found for the solutions of this system") from None
    found = [solution for solution in found if not any(part.subs(solution).equals(0) for part in below)]
    if not found:
        return Solutions("no solution")
    lines: list[str] = []
    numeric: list[str] = []
    free: dict[str, None] = {}
    for solution in found[:50]:
        shown = [(symbol, solution[symbol]) for symbol in symbols if symbol in solution]
        lines.append(", ".join(f"{symbol} = {text_of(value)}" for symbol, value in shown))
        free.update((str(symbol), None) for symbol in symbols if symbol not in solution)
        if all(not value.free_symbols for _, value in shown):
            numeric.append(", ".join(f"{symbol} = {numeric_text(value)}" for symbol, value in shown))
    notes = [f"{', '.join(free)} can be chosen freely"] if free else []
    return Solutions("; ".join(lines), None, numeric, notes)


def _inequalities(
    builder: Builder, pairs: list[tuple[str, Any, Any]], variables: list[str], domain: str, below: list[Node]
) -> Solutions:
    sympy = builder.sympy
    if len(variables) != 1:
        raise ToolError("inequalities are solved in one variable; name it")
    if domain == "complex":
        raise ToolError("complex numbers have no order; solve inequalities with domain real")
    symbol = sympy.Symbol(variables[0], real=True)
    result = sympy.S.Reals if domain == "real" else sympy.Interval.open(0, sympy.oo)
    for operator, left, right in pairs:
        if (left - right).free_symbols - {builder.symbol(variables[0])}:
            raise ToolError("inequalities are solved with numbers besides the variable; give the others values")
        a, b = (side.subs(builder.symbol(variables[0]), symbol) for side in (left, right))
        if operator == "=":
            part = sympy.solveset(a - b, symbol, sympy.S.Reals)
        else:
            relation = getattr(sympy, RELATIONS[operator])(a, b)
            part = _relation(builder, relation, symbol)
        result = result & part
    for part in below:
        zeros = sympy.solveset(builder.build(part).subs(builder.symbol(variables[0]), symbol), symbol, sympy.S.Reals)
        result = result - zeros
    if result is sympy.S.EmptySet:
        return Solutions("no solution")
    described = _describe(builder, result, symbol)
    if described is None:
        raise ToolError("no closed form was found for the solutions of this inequality")
    periods = [sympy.periodicity(left - right, builder.symbol(variables[0])) for _, left, right in pairs]
    if any(periods):
        if len(pairs) > 1 or domain != "real":
            raise ToolError("an inequality with periodic functions is solved alone, over all real numbers")
        return Solutions(described, notes=[f"and the same moved by every whole multiple of {text_of(periods[0])}"])
    return Solutions(described)


def _relation(builder: Builder, relation: Any, symbol: Any) -> Any:
    sympy = builder.sympy
    if relation in {sympy.true, sympy.false}:
        return sympy.S.Reals if relation == sympy.true else sympy.S.EmptySet
    try:
        return sympy.solve_univariate_inequality(relation, symbol, relational=False)
    except NotImplementedError:
        raise ToolError("no closed form was found for the solutions of this inequality") from None

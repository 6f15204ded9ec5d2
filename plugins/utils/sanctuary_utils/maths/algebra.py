"""The operations of algebra: each takes parsed text, and gives its answer with what was assumed and checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from sanctuary_host import ToolError
from sanctuary_utils.maths.algebra_limits import Size, check_count, check_degree, check_terms, measure
from sanctuary_utils.maths.algebra_solve import Solutions, solve
from sanctuary_utils.maths.algebra_text import numeric_text, text_of
from sanctuary_utils.maths.algebra_tree import INFINITE, Builder, names_in
from sanctuary_utils.maths.parser import parse
from sanctuary_utils.maths.syntax import Comparison, Name, Node, children
from sanctuary_utils.maths.tokens import shown

Operation = Literal[
    "simplify",
    "expand",
    "factor",
    "solve",
    "differentiate",
    "integrate",
    "limit",
    "series",
    "substitute",
    "evaluate",
    "latex",
]
Domain = Literal["real", "positive", "complex"]

MAX_TEXT: Final = 2_000
_JOINED: Final = "; letters written together are one name, so write * for a product"
MAX_ORDER: Final = 20
GREEK: Final = frozenset(
    {"alpha", "beta", "gamma", "delta", "epsilon", "theta", "lambda", "mu", "nu", "rho", "sigma", "omega", "psi", "chi"}
)
SAMPLES: Final = ("37/100", "113/100", "271/100")
"""Points at which an answer is compared with the question."""


@dataclass
class Answer:
    """An answer on its way: sympy's object, or a text where there is none."""

    value: Any = None
    text: str = ""
    numeric: list[str] = field(default_factory=list[str])
    notes: list[str] = field(default_factory=list[str])
    assumptions: str = ""


@dataclass(frozen=True)
class Question:
    """What the caller asked, parsed and checked."""

    operation: Operation
    nodes: list[Node]
    variables: list[str]
    at: str
    order: int
    domain: Domain
    builder: Builder

    @property
    def variable(self) -> Any:
        """The symbol of the one variable.

        Raises:
            ToolError: there is none, or more than one to choose from.
        """
        if len(self.variables) != 1:
            listed = ", ".join(self.variables[:10])
            raise ToolError(f"name the variable, one of: {listed}" if listed else "the expression has no variable")
        return self.builder.symbol(self.variables[0])

    @property
    def expression(self) -> Any:
        """The one expression as sympy's object."""
        if len(self.nodes) != 1:
            raise ToolError("one expression is needed; several are taken by solve only")
        return self.builder.build(self.nodes[0])

    def bounds(self) -> tuple[Any, Any]:
        """The two bounds of a definite integral."""
        if len(self.at) > 500:
            raise ToolError("at is too long; at most 500 characters are read")
        nodes = [statement.value for statement in parse(self.at, equations=True)]
        if len(nodes) != 2 or any(isinstance(node, Comparison) for node in nodes):
            raise ToolError("at must give both bounds of the integral, such as 0, pi or 1, oo; or leave it out")
        for node in nodes:
            check_count(node)
            measure(node)
        low, high = (self.builder.build(node) for node in nodes)
        return low, high

    def point(self, text: str, what: str) -> Any:
        """A number or expression given beside the expression."""
        node = _one(text, what)
        measure(node)
        return self.builder.build(node)


def _one(text: str, what: str) -> Node:
    if not text.strip():
        raise ToolError(f"{what} is missing")
    if len(text) > 500:
        raise ToolError(f"{what} is too long; at most 500 characters are read")
    statements = parse(text, equations=True)
    if len(statements) != 1:
        raise ToolError(f"{what} must be one expression")
    check_count(statements[0].value)
    return statements[0].value


def ask(  # they are the tool's parameters
    operation: Operation, expression: str, variable: str, at: str, order: int, domain: Domain
) -> Answer:
    """Answer a question of algebra.

    Raises:
        ToolError: it cannot be read, is too large, or has no answer of the kind asked for.
    """
    if len(expression) > MAX_TEXT:
        raise ToolError(f"the expression has {len(expression):,} characters; algebra takes at most {MAX_TEXT:,}")
    if not 0 <= order <= MAX_ORDER:
        raise ToolError(f"order must be from 0 to {MAX_ORDER}")
    nodes = [statement.value for statement in parse(expression, equations=True)]
    names = list(dict.fromkeys(name for node in nodes for name in names_in(node)))
    variables = _variables(variable) or names
    if operation == "solve" and names and (absent := [name for name in variables if name not in names]):
        raise ToolError(
            f"the variable {shown(absent[0])} is not in the expression, which holds {', '.join(names[:10])}{_JOINED}"
        )
    values = _values(at) if operation in {"substitute", "evaluate"} else {}
    _check(operation, nodes, values)
    if any(name in INFINITE for node in nodes for name in _all_names(node)):
        raise ToolError("infinity is no number in an expression; it is a point of limit, or a bound of integrate")
    builder = Builder({"real": {"real": True}, "positive": {"positive": True}, "complex": {}}[domain])
    builder.values = {name: builder.build(node) for name, node in values.items()}
    question = Question(operation, nodes, variables, at, order, domain, builder)
    answer = OPERATIONS[operation](question)
    free = [name for name in names if name not in values]
    if free and operation != "latex":
        answer.assumptions = f"{', '.join(free[:10])} {domain}"
    long = [name for name in names if len(name) > 1 and name.isalpha() and name.isascii() and name not in GREEK]
    if long:
        answer.notes.append(f"{', '.join(long[:5])}: one variable each; write * for a product")
    return answer


def _all_names(node: Node) -> list[str]:
    return ([node.name] if isinstance(node, Name) else []) + [
        name for part in children(node) for name in _all_names(part)
    ]


def _variables(text: str) -> list[str]:
    if not text.strip():
        return []
    if len(text) > 200:
        raise ToolError("variable is too long; name one or a few variables, such as x or x, y")
    nodes = [statement.value for statement in parse(text, equations=True)]
    if not all(isinstance(node, Name) for node in nodes) or len(nodes) > 10:
        raise ToolError("variable must be a name such as x, or names with commas")
    names = [name for node in nodes for name in names_in(node)]
    if len(names) != len(nodes):
        raise ToolError("variable must be a name other than the constants e, i and pi")
    return names


def _values(text: str) -> dict[str, Node]:
    """The values of names in a text such as `x = 2, y = 1/3`."""
    values: dict[str, Node] = {}
    if not text.strip():
        return values
    if len(text) > 500:
        raise ToolError("at is too long; at most 500 characters are read")
    for statement in parse(text, equations=True):
        node = statement.value
        if not isinstance(node, Comparison) or len(node.operands) != 2 or node.operands[1][0] not in {"=", "=="}:
            raise ToolError("at must give values such as x = 2, y = 1/3")
        left, right = node.operands[0][1], node.operands[1][1]
        if not isinstance(left, Name) or not names_in(left):
            raise ToolError("at must give values to variables, such as x = 2, y = 1/3")
        check_count(right)
        values[left.name] = right
    return values


def _check(operation: Operation, nodes: list[Node], values: dict[str, Node]) -> None:
    if len(nodes) > 8:
        raise ToolError("at most 8 equations or expressions are taken at once")
    known: dict[str, Size] = {name: measure(node) for name, node in values.items()}
    for node in nodes:
        check_count(node)
        size = measure(node, known)
        if operation in {"expand", "factor", "solve", "integrate"}:
            check_terms(size)
        if operation in {"factor", "solve", "integrate", "series"}:
            check_degree(size)


def _simplify(question: Question) -> Answer:
    return _checked(question, question.builder.sympy.simplify(question.expression))


def _expand(question: Question) -> Answer:
    return _checked(question, question.builder.sympy.expand(question.expression))


def _factor(question: Question) -> Answer:
    expression = question.expression
    if not expression.free_symbols:
        raise ToolError(
            "there is no variable to factor by; whole numbers are factored by the tool calculate: factor(360)"
        )
    return _checked(question, question.builder.sympy.factor(expression))


def _checked(question: Question, value: Any) -> Answer:
    """An answer that must equal the expression, compared at points."""
    answer = Answer(value, numeric=_numeric(value))
    if _differ(question, question.expression, value):
        raise ToolError("the answer found does not agree with the expression at sample points, so it is withheld")
    return answer


def _numeric(value: Any) -> list[str]:
    if value.free_symbols or all(part.is_Rational for part in value.as_real_imag()):
        return []
    return [numeric_text(value)]


def _differ(question: Question, left: Any, right: Any) -> bool:
    """Whether two expressions have different values at some sample point; unknown counts as the same."""
    sympy = question.builder.sympy
    symbols = sorted(left.free_symbols | right.free_symbols, key=str)
    for index in range(len(SAMPLES)):
        point = {symbol: sympy.Rational(SAMPLES[(index + place) % 3]) for place, symbol in enumerate(symbols)}
        a, b = (sympy.N(value.subs(point), 20) for value in (left, right))
        if not a.is_number or not b.is_number or not a.is_finite or not b.is_finite:
            continue
        if abs(a - b) > 1e-9 * (1 + abs(a)):
            return True
        if not symbols:
            break
    return False


def _solve(question: Question) -> Answer:
    found: Solutions = solve(question.builder, question.nodes, question.variables, question.domain)
    return Answer(found.value, found.text, found.numeric, found.notes)


def _differentiate(question: Question) -> Answer:
    sympy = question.builder.sympy
    order = question.order or 1
    value = sympy.diff(question.expression, question.variable, order)
    answer = Answer(value, numeric=_numeric(value))
    if value.has(sympy.Derivative, sympy.Subs):
        answer.notes.append("part of the derivative could not be computed and stands as Derivative(...)")
    return answer


def _integrate(question: Question) -> Answer:
    sympy, expression, variable = question.builder.sympy, question.expression, question.variable
    if not question.at.strip():
        return _antiderivative(question, expression, variable)
    low, high = question.bounds()
    integral = sympy.Integral(expression, (variable, low, high))
    value = integral.doit()
    if value.is_infinite:
        return Answer(value, notes=["the integral diverges"])
    if value.has(sympy.nan, sympy.zoo):
        raise ToolError(
            "this integral has no value: it does not converge, or the function has a pole between the bounds"
        )
    if value.has(sympy.Integral):
        if value.free_symbols:
            raise ToolError("no closed form was found for this integral")
        return Answer(
            text=f"{numeric_text(integral)}",
            numeric=[numeric_text(integral)],
            notes=["no closed form was found; this is a numeric value"],
        )
    answer = Answer(sympy.simplify(value), numeric=_numeric(value))
    # Numeric integration of what oscillates without end gives nonsense, slowly.
    endless = expression.has(sympy.sin, sympy.cos, sympy.tan) and (low.is_infinite or high.is_infinite)
    if not value.free_symbols and value.is_finite is not False and not endless:
        check = sympy.N(integral, 8)
        if check.is_number and abs(sympy.N(value, 12) - check) > 1e-3 * (1 + abs(check)):
            answer.notes.append("numeric integration gives another value, so check this: " + numeric_text(check))
    return answer


def _antiderivative(question: Question, expression: Any, variable: Any) -> Answer:
    sympy = question.builder.sympy
    value = sympy.integrate(expression, variable)
    if value.has(sympy.Integral):
        raise ToolError(
            "no closed form was found for this integral; with bounds in at, such as 0, 1, a numeric value may be found"
        )
    if _differ(question, expression, sympy.diff(value, variable)):
        raise ToolError("the integral found does not agree with the function at sample points, so it is withheld")
    notes = ["plus any constant"]
    if value.has(sympy.log) and not expression.has(sympy.log) and question.domain == "real":
        notes.append("log(x) stands for log(abs(x)) where x is negative")
    return Answer(value, notes=notes)


def _limit(question: Question) -> Answer:
    sympy, expression, variable = question.builder.sympy, question.expression, question.variable
    text = question.at.strip()
    side = text[-1] if text[-1:] in {"+", "-"} else "+-"
    point = question.point(text.rstrip("+-") if side != "+-" else text, "at (the point of the limit)")
    if point.is_infinite or side != "+-":
        return _one_limit(question, sympy.limit(expression, variable, point, "-" if point.is_infinite else side))
    right, left = (sympy.limit(expression, variable, point, sign) for sign in "+-")
    if sympy.simplify(right - left) != 0 and right != left:
        sides = f"from the left {text_of(left)}, from the right {text_of(right)}"
        return Answer(text=f"does not exist: {sides}", notes=["the limits from both sides differ"])
    return _one_limit(question, right)


def _one_limit(question: Question, value: Any) -> Answer:
    sympy = question.builder.sympy
    if value.has(sympy.Limit):
        raise ToolError("this limit could not be found")
    if value.has(sympy.AccumBounds):
        return Answer(text="does not exist", notes=[f"the function oscillates: {text_of(value)}"])
    if value.has(sympy.nan):
        raise ToolError("this limit could not be found, or does not exist")
    if value.is_infinite:
        return Answer(value, notes=["it grows without bound"])
    return Answer(value, numeric=_numeric(value))


def _series(question: Question) -> Answer:
    sympy = question.builder.sympy
    point = question.point(question.at or "0", "at")
    variable, expression = question.variable, question.expression
    if point.is_infinite or point == 0:
        value = sympy.series(expression, variable, point, question.order or 6)
    else:
        # Around another point sympy mixes up the terms in (x - a), so that is made a symbol of its own.
        step = sympy.Symbol(f"({variable - point})", **question.builder.assumptions)
        value = sympy.series(expression.subs(variable, point + step), step, 0, question.order or 6)
    return Answer(value, notes=["O(...) stands for the terms left out"] if value.has(sympy.Order) else [])


def _substitute(question: Question) -> Answer:
    if not question.builder.values:
        raise ToolError("at must give values such as x = 2, y = 1/3")
    missing = [name for name in question.builder.values if name not in question.variables]
    value = question.expression
    if value.has(question.builder.sympy.zoo, question.builder.sympy.nan):
        raise ToolError("the expression has no value at this point (a division by zero)")
    return Answer(value, numeric=_numeric(value), notes=[f"{shown(name)} does not occur in it" for name in missing])


def _evaluate(question: Question) -> Answer:
    value = question.expression
    if value.free_symbols:
        names = ", ".join(sorted(map(str, value.free_symbols)))
        raise ToolError(f"a value is missing for {names[:100]}; give it in at, such as x = 2")
    if value.has(question.builder.sympy.zoo, question.builder.sympy.nan):
        raise ToolError("the expression has no value at this point (a division by zero)")
    text = numeric_text(value)
    return Answer(value, text=text, numeric=[text])


def _latex(question: Question) -> Answer:
    sympy = question.builder.sympy
    parts: list[Any] = []
    for node in question.nodes:
        if isinstance(node, Comparison):
            sides = [question.builder.build(operand) for _, operand in node.operands]
            words = {"=": "Eq", "==": "Eq", "!=": "Ne", "<": "Lt", "<=": "Le", ">": "Gt", ">=": "Ge"}
            for left, (operator, _), right in zip(sides, node.operands[1:], sides[1:], strict=False):
                parts.append(getattr(sympy, words[operator])(left, right, evaluate=False))
        else:
            parts.append(question.builder.build(node))
    return Answer(parts[0] if len(parts) == 1 else sympy.Tuple(*parts))


OPERATIONS: Final[dict[Operation, Callable[[Question], Answer]]] = {
    "simplify": _simplify,
    "expand": _expand,
    "factor": _factor,
    "solve": _solve,
    "differentiate": _differentiate,
    "integrate": _integrate,
    "limit": _limit,
    "series": _series,
    "substitute": _substitute,
    "evaluate": _evaluate,
    "latex": _latex,
}

"""Evaluate parsed statements: names get their meaning here, and every operation goes through its cost model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Final, cast

from sanctuary_host import ToolError
from sanctuary_utils.maths import arithmetic, functions, integers, operations, quantities, units
from sanctuary_utils.maths.angles import ANGLE
from sanctuary_utils.maths.limits import MAX_ITEMS, cells, check_size
from sanctuary_utils.maths.operations import Value, is_scalar
from sanctuary_utils.maths.parser import WORDS
from sanctuary_utils.maths.quantities import Quantity, Temperature
from sanctuary_utils.maths.scalars import Pi, Scalar, Workspace
from sanctuary_utils.maths.syntax import (
    Beside,
    Call,
    Comparison,
    Conversion,
    Factorial,
    Group,
    Listing,
    Logic,
    Name,
    Negative,
    Node,
    Number,
    Percent,
    Power,
    Product,
    Statement,
    Sum,
    children,
    ungrouped,
)
from sanctuary_utils.maths.tokens import shown
from sanctuary_utils.maths.units import Unit

DEGREES: Final = {"C": "degC", "F": "degF"}
DEGREE_PAIRS: Final = ({"C", "F"}, {"C", "K"}, {"F", "K"}, {"C", "degF"}, {"F", "degC"})
WRITINGS: Final = {"hex": "hex", "hexadecimal": "hex", "bin": "bin", "binary": "bin", "oct": "oct", "octal": "oct"}


@dataclass(frozen=True, slots=True)
class Step:
    """A statement's text, the name that it defines, if any, and its value."""

    text: str
    name: str | None
    value: Value


def evaluate(work: Workspace, statements: list[Statement], variables: Mapping[str, Value] | None = None) -> list[Step]:
    """The values of statements, each of which sees the names defined before it, and `variables`.

    Raises:
        ToolError: a sentence on the first thing that has no value or costs too much.
    """
    scope = _Scope(work)
    scope.variables.update(variables or {})
    return [scope.step(statement) for statement in statements]


class _Scope:
    def __init__(self, work: Workspace) -> None:
        self.work = work
        self.variables: dict[str, Value] = {}
        self.used_units = False
        self.shadowing: dict[str, None] = {}

    def step(self, statement: Statement) -> Step:
        name = statement.name
        if name is not None:
            _check_new_name(name)
        value = self.value(statement.value)
        if name is not None:
            self.variables[name] = value
        if self.used_units and self.shadowing:
            self.work.note(f"{', '.join(self.shadowing)}: your variable here, not the unit of that name")
        return Step(statement.text, name, value)

    def value(self, node: Node) -> Value:
        self.work.budget.charge(0)
        match node:
            case Number():
                return node.value
            case Name():
                return self.name(node.name)
            case Group():
                return self.value(node.inner)
            case Negative():
                return self.negative(node)
            case Sum():
                return self.sum(node)
            case Product():
                return self.product(node)
            case Beside():
                return self.beside(node)
            case Power():
                return operations.power(self.work, self.value(node.base), self.value(node.exponent))
            case Call():
                return self.call(node)
            case _:
                return self.rarer(node)

    def rarer(self, node: Node) -> Value:
        match node:
            case Listing():
                check_size(len(node.items), MAX_ITEMS, "items of a list")
                items = tuple(self.value(item) for item in node.items)
                # Named lists in lists double with each name.
                check_size(cells(items, MAX_ITEMS), MAX_ITEMS, "items of a list")
                return items
            case Factorial():
                return integers.factorial(self.work, self.value(node.operand))
            case Percent():
                return operations.divide(self.work, self.value(node.operand), 100)
            case Comparison():
                return self.comparison(node)
            case Logic():
                return self.logic(node)
            case Conversion():
                return self.conversion(node)
            case _:
                raise AssertionError(node)

    def name(self, name: str) -> Value:
        if name in self.variables:
            if units.find(name) is not None:
                self.shadowing[name] = None
            return self.variables[name]
        if name in functions.CONSTANTS:
            return functions.constant(self.work, name)
        unit = self.unit(name)
        if unit is None:
            raise self.unknown(name)
        if unit.zero is not None:
            raise ToolError(
                f"{unit.name} is a scale with a zero of its own: write a number before it, as in 20 {unit.name}; "
                f"for a difference use delta_{unit.name}"
            )
        return quantities.one(self.work, unit)

    def unit(self, name: str) -> Unit | None:
        """The unit of that name, with what is to be said about it noted."""
        unit = units.find(name)
        if unit is not None:
            self.used_units = True
            for key in (name, name.removesuffix("s"), unit.name):
                if key in units.REMARKS:
                    self.work.note(units.REMARKS[key])
                    break
        return unit

    def unknown(self, name: str) -> ToolError:
        if name in functions.INFINITE:
            return ToolError("infinity and nan are no numbers here; limits are taken by the tool math_symbolic")
        if name in functions.FUNCTIONS or name in functions.SYMBOLIC:
            return ToolError(f"{shown(name)} is a function; write its arguments in parentheses, as in {name}(...)")
        if name in units.AMBIGUOUS:
            return ToolError(units.AMBIGUOUS[name])
        known = [*self.variables, *functions.CONSTANTS, *units.close_names(name), *functions.FUNCTIONS]
        return ToolError(
            f"{shown(name)} is not defined: it is no variable, constant or unit{functions.suggestions(name, known)}"
        )

    def negative(self, node: Negative) -> Value:
        value = self.value(node.operand)
        if isinstance(value, Temperature) and isinstance(node.operand, Beside):
            return Temperature(arithmetic.negate(self.work, value.value), value.unit)
        return operations.negate(self.work, value)

    def sum(self, node: Sum) -> Value:
        terms = list(node.terms)
        if len(terms) > 8 and all(sign == "+" for sign, _ in terms):
            values = [self.value(term) for _, term in terms]
            if all(is_scalar(value) for value in values):
                return operations.total(self.work, tuple(values))
            return reduce(lambda left, right: operations.add(self.work, left, right), values)
        result = self.value(terms[0][1])
        for sign, term in terms[1:]:
            result = operations.add(self.work, result, self.value(term), 1 if sign == "+" else -1)
        return result

    def product(self, node: Product) -> Value:
        factors = node.factors
        first, second = factors[0], factors[1]
        modular = self.modular_power(first[1], second[1]) if second[0] == "%" else None
        result = self.value(first[1]) if modular is None else modular
        start = 1 if modular is None else 2
        for (_, before), (operator, factor) in zip(factors[start - 1 :], factors[start:], strict=False):
            self.check_shadowed(before, factor)
            if operator in {"/", "//", "%"} and isinstance(factor, Beside):
                self.check_below(factor, plain=is_scalar(result))
            value = self.value(factor)
            if operator in {"*", "of"}:
                result = operations.multiply(self.work, result, value)
            elif operator == "%":
                result = operations.modulo(self.work, result, value)
            elif operator == "//" and is_scalar(result) and is_scalar(value):
                result = arithmetic.floor_divide(self.work, cast("Scalar", result), cast("Scalar", value))
            else:
                result = operations.divide(self.work, result, value)
                if operator == "//":
                    result = arithmetic.floor(self.work, operations.scalar(result, "//"))
        return result

    def check_below(self, node: Beside, *, plain: bool) -> None:
        """Refuse `1/2 x`, which is half an x to some and 1/(2x) to others; `60 km / 2 h` is one to all."""
        measured = isinstance(node.parts[0], Number) and all(self.is_unit(part) for part in node.parts[1:])
        if not measured or plain:
            raise ToolError(
                "a product without * after a division can be read in two ways, 1/(2 x) or (1/2) x; "
                "write the parentheses"
            )

    def check_shadowed(self, before: Node, factor: Node) -> None:
        """Refuse `5 km/h` where h is a variable too."""
        base = factor.base if isinstance(factor, Power) else factor
        if isinstance(before, Beside) and isinstance(base, Name) and base.name in self.variables:
            self.check_unit_name(base.name)

    def check_unit_name(self, name: str) -> None:
        if units.find(name) is not None:
            raise ToolError(
                f"{shown(name)} is your variable and also a unit; put the variable in parentheses, or rename it"
            )

    def is_unit(self, node: Node) -> bool:
        """Whether something written after a number is a unit, or a power of one."""
        base = node.base if isinstance(node, Power) else node
        return (
            isinstance(base, Name)
            and base.name not in self.variables
            and base.name not in functions.CONSTANTS
            and units.find(base.name) is not None
        )

    def modular_power(self, base: Node, modulus: Node) -> Value | None:
        """`b^e % m` of whole numbers without computing `b^e`; `None` where it is something else."""
        base = ungrouped(base)
        if not isinstance(base, Power) or isinstance(modulus, Beside):
            return None
        parts = self.value(base.base), self.value(base.exponent), self.value(modulus)
        if not all(isinstance(part, int) and not isinstance(part, bool) for part in parts):
            return None
        if cast("int", parts[1]) < 0 or parts[2] == 0:
            return None
        return integers.powmod(self.work, *parts)

    def beside(self, node: Beside) -> Value:
        groups: list[list[Node]] = []
        for part in node.parts:
            if isinstance(part, Number) or not groups:
                groups.append([])
            groups[-1].append(part)
        for part, after in zip(node.parts, node.parts[1:], strict=False):
            if isinstance(part, Name) and part.name not in self.variables and part.name in functions.FUNCTIONS:
                self.value(part)
            if isinstance(after, Number) and not self.is_unit(part):
                raise ToolError("an operator is missing before a number; write * for a product")
        result = self.side_by_side(groups[0])
        for group in groups[1:]:
            value = self.side_by_side(group)
            if not isinstance(result, Quantity) or not isinstance(value, Quantity):
                raise ToolError("an operator is missing: only quantities of one kind are added so, such as 3 ft 2 in")
            result = quantities.add(self.work, result, value)
        return result

    def side_by_side(self, parts: list[Node]) -> Value:
        last = parts[-1]
        if len(parts) == 2 and isinstance(last, Name) and self.is_unit(last):
            unit = self.unit(last.name)
            if unit is not None and unit.zero is not None:
                degrees = operations.scalar(self.value(parts[0]), f"a temperature in {unit.name}")
                return Temperature(degrees, unit)
        for part in parts[1:]:
            base = part.base if isinstance(part, Power) else part
            if isinstance(base, Name) and base.name in self.variables:
                self.check_unit_name(base.name)
        result = self.value(parts[0])
        for part in parts[1:]:
            result = operations.multiply(self.work, result, self.value(part))
        return result

    def call(self, node: Call) -> Value:
        if node.name == "mod" and len(node.arguments) == 2:
            modular = self.modular_power(*node.arguments)
            if modular is not None:
                return modular
        if node.name not in functions.FUNCTIONS:
            named = node.name in self.variables or node.name in functions.CONSTANTS or units.find(node.name) is not None
            raise functions.unknown_function(node.name, is_value=named)
        return functions.call(self.work, node.name, tuple(self.value(argument) for argument in node.arguments))

    def comparison(self, node: Comparison) -> Value:
        left = self.value(node.operands[0][1])
        for operator, operand in node.operands[1:]:
            right = self.value(operand)
            if operator in {"==", "!="}:
                holds = operations.equal(self.work, left, right) is (operator == "==")
            else:
                order = operations.compare(self.work, left, right)
                holds = {"<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0}[operator]
            if not holds:
                return False
            left = right
        return True

    def logic(self, node: Logic) -> Value:
        for operand in node.operands:
            value = self.value(operand)
            if not isinstance(value, bool):
                raise ToolError(f"'{node.operator}' joins truth values such as 2 < 3, not {operations.kind_of(value)}")
            if node.operator == "not":
                return not value
            if value is (node.operator == "or"):
                return value
        return node.operator == "and"

    def conversion(self, node: Conversion) -> Value:
        target = ungrouped(node.target)
        if isinstance(target, Name) and (read := self.degrees(node.value, target)) is not None:
            return self.converted(*read)
        value = self.value(node.value)
        if isinstance(target, Name) and target.name in WRITINGS:
            return integers.prefixed(self.work, value, WRITINGS[target.name])
        to = self.target(target)
        return self.converted(value, to)

    def degrees(self, node: Node, target: Name) -> tuple[Value, Quantity | Temperature] | None:
        """`72 F to C` as temperatures: farads are never coulombs, so nothing else can be meant."""
        bare = node.operand if isinstance(node, Negative) else node
        if not isinstance(bare, Beside) or len(bare.parts) != 2 or not isinstance(bare.parts[1], Name):
            return None
        unit = bare.parts[1].name
        if unit in self.variables or {unit, target.name} not in DEGREE_PAIRS:
            return None
        self.work.note("F and C are read as degrees (degF, degC), not as farad and coulomb")
        named = Beside((bare.parts[0], Name(DEGREES.get(unit, unit))))
        value = self.value(Negative(named) if isinstance(node, Negative) else named)
        return value, self.target(Name(DEGREES.get(target.name, target.name)))

    def converted(self, value: Value, to: Quantity | Temperature) -> Value:
        if isinstance(value, tuple):
            return tuple(self.converted(item, to) for item in value)
        if isinstance(to, Quantity) and to.dimensions == ANGLE and is_scalar(value):
            if not isinstance(value, Pi):
                self.work.note("a plain number counts as an angle in radians")
            radian = units.find("rad")
            assert radian is not None
            value = Quantity(cast("Scalar", value), ANGLE, ((radian, 1),))
        if not isinstance(value, (Quantity, Temperature)):
            name = to.unit.name if isinstance(to, Temperature) else quantities.unit_text(to.shown)
            raise ToolError(f"{operations.kind_of(value)} without a unit cannot be converted to {name}; write its unit")
        result = quantities.convert(self.work, value, to)
        for temperature in (value, result):
            if isinstance(temperature, Temperature):
                quantities.check_physical(self.work, temperature)
        return result

    def target(self, node: Node) -> Quantity | Temperature:
        """What stands after `to`: units only, whatever the variables are called."""
        if isinstance(node, Name) and (unit := self.unit(node.name)) is not None and unit.zero is not None:
            return Temperature(0, unit)
        _check_target(node)
        value = _Scope(self.work).value(node)
        if not isinstance(value, Quantity):
            raise ToolError("what follows 'to' must be a unit such as km, m/s or kg m/s^2")
        return value


def _check_new_name(name: str) -> None:
    if name in functions.CONSTANTS or name in functions.FUNCTIONS or name in WORDS or name in functions.INFINITE:
        raise ToolError(f"{shown(name)} has a meaning of its own here and cannot be given a value; choose another name")


def _check_target(node: Node) -> None:
    powers = [part.exponent for part in (node, *children(node)) if isinstance(part, Power)]
    if isinstance(node, Number) and node.value != 1:
        raise ToolError("what follows 'to' is units without numbers; scale the value instead")
    if isinstance(node, (Call, Listing, Comparison, Logic, Sum, Conversion, Percent, Factorial)):
        raise ToolError("what follows 'to' must be a unit such as km, m/s or kg m/s^2")
    below = (node.base,) if isinstance(node, Power) else children(node)
    for part in below:
        if part not in powers:
            _check_target(part)

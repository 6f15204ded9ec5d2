"""Parse an expression by binding powers (Pratt's method), refusing what can be read in two ways."""

from __future__ import annotations

from typing import Final

from sanctuary_host import ToolError
from sanctuary_utils.maths.limits import MAX_DEPTH
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
    ungrouped,
)
from sanctuary_utils.maths.tokens import Token, shown, tokenize

CONVERT, OR, AND, NOT, COMPARE, ADD, MULTIPLY, SIGN, BESIDE, POWER, POSTFIX, PRIMARY = range(1, 13)
"""Binding powers, from the loosest to the tightest."""

COMPARISONS: Final = frozenset({"==", "!=", "<", "<=", ">", ">="})
INFIX: Final = {
    **dict.fromkeys(("to", "in", "as", "->"), CONVERT),
    "or": OR,
    "and": AND,
    **dict.fromkeys((*COMPARISONS, "="), COMPARE),
    **dict.fromkeys(("+", "-"), ADD),
    **dict.fromkeys(("*", "/", "//", "%", "of", "mod", "per"), MULTIPLY),
    "^": POWER,
    "!": POSTFIX,
}
WORDS: Final = frozenset({"to", "in", "as", "or", "and", "of", "mod", "per"})
SPELLINGS: Final = {"mod": "%", "per": "/"}
ROOTS: Final = {"√": "sqrt", "∛": "cbrt"}
CLOSERS: Final = frozenset({")", "]", ",", ";", ""})


def parse(text: str, *, equations: bool = False) -> list[Statement]:
    """The statements of a text, separated by `;` or line ends.

    Args:
        text: what the caller wrote.
        equations: whether `=` states an equation (and a comma separates statements) instead of giving a name its value.

    Raises:
        ToolError: a sentence on what cannot be read, or can be read in two ways.
    """
    return _Parser(text, equations=equations).statements()


class _Parser:
    def __init__(self, text: str, *, equations: bool) -> None:
        self.text = text
        self.equations = equations
        self.tokens = tokenize(text)
        self.index = 0
        self.depth = 0

    @property
    def here(self) -> Token:
        return self.tokens[self.index]

    @property
    def following(self) -> Token:
        return self.tokens[min(self.index + 1, len(self.tokens) - 1)]

    def take(self) -> Token:
        token = self.here
        self.index = min(self.index + 1, len(self.tokens) - 1)
        return token

    def at(self, *texts: str) -> bool:
        return self.here.kind == "operator" and self.here.text in texts

    def at_end(self) -> bool:
        return self.here.kind == "end"

    def statements(self) -> list[Statement]:
        statements: list[Statement] = []
        separators = (";", ",") if self.equations else (";",)
        while not self.at_end():
            if self.at(*separators):
                self.take()
                continue
            statements.append(self.statement())
            if not self.at_end() and not self.at(*separators):
                raise ToolError(self.unexpected())
        if not statements:
            raise ToolError("the expression is empty; write something such as 2 + 3 * 4")
        return statements

    def statement(self) -> Statement:
        start = self.here
        name = None
        if not self.equations and self.here.kind == "name" and self.following.text == "=":
            name = self.take().text
            self.take()
        value = self.expression(0)
        end = self.tokens[self.index - 1].end
        return Statement(" ".join(self.text[start.start : end].split())[:200], value, name)

    def expression(self, least: int) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ToolError(f"the expression is nested deeper than {MAX_DEPTH} levels; name parts of it with x = ...")
        left = self.prefix(least)
        while (power := self.power_here(left)) >= max(least, 1):
            left = self.infix(left, power)
        self.depth -= 1
        return left

    def power_here(self, left: Node) -> int:
        """How tightly the token that comes next binds to what stands before it; 0 where it ends the expression."""
        token = self.here
        if token.kind == "end":
            return 0
        if token.text == "in" and self.is_inch():
            return BESIDE
        if token.text == "%" and self.is_percent():
            return POSTFIX
        if token.kind == "number" or (token.kind == "name" and token.text not in WORDS and token.text != "not"):
            return BESIDE
        if token.text in {"(", "√", "∛"}:
            return BESIDE
        if token.text == "[":
            if isinstance(left, Number):
                return BESIDE
            raise ToolError("items of a list cannot be taken with [...]; write the number that you mean")
        return INFIX.get(token.text, 0)

    def prefix(self, least: int) -> Node:
        token = self.take()
        if token.kind == "number":
            return Number(token.value)
        if token.kind == "name" and (token.text not in WORDS or token.text in {"in", "mod"}):
            return self.named(token)
        match token.text:
            case "-":
                return Negative(self.expression(max(SIGN, least)))
            case "+":
                return self.expression(max(SIGN, least))
            case "√" | "∛":
                return Call(ROOTS[token.text], (self.expression(PRIMARY),))
            case "(":
                inner = self.expression(0)
                if self.at(","):
                    raise ToolError(
                        "a comma inside parentheses; lists are written [1, 2, 3], and decimals with a point"
                    )
                self.close(")")
                return Group(inner)
            case "[":
                return self.listing()
            case _:
                self.index = self.tokens.index(token)
                raise ToolError(self.unexpected())

    def named(self, token: Token) -> Node:
        if token.text == "not":
            return Logic("not", (self.expression(NOT),))
        if not self.at("("):
            return Name(token.text)
        self.take()
        arguments: list[Node] = []
        while not self.at(")"):
            arguments.append(self.expression(0))
            if not self.at(","):
                break
            self.take()
            self.check_thousands()
        if self.at("=") and not self.equations:
            raise ToolError("named arguments do not exist here; write the arguments in their order")
        self.close(")")
        if self.at("=") and not self.equations:
            raise ToolError("functions cannot be defined; write the expression with its numbers put in")
        return Call(token.text, tuple(arguments))

    def listing(self) -> Node:
        rows: list[list[Node]] = [[]]
        while not self.at("]"):
            rows[-1].append(self.expression(0))
            if self.at(";"):
                rows.append([])
            elif not self.at(","):
                break
            self.take()
            self.check_thousands()
        self.close("]")
        if len(rows) == 1:
            return Listing(tuple(rows[0]))
        return Listing(tuple(Listing(tuple(row)) for row in rows if row))

    def check_thousands(self) -> None:
        before, after = self.tokens[self.index - 2], self.here
        if before.kind == after.kind == "number" and not after.spaced and after.text[0] == "0" and len(after.text) == 3:
            raise ToolError("a comma does not group thousands; write 1000 or 1_000")

    def close(self, closer: str) -> None:
        if not self.at(closer):
            if self.here.kind == "end":
                raise ToolError(f"a '{closer}' is missing at the end")
            raise ToolError(self.unexpected())
        self.take()

    def infix(self, left: Node, power: int) -> Node:
        if power == BESIDE:
            return self.beside(left)
        token = self.take()
        operator = SPELLINGS.get(token.text, token.text)
        if power == POSTFIX:
            return self.postfix(left, operator)
        if power == POWER:
            # To the right first: 2^3^2 is 2^9.
            return Power(left, self.expression(POWER))
        if power == ADD:
            return _sum(left, operator, self.expression(ADD + 1))
        if power == MULTIPLY:
            return _product(left, operator, self.expression(MULTIPLY + 1))
        if power == COMPARE:
            if operator == "=" and not self.equations:
                raise ToolError("a single = gives a name its value (x = 3); to compare, write ==")
            right = self.expression(COMPARE + 1)
            before = left.operands if isinstance(left, Comparison) else (("", left),)
            return Comparison((*before, (operator, right)))
        if power == CONVERT:
            if isinstance(left, Conversion):
                raise ToolError("one conversion follows another; name the last unit only")
            return Conversion(left, self.expression(ADD))
        right = self.expression(power + 1)
        if isinstance(left, Logic) and left.operator == operator:
            return Logic(operator, (*left.operands, right))
        return Logic(operator, (left, right))

    def postfix(self, left: Node, operator: str) -> Node:
        if isinstance(left, (Factorial, Percent)):
            raise ToolError("two signs ! or % follow each other; put parentheses around the first")
        return Factorial(left) if operator == "!" else Percent(left)

    def beside(self, left: Node) -> Node:
        """Something that follows without an operator."""
        token, before = self.here, self.tokens[self.index - 1]
        parts = left.parts if isinstance(left, Beside) else (left,)
        last = parts[-1]
        if token.kind == "number" and isinstance(last, (Number, Group, Listing)):
            raise ToolError("two numbers stand side by side with no operator between them")
        if token.text == "(" and isinstance(last, (Name, Power)):
            raise ToolError("an operator is missing before '('; write a * for a product")
        if isinstance(last, Power) and not token.spaced and before.kind != "operator" and not self.is_raised():
            raise ToolError(
                f"what follows ^ can be read in two ways before {shown(token.text)}; add a * or parentheses"
            )
        if isinstance(last, (Factorial, Percent)):
            raise ToolError("an operator is missing after ! or %; write * for a product, or '20% of 150'")
        return Beside((*parts, self.expression(BESIDE + 1)))

    def is_raised(self) -> bool:
        """Whether the exponent just read was a superscript: what follows is then plainly not part of it."""
        sign = self.tokens[self.index - 2]
        return sign.text == "^" and sign.start == sign.end

    def is_inch(self) -> bool:
        """Whether the word `in` is the unit here, and not the conversion."""
        before, after = self.tokens[self.index - 1], self.following
        unit_follows = (after.kind == "name" and after.text not in WORDS) or after.text == "("
        return (before.kind == "number" or before.text == ")") and not unit_follows

    def is_percent(self) -> bool:
        """Whether a % is the percent sign and not the modulo operator, which is a matter of what follows and of spaces.

        Raises:
            ToolError: both are possible.
        """
        sign, after = self.here, self.following
        if after.kind == "end" or after.text in CLOSERS or after.text in INFIX.keys() - {"+", "-"}:
            return True
        if after.text in {"+", "-"}:
            operand = self.tokens[min(self.index + 2, len(self.tokens) - 1)]
            if not sign.spaced and after.spaced and operand.spaced:
                return True
            if sign.spaced and after.spaced and not operand.spaced:
                return False
        elif sign.spaced == after.spaced:
            return False
        raise ToolError("the % can be read in two ways; write (10%) for percent, or mod(10, 3) for the remainder")

    def unexpected(self) -> str:
        token = self.here
        if token.kind == "end":
            return "the expression ends where a number or a name should follow"
        if token.text == ",":
            return "a comma stands outside of a function or list; write decimals with a point, and thousands as 1_000"
        if token.text == "=":
            return "an = where none belongs; assignments are name = value, comparisons ==; functions cannot be defined"
        return f"{shown(token.text)} at position {token.start + 1} was not expected there"


def _sum(left: Node, operator: str, right: Node) -> Node:
    terms = left.terms if isinstance(left, Sum) else (("+", left),)
    # 1 + 10% is 1.1 in either reading.
    if (
        isinstance(right, Percent)
        and left != Number(1)
        and not all(isinstance(ungrouped(term), Percent) for _, term in terms)
    ):
        raise ToolError(
            f"'{operator} ...%' can be read in two ways; write 200 * (1 + 10%) for ten percent more, "
            "200 * (1 - 10%) for ten percent less, or 200 + (10%) for 200.1"
        )
    return Sum((*terms, (operator, right)))


def _product(left: Node, operator: str, right: Node) -> Node:
    factors = left.factors if isinstance(left, Product) else (("*", left),)
    if operator == "of":
        last_operator, last = factors[-1]
        if isinstance(last, Percent) and last_operator != "*":
            raise ToolError("'/ ...% of' can be read in two ways; put parentheses around what belongs together")
        if not isinstance(last, (Percent, Group)) and last_operator != "/":
            raise ToolError("'of' follows a percentage or a fraction, as in 20% of 150 or 1/3 of 90")
    return Product((*factors, (operator, right)))

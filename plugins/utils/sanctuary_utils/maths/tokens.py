"""Cut an expression into tokens, with everything refused that is code rather than arithmetic."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Literal

from sanctuary_host import ToolError
from sanctuary_utils.maths.limits import MAX_DIGITS, MAX_EXPRESSION
from sanctuary_utils.maths.syntax import Rational

Kind = Literal["number", "name", "operator", "end"]

SYNONYMS: Final = str.maketrans(
    {
        "×": "*",  # noqa: RUF001  # a sign that typesetting uses
        "·": "*",
        "⋅": "*",
        "∙": "*",
        "∗": "*",  # noqa: RUF001  # a sign that typesetting uses
        "÷": "/",
        "∕": "/",  # noqa: RUF001  # a sign that typesetting uses
        "−": "-",  # noqa: RUF001  # a sign that typesetting uses
        "–": "-",  # noqa: RUF001  # a sign that typesetting uses
        "\u00a0": " ",  # the spaces that typesetting puts between a number and its unit
        "\u2009": " ",
        "\u202f": " ",
        "\t": " ",
        "\u03bc": "µ",  # both micro signs
        "\u2126": "Ω",  # both ohm signs
    }
)
OPERATORS: Final = (
    *("**", "//", "->", "<=", ">=", "==", "!="),
    *("+", "-", "*", "/", "%", "^", "!", "<", ">", "=", "(", ")", "[", "]", ",", ";"),
    *("\n", "→", "√", "∛", "≤", "≥", "≠"),
)
SPELLINGS: Final = {"**": "^", "≤": "<=", "≥": ">=", "≠": "!=", "→": "->", "\n": ";"}
SUPERSCRIPTS: Final = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")

NUMBER: Final = re.compile(
    r"0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+"
    r"|(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9]+)?"
)
NAME: Final = re.compile(r"[πτ∞]|°[CFcf]?|[^\W\d⁰¹²³⁴⁵⁶⁷⁸⁹][^\W⁰¹²³⁴⁵⁶⁷⁸⁹]*")
RAISED: Final = re.compile(r"⁻?[⁰¹²³⁴⁵⁶⁷⁸⁹]+")
CODE: Final = frozenset(
    [
        "assert",
        "async",
        "await",
        "break",
        "class",
        "continue",
        "def",
        "del",
        "elif",
        "else",
        "except",
        "finally",
        "for",
        "from",
        "global",
        "if",
        "import",
        "is",
        "lambda",
        "nonlocal",
        "pass",
        "raise",
        "return",
        "try",
        "while",
        "with",
        "yield",
        "None",
    ]
)


@dataclass(frozen=True, slots=True)
class Token:
    """A token, and whether white space stood before it."""

    kind: Kind
    text: str
    start: int
    end: int
    spaced: bool
    value: Rational = 0


def tokenize(text: str) -> list[Token]:
    """The tokens of an expression; the last one is an `end`.

    Raises:
        ToolError: the expression is too long or holds what is no arithmetic; the sentence names it.
    """
    if len(text) > MAX_EXPRESSION:
        raise ToolError(f"the expression has {len(text):,} characters; at most {MAX_EXPRESSION:,} are read")
    source = text.replace("\r\n", "\n").translate(SYNONYMS)
    tokens: list[Token] = []
    position, spaced, brackets = 0, False, 0
    while position < len(source):
        if source[position] == " " or (source[position] == "\n" and brackets):
            position, spaced = position + 1, True
            continue
        found = _token_at(source, position, spaced=spaced)
        brackets += (found[0].text in {"(", "["}) - (found[0].text in {")", "]"})
        tokens += found
        position, spaced = found[-1].end, False
    tokens.append(Token("end", "", len(source), len(source), spaced))
    return tokens


def _token_at(source: str, position: int, *, spaced: bool) -> list[Token]:
    if match := NUMBER.match(source, position):
        after = source[match.end() : match.end() + 1]
        if (after and after in "0123456789.") or match[0].endswith("_"):
            raise ToolError(f"the number {shown(match[0] + after)} is malformed")
        return [Token("number", match[0], position, match.end(), spaced, number(match[0]))]
    if match := RAISED.match(source, position):
        value = int(match[0].translate(SUPERSCRIPTS)) if len(match[0]) < 10 else 10**9
        return [
            Token("operator", "^", position, position, spaced),
            Token("number", str(value), position, match.end(), spaced=False, value=value),
        ]
    if match := NAME.match(source, position):
        _check_name(match[0])
        return [Token("name", match[0], position, match.end(), spaced)]
    for operator in OPERATORS:
        if source.startswith(operator, position):
            end = position + len(operator)
            return [Token("operator", SPELLINGS.get(operator, operator), position, end, spaced)]
    raise ToolError(_unreadable(source, position))


def _check_name(name: str) -> None:
    if name.startswith("_") or "__" in name:
        raise ToolError(f"{shown(name)} is no name of the calculator: names here neither start with _ nor contain __")
    if name in CODE:
        raise ToolError(f"'{name}' belongs to program code; the calculator reads expressions and assignments only")
    if len(name) > 60:
        raise ToolError(f"a name of {len(name)} characters is too long; at most 60 are read")


def _unreadable(source: str, position: int) -> str:
    mark = source[position]
    if mark in "\"'`“”‘’":  # noqa: RUF001  # signs that typesetting uses
        return "text in quotes means nothing here; write numbers, names and operators (feet are ft, inches in)"
    if mark == ".":
        return "a dot that is no decimal point: attributes do not exist here; write sqrt(2), not math.sqrt(2)"
    if mark == ":":
        return "':' means nothing here: write assignments as x = 3, and lists as [1, 2, 3]"
    if mark in "&|~@":
        return f"'{mark}' is no operator here; use and, or, not, bitand(a, b), bitor(a, b), bitxor(a, b), abs(x)"
    if mark in "{}":
        return "braces mean nothing here; lists and matrices are written [1, 2] and [[1, 2], [3, 4]]"
    if mark in "$€£¥₹":
        return "currency signs mean nothing here; leave them out (exchange rates are not known)"
    named = f"'{mark}'" if mark.isprintable() else f"U+{ord(mark):04X}"
    return f"the character {named} at position {position + 1} means nothing in an expression"


def number(text: str) -> Rational:
    """The exact value of a literal.

    Raises:
        ToolError: it would have more digits than an exact number may have.
    """
    digits = text.replace("_", "").lower()
    if (
        len(digits) > 4_000
    ):  # the interpreter reads no more digits at once (sys.int_info.default_max_str_digits is 4,300)
        raise ToolError(f"a number of {len(digits):,} characters is too long; at most 4,000 are read")
    if digits[:2] in {"0x", "0b", "0o"}:
        return int(digits, base=0)
    mantissa, _, exponent = digits.partition("e")
    whole, _, decimals = mantissa.partition(".")
    if len(exponent) > 9 or abs(int(exponent or 0)) > MAX_DIGITS:
        raise ToolError(
            f"the exponent of {shown(text)} is out of range: exact numbers have at most {MAX_DIGITS:,} digits"
        )
    scale = int(exponent or 0) - len(decimals)
    value = int(whole + decimals or "0")
    power: int = 10 ** abs(scale)
    return value * power if scale >= 0 else simple(Fraction(value, power))


def simple(value: Rational) -> Rational:
    """An integer where the fraction is one."""
    return value.numerator if value.denominator == 1 else value


def shown(text: str) -> str:
    """A short name as an error may repeat it: printable, in quotes, at most 60 characters."""
    clean = "".join(mark if mark.isprintable() else "?" for mark in text)
    return f"'{clean}'" if len(clean) <= 60 else f"'{clean[:57]}...'"

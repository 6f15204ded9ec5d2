"""Write sympy's objects as text that our own parser reads again."""

from __future__ import annotations

import importlib
from functools import lru_cache
from typing import Any, Final

from sanctuary_utils.maths.algebra_tree import sympy

DIGITS: Final = 15
WORDS: Final = {"_print_Exp1": "e", "_print_ImaginaryUnit": "i", "_print_GoldenRatio": "phi"}
RELATIONS: Final = {"==": "=", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


@lru_cache(maxsize=1)
def _printer() -> Any:
    """Sympy's printer, with our words for constants."""
    # Imported here for start-up cost, as sympy itself.
    base = importlib.import_module("sympy.printing.str").StrPrinter
    methods: dict[str, Any] = {name: _constant(word) for name, word in WORDS.items()}
    methods |= {"_print_Abs": _write_abs, "_print_Relational": _write_relation}
    return type("Printer", (base,), methods)()


def _write_abs(printer: Any, value: Any) -> str:
    return f"abs({printer.doprint(value.args[0])})"


def _write_relation(printer: Any, value: Any) -> str:
    return f"{printer.doprint(value.lhs)} {RELATIONS[value.rel_op]} {printer.doprint(value.rhs)}"


def _constant(word: str) -> Any:
    def write(_self: Any, _value: Any) -> str:
        return word

    return write


def text_of(value: Any) -> str:
    """An expression as text, with `^` for powers."""
    text: str = _printer().doprint(value)
    return text.replace("**", "^")


def latex_of(value: Any) -> str:
    """An expression as LaTeX."""
    text: str = sympy().latex(value)
    return text


def numeric_text(value: Any) -> str:
    """A number to 15 digits."""
    number = sympy().N(value, DIGITS)
    if not number.is_number:
        return text_of(number)
    real, imaginary = number.as_real_imag()
    if imaginary == 0 or abs(imaginary) < 1e-15 * abs(real):
        return _real_text(real)
    sign, size = ("-", _real_text(-imaginary)) if imaginary < 0 else ("+", _real_text(imaginary))
    size = "i" if size == "1" else f"{size}i"
    if abs(real) < 1e-15 * abs(imaginary):
        return size if sign == "+" else f"-{size}"
    return f"{_real_text(real)} {sign} {size}"


def _real_text(value: Any) -> str:
    text = str(sympy().N(value, DIGITS))
    mantissa, mark, exponent = text.partition("e")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return mantissa + mark + exponent.removeprefix("+")

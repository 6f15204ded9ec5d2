"""All functions and constants by name, and the sentences for a wrong name or a wrong number of arguments."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Collection
from typing import Final

from sanctuary_host import ToolError
from sanctuary_utils.maths import angles, elementary, integers, matrices, statistics
from sanctuary_utils.maths.operations import Value
from sanctuary_utils.maths.scalars import Approx, Gaussian, Pi, Workspace
from sanctuary_utils.maths.tokens import shown

FUNCTIONS: Final[dict[str, Callable[..., Value]]] = {
    **elementary.FUNCTIONS,
    **angles.FUNCTIONS,
    **integers.FUNCTIONS,
    **statistics.FUNCTIONS,
    **matrices.FUNCTIONS,
}
CONSTANTS: Final = frozenset({"pi", "π", "tau", "τ", "e", "phi", "φ", "i", "j", "true", "false", "True", "False"})
INFINITE: Final = frozenset({"inf", "infinity", "oo", "nan", "∞", "Infinity", "NaN"})
SYMBOLIC: Final = frozenset(
    {
        "diff",
        "differentiate",
        "integrate",
        "integral",
        "limit",
        "series",
        "simplify",
        "expand",
        "derivative",
        "factorise",
    }
)


def constant(work: Workspace, name: str) -> Value:
    """The value of one of `CONSTANTS`."""
    match name:
        case "pi" | "π":
            return Pi(1)
        case "tau" | "τ":
            return Pi(2)
        case "i" | "j":
            return Gaussian(0, 1)
        case "e":
            return Approx(+work.mp.e)
        case "phi" | "φ":
            return Approx(+work.mp.phi)
        case _:
            return name in {"true", "True"}


def call(work: Workspace, name: str, arguments: tuple[Value, ...]) -> Value:
    """The value of a function.

    Raises:
        ToolError: the number of arguments is wrong, or the function refuses them.
    """
    function = FUNCTIONS[name]
    parameters = list(inspect.signature(function).parameters.values())[1:]
    least = sum(one.default is one.empty and one.kind is not one.VAR_POSITIONAL for one in parameters)
    most = None if any(one.kind is one.VAR_POSITIONAL for one in parameters) else len(parameters)
    given = len(arguments)
    if given < least or (most is not None and given > most):
        wanted = f"{least}" if least == most else f"{least} to {most}"
        plural = "" if wanted == "1" else "s"
        usage = f"{name}({', '.join('...' if one.kind is one.VAR_POSITIONAL else one.name for one in parameters)})"
        raise ToolError(f"{name} takes {wanted} argument{plural}, and {given} were given; it is used as {usage}")
    work.budget.charge(1)
    return function(work, *arguments)


def unknown_function(name: str, *, is_value: bool) -> ToolError:
    """The error for a call of what is no function."""
    if is_value:
        return ToolError(f"{shown(name)} is not a function; for a product write {shown(name)[1:-1]} * (...)")
    if name in SYMBOLIC:
        return ToolError(f"{shown(name)} is algebra: use the tool math_symbolic")
    return ToolError(f"there is no function {shown(name)}{suggestions(name, FUNCTIONS)}")


def suggestions(name: str, known: Collection[str]) -> str:
    """`; did you mean ...?`, where a name is close to a known one."""
    close = [one for one in known if one.lower() == name.lower()]
    close = close or difflib.get_close_matches(name[:60], list(known), n=3, cutoff=0.7)
    return f"; did you mean {' or '.join(close)}?" if close else ""

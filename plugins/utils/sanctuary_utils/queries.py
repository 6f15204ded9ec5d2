"""Queries on JSON text: JSONPath and JMESPath, each bounded in time and in the size of its answer."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Any, Final, cast

import jmespath
from jmespath.exceptions import (
    ArityError,
    JMESPathError,
    JMESPathTypeError,
    ParseError,
    UnknownFunctionError,
)  # fmt: skip  # one glance
from jmespath.visitor import TreeInterpreter
from pydantic import JsonValue

from sanctuary_host import ToolError
from sanctuary_utils.documents import Scalar, Value, quoted, replace_scalars
from sanctuary_utils.findings import Analysis, as_json, size_of
from sanctuary_utils.json_text import read_json
from sanctuary_utils.jsonpath import find

__all__ = ["query_jmespath", "query_jsonpath"]

ANSWER: Final = 500_000
"""Characters of an answer."""
WORK: Final = 1_500_000
"""What a JMESPath expression may spend: VISIT for each step, and the size of what it makes."""
VISIT: Final = 5


def query_jsonpath(text: str, query: str, limit: int) -> Analysis:
    """What a JSONPath query selects, each value with its path.

    Raises:
        FormatError: the text is not JSON.
        ToolError: the query is not JSONPath, or looks at too many values.
    """
    if not query:
        raise ToolError("jsonpath needs a pattern, such as $.store.book[?@.price < 10].title")
    document = read_json(text)
    items: list[JsonValue] = []
    strings: list[str] = []
    total = size = 0
    for found in find(query.strip(), document.value):
        total += 1
        if len(items) < limit and size < ANSWER:
            size += len(found.path) + size_of(found.value, ANSWER)
            if size < ANSWER:
                items.append({"path": found.path, "value": as_json(found.value, strings)})
    facts = _notes(document.notes, strings)
    summary = f"{total} match(es)" + (f", {len(items)} shown" if total > len(items) else "")
    return Analysis(summary, None, facts, items, total, truncated=total > len(items))


def query_jmespath(text: str, expression: str, limit: int) -> Analysis:
    """What a JMESPath expression makes of the text; a list gives its elements as items.

    Raises:
        FormatError: the text is not JSON.
        ToolError: the expression is not JMESPath, fails on these types, or makes too much.
    """
    if not expression:
        raise ToolError("jmespath needs a pattern, such as store.book[?price < `10`].title")
    document = read_json(text)
    strings: list[str] = []
    found = _evaluate(expression, replace_scalars(document.value, _as_float))
    if not isinstance(found, list):
        if size_of(found, ANSWER) >= ANSWER:
            raise ToolError(f"the answer has over {ANSWER:,} characters; narrow the expression")
        one = as_json(found, strings)
        facts = _notes(document.notes, strings)
        return Analysis("no value (null)" if found is None else "one value", None, facts, [one], 1)
    values = cast("list[Value]", found)
    items: list[JsonValue] = []
    size = 0
    for value in values[:limit]:
        size += size_of(value, ANSWER)
        if size >= ANSWER:
            break
        items.append(as_json(value, strings))
    summary = f"a list of {len(values)}" + (f", {len(items)} shown" if len(values) > len(items) else "")
    facts = _notes(document.notes, strings)
    return Analysis(summary, None, facts, items, len(values), truncated=len(values) > len(items))


def _as_float(value: Scalar) -> Scalar:
    """JMESPath knows floats only; what lies beyond them stays as it is."""
    near = float(value) if isinstance(value, Decimal) else math.inf
    return near if math.isfinite(near) else value


def _notes(notes: list[str], strings: list[str]) -> dict[str, JsonValue]:
    every: list[JsonValue] = [*notes]
    if strings:
        every.append(f"{len(strings)} number(s) that no float holds exactly are given as strings")
    return {"notes": every} if every else {}


class _Bounded(TreeInterpreter):
    """Evaluates as the library does, but counts what it visits and makes.

    A chain such as [@,@]|[@,@]|… doubles its value at each step, so that the size of what was made is what counts.
    """

    def __init__(self) -> None:
        super().__init__()
        self.left = WORK

    def visit(self, node: Any, *args: Any, **kwargs: Any) -> Any:
        """Visit a node of the expression."""
        self._spend(VISIT)
        if node["type"] == "function_expression":
            # What a function does with its arguments (compare, sort, write out) costs at most about their size.
            self._spend(sum(size_of(value, self.left + 1) for value in args) // 8)
        result = super().visit(node, *args, **kwargs)
        if node["type"] in {"multi_select_list", "multi_select_dict", "flatten", "function_expression"}:
            self._spend(size_of(result, self.left * 2 + 2) // 2)
        return result

    def _spend(self, amount: int) -> None:
        self.left -= amount
        if self.left < 0:
            raise ToolError(
                "the expression makes or visits too many values; narrow it, or query a part of the document"
            )


def _evaluate(expression: str, document: Any) -> Any:
    try:
        compiled = jmespath.compile(expression)
        return _Bounded().visit(compiled.parsed, document)
    except ArityError as error:
        raise ToolError(
            f"JMESPath function {quoted(str(error.function_name))} got another number of arguments"
        ) from None
    except ParseError as error:
        raise ToolError(
            f"not JMESPath at character {error.lex_position + 1}; numbers and JSON go in backticks"
        ) from None
    except JMESPathTypeError as error:
        expected = re.sub(r"[^a-z, -]", "", str(error.expected_types))
        name = quoted(str(error.function_name))
        raise ToolError(f"JMESPath function {name} takes {expected}, but got {error.actual_type}") from None
    except UnknownFunctionError:
        raise ToolError("the expression calls a function that JMESPath does not have") from None
    except RecursionError:
        raise ToolError("the expression is nested too deeply") from None
    except (JMESPathError, ValueError, TypeError, KeyError, AttributeError, ArithmeticError):
        raise ToolError("the expression is not JMESPath, or does not fit these values") from None

"""A typed function is a tool: its signature becomes the schema, its arguments keywords, its result JSON."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeVar, get_type_hints

from sanctuary_host.arguments import Arguments, ArgumentsError, describe_arguments
from sanctuary_host.results import Reply, describe_result
from sanctuary_host.schemas import UnfitError

__all__ = ["ArgumentsError", "Marks", "Reply", "Tool", "ToolError", "Tools", "UnfitError", "describe", "tool"]

Runs = Literal["loop", "worker", "inline"]
Tools = Sequence[Callable[..., Any]]
"""What a plugin's `register_tools` returns: functions and bound methods marked with `@tool`."""

F = TypeVar("F", bound=Callable[..., Any])

MARKS: Final = "__sanctuary_tool__"
DEFAULT_TIMEOUT: Final = 30.0
"""Seconds that a call may take when its tool names no deadline of its own."""


class ToolError(Exception):
    """A failure that the caller can act on: its message reaches the caller as it stands.

    Write a sentence that names the thing and the remedy. Whatever else a tool raises is reported without its text.
    """


@dataclass(frozen=True, slots=True)
class Marks:
    """What `@tool` noted about a function. `None` means that the host decides from what else it knows."""

    read_only: bool = False
    destructive: bool | None = None
    idempotent: bool | None = None
    open_world: bool | None = None
    timeout: float = DEFAULT_TIMEOUT
    memory: int | None = None
    concurrency: int | None = None
    runs: Runs | None = None
    name: str | None = None


def tool(
    function: None = None,
    /,
    *,
    read_only: bool = False,
    destructive: bool | None = None,
    idempotent: bool | None = None,
    open_world: bool | None = None,
    timeout: float = DEFAULT_TIMEOUT,
    memory: int | None = None,
    concurrency: int | None = None,
    runs: Runs | None = None,
    name: str | None = None,
) -> Callable[[F], F]:
    """Mark a function as a tool; the function itself is unchanged and stays callable as it is.

    Args:
        function: nothing; it is here to explain `@tool` without parentheses.
        read_only: it changes nothing outside itself.
        destructive: it may overwrite or delete; by default what is not read-only is.
        idempotent: calling it twice changes no more than calling it once; by default what is read-only is.
        open_world: it deals with things outside the cluster's own boundary; by default as the boundary says.
        timeout: seconds until the call is given up, above 0.
        memory: MiB that the call may use in a worker process; by default the worker's own limit.
        concurrency: calls that run at once, at least 1; those beyond wait within their deadlines. By default as many as
            there are workers to spare, and of coroutines 256.
        runs: `"loop"` (the default of `async def`), `"worker"` (the default of `def`), or `"inline"` for pure
            work of constant size that is cheaper than handing it over.
        name: the tool's name, by default the function's.

    Raises:
        UnfitError: the parentheses are missing.
    """
    if function is not None:  # pyright: ignore[reportUnnecessaryComparison]  # what type checkers refuse, others write
        raise UnfitError("@tool needs parentheses: write @tool(), or @tool(read_only=True)")
    marks = Marks(read_only, destructive, idempotent, open_world, timeout, memory, concurrency, runs, name)

    def mark(function: F) -> F:
        setattr(function, MARKS, marks)
        return function

    return mark


@dataclass(frozen=True, slots=True)
class Tool:
    """A function with everything that the protocol says of it, derived from it."""

    name: str
    description: str
    function: Callable[..., Any]
    marks: Marks
    arguments: Arguments
    output_schema: dict[str, Any] | None
    result: Callable[[Any], Reply]
    """Turns what the function returned into a reply; raises ResultError where the signature promises something else."""
    is_async: bool
    plugin: str = ""
    distribution: str = ""

    @property
    def annotations(self) -> dict[str, bool]:
        """The protocol's four hints, each stated."""
        marks = self.marks
        return {
            "readOnlyHint": marks.read_only,
            "destructiveHint": not marks.read_only if marks.destructive is None else marks.destructive,
            "idempotentHint": marks.read_only if marks.idempotent is None else marks.idempotent,
            "openWorldHint": bool(marks.open_world),
        }

    @property
    def runs(self) -> Runs:
        """Where the function runs."""
        if self.marks.runs is not None:
            return self.marks.runs
        return "loop" if self.is_async else "worker"

    def wire(self) -> dict[str, Any]:
        """The tool as `tools/list` shows it."""
        entry: dict[str, Any] = {
            "name": self.name,
            "description": self.description,
            "inputSchema": self.arguments.schema,
            "annotations": self.annotations,
        }
        if self.output_schema is not None:
            entry["outputSchema"] = self.output_schema
        return entry

    def with_marks(self, **changes: Any) -> Tool:
        """The same tool with some marks decided."""
        return replace(self, marks=replace(self.marks, **changes))

    def keywords(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Check arguments against the schema and turn them into the function's keywords.

        Raises:
            ArgumentsError: one sentence for each faulty field, none of which repeats a value.
        """
        return self.arguments.keywords(arguments)


def describe(function: Callable[..., Any]) -> Tool:
    """Derive a tool from a marked function.

    Raises:
        UnfitError: the function is not marked, has no docstring, takes `*args` or `**kwargs`, lacks annotations, or
            has types that no schema can state.
    """
    marks = getattr(function, MARKS, None)
    label = getattr(function, "__name__", type(function).__name__)
    if not callable(function):
        raise UnfitError(f"a tool is a function, not {label}; list the function itself, without calling it")
    if not isinstance(marks, Marks):
        raise UnfitError(f"{label} is not marked as a tool; put @tool(...) above it")
    name = marks.name or label
    description = inspect.cleandoc(function.__doc__ or "")
    if not description:
        raise UnfitError(f"tool {name} has no docstring; its docstring is what a model reads, so write one")
    if not marks.timeout > 0:
        raise UnfitError(f"tool {name} has timeout={marks.timeout:g}; it must be above 0 seconds")
    if marks.concurrency is not None and (type(marks.concurrency) is not int or marks.concurrency < 1):
        raise UnfitError(f"tool {name} has concurrency={marks.concurrency!r}; it must be a whole number of at least 1")
    if marks.read_only and marks.destructive:
        raise UnfitError(f"tool {name} is marked both read_only and destructive; it is one of them")
    is_async = inspect.iscoroutinefunction(function)
    if (is_async and marks.runs == "inline") or (not is_async and marks.runs == "loop"):
        kind = "an async def" if is_async else "a def"
        raise UnfitError(f"tool {name} is {kind} with runs={marks.runs!r}; inline is for def, loop for async def")
    hints = _hints(function, name)
    arguments = describe_arguments(function, name, hints)
    output_schema, result = describe_result(hints.get("return"), name)
    return Tool(name, description, function, marks, arguments, output_schema, result, is_async)


def _hints(function: Callable[..., Any], name: str) -> dict[str, Any]:
    target = inspect.unwrap(getattr(function, "__func__", function))
    try:
        return get_type_hints(target, include_extras=True)
    except (NameError, TypeError, AttributeError) as error:
        raise UnfitError(
            f"tool {name} has annotations that cannot be read ({error}); import their types at run time, "
            "not under TYPE_CHECKING"
        ) from None

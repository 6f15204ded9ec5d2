"""An errand: one plain function that a running coroutine has a worker process run, by its name, with JSON and bytes."""

from __future__ import annotations

import base64
import binascii
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, Protocol

from pydantic_core import from_json, to_json

from sanctuary_host.shapes import is_object


class RunError(Exception):
    """What `Host.run` had run did not come to its end: it raised, crashed its worker process, or ran out of memory.

    A tool may catch it and do without; where it does not, its call is a failure, as if it had failed itself.

    Attributes:
        reason: what happened, without the text of any exception.
        crashed: whether the worker process ended.
    """

    def __init__(self, reason: str, *, crashed: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.crashed = reason, crashed


class Runner(Protocol):
    """Has a function run; each place where tools run has its own."""

    async def __call__(self, name: str, arguments: Sequence[Any], /) -> Any:
        """Run the function of that name, and return what it returned, as JSON or bytes."""


runner: ContextVar[Runner | None] = ContextVar("runner", default=None)


def name_of(function: Callable[..., Any], package: str) -> str:
    """The name under which every process knows a function of a package.

    Raises:
        TypeError: it has none; the message says why.
    """
    label = getattr(function, "__qualname__", type(function).__name__)
    if not inspect.isfunction(function):
        raise TypeError(f"host.run takes a function that a def at the top of a module defines, not {label}")
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        raise TypeError(f"host.run takes a plain def, and {label} is a coroutine or generator function")
    module = function.__module__
    if getattr(sys.modules.get(module), label, None) is not function:
        raise TypeError(
            f"host.run finds a function by its name, and {module} has no {label} at its top that is this one"
        )
    if package and module != package and not module.startswith(f"{package}."):
        raise TypeError(
            f"host.run runs functions of the plugin's own package {package}, and {label} is one of {module}"
        )
    return f"{module}:{label}"


def function_of(name: str) -> Callable[..., Any]:
    """The function of that name, in a process that is a copy of the one that gave it."""
    module, _, label = name.partition(":")
    function: Callable[..., Any] = getattr(sys.modules[module], label)
    return function


def pack(value: Any) -> Mapping[str, Any]:
    """A value on its way between processes."""
    if isinstance(value, bytes | bytearray):
        return {"bytes": base64.b64encode(value).decode()}
    return {"json": value}


def unpack(sent: Any) -> Any:
    """The value that `pack` packed, as data from a process that may have been taken over.

    Raises:
        TypeError: it is something else.
        ValueError: it is something else.
    """
    if not is_object(sent) or len(sent) != 1:
        raise ValueError("no value")
    if "json" in sent:
        return sent["json"]
    data = sent.get("bytes")
    if not isinstance(data, str):
        raise TypeError("no bytes")
    try:
        return base64.b64decode(data, validate=True)
    except binascii.Error:
        raise ValueError("no bytes") from None


def copy(value: Any) -> Any:
    """The value as it would come out of another process.

    Raises:
        RunError: it could not be sent there.
    """
    try:
        return unpack(from_json(to_json(pack(value), inf_nan_mode="null")))
    except ValueError as error:
        raise RunError(f"its result cannot be sent: {str(error)[:200]}") from None

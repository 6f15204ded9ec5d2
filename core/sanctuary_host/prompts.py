"""Prompts: a function that writes messages from its arguments, and the completion of such arguments."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, TypeVar, get_args, get_origin, get_type_hints

from pydantic.fields import FieldInfo

from sanctuary_host.content import Content
from sanctuary_host.tools import UnfitError

Prompts = Sequence[Callable[..., Any]]
F = TypeVar("F", bound=Callable[..., Any])
MARKS: Final = "__sanctuary_prompt__"


@dataclass(frozen=True, slots=True)
class Completer:
    """Completes an argument of a prompt or resource template: `Annotated[str, Completer(suggest_names)]`.

    Attributes:
        suggest: takes what is typed so far and returns a list of the values that fit, best first; it may be a coroutine
            function.
    """

    suggest: Callable[[str], Any]


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a prompt."""

    content: Content | str
    role: Literal["user", "assistant"] = "user"

    def wire(self) -> dict[str, Any]:
        """The message as the protocol writes it."""
        block = {"type": "text", "text": self.content} if isinstance(self.content, str) else self.content.wire()
        return {"role": self.role, "content": block}


@dataclass(frozen=True, slots=True)
class Marks:
    """What `@prompt` noted about a function."""

    name: str | None


def prompt(*, name: str | None = None) -> Callable[[F], F]:
    """Mark a function as a prompt; its parameters are strings, it returns text, messages or a `Verbatim` result."""
    marks = Marks(name)

    def mark(function: F) -> F:
        setattr(function, MARKS, marks)
        return function

    return mark


@dataclass(frozen=True, slots=True)
class Prompt:
    """A function with what the protocol says of it."""

    name: str
    description: str
    function: Callable[..., Any]
    arguments: Sequence[Mapping[str, Any]]
    completers: Mapping[str, Completer]
    trusted: bool = True
    distribution: str = ""

    def wire(self) -> dict[str, Any]:
        """The prompt as `prompts/list` shows it."""
        return {"name": self.name, "description": self.description, "arguments": list(self.arguments)}


def describe_prompt(function: Callable[..., Any]) -> Prompt:
    """Derive a prompt from a marked function.

    Raises:
        UnfitError: it is not marked, has no docstring, or has a parameter that is not a string.
    """
    marks = getattr(function, MARKS, None)
    label = getattr(function, "__name__", repr(function))
    if not isinstance(marks, Marks):
        raise UnfitError(f"{label} is not marked as a prompt; put @prompt() above it")
    description = inspect.cleandoc(function.__doc__ or "")
    if not description:
        raise UnfitError(f"prompt {label} has no docstring; write what it is for")
    hints = get_type_hints(getattr(function, "__func__", function), include_extras=True)
    arguments: list[dict[str, Any]] = []
    for parameter in inspect.signature(function).parameters.values():
        base, extras = _split(hints.get(parameter.name, str))
        if base is not str:
            raise UnfitError(f"prompt {label} has the parameter {parameter.name}, which is not a str; MCP has no other")
        argument: dict[str, Any] = {"name": parameter.name, "required": parameter.default is parameter.empty}
        if text := next((extra.description for extra in extras if isinstance(extra, FieldInfo)), None):
            argument["description"] = text
        arguments.append(argument)
    return Prompt(
        name=marks.name or label,
        description=description,
        function=function,
        arguments=arguments,
        completers=completers_of(function),
    )


def completers_of(function: Callable[..., Any]) -> dict[str, Completer]:
    """The completers in a function's annotations, by parameter."""
    hints = get_type_hints(getattr(function, "__func__", function), include_extras=True)
    found = {name: _split(hint)[1] for name, hint in hints.items()}
    return {name: extra for name, extras in found.items() for extra in extras if isinstance(extra, Completer)}


def _split(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    if get_origin(hint) is Annotated:
        base, *extras = get_args(hint)
        return base, tuple(extras)
    return hint, ()

"""Resources and resource templates: a function that answers for a URI."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import unquote

from sanctuary_host.prompts import Completer, completers_of
from sanctuary_host.tools import UnfitError

Resources = Sequence[Callable[..., Any]]
F = TypeVar("F", bound=Callable[..., Any])
MARKS: Final = "__sanctuary_resource__"


@dataclass(frozen=True, slots=True)
class Marks:
    """What `@resource` noted about a function."""

    uri: str
    mime_type: str
    name: str | None


def resource(uri: str, *, mime_type: str = "text/plain", name: str | None = None) -> Callable[[F], F]:
    """Mark a function as the reader of a resource; it returns `str` or `bytes`.

    Args:
        uri: the resource's URI, or a template with a `{name}` for each parameter of the function (RFC 6570, level 1).
        mime_type: the media type of what it returns.
        name: the resource's name, by default the function's.
    """
    marks = Marks(uri, mime_type, name)

    def mark(function: F) -> F:
        setattr(function, MARKS, marks)
        return function

    return mark


@dataclass(frozen=True, slots=True)
class Resource:
    """A readable URI, or a family of them."""

    uri: str
    name: str
    description: str
    mime_type: str
    function: Callable[..., Any]
    pattern: re.Pattern[str] | None
    completers: Mapping[str, Completer]
    trusted: bool = True
    distribution: str = ""

    @property
    def is_template(self) -> bool:
        """Whether the URI has parameters."""
        return self.pattern is not None

    def match(self, uri: str) -> dict[str, str] | None:
        """The parameters under which this template answers for `uri`; `None` where it does not."""
        found = self.pattern.fullmatch(uri) if self.pattern is not None else None
        return {name: unquote(value) for name, value in found.groupdict().items()} if found else None

    def wire(self) -> dict[str, Any]:
        """The resource as `resources/list` or `resources/templates/list` shows it."""
        key = "uriTemplate" if self.is_template else "uri"
        return {key: self.uri, "name": self.name, "description": self.description, "mimeType": self.mime_type}


def describe_resource(function: Callable[..., Any]) -> Resource:
    """Derive a resource from a marked function.

    Raises:
        UnfitError: it is not marked, has no docstring, or its parameters are not those of its URI.
    """
    marks = getattr(function, MARKS, None)
    label = getattr(function, "__name__", repr(function))
    if not isinstance(marks, Marks):
        raise UnfitError(f"{label} is not marked as a resource; put @resource(...) above it")
    description = inspect.cleandoc(function.__doc__ or "")
    if not description:
        raise UnfitError(f"resource {label} has no docstring; write what it holds")
    names = re.findall(r"\{([A-Za-z_][A-Za-z0-9_]*)\}", marks.uri)
    parameters = list(inspect.signature(function).parameters)
    if sorted(names) != sorted(parameters):
        raise UnfitError(
            f"resource {label} has the parameters {', '.join(parameters) or 'none'} but its URI {marks.uri!r} "
            f"names {', '.join(names) or 'none'}"
        )
    pattern = None
    if names:
        parts = re.split(r"\{([A-Za-z_][A-Za-z0-9_]*)\}", marks.uri)
        expression = "".join(f"(?P<{part}>[^/]+)" if index % 2 else re.escape(part) for index, part in enumerate(parts))
        pattern = re.compile(expression)
    return Resource(
        uri=marks.uri,
        name=marks.name or label,
        description=description,
        mime_type=marks.mime_type,
        function=function,
        pattern=pattern,
        completers=completers_of(function),
    )

"""JSON values told apart, in a way that type checkers follow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeGuard


def is_object(value: Any) -> TypeGuard[Mapping[str, Any]]:
    """Whether a JSON value is an object."""
    return isinstance(value, Mapping)


def with_integers(value: Any) -> Any:
    """A JSON value in which a number without a fraction is an integer, as JSON knows but one kind: `1` for `1.0`."""
    if is_object(value):
        return {key: with_integers(item) for key, item in value.items()}
    if is_array(value):
        return [with_integers(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def is_array(value: Any) -> TypeGuard[list[Any] | tuple[Any, ...]]:
    """Whether a JSON value is an array."""
    return isinstance(value, (list, tuple))

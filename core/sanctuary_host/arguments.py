"""A function's parameters as JSON Schema, and a caller's arguments as its keywords."""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.errors import PydanticUserError
from pydantic_core import PydanticSerializationError, to_json

from sanctuary_host.schemas import UnfitError, tidy
from sanctuary_host.shapes import is_array, is_object, with_integers

FAULTS: Final = 50
"""Faults that are told one by one; whoever makes more is not helped by a list."""


class ArgumentsError(Exception):
    """The arguments do not fit the tool's schema; one sentence for each faulty field."""


@dataclass(frozen=True, slots=True)
class Arguments:
    """What a tool takes."""

    schema: dict[str, Any]
    model: type[BaseModel]
    parameters: Mapping[str, str]
    """Parameter names by the model's field names."""

    def keywords(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Check arguments against the schema and turn them into the function's keywords.

        Raises:
            ArgumentsError: one sentence for each faulty field, none of which repeats a value.
        """
        try:
            filled = self._validate(arguments)
        except ValidationError as error:
            raise ArgumentsError(_sentences(error, arguments, [*self.parameters.values()])) from None
        except PydanticSerializationError:
            raise ArgumentsError("the arguments hold half of a surrogate pair, which is no Unicode text") from None
        values = filled.__dict__
        return {parameter: values[field] for field, parameter in self.parameters.items()}

    def _validate(self, arguments: Mapping[str, Any]) -> BaseModel:
        # JSON in strict mode is the one input form in which pydantic accepts just what the schema does:
        # no "5" for 5, but a list for a tuple and a string for a date.
        if len(arguments) > len(self.parameters) + FAULTS:
            raise ArgumentsError(
                f"there are {len(arguments):,} arguments; known are {', '.join(self.parameters.values()) or 'none'}"
            )
        try:
            return self.model.model_validate_json(to_json(arguments))
        except ValidationError as error:
            # To list faults costs far more than to find them.
            if error.error_count() > FAULTS:
                raise ArgumentsError(f"the arguments do not fit the schema in {error.error_count():,} places") from None
            if not any(fault["type"] == "int_type" and isinstance(fault["input"], float) for fault in error.errors()):
                raise
            # JSON Schema's integers include 5.0.
            return self.model.model_validate_json(to_json(with_integers(arguments)))


def describe_arguments(function: Callable[..., Any], name: str, hints: Mapping[str, Any]) -> Arguments:
    """Derive what a tool takes from its signature.

    Args:
        function: the tool's function.
        name: the tool's name, for errors.
        hints: the function's resolved annotations.

    Raises:
        UnfitError: a parameter has no annotation, is no keyword, or has a type that no schema can state.
    """
    fields: dict[str, Any] = {}
    parameters: dict[str, str] = {}
    for index, parameter in enumerate(inspect.signature(function).parameters.values()):
        if parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY}:
            raise UnfitError(f"tool {name} takes {parameter}; a tool's parameters must be named one by one")
        if parameter.name not in hints:
            raise UnfitError(f"tool {name} has no annotation on parameter {parameter.name}; add its type")
        # Names of our own keep clear of pydantic's, so that a parameter may be called `json` or `copy`.
        field = f"p{index}"
        parameters[field] = parameter.name
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[field] = (hints[parameter.name], Field(default, alias=parameter.name))
    try:
        model = create_model(f"{name}_arguments", __config__=ConfigDict(extra="forbid", strict=True), **fields)
        schema = model.model_json_schema(by_alias=True)
    except PydanticUserError as error:
        raise UnfitError(
            f"tool {name} has a parameter type that no schema can state: {error.message.splitlines()[0]}"
        ) from None
    return Arguments(tidy({"type": "object", "properties": {}, **schema}), model, parameters)


def _sentences(error: ValidationError, arguments: Mapping[str, Any], known: list[str]) -> str:
    """One sentence for each faulty argument. Values are never repeated, names only where they look like names."""
    faults: dict[str, list[str]] = {}
    for fault in error.errors(include_url=False, include_input=False, include_context=False):
        location = fault["loc"]
        name = str(location[0]) if location else "arguments"
        if fault["type"] == "extra_forbidden" and len(location) == 1:
            shown = f"unknown argument {name!r}" if _is_name(name) else "an unknown argument"
            close = difflib.get_close_matches(name, known, n=1) if _is_name(name) else []
            hint = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known) or 'none'}"
            faults[f"?{name}"] = [f"{shown}: {hint}"]
            continue
        where = name + _path(location[1:], arguments.get(name))
        sentences = faults.setdefault(name, [f"argument {where!r}"])
        if fault["type"] == "missing":
            sentences.append("is missing")
        elif fault["type"] in {"extra_forbidden", "unexpected_keyword_argument"}:
            sentences.append("is not a known field")
        else:
            text = re.sub(r"^(Value error, |Assertion failed, )", "", fault["msg"])
            sentences.append(re.sub(r"^[A-Z]\w* should ", "must ", text))
    return "; ".join(" ".join([what, " or ".join(dict.fromkeys(how))]).strip() for what, *how in faults.values())


def _path(steps: tuple[int | str, ...], value: Any) -> str:
    """The way into an argument, without the steps that only name a branch of a union."""
    path = ""
    for step in steps:
        if isinstance(step, int):
            path += f"[{step}]"
            value = value[step] if is_array(value) and step < len(value) else None
        elif is_object(value) and _is_name(step):
            path += f".{step}"
            value = value.get(step)
    return path


def _is_name(text: str) -> bool:
    return re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]{0,63}", text) is not None
